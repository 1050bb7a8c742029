// The owner's audit page over HTTP, as a browser without a script uses it: look, filter, page, check, export.
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exportVerifier, parseHeader } from '../../../src/lib/domain/audit/verify.ts';
import { aBusiness, superuser, type Business } from '../../support/business.ts';
import { signedIn, type Visitor } from '../../support/visitor.ts';

const app = process.env.TF_APP_URL ?? '';
const sql = superuser();
let business: Business;
let owner: Visitor;
let invoice: { invoiceId: string; reference: string };

beforeAll(async () => {
    business = await aBusiness({ name: '=HYPERLINK("http://evil.example")' });
    invoice = await business.anInvoice();
    await business.aCustomer('@SUM(1+1) Ltd');
    owner = await signedIn(business.owner, app);
});
afterAll(() => sql.end());

const page = async (path: string): Promise<string> => (await owner.get(path)).text();

/** The text that stands on a page, without its markup. */
const wordsOf = (html: string): string =>
    html
        .replace(/<(script|style)[\s\S]*?<\/\1>/g, '')
        .replace(/<[^>]+>/g, ' ')
        .replace(/\s+/g, ' ');

describe('the audit page', () => {
    it('[AUD-5] tells what was done in sentences, with the technical record and its place in the chain', async () => {
        const told = wordsOf(await page('/more/audit'));
        expect(told).toContain(`issued invoice ${invoice.reference}`);
        expect(told).toContain('Nobody from TradersFlow has looked at this account.');
        const [record] = await sql<{ id: string; hash: string; commitments: string }[]>`
            select r.id, encode(l.hash, 'hex') as hash, r.commitments
            from audit.records as r join audit.links as l on l.record_id = r.id
            where r.chain_id = ${business.accountId} and r.action = 'invoice.issued'`;
        expect(told).toContain(record!.hash);
        expect(told).toContain(/state:([0-9a-f]{64})/.exec(record!.commitments)![1]);
    });

    it('[AUD-5] is filtered by its address alone, and says the filter in words', async () => {
        const filtered = wordsOf(await page('/more/audit?kind=invoices&what=&who=' + business.owner.id));
        expect(filtered).not.toContain('added customer');
        const kept = await owner.get('/more/audit?kind=invoices&what=&words=');
        expect(kept.status).toBe(303);
        expect(kept.headers.get('location')).toBe('/more/audit?kind=invoices');
        const said = wordsOf(await page('/more/audit?kind=invoices&since=2026-01-01'));
        expect(said).toContain('Invoices, since 1 Jan 2026');
        expect(said).toContain(`issued invoice ${invoice.reference}`);
        expect(wordsOf(await page('/more/audit?words=nobody+at+all'))).toContain(
            'Nothing like that on record'
        );
    });

    it('[AUD-5] pages by place, older and back', async () => {
        for (let i = 0; i < 30; i += 1) await business.aCustomer(`Customer ${i}`);
        const newest = await page('/more/audit');
        const older = /href="([^"]*before=[^"]*)"/.exec(newest)?.[1]?.replaceAll('&amp;', '&') ?? '';
        expect(older).toMatch(/before=\d+\.\d+$/);
        const second = await page(older);
        expect(wordsOf(second)).toContain('opened the business');
        const newer = /href="([^"]*after=[^"]*)"/.exec(second)?.[1]?.replaceAll('&amp;', '&') ?? '';
        expect(wordsOf(await page(newer))).toContain('Customer 29');
    });

    it('[AUD-5] takes an address that makes no sense as one that says nothing', async () => {
        const response = await owner.get('/more/audit?kind=nonsense&who=x&since=soon&before=zz&about=%27');
        expect(response.status).toBe(200);
    });
});

