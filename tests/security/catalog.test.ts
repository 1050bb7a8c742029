// What the catalog's own entries do when they are tried. What they must look like is said by the rules in tests/database/lints.
import postgres from 'postgres';
import type { TransactionSql } from 'postgres';
import { afterAll, describe, expect, test } from 'vitest';
import { stack } from '../support/stack.ts';
import { setTheScene } from './matrix.ts';

const owner = postgres(stack().databaseUrl, { max: 1, onnotice: () => undefined });
const OURS = ['public', 'private', 'service', 'audit', 'billing', 'mail'];

afterAll(() => owner.end());

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
