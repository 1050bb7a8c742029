// What somebody who owns the schema could do to a chain: each with what both verifiers must find.
import type { TransactionSql } from 'postgres';
import type { Reason } from '../../../src/lib/domain/audit/verify.ts';
import { BELL, chainOf, FINCH, type Verdict } from './ground.ts';

/** What is done, what is found, and how it is done. `order` is the order in which records are linked anew. */
export type Tamper = [what: string, found: Verdict, how: (on: TransactionSql) => Promise<unknown>];

export const bad = (seq: number | null, reason: Reason): Verdict => ({ seq, reason });
export const record = (place: number, chain = BELL): string =>
    `(select pg_temp.record_at('${chain}', ${place}))`;
export const run =
    (...statements: string[]) =>
    async (on: TransactionSql): Promise<void> => {
        for (const statement of statements) await on.unsafe(statement);
    };
/** All hashes valid again, over the records in the order that `change` gives them. */
export const relinked =
    (change: (ids: string[]) => string[], ...before: string[]) =>
    async (on: TransactionSql): Promise<void> => {
        const [row] = await on<{ ids: string[] }[]>`select pg_temp.records_of(${BELL}) as ids`;
        await run(...before)(on);
        await on`select pg_temp.relink(${BELL}, ${change(row?.ids ?? [])})`;
    };
export const same = (ids: string[]): string[] => ids;
const without = (place: number) => (ids: string[]) => ids.filter((_, index) => index !== place - 1);
const swapped =
    (one: number, other: number) =>
    (ids: string[]): string[] =>
        ids.map(
            (id, index) =>
                (index === one - 1 ? ids[other - 1] : index === other - 1 ? ids[one - 1] : id) ?? id
        );

const EDITS: Tamper[] = [
    [
        'a value',
        bad(4, 'value_changed'),
        run(
            `update audit.field_values set fields = jsonb_set(fields, '{@detail,1}', '"{}"') where record_id = ${record(4)}`
        )
    ],
    [
        'a salt',
        bad(4, 'value_changed'),
        run(
            `update audit.field_values set fields = jsonb_set(fields, '{@detail,0}', '"00"') where record_id = ${record(4)}`
        )
    ],
    [
        'a salt, for what is no hex',
        bad(4, 'value_changed'),
        run(
            `update audit.field_values set fields = jsonb_set(fields, '{@detail,0}', '"salt"') where record_id = ${record(4)}`
        )
    ],
    [
        'a value, for none',
        bad(4, 'value_changed'),
        run(
            `update audit.field_values set fields = jsonb_set(fields, '{@detail,1}', 'null') where record_id = ${record(4)}`
        )
    ],
    [
        'two values, one put for the other',
        bad(4, 'value_changed'),
        run(
            `update audit.field_values set fields = jsonb_build_object('@actor', fields -> '@detail', '@detail', fields -> '@actor') where record_id = ${record(4)}`
        )
    ],
    [
        'a value that nobody committed to',
        bad(4, 'value_changed'),
        run(
            `update audit.field_values set fields = fields || '{"total_pence": ["00", "[1, 2]"]}' where record_id = ${record(4)}`
        )
    ],
    [
        'the values of two records, one put for the other',
        bad(4, 'value_changed'),
        run(`
        update audit.field_values as v
            set fields = (
                select o.fields
                from audit.field_values as o
                where o.record_id = case v.record_id when ${record(4)} then ${record(6)} else ${record(4)} end
            )
            where v.record_id in (${record(4)}, ${record(6)})`)
    ],
    [
        'a commitment',
        bad(4, 'record_changed'),
        run(
            `update audit.records set commitments = overlay(commitments placing '00' from 8) where id = ${record(4)}`
        )
    ],
    [
        'a value with its commitment',
        bad(4, 'record_changed'),
        run(`select pg_temp.recommit(${record(4)}, '@detail', '{"amount": 99}')`)
    ],
    [
        'all commitments, as if there had been nothing',
        bad(4, 'record_changed'),
        run(
            `update audit.records set commitments = '' where id = ${record(4)}`,
            `delete from audit.field_values where record_id = ${record(4)}`
        )
    ],
    [
        'a link',
        bad(4, 'link_changed'),
        run(`update audit.links set hash = sha256('') where chain_id = '${BELL}' and seq = 4`)
    ],
    [
        'the first link',
        bad(1, 'link_changed'),
        run(`update audit.links set hash = sha256('') where chain_id = '${BELL}' and seq = 1`)
    ],
    [
        'the link where the anchor stands',
        bad(12, 'link_changed'),
        run(`update audit.links set hash = sha256('') where chain_id = '${BELL}' and seq = 12`)
    ],
    ['the stored head', null, run(`update audit.heads set hash = sha256('') where chain_id = '${BELL}'`)]
];

