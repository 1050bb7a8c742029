// The supabase CLI against the database under test. It runs in an empty folder, because it would refuse the settings
// that the project's config.toml leaves to the environment.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectDir, startOwnStack } from '../support/stack.ts';
import type { StackInfo } from '../support/stack.ts';

/** Runs `work` on the runner's stack (TF_STACK), or on one of its own that it stops again. */
export async function onAStack<T>(work: (info: StackInfo) => Promise<T>): Promise<T> {
    if (process.env.TF_STACK) return work(JSON.parse(process.env.TF_STACK) as StackInfo);
    const own = await startOwnStack();
    try {
        return await work(own.info);
    } finally {
        await own.stopAndForget();
    }
}

export type CliAnswer = { ok: boolean; stdout: string; stderr: string };

/** Runs one command of the CLI on the database of `info`. */
export function supabase(info: StackInfo, args: readonly string[]): Promise<CliAnswer> {
    const workdir = mkdtempSync(join(tmpdir(), 'supabase-cli-'));
    const always = ['--remote', info.databaseUrl, '--yes', '--agent', 'no', '--workdir', workdir];
    return new Promise((resolve) => {
        execFile(
            join(projectDir, 'node_modules', '.bin', 'supabase'),
            [...args.slice(0, 2), ...always, ...args.slice(2)],
            { maxBuffer: 64 * 1024 * 1024 },
            (error, stdout, stderr) => {
                rmSync(workdir, { recursive: true, force: true });
                resolve({ ok: error === null, stdout, stderr });
            }
        );
    });
}
