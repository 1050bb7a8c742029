// The stack as a set of processes: side by side, after crashes, and after it was asked to stop.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { identify, isAlive } from '../../local/processes.ts';
import type { ProcessId } from '../../local/processes.ts';
import { projectDir, startOwnStack } from '../support/stack.ts';
import type { StackInfo } from '../support/stack.ts';

const folders: string[] = [];
const started: ChildProcess[] = [];

function aFolder(): string {
    const folder = mkdtempSync(join(tmpdir(), 'stack-'));
    folders.push(folder);
    return folder;
}

type Started = { child: ChildProcess; info: StackInfo; seconds: number };

/** A stack in a process of its own, as `npm run stack -- --json` starts it. */
async function aProcess(stateDir: string, more = ['--no-migrate']): Promise<Started> {
    const began = Date.now();
    const base = ['--json', '--any-ports', '--state', stateDir];
    const child = spawn(process.execPath, [join(projectDir, 'local/main.ts'), ...base, ...more], {
        cwd: projectDir,
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true
    });
    started.push(child);
    let complaints = '';
    child.stderr?.on('data', (chunk: Buffer) => (complaints += chunk.toString()));
    const info = await new Promise<StackInfo>((resolve, reject) => {
        if (child.stdout)
            createInterface(child.stdout).once('line', (line) => resolve(JSON.parse(line) as StackInfo));
        child.once('exit', (code) => reject(new Error(`The stack ended with ${code}:\n${complaints}`)));
    });
    return { child, info, seconds: (Date.now() - began) / 1000 };
}

type Children = Record<'postgres' | 'postgrest' | 'deno', ProcessId>;
const childrenOf = (stateDir: string) =>
    JSON.parse(readFileSync(join(stateDir, 'pids.json'), 'utf8')) as Children;

const ended = (child: ChildProcess) =>
    new Promise<number | null>((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) resolve(child.exitCode);
        else child.once('exit', resolve);
    });

async function attempt(check: () => boolean | Promise<boolean>): Promise<boolean> {
    try {
        return await check();
    } catch {
        return false;
    }
}

async function eventually(
    what: string,
    check: () => boolean | Promise<boolean>,
    seconds = 10
): Promise<void> {
    const deadline = Date.now() + seconds * 1000;
    while (!(await attempt(check))) {
        if (Date.now() > deadline) throw new Error(`Not within ${seconds} s: ${what}`);
        await sleep(50);
    }
}

async function query(info: StackInfo, statement: string): Promise<Record<string, unknown>[]> {
    const sql = postgres(info.databaseUrl, { max: 1, onnotice: () => undefined, backoff: false });
    try {
        return [...(await sql.unsafe(statement))];
    } finally {
        await sql.end({ timeout: 1 });
    }
}

const answers = async (info: StackInfo, path: string): Promise<number> =>
    (await fetch(info.apiUrl + path, { headers: { apikey: info.secretKey } })).status;

