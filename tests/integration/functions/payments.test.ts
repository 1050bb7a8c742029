import { randomUUID } from 'node:crypto';
import { createClient } from '@supabase/supabase-js';
import postgres from 'postgres';
import Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CARDS, clientAt, onboardAt, payAt } from '../../contract/stripe_stand_in.ts';
import {
    act,
    aLink,
    anIssuedInvoice,
    asPerson,
    asWorker,
    aTradesperson,
    contextHeader,
    info,
    knock,
    mailTo,
    pdf,
    refusal,
    type IssuedInvoice,
    type Tradesperson
} from './edge.ts';

const database = postgres(info.superuserUrl, { max: 1 });
const stripe = clientAt(info.stripeUrl, info.stripeSecretKey);
afterAll(() => database.end());

const connect = (person: Tradesperson, action: 'onboard' | 'refresh', accountId = person.accountId) =>
    knock('connect', { headers: asPerson(person), body: { account_id: accountId, action } });
const urlOf = async (answer: Promise<Response>) => {
    const body = (await (await answer).json()) as { url?: string };
    if (body.url === undefined) throw new Error(JSON.stringify(body));
    return body.url;
};
const checkout = (token: string, headers = { 'x-tf-context': contextHeader() }) =>
    knock('checkout', { headers, body: { token } });

async function stripeAccountOf(person: Tradesperson): Promise<string> {
    const [row] = await database<{ id: string }[]>`
        select stripe_account_id as id from billing.connected_accounts where account_id = ${person.accountId}`;
    return row?.id ?? '';
}

/** A business that can be paid by card. */
async function aPaidTradesperson(): Promise<Tradesperson> {
    const person = await aTradesperson();
    await onboardAt(await urlOf(connect(person, 'onboard')), 'complete');
    await connect(person, 'refresh');
    return person;
}

describe('connecting with Stripe', () => {
    let person: Tradesperson;
    beforeAll(async () => {
        person = await aTradesperson('Bell’s & Sons');
    });

    it('is for a signed-in person', async () => {
        const body = { account_id: person.accountId, action: 'onboard' };
        expect((await knock('connect', { body })).status).toBe(401);
    });

    it('is nothing to a stranger', async () => {
        const stranger = await aTradesperson('Somebody Else Ltd');
        expect(await refusal(await connect(stranger, 'onboard', person.accountId))).toEqual({
            status: 404,
            code: 'not_found'
        });
    });

    it('can’t be looked up before it has begun', async () => {
        expect(await refusal(await connect(person, 'refresh'))).toEqual({
            status: 409,
            code: 'payments_not_set_up'
        });
    });

    it('makes one account at Stripe, however often it is tapped, and comes back to the payouts page', async () => {
        const urls = await Promise.all([1, 2, 3].map(() => urlOf(connect(person, 'onboard'))));
        const { data } = await stripe.accounts.list({ limit: 100 });
        const made = data.filter(({ metadata }) => metadata?.account_id === person.accountId);
        expect(made.map(({ id }) => id)).toEqual([await stripeAccountOf(person)]);
        const [account] = made;
        expect(account).toMatchObject({
            country: 'GB',
            email: person.email,
            business_profile: { name: 'Bell’s & Sons' },
            metadata: { account_id: person.accountId }
        });
        expect(await onboardAt(urls[0] ?? '', 'complete')).toBe(
            `${info.env.APP_ORIGIN}/more/payouts?back=stripe`
        );
    });

    it('is known after coming back', async () => {
        const answer = await connect(person, 'refresh');
        expect(await answer.json()).toEqual({
            charges_enabled: true,
            payouts_enabled: true,
            details_submitted: true,
            disabled_reason: null
        });
        const me = await act<{ accounts: { stripe: { charges_enabled: boolean } }[] }>(person, 'me', {});
        expect(me.accounts[0]?.stripe.charges_enabled).toBe(true);
    });

    it('is kept once, however many of Stripe’s answers are saved at the same moment', async () => {
        const fresh = await aTradesperson();
        const service = createClient(info.apiUrl, info.secretKey, { db: { schema: 'service' } });
        for (let round = 0; round < 25; round += 1) {
            await database`delete from billing.connected_accounts where account_id = ${fresh.accountId}`;
            const args = {
                account_id: fresh.accountId,
                stripe_account_id: `acct_${fresh.accountId.replaceAll('-', '')}`,
                charges_enabled: false,
                payouts_enabled: false,
                details_submitted: false,
                disabled_reason: null
            };
            const saves = Array.from({ length: 5 }, () => service.rpc('save_connected_account', args));
            const errors = (await Promise.all(saves)).map(({ error }) => error?.message ?? null);
            expect(errors, `round ${round}`).toEqual(Array(5).fill(null));
        }
    });

    it('[ACC-1] needs the permission to manage payouts', async () => {
        const staff = await aTradesperson();
        await database.begin(async (sql) => {
            await sql`set local session_replication_role = replica`;
            await sql`
                update public.members as m
                set role_id = r.id
                from public.roles as r
                where m.user_id = ${staff.userId} and r.account_id = m.account_id and r.key = 'staff'`;
        });
        expect(await refusal(await connect(staff, 'onboard'))).toEqual({ status: 403, code: 'not_allowed' });
    });
});

