// Runs the web app as a child, waits until it answers, and starts it again should it fall.

import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Child, Processes } from './processes.ts';

export type Command = { command: string; args: string[]; url: string; probe: string };

export type AppOptions = Command & {
    projectDir: string;
    env: Record<string, string | undefined>;
    logFile: string;
    processes: Processes;
    log: (line: string) => void;
};

export type RunningApp = { url: string; stop(): Promise<void> };

/** The built app, under this very Node. */
export function appServer(file: string, origin: string): Command {
    return { command: process.execPath, args: [file], url: origin, probe: '/healthz' };
}

/** Vite with hot reload. */
export function devServer(projectDir: string, port: number, origin: string): Command {
    const vite = join(projectDir, 'node_modules', 'vite', 'bin', 'vite.js');
    return {
        command: process.execPath,
        args: [vite, 'dev', '--port', String(port), '--strictPort'],
        url: origin,
        probe: '/'
    };
}

export async function runApp(options: AppOptions): Promise<RunningApp> {
    const output = createWriteStream(options.logFile, { flags: 'a', mode: 0o600 });
    let child: Child | undefined;
    let wanted = true;

    const launch = async () => {
        const lastWords: string[] = [];
        const started = await options.processes.start('app', options.command, options.args, {
            cwd: options.projectDir,
            env: options.env,
            stdio: ['ignore', 'pipe', 'pipe']
        });
        child = started;
        for (const stream of [started.process.stdout, started.process.stderr]) {
            if (!stream) continue;
            createInterface(stream).on('line', (line) => {
                output.write(`${line}\n`);
                lastWords.push(line);
                if (lastWords.length > 20) lastWords.shift();
            });
        }
        await answers(started, lastWords);
        void started.ended.then(async ({ code, signal }) => {
            if (!wanted || child !== started) return;
            options.log(`The app ended unexpectedly (${signal ?? `exit ${code}`}); starting it again.`);
            await sleep(1000);
            if (wanted) await launch().catch((error: Error) => options.log(error.message));
        });
    };

    const answers = async (started: Child, lastWords: string[]) => {
        const { protocol, port } = new URL(options.url);
        const local = `${protocol}//localhost:${port}${options.probe}`;
        const deadline = Date.now() + 60_000;
        while (Date.now() < deadline) {
            if (started.hasEnded()) throw new Error(`The app could not start:\n${lastWords.join('\n')}`);
            // Any answer will do; a page that fails says so itself.
            if (
                await fetch(local, { redirect: 'manual' }).then(
                    () => true,
                    () => false
                )
            )
                return;
            await sleep(30);
        }
        throw new Error(`The app does not answer at ${local}; see ${options.logFile}.`);
    };

    try {
        await launch();
    } catch (error) {
        wanted = false;
        await child?.stop(3000);
        throw error;
    }
    return {
        url: options.url,
        stop: async () => {
            wanted = false;
            await child?.stop(12_000);
            output.end();
        }
    };
}
