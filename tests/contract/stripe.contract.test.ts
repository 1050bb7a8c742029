// Stripe's interface as stripe-node sees it, whatever the resource: keys, parameters, idempotency, lists, events.
import { randomUUID } from 'node:crypto';
import Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
    checkout,
    clientWith,
    closeStripe,
    hostedKey,
    invalid,
    openStripe,
    paying,
    refusal,
    stripe
} from './stripe_world.ts';

beforeAll(openStripe);
afterAll(closeStripe);

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
