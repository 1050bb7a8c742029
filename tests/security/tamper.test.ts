// The audit trail against somebody who owns the schema: as superuser, with every trigger off, chains that were anchored
// are changed in every way we could think of. Both verifiers must find each, name the same record and the same reason;
// and they must find nothing on chains that nobody touched.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import postgres, { type ISql, type Sql, type TransactionSql } from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
    base64url,
    headLeaf,
    keyId,
    NO_ANCHOR,
    statementText,
    type AnchorFile,
    type Head,
    type PublicKey
} from '../../src/lib/domain/audit/anchor.ts';
import { merkleTree } from '../../src/lib/domain/audit/merkle.ts';
import type { Reason } from '../../src/lib/domain/audit/verify.ts';
import {
    anchorFile,
    anchorNow,
    exportOf,
    exportsOf,
    publishedKeys,
    sha256,
    verifyInSql,
    verifyOffline
} from '../support/audit.ts';
import { startOwnStack, type OwnStack } from '../support/stack.ts';

const HONEST = 1000;
const chainOf = (n: number): string => `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`;
/** Chains that the suite tampers with: eight records when first anchored, twelve when anchored again, fourteen now. */
const BELL = chainOf(5001);
const FINCH = chainOf(5002);

let stack: OwnStack;
let sql: Sql;
/** What a reader kept outside, before anybody tampered. */
let keys: PublicKey[];
const kept = new Map<string, AnchorFile[]>();

const addActs = async (first: number, last: number, acts: number): Promise<void> => {
    await sql.unsafe(`call pg_temp.honest_chains(${first}, ${last}, ${acts})`).simple();
};
const anchorAll = async (): Promise<void> => {
    expect(await anchorNow(stack.info)).toMatchObject({ status: 200 });
    for (const chain of [BELL, FINCH])
        kept.set(chain, [...(kept.get(chain) ?? []), await anchorFile(sql, chain)]);
};

beforeAll(async () => {
    stack = await startOwnStack();
    sql = postgres(stack.info.superuserUrl, { max: 1, onnotice: () => undefined });
    await sql.unsafe(readFileSync(join(import.meta.dirname, 'tamper.sql'), 'utf8'));
    await addActs(1, HONEST, 3);
    await sql`select audit.erase_person('user', '00000000-0000-7000-8000-00000000feed')`;
    await addActs(5001, 5002, 8);
    await anchorAll();
    await addActs(5001, 5002, 4);
    await anchorAll();
    await addActs(5001, 5002, 2);
    keys = await publishedKeys(sql);
}, 120_000);

afterAll(async () => {
    await sql?.end();
    await stack?.stopAndForget();
});

type Verdict = { seq: number | null; reason: Reason } | null;
const verdictOf = (bad: Verdict): Verdict => bad && { seq: bad.seq, reason: bad.reason };

/** Both verifiers' word on a chain, each against the anchors that were kept outside. */
async function verdicts(on: ISql, chain = BELL): Promise<{ inSql: Verdict; offline: Verdict }> {
    const anchors = kept.get(chain) ?? [];
    let inSql: Verdict = null;
    for (const head of [...anchors.map(({ head: anchored, at }) => ({ ...anchored, at })), null])
        inSql ??= (await verifyInSql(on, chain, head, 5)).bad;
    const offline = (await verifyOffline(await exportOf(on, chain), anchors, keys)).bad;
    return { inSql: verdictOf(inSql), offline: verdictOf(offline) };
}

const TABLES = [
    'records',
    'field_values',
    'links',
    'heads',
    'anchors',
    'anchor_heads',
    'signing_keys',
    'segments'
];

/** Tampers with every trigger off, asks, and takes it all back. */
async function after<Answer>(
    tamper: (on: TransactionSql) => Promise<unknown>,
    ask: (on: TransactionSql) => Promise<Answer>
): Promise<Answer> {
    const undo = new Error('undo');
    let answer: Answer | undefined;
    await sql
        .begin(async (on) => {
            for (const table of TABLES) await on.unsafe(`alter table audit.${table} disable trigger all`);
            await tamper(on);
            answer = await ask(on);
            throw undo;
        })
        .catch((error: unknown) => {
            if (error !== undo) throw error;
        });
    return answer as Answer;
}

