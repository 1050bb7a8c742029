// Stripe's interface as stripe-node sees it: what is allowed, and beside it what is refused. With
// CONTRACT_STRIPE_SECRET_KEY the same tests run in Stripe's own test mode (Connect must be enabled there).
import { randomUUID } from 'node:crypto';
import Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startStandIn, type StandIn } from './stripe_stand_in.ts';

const hostedKey = process.env.CONTRACT_STRIPE_SECRET_KEY;
let standIn: StandIn | null = null;
let stripe: Stripe;

/** The client with other settings, at the same server. */
function clientWith(key: string): Stripe {
    const config = { maxNetworkRetries: 0, telemetry: false };
    if (!standIn) return new Stripe(key, config);
    const { hostname, port } = new URL(standIn.baseUrl);
    return new Stripe(key, { ...config, host: hostname, port, protocol: 'http' });
}

/** What a refusal says, without its words. */
async function refusal(act: Promise<unknown>) {
    const problem = await act.then(
        () => null,
        (error: unknown) => error
    );
    if (!(problem instanceof Stripe.errors.StripeError)) throw new Error('This should have been refused.');
    return { class: problem.type, status: problem.statusCode, code: problem.code, param: problem.param };
}

const invalid = (code: string | undefined, param?: string, status = 400) => ({
    class: 'StripeInvalidRequestError',
    status,
    code,
    param
});

const paying = {
    amount: 12_000,
    currency: 'gbp',
    confirm: true,
    payment_method: 'pm_card_visa',
    automatic_payment_methods: { enabled: true, allow_redirects: 'never' }
} as const satisfies Stripe.PaymentIntentCreateParams;

const checkout = {
    mode: 'payment',
    success_url: 'https://example.com/paid?session={CHECKOUT_SESSION_ID}',
    cancel_url: 'https://example.com/invoice',
    line_items: [
        {
            quantity: 2,
            price_data: { currency: 'gbp', unit_amount: 6_000, product_data: { name: 'Invoice INV-0042' } }
        }
    ]
} as const satisfies Stripe.Checkout.SessionCreateParams;

beforeAll(async () => {
    if (!hostedKey) standIn = await startStandIn();
    stripe = clientWith(hostedKey ?? standIn?.secretKey ?? '');
});
afterAll(() => standIn?.stop());

describe('whoever calls', () => {
    it('is the account of the key', async () => {
        const account = await stripe.accounts.retrieveCurrent();
        expect(account).toMatchObject({ object: 'account', id: expect.stringMatching(/^acct_/) });
        expect(account.lastResponse.requestId).toMatch(/^req_/);
        expect(account.lastResponse.apiVersion).toBe(Stripe.API_VERSION);
    });

    it('is refused with another key', async () => {
        expect(await refusal(clientWith('sk_test_wrong').balanceTransactions.list())).toMatchObject({
            class: 'StripeAuthenticationError',
            status: 401
        });
    });

    it('is refused on an account that is none of its own', async () => {
        const act = stripe.paymentIntents.list({}, { stripeAccount: 'acct_1NobodysAccount0' });
        expect(await refusal(act)).toMatchObject({
            class: 'StripePermissionError',
            status: 403,
            code: 'account_invalid'
        });
    });
});

