// Running other programs for the proof, and saying how they went.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';

export type Env = Record<string, string>;

export const root = fileURLToPath(new URL('../..', import.meta.url));
/** Where every kind leaves what it found; emptied at the start of a run and ignored by git. */
export const reports = join(root, 'test-results');

export const log = (line: string): void => console.log(line);
export const seconds = (began: number): string => ((Date.now() - began) / 1000).toFixed(1);

/** Runs a command to its end. Output is kept and returned, or shown as it comes with `live`. */
export function run(
    command: string,
    args: string[],
    env: Env,
    live: boolean
): Promise<{ ok: boolean; output: string }> {
    return new Promise((resolve) => {
        const child = spawn(command, args, {
            cwd: root,
            env: { ...process.env, ...env },
            stdio: ['ignore', live ? 'inherit' : 'pipe', live ? 'inherit' : 'pipe']
        });
        const chunks: string[] = [];
        for (const stream of [child.stdout, child.stderr]) {
            stream?.setEncoding('utf8').on('data', (chunk: string) => chunks.push(chunk));
        }
        child.on('error', (error) => resolve({ ok: false, output: String(error) }));
        child.on('close', (code) => resolve({ ok: code === 0, output: chunks.join('') }));
    });
}
