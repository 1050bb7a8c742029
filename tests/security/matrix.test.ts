// Generated from the catalog: every exposed table x verb x kind of person, and every exposed function, against matrix.md and
// functions.md. Runs by itself, without other tests beside it: it locks the tables in public for a while.
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stack } from '../support/stack.ts';
import { missingIdentities, undone } from './identities.ts';
import { expectedFunctions, expectedTables, runMatrix, setTheScene } from './matrix.ts';
import type { Report } from './matrix.ts';

const owner = postgres(stack().databaseUrl, { max: 1, onnotice: () => undefined });
const tables = [...expectedTables().tables];
const functions = [...expectedFunctions().keys()];

let report: Report;
/** What the matrix says once somebody has been careless. */
let careless: Report;
let untried: string[];

beforeAll(async () => {
    const undo = new Error('undo');
    await owner
        .begin(async (sql) => {
            await setTheScene(sql);
            report = await runMatrix(sql);
            careless = await undone(sql, async (inner) => {
                await inner.unsafe(`
                    create view public.everybody as select account_id, id, name from public.customers;
                    create function public.peek(account_id uuid) returns setof text
                        language sql
                        security definer
                    as $$ select c.id::text from public.customers as c where c.account_id = peek.account_id $$;
                    create table public.notices (sentence text);
                    grant select on public.everybody, public.notices to authenticated;
                    grant execute on function public.peek(uuid) to authenticated;
                    grant update (state) on public.accounts to authenticated;
                    grant truncate on public.jobs to anon;
                `);
                return runMatrix(inner, {
                    only: [
                        'public.everybody',
                        'public.peek',
                        'public.notices',
                        'public.accounts',
                        'public.jobs'
                    ]
                });
            });
            untried = await undone(sql, async (inner) => {
                await inner`create table private.api_keys (account_id uuid, token_hash bytea)`;
                return missingIdentities(inner);
            });
            throw undo;
        })
        .catch((error: unknown) => {
            if (error !== undo) throw error;
        });
});

afterAll(async () => {
    const { tables, verbs, identities, functions } = report.counts;
    console.log(
        `matrix: ${tables} tables x ${verbs} verbs x ${identities} identities = ${tables * verbs * identities}, ` +
            `${functions} functions x ${identities} identities = ${functions * identities}, ` +
            `${report.statements} statements, ${report.leaks.length} leaks`
    );
    await owner.end();
});

/** What is said about one table or function. */
const about = (name: string): string[] =>
    report.differences.filter((line) =>
        new RegExp(`(^|[ |])${name.replace('.', '\\.')}([ ·|]|$)`).test(line)
    );

test('[ISO-1] every table, view and function that has an address has its row, and the files name nothing that is not there', () => {
    const unnamed = report.differences.filter((line) =>
        /has no row|the catalog has not|names no columns/.test(line)
    );
    expect(unnamed.join('\n')).toBe('');
    expect(tables.length).toBe(report.counts.tables);
    expect(functions.length).toBe(report.counts.functions);
});

describe('tables', () => {
    test.each(tables)(
        '[ISO-1] %s does for each kind of person, verb by verb, what matrix.md says',
        (name) => {
            expect(about(name).join('\n')).toBe('');
        }
    );
});

describe('functions', () => {
    test.each(functions)('[ISO-1] %s answers each kind of person as functions.md says', (name) => {
        expect(about(name).join('\n')).toBe('');
    });
});

test('[ISO-1] nothing that anybody says reaches another account, with the wrong id, without a filter, or with one layer alone', () => {
    expect(report.leaks.join('\n')).toBe('');
    expect(report.cells).toBe(
        (tables.length * report.counts.verbs + functions.length) * report.counts.identities
    );
});

test('nothing differs that belongs to no table and no function', () => {
    expect(report.differences).toEqual([]);
});

describe('the matrix itself', () => {
    test('[ISO-5] a view that runs with its owner’s rights is found, and what it shows', () => {
        expect(careless.differences.join('\n')).toMatch(/no row \| public\.everybody \| select/);
        expect(careless.leaks).toContainEqual(
            expect.stringMatching(/^staff: select reached \d+ rows .* public\.everybody$/)
        );
    });

    test('[ISO-5] a function that forgot its check is found, and whose rows it shows', () => {
        expect(careless.differences.join('\n')).toMatch(/no row \| public\.peek/);
        expect(careless.leaks).toContain(
            "agent: public.peek with another account's account_id showed 1 ids of another account"
        );
    });

    test('[ISO-5] a table without an account and without a row in the scene is found', () => {
        expect(careless.differences).toContain(
            'The scene has no row of bell in public.notices: give it one.'
        );
    });

    test('[ISO-5] a column granted too many, and a verb, are found', () => {
        expect(careless.differences.join('\n')).toMatch(
            /other columns than \| public\.accounts .* payment_terms_days state/
        );
        expect(careless.differences).toContain(
            'public.jobs truncate · anon: own, not no · by link: own, not no'
        );
    });

    test('[ISO-5] API keys without a column of their own are found', () => {
        expect(untried).toEqual([expect.stringContaining('private.api_keys')]);
    });
});

test('[FILE-1] every bucket belongs to one account, whose id is its name, and nothing in it is public', async () => {
    const strange = await owner`
        select b.id
        from storage.buckets as b
        left join public.accounts as a on a.id::text = b.id
        where a.id is null
           or b.name <> b.id
           or b.public
    `;
    expect(strange.map(({ id }) => String(id))).toEqual([]);
});