describe('a request', () => {
    it('to an address that does not exist is told so', async () => {
        const act = stripe.rawRequest('GET', '/v1/plumbers');
        expect(await refusal(act)).toEqual(invalid(undefined, undefined, 404));
        await expect(act).rejects.toThrow(/^Unrecognized request URL \(GET: \/v1\/plumbers\)/);
    });

    it('with an unknown parameter is refused by its name, nested ones too', async () => {
        const unknown = stripe.rawRequest('POST', '/v1/payment_intents', {
            amount: 1000,
            currency: 'gbp',
            colour: 'red'
        });
        expect(await refusal(unknown)).toEqual(invalid('parameter_unknown', 'colour'));
        const nested = stripe.rawRequest('POST', '/v1/checkout/sessions', {
            ...checkout,
            payment_intent_data: { colour: 'red' }
        });
        expect(await refusal(nested)).toEqual(invalid('parameter_unknown', 'payment_intent_data[colour]'));
    });

    it('without a needed parameter is refused by its name', async () => {
        expect(await refusal(stripe.rawRequest('POST', '/v1/payment_intents', { currency: 'gbp' }))).toEqual(
            invalid('parameter_missing', 'amount')
        );
    });

    it('with a number that is none, or a currency that is none, is refused', async () => {
        const number = stripe.rawRequest('POST', '/v1/payment_intents', { currency: 'gbp', amount: 'ten' });
        expect(await refusal(number)).toEqual(invalid('parameter_invalid_integer', 'amount'));
        const currency = stripe.paymentIntents.create({ amount: 1000, currency: 'xxx' });
        expect(await refusal(currency)).toMatchObject({ status: 400, param: 'currency' });
    });

    it('for an object that does not exist is told which', async () => {
        expect(await refusal(stripe.paymentIntents.retrieve('pi_nothing'))).toEqual(
            invalid('resource_missing', 'intent', 404)
        );
        expect(await refusal(stripe.charges.retrieve('ch_nothing'))).toEqual(
            invalid('resource_missing', 'id', 404)
        );
    });
});

describe('an idempotency key', () => {
    it('gives the first answer again and does nothing twice', async () => {
        const idempotencyKey = randomUUID();
        const first = await stripe.paymentIntents.create(paying, { idempotencyKey });
        const second = await stripe.paymentIntents.create(paying, { idempotencyKey });
        expect(second).toEqual(first);
        const { data } = await stripe.charges.list({ payment_intent: first.id });
        expect(data).toHaveLength(1);
    });

    it('keeps a declined card declined', async () => {
        const idempotencyKey = randomUUID();
        const declined = { ...paying, payment_method: 'pm_card_chargeDeclined' } as const;
        const attempt = () =>
            stripe.paymentIntents
                .create(declined, { idempotencyKey })
                .catch((error: unknown) => error as Stripe.errors.StripeCardError);
        const [first, second] = [await attempt(), await attempt()] as Stripe.errors.StripeCardError[];
        expect(first?.payment_intent?.id).toBeTruthy();
        expect(second?.payment_intent?.id).toBe(first?.payment_intent?.id);
    });

    it('is refused with other parameters', async () => {
        const idempotencyKey = randomUUID();
        await stripe.paymentIntents.create(paying, { idempotencyKey });
        const other = stripe.paymentIntents.create({ ...paying, amount: 13_000 }, { idempotencyKey });
        expect(await refusal(other)).toMatchObject({ class: 'StripeIdempotencyError', status: 400 });
    });

    it('is free again after parameters that were refused', async () => {
        const idempotencyKey = randomUUID();
        const unknown = { ...paying, colour: 'red' };
        const wrong = stripe.rawRequest('POST', '/v1/payment_intents', unknown, { idempotencyKey });
        expect(await refusal(wrong)).toMatchObject({ status: 400 });
        const right = await stripe.paymentIntents.create(paying, { idempotencyKey });
        expect(right.status).toBe('succeeded');
    });
});