afterEach(async () => {
    for (const child of started.splice(0)) {
        child.kill('SIGTERM');
        await ended(child);
    }
});
afterAll(() => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

describe('two stacks', () => {
    it('run side by side with ports, keys and data of their own', async () => {
        const [one, two] = await Promise.all([
            startOwnStack({ migrate: false }),
            startOwnStack({ migrate: false })
        ]);
        try {
            const urls = [one, two].flatMap(({ info }) =>
                Object.values(info).filter((value) => typeof value === 'string' && /^https?:/.test(value))
            );
            const ports = urls.map((url) => new URL(String(url)).port);
            // In each, the inbox and the interface of the mail provider are one server.
            expect(new Set(ports).size).toBe(urls.length - 2);
            await query(one.info, 'create table public.mine (id int)');
            await expect(query(two.info, 'select from public.mine')).rejects.toThrow(/does not exist/);
            const stranger = await fetch(`${two.info.apiUrl}/rest/v1/`, {
                headers: { apikey: one.info.secretKey }
            });
            expect(stranger.status).toBe(401);
        } finally {
            await Promise.all([one.stopAndForget(), two.stopAndForget()]);
        }
    });

    it('can’t share a folder: the second says who holds it', async () => {
        const stateDir = aFolder();
        const { child } = await aProcess(stateDir);
        await expect(aProcess(stateDir)).rejects.toThrow(`It runs already, in process ${child.pid}`);
        expect(await answers((await aProcessInfo(stateDir)).info, '/rest/v1/')).toBe(200);
    });
});

/** The addresses of a stack that runs already, from its own files. */
async function aProcessInfo(stateDir: string): Promise<{ info: StackInfo }> {
    const ports = JSON.parse(readFileSync(join(stateDir, 'ports.json'), 'utf8')) as { api: number };
    const secrets = JSON.parse(readFileSync(join(stateDir, 'secrets.json'), 'utf8')) as { secretKey: string };
    return { info: { apiUrl: `http://127.0.0.1:${ports.api}`, secretKey: secrets.secretKey } as StackInfo };
}

describe('a child killed with SIGKILL', () => {
    it('is started again, and nothing confirmed is lost', async () => {
        const stateDir = aFolder();
        const { info } = await aProcess(stateDir);
        await query(info, 'create table public.kept (id int); insert into public.kept values (1)');
        for (const name of ['postgrest', 'deno', 'postgres'] as const) {
            const { pid } = childrenOf(stateDir)[name];
            process.kill(pid, 'SIGKILL');
            await eventually(`a new ${name}`, () => {
                const next = childrenOf(stateDir)[name];
                return next.pid !== pid && isAlive(next);
            });
        }
        await eventually(
            'the row is back',
            async () => (await query(info, 'select from public.kept')).length === 1
        );
        await eventually('the Data API answers', async () => (await answers(info, '/rest/v1/')) === 200);
        await eventually(
            'sign-in answers',
            async () => (await answers(info, '/auth/v1/admin/users')) === 200
        );
        await eventually('storage answers', async () => (await answers(info, '/storage/v1/bucket')) === 200);
        await eventually(
            'functions answer',
            async () => (await answers(info, '/functions/v1/stripe-webhook')) < 500
        );
    });
});

describe('a stack that vanishes', () => {
    it('takes its children with it', async () => {
        const stateDir = aFolder();
        const { child } = await aProcess(stateDir);
        const children = Object.values(childrenOf(stateDir));
        expect(children).toHaveLength(3);
        child.kill('SIGKILL');
        await eventually('every child has ended', () => children.every((each) => !isAlive(each)));
    });

    it('together with everything else at once starts again with its data', async () => {
        const stateDir = aFolder();
        const first = await aProcess(stateDir);
        await query(first.info, 'create table public.kept as select generate_series(1, 1000) as id');
        const children = Object.values(childrenOf(stateDir));
        // A statement that is under way keeps a session alive beyond its server.
        const busy = query(first.info, 'select pg_sleep(60)').catch(() => undefined);
        await sleep(100);
        for (const { pid } of [...children, { pid: first.child.pid ?? 0 }]) process.kill(pid, 'SIGKILL');
        await ended(first.child);
        const second = await aProcess(stateDir);
        await busy;
        expect(await query(second.info, 'select count(*)::int as n from public.kept')).toEqual([{ n: 1000 }]);
        expect(second.info.secretKey).toBe(first.info.secretKey);
        expect(await answers(second.info, '/rest/v1/')).toBe(200);
    });

    it('leaves process ids that are never taken for its own once others carry them', async () => {
        const stateDir = aFolder();
        const first = await aProcess(stateDir);
        await query(first.info, 'create table public.kept (id int)');
        first.child.kill('SIGTERM');
        await ended(first.child);
        const bystander = spawn('sleep', ['600'], { stdio: 'ignore' });
        started.push(bystander);
        const pid = bystander.pid ?? 0;
        const lock = join(stateDir, 'postgres', 'postmaster.pid');
        writeFileSync(lock, `${pid}\n${join(stateDir, 'postgres')}\n1\n1\n\n127.0.0.1\n\nready\n`);
        const stale = { pid, started: 'another boot:1', ask: 'SIGKILL' };
        writeFileSync(join(stateDir, 'pids.json'), JSON.stringify({ postgres: stale }));
        writeFileSync(join(stateDir, 'stack.pid'), JSON.stringify({ pid, started: 'another boot:1' }));
        const second = await aProcess(stateDir);
        expect(await query(second.info, 'select from public.kept')).toEqual([]);
        expect(identify(pid)).not.toBeNull();
    });

    it('during its very first start leaves nothing that hinders the next', async () => {
        const stateDir = aFolder();
        mkdirSync(join(stateDir, 'postgres.new', 'base'), { recursive: true });
        writeFileSync(join(stateDir, 'postgres.new', 'PG_VERSION'), '17\n');
        writeFileSync(join(stateDir, 'ports.json'), '{"api": 5');
        const { info } = await aProcess(stateDir);
        expect(await answers(info, '/rest/v1/')).toBe(200);
    });
});

describe('a stack that is asked to stop', () => {
    it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
        'by %s ends all it started and exits cleanly',
        async (signal) => {
            const stateDir = aFolder();
            const { child } = await aProcess(stateDir);
            const children = Object.values(childrenOf(stateDir));
            child.kill(signal);
            child.kill(signal);
            expect(await ended(child)).toBe(0);
            expect(children.filter(isAlive)).toEqual([]);
        }
    );
});

describe('while the database is away', () => {
    it('every door says so quickly, and all is well again when it is back', async () => {
        const own = await startOwnStack({ migrate: false });
        const paths = ['/rest/v1/', '/auth/v1/admin/users', '/storage/v1/bucket'];
        try {
            await own.stopDatabase();
            for (const path of paths) {
                const began = Date.now();
                // The auth server has an error of its own for it, as the real one.
                expect([500, 503]).toContain(await answers(own.info, path));
                expect(Date.now() - began).toBeLessThan(6000);
            }
            await own.startDatabase();
            for (const path of paths) expect([path, await answers(own.info, path)]).toEqual([path, 200]);
        } finally {
            await own.stopAndForget();
        }
    });
});