describe('[PAY-3] paying an invoice', () => {
    let owner: Tradesperson;
    let invoice: IssuedInvoice;
    let token: string;
    beforeAll(async () => {
        owner = await aPaidTradesperson();
        invoice = await anIssuedInvoice(owner);
        token = await aLink(owner, invoice);
    });

    it('comes through the web tier with a live link', async () => {
        const body = { token };
        expect(await refusal(await knock('checkout', { body }))).toEqual({
            status: 401,
            code: 'context_required'
        });
        expect(await refusal(await checkout('x'.repeat(43)))).toEqual({
            status: 404,
            code: 'link_not_valid'
        });
    });

    it('is not offered while the business takes no cards', async () => {
        const unconnected = await aTradesperson();
        const link = await aLink(unconnected, await anIssuedInvoice(unconnected));
        expect(await refusal(await checkout(link))).toEqual({ status: 409, code: 'payments_not_set_up' });
    });

    it('opens one page, however often it is tapped: a direct charge on the trader’s own account', async () => {
        const urls = await Promise.all([1, 2, 3, 4].map(() => urlOf(checkout(token))));
        expect(new Set(urls).size).toBe(1);
        const [row] = await database<{ session_id: string; stripe_account_id: string }[]>`
            select session_id, stripe_account_id from billing.checkout_sessions where invoice_id = ${invoice.id}`;
        const session = await stripe.checkout.sessions.retrieve(
            row?.session_id ?? '',
            { expand: ['line_items'] },
            { stripeAccount: row?.stripe_account_id ?? '' }
        );
        expect(session).toMatchObject({
            amount_total: invoice.total,
            currency: 'gbp',
            customer: null,
            metadata: { account_id: owner.accountId, invoice_id: invoice.id },
            success_url: `${info.env.APP_ORIGIN}/portal/paid`,
            cancel_url: `${info.env.APP_ORIGIN}/portal/invoice`
        });
        expect(session.line_items?.data[0]?.description).toBe(
            `Invoice ${invoice.reference} from Hart & Sons Electrical`
        );
    });

    it('makes the invoice paid, once, by the webhook; the customer gets a receipt', async () => {
        const payer = `payer-${randomUUID()}@example.com`;
        await act(owner, 'send_invoice', {
            account_id: owner.accountId,
            invoice_id: invoice.id,
            to_address: payer,
            message: 'Thank you.',
            idempotency_key: randomUUID()
        });
        const mail = await mailTo(payer);
        expect(mail.subject).toBe(`Invoice ${invoice.reference} from Hart & Sons Electrical`);
        expect(mail.from).toContain('Hart & Sons Electrical via TradersFlow');
        const file = await fetch(mail.attachments[0]?.url ?? '');
        expect(new Uint8Array(await file.arrayBuffer())).toEqual(pdf);
        const mailed = /\/p\/([\w-]+)/.exec(mail.text)?.[1] ?? '';

        const url = await urlOf(checkout(mailed));
        expect((await payAt(url, CARDS.declined)).to).not.toBe(`${info.env.APP_ORIGIN}/portal/paid`);
        expect((await payAt(url, CARDS.pays)).to).toBe(`${info.env.APP_ORIGIN}/portal/paid`);
        await expect
            .poll(
                () =>
                    database`select state, paid_pence::int as paid from public.invoices where id = ${invoice.id}`,
                { timeout: 10_000 }
            )
            .toEqual([{ state: 'paid', paid: invoice.total }]);
        const payments = await database`select 1 from public.payments where invoice_id = ${invoice.id}`;
        expect(payments).toHaveLength(1);
        await expect
            .poll(async () => (await mailTo(payer)).subject, { timeout: 10_000 })
            .toBe(`Receipt for invoice ${invoice.reference}: £120.00 paid to Hart & Sons Electrical`);
        expect(await refusal(await checkout(mailed))).toEqual({ status: 409, code: 'nothing_to_pay' });
    });

    it('[HOOK-2] happens once when Stripe tells of it twenty times at once', async () => {
        const { data } = await stripe.events.list(
            { type: 'payment_intent.succeeded', limit: 100 },
            { stripeAccount: await stripeAccountOf(owner) }
        );
        const answer = await fetch(`${info.stripeUrl}/_stand_in/deliver`, {
            method: 'POST',
            headers: { authorization: `Bearer ${info.stripeSecretKey}`, 'content-type': 'application/json' },
            body: JSON.stringify({ event: data[0]?.id, times: 20 })
        });
        const { deliveries } = (await answer.json()) as { deliveries: { status: number }[] };
        expect(deliveries.map(({ status }) => status)).toEqual(Array(20).fill(200));
        const payments = await database`select 1 from public.payments where invoice_id = ${invoice.id}`;
        expect(payments).toHaveLength(1);
    });

    it('closes a page at Stripe whose amount is no longer right', async () => {
        const partly = await anIssuedInvoice(owner);
        const link = await aLink(owner, partly);
        const first = await urlOf(checkout(link));
        await database`update billing.checkout_sessions set amount_pence = 1 where invoice_id = ${partly.id}`;
        expect(await urlOf(checkout(link))).not.toBe(first);
        expect((await payAt(first, CARDS.pays)).to).toBeNull();
    });
});