describe('a payment intent', () => {
    it('pays with a good card, and its charge knows the card', async () => {
        const intent = await stripe.paymentIntents.create({
            ...paying,
            metadata: { invoice: 'INV-0042' },
            expand: ['latest_charge.payment_intent']
        });
        expect(intent).toMatchObject({
            object: 'payment_intent',
            status: 'succeeded',
            amount: 12_000,
            amount_received: 12_000,
            currency: 'gbp',
            livemode: false,
            metadata: { invoice: 'INV-0042' }
        });
        expect(intent.latest_charge).toMatchObject({
            object: 'charge',
            status: 'succeeded',
            paid: true,
            captured: true,
            refunded: false,
            amount_refunded: 0,
            livemode: false,
            payment_intent: { id: intent.id },
            payment_method_details: { type: 'card', card: { last4: '4242', brand: 'visa' } }
        });
    });

    it('fails with a declined card, says why, and can be tried again', async () => {
        const intent = await stripe.paymentIntents.create({
            amount: 4_200,
            currency: 'gbp',
            automatic_payment_methods: { enabled: true, allow_redirects: 'never' }
        });
        expect(intent.status).toBe('requires_payment_method');
        const declined = stripe.paymentIntents.confirm(intent.id, {
            payment_method: 'pm_card_chargeDeclined'
        });
        expect(await refusal(declined)).toMatchObject({
            class: 'StripeCardError',
            status: 402,
            code: 'card_declined'
        });
        const noFunds = await stripe.paymentIntents
            .confirm(intent.id, { payment_method: 'pm_card_chargeDeclinedInsufficientFunds' })
            .catch((error: unknown) => error);
        expect(noFunds).toMatchObject({
            decline_code: 'insufficient_funds',
            payment_intent: { id: intent.id, status: 'requires_payment_method' }
        });
        const paid = await stripe.paymentIntents.confirm(intent.id, { payment_method: 'pm_card_visa' });
        expect(paid).toMatchObject({ status: 'succeeded', last_payment_error: null });
        const { data } = await stripe.charges.list({ payment_intent: intent.id });
        expect(data.map((charge) => charge.status)).toEqual(['succeeded', 'failed', 'failed']);
    });

    it('is changed and cancelled while it is open, and not once it is paid', async () => {
        const intent = await stripe.paymentIntents.create({ amount: 4_200, currency: 'gbp' });
        const changed = await stripe.paymentIntents.update(intent.id, {
            amount: 4_300,
            metadata: { a: '1' }
        });
        expect(changed).toMatchObject({ amount: 4_300, metadata: { a: '1' } });
        const cancelled = await stripe.paymentIntents.cancel(intent.id, {
            cancellation_reason: 'requested_by_customer'
        });
        expect(cancelled).toMatchObject({
            status: 'canceled',
            cancellation_reason: 'requested_by_customer',
            canceled_at: expect.any(Number)
        });
        const paid = await stripe.paymentIntents.create(paying);
        expect(await refusal(stripe.paymentIntents.cancel(paid.id))).toMatchObject({
            status: 400,
            code: 'payment_intent_unexpected_state'
        });
        expect(await refusal(stripe.paymentIntents.confirm(paid.id))).toMatchObject({
            status: 400,
            code: 'payment_intent_unexpected_state'
        });
    });

    it('below the least amount is refused', async () => {
        expect(await refusal(stripe.paymentIntents.create({ amount: 29, currency: 'gbp' }))).toMatchObject({
            status: 400,
            code: 'amount_too_small'
        });
    });

    it('takes no platform fee on the platform’s own account', async () => {
        const act = stripe.paymentIntents.create({ ...paying, application_fee_amount: 100 });
        expect(await refusal(act)).toMatchObject({ status: 400, param: 'application_fee_amount' });
    });
});

