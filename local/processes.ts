// Children of the stack and the traces they leave. A process is known by its id and its start time,
// so that a recycled id is never mistaken for one of ours.

import { spawn } from 'node:child_process';
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export type ProcessId = { pid: number; started: string };

/** When a process started, in a form that only ever equals itself; null when there is no such process. */
export function startOf(pid: number): string | null {
    if (process.platform === 'linux') {
        try {
            const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
            const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
            // A zombie holds nothing any more; field 22 is the start in clock ticks since boot.
            if (fields[0] === 'Z') return null;
            return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}:${fields[19]}`;
        } catch {
            return null;
        }
    }
    try {
        const started = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
        return started === '' ? null : started;
    } catch {
        return null;
    }
}

export function isAlive({ pid, started }: ProcessId): boolean {
    return startOf(pid) === started;
}

export function identify(pid: number): ProcessId | null {
    const started = startOf(pid);
    return started === null ? null : { pid, started };
}

/** Sends a signal unless the process is gone already. */
export function signal(pid: number, name: NodeJS.Signals): void {
    try {
        process.kill(pid, name);
    } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
}

/** Ends a process that is not our child: asks, waits, then kills. */
export async function endProcess(process: ProcessId, ask: NodeJS.Signals, patienceMs = 8000): Promise<void> {
    if (!isAlive(process)) return;
    signal(process.pid, ask);
    const deadline = Date.now() + patienceMs;
    while (isAlive(process)) {
        if (Date.now() > deadline) {
            signal(process.pid, 'SIGKILL');
            await sleep(100);
            return;
        }
        await sleep(25);
    }
}

type Recorded = Record<string, ProcessId & { ask: NodeJS.Signals }>;

export type Child = {
    process: ChildProcess;
    pid: number;
    /** Settles when the process has ended, whatever the cause. */
    ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
    hasEnded(): boolean;
    /** Asks it to end and kills it when it has not after `patienceMs`. */
    stop(patienceMs?: number): Promise<void>;
};

/**
 * Starts children and remembers them in a file. A small shell, the guard, waits on a pipe: when
 * this process vanishes without a word, it ends the children; what even the guard can't (everything
 * killed at once) the next start does from the file.
 */
export class Processes {
    readonly #file: string;
    readonly #leftovers: Recorded;
    readonly #recorded = new Map<string, Recorded[string]>();
    readonly #running = new Set<Child>();
    #guard: ChildProcess | undefined;

    /** `file` is kept beside the state; several may share a folder, each under a name of its own. */
    constructor(file: string) {
        this.#file = file;
        this.#leftovers = readJson<Recorded>(file) ?? {};
    }

    /** Ends what an earlier run left behind. */
    async endLeftovers(): Promise<void> {
        await Promise.all(Object.values(this.#leftovers).map((entry) => endProcess(entry, entry.ask)));
    }

    /** Starts a child in a process group of its own, so that the terminal's Ctrl-C reaches only us. */
    start(
        name: string,
        command: string,
        args: string[],
        options: SpawnOptions & { ask?: NodeJS.Signals }
    ): Promise<Child> {
        const { ask = 'SIGTERM', ...spawnOptions } = options;
        const child = spawn(command, args, { ...spawnOptions, detached: true });
        return new Promise((resolve, reject) => {
            child.once('error', (cause) =>
                reject(new Error(`${name} could not be started (${command})`, { cause }))
            );
            child.once('spawn', () => {
                const pid = child.pid as number;
                const started = startOf(pid);
                if (started !== null) this.#remember(name, { pid, started, ask });
                let over = false;
                const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((done) => {
                    child.once('exit', (code, killedBy) => {
                        over = true;
                        this.#running.delete(known);
                        this.#forget(name, pid);
                        done({ code, signal: killedBy });
                    });
                });
                const stop = async (patienceMs = 8000) => {
                    if (over) return;
                    signal(pid, ask);
                    const timer = setTimeout(() => signal(pid, 'SIGKILL'), patienceMs);
                    await ended;
                    clearTimeout(timer);
                };
                const known: Child = { process: child, pid, ended, hasEnded: () => over, stop };
                this.#running.add(known);
                resolve(known);
            });
        });
    }

    /** Ends whatever still runs and lets the guard go. */
    async close(): Promise<void> {
        await Promise.all([...this.#running].map((child) => child.stop()));
        this.#guard?.stdin?.end('\n');
        this.#guard = undefined;
        rmSync(this.#file, { force: true });
    }

    #remember(name: string, entry: Recorded[string]): void {
        this.#recorded.set(name, entry);
        this.#write();
    }

    #forget(name: string, pid: number): void {
        if (this.#recorded.get(name)?.pid !== pid) return;
        this.#recorded.delete(name);
        this.#write();
    }

    #write(): void {
        writeAtomically(this.#file, JSON.stringify(Object.fromEntries(this.#recorded), null, 4));
        if (process.platform === 'win32') return;
        this.#guard ??= startGuard();
        const list = [...this.#recorded.values()].map(({ pid, ask }) => `${pid}:${ask.slice(3)}`);
        this.#guard.stdin?.write(`${list.join(' ')}\n`);
    }
}

function startGuard(): ChildProcess {
    const script =
        'list=; while read -r line; do list=$line; done; for entry in $list; do kill -s "${entry#*:}" "${entry%:*}"; done';
    const guard = spawn('/bin/sh', ['-c', script, 'stack-guard'], {
        detached: true,
        stdio: ['pipe', 'ignore', 'ignore']
    });
    guard.on('error', () => undefined);
    guard.stdin?.on('error', () => undefined);
    guard.unref();
    return guard;
}

/** Takes a state folder for this process: its data can't be served twice. */
export function claimFolder(stateDir: string): void {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    const file = join(stateDir, 'stack.pid');
    const holder = readJson<ProcessId>(file);
    if (holder && isAlive(holder) && holder.pid !== process.pid)
        throw new Error(
            `It runs already, in process ${holder.pid}, with the data in ${stateDir}. Stop it first.`
        );
    const self = identify(process.pid);
    if (self) writeAtomically(file, JSON.stringify(self));
}

/** Gives the folder back. */
export function releaseFolder(stateDir: string): void {
    rmSync(join(stateDir, 'stack.pid'), { force: true });
}

/** Writes a file so that a reader, or a crash, sees either the old or the new content. */
export function writeAtomically(file: string, content: string, mode = 0o600): void {
    const draft = `${file}.${process.pid}.new`;
    writeFileSync(draft, content, { mode });
    renameSync(draft, file);
}

/** The parsed content of a JSON file of ours; undefined when it is absent or was cut short by a crash. */
export function readJson<T>(file: string): T | undefined {
    try {
        return JSON.parse(readFileSync(file, 'utf8')) as T;
    } catch (error) {
        if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT')
            return undefined;
        throw error;
    }
}
