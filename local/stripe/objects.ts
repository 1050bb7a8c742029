/**
 * The objects the stand-in keeps, typed by the official client: a field that Stripe's API version has and ours
 * lacks does not compile. Beside each object stands what Stripe knows of it and never shows.
 */
import type Stripe from 'stripe';
import { randomBytes } from 'node:crypto';

/** The API version every object and event is rendered in; the client's own, or this does not compile. */
export const API_VERSION: Stripe.LatestApiVersion = '2026-10-28.endive';

export type Metadata = Record<string, string>;

/** An event as it is kept; its `pending_webhooks` is counted anew at each reading. */
export type StoredEvent = {
    id: string;
    object: 'event';
    account?: string;
    api_version: string;
    created: number;
    data: { object: object; previous_attributes?: object };
    livemode: false;
    pending_webhooks: number;
    request: Cause;
    type: string;
};

/** Whose act an event reports: an API request, or Stripe itself (both null). */
export type Cause = { id: string | null; idempotency_key: string | null };
export const STRIPE_ITSELF: Cause = { id: null, idempotency_key: null };

/** What a test card does when it is charged. */
export type CardBehaviour =
    | { does: 'pays' }
    | { does: 'declines'; code: string; declineCode: string | null; message: string }
    | { does: 'challenges'; then: 'pays' | 'declines' };

/** The parameters of the payment a Checkout session will make. */
export type PaymentPlan = {
    metadata: Metadata;
    description: string | null;
    application_fee_amount: number | null;
    receipt_email: string | null;
    statement_descriptor: string | null;
    statement_descriptor_suffix: string | null;
};

export type EndpointSecret = { secret: string; until: number | null };

/** Kind of object → what the API shows → what only Stripe knows. */
export type Kinds = {
    account: { shown: Stripe.Account; hidden: { platform: boolean } };
    application_fee: { shown: Stripe.ApplicationFee; hidden: null };
    balance_transaction: { shown: Stripe.BalanceTransaction; hidden: null };
    charge: { shown: Stripe.Charge; hidden: null };
    'checkout.session': {
        shown: Stripe.Checkout.Session;
        hidden: { plan: PaymentPlan; intent: string | null; lineItems: Stripe.LineItem[] };
    };
    event: { shown: StoredEvent; hidden: null };
    payment_intent: {
        shown: Stripe.PaymentIntent;
        /** The session it belongs to, and where a challenge sends the payer afterwards. */
        hidden: { session: string | null; returnUrl: string | null };
    };
    payment_method: { shown: Stripe.PaymentMethod; hidden: { behaviour: CardBehaviour } };
    refund: { shown: Stripe.Refund; hidden: null };
    webhook_endpoint: {
        shown: Stripe.WebhookEndpoint;
        /** `startup` names an endpoint that was given at the start, so that a changed port finds it again. */
        hidden: { connect: boolean; secrets: EndpointSecret[]; startup: string | null };
    };
};

export type Kind = keyof Kinds;
export type Shown<K extends Kind> = Kinds[K]['shown'];
export type Hidden<K extends Kind> = Kinds[K]['hidden'];

const ALPHABET = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';

/** A new identifier, `prefix` and that many characters nobody can guess. */
export function newId(prefix: string, length = 24): string {
    let id = prefix;
    while (id.length < prefix.length + length) {
        for (const byte of randomBytes(length)) {
            if (byte < 248 && id.length < prefix.length + length) id += ALPHABET[byte % 62];
        }
    }
    return id;
}

/** The id of a field that holds an id or, expanded, the object itself; stored objects hold ids only. */
export function idOf(field: string | { id: string } | null | undefined): string | null {
    return typeof field === 'object' ? (field?.id ?? null) : (field ?? null);
}