const DELETIONS: Tamper[] = [
    ['a record', bad(4, 'record_missing'), run(`delete from audit.records where id = ${record(4)}`)],
    ['a link', bad(4, 'link_missing'), run(`delete from audit.links where chain_id = '${BELL}' and seq = 4`)],
    [
        'three links in a row',
        bad(3, 'link_missing'),
        run(`delete from audit.links where chain_id = '${BELL}' and seq between 3 and 5`)
    ],
    [
        'a record with its link and values',
        bad(4, 'link_missing'),
        run(
            `delete from audit.field_values where record_id = ${record(4)}`,
            `delete from audit.records where id = ${record(4)}`,
            `delete from audit.links where chain_id = '${BELL}' and seq = 4`
        )
    ],
    [
        'a record, and the gap closed',
        bad(4, 'record_changed'),
        run(
            `delete from audit.records where id = ${record(4)}`,
            `delete from audit.links where chain_id = '${BELL}' and seq = 4`,
            `update audit.links set seq = -seq where chain_id = '${BELL}' and seq > 4`,
            `update audit.links set seq = -seq - 1 where chain_id = '${BELL}' and seq < 0`
        )
    ],
    [
        'a record, and every hash after it made valid',
        bad(8, 'head_differs'),
        async (on) => {
            await relinked(without(4))(on);
            await on`delete from audit.records as r where r.chain_id = ${BELL} and not exists (select from audit.links as l where l.record_id = r.id)`;
        }
    ],
    [
        'the whole chain',
        bad(1, 'cut_tail'),
        run(
            ...['field_values', 'records', 'links', 'heads'].map(
                (table) => `delete from audit.${table} where chain_id = '${BELL}'`
            )
        )
    ]
];

const INSERTIONS: Tamper[] = [
    [
        'a record without a link',
        bad(null, 'record_unlinked'),
        run(`select pg_temp.forge('${BELL}', ${record(4)})`)
    ],
    [
        'a record at the place of another',
        bad(4, 'record_changed'),
        run(
            `update audit.links set record_id = pg_temp.forge('${BELL}', ${record(4)}) where chain_id = '${BELL}' and seq = 4`
        )
    ],
    [
        'a record in between, with a hash that fits it',
        bad(5, 'record_changed'),
        async (on) => {
            await run(
                `update audit.links set seq = -seq - 1 where chain_id = '${BELL}' and seq > 3`,
                `update audit.links set seq = -seq where chain_id = '${BELL}' and seq < 0`
            )(on);
            const [row] = await on<
                { id: string }[]
            >`select pg_temp.forge(${BELL}, ${on.unsafe(record(3))}) as id`;
            await on`
                insert into audit.links (chain_id, seq, record_id, hash)
                select l.chain_id, 4, r.id, sha256(l.hash || int8send(4) || audit.digest(r))
                from audit.links as l, audit.records as r
                where l.chain_id = ${BELL}
                  and l.seq = 3
                  and r.id = ${row?.id ?? ''}
            `;
        }
    ],
    [
        'a record in between, and every hash after it made valid',
        bad(8, 'head_differs'),
        async (on) => {
            const [row] = await on<
                { id: string }[]
            >`select pg_temp.forge(${BELL}, ${on.unsafe(record(4))}) as id`;
            await relinked((ids) => ids.toSpliced(3, 0, row?.id ?? ''))(on);
        }
    ]
];

const REORDERINGS: Tamper[] = [
    [
        'two links',
        bad(3, 'record_changed'),
        run(
            `update audit.links as l set record_id = -l.record_id where l.chain_id = '${BELL}' and l.seq in (3, 6)`,
            `update audit.links as l set record_id = -o.record_id from audit.links as o
        where l.chain_id = '${BELL}' and o.chain_id = '${BELL}' and (l.seq, o.seq) in ((3, 6), (6, 3))`
        )
    ],
    [
        'what two records say',
        bad(3, 'record_changed'),
        run(
            `update audit.records as r set (entity_id, commitments) = (select o.entity_id, o.commitments from audit.records as o where o.id = case r.id when ${record(3)} then ${record(6)} else ${record(3)} end)
        where r.id in (${record(3)}, ${record(6)})`
        )
    ],
    ['two records, and every hash made valid', bad(8, 'head_differs'), relinked(swapped(3, 6))],
    [
        'two records after the first anchor, and every hash made valid',
        bad(12, 'head_differs'),
        relinked(swapped(9, 11))
    ]
];

