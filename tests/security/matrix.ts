// Who may do what, tried out: every table, view and function that the API's roles can reach, as each kind of person, in SQL
// as the Data API runs it. What is expected stands in matrix.md and functions.md, which a person can read.
import type { TransactionSql } from 'postgres';
import {
    callOf,
    exposedFunctions,
    leakOf,
    OF_EVERY_MEMBER,
    outcomeOfCall,
    ownedArguments
} from './functions.ts';
import type { Answer, ExposedFunction } from './functions.ts';
import { asIdentity, IDENTITIES, missingIdentities, undone } from './identities.ts';
import type { Identity } from './identities.ts';
import { asRow, tablesIn } from './markdown.ts';
import { eachLayerAlone } from './layers.ts';
import { setTheScene } from './scene.ts';
import { exposedTables, outcomeOf, reached, touched, trialsOf, VERBS } from './tables.ts';
import type { Outcome, Table, Trial, Verb } from './tables.ts';

export { setTheScene } from './scene.ts';

const NAMES = IDENTITIES.map(({ name }) => name);
const NOBODY = NAMES.map(() => 'no');

/** What was found, in the words of the files that say what is expected. */
export type Report = {
    /** Where matrix.md or functions.md say otherwise, or say nothing. */
    differences: string[];
    /** Rows or ids of another account that somebody reached. */
    leaks: string[];
    /** Both. */
    failures: string[];
    /** How many outcomes were looked at: tables x verbs x identities and functions x identities. */
    cells: number;
    /** How many statements and calls that took. */
    statements: number;
    counts: { tables: number; verbs: number; identities: number; functions: number };
};

/**
 * Tries everything out inside a transaction and leaves nothing behind. Makes the scene itself unless it is there. With
 * `only`, the tables and functions of these names alone. Needs a role that may grant and make policies; takes locks on
 * the tables in public, so nothing else should be using the database.
 */
export function runMatrix(sql: TransactionSql, { only }: { only?: readonly string[] } = {}): Promise<Report> {
    const wanted = ({ name }: { name: string }): boolean => only?.includes(name) ?? true;
    return undone(sql, async (inner) => {
        const tables = (await exposedTables(inner)).filter(wanted);
        const functions = (await exposedFunctions(inner)).filter(wanted);
        const [stage] = await inner<
            { is_set: boolean }[]
        >`select to_regclass('tests.words') is not null as is_set`;
        if (!stage?.is_set) await setTheScene(inner);
        await inner`select set_config('storage.allow_delete_query', 'true', true)`;

        const found = new Found();
        found.differences.push(...(await missingIdentities(inner)));
        await tryTables(inner, tables, found);
        await tryFunctions(inner, functions, found);
        const alone = await eachLayerAlone(inner, tables);
        found.leaks.push(...alone.leaks);
        found.statements += alone.statements;
        if (!only) compareNames(tables, functions, found);
        const { differences, leaks } = found;
        return {
            differences,
            leaks,
            failures: [...differences, ...leaks],
            statements: found.statements,
            cells: (tables.length * VERBS.length + functions.length) * IDENTITIES.length,
            counts: {
                tables: tables.length,
                verbs: VERBS.length,
                identities: IDENTITIES.length,
                functions: functions.length
            }
        };
    });
}

class Found {
    readonly differences: string[] = [];
    readonly leaks: string[] = [];
    statements = 0;
}

async function tryTables(sql: TransactionSql, tables: readonly Table[], found: Found): Promise<void> {
    const expected = expectedTables();
    const trials: Trial[] = [];
    for (const table of tables) {
        const theirs = await trialsOf(sql, table);
        if (typeof theirs === 'string') found.differences.push(theirs);
        else trials.push(...theirs);
        if (!table.has_rls)
            found.differences.push(`${table.name}: row-level security is not enabled and forced`);
        if (table.owner_column === null && !expected.shared.has(table.name))
            found.leaks.push(
                `${table.name} has no account_id, and matrix.md does not say that everybody shares it`
            );
    }
    const outcomes = new Map<string, Map<string, Outcome>>();
    for (const identity of IDENTITIES) {
        const answers = await attempts(sql, identity, trials);
        found.statements += answers.size;
        for (const trial of trials) {
            const key = `${trial.table.name} ${trial.verb}`;
            const row = outcomes.get(key) ?? new Map<string, Outcome>();
            outcomes.set(key, row.set(identity.name, judge(identity, trial, answers, found)));
        }
    }
    for (const { name, readable, addable, changeable, all_columns } of tables) {
        const rights = [readable, addable, changeable].map((columns) => inWords(columns, all_columns));
        const said = expected.columns.get(name);
        if (said && !same(said, rights))
            found.differences.push(`matrix.md has other columns than ${asRow([name, ...rights])}`);
        for (const verb of VERBS) {
            const row = [...(outcomes.get(`${name} ${verb}`)?.values() ?? NAMES.map(() => '?'))];
            // A verb that the file doesn't name is refused to everybody.
            const said =
                expected.outcomes.get(`${name} ${verb}`) ?? (expected.tables.has(name) ? NOBODY : undefined);
            compare('matrix.md', [name, verb], said, row, found);
        }
    }
}

