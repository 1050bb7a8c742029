/**
 * Brings one Stripe object's present state into the database: claim a lease with a fence, fetch the object from
 * Stripe, apply its high-level fields under that fence. Since state comes from the fetch, events may come late,
 * twice or shuffled; since the fence is checked, a slow worker can't overwrite a later one.
 */
import Stripe from 'npm:stripe@23.1.0';
import { z } from 'npm:zod@4.6.7';
import type { Log } from '../_shared/log.ts';
import { callService, type Act } from '../_shared/service.ts';
import { problemFromStripe, stripe } from '../_shared/stripe.ts';
import {
    accountFields,
    checkoutSessionFields,
    paymentIntentFields,
    type AccountFields,
    type CheckoutSessionFields,
    type PaymentIntentFields
} from '../_shared/stripe-fields.ts';
import type { StripeObject } from './event.ts';

const LEASE_SECONDS = 30;

/**
 * Several events of one object come within the same second, and only one of them gets the lease. The others
 * try again shortly, because their holder may have fetched before the change they tell of; what is still
 * unapplied after that is the sweeper's.
 */
const WAITS_MS = [0, 100, 200, 400, 800];

/**
 * Brings `object` in. 'left' when another worker holds it, now or by a later claim than ours; else the database's
 * word for what it did, 'applied' or 'ignored'.
 */
export async function applyObject(act: Act, log: Log, object: StripeObject): Promise<string> {
    for (const wait of WAITS_MS) {
        await new Promise((resolve) => setTimeout(resolve, wait));
        const fence = await callService(
            act,
            'claim_stripe_object',
            { ...object, lease_seconds: LEASE_SECONDS },
            z.int().nullable()
        );
        if (fence !== null) {
            const outcome = await fetchAndApply(act, object, fence);
            log.info('apply', { object_type: object.object_type, object_id: object.object_id, outcome });
            return outcome === 'stale' ? 'left' : outcome;
        }
    }
    return 'left';
}

async function fetchAndApply(act: Act, object: StripeObject, fence: number): Promise<string> {
    let fields: Fields;
    try {
        fields = await fetchFields(object);
    } catch (failure) {
        if (isGone(failure)) {
            return await callService(act, 'abandon_stripe_object', { ...object, fence }, z.string());
        }
        throw problemFromStripe(failure);
    }
    return await callService(act, 'apply_stripe_object', { ...object, fence, fields }, z.string());
}

type Fields = PaymentIntentFields | CheckoutSessionFields | AccountFields;

async function fetchFields({ object_type, object_id, account }: StripeObject): Promise<Fields> {
    // Objects of a connected account exist only in its own name.
    const options = account === null ? {} : { stripeAccount: account };
    switch (object_type) {
        case 'payment_intent':
            return paymentIntentFields(
                await stripe.paymentIntents.retrieve(object_id, { expand: ['latest_charge'] }, options)
            );
        case 'checkout_session':
            return checkoutSessionFields(await stripe.checkout.sessions.retrieve(object_id, {}, options));
        case 'account':
            return accountFields(await stripe.accounts.retrieve(object_id));
    }
}

/** Stripe no longer knows the object, or no longer lets us see the account: asking again would change nothing. */
function isGone(failure: unknown): boolean {
    return (
        failure instanceof Stripe.errors.StripeError &&
        (failure.code === 'resource_missing' || failure.code === 'account_invalid')
    );
}
