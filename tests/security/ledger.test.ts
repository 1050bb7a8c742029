// The ledger's way to look things up, against the live catalog: what it names and is not there, or is switched off, is
// no ground for any promise.
import postgres, { type Sql } from 'postgres';
import { afterAll, describe, expect, it } from 'vitest';
import type { DatabaseObject } from '../../src/lib/promises/types.ts';
import { catalog } from '../ledger/catalog.ts';
import { stack } from '../support/stack.ts';

const sql = postgres(stack().databaseUrl, { max: 2, onnotice: () => undefined });
afterAll(() => sql.end());

const lookUp = (object: DatabaseObject) => catalog(sql)(object);

describe('an object that is there', () => {
    const there: [DatabaseObject, RegExp][] = [
        [
            {
                kind: 'policy',
                on: 'public.invoices',
                name: "Members who may read invoices see their account's invoices"
            },
            /^create policy "Members who may read .*for select\n {4}to authenticated\n {4}using \(.*accounts_with\('invoices\.read'/s
        ],
        [
            { kind: 'constraint', on: 'public.invoices', name: 'invoice_number_is_unique_in_account' },
            /^alter table (public\.)?invoices\n {4}add constraint invoice_number_is_unique_in_account\n {4}UNIQUE/
        ],
        [
            { kind: 'trigger', on: 'audit.records', name: 'records_are_never_changed' },
            /^CREATE TRIGGER records_are_never_changed BEFORE .*-- enabled always$/s
        ],
        [
            { kind: 'event trigger', name: 'tables_are_born_closed' },
            /^create event trigger tables_are_born_closed\n {4}on ddl_command_end\n {4}when tag in \('CREATE TABLE'/
        ],
        [
            { kind: 'function', name: 'private.accounts_with(text)' },
            /^CREATE OR REPLACE FUNCTION private\.accounts_with/
        ],
        [{ kind: 'table', name: 'mail.outbox' }, /^-- .*\n.*dedupe_key text/s],
        [{ kind: 'index', name: 'public.invoices_pkey' }, /^CREATE UNIQUE INDEX/],
        [{ kind: 'schedule', name: 'send-mail' }, /^send-mail: \* \* \* \* \*$/]
    ];
    it.each(there)('is printed as the database prints it: $kind $name', async (object, text) => {
        const looked = await lookUp(object);
        if ('problem' in looked) throw new Error(looked.problem);
        expect(looked.found).toHaveLength(1);
        expect(looked.found[0]?.text).toMatch(text);
    });

    it('has exactly the rights that are named', async () => {
        const of = { kind: 'rights', on: 'public.payments', of: 'authenticated' } as const;
        expect(await lookUp({ ...of, exactly: ['select'] })).toHaveProperty('found');
        expect(await lookUp({ ...of, exactly: ['select', 'insert'] })).toHaveProperty('problem');
        expect(await lookUp({ ...of, exactly: [] })).toHaveProperty('problem');
        expect(await lookUp({ ...of, of: 'anon', exactly: [] })).toHaveProperty('found');
    });

    it('is one of a sort of which there are enough', async () => {
        const sort = 'foreign key that carries the account';
        expect(await lookUp({ kind: 'every', sort, atLeast: 10 })).toHaveProperty('found');
        expect(await lookUp({ kind: 'every', sort, atLeast: 10_000 })).toHaveProperty('problem');
    });
});

describe('an object that is not there', () => {
    const gone: DatabaseObject[] = [
        { kind: 'policy', on: 'public.invoices', name: 'Nobody reads anything' },
        { kind: 'policy', on: 'public.gone', name: 'Nobody reads anything' },
        { kind: 'constraint', on: 'public.invoices', name: 'gone' },
        { kind: 'trigger', on: 'public.invoices', name: 'gone' },
        { kind: 'event trigger', name: 'gone' },
        { kind: 'function', name: 'private.accounts_with(uuid)' },
        { kind: 'table', name: 'public.gone' },
        { kind: 'table', name: 'public.invoices_pkey' },
        { kind: 'index', name: 'public.gone' },
        { kind: 'schedule', name: 'gone' },
        { kind: 'rights', on: 'public.gone', of: 'anon', exactly: [] },
        { kind: 'rights', on: 'public.invoices', of: 'gone', exactly: [] }
    ];
    it.each(gone)('is a problem: %o', async (object) => {
        expect(await lookUp(object)).toHaveProperty('problem');
    });
});

describe('an object that is there and does nothing', () => {
    /** Looks it up after a change that is undone again. */
    async function after(change: string, object: DatabaseObject) {
        const undone = new Error('undone');
        let looked: unknown;
        await sql
            .begin(async (transaction) => {
                await transaction.unsafe(change);
                // A transaction speaks the same queries as a connection; only its life is another.
                looked = await catalog(transaction as unknown as Sql)(object);
                throw undone;
            })
            .catch((error: unknown) => {
                if (error !== undone) throw error;
            });
        return looked;
    }

    it.each<[string, string, DatabaseObject]>([
        [
            'a trigger that is disabled',
            'alter table public.roles disable trigger touch',
            { kind: 'trigger', on: 'public.roles', name: 'touch' }
        ],
        [
            'a constraint that old rows need not meet',
            `alter table public.roles drop constraint role_name_is_not_blank,
                add constraint role_name_is_not_blank check (name <> '') not valid`,
            { kind: 'constraint', on: 'public.roles', name: 'role_name_is_not_blank' }
        ],
        [
            'a right that was given back',
            'grant select on audit.heads to anon',
            { kind: 'rights', on: 'audit.heads', of: 'anon', exactly: [] }
        ]
    ])('is a problem: %s', async (_, change, object) => {
        expect(await lookUp(object)).toHaveProperty('found');
        expect(await after(change, object)).toHaveProperty('problem');
    });
});
