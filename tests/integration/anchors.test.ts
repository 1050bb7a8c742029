// The whole way of an anchor: the hour strikes, the heads are signed, the anchor leaves the database by three ways, and
// an owner's export is checked against what came out of it, without the database.
import { mkdirSync, mkdtempSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { anchorFault, forkIn, type AnchorFile, type PublicKey } from '../../src/lib/domain/audit/anchor.ts';
import {
    anchorFile,
    anchorNow,
    auditVerify,
    droppedAnchors,
    exportOf,
    publishedKeys,
    sha256,
    verifyInSql
} from '../support/audit.ts';
import { aBusiness, aPerson, admin, call, superuser, type Business } from '../support/business.ts';
import { startProduct, type Product } from '../support/product.ts';
import type { Mail } from '../support/inbox.ts';

let product: Product;
let sql: Sql;
let business: Business;
const folder = mkdtempSync(join(tmpdir(), 'anchors-'));
const file = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
};
const tick = async (seconds: number): Promise<void> => {
    await product.later(seconds, async () => {
        for (const step of ['/cron/tick', '/net/drain', '/net/drain'])
            await fetch(`${product.info.controlUrl}${step}`, { method: 'POST' });
    });
};

beforeAll(async () => {
    product = await startProduct();
    sql = superuser();
    business = await aBusiness({ name: 'Hart & Sons' });
});

afterAll(async () => {
    await sql.end();
    await product.stop();
    rmSync(folder, { recursive: true });
});

describe('an hour later', () => {
    it('[AUD-4] the heads that moved are signed, and a copy lies outside the database', async () => {
        await tick(3600);
        const [newest] = droppedAnchors(product.stack.stateDir);
        expect(newest?.number).toBe(1);
        const chains = newest?.heads.map(({ chain_id }) => chain_id) ?? [];
        expect(chains).toContain(business.accountId);
        expect(chains).toEqual(chains.toSorted());
        const [head] = await sql`
            select l.seq::float8 as seq, encode(l.hash, 'hex') as hash
            from audit.links as l
            where l.chain_id = ${business.accountId}
            order by l.seq desc
            limit 1
        `;
        expect(newest?.heads.find(({ chain_id }) => chain_id === business.accountId)).toEqual({
            chain_id: business.accountId,
            ...head
        });
        expect(await anchorFault(newest!, await publishedKeys(sql), sha256)).toBe(null);
    });

    it('[AUD-4] nothing is anchored again that did not move', async () => {
        expect(await anchorNow(product.info)).toEqual({ status: 200, anchored: 0, delivered: 0, left: 0 });
    });
});

describe('the public', () => {
    const get = (path: string) => fetch(`${product.addresses[0]}${path}`);

    it('[AUD-4] reads statements, roots, signatures and keys, and no account', async () => {
        const answer = await get('/security/anchors.json');
        expect(answer.status).toBe(200);
        const text = await answer.text();
        const { anchors, keys, before } = JSON.parse(text) as {
            anchors: object[];
            keys: PublicKey[];
            before: number | null;
        };
        const {
            head: _head,
            path: _path,
            index: _index,
            ...statement
        } = await anchorFile(sql, business.accountId);
        expect(anchors).toContainEqual(statement);
        expect(before).toBe(null);
        expect(keys.map(({ kid }) => kid)).toEqual([statement.key]);
        expect(text).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-/);
        expect(await (await get('/.well-known/audit-keys.json')).json()).toEqual({ keys });
        expect(await (await get('/security/anchors.json?before=1')).json()).toMatchObject({ anchors: [] });
        expect((await get('/security/anchors.json?before=x')).status).toBe(422);
    });
});

