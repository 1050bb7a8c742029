// What the catalog itself must show, whatever is added to the schema later.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import postgres from 'postgres';
import type { TransactionSql } from 'postgres';
import { afterAll, describe, expect, test } from 'vitest';
import { stack } from '../support/stack.ts';
import { setTheScene } from './matrix.ts';

const owner = postgres(stack().databaseUrl, { max: 1, onnotice: () => undefined });
const OURS = ['public', 'private', 'service', 'audit', 'billing', 'mail'];

afterAll(() => owner.end());

/** The first column of what a query finds; empty is what these tests want. */
async function found(query: postgres.PendingQuery<postgres.Row[]>): Promise<unknown[]> {
    return (await query).map((row) => Object.values(row).join(' '));
}

describe('tables', () => {
    test('[ISO-2] row-level security is enabled and forced on every table of ours', async () => {
        const open = await found(owner`
            select c.oid::regclass
            from pg_class as c
            where c.relnamespace::regnamespace::text = any (${OURS})
              and c.relkind in ('r', 'p')
              and not (c.relrowsecurity and c.relforcerowsecurity)
        `);
        expect(open).toEqual([]);
    });

    test('[ISO-2] nobody may truncate, refer to, put triggers on or maintain a table of ours', async () => {
        const granted = await found(owner`
            select c.oid::regclass, role, privilege
            from pg_class as c,
                 unnest(array['anon', 'authenticated', 'service_role']) as role,
                 unnest(array['truncate', 'references', 'trigger', 'maintain']) as privilege
            where c.relnamespace::regnamespace::text = any (${OURS})
              and c.relkind in ('r', 'p', 'v', 'm')
              and has_table_privilege(role, c.oid, privilege)
        `);
        expect(granted).toEqual([]);
    });

    test('[ISO-4] the API’s roles have no right on any table that is not in public', async () => {
        const granted = await found(owner`
            select c.oid::regclass, role
            from pg_class as c,
                 unnest(array['anon', 'authenticated', 'service_role']) as role
            where c.relnamespace::regnamespace::text = any (${OURS.filter((schema) => schema !== 'public')})
              and c.relkind in ('r', 'p', 'v', 'm', 'S')
              and case c.relkind
                  when 'S' then has_sequence_privilege(role, c.oid, 'usage, select, update')
                  else has_any_column_privilege(role, c.oid, 'select, insert, update, references')
                      or has_table_privilege(role, c.oid, 'delete')
              end
        `);
        expect(granted).toEqual([]);
    });

    test('[ISO-1] anon and the service key have no right on any table in public', async () => {
        const granted = await found(owner`
            select c.oid::regclass, role
            from pg_class as c,
                 unnest(array['anon', 'service_role']) as role
            where c.relnamespace = 'public'::regnamespace
              and c.relkind in ('r', 'p', 'v', 'm')
              and (
                  has_any_column_privilege(role, c.oid, 'select, insert, update, references')
                  or has_table_privilege(role, c.oid, 'delete')
              )
        `);
        expect(granted).toEqual([]);
    });

    test('every table and every function of ours says what it is for', async () => {
        const silent = await found(owner`
            select c.oid::regclass::text
            from pg_class as c
            where c.relnamespace::regnamespace::text = any (${OURS})
              and c.relkind in ('r', 'p', 'v', 'm')
              and obj_description(c.oid, 'pg_class') is null
            union all
            select p.oid::regprocedure::text
            from pg_proc as p
            where p.pronamespace::regnamespace::text = any (${OURS})
              and obj_description(p.oid, 'pg_proc') is null
        `);
        expect(silent).toEqual([]);
    });
});