const CUTS: Tamper[] = [
    [
        'its last links',
        bad(11, 'cut_tail'),
        run(`delete from audit.links where chain_id = '${BELL}' and seq > 10`)
    ],
    [
        'its last links and records',
        bad(11, 'cut_tail'),
        run(
            `delete from audit.records where chain_id = '${BELL}' and id >= ${record(11)}`,
            `delete from audit.links where chain_id = '${BELL}' and seq > 10`
        )
    ],
    [
        'its tail, as if it had never been',
        bad(11, 'cut_tail'),
        async (on) => {
            await relinked((ids) => ids.slice(0, 10))(on);
            await on`delete from audit.records as r where r.chain_id = ${BELL} and not exists (select from audit.links as l where l.record_id = r.id)`;
        }
    ],
    [
        'its tail, and other records put there',
        bad(12, 'head_differs'),
        async (on) => {
            const [row] = await on<
                { id: string }[]
            >`select pg_temp.forge(${BELL}, ${on.unsafe(record(4))}) as id`;
            await relinked((ids) => [...ids.slice(0, 10), row?.id ?? '', ...ids.slice(11)])(on);
            await on`delete from audit.records as r where r.chain_id = ${BELL} and not exists (select from audit.links as l where l.record_id = r.id)`;
        }
    ]
];

const REWRITES: Tamper[] = [
    [
        'from the first record on',
        bad(8, 'head_differs'),
        relinked(same, `update audit.records set action = 'invoice.paid' where id = ${record(1)}`)
    ],
    [
        'with another value and its commitment',
        bad(8, 'head_differs'),
        relinked(same, `select pg_temp.recommit(${record(4)}, '@detail', '{"amount": 99}')`)
    ],
    [
        'after the first anchor',
        bad(12, 'head_differs'),
        relinked(same, `update audit.records set actor_id = gen_random_uuid() where id = ${record(10)}`)
    ],
    [
        'in the last record that was anchored',
        bad(12, 'head_differs'),
        relinked(same, `update audit.records set result = 'failed' where id = ${record(12)}`)
    ],
    [
        'together with the stored anchors',
        bad(8, 'head_differs'),
        async (on) => {
            await relinked(
                same,
                `update audit.records set action = 'invoice.paid' where id = ${record(1)}`
            )(on);
            await run(
                `update audit.anchor_heads as h set hash = l.hash from audit.links as l where l.chain_id = h.chain_id and l.seq = h.seq and h.chain_id = '${BELL}'`,
                `update audit.anchors set root = sha256(root), statement_hash = sha256(statement_hash)`
            )(on);
        }
    ],
    [
        'as another chain',
        bad(8, 'head_differs'),
        async (on) => {
            const [row] = await on<{ ids: string[] }[]>`select pg_temp.records_of(${FINCH}) as ids`;
            await run(
                `update audit.records set chain_id = '${chainOf(9999)}' where chain_id = '${BELL}'`,
                `update audit.records set chain_id = '${BELL}' where chain_id = '${FINCH}'`,
                `delete from audit.links where chain_id = '${FINCH}'`
            )(on);
            await on`select pg_temp.relink(${BELL}, ${row?.ids ?? []})`;
        }
    ]
];

const SWAPS: Tamper[] = [
    [
        'a record',
        bad(4, 'record_changed'),
        run(
            `update audit.records as r set chain_id = case r.chain_id when '${BELL}' then '${FINCH}'::uuid else '${BELL}' end
        where r.id in (${record(4)}, ${record(4, FINCH)})`
        )
    ],
    [
        'a record under the link',
        bad(4, 'record_changed'),
        run(
            `update audit.links as l set record_id = -l.record_id where l.chain_id in ('${BELL}', '${FINCH}') and l.seq = 4`,
            `update audit.links as l set record_id = -o.record_id from audit.links as o
        where l.chain_id = '${BELL}' and o.chain_id = '${FINCH}' and l.seq = 4 and o.seq = 4`
        )
    ],
    [
        'a link',
        bad(4, 'record_changed'),
        run(
            `update audit.links as l set (record_id, hash) = (-o.record_id, o.hash) from audit.links as o
        where l.seq = 4 and o.seq = 4 and (l.chain_id, o.chain_id) in (('${BELL}', '${FINCH}'), ('${FINCH}', '${BELL}'))`,
            `update audit.links as l set record_id = -l.record_id where l.record_id < 0`
        )
    ],
    [
        'every link',
        bad(1, 'record_changed'),
        run(
            `update audit.links set seq = -seq, chain_id = '${FINCH}' where chain_id = '${BELL}'`,
            `update audit.links set chain_id = '${BELL}' where chain_id = '${FINCH}' and seq > 0`,
            `update audit.links set seq = -seq where seq < 0`
        )
    ],
    [
        'a record, and every hash made valid',
        bad(8, 'head_differs'),
        relinked(
            (ids) => ids,
            `update audit.records set entity_id = (select o.entity_id from audit.records as o where o.id = ${record(4, FINCH)}) where id = ${record(4)}`
        )
    ]
];

/** Every tamper, by what is done. */
export const TAMPERS: [deed: string, tampers: Tamper[]][] = [
    ['edits', EDITS],
    ['deletes', DELETIONS],
    ['inserts', INSERTIONS],
    ['reorders', REORDERINGS],
    ['cuts off', CUTS],
    ['rewrites with valid hashes', REWRITES],
    ['swaps between two accounts', SWAPS]
];