/** all, all but a few, or the columns by name. */
function inWords(columns: string[], all: string[]): string {
    if (columns.length === 0) return '–';
    const missing = all.filter((column) => !columns.includes(column));
    if (missing.length === 0) return 'all';
    return missing.length <= 2 ? `all but ${missing.join(' ')}` : columns.join(' ');
}

type Answers = Map<string, string>;

/** Runs every statement of the trials as one person, in one journey to the database. */
async function attempts(sql: TransactionSql, identity: Identity, trials: readonly Trial[]): Promise<Answers> {
    const texts = [
        ...new Set(
            trials
                .flatMap(({ own, wrong, blind, move }) => [own, wrong, blind, move])
                .filter((text) => text !== null)
        )
    ];
    return asIdentity(sql, identity, async (inner) => {
        const answers = await inner<{ text: string; answer: string }[]>`
            select text, tests.attempt(text) as answer
            from unnest(${texts}::text[]) as text
        `;
        return new Map(answers.map(({ text, answer }) => [text, answer]));
    });
}

/** One cell, and whatever it showed or touched that is not the person's own. */
function judge(identity: Identity, trial: Trial, answers: Answers, found: Found): Outcome {
    const { table, verb, rows } = trial;
    const answer = (text: string | null): string | undefined =>
        text === null ? undefined : answers.get(text);
    const own = outcomeOf(answer(trial.own) ?? '', verb);
    if (identity.of === 'nobody' || table.owner_column === null) return own;

    const leak = (what: string): void =>
        void found.leaks.push(`${identity.name}: ${verb} ${what} in ${table.name}`);
    const wrong = identity.of === 'bell' ? reached(answer(trial.wrong)) : reached(answer(trial.own));
    if (wrong > 0) leak(`reached ${wrong} rows of another account`);

    const moved = reached(answer(trial.move));
    if (moved > 0) leak(`moved ${moved} rows to where they don't belong`);

    const blind = answer(trial.blind);
    if (blind !== undefined) {
        const all = touched(blind) ?? 0;
        if (all > rows[identity.of]) leak(`without a filter reached ${all} rows, more than there are`);
        const outcome = outcomeOf(blind, verb);
        if (identity.of === 'bell' && outcome !== own)
            found.differences.push(
                `${identity.name}: ${verb} in ${table.name} is "${own}" with a filter and "${outcome}" without`
            );
    }
    return own;
}

async function tryFunctions(
    sql: TransactionSql,
    functions: readonly ExposedFunction[],
    found: Found
): Promise<void> {
    if (functions.length === 0) return;
    const expected = expectedFunctions();
    const things = await sql<{ name: string; id: string }[]>`
        select name, id::text from tests.things where name like 'finch%'
    `;
    const outcomes = new Map<string, Outcome[]>(functions.map(({ name }) => [name, []]));
    for (const identity of IDENTITIES) {
        const calls = functions.map((fn) => callOf(fn, 'bell'));
        const wrong = identity.of === 'bell' ? functions.flatMap(wrongCallsOf) : [];
        const foreign =
            identity.of === 'bell'
                ? things.filter(({ name }) => !identity.knows?.includes(name)).map(({ id }) => id)
                : [];
        const answers = await callsAs(sql, identity, [...calls, ...wrong.map(({ call }) => call)]);
        found.statements += answers.size;
        for (const fn of functions) {
            const answer = answers.get(callOf(fn, 'bell'));
            if (!answer) throw new Error(`${fn.name} was not called.`);
            outcomes.get(fn.name)?.push(outcomeOfCall(fn, answer));
            const leak = leakOf(identity, answer, foreign);
            if (leak) found.leaks.push(`${identity.name}: ${fn.name} with its own ids ${leak}`);
        }
        for (const { fn, call, what } of wrong) {
            const answer = answers.get(call);
            const leak = answer && leakOf(identity, answer, foreign);
            if (leak) found.leaks.push(`${identity.name}: ${what} ${leak}`);
            else if (identity.knows && OF_EVERY_MEMBER.includes(fn.name)) continue;
            else if (answer && outcomeOfCall(fn, answer) === 'own' && identity.of !== 'nobody')
                found.leaks.push(`${identity.name}: ${what} did its work`);
        }
    }
    for (const { name, granted } of functions)
        compare('functions.md', [name], expected.get(name), [granted, ...(outcomes.get(name) ?? [])], found);
    for (const { name, args } of functions)
        if (args.length > 0 && !outcomes.get(name)?.includes('own'))
            found.differences.push(
                `${name} did its work for nobody: give it arguments in functions.ts that it can work with`
            );
}

