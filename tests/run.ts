// Runs the proof: `npm test` all of it, `npm run test:KIND` one kind. One stack on free ports and one built app serve every
// kind; what a test stops or kills it starts for itself. The last line is `N passed, N failed` over all kinds.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildIfChanged } from '../local/build.ts';
import { Processes } from '../local/processes.ts';
import { startApp } from './support/app.ts';
import { findChromium } from './support/chromium.ts';
import { freePort } from './support/port.ts';
import { startOwnStack, type OwnStack } from './support/stack.ts';

type Count = { passed: number; failed: number };
type Env = Record<string, string>;

const root = fileURLToPath(new URL('..', import.meta.url));
const reports = join(root, 'test-results');
const log = (line: string): void => console.log(line);

/** Runs a command to its end. Output is shown at the end and only when it failed, or as it comes with `live`. */
function run(
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

/** A check that passes or fails as a whole and counts as one. */
async function check(name: string, command: string, args: string[], env: Env = {}): Promise<Count> {
    const began = Date.now();
    const { ok, output } = await run(command, args, env, false);
    log(`${ok ? 'ok' : 'not ok'} - ${name} (${seconds(began)} s)`);
    if (!ok) log(output.trimEnd());
    return ok ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

/** Builds the app as `npm start` does, so that a test of that command finds this very build and leaves it alone. */
async function build(): Promise<Count> {
    const began = Date.now();
    mkdirSync(join(reports, 'logs'), { recursive: true });
    const processes = new Processes(join(reports, 'pids.json'));
    const failure = await buildIfChanged({
        projectDir: root,
        stateDir: reports,
        processes,
        log: () => undefined
    })
        .then(() => null)
        .catch((error: Error) => error)
        .finally(() => processes.close());
    log(`${failure ? 'not ok' : 'ok'} - the app builds (${seconds(began)} s)`);
    if (failure) log(failure.message);
    return failure ? { passed: 0, failed: 1 } : { passed: 1, failed: 0 };
}

const seconds = (began: number): string => ((Date.now() - began) / 1000).toFixed(1);

async function vitest(kind: string, folders: string[], env: Env): Promise<Count> {
    const report = join(reports, `${kind}.json`);
    const args = ['run', '--config', 'tests/vitest.config.ts', ...folders];
    const { ok } = await run(
        'vitest',
        [...args, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
        env,
        true
    );
    const { numPassedTests = 0, numFailedTests = 0 } = read(report) as Record<string, number>;
    return whole(ok, { passed: numPassedTests, failed: numFailedTests });
}

async function playwright(env: Env): Promise<Count> {
    const report = join(reports, 'e2e.json');
    const args = ['test', '--config', 'tests/e2e/playwright.config.ts'];
    const { ok } = await run('playwright', args, { ...env, TF_REPORT: report }, true);
    const { stats = {} } = read(report) as { stats?: Record<string, number> };
    return whole(ok, { passed: stats.expected ?? 0, failed: (stats.unexpected ?? 0) + (stats.flaky ?? 0) });
}

async function pgtap(env: Env): Promise<Count> {
    const { ok, output } = await run('node', ['tests/database/run.ts'], env, false);
    log(output.trimEnd());
    const [, passed = '0', failed = '0'] = /(\d+) passed, (\d+) failed\s*$/.exec(output) ?? [];
    return whole(ok, { passed: Number(passed), failed: Number(failed) });
}

/** A run that broke without a failed test (a file that doesn't load, a crash, no test at all) is a failure too. */
function whole(ok: boolean, count: Count): Count {
    const silent = (!ok && count.failed === 0) || count.passed + count.failed === 0;
    return silent ? { passed: count.passed, failed: count.failed + 1 } : count;
}

function read(file: string): unknown {
    try {
        return JSON.parse(readFileSync(file, 'utf8'));
    } catch {
        return {};
    }
}

async function inTurn(steps: (() => Promise<Count>)[]): Promise<Count> {
    const sum = { passed: 0, failed: 0 };
    for (const step of steps) {
        const { passed, failed } = await step();
        sum.passed += passed;
        sum.failed += failed;
    }
    return sum;
}

const staticChecks = (): Promise<Count> =>
    inTurn([
        () => check('the lockfile is complete', 'node', ['tests/lockfile.ts']),
        () => check('the code is formatted', 'prettier', ['--check', '--log-level=warn', '.']),
        () => check('lint, and the arrows of the house', 'eslint', ['.']),
        () => check('types of the app', 'svelte-check', ['--threshold', 'warning', '--output', 'human']),
        () => check('types of the stack', 'tsc', ['-p', 'local']),
        () => check('types of the tests', 'tsc', ['-p', 'tests']),
        () =>
            check('types of the edge functions', 'deno', [
                'check',
                '--quiet',
                'supabase/functions',
                'local/functions/host.ts'
            ])
    ]);

const KINDS = ['static', 'unit', 'db', 'contract', 'integration', 'security', 'e2e'] as const;
type Kind = (typeof KINDS)[number];
const ON_STACK: readonly Kind[] = ['db', 'contract', 'integration', 'security', 'e2e'];
const ON_APP: readonly Kind[] = ['integration', 'security', 'e2e'];

/** Starts what the kinds need and runs them in order; stops it all again, whatever happens. */
async function onStack(kinds: readonly Kind[]): Promise<Count> {
    let stack: OwnStack | undefined;
    let app: Awaited<ReturnType<typeof startApp>> | undefined;
    try {
        const began = Date.now();
        const appPort = await freePort();
        stack = await startOwnStack({ appPort });
        log(`stack is up (${seconds(began)} s)`);
        const env: Env = { TF_STACK: JSON.stringify(stack.info), TF_PROJECT: root };
        if (kinds.some((kind) => ON_APP.includes(kind))) {
            const built = await build();
            if (built.failed > 0) return built;
            app = await startApp(stack.info, appPort);
            env.TF_APP_URL = app.url;
        }
        const steps: Record<string, () => Promise<Count>> = {
            db: () =>
                inTurn([
                    () => pgtap(env),
                    () =>
                        check(
                            'the database types are those of the schema',
                            'node',
                            ['tests/database/types.ts', '--check'],
                            env
                        ),
                    () => check('the advisors find nothing', 'node', ['tests/database/lint.ts'], env)
                ]),
            contract: () => vitest('contract', ['tests/contract'], env),
            security: () => vitest('security', ['tests/security'], env),
            integration: () => vitest('integration', ['tests/integration'], env),
            e2e: async () => playwright({ ...env, CHROMIUM_PATH: await findChromium(log) })
        };
        return await inTurn(kinds.map((kind) => steps[kind]).filter((step) => step !== undefined));
    } finally {
        await app?.stop();
        await stack?.stopAndForget();
    }
}

async function main(): Promise<void> {
    const named = process.argv.slice(2);
    const unknown = named.filter((kind) => !KINDS.some((known) => known === kind));
    if (unknown.length > 0)
        throw new Error(
            `There is no kind of test called ${unknown.join(', ')}. There are: ${KINDS.join(', ')}.`
        );
    const kinds = named.length === 0 ? KINDS : KINDS.filter((kind) => named.includes(kind));
    rmSync(reports, { recursive: true, force: true });
    mkdirSync(reports, { recursive: true });

    const onTheStack = kinds.filter((kind) => ON_STACK.includes(kind));
    const { ok, output } = await run('svelte-kit', ['sync'], {}, false);
    if (!ok) throw new Error(output);
    const sum = await inTurn([
        ...(kinds.includes('static') ? [staticChecks] : []),
        ...(kinds.includes('unit') ? [() => vitest('unit', ['src', 'supabase'], {})] : []),
        ...(onTheStack.length > 0 ? [() => onStack(onTheStack)] : [])
    ]);
    log(`${sum.passed} passed, ${sum.failed} failed`);
    process.exitCode = sum.failed === 0 && sum.passed > 0 ? 0 : 1;
}

main().catch((error: unknown) => {
    console.error(error);
    log('0 passed, 1 failed');
    process.exitCode = 1;
});
