// Runs the proof: `npm test` all of it, `npm run test:KIND` one kind. One stack on free ports and one built app serve every
// kind; what a test stops or kills it starts for itself. A whole run ends with the ledger: are the promises of the security
// page kept by what exists and by what has just passed? The last line is `N passed, N failed` over all kinds.
import { mkdirSync, rmSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import { log, reports, root, run, seconds, type Env } from './runner/commands.ts';
import {
    build,
    howToRun,
    inTurn,
    KINDS,
    ON_APP,
    ON_STACK,
    type TestKind,
    type Told
} from './runner/kinds.ts';
import { beginning, ledgerCheck, reportFile } from './runner/ledger.ts';
import { startApp } from './support/app.ts';
import { freePort } from './support/port.ts';
import { startOwnStack, type OwnStack } from './support/stack.ts';

/** What else is done with stack and app while they are up, when every kind has run. */
type AtTheEnd = (found: Told[], stack: OwnStack, appUrl: string) => Promise<Told[]>;

/** Starts what the kinds need and runs them in order; stops it all again, whatever happens. */
async function onStack(kinds: readonly TestKind[], atTheEnd?: AtTheEnd): Promise<Told[]> {
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
            if (built.outcome === 'failed') return [built];
            app = await startApp(stack.info, appPort);
            env.TF_APP_URL = app.url;
        }
        const found = await inTurn(kinds.map((kind) => () => howToRun[kind](env, kinds)));
        if (app && atTheEnd) found.push(...(await atTheEnd(found, stack, app.url)));
        return found;
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

    const { ok, output } = await run('svelte-kit', ['sync'], {}, false);
    if (!ok) throw new Error(output);
    const whole = kinds.length === KINDS.length;
    const began = beginning();
    // What an earlier run wrote says nothing about this one, should it break off.
    if (whole) rmSync(reportFile, { force: true });
    const results = await inTurn(
        kinds.filter((kind) => !ON_STACK.includes(kind)).map((kind) => () => howToRun[kind]({}, kinds))
    );
    const onTheStack = kinds.filter((kind) => ON_STACK.includes(kind));
    if (onTheStack.length > 0) {
        const check: AtTheEnd = (found, { info }, appUrl) =>
            ledgerCheck([...results, ...found], began, { stack: info, appUrl });
        results.push(...(await onStack(onTheStack, whole ? check : undefined)));
    }
    const passed = results.filter(({ outcome }) => outcome === 'passed').length;
    const failed = results.filter(({ outcome }) => outcome === 'failed');
    for (const test of failed) log(retold(test));
    log(`${passed} passed, ${failed.length} failed`);
    process.exitCode = failed.length === 0 && passed > 0 ? 0 : 1;
}

/** A failed test, told once more at the end of a long run: where it stands, and the first that it said. */
function retold({ kind, file, title, why = '' }: Told): string {
    const said = stripVTControlCharacters(why)
        .split('\n')
        .filter((line) => line.trim() !== '');
    return [`failed - ${kind}: ${[file, title].filter(Boolean).join(' > ')}`, ...said.slice(0, 8)].join(
        '\n    '
    );
}

main().catch((error: unknown) => {
    console.error(error);
    log('0 passed, 1 failed');
    process.exitCode = 1;
});