describe('a refund', () => {
    it('gives back a part, then the rest, and then there is nothing left', async () => {
        const intent = await stripe.paymentIntents.create(paying);
        const part = await stripe.refunds.create({
            payment_intent: intent.id,
            amount: 2_000,
            reason: 'requested_by_customer',
            metadata: { why: 'kind' }
        });
        expect(part).toMatchObject({
            object: 'refund',
            amount: 2_000,
            status: 'succeeded',
            payment_intent: intent.id,
            charge: intent.latest_charge,
            metadata: { why: 'kind' },
            balance_transaction: expect.stringMatching(/^txn_/)
        });
        const charge = String(intent.latest_charge);
        expect(await stripe.charges.retrieve(charge)).toMatchObject({
            amount_refunded: 2_000,
            refunded: false
        });
        const tooMuch = stripe.refunds.create({ charge, amount: 10_001 });
        expect(await refusal(tooMuch)).toMatchObject({ class: 'StripeInvalidRequestError', status: 400 });
        await stripe.refunds.create({ charge });
        expect(await stripe.charges.retrieve(charge, { expand: ['refunds'] })).toMatchObject({
            amount_refunded: 12_000,
            refunded: true,
            refunds: { data: [{ amount: 10_000 }, { amount: 2_000 }] }
        });
        expect(await stripe.paymentIntents.retrieve(intent.id)).toMatchObject({ status: 'succeeded' });
        expect(await refusal(stripe.refunds.create({ charge }))).toMatchObject({
            status: 400,
            code: 'charge_already_refunded'
        });
        const { data } = await stripe.refunds.list({ payment_intent: intent.id });
        expect(data.map((refund) => refund.amount)).toEqual([10_000, 2_000]);
    });

    it('of what was never paid is refused', async () => {
        const intent = await stripe.paymentIntents.create({ amount: 4_200, currency: 'gbp' });
        expect(await refusal(stripe.refunds.create({ payment_intent: intent.id }))).toMatchObject({
            status: 400
        });
        expect(await refusal(stripe.refunds.create({}))).toMatchObject({ status: 400 });
    });
});

describe('lists', () => {
    it('go from newest to oldest, by cursor, page after page', async () => {
        const made: string[] = [];
        for (let count = 0; count < 3; count += 1) {
            made.unshift((await stripe.paymentIntents.create({ amount: 4_200, currency: 'gbp' })).id);
        }
        const first = await stripe.paymentIntents.list({ limit: 2 });
        expect(first).toMatchObject({ object: 'list', has_more: true });
        const last = first.data.at(-1)?.id;
        const second = await stripe.paymentIntents.list({ limit: 1, starting_after: last });
        expect([...first.data, ...second.data].map(({ id }) => id)).toEqual(made);
        const back = await stripe.paymentIntents.list({ limit: 2, ending_before: second.data[0]?.id });
        expect(back.data.map(({ id }) => id)).toEqual(made.slice(0, 2));
        const walked: string[] = [];
        for await (const { id } of stripe.paymentIntents.list({ limit: 1 })) {
            if (walked.push(id) === 3) break;
        }
        expect(walked).toEqual(made);
    });

    it('are bounded by time, and refuse a page of a thousand', async () => {
        const future = Math.floor(Date.now() / 1000) + 3600;
        expect((await stripe.charges.list({ created: { gte: future } })).data).toEqual([]);
        expect((await stripe.charges.list({ created: { lt: future }, limit: 1 })).data).toHaveLength(1);
        expect(await refusal(stripe.charges.list({ limit: 1000 }))).toMatchObject({
            status: 400,
            param: 'limit'
        });
        expect(await refusal(stripe.charges.list({ starting_after: 'ch_nothing' }))).toMatchObject({
            code: 'resource_missing',
            param: 'starting_after'
        });
    });

    it('refuse to expand what cannot be expanded', async () => {
        const act = stripe.charges.list({ limit: 1, expand: ['data.amount'] });
        expect(await refusal(act)).toMatchObject({ status: 400 });
    });
});

describe('events', () => {
    it('tell what happened, with the object as it was and the request that did it', async () => {
        const idempotencyKey = randomUUID();
        const intent = await stripe.paymentIntents.create(paying, { idempotencyKey });
        const { data } = await stripe.events.list({ type: 'payment_intent.succeeded', limit: 20 });
        const event = data.find((one) => (one.data.object as { id: string }).id === intent.id);
        expect(event).toMatchObject({
            object: 'event',
            type: 'payment_intent.succeeded',
            livemode: false,
            data: { object: { id: intent.id, status: 'succeeded' } },
            request: { idempotency_key: idempotencyKey }
        });
        expect(event).not.toHaveProperty('account');
        const again = await stripe.events.retrieve(event?.id ?? '');
        expect(again.type).toBe('payment_intent.succeeded');
        expect(await refusal(stripe.events.retrieve('evt_nothing'))).toMatchObject({
            code: 'resource_missing'
        });
    });
});

