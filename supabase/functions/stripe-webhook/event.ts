/**
 * What is kept of a Stripe event, and which object has to be fetched because of it. The payload itself carries
 * card and billing details and is never kept (PAY-1). Pure, so that Node can test it.
 */
export type StripeEvent = {
    readonly id: string;
    readonly type: string;
    readonly account?: string | null | undefined;
    readonly api_version: string | null;
    readonly created: number;
    readonly livemode: boolean;
    readonly data: { readonly object: Readonly<Record<string, unknown>> };
};

/** The row of `billing.stripe_events`. */
export type EventRecord = {
    readonly id: string;
    readonly type: string;
    readonly account: string | null;
    readonly api_version: string | null;
    /** ISO 8601. */
    readonly created: string;
    readonly livemode: boolean;
    readonly object_type: string;
    readonly object_id: string | null;
    /** Hex SHA-256 of the raw body. */
    readonly sha256: string;
};

export const appliedTypes = ['payment_intent', 'checkout_session', 'account'] as const;
export type AppliedType = (typeof appliedTypes)[number];

/**
 * The record of `event`. Charges and refunds are kept under their payment intent, because that is what is
 * fetched to apply them; other kinds under their own name, which nothing applies.
 */
export function recordOf(event: StripeEvent, sha256: string): EventRecord {
    const { object } = event.data;
    const kind = typeof object.object === 'string' ? object.object : 'unknown';
    const intent = typeof object.payment_intent === 'string' ? object.payment_intent : null;
    const belongsToIntent = (kind === 'charge' || kind === 'refund') && intent !== null;
    return {
        id: event.id,
        type: event.type,
        account: event.account ?? null,
        api_version: event.api_version,
        created: new Date(event.created * 1000).toISOString(),
        livemode: event.livemode,
        object_type: belongsToIntent ? 'payment_intent' : kind.replaceAll('.', '_'),
        object_id: belongsToIntent ? intent : typeof object.id === 'string' ? object.id : null,
        sha256
    };
}

/** An object at Stripe that the database wants to know the present state of. */
export type StripeObject = {
    readonly object_type: AppliedType;
    readonly object_id: string;
    readonly account: string | null;
};

/** What `record` asks to fetch and apply, or null. */
export function objectToApply({ object_type, object_id, account }: EventRecord): StripeObject | null {
    const type = appliedTypes.find((candidate) => candidate === object_type);
    return type === undefined || object_id === null ? null : { object_type: type, object_id, account };
}