describe('[HOOK-1] a webhook', () => {
    const event = (id = `evt_${randomUUID()}`) =>
        JSON.stringify({
            id,
            object: 'event',
            type: 'payment_intent.succeeded',
            api_version: Stripe.API_VERSION,
            created: Math.floor(Date.now() / 1000),
            livemode: false,
            data: { object: { id: 'pi_nobodys', object: 'payment_intent' } }
        });
    const signature = (payload: string, secret = info.stripeWebhookSecret, age = 0) =>
        Stripe.webhooks.generateTestHeaderStringAsync({
            payload,
            secret,
            timestamp: Math.floor(Date.now() / 1000) - age
        });
    const kept = async (payload: string) => {
        const { id } = JSON.parse(payload) as { id: string };
        return (await database`select state from billing.stripe_events where id = ${id}`).map(({ state }) =>
            String(state)
        );
    };
    const refused = { status: 400, code: 'signature_not_valid' };

    it.each([
        ['unsigned', () => Promise.resolve({})],
        [
            'signed by another secret',
            async (payload: string) => ({ 'stripe-signature': await signature(payload, 'whsec_x') })
        ],
        [
            'signed 301 seconds ago',
            async (payload: string) => ({ 'stripe-signature': await signature(payload, undefined, 301) })
        ],
        ['signed for another body', async () => ({ 'stripe-signature': await signature(event()) })]
    ])('%s is refused and leaves no trace', async (_, headers) => {
        const payload = event();
        expect(
            await refusal(await knock('stripe-webhook', { headers: await headers(payload), body: payload }))
        ).toEqual(refused);
        expect(await kept(payload)).toEqual([]);
    });

    it('that is well signed is kept; what Stripe does not know is set aside', async () => {
        const payload = event();
        const answer = await knock('stripe-webhook', {
            headers: { 'stripe-signature': await signature(payload) },
            body: payload
        });
        expect(answer.status).toBe(200);
        expect(await kept(payload)).toEqual(['ignored']);
    });

    it('is swept up by workers only', async () => {
        const guess = await knock('stripe-webhook', {
            headers: { 'x-tf-worker': 'guess' },
            body: { action: 'sweep' }
        });
        expect(await refusal(guess)).toEqual({ status: 401, code: 'worker_key_required' });
        const swept = await knock('stripe-webhook', { headers: asWorker, body: { action: 'sweep' } });
        expect(await swept.json()).toEqual({ applied: expect.any(Number), left: expect.any(Number) });
    });
});
