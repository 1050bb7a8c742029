// The life of one Postgres cluster: made, started, stopped, and picked up again after a crash.

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
    chownSync,
    closeSync,
    existsSync,
    mkdirSync,
    openSync,
    readFileSync,
    readdirSync,
    statSync
} from 'node:fs';
import { readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from '../ports.ts';
import { endProcess, identify, signal } from '../processes.ts';
import type { Child, Processes } from '../processes.ts';
import { findBinaries, handOver, runAs } from './binaries.ts';
import type { Binaries, RunAs } from './binaries.ts';

const run = promisify(execFile);

export type PostgresOptions = {
    projectDir: string;
    dataDir: string;
    logFile: string;
    port: number;
    /** Password of the superuser, set when the cluster is made. */
    password: string;
    durable: boolean;
    processes: Processes;
    /** Told when the server had ended by itself and is back. */
    onReturn: () => void;
    log: (line: string) => void;
};

export type Postgres = {
    port: number;
    /** Was the cluster made by this start? */
    fresh: boolean;
    stop(): Promise<void>;
    start(): Promise<void>;
};

const LOG_LIMIT = 10 * 1024 * 1024;

/** Small enough for a laptop that runs the rest of the stack beside it. */
const SETTINGS: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    shared_buffers: '32MB',
    max_connections: '80',
    work_mem: '4MB',
    maintenance_work_mem: '32MB',
    max_wal_size: '256MB',
    wal_level: 'minimal',
    max_wal_senders: '0',
    max_worker_processes: '4',
    max_parallel_workers_per_gather: '0',
    jit: 'off',
    autovacuum_naptime: '60s',
    shared_preload_libraries: 'pg_stat_statements',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_min_messages: 'warning',
    log_line_prefix: '%m [%p] %u ',
    cluster_name: 'stack'
};

/** Makes the cluster if there is none, ends what a crash left of it, and starts it. */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
    const binaries = findBinaries(options.projectDir);
    const user = runAs();
    handOver(user, binaries, options.dataDir);
    const fresh = !existsSync(join(options.dataDir, 'PG_VERSION'));
    if (fresh) await makeCluster(options, binaries, user);
    else await endCluster(options.dataDir);

    let port = options.port;
    let server: Child | undefined;
    let wanted = false;

    const launch = async () => {
        for (let attempt = 1; ; attempt += 1) {
            const logged = existsSync(options.logFile) ? statSync(options.logFile).size : 0;
            const started = await spawnServer(options, binaries, user, port);
            if (await acceptsConnections(started, options.dataDir, port)) {
                server = started;
                break;
            }
            const reason = lastLines(options.logFile, logged);
            if (attempt === 5) throw new Error(`Postgres did not start. Its last words:\n${reason}`);
            // Taken between our look and its bind, or orphans of a killed server still hold its memory.
            // Once others know the port, it stays.
            if (/Address already in use/.test(reason) && server === undefined)
                port = await freePort(port + 1);
            else {
                await endCluster(options.dataDir);
                await sleep(200 * attempt);
            }
        }
        const current = server;
        void current.ended.then(async ({ code, signal: killedBy }) => {
            if (!wanted || server !== current) return;
            options.log(`Postgres ended unexpectedly (${killedBy ?? `exit ${code}`}); starting it again.`);
            await endCluster(options.dataDir);
            await launch().then(options.onReturn, (error: Error) => options.log(error.message));
        });
    };

    const start = async () => {
        wanted = true;
        await launch();
    };
    await start();
    return {
        get port() {
            return port;
        },
        fresh,
        start,
        stop: async () => {
            wanted = false;
            await server?.stop(15_000);
        }
    };
}

async function makeCluster(options: PostgresOptions, binaries: Binaries, user: RunAs): Promise<void> {
    // Made beside its place and moved there when whole, so that a cut-off first start leaves no half cluster.
    const draft = `${options.dataDir}.new`;
    rmSync(draft, { recursive: true, force: true });
    mkdirSync(draft, { recursive: true, mode: 0o700 });
    const passwordFile = join(dirname(options.dataDir), `initdb-${randomBytes(6).toString('hex')}`);
    writeFileSync(passwordFile, `${options.password}\n`, { mode: 0o600 });
    if (user.uid !== undefined && user.gid !== undefined) {
        chownSync(draft, user.uid, user.gid);
        chownSync(passwordFile, user.uid, user.gid);
    }
    try {
        await runBinary(user, binaries.initdb, [
            ...['--pgdata', draft, '--username', 'supabase_admin', '--pwfile', passwordFile],
            ...['--auth', 'scram-sha-256', '--encoding', 'UTF8', '--no-instructions', '--no-sync'],
            ...['--locale', 'C', '--locale-provider', 'icu', '--icu-locale', 'en-US']
        ]);
        if (options.durable) await runBinary(user, binaries.initdb, ['--sync-only', '--pgdata', draft]);
    } finally {
        rmSync(passwordFile, { force: true });
    }
    renameSync(draft, options.dataDir);
}

