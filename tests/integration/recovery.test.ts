// `npm start`, killed with everything it started at the worst moments of the story, and started again: whatever was
// confirmed is there, nothing is there twice, and the story goes on. The tests follow each other.
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres, { type Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { isAlive } from '../../local/processes.ts';
import { CARDS, onboardAt, payAt } from '../contract/stripe_stand_in.ts';
import { npmStart, type Running } from '../support/npm-start.ts';
import { freePort } from '../support/port.ts';
import { filesIn } from '../support/product.ts';
import { aVisitor } from '../support/visitor.ts';
import { fromAPhone } from './photographs.ts';
import { aTrader, PRICE_PENCE, type Trader } from './trader.ts';

// Each test starts the product again, on whatever else this machine is doing.
vi.setConfig({ testTimeout: 120_000 });

const stateDir = mkdtempSync(join(tmpdir(), 'npm-start-'));
let port: number;
let product: Running;
let trader: Trader;
let jobId: string;
let sql: Sql;

async function start(): Promise<void> {
    product = await npmStart(stateDir, port);
    sql = postgres(product.superuserUrl, { max: 1, onnotice: () => undefined });
}
async function startAgain(): Promise<void> {
    await sql.end({ timeout: 1 });
    await start();
}

beforeAll(async () => {
    port = await freePort();
    await start();
    trader = await aTrader(product.url, product.inboxUrl);
    jobId = await trader.job('Consumer unit');
    // The first start may have to build the app.
}, 240_000);
afterAll(async () => {
    await sql.end({ timeout: 1 });
    await product.stop();
    rmSync(stateDir, { recursive: true, force: true });
}, 60_000);

const control = async (path: string, body: object = {}): Promise<void> => {
    const answer = await fetch(`${product.controlUrl}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body)
    });
    expect(answer.status, path).toBe(200);
};

/** Lets a while pass for the workers: what has become due is done when this returns. */
async function workersCatchUp(seconds = 61): Promise<void> {
    await control('/clock', { advance_seconds: seconds });
    await control('/cron/tick');
    await control('/net/drain');
    await control('/clock/reset');
}

type Mail = { id: string; subject: string; text: string };
const mailsTo = async (address: string): Promise<Mail[]> => {
    const answer = await fetch(`${product.inboxUrl}/api/messages?to=${address}`);
    const body = (await answer.json()) as Mail[] | { messages: Mail[] };
    return Array.isArray(body) ? body : body.messages;
};

const put = (url: string, bytes: Uint8Array): Promise<Response> =>
    fetch(url, {
        method: 'PUT',
        body: new Uint8Array(bytes),
        headers: { 'content-type': 'image/jpeg' }
    });

/** The first half of an upload, which never comes to its end. */
function halfAnUpload(url: string, bytes: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
        const upload = request(url, {
            method: 'PUT',
            headers: { 'content-type': 'image/jpeg', 'content-length': bytes.byteLength }
        });
        upload.on('error', () => undefined);
        upload.write(bytes.subarray(0, bytes.byteLength / 2), () => resolve());
    });
}

/** Whether storage keeps one file for each object and nothing else. */
async function storageIsWhole(): Promise<void> {
    const rows = await sql`select version from storage.objects order by version`;
    expect(filesIn(stateDir)).toEqual(rows.map((row) => String(row.version)));
}

const jobPage = async (): Promise<string> => (await trader.visitor.get(`/jobs/${jobId}`)).text();
/** Where the page shows its photos from. */
const photosOn = (page: string): string[] =>
    [...page.matchAll(/src="([^"]+\/object\/sign\/[^"]+)"/g)].map(([, url = '']) =>
        url.replaceAll('&amp;', '&')
    );

describe('everything killed at once', () => {
    let taken: { documentId: string; url: string };
    let sent: { documentId: string; url: string };
    let half: { documentId: string; url: string };

    it('right after a photo was confirmed and in the middle of another: the one is there, nothing of the other', async () => {
        const photo = await fromAPhone();
        [taken, sent, half] = [
            await trader.photo(jobId),
            await trader.photo(jobId),
            await trader.photo(jobId)
        ];
        expect((await put(taken.url, photo)).status).toBe(200);
        expect((await put(sent.url, photo)).status).toBe(200);
        await halfAnUpload(half.url, Buffer.alloc(4_000_000, 1));
        expect(await trader.arrived(jobId, taken.documentId)).toBe(200);
        await product.kill();

        await startAgain();
        const page = await jobPage();
        expect(page, 'signed in as before').toContain('Consumer unit');
        const [url = '', ...more] = photosOn(page);
        expect(more, 'more than the one photo').toEqual([]);
        expect((await fetch(url)).status).toBe(200);
        const rest = await sql`select from storage.objects where name like ${`%${half.documentId}%`}`;
        expect(rest, 'of the half upload').toHaveLength(0);
        await storageIsWhole();
    });

    it('the upload that storage had confirmed is finished afterwards, the half one is swept away', async () => {
        expect(await trader.arrived(jobId, sent.documentId)).toBe(200);
        expect(photosOn(await jobPage())).toHaveLength(2);
        expect(await trader.arrived(jobId, half.documentId), 'the half one').toBe(422);
        await sql`
            update public.documents set upload_until = now() - interval '1 hour' where id = ${half.documentId}`;
        await workersCatchUp(301);
        const rows = await sql`select from public.documents where id = ${half.documentId}`;
        expect(rows).toHaveLength(0);
    });
});

describe('everything killed while invoices are being issued', () => {
    let invoices: { id: string; key: string }[];
    let confirmed: string[];

    it('every number that was confirmed is kept, and none is missing or there twice', async () => {
        invoices = [];
        for (let count = 0; count < 8; count += 1)
            invoices.push({ id: await trader.draft(jobId), key: randomUUID() });
        confirmed = [];
        const issuing = invoices.map(async ({ id, key }) => {
            const answer = await trader.issue(id, PRICE_PENCE, key);
            if (answer.status === 303) confirmed.push(id);
        });
        await Promise.any(issuing);
        await product.kill();
        await Promise.allSettled(issuing);
        expect(confirmed.length, 'answered before the end').toBeGreaterThan(0);
        expect(confirmed.length, 'under way at the end').toBeLessThan(invoices.length);

        await startAgain();
        const issued = await numbers();
        expect(issued.map(({ number }) => number)).toEqual(issued.map((_, index) => index + 1));
        expect(issued.map(({ id }) => id)).toEqual(expect.arrayContaining(confirmed));
        expect(
            issued.filter(({ id, ready }) => confirmed.includes(id) && !ready),
            'confirmed, but without its PDF'
        ).toEqual([]);
        await storageIsWhole();
    });

    it('the same forms sent again finish the rest, without a gap and without a second number', async () => {
        const before = await numbers();
        for (const { id, key } of invoices)
            expect((await trader.issue(id, PRICE_PENCE, key)).status, id).toBe(303);
        const after = await numbers();
        expect(after.slice(0, before.length).map(({ id }) => id)).toEqual(before.map(({ id }) => id));
        expect(after.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
        expect(after.every(({ ready }) => ready)).toBe(true);
        const records = await sql`
            select entity_id from audit.records
            where chain_id = ${trader.accountId} and action = 'invoice.issued'`;
        expect(records.length, 'issued once in the audit trail').toBe(8);
    });

    it('everything killed while they are sent: each e-mail arrives once', async () => {
        const letters = invoices.map(({ id }, index) => ({
            id,
            key: randomUUID(),
            to: `customer-${index}-${randomUUID()}@example.test`
        }));
        // Between the provider's yes and our record of it lies a moment; this makes it last.
        await sql.unsafe(`
            create function private.hold_on() returns trigger language plpgsql
            as $$ begin perform pg_sleep(5); return new; end $$;
            create trigger hold_on before update on mail.outbox
            for each row when (new.state = 'sent') execute function private.hold_on()`);
        const accepted: string[] = [];
        // Settled from the first, since some of them fail while everything is being killed.
        const sending = Promise.allSettled(
            letters.map(async ({ id, key, to }) => {
                if ((await trader.send(id, to, key)).status === 303) accepted.push(to);
            })
        );
        const delivered = async () => (await Promise.all(letters.map(({ to }) => mailsTo(to)))).flat().length;
        while ((await delivered()) === 0) await sleep(5);
        await product.kill();
        await sending;

        await startAgain();
        await sql.unsafe('drop trigger hold_on on mail.outbox; drop function private.hold_on()');
        const unsure = await sql`
            select to_address from mail.outbox where account_id = ${trader.accountId} and state = 'sending'`;
        const alreadySent = await Promise.all(unsure.map((row) => mailsTo(String(row.to_address))));
        expect(alreadySent.flat().length, 'taken by the provider, unknown to us').toBeGreaterThan(0);
        // Their leases run out by themselves, after two minutes.
        await sql`update mail.outbox set lease_until = now() where state = 'sending'`;
        await workersCatchUp();
        const counts = await Promise.all(letters.map(async ({ to }) => (await mailsTo(to)).length));
        letters.forEach(({ to }, index) => {
            if (accepted.includes(to)) expect(counts[index], to).toBe(1);
            else expect(counts[index], to).toBeLessThanOrEqual(1);
        });
        for (const { id, key, to } of letters) expect((await trader.send(id, to, key)).status).toBe(303);
        await workersCatchUp();
        for (const { to } of letters) expect(await mailsTo(to), to).toHaveLength(1);
        const rows = await sql`
            select distinct state from mail.outbox where account_id = ${trader.accountId}`;
        expect(rows.map((row) => String(row.state))).toEqual(['sent']);
    });

    type Numbered = { id: string; number: number; ready: boolean };
    const numbers = async (): Promise<Numbered[]> =>
        sql<Numbered[]>`
            select i.id, i.number::int as number, coalesce(d.state = 'ready', false) as ready
            from public.invoices as i
            left join public.documents as d on d.account_id = i.account_id and d.id = i.document_id
            where i.account_id = ${trader.accountId} and i.number is not null
            order by i.number`;
});

describe('the first process killed alone', () => {
    const isGuard = ({ command }: { command: string }): boolean => command.includes('stack-guard');
    const isOurs = ({ command }: { command: string }): boolean => /local\/start\.(mjs|ts)/.test(command);

    it('takes its children with it, and the data stays', async () => {
        const all = product.processes();
        expect(all.filter(isGuard).length, 'guards').toBeGreaterThan(0);
        await product.kill(isOurs);
        const deadline = Date.now() + 10_000;
        while (all.some(isAlive) && Date.now() < deadline) await sleep(20);
        expect(all.filter(isAlive).map(({ command }) => command)).toEqual([]);
        await startAgain();
        expect(await jobPage()).toContain('Consumer unit');
    });

    it('together with the guard leaves orphans, which the next start ends before it serves the same data', async () => {
        const all = product.processes();
        await product.kill((process) => isOurs(process) || isGuard(process));
        const orphans = all.filter(isAlive);
        for (const name of ['postgres', 'postgrest', 'src/server.ts'])
            expect(
                orphans.some(({ command }) => command.includes(name)),
                `an orphan of ${name}`
            ).toBe(true);
        await startAgain();
        expect(orphans.filter(isAlive).map(({ command }) => command)).toEqual([]);
        expect(await jobPage()).toContain('Consumer unit');
        await storageIsWhole();
    });
});

describe('everything killed between the payment and its webhook', () => {
    it('[PAY-3] the payment arrives with the next start, once, and the customer gets a receipt', async () => {
        const account_id = trader.accountId;
        const leaving = await trader.visitor.post('/more/payouts', { account_id });
        const [onboarding = ''] = /http:[^"\s]*\/setup\/[^"\s]*/.exec(await leaving.text()) ?? [];
        await onboardAt(onboarding, 'complete');
        expect((await trader.visitor.get('/more/payouts?back=stripe')).status).toBe(200);

        const [invoice] = await sql`
            select id from public.invoices where account_id = ${account_id} and number = 1`;
        const id = String(invoice?.id);
        const to = `payer-${randomUUID()}@example.test`;
        expect((await trader.send(id, to, randomUUID())).status).toBe(303);
        const mail = await fetch(`${product.inboxUrl}/api/messages/wait?to=${to}&timeout_ms=10000`);
        const { text } = (await mail.json()) as Mail;
        const [link = ''] = /\/p\/[\w-]+/.exec(text) ?? [];

        const customer = aVisitor(product.url);
        await customer.get(link);
        const leave = await (await customer.post('/portal/invoice?/pay', {})).text();
        const [, checkout = ''] = /content="0;url=([^"]+)"/.exec(leave) ?? [];
        await stripe('/hold');
        const paid = await payAt(checkout.replaceAll('&amp;', '&'), CARDS.pays);
        expect([paid.status, paid.to]).toEqual([303, expect.stringContaining('/portal/paid')]);
        expect(await (await customer.get('/portal/paid')).text(), 'before the webhook').not.toContain(
            'Paid in full'
        );
        await product.kill();

        await startAgain();
        const deadline = Date.now() + 15_000;
        const state = async () =>
            (await sql`select state, paid_pence::int as paid from public.invoices where id = ${id}`)[0];
        while ((await state())?.state !== 'paid' && Date.now() < deadline) {
            await stripe('/retry');
            await sleep(50);
        }
        expect(await state()).toEqual({ state: 'paid', paid: PRICE_PENCE });
        const payments = await sql`select from public.payments where invoice_id = ${id}`;
        expect(payments).toHaveLength(1);
        await workersCatchUp();
        const receipts = (await mailsTo(to)).filter(({ subject }) => /receipt/i.test(subject));
        expect(receipts).toHaveLength(1);
        const page = await (await customer.get('/portal/paid')).text();
        expect(page, 'to the customer, in the same browser').toContain('Paid in full');
    });

    const stripe = (path: string): Promise<Response> =>
        fetch(`${product.stripeUrl}/_stand_in${path}`, {
            method: 'POST',
            headers: {
                authorization: `Bearer ${product.stripeSecretKey}`,
                'content-type': 'application/json'
            },
            body: '{}'
        });
});