/** Everything of another account's, and each argument of another account's among one's own. */
function wrongCallsOf(fn: ExposedFunction): { fn: ExposedFunction; call: string; what: string }[] {
    const owned = ownedArguments(fn);
    if (owned.length === 0) return [];
    const mixed = owned.length > 1 ? owned : [];
    return [
        { fn, call: callOf(fn, 'finch'), what: `${fn.name} with another account's ${owned.join(', ')}` },
        ...mixed.map((name) => ({
            fn,
            call: callOf(fn, 'bell', { [name]: 'finch' }),
            what: `${fn.name} with another account's ${name}`
        }))
    ];
}

async function callsAs(
    sql: TransactionSql,
    identity: Identity,
    calls: readonly string[]
): Promise<Map<string, Answer>> {
    const victim = identity.of === 'finch' ? 'bell' : 'finch';
    return asIdentity(sql, identity, async (inner) => {
        const answers = await inner<(Answer & { call: string })[]>`
            with victim as materialized (
                select tests.id(${victim}) as id, tests.holdings(tests.id(${victim})) as holdings
            )
            select call, tried.answer, tried.refusal, tried.harm
            from victim, unnest(${[...new Set(calls)]}::text[]) as call, tests.try_call(call, victim.id, victim.holdings) as tried
        `;
        return new Map(answers.map(({ call, ...answer }) => [call, answer]));
    });
}

function compare(
    file: string,
    name: readonly string[],
    expected: readonly string[] | undefined,
    found: readonly string[],
    to: Found
): void {
    const row = asRow([...name, ...found.map((word) => (word === 'none' ? '·' : word))]);
    if (!expected) return void to.differences.push(`${file} has no row ${row}`);
    if (same(expected, found)) return;
    const columns = file === 'functions.md' ? ['granted to', ...NAMES] : NAMES;
    const cells = columns.flatMap((column, i) =>
        expected[i] === found[i] ? [] : [`${column}: ${found[i] ?? '?'}, not ${expected[i] ?? '?'}`]
    );
    to.differences.push(`${name.join(' ')} · ${cells.join(' · ')}`);
}

/** Rows of the files for what the catalog no longer has. */
function compareNames(tables: readonly Table[], functions: readonly ExposedFunction[], found: Found): void {
    const expected = expectedTables();
    const known = (file: string, names: Iterable<string>, real: readonly { name: string }[]): void => {
        for (const name of names)
            if (!real.some((one) => one.name === name))
                found.differences.push(`${file} has ${name}, the catalog has not`);
    };
    known('matrix.md', expected.tables, tables);
    known('matrix.md', expected.columns.keys(), tables);
    known('functions.md', expectedFunctions().keys(), functions);
    for (const { name } of tables)
        if (!expected.columns.has(name)) found.differences.push(`matrix.md names no columns of ${name}`);
}

const same = (a: readonly string[], b: readonly string[]): boolean => a.join('|') === b.join('|');

const spoken = (cell: string): Outcome => (cell === '·' ? 'none' : cell);

type Expected = {
    tables: Set<string>;
    /** Tables that belong to no account. */
    shared: Set<string>;
    outcomes: Map<string, Outcome[]>;
    columns: Map<string, string[]>;
};

/** What matrix.md expects. Throws where the file is not a whole matrix. */
export function expectedTables(): Expected {
    const [rights, columns] = tablesIn('matrix.md');
    if (rights?.head.slice(2).join() !== NAMES.join())
        throw new Error(`matrix.md has other columns than ${NAMES.join(', ')}.`);
    const expected: Expected = {
        tables: new Set(),
        shared: new Set(),
        outcomes: new Map(),
        columns: new Map((columns?.rows ?? []).map(([name = '', ...rest]) => [name, rest]))
    };
    let table = '';
    for (const [named = '', verbs = '', ...cells] of rights.rows) {
        table = named.replace(' (shared)', '') || table;
        expected.tables.add(table);
        if (named.includes('(shared)')) expected.shared.add(table);
        for (const verb of verbs.split(' ')) {
            if (!VERBS.some((known) => known === verb))
                throw new Error(`matrix.md: ${table} has a row for ${verb}.`);
            expected.outcomes.set(`${table} ${verb}`, cells.map(spoken));
        }
    }
    return expected;
}

/** What functions.md expects: who is granted execute, and what each kind of person gets. */
export function expectedFunctions(): Map<string, string[]> {
    const [table] = tablesIn('functions.md');
    if (table?.head.slice(2).join() !== NAMES.join())
        throw new Error(`functions.md has other columns than ${NAMES.join(', ')}.`);
    return new Map(
        table.rows.flatMap(([names = '', granted = '', ...cells]) =>
            names.split(', ').map((name): [string, string[]] => [name, [granted, ...cells.map(spoken)]])
        )
    );
}

export type { Verb };