async function runBinary(user: RunAs, binary: string, args: string[]): Promise<void> {
    const [command = binary, ...rest] = [...user.prefix, binary, ...args];
    try {
        await run(command, rest, {
            uid: user.uid,
            gid: user.gid,
            env: { PATH: process.env.PATH, LC_ALL: 'C' }
        });
    } catch (error) {
        const { stderr = '', stdout = '' } = error as { stderr?: string; stdout?: string };
        throw new Error(`The database cluster could not be made.\n${stderr || stdout}`, { cause: error });
    }
}

async function spawnServer(
    options: PostgresOptions,
    binaries: Binaries,
    user: RunAs,
    port: number
): Promise<Child> {
    const settings = Object.entries({ ...SETTINGS, fsync: options.durable ? 'on' : 'off' });
    const args = [
        '-D',
        options.dataDir,
        '-p',
        String(port),
        ...settings.flatMap(([k, v]) => ['-c', `${k}=${v}`])
    ];
    const [command = binaries.postgres, ...rest] = [...user.prefix, binaries.postgres, ...args];
    if (existsSync(options.logFile) && statSync(options.logFile).size > LOG_LIMIT) rmSync(options.logFile);
    const output = openSync(options.logFile, 'a', 0o600);
    try {
        return await options.processes.start('postgres', command, rest, {
            ask: 'SIGINT', // "fast": ends sessions, writes everything, no recovery needed
            stdio: ['ignore', output, output],
            uid: user.uid,
            gid: user.gid,
            env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' }
        });
    } finally {
        closeSync(output);
    }
}

/** Waits until the server answers the protocol; false when the process ended before it did. */
async function acceptsConnections(server: Child, dataDir: string, port: number): Promise<boolean> {
    const deadline = Date.now() + 120_000; // recovery after a crash may replay a lot
    while (!server.hasEnded()) {
        const ours = saysReady(dataDir, server.pid) && (await answersStartup(port));
        if (ours && !server.hasEnded()) return true;
        if (Date.now() > deadline) throw new Error('Postgres did not accept connections within two minutes.');
        await sleep(20);
    }
    return false;
}

/**
 * Does the server of this very process say in its folder that it is ready (line 1 of postmaster.pid is its pid, line 8 its
 * state)? Somebody else's server on the same port would answer a connection just as well.
 */
function saysReady(dataDir: string, pid: number): boolean {
    try {
        const lines = readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n');
        return lines[0] === String(pid) && lines[7]?.trim() === 'ready';
    } catch {
        return false;
    }
}

/**
 * Opens a session up to the server's first answer. While it starts or recovers that is an error packet
 * ("the database system is starting up"), afterwards a request for the password ("R").
 */
function answersStartup(port: number): Promise<boolean> {
    const parameters = Buffer.from('user\0supabase_admin\0database\0postgres\0\0');
    const hello = Buffer.alloc(8);
    hello.writeInt32BE(8 + parameters.length, 0);
    hello.writeInt32BE(3 << 16, 4);
    return new Promise((resolve) => {
        const socket = connect({ host: '127.0.0.1', port }, () =>
            socket.write(Buffer.concat([hello, parameters]))
        );
        const settle = (ready: boolean) => {
            socket.destroy();
            resolve(ready);
        };
        socket.setTimeout(2000, () => settle(false));
        socket.once('data', (answer) => settle(answer[0] === 'R'.charCodeAt(0)));
        socket.once('error', () => settle(false));
        socket.once('close', () => settle(false));
    });
}

/**
 * Ends a server that outlived its stack, and the sessions that outlived a killed server. Its lock file
 * names a process id; when that id has passed to somebody else, only the file goes.
 */
export async function endCluster(dataDir: string): Promise<void> {
    const lock = join(dataDir, 'postmaster.pid');
    const pid = existsSync(lock) ? Number(readFileSync(lock, 'utf8').split('\n')[0]) : 0;
    const known = pid > 0 ? identify(pid) : null;
    if (known !== null && (await isServerOf(pid, dataDir))) await endProcess(known, 'SIGINT', 10_000);
    for (const orphan of orphansOf(dataDir)) signal(orphan, 'SIGQUIT');
    rmSync(lock, { force: true });
}

async function isServerOf(pid: number, dataDir: string): Promise<boolean> {
    if (process.platform === 'linux') return orphansOf(dataDir).includes(pid);
    const { stdout } = await run('ps', ['-o', 'command=', '-p', String(pid)]).catch(() => ({ stdout: '' }));
    return stdout.includes('postgres') && stdout.includes(dataDir);
}

/** Every process of the cluster works inside its data directory; Linux tells. */
function orphansOf(dataDir: string): number[] {
    if (process.platform !== 'linux') return [];
    return readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name))
        .map(Number)
        .filter((pid) => {
            try {
                return readlinkSync(`/proc/${pid}/cwd`) === dataDir;
            } catch {
                return false;
            }
        });
}

function lastLines(file: string, from: number): string {
    const log = readFileSync(file);
    return log
        .subarray(log.length < from ? 0 : from)
        .toString()
        .trim()
        .split('\n')
        .slice(-12)
        .join('\n');
}
