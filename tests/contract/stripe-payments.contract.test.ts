// Paying at Stripe as stripe-node sees it: payment intents, refunds, Checkout sessions and connected accounts.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkout, closeStripe, openStripe, paying, refusal, stripe } from './stripe_world.ts';

beforeAll(openStripe);
afterAll(closeStripe);

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
