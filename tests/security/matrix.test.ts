// Generated from the catalog: every exposed table x verb x kind of person, against matrix.md.
import postgres from 'postgres';
import type { TransactionSql } from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stack } from '../support/stack.ts';
import { asRow, expected, exposedTables, PEOPLE, setTheScene, statements, tryOut, VERBS } from './matrix.ts';
import type { Outcome, Table, Verb } from './matrix.ts';

type Tried = { table: string; verb: Verb; outcomes: Map<string, Outcome>; leaks: string[] };

const matrix = expected();
const owner = postgres(stack().databaseUrl, { max: 1, onnotice: () => undefined });
let tables: Table[] = [];
const tried = new Map<string, Tried>();

async function tryEverything(sql: TransactionSql): Promise<void> {
    for (const table of tables) {
        for (const verb of VERBS) {
            const outcomes = new Map<string, Outcome>();
            const leaks: string[] = [];
            const texts = await statements(sql, table, verb);
            for (const person of Object.keys(PEOPLE)) {
                const { outcome, leaked } = await tryOut(sql, table, texts, person);
                outcomes.set(person, outcome);
                if (leaked > 0)
                    leaks.push(
                        `${person}: ${verb} reached ${leaked} rows of another account in ${table.name}`
                    );
            }
            tried.set(`${table.name} ${verb}`, { table: table.name, verb, outcomes, leaks });
        }
    }
}

beforeAll(async () => {
    const undo = new Error('undo');
    await owner
        .begin(async (sql) => {
            tables = await exposedTables(sql);
            await setTheScene(sql);
            await tryEverything(sql);
            throw undo;
        })
        .catch((error: unknown) => {
            if (error !== undo) throw error;
        });
});

afterAll(() => owner.end());

test('[ISO-1] every exposed table has its four rows in matrix.md, and matrix.md names no other', () => {
    const exposed = tables.map((table) => table.name);
    const rows = [...matrix].filter(([, verbs]) => verbs.size === VERBS.length).map(([table]) => table);
    const missing = exposed
        .filter((table) => !rows.includes(table))
        .flatMap((table) =>
            VERBS.map((verb) => asRow(table, verb, tried.get(`${table} ${verb}`)?.outcomes ?? new Map()))
        );
    expect(missing.join('\n'), 'tables without a row').toBe('');
    expect(rows.toSorted()).toEqual(exposed.toSorted());
});

describe.each([...matrix])('[ISO-1] %s', (table, verbs) => {
    test.each([...verbs])('%s does for each kind of person what matrix.md says', (verb, outcomes) => {
        const found = tried.get(`${table} ${verb}`);
        expect(found && asRow(table, verb, found.outcomes)).toBe(asRow(table, verb, outcomes));
    });
});

test('[ISO-1] no statement of anybody reaches a row of another account, even when it asks with the wrong id', () => {
    expect([...tried.values()].flatMap(({ leaks }) => leaks)).toEqual([]);
    expect(tried.size).toBe(tables.length * VERBS.length);
});
