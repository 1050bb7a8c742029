// The whole product as `npm start` runs it, in processes of its own, so that they can be killed.
import { execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { identify, isAlive, signal, type ProcessId } from '../../local/processes.ts';
import { projectDir } from './stack.ts';

type ProcessInfo = ProcessId & { parent: number; command: string };

export type Running = {
    url: string;
    apiUrl: string;
    inboxUrl: string;
    stripeUrl: string;
    stripeSecretKey: string;
    controlUrl: string;
    superuserUrl: string;
    /** Seconds until everything answered. */
    seconds: number;
    /** Everything that belongs to it and runs now. */
    processes(): ProcessInfo[];
    /** SIGKILL, to all of it at once or to what `which` picks; resolves when those are gone. */
    kill(which?: (process: ProcessInfo) => boolean): Promise<void>;
    stop(): Promise<void>;
};

/** Runs `npm start` with the data in a folder of its own; resolves when it says that it is running. */
export async function npmStart(stateDir: string, port: number): Promise<Running> {
    const began = Date.now();
    const { PATH = '', HOME = '' } = process.env;
    const child = spawn(
        process.execPath,
        ['local/start.mjs', '--state', stateDir, '--port', String(port), '--any-ports'],
        { cwd: projectDir, detached: true, stdio: ['ignore', 'pipe', 'pipe'], env: { PATH, HOME } }
    );
    let said = '';
    const processes = (): ProcessInfo[] => family(child.pid ?? 0);
    await new Promise<void>((resolve, reject) => {
        for (const stream of [child.stdout, child.stderr])
            stream.setEncoding('utf8').on('data', (chunk: string) => {
                said += chunk;
                if (/is running \(/.test(said)) resolve();
            });
        child.once('exit', (code) => reject(new Error(`npm start ended with ${code}:\n${said}`)));
    });
    const ports = read<Record<string, number>>(stateDir, 'ports.json');
    const secrets = read<{ databasePassword: string; generated: Record<string, string> }>(
        stateDir,
        'secrets.json'
    );
    const at = (name: string): string => `http://127.0.0.1:${ports[name]}`;
    const members = processes();
    return {
        url: `http://localhost:${port}`,
        apiUrl: at('api'),
        inboxUrl: at('inbox'),
        stripeUrl: at('stripe'),
        stripeSecretKey: secrets.generated['stand-in: STRIPE_SECRET_KEY'] ?? '',
        controlUrl: at('control'),
        superuserUrl: `postgres://supabase_admin:${secrets.databasePassword}@127.0.0.1:${ports.database}/postgres`,
        seconds: (Date.now() - began) / 1000,
        processes,
        async kill(which = () => true) {
            const doomed = processes().filter(which);
            // Held first, so that nobody mends or tidies while others are already gone.
            for (const { pid } of doomed) signal(pid, 'SIGSTOP');
            for (const { pid } of doomed) signal(pid, 'SIGKILL');
            while (doomed.some(isAlive)) await sleep(10);
        },
        async stop() {
            signal(child.pid ?? 0, 'SIGTERM');
            const patience = Date.now() + 20_000;
            while (members.some(isAlive) && Date.now() < patience) {
                // Without the first process nobody else can be asked.
                if (child.exitCode !== null || child.signalCode !== null) break;
                await sleep(20);
            }
            for (const { pid } of members.filter(isAlive)) signal(pid, 'SIGKILL');
        }
    };
}

const read = <Content>(folder: string, file: string): Content =>
    JSON.parse(readFileSync(join(folder, file), 'utf8')) as Content;

/** A process and all that descends from it. */
function family(root: number): ProcessInfo[] {
    const all = everyProcess();
    const members = new Set([root]);
    for (let before = 0; before < members.size;) {
        before = members.size;
        for (const { pid, parent } of all) if (members.has(parent)) members.add(pid);
    }
    return all.flatMap((one) => {
        const known = members.has(one.pid) ? identify(one.pid) : null;
        return known ? [{ ...one, ...known }] : [];
    });
}

type Listed = { pid: number; parent: number; command: string };

/** From the kernel's own list where there is one: a bare machine may have no `ps`. */
function everyProcess(): Listed[] {
    if (process.platform !== 'linux') {
        const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,command='], { encoding: 'utf8' }).split(
            '\n'
        );
        return lines.flatMap((line) => {
            const [, pid, parent, command = ''] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
            return pid ? [{ pid: Number(pid), parent: Number(parent), command }] : [];
        });
    }
    return readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name))
        .flatMap((name) => {
            try {
                const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
                const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
                const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
                return [{ pid: Number(name), parent, command }];
            } catch {
                // It ended while the list was read.
                return [];
            }
        });
}
