// The kinds of test and how each is run. Every one answers with its tests, one by one; what breaks without a failed test
// (a file that doesn't load, a crash, no test at all) becomes a failure of its own.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { buildIfChanged } from '../../local/build.ts';
import { Processes } from '../../local/processes.ts';
import { KINDS, type TestKind } from '../../src/lib/promises/types.ts';
import { findChromium } from '../support/chromium.ts';
import { log, reports, root, run, seconds, type Env } from './commands.ts';
import { pgtapResults, playwrightResults, vitestResults, type Told } from './results.ts';

export { KINDS };
export type { TestKind, Told };

/** Runs the steps one after the other and gathers what they found. */
export async function inTurn(steps: readonly (() => Promise<Told[]>)[]): Promise<Told[]> {
    const found: Told[] = [];
    for (const step of steps) found.push(...(await step()));
    return found;
}

/** Runs the steps two at a time, each a program that keeps one core busy, and gathers what they found in their order. */
async function inPairs(steps: readonly (() => Promise<Told[]>)[]): Promise<Told[]> {
    const two = pLimit(2);
    return (await Promise.all(steps.map((step) => two(step)))).flat();
}

/** A check that passes or fails as a whole and counts as one. Its output is shown only when it failed. */
export async function check(
    kind: TestKind,
    title: string,
    command: string,
    args: string[],
    env: Env = {}
): Promise<Told[]> {
    const began = Date.now();
    const { ok, output } = await run(command, args, env, false);
    log(`${ok ? 'ok' : 'not ok'} - ${title} (${seconds(began)} s)`);
    if (!ok) log(output.trimEnd());
    return [
        {
            kind,
            file: args.find((arg) => arg.startsWith('tests/')) ?? '',
            title,
            outcome: outcomeOf(ok),
            why: ok ? undefined : output
        }
    ];
}

const outcomeOf = (ok: boolean): Told['outcome'] => (ok ? 'passed' : 'failed');

/** Builds the app as `npm start` does, so that a test of that command finds this very build and leaves it alone. */
export async function build(): Promise<Told> {
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
    return { kind: 'static', file: '', title: 'the app builds', outcome: outcomeOf(failure === null) };
}

async function vitest(kind: TestKind, folders: string[], env: Env, name: string = kind): Promise<Told[]> {
    const report = join(reports, `${name}.json`);
    const args = ['run', '--config', 'tests/vitest.config.ts', ...folders];
    const { ok } = await run(
        'vitest',
        [...args, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
        env,
        true
    );
    return whole(kind, ok, vitestResults(kind, report));
}

async function playwright(env: Env): Promise<Told[]> {
    const report = join(reports, 'e2e.json');
    const args = ['test', '--config', 'tests/e2e/playwright.config.ts'];
    const { ok } = await run('playwright', args, { ...env, TF_REPORT: report }, true);
    return whole('e2e', ok, playwrightResults('e2e', report));
}

async function pgtap(env: Env): Promise<Told[]> {
    const report = join(reports, 'db.json');
    const { ok, output } = await run('node', ['tests/database/run.ts'], { ...env, TF_REPORT: report }, false);
    log(output.trimEnd());
    return whole('db', ok, pgtapResults(report));
}

function whole(kind: TestKind, ok: boolean, results: Told[]): Told[] {
    const silent = (!ok && results.every(({ outcome }) => outcome !== 'failed')) || results.length === 0;
    if (!silent) return results;
    return [
        ...results,
        {
            kind,
            file: '',
            title: `the ${kind} tests run to their end`,
            outcome: 'failed',
            why: 'No test failed, but their tool did, or there was none: what it says stands above, where it ended.'
        }
    ];
}

/** The longest first, so that none is left to run alone. */
const staticChecks = (): Promise<Told[]> =>
    inPairs([
        () =>
            check('static', 'types of the app', 'svelte-check', [
                '--threshold',
                'warning',
                '--output',
                'human'
            ]),
        () => check('static', 'lint, and the arrows of the house', 'eslint', ['.']),
        () => check('static', 'types of the stack and the tests', 'tsc', ['-p', 'tests']),
        () => check('static', 'the code is formatted', 'prettier', ['--check', '--log-level=warn', '.']),
        () =>
            check('static', 'types of the edge functions', 'deno', [
                'check',
                '--quiet',
                'supabase/functions',
                'local/functions/host.ts'
            ]),
        () => check('static', 'the lockfile is complete', 'node', ['tests/lockfile.ts'])
    ]);

/** The matrix has the database to itself, because it locks tables that other tests write. */
const MATRIX = 'tests/security/matrix.test.ts';
const matrix = (kind: TestKind, env: Env): Promise<Told[]> => vitest(kind, [MATRIX], env, 'matrix');

const databaseChecks = (env: Env): Promise<Told[]> =>
    inTurn([
        () => pgtap(env),
        () =>
            check(
                'db',
                'the database types are those of the schema',
                'node',
                ['tests/database/types.ts', '--check'],
                env
            ),
        () => check('db', 'the advisors and our rules find nothing', 'node', ['tests/database/lint.ts'], env),
        () => vitest('db', ['tests/database'], env, 'rules'),
        () => matrix('db', env)
    ]);

/** The matrix belongs to the database's tests as well: where those run too, it has run already. */
const securityTests = (env: Env, kinds: readonly TestKind[]): Promise<Told[]> =>
    inTurn([
        ...(kinds.includes('db') ? [] : [() => matrix('security', env)]),
        () => vitest('security', ['tests/security', '--exclude', MATRIX], env)
    ]);

/**
 * How each kind is run; `env` tells of stack and app, as far as the kind is given them, and `kinds` of what else is run.
 */
export const howToRun: Record<TestKind, (env: Env, kinds: readonly TestKind[]) => Promise<Told[]>> = {
    static: staticChecks,
    unit: () => vitest('unit', ['src', 'supabase', 'tests/ledger'], {}),
    db: databaseChecks,
    contract: (env) => vitest('contract', ['tests/contract'], env),
    integration: (env) => vitest('integration', ['tests/integration'], env),
    security: securityTests,
    e2e: async (env) => playwright({ ...env, CHROMIUM_PATH: await findChromium(log) })
};

/** The kinds that need a running stack, and those that need the built app on it as well. */
export const ON_STACK: readonly TestKind[] = ['db', 'contract', 'integration', 'security', 'e2e'];
export const ON_APP: readonly TestKind[] = ['integration', 'security', 'e2e'];
