import type Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { accountFields, checkoutSessionFields, paymentIntentFields } from './stripe-fields.ts';

const intent = {
    id: 'pi_1',
    status: 'succeeded',
    amount_received: 12_000,
    currency: 'gbp',
    metadata: { account_id: 'a', invoice_id: 'i' },
    latest_charge: {
        id: 'ch_1',
        created: 1_790_000_000,
        amount_refunded: 500,
        billing_details: { address: { postal_code: 'LS1 4DY' }, email: 'payer@example.com' },
        payment_method_details: { card: { last4: '4242', fingerprint: 'Xt5EWLLDS7FJjR1c', exp_year: 2030 } }
    }
} as unknown as Stripe.PaymentIntent;

describe('[PAY-1] what of Stripe’s objects reaches the database', () => {
    it('is the payment’s state, amounts and our own references', () => {
        expect(paymentIntentFields(intent)).toEqual({
            status: 'succeeded',
            amount_received: 12_000,
            amount_refunded: 500,
            currency: 'gbp',
            metadata_account_id: 'a',
            metadata_invoice_id: 'i',
            paid_at: '2026-09-21T14:13:20.000Z'
        });
    });

    it('is nothing of a card or a payer', () => {
        const kept = JSON.stringify(paymentIntentFields(intent));
        for (const detail of ['4242', 'Xt5EWLLDS7FJjR1c', '2030', 'LS1 4DY', 'payer@example.com']) {
            expect(kept).not.toContain(detail);
        }
    });

    it('has no time of payment before the payment succeeded', () => {
        const open = { ...intent, status: 'requires_payment_method', latest_charge: null, metadata: {} };
        expect(paymentIntentFields(open as unknown as Stripe.PaymentIntent)).toMatchObject({
            paid_at: null,
            amount_refunded: 0,
            metadata_account_id: null
        });
    });

    it('is a session’s state and the id of its payment', () => {
        const session = { status: 'complete', payment_status: 'paid', payment_intent: { id: 'pi_1' } };
        const fields = checkoutSessionFields(session as unknown as Stripe.Checkout.Session);
        expect(fields).toEqual({ status: 'complete', payment_status: 'paid', payment_intent: 'pi_1' });
    });

    it('is whether an account can take payments, and why not', () => {
        const account = {
            charges_enabled: false,
            payouts_enabled: false,
            details_submitted: true,
            requirements: { disabled_reason: 'requirements.past_due' },
            email: 'owner@example.com'
        };
        expect(accountFields(account as unknown as Stripe.Account)).toEqual({
            charges_enabled: false,
            payouts_enabled: false,
            details_submitted: true,
            disabled_reason: 'requirements.past_due'
        });
    });
});