describe('an honest chain', () => {
    test(`[AUD-4] passes both verifiers, ${HONEST} times out of ${HONEST}, erased ones among them`, async () => {
        const chains = Array.from({ length: HONEST }, (_, index) => chainOf(index + 1));
        const heads = new Map<string, Head>();
        const rows = await sql<{ chain: string; file: AnchorFile; page: { bad: unknown; erased: number } }[]>`
            select c.chain, f.file, audit.verify(c.chain, f.file -> 'head') as page
            from unnest(${chains}::uuid[]) as c (chain)
            cross join lateral audit.anchor_file(c.chain) as f (file)
        `;
        const exports = await exportsOf(sql, chains);
        const alarms: string[] = [];
        let erased = 0;
        for (const { chain, file, page } of rows) {
            heads.set(chain, file.head);
            const report = await verifyOffline(exports.get(chain) ?? [], [file], keys);
            if (page.bad !== null || report.bad !== null || report.anchored === null) alarms.push(chain);
            expect(report.erased, chain).toBe(page.erased);
            if (report.erased > 0) erased += 1;
        }
        expect(alarms).toEqual([]);
        expect(heads.size).toBe(HONEST);
        expect(erased).toBe(Math.floor(HONEST / 3));
    }, 60_000);

    test('[AUD-5] stays whole when a person is erased, and a value put in the place of an erased one is found', async () => {
        const chain = chainOf(3);
        const exported = await exportOf(sql, chain);
        const report = await verifyOffline(exported, [await anchorFile(sql, chain)], keys);
        expect(report).toMatchObject({ bad: null, erased: 3 });
        expect(exported.join('\n')).not.toContain('Ørsted');
        const found = await after(
            (on) => on`
                update audit.field_values as v
                set fields = fields || jsonb_build_object('@actor', jsonb_build_array(repeat('00', 16), '["Somebody else"]'))
                where v.record_id = pg_temp.record_at(${chain}, 2)
            `,
            (on) => verdicts(on, chain)
        );
        expect(found.inSql).toEqual({ seq: 2, reason: 'value_changed' });
        expect(found.offline).toEqual(found.inSql);
    });

    test('[AUD-4] passes while the suite has not begun', async () => {
        for (const chain of [BELL, FINCH])
            expect(await verdicts(sql, chain)).toEqual({ inSql: null, offline: null });
    });
});

/** What is done, what is found, and how it is done. `order` is the order in which records are linked anew. */
type Tamper = [what: string, found: Verdict, how: (on: TransactionSql) => Promise<unknown>];

const bad = (seq: number | null, reason: Reason): Verdict => ({ seq, reason });
const record = (place: number, chain = BELL): string => `(select pg_temp.record_at('${chain}', ${place}))`;
const run =
    (...statements: string[]) =>
    async (on: TransactionSql): Promise<void> => {
        for (const statement of statements) await on.unsafe(statement);
    };
/** All hashes valid again, over the records in the order that `change` gives them. */
const relinked =
    (change: (ids: string[]) => string[], ...before: string[]) =>
    async (on: TransactionSql): Promise<void> => {
        const [row] = await on<{ ids: string[] }[]>`select pg_temp.records_of(${BELL}) as ids`;
        await run(...before)(on);
        await on`select pg_temp.relink(${BELL}, ${change(row?.ids ?? [])})`;
    };
const same = (ids: string[]): string[] => ids;
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

describe.each([
    ['edits', EDITS],
    ['deletes', DELETIONS],
    ['inserts', INSERTIONS],
    ['reorders', REORDERINGS],
    ['cuts off', CUTS],
    ['rewrites with valid hashes', REWRITES],
    ['swaps between two accounts', SWAPS]
])('somebody who owns the schema and %s', (_, tampers) => {
    test.each(tampers)('[AUD-4] %s is found by both verifiers', async (_what, expected, how) => {
        const found = await after(how, verdicts);
        // The stored head is the database's own word and stands in no export.
        expect(found.inSql, 'audit.verify').toEqual(expected ?? bad(14, 'head_differs'));
        expect(found.offline, 'the offline verifier').toEqual(expected);
    });
});

