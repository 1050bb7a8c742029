// What anybody on the internet may try at the webhook's address.
import { createHash } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { superuser } from '../../support/business.ts';
import {
    aBusinessThatTakesCards,
    aPaidInvoice,
    aStackOfOurOwn,
    eventsOf,
    everyRow,
    lever,
    postWebhook,
    signed,
    WEBHOOK_PATH
} from '../../support/payments.ts';
import type { OwnStack } from '../../support/stack.ts';

let own: OwnStack;
let sql: Sql;
/** A real event about a real payment, card details and all, that was never delivered. */
let body: string;
let event: { id: string; account: string; api_version: string; created: number; intent: string };

beforeAll(async () => {
    own = await aStackOfOurOwn();
    sql = superuser();
    const business = await aBusinessThatTakesCards();
    await lever('POST', '/hold');
    const { invoiceId } = await aPaidInvoice(business);
    const charged = (await eventsOf(business, invoiceId)).find(({ type }) => type === 'charge.succeeded')!;
    body = JSON.stringify(charged, null, 2);
    const { payment_intent: intent } = charged.data.object as { payment_intent: string };
    const { id, api_version, created } = charged;
    event = { id, account: business.stripeAccount, api_version: api_version!, created, intent };
});
afterAll(async () => {
    await sql?.end();
    await own?.stopAndForget();
});

/** Sends the beginning of a body that says no length and never ends; what that is answered with. */
async function postWithoutEnd(url: string, bytes: number): Promise<number | undefined> {
    const request = httpRequest(url, { method: 'POST', agent: false });
    const answered = new Promise<number | undefined>((resolve, reject) => {
        request.on('response', ({ statusCode }) => resolve(statusCode)).on('error', reject);
    });
    request.write(Buffer.alloc(bytes, 'x'));
    try {
        return await answered;
    } finally {
        request.on('error', () => undefined).destroy();
    }
}

describe('a webhook that Stripe did not send', () => {
    let before: Record<string, string>;
    beforeEach(async () => {
        before = await everyRow(sql);
    });

    const tampered = () => body.replace(/"amount": \d+/, '"amount": 1');
    const refusals: Record<string, () => [string, Record<string, string>]> = {
        'without a signature': () => [body, {}],
        'with an empty signature': () => [body, { 'stripe-signature': '' }],
        'with a signature that is none': () => [body, { 'stripe-signature': 't=now,v1=signed' }],
        'with a signature of the scheme that Stripe keeps for tests': () => [
            body,
            { 'stripe-signature': signed(body)['stripe-signature'].replace('v1=', 'v0=') }
        ],
        'whose body was changed by one figure': () => [tampered(), signed(body)],
        'whose body got one space more': () => [`${body} `, signed(body)],
        'signed 301 s ago': () => [body, signed(body, { secondsAgo: 301 })],
        'signed 301 s ago and dated anew': () => [
            body,
            {
                'stripe-signature': signed(body, { secondsAgo: 301 })['stripe-signature'].replace(
                    /t=\d+/,
                    `t=${Math.floor(Date.now() / 1000)}`
                )
            }
        ],
        'signed with another secret': () => [body, signed(body, { secret: 'whsec_somebody_elses' })],
        'signed with nothing': () => [body, signed(body, { secret: '' })]
    };
    it.each(Object.keys(refusals))('[HOOK-1] %s is answered 400 and leaves no row anywhere', async (name) => {
        const [payload, headers] = refusals[name]!();
        expect(await postWebhook(payload, headers)).toEqual({ status: 400, code: 'signature_not_valid' });
        expect(await everyRow(sql), 'a table was written to before the signature was checked').toEqual(
            before
        );
    });

    it('[HOOK-1] signed, but no event, is answered 400 and leaves no row anywhere', async () => {
        for (const payload of ['{"hello": "there"}', 'not json', '']) {
            const { status } = await postWebhook(payload, signed(payload));
            expect(status, payload).toBe(400);
        }
        expect(await everyRow(sql)).toEqual(before);
    });

    it('[HOOK-1] too large to be an event is answered 413 before it has ended, whether or not it says its length', async () => {
        const huge = `{"padding":"${'x'.repeat(2 * 1024 * 1024)}"}`;
        expect(await postWebhook(huge)).toEqual({ status: 413, code: 'body_too_large' });
        expect(await postWebhook(huge, signed(huge))).toEqual({ status: 413, code: 'body_too_large' });

        // One connection after the other is left half read; none of them may hold up what comes next.
        for (let time = 0; time < 20; time += 1) {
            expect((await postWebhook(huge)).status).toBe(413);
            expect((await postWebhook('{}')).status).toBe(400);
        }
        const limit = 1024 * 1024;
        expect(await postWithoutEnd(own.info.apiUrl + WEBHOOK_PATH, limit + 1)).toBe(413);
        expect(await everyRow(sql)).toEqual(before);
    });

    it('[HOOK-1] that pretends to be our own sweeper is answered 401 and leaves no row anywhere', async () => {
        const sweep = '{"action":"sweep"}';
        for (const key of ['', 'guess', own.info.publishableKey]) {
            expect(await postWebhook(sweep, { 'x-tf-worker': key })).toEqual({
                status: 401,
                code: 'worker_key_required'
            });
        }
        expect(await everyRow(sql)).toEqual(before);
    });

    it('[HOOK-1] that is no POST is answered 405', async () => {
        for (const method of ['GET', 'PUT', 'DELETE']) {
            const { status } = await fetch(own.info.apiUrl + WEBHOOK_PATH, { method });
            expect(status, method).toBe(405);
        }
        expect(await everyRow(sql)).toEqual(before);
    });
});

describe('a webhook that Stripe sent', () => {
    it('[HOOK-1] [PAY-1] is answered 200 and leaves one event, of which nothing but what it is about is kept', async () => {
        const known = (await sql<{ id: string }[]>`select id from billing.stripe_events`).map(({ id }) => id);
        expect(known).not.toContain(event.id);
        expect((await postWebhook(body, signed(body, { secondsAgo: 299 }))).status).toBe(200);
        const kept = await sql`select * from billing.stripe_events where not id = any (${known})`;
        expect([...kept]).toEqual([
            {
                id: event.id,
                type: 'charge.succeeded',
                account: event.account,
                api_version: event.api_version,
                created_at: new Date(event.created * 1000),
                livemode: false,
                object_type: 'payment_intent',
                object_id: event.intent,
                body_sha256: createHash('sha256').update(body).digest('hex'),
                state: 'applied',
                received_at: expect.any(Date) as Date,
                applied_at: expect.any(Date) as Date
            }
        ]);
    });

    it('[HOOK-1] whose header carries several signatures is taken when one of them is right', async () => {
        const { 'stripe-signature': right } = signed(body);
        const header = right.replace('v1=', `v1=${'0'.repeat(64)},v1=`);
        expect((await postWebhook(body, { 'stripe-signature': header })).status).toBe(200);
    });
});