describe('a Checkout session', () => {
    it('is open, unpaid and on a hosted page, and shows its lines when asked', async () => {
        const session = await stripe.checkout.sessions.create({
            ...checkout,
            customer_email: 'payer@example.com',
            client_reference_id: 'invoice-42',
            metadata: { invoice: 'INV-0042' },
            payment_intent_data: { metadata: { invoice: 'INV-0042' }, receipt_email: 'payer@example.com' },
            expand: ['line_items']
        });
        expect(session).toMatchObject({
            object: 'checkout.session',
            id: expect.stringMatching(/^cs_test_/),
            mode: 'payment',
            status: 'open',
            payment_status: 'unpaid',
            payment_intent: null,
            amount_subtotal: 12_000,
            amount_total: 12_000,
            currency: 'gbp',
            customer_email: 'payer@example.com',
            client_reference_id: 'invoice-42',
            metadata: { invoice: 'INV-0042' },
            livemode: false,
            success_url: checkout.success_url,
            url: expect.stringMatching(/^http/)
        });
        expect(session.expires_at - session.created).toBe(24 * 60 * 60);
        expect(session.line_items?.data).toMatchObject([
            { object: 'item', quantity: 2, amount_total: 12_000, description: 'Invoice INV-0042' }
        ]);
        const plain = await stripe.checkout.sessions.retrieve(session.id);
        expect(plain).not.toHaveProperty('line_items');
        const lines = await stripe.checkout.sessions.listLineItems(session.id);
        expect(lines.data[0]?.price?.unit_amount).toBe(6_000);
        const { data } = await stripe.checkout.sessions.list({ status: 'open', limit: 5 });
        expect(data.map(({ id }) => id)).toContain(session.id);
    });

    it('is expired once, and then has no page', async () => {
        const { id } = await stripe.checkout.sessions.create(checkout);
        expect(await stripe.checkout.sessions.expire(id)).toMatchObject({ status: 'expired', url: null });
        expect(await refusal(stripe.checkout.sessions.expire(id))).toMatchObject({ status: 400 });
    });

    it('is refused below the least amount, without lines, without a way back, or for too short a time', async () => {
        const line = checkout.line_items[0];
        const tiny = { ...line, quantity: 1, price_data: { ...line.price_data, unit_amount: 29 } };
        const act = (change: object) =>
            refusal(stripe.rawRequest('POST', '/v1/checkout/sessions', { ...checkout, ...change }));
        expect(await act({ line_items: [tiny] })).toMatchObject({ code: 'amount_too_small' });
        expect(await act({ line_items: undefined })).toMatchObject({ status: 400 });
        expect(await act({ success_url: undefined })).toMatchObject({ status: 400 });
        expect(await act({ success_url: 'nowhere' })).toMatchObject({ code: 'url_invalid' });
        const soon = Math.floor(Date.now() / 1000) + 60;
        expect(await act({ expires_at: soon })).toMatchObject({ param: 'expires_at' });
        expect(await act({ payment_method_types: ['card'] })).toMatchObject({ code: 'parameter_unknown' });
    });
});