describe('the owner', () => {
    it('[AUD-4] gets one mail a week, whose anchor verifies an export without the database', async () => {
        for (const days of [1, 1, 2]) await tick(days * 86_400);
        const inbox = `${product.info.inboxUrl}/api/messages?to=${encodeURIComponent(business.owner.email)}`;
        const mails = ((await (await fetch(inbox)).json()) as (Mail & { from: string })[]).filter(
            ({ subject }) => subject.startsWith('The seal on your audit trail')
        );
        expect(mails).toHaveLength(1);
        expect(mails[0]?.from).not.toContain('Hart');
        const [written = ''] = /^\{$.*?^\}$/ms.exec(mails[0]?.text ?? '') ?? [];
        const anchor = file('mail.json', written);
        const exported = file('export.jsonl', (await exportOf(sql, business.accountId)).join('\n'));
        const keys = `${product.addresses[0]}/.well-known/audit-keys.json`;

        const { code, said } = await auditVerify(exported, '--anchor', anchor, '--keys', keys);
        expect([code, said]).toEqual([0, expect.stringMatching(/^Chain of account .* Nothing was changed/)]);
        expect(said).toMatch(/Anchor 1 vouches for everything up to record \d+\./);
        // That the digest was queued and sent are records too, and came after.
        expect(said).toMatch(/2 records came after the last anchor, .* nothing outside vouches yet\./);

        const forged = { ...(JSON.parse(written) as AnchorFile), at: '2026-01-01T00:00:00.000Z' };
        const wrong = await auditVerify(
            exported,
            '--anchor',
            file('forged.json', JSON.stringify(forged)),
            '--keys',
            keys
        );
        expect([wrong.code, wrong.said]).toEqual([
            1,
            expect.stringMatching(/^BAD: anchor_differs\. Anchor 1/)
        ]);
    });

    it('[AUD-4] takes the anchor file of their own account and members’ own chains, and of no other', async () => {
        const get = <Answer>(db: Business['owner']['db'], more: object) =>
            call<Answer>(db, 'audit_anchor', { account_id: business.accountId, ...more });
        const { db, id } = business.owner;
        expect(await get(db, {})).toEqual(await anchorFile(sql, business.accountId));
        expect(await get(db, { number: 1 })).toMatchObject({ number: 1 });
        expect(await get(db, { number: 999 })).toBe(null);
        const stranger = await aPerson('stranger');
        expect(await get(db, { person_id: stranger.id })).toBe(null);
        const own = await get<AnchorFile | null>(db, { person_id: id });
        expect(own === null || own.head.chain_id === id).toBe(true);
        await expect(get(stranger.db, {})).rejects.toMatchObject({ hint: 'not_found' });
        const agent = await business.withMember('agent');
        await expect(get(agent.db, {})).rejects.toMatchObject({ hint: 'not_allowed' });
    });

    it('[AUD-4] hears of it in another week only when more happened than a mail', async () => {
        const queued = async () => {
            await sql`select private.queue_anchor_digests()`;
            const [row] = await sql<{ count: number }[]>`
                select count(*)::int as count
                from mail.outbox as o
                where o.account_id = ${business.accountId}
                  and o.template = 'anchor_digest'
            `;
            return row?.count;
        };
        const { accountId } = business;
        const owner = business.owner.id;
        // As if what was sent so far had gone out in another week.
        const weekGoesBy = () => sql`
            update mail.outbox
            set dedupe_key = 'anchor_digest:' || gen_random_uuid()
            where account_id = ${accountId}
              and dedupe_key like ${`anchor_digest:${accountId}:${owner}:%`}
        `;
        await anchorNow(product.info);
        await weekGoesBy();
        const before = (await queued()) ?? 0;
        await weekGoesBy();
        expect(await queued()).toBe(before);
        await business.aCustomer();
        expect(await queued(), 'before the next anchor').toBe(before);
        await anchorNow(product.info);
        expect(await queued()).toBe(before + 1);
        expect(await queued(), 'twice in one week').toBe(before + 1);
    });
});

describe('at the terminal', () => {
    let exported: string;
    let anchors: string;
    beforeAll(async () => {
        await business.aDraft();
        await anchorNow(product.info);
        exported = file('now.jsonl', (await exportOf(sql, business.accountId)).join('\n'));
        anchors = join(product.stack.stateDir, 'drops', 'anchors.jsonl');
    });

    it('[AUD-4] the operator’s copies verify the same export, and both verifiers count alike', async () => {
        const keys = file('keys.json', JSON.stringify({ keys: await publishedKeys(sql) }));
        const { code, report } = await auditVerify(exported, '--anchor', anchors, '--keys', keys, '--json');
        const newest = await anchorFile(sql, business.accountId);
        expect(code).toBe(0);
        expect(report).toMatchObject({
            bad: null,
            signatures: 'good',
            unanchored: 0,
            head: { seq: newest.head.seq }
        });
        const inSql = await verifyInSql(sql, business.accountId, newest.head, 7);
        expect(inSql).toEqual({ checked: report?.checked, erased: report?.erased, bad: null });
    });

    it('[AUD-4] a changed line is named, and why', async () => {
        const lines = (await exportOf(sql, business.accountId)).map((line, index) =>
            index === 3 ? line.replace('"ok"', '"failed"') : line
        );
        const { code, said } = await auditVerify(
            file('changed.jsonl', lines.join('\n')),
            '--anchor',
            anchors
        );
        expect([code, said]).toEqual([
            1,
            expect.stringMatching(/^BAD at record 3 \(id \d+\): record_changed\./)
        ]);
    });

    it('says what can’t be claimed without anchors or keys', async () => {
        const alone = await auditVerify(exported);
        expect([alone.code, alone.said]).toEqual([
            0,
            expect.stringContaining('nothing outside vouches for it')
        ]);
        const unsigned = await auditVerify(exported, '--anchor', anchors);
        expect([unsigned.code, unsigned.said]).toEqual([
            0,
            expect.stringContaining('Signatures were not checked')
        ]);
    });

    it('refuses with exit code 2 what it can’t read', async () => {
        const [missing, wrong] = [join(folder, 'nothing'), file('wrong', '{}')];
        for (const args of [
            [],
            [missing],
            [wrong],
            [exported, '--anchor', wrong],
            [exported, '--keys', wrong],
            ['--x']
        ]) {
            expect((await auditVerify(...args)).code, args.join(' ')).toBe(2);
        }
    });
});

