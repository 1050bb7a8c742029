// How long things take to come up, from the command to the first answer: the stack, and the whole product by `npm start`.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../support/port.ts';
import { projectDir, type StackInfo } from '../support/stack.ts';
import { percentile } from './samples.ts';

export type StackProcess = { info: StackInfo; pid: number; startMs: number; stop(): Promise<void> };

type StackWish = { stateDir: string; appPort?: number; migrate?: boolean; seed?: boolean };

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

async function end(child: ChildProcess): Promise<void> {
    if (hasEnded(child)) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
}

/** Ends a whole group. npm may go before what it started has, so the state folder tells when it is free again. */
async function endGroup(child: ChildProcess, stateDir: string): Promise<void> {
    const ended = hasEnded(child) ? Promise.resolve() : once(child, 'exit');
    if (child.pid !== undefined && !hasEnded(child)) process.kill(-child.pid, 'SIGINT');
    await ended;
    while (existsSync(join(stateDir, 'stack.pid'))) await sleep(20);
}

/** Starts a stack whose writes reach the disk, as a process of its own, and waits until it serves. */
export async function startStackProcess(wish: StackWish): Promise<StackProcess> {
    const began = performance.now();
    const { stateDir, appPort, migrate = true, seed = true } = wish;
    const args = [
        ...['local/main.ts', '--json', '--any-ports', '--state', stateDir],
        ...(appPort === undefined ? [] : ['--app-port', String(appPort)]),
        ...(migrate ? [] : ['--no-migrate']),
        ...(seed ? [] : ['--no-seed'])
    ];
    const child = spawn(process.execPath, args, {
        cwd: projectDir,
        stdio: ['ignore', 'pipe', 'pipe', 'ipc']
    });
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
        said = (said + chunk).slice(-20_000);
    });
    const line = await new Promise<string>((resolve, reject) => {
        if (child.stdout) createInterface(child.stdout).once('line', resolve);
        child.once('exit', () => reject(new Error(`The stack ended before it served:\n${said}`)));
    });
    return {
        info: JSON.parse(line) as StackInfo,
        pid: child.pid ?? 0,
        startMs: performance.now() - began,
        stop: () => end(child)
    };
}

export type Starts = {
    stack_cold_bare_ms: number;
    stack_cold_migrated_ms: number;
    stack_cold_seeded_ms: number;
    migrations_ms: number;
    seed_ms: number;
    stack_warm_ms: number;
    npm_start_first_ms: number;
    npm_start_second_ms: number;
};

/** A folder under the system's own for temporary files; removed by {@link forget}. */
export const aFolder = (): string => mkdtempSync(join(tmpdir(), 'bench-'));
export const forget = (folder: string): void => rmSync(folder, { recursive: true, force: true });

/**
 * Measures every start. Cold: an empty folder, with the work on top of a bare start apart (the difference between two
 * starts). Warm: a folder that has everything. `npm start`: to the first answer of the sign-in page, the build done before.
 */
export async function measureStarts(log: (line: string) => void): Promise<Starts> {
    const cold = async (wish: Omit<StackWish, 'stateDir'>): Promise<number> => {
        const stateDir = aFolder();
        const stack = await startStackProcess({ ...wish, stateDir });
        await stack.stop();
        forget(stateDir);
        return stack.startMs;
    };
    // The quicker of two: what slows a start down is nearly always somebody else.
    const quicker = async (wish: Omit<StackWish, 'stateDir'>): Promise<number> =>
        Math.min(await cold(wish), await cold(wish));
    const bare = await quicker({ migrate: false, seed: false });
    const migrated = await quicker({ seed: false });
    const seeded = await quicker({});

    const stateDir = aFolder();
    const warm: number[] = [];
    for (let round = 0; round <= 3; round += 1) {
        const stack = await startStackProcess({ stateDir });
        if (round > 0) warm.push(stack.startMs);
        await stack.stop();
    }
    forget(stateDir);

    const productDir = aFolder();
    const first = await startProduct(productDir);
    const second = await startProduct(productDir);
    forget(productDir);

    const starts: Starts = {
        stack_cold_bare_ms: Math.round(bare),
        stack_cold_migrated_ms: Math.round(migrated),
        stack_cold_seeded_ms: Math.round(seeded),
        migrations_ms: Math.round(migrated - bare),
        seed_ms: Math.round(seeded - migrated),
        stack_warm_ms: Math.round(percentile(warm, 0.5)),
        npm_start_first_ms: Math.round(first),
        npm_start_second_ms: Math.round(second)
    };
    for (const [name, ms] of Object.entries(starts)) log(`  ${name.padEnd(28)}${ms}`);
    return starts;
}

/** `npm start` to its first answer; then it is stopped again. */
async function startProduct(stateDir: string): Promise<number> {
    const port = await freePort();
    const began = performance.now();
    const args = ['start', '--', '--state', stateDir, '--any-ports', '--port', String(port)];
    // A group of its own, so that a signal reaches npm, its shell and ours alike, as Ctrl-C in a terminal does.
    const child = spawn('npm', args, {
        cwd: projectDir,
        stdio: ['ignore', 'ignore', 'inherit'],
        detached: true
    });
    try {
        while (!(await answers(`http://127.0.0.1:${port}/sign-in`))) {
            if (child.exitCode !== null || performance.now() - began > 120_000)
                throw new Error('npm start did not come up.');
            await sleep(10);
        }
        return performance.now() - began;
    } finally {
        await endGroup(child, stateDir);
    }
}

async function answers(url: string): Promise<boolean> {
    try {
        const response = await fetch(url);
        await response.arrayBuffer();
        return response.ok;
    } catch {
        return false;
    }
}