describe('a connected account', () => {
    it('is opened, read, changed, listed and closed by the platform', async () => {
        const account = await stripe.accounts.create({
            type: 'express',
            country: 'GB',
            email: 'owner@example.com',
            business_profile: { name: 'Bell Lane Electrical' },
            capabilities: { card_payments: { requested: true }, transfers: { requested: true } },
            metadata: { account: 'one' }
        });
        expect(account).toMatchObject({
            object: 'account',
            type: 'express',
            charges_enabled: false,
            payouts_enabled: false,
            details_submitted: false,
            business_profile: { name: 'Bell Lane Electrical' },
            metadata: { account: 'one' }
        });
        expect(account.requirements?.currently_due).not.toHaveLength(0);
        const changed = await stripe.accounts.update(account.id, { metadata: { account: 'two' } });
        expect(changed.metadata).toEqual({ account: 'two' });
        const { data } = await stripe.accounts.list({ limit: 10 });
        expect(data.map(({ id }) => id)).toContain(account.id);
        const own = await stripe.accounts.retrieve(account.id, {}, { stripeAccount: account.id });
        expect(own.id).toBe(account.id);
        expect(await stripe.accounts.del(account.id)).toMatchObject({ id: account.id, deleted: true });
        expect(await refusal(stripe.accounts.retrieve(account.id))).toMatchObject({
            class: 'StripePermissionError',
            status: 403,
            code: 'account_invalid'
        });
    });

    it('takes no money before it has onboarded, and gets a link to do so', async () => {
        const { id } = await stripe.accounts.create({ type: 'express', country: 'GB' });
        const act = stripe.checkout.sessions.create(checkout, { stripeAccount: id });
        expect(await refusal(act)).toMatchObject({ status: 400 });
        const link = await stripe.accountLinks.create({
            account: id,
            type: 'account_onboarding',
            refresh_url: 'https://example.com/again',
            return_url: 'https://example.com/back'
        });
        expect(link).toMatchObject({ object: 'account_link', url: expect.stringMatching(/^http/) });
        expect(link.expires_at).toBeGreaterThan(link.created);
        expect(
            await refusal(
                stripe.rawRequest('POST', '/v1/account_links', { account: id, type: 'account_onboarding' })
            )
        ).toMatchObject({ status: 400 });
        await stripe.accounts.del(id);
    });
});

describe('a webhook endpoint', () => {
    it('is made with a secret shown once, changed, listed and removed', async () => {
        const made = await stripe.webhookEndpoints.create({
            url: 'https://example.com/hook',
            enabled_events: ['payment_intent.succeeded'],
            connect: true
        });
        expect(made).toMatchObject({ status: 'enabled', secret: expect.stringMatching(/^whsec_/) });
        expect(await stripe.webhookEndpoints.retrieve(made.id)).not.toHaveProperty('secret');
        expect(await stripe.webhookEndpoints.update(made.id, { disabled: true })).toMatchObject({
            status: 'disabled'
        });
        const { data } = await stripe.webhookEndpoints.list({ limit: 100 });
        expect(data.map(({ id }) => id)).toContain(made.id);
        expect(await stripe.webhookEndpoints.del(made.id)).toMatchObject({ deleted: true });
        expect(await refusal(stripe.webhookEndpoints.retrieve(made.id))).toMatchObject({
            code: 'resource_missing'
        });
    });
});

describe.skipIf(hostedKey)('what the stand-in has not learnt', () => {
    it('is refused as an address that does not exist', async () => {
        const acts = [
            stripe.subscriptions.list(),
            stripe.customers.create({ name: 'Jo' }),
            stripe.billingPortal.sessions.create({ customer: 'cus_1' })
        ];
        for (const act of acts) expect(await refusal(act)).toMatchObject({ status: 404, code: undefined });
    });

    it('is refused as a parameter that does not exist, never ignored', async () => {
        const act = stripe.checkout.sessions.create({ ...checkout, automatic_tax: { enabled: true } });
        expect(await refusal(act)).toEqual(invalid('parameter_unknown', 'automatic_tax'));
    });

    it('is refused as an unknown version', async () => {
        const act = stripe.accounts.retrieveCurrent({}, { apiVersion: '2020-08-27' });
        expect(await refusal(act)).toMatchObject({ status: 400 });
    });
});