describe('the function that anchors', () => {
    it('[AUD-4] makes one anchor of each number and no fork, however many run at once', async () => {
        for (let round = 0; round < 3; round += 1) {
            await business.aCustomer();
            const runs = await Promise.all(Array.from({ length: 6 }, () => anchorNow(product.info)));
            expect(runs.map(({ status }) => status)).toEqual(Array(6).fill(200));
            expect(runs.reduce((sum, { anchored }) => sum + anchored, 0)).toBe(1);
        }
        const copies = droppedAnchors(product.stack.stateDir);
        expect(forkIn(copies, sha256)).toBe(null);
        const numbers = [...new Set(copies.map(({ number }) => number))].sort((a, b) => a - b);
        expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    });

    it('[AUD-4] brings a copy later when the place was down', async () => {
        const box = join(product.stack.stateDir, 'drops', 'anchors.jsonl');
        renameSync(box, `${box}.kept`);
        mkdirSync(box);
        await business.aCustomer();
        expect(await anchorNow(product.info)).toMatchObject({
            status: 200,
            anchored: 1,
            delivered: 0,
            left: 1
        });
        rmdirSync(box);
        renameSync(`${box}.kept`, box);
        expect(await anchorNow(product.info)).toMatchObject({
            status: 200,
            anchored: 0,
            delivered: 1,
            left: 0
        });
        const { number } = await anchorFile(sql, business.accountId);
        expect(droppedAnchors(product.stack.stateDir).at(-1)?.number).toBe(number);
    });

    it('[AUD-4] works for nobody but our own worker', async () => {
        expect((await anchorNow(product.info, 'wrong')).status).toBe(401);
        expect((await anchorNow(product.info, '')).status).toBe(401);
    });

    it('[AUD-4] can store no head that no chain has, and no anchor that does not continue the last', async () => {
        const store = async (change: object) => {
            const { data: draft } = await admin().schema('service').rpc('moved_heads', { limit_rows: 10 });
            const { heads, ...rest } = draft as { heads: object[] };
            const anchor = {
                ...rest,
                root: 'ab'.repeat(32),
                key: (await publishedKeys(sql))[0]?.kid,
                signature: 'A'.repeat(86),
                heads: heads.map((head) => ({ ...head, path: [] })),
                ...change
            };
            const public_key = (await publishedKeys(sql))[0]?.x;
            const { data, error } = await admin()
                .schema('service')
                .rpc('store_anchor', { anchor, public_key });
            return error === null ? (data as boolean) : error.hint;
        };
        await business.aCustomer();
        const head = { chain_id: business.accountId, seq: 1, hash: 'ab'.repeat(32), path: [] };
        expect(await store({ heads: [head] })).toBe('anchor_not_valid');
        expect(await store({ heads: [] })).toBe('anchor_not_valid');
        expect(await store({ previous: 'ab'.repeat(32) })).toBe('anchor_not_valid');
        expect(await store({ number: 1 })).toBe(false);
        expect(await store({ number: 4711 })).toBe(false);
        expect(forkIn(droppedAnchors(product.stack.stateDir), sha256)).toBe(null);
    });

    it('[AUD-4] keeps its key out of the database', async () => {
        const key = product.info.env.AUDIT_SIGNING_KEY ?? '';
        const seed = Buffer.from(key, 'base64').subarray(-32);
        const tables = await sql<{ name: string }[]>`
            select c.oid::regclass::text as name
            from pg_class as c
            join pg_namespace as n on n.oid = c.relnamespace
            where c.relkind = 'r'
              and n.nspname not in ('pg_catalog', 'information_schema')
        `;
        expect(tables.length).toBeGreaterThan(50);
        for (const { name } of tables) {
            const [found] = await sql.unsafe<{ count: number }[]>(
                `select count(*)::int as count from ${name} as t
                where strpos(t::text, $1) > 0 or strpos(t::text, $2) > 0 or strpos(t::text, $3) > 0`,
                [key, seed.toString('hex'), seed.toString('base64url')]
            );
            expect(found?.count, name).toBe(0);
        }
    });
});
