// The audit trail against somebody who owns the schema: as superuser, with every trigger off, chains that were anchored
// are changed in every way we could think of. Both verifiers must find each, name the same record and the same reason;
// and they must find nothing on chains that nobody touched.
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
import { anchorFile, exportOf, exportsOf, sha256, verifyInSql, verifyOffline } from '../support/audit.ts';
import {
    after,
    BELL,
    chainOf,
    closeGround,
    FINCH,
    HONEST,
    kept,
    keys,
    openGround,
    sql,
    verdictOf,
    verdicts,
    type Verdict
} from './tamper/ground.ts';
import { bad, record, relinked, run, same, TAMPERS } from './tamper/tampers.ts';

beforeAll(openGround, 120_000);
afterAll(closeGround);

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

describe.each(TAMPERS)('somebody who owns the schema and %s', (_, tampers) => {
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