describe('policies', () => {
    test('[ISO-1] every policy names the roles it is for, and none is for everybody', async () => {
        const open = await found(owner`
            select schemaname, tablename, policyname
            from pg_policies
            where schemaname = any (${[...OURS, 'storage']})
              and (roles && array['public']::name[] or roles <> array['authenticated']::name[])
              and not (tablename = 'objects' and roles = array['anon']::name[] and cmd = 'SELECT')
        `);
        expect(open).toEqual([]);
    });

    test('[ISO-1] every policy asks who it is, once per statement, and calls no function on a column', async () => {
        const policies = await owner<{ policy: string; terms: string }[]>`
            select tablename || ': ' || policyname as policy, concat_ws(' ', qual, with_check) as terms
            from pg_policies
            where schemaname = any (${[...OURS, 'storage']})
        `;
        const wrong = policies.filter(({ terms }) => {
            const calls = [...terms.matchAll(/(\w+\.\w+)\(([^()]*)\)(?=(.{0,5}))/gs)].filter(
                ([, name = '']) => !name.startsWith('opened.')
            );
            const constant = calls.every(([, , args = '']) => /^('[^']*'::text)?$/.test(args));
            const once = calls.every(([call]) =>
                new RegExp(`SELECT ${escape(call)} AS|FROM ${escape(call)} `).test(terms)
            );
            return calls.length === 0 || !constant || !once;
        });
        expect(policies.length).toBeGreaterThan(60);
        expect(wrong).toEqual([]);
    });

    test('[ADM-4] every table of an account is closed, verb by verb, where the state of the account forbids it', async () => {
        const open = await found(owner`
            select c.oid::regclass, verb
            from pg_class as c, unnest(array['r', 'a', 'w', 'd']) as verb
            where c.relnamespace = 'public'::regnamespace
              and c.relkind in ('r', 'p')
              and c.oid <> 'public.permissions'::regclass
              and not exists (
                  select
                  from pg_policy as p
                  where p.polrelid = c.oid
                    and not p.polpermissive
                    and p.polcmd = verb::"char"
                    and concat(pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
                        ~ case verb when 'r' then 'accounts_that_allow\\(''member_reads''' else 'accounts_that_allow\\(''member_writes''' end
              )
        `);
        expect(open).toEqual([]);
    });
});

describe('functions', () => {
    const reviewed = readFileSync(join(import.meta.dirname, 'reviewed-definers.txt'), 'utf8')
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'))
        .map((line) => line.replace(/ {2,}/, ' · '));

    test('[ISO-4] what runs with its owner’s rights is on the reviewed list, with who may run it', async () => {
        const definers = await found(owner`
            select p.pronamespace::regnamespace || '.' || p.proname || '(' || (
                select coalesce(string_agg(format_type(type, null), ',' order by place), '')
                from unnest(p.proargtypes) with ordinality as argument (type, place)
            ) || ') · ' || coalesce(
                (
                    select string_agg(role, ' ' order by role)
                    from unnest(array['anon', 'authenticated', 'service_role']) as role
                    where has_function_privilege(role, p.oid, 'execute')
                ),
                'nobody'
            )
            from pg_proc as p
            where p.prosecdef
              and p.pronamespace::regnamespace::text = any (${OURS})
        `);
        expect(definers.toSorted()).toEqual(reviewed.toSorted());
    });

    test('[ISO-4] none of them can be called from outside by anybody who is not our edge functions', async () => {
        expect(reviewed.filter((line) => line.startsWith('public.'))).toEqual([]);
        const exposed = await found(owner`
            select p.oid::regprocedure, role
            from pg_proc as p, unnest(array['anon', 'authenticated']) as role
            where p.pronamespace = 'service'::regnamespace
              and has_function_privilege(role, p.oid, 'execute')
        `);
        expect(exposed).toEqual([]);
    });

    test('[ISO-4] every function of ours fixes its search_path to nothing, and none may be run by everybody', async () => {
        const loose = await found(owner`
            select p.oid::regprocedure
            from pg_proc as p
            where p.pronamespace::regnamespace::text = any (${OURS})
              and (
                  not coalesce(p.proconfig, '{}') @> array['search_path=""']
                  or exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as acl where acl.grantee = 0)
              )
        `);
        expect(loose).toEqual([]);
    });
});

describe('references', () => {
    type Reference = { name: string; child: string; parent: string; columns: string[]; targets: string[] };

    const references = (sql: postgres.ISql) => sql<Reference[]>`
        select
            f.conname as name,
            f.conrelid::regclass::text as child,
            f.confrelid::regclass::text as parent,
            array(
                select a.attname::text
                from unnest(f.conkey) with ordinality as k (attnum, place)
                join pg_attribute as a on a.attrelid = f.conrelid and a.attnum = k.attnum
                order by k.place
            ) as columns,
            array(
                select a.attname::text
                from unnest(f.confkey) with ordinality as k (attnum, place)
                join pg_attribute as a on a.attrelid = f.confrelid and a.attnum = k.attnum
                order by k.place
            ) as targets
        from pg_constraint as f
        where f.contype = 'f'
          and f.connamespace::regnamespace::text = any (${OURS})
          and exists (select from pg_attribute as a where a.attrelid = f.confrelid and a.attname = 'account_id')
        order by 1
    `;

    test('[ISO-3] every reference to a row of an account carries the account', async () => {
        const all = await references(owner);
        const loose = all.filter(
            ({ columns, targets }) => columns[0] !== 'account_id' || targets[0] !== 'account_id'
        );
        expect(all.length).toBeGreaterThan(15);
        expect(loose).toEqual([]);
    });

    test('[ISO-3] for every foreign key in the catalog: pointing it at another account’s row fails', async () => {
        const undo = new Error('undo');
        const crossed: string[] = [];
        let tried = 0;
        await owner
            .begin(async (sql) => {
                await setTheScene(sql);
                await fillTheRest(sql);
                for (const reference of await references(sql)) {
                    tried += 1;
                    const answer = await pointAcross(sql, reference, undo);
                    if (answer !== 'refused by a key')
                        crossed.push(`${reference.child} ${reference.name}: ${answer}`);
                }
                throw undo;
            })
            .catch((error: unknown) => {
                if (error !== undo) throw error;
            });
        expect(crossed).toEqual([]);
        expect(tried).toBeGreaterThan(15);
    });

    /**
     * Points rows of bell at a row of finch, one after the other, as the owner of the database. Says what happened where
     * no key refused: an issued invoice is closed to every change, so that only its draft shows the key at work.
     */
    async function pointAcross(sql: TransactionSql, reference: Reference, undo: Error): Promise<string> {
        const { child, parent, columns, targets } = reference;
        const foreign = columns.filter((column) => column !== 'account_id');
        const wanted = targets.filter((column) => column !== 'account_id').map((column) => `p.${column}`);
        const rows = await sql.unsafe<{ at: string }[]>(
            `select ctid::text as at from ${child} where account_id = tests.id('bell')`
        );
        let answer = `there is no row of bell in ${child}`;
        for (const { at } of rows) {
            try {
                await sql.savepoint(async (inner) => {
                    await inner.unsafe(`
                        update ${child}
                        set (${foreign.join(', ')}) = (
                            select ${wanted.join(', ')}
                            from ${parent} as p
                            where p.account_id = tests.id('finch') and (${wanted.join(', ')}) is not null
                            limit 1
                        )
                        where ctid = '${at}'
                    `);
                    throw undo;
                });
            } catch (error) {
                if (error === undo) return 'nothing refused it';
                if ((error as { code?: string }).code === '23503') return 'refused by a key';
                answer = String(error);
            }
        }
        return answer;
    }

    /** Rows where the matrix needs none: in what is not exposed, and an invoice whose PDF is still awaited. */
    async function fillTheRest(sql: TransactionSql): Promise<void> {
        for (const name of ['bell', 'finch']) {
            await sql`select tests.issued(${name}, 'newest invoice')`;
        }
    }
});

function escape(text: string): string {
    return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