describe('somebody who owns the schema and pretends that old months were dropped', () => {
    /** As if everything up to the first anchor, at record 8, were more than a year old. */
    const segment = `
        insert into audit.segments (chain_id, last_seq, hash, anchor_number, recorded_before)
        select '${BELL}', h.seq, h.hash, h.number, now()
        from audit.anchor_heads as h
        where h.chain_id = '${BELL}'
          and h.seq = 8
    `;

    test('[AUD-4] to hide a changed record is found by both verifiers', async () => {
        const found = await after(
            run(segment, `update audit.records set action = 'invoice.paid' where id = ${record(4)}`),
            verdicts
        );
        expect(found).toEqual({ inSql: bad(4, 'record_changed'), offline: bad(4, 'record_changed') });
    });

    test('[AUD-4] to delete records before their time is found by both verifiers', async () => {
        const found = await after(
            run(
                segment,
                `delete from audit.records where chain_id = '${BELL}' and id <= ${record(8)}`,
                `delete from audit.links where chain_id = '${BELL}' and seq <= 8`
            ),
            verdicts
        );
        expect(found).toEqual({ inSql: bad(1, 'link_missing'), offline: bad(1, 'link_missing') });
    });
});

describe('somebody who owns the schema and edits one column of a record', () => {
    test('[AUD-4] is found by both verifiers, whichever column it is', async () => {
        const columns = await sql<{ name: string; type: string }[]>`
            select a.attname as name, format_type(a.atttypid, null) as type
            from pg_attribute as a
            where a.attrelid = 'audit.records'::regclass
              and a.attnum > 0
              and not a.attisdropped
        `;
        const another: Record<string, string> = {
            bigint: 'X + 1000000',
            uuid: 'gen_random_uuid()',
            xid8: `'7'`,
            'timestamp with time zone': `X + interval '1 microsecond'`,
            text: `coalesce(X, '') || ' '`,
            boolean: 'not X'
        };
        expect(columns.length).toBe(20);
        for (const { name, type } of columns) {
            const change = another[type]?.replaceAll('X', name);
            const identity =
                name === 'id' ? ['alter table audit.records alter column id set generated by default'] : [];
            const found = await after(
                run(...identity, `update audit.records set ${name} = ${change} where id = ${record(4)}`),
                verdicts
            );
            const expected = bad(4, name === 'id' ? 'record_missing' : 'record_changed');
            expect(found, name).toEqual({ inSql: expected, offline: expected });
        }
    });

    test('[AUD-4] is found by both verifiers, whichever of the anchored records it is', async () => {
        for (let place = 1; place <= 12; place += 1) {
            const found = await after(
                run(`update audit.records set request_id = 'another' where id = ${record(place)}`),
                verdicts
            );
            const expected = bad(place, 'record_changed');
            expect(found, `record ${place}`).toEqual({ inSql: expected, offline: expected });
        }
    });
});