describe('checking the chain', () => {
    it('[AUD-4] works without a script, and puts it on record', async () => {
        const response = await owner.post('/more/audit/check', {
            account_id: business.accountId,
            anchor: ''
        });
        expect(response.status).toBe(200);
        expect(wordsOf(await response.text())).toMatch(/All \d+ records are there, in their order/);
        const [found] = await sql<{ count: number }[]>`
            select count(*)::int as count from audit.records
            where chain_id = ${business.accountId} and action = 'audit.verified' and result = 'ok'`;
        expect(found!.count).toBe(1);
    });

    it('[AUD-4] goes page by page for a script, against a head that the owner kept', async () => {
        const [head] = await sql<{ seq: string; hash: string }[]>`
            select seq, encode(hash, 'hex') as hash from audit.heads where chain_id = ${business.accountId}`;
        const body = { account_id: business.accountId, after: 0 };
        const right = await owner.json('/more/audit/check/pages', {
            ...body,
            anchor: `${head!.seq} ${head!.hash}`
        });
        expect(await right.json()).toMatchObject({
            bad: null,
            next: null,
            outside: { seq: Number(head!.seq) }
        });
        const wrong = await owner.json('/more/audit/check/pages', {
            ...body,
            anchor: JSON.stringify({ seq: Number(head!.seq), hash: 'ab'.repeat(32) })
        });
        expect(await wrong.json()).toMatchObject({ bad: { seq: Number(head!.seq), reason: 'head_differs' } });
        const none = await owner.json('/more/audit/check/pages', { ...body, anchor: 'see mail' });
        expect(none.status).toBe(422);
        expect(await none.json()).toMatchObject({ fields: { anchor: expect.stringContaining('no anchor') } });
    });
});

describe('the export', () => {
    const exported = async (format: string): Promise<string> => {
        const response = await owner.post('/more/audit/export', { account_id: business.accountId, format });
        expect(response.status).toBe(200);
        expect(response.headers.get('content-disposition')).toMatch(
            new RegExp(`^attachment; filename="audit-trail-[0-9-]+\\.${format}"$`)
        );
        // As bytes: text() would swallow the byte order mark.
        return Buffer.from(await response.arrayBuffer()).toString('utf8');
    };

    it('[AUD-5] as JSONL is verified to the last record by whoever has no database, and holds what is stored', async () => {
        const lines = (await exported('jsonl')).trimEnd().split('\n');
        const header = parseHeader(lines.shift() ?? '');
        expect(header).toMatchObject({ chain_id: business.accountId, after_seq: 0 });
        const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
        const verifier = exportVerifier(header!, [], sha256, new Date());
        for (const line of lines) verifier.take(line);
        const report = verifier.finish();
        expect(report).toMatchObject({ bad: null });
        const [stored] = await sql<{ count: number }[]>`
            select count(*)::int as count from audit.links where chain_id = ${business.accountId}`;
        // The record of this very export came after it had begun.
        expect(lines.length).toBe(stored!.count - 1);
    });

    it('[AUD-5] as CSV is a table that no spreadsheet takes for formulas', async () => {
        const text = await exported('csv');
        expect(text.charCodeAt(0)).toBe(0xfeff);
        const rows = text.slice(1).trimEnd().split('\r\n');
        expect(rows[0]).toMatch(/^"Number","Day and time","Who","What","Changes"/);
        expect(text).toContain(`issued invoice ${invoice.reference}`);
        const cells = [...text.slice(1).matchAll(/"((?:[^"]|"")*)"/g)].map(([, cell]) => cell ?? '');
        expect(cells.length).toBeGreaterThan(200);
        expect(cells.filter((cell) => /^[=+\-@\t\r]/.test(cell))).toEqual([]);
    });

    it('[AUD-2] is on record once each time, and with its format', async () => {
        const begun = await sql<{ detail: { format: string } }[]>`
            select (v.fields -> '@detail' ->> 1)::jsonb as detail
            from audit.records as r join audit.field_values as v on v.record_id = r.id
            where r.chain_id = ${business.accountId} and r.action = 'audit.exported' order by r.id`;
        expect(begun.map(({ detail }) => detail.format)).toEqual(['jsonl', 'csv']);
    });

    it('[ACC-2] is refused to a member whose role may not export', async () => {
        const staff = await signedIn(await business.withMember('staff'), app);
        const response = await staff.post('/more/audit/export', {
            account_id: business.accountId,
            format: 'csv'
        });
        expect(response.status).toBe(403);
    });
});
