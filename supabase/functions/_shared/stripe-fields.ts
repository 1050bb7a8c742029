/**
 * What of a Stripe object may enter our database: high-level state, amounts and our own references. Nothing of
 * a card, a payer's address or an outcome passes through here (PAY-1). Pure.
 */
import type Stripe from 'npm:stripe@23.1.0';

export type AccountFields = {
    readonly charges_enabled: boolean;
    readonly payouts_enabled: boolean;
    readonly details_submitted: boolean;
    readonly disabled_reason: string | null;
};

export function accountFields(account: Stripe.Account): AccountFields {
    return {
        charges_enabled: account.charges_enabled,
        payouts_enabled: account.payouts_enabled,
        details_submitted: account.details_submitted,
        disabled_reason: account.requirements?.disabled_reason ?? null
    };
}

export type CheckoutSessionFields = {
    readonly status: string | null;
    readonly payment_status: string;
    readonly payment_intent: string | null;
};

export function checkoutSessionFields(session: Stripe.Checkout.Session): CheckoutSessionFields {
    return {
        status: session.status,
        payment_status: session.payment_status,
        payment_intent: idOf(session.payment_intent)
    };
}

export type PaymentIntentFields = {
    readonly status: string;
    /** Minor units of `currency`. */
    readonly amount_received: number;
    readonly amount_refunded: number;
    readonly currency: string;
    readonly metadata_account_id: string | null;
    readonly metadata_invoice_id: string | null;
    /** ISO 8601; null until paid. */
    readonly paid_at: string | null;
};

/** `intent` with `latest_charge` expanded: what was refunded, and when it was paid, are told by the charge. */
export function paymentIntentFields(intent: Stripe.PaymentIntent): PaymentIntentFields {
    const charge = typeof intent.latest_charge === 'object' ? intent.latest_charge : null;
    const isPaid = intent.status === 'succeeded' && charge !== null;
    return {
        status: intent.status,
        amount_received: intent.amount_received,
        amount_refunded: charge?.amount_refunded ?? 0,
        currency: intent.currency,
        metadata_account_id: intent.metadata.account_id ?? null,
        metadata_invoice_id: intent.metadata.invoice_id ?? null,
        paid_at: isPaid ? new Date(charge.created * 1000).toISOString() : null
    };
}

function idOf(reference: string | { readonly id: string } | null | undefined): string | null {
    return typeof reference === 'string' ? reference : (reference?.id ?? null);
}