describe('a forged anchor', () => {
    const genuine = (): AnchorFile => kept.get(BELL)?.at(-1) as AnchorFile;
    const judge = async (anchors: AnchorFile[], with_keys = keys): Promise<Verdict> =>
        verdictOf((await verifyOffline(await exportOf(sql, BELL), anchors, with_keys)).bad);

    /** An anchor over any head, signed with a key of the forger's own. */
    const forge = async (head: Head, change: Partial<AnchorFile> = {}) => {
        const pair = (await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])) as CryptoKeyPair;
        const { x = '' } = await crypto.subtle.exportKey('jwk', pair.publicKey);
        const { root } = merkleTree([headLeaf(head)], sha256);
        const key = keyId(x, sha256);
        const statement = { ...genuine(), root, size: 1, key, ...change };
        const bytes = new TextEncoder().encode(statementText(statement));
        const signature = base64url(
            new Uint8Array(await crypto.subtle.sign('Ed25519', pair.privateKey, bytes))
        );
        const anchor: AnchorFile = { ...statement, signature, head, path: [], index: 0 };
        return { anchor, x, key };
    };

    test('[AUD-4] with any part changed is not genuine', async () => {
        const anchor = genuine();
        const changes: Partial<AnchorFile>[] = [
            { signature: `${anchor.signature.startsWith('A') ? 'B' : 'A'}${anchor.signature.slice(1)}` },
            { number: anchor.number + 1 },
            { at: '2027-01-01T00:00:00.000Z' },
            { previous: NO_ANCHOR },
            { root: sha256(new Uint8Array()) },
            { size: anchor.size + 1 },
            { key: 'another' },
            { index: anchor.index + 1 },
            { path: [...anchor.path, anchor.root] }
        ];
        for (const change of changes)
            expect(await judge([{ ...anchor, ...change }]), JSON.stringify(change)).toEqual(
                bad(null, 'anchor_differs')
            );
        expect(await judge([anchor])).toBe(null);
    });

    test('[AUD-4] that states another head is found by both verifiers', async () => {
        const head = { ...genuine().head, hash: sha256(new Uint8Array()) };
        expect((await verifyInSql(sql, BELL, head)).bad).toMatchObject({ seq: 12, reason: 'head_differs' });
        expect(await judge([{ ...genuine(), head }])).toEqual(bad(12, 'head_differs'));
    });

    test('[AUD-4] signed with another key does not cover up a rewritten chain', async () => {
        const rewrite = relinked(
            same,
            `update audit.records set action = 'invoice.paid' where id = ${record(1)}`
        );
        const found = await after(rewrite, async (on) => {
            const { inSql, offline } = await verdicts(on);
            const [head] = await on<Head[]>`
                select l.chain_id, l.seq::float8 as seq, encode(l.hash, 'hex') as hash
                from audit.links as l
                where l.chain_id = ${BELL}
                  and l.seq = 12
            `;
            const { anchor, x, key } = await forge(head as Head);
            const lines = await exportOf(on, BELL);
            const own = { ...keys[0], x, kid: key } as PublicKey;
            const alias = { ...keys[0], x } as PublicKey;
            const renamed = await forge(head as Head, { key: keys[0]?.kid ?? '' });
            return {
                inSql,
                offline,
                unknownKey: verdictOf((await verifyOffline(lines, [anchor], keys)).bad),
                // The forger's key published under the name of ours.
                alias: verdictOf((await verifyOffline(lines, [renamed.anchor], [alias])).bad),
                // Published in addition: what was kept before still disagrees, and so does the forger's place among it.
                beside: verdictOf(
                    (await verifyOffline(lines, [...(kept.get(BELL) ?? []), anchor], [...keys, own])).bad
                )
            };
        });
        expect(found).toEqual({
            inSql: bad(8, 'head_differs'),
            offline: bad(8, 'head_differs'),
            unknownKey: bad(null, 'anchor_differs'),
            alias: bad(null, 'anchor_differs'),
            beside: bad(8, 'head_differs')
        });
    });

    test('[AUD-4] of two with one number, or one that does not continue the last, is a fork', async () => {
        const [first, second] = kept.get(BELL) ?? [];
        const { anchor, x, key } = await forge((second as AnchorFile).head);
        const both = [...keys, { ...keys[0], x, kid: key } as PublicKey];
        expect(await judge([first as AnchorFile, second as AnchorFile, anchor], both)).toEqual(
            bad(null, 'anchor_differs')
        );
        expect(await judge([anchor], both), 'alone it is the key’s word').toBe(null);
    });
});

describe('what can’t be claimed', () => {
    test('a record after the last anchor can be rewritten unseen, and the verifier says how many there are', async () => {
        const rewrite = relinked(
            same,
            `update audit.records set action = 'invoice.paid' where id = ${record(14)}`
        );
        const found = await after(rewrite, async (on) => {
            const report = await verifyOffline(await exportOf(on, BELL), kept.get(BELL) ?? [], keys);
            return { ...(await verdicts(on)), unanchored: report.unanchored, upTo: report.anchored?.seq };
        });
        expect(found).toEqual({ inSql: null, offline: null, unanchored: 2, upTo: 12 });
    });
});
