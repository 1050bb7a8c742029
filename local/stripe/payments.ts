/**
 * Money moving by card: a payment intent is charged, and succeeds, fails, or waits for the payer's bank. The events
 * come in the order and in the blocks that Stripe sends them in.
 */
import { createHash } from 'node:crypto';
import type Stripe from 'stripe';
import { DECLINED } from './cards.ts';
import { recordBalance } from './balance.ts';
import { newCharge } from './charges.ts';
import { announce } from './events.ts';
import { STRIPE_ITSELF, newId } from './objects.ts';
import { follow, later, seconds } from './world.ts';
import type { Decline, TestCard } from './cards.ts';
import type { Billing } from './charges.ts';
import type { CardBehaviour, Cause, Hidden, Metadata, Shown } from './objects.ts';
import type { World } from './world.ts';

/** Stripe fills in a charge's balance transaction a little after the charge. */
const SETTLES_AFTER_SECONDS = 2;

type Intent = Shown<'payment_intent'>;

export type IntentTerms = {
    amount: number;
    currency: string;
    metadata: Metadata;
    description: string | null;
    receipt_email: string | null;
    application_fee_amount: number | null;
    statement_descriptor: string | null;
    statement_descriptor_suffix: string | null;
    automatic: Stripe.PaymentIntent.AutomaticPaymentMethods | null;
};

/** A new intent that waits for a payment method. */
export function openIntent(
    world: World,
    account: string,
    terms: IntentTerms,
    hidden: Hidden<'payment_intent'>,
    cause: Cause
): Intent {
    const id = newId('pi_3', 23);
    const { automatic, ...shared } = terms;
    const intent: Intent = {
        ...shared,
        id,
        object: 'payment_intent',
        allowed_payment_method_types: null,
        amount_capturable: 0,
        amount_details: { tip: {} },
        amount_received: 0,
        application: null,
        automatic_payment_methods: automatic,
        canceled_at: null,
        cancellation_reason: null,
        capture_method: 'automatic_async',
        client_secret: newId(`${id}_secret_`, 25),
        confirmation_method: 'automatic',
        created: seconds(world),
        customer: null,
        customer_account: null,
        excluded_payment_method_types: null,
        last_payment_error: null,
        latest_charge: null,
        livemode: false,
        managed_payments: null,
        next_action: null,
        on_behalf_of: null,
        payment_method: null,
        payment_method_configuration_details: null,
        payment_method_options: {
            card: {
                installments: null,
                mandate_options: null,
                network: null,
                request_three_d_secure: 'automatic'
            }
        },
        payment_method_types: ['card'],
        payment_record: null,
        processing: null,
        review: null,
        setup_future_usage: null,
        shipping: null,
        source: null,
        status: 'requires_payment_method',
        transfer_data: null,
        transfer_group: null
    };
    world.state.insert('payment_intent', account, intent, hidden);
    announce(world, account, 'payment_intent.created', intent, cause);
    return intent;
}

/** A test card as a payment method of this account. The number itself goes no further than this. */
export function cardMethod(
    world: World,
    account: string,
    card: TestCard,
    details: { billing: Billing; expMonth: number; expYear: number }
): Shown<'payment_method'> {
    const salt = world.state.fact('fingerprint_salt', () => newId('', 32));
    const method: Shown<'payment_method'> = {
        id: newId('pm_1', 23),
        object: 'payment_method',
        allow_redisplay: 'unspecified',
        billing_details: details.billing,
        card: {
            brand: card.brand,
            checks: {
                address_line1_check: null,
                address_postal_code_check: details.billing.address?.postal_code ? 'pass' : null,
                cvc_check: 'pass'
            },
            country: card.country,
            display_brand: card.brand,
            exp_month: details.expMonth,
            exp_year: details.expYear,
            fingerprint: createHash('sha256')
                .update(`${salt} ${card.number}`)
                .digest('base64url')
                .slice(0, 16),
            funding: card.funding,
            generated_from: null,
            last4: card.number.slice(-4),
            networks: { available: [card.brand], preferred: null },
            regulated_status: 'unregulated',
            three_d_secure_usage: { supported: true },
            wallet: null
        },
        created: seconds(world),
        customer: null,
        customer_account: null,
        livemode: false,
        metadata: {},
        type: 'card'
    };
    world.state.insert('payment_method', account, method, { behaviour: card.behaviour });
    return method;
}

/** Charges the intent to the method. What became of it stands in the returned intent's status. */
export function confirmIntent(
    world: World,
    account: string,
    before: Intent,
    method: Shown<'payment_method'>,
    cause: Cause
): Intent {
    const intent: Intent = {
        ...before,
        payment_method: method.id,
        last_payment_error: null,
        next_action: null
    };
    const behaviour = behaviourOf(world, method.id);
    if (behaviour.does === 'pays') return succeed(world, account, intent, method, cause);
    if (behaviour.does === 'declines') return fail(world, account, intent, method, behaviour, cause);
    const kept = world.state.find('payment_intent', intent.id);
    const url = `${world.publicUrl}/authenticate/${intent.id}/${intent.client_secret ?? ''}`;
    intent.status = 'requires_action';
    intent.next_action = {
        type: 'redirect_to_url',
        redirect_to_url: { url, return_url: kept?.hidden.returnUrl ?? null }
    };
    world.state.save('payment_intent', intent);
    announce(world, account, 'payment_intent.requires_action', intent, cause);
    return intent;
}

/** The payer's bank has answered a challenge. Nothing happens unless the intent still waits for it. */
export function answerChallenge(world: World, account: string, before: Intent, isApproved: boolean): Intent {
    if (before.status !== 'requires_action') return before;
    const intent: Intent = { ...before, next_action: null };
    const method = follow(world, 'payment_method', intent.payment_method);
    if (!isApproved) return refuseChallenge(world, account, intent, method);
    const behaviour = behaviourOf(world, method.id);
    const paysAfterwards = behaviour.does !== 'challenges' || behaviour.then === 'pays';
    return paysAfterwards
        ? succeed(world, account, intent, method, STRIPE_ITSELF)
        : fail(world, account, intent, method, DECLINED, STRIPE_ITSELF);
}

/** Ends an intent for good. The caller has made sure that its status allows it. */
export function cancelIntent(
    world: World,
    account: string,
    before: Intent,
    reason: Intent['cancellation_reason'],
    cause: Cause
): Intent {
    const intent: Intent = {
        ...before,
        status: 'canceled',
        canceled_at: seconds(world),
        cancellation_reason: reason,
        next_action: null
    };
    world.state.save('payment_intent', intent);
    announce(world, account, 'payment_intent.canceled', intent, cause);
    return intent;
}

function behaviourOf(world: World, method: string): CardBehaviour {
    const kept = world.state.find('payment_method', method);
    if (!kept) throw new Error(`The state holds no payment method ${method}.`);
    return kept.hidden.behaviour;
}

function succeed(
    world: World,
    account: string,
    before: Intent,
    method: Shown<'payment_method'>,
    cause: Cause
): Intent {
    const fee = before.application_fee_amount ? openFee(world, account, before) : null;
    const charge = newCharge(world, before, method, {
        id: fee?.charge ?? newId('ch_3', 23),
        application_fee: fee?.id ?? null,
        outcome: null
    });
    const intent: Intent = {
        ...before,
        status: 'succeeded',
        amount_received: before.amount,
        latest_charge: charge.id
    };
    world.state.insert('charge', account, charge, null);
    world.state.save('payment_intent', intent);
    announce(world, account, 'charge.succeeded', charge, cause);
    announce(world, account, 'payment_intent.succeeded', intent, cause);
    if (fee) announce(world, world.platform, 'application_fee.created', fee, cause);
    later(world, seconds(world) + SETTLES_AFTER_SECONDS, 'settle_charge', charge.id);
    return intent;
}

function fail(
    world: World,
    account: string,
    before: Intent,
    method: Shown<'payment_method'>,
    reason: Decline,
    cause: Cause
): Intent {
    const charge = newCharge(world, before, method, {
        id: newId('ch_3', 23),
        application_fee: null,
        outcome: reason
    });
    const intent: Intent = {
        ...before,
        status: 'requires_payment_method',
        payment_method: null,
        latest_charge: charge.id,
        last_payment_error: {
            type: 'card_error',
            code: reason.code as Stripe.PaymentIntent.LastPaymentError.Code,
            ...(reason.declineCode ? { decline_code: reason.declineCode } : {}),
            message: reason.message,
            charge: charge.id,
            payment_method: method
        }
    };
    world.state.insert('charge', account, charge, null);
    world.state.save('payment_intent', intent);
    announce(world, account, 'charge.failed', charge, cause);
    announce(world, account, 'payment_intent.payment_failed', intent, cause);
    return intent;
}

/** A refused challenge fails the intent without any charge. */
function refuseChallenge(
    world: World,
    account: string,
    before: Intent,
    method: Shown<'payment_method'>
): Intent {
    const intent: Intent = {
        ...before,
        status: 'requires_payment_method',
        payment_method: null,
        last_payment_error: {
            type: 'invalid_request_error',
            code: 'payment_intent_authentication_failure',
            message: 'Your bank could not confirm that this payment is yours.',
            payment_method: method
        }
    };
    world.state.save('payment_intent', intent);
    announce(world, account, 'payment_intent.payment_failed', intent, STRIPE_ITSELF);
    return intent;
}

/** The platform's share of a direct charge; the object belongs to the platform. */
function openFee(
    world: World,
    account: string,
    intent: Intent
): Shown<'application_fee'> & { charge: string } {
    const amount = intent.application_fee_amount ?? 0;
    const charge = newId('ch_3', 23);
    const id = newId('fee_1', 23);
    const balance = recordBalance(world, world.platform, {
        type: 'application_fee',
        source: id,
        amount,
        currency: intent.currency,
        description: null
    });
    const fee = {
        id,
        object: 'application_fee' as const,
        account,
        amount,
        amount_refunded: 0,
        application: 'ca_stand_in',
        balance_transaction: balance.id,
        charge,
        created: seconds(world),
        currency: intent.currency,
        fee_source: { charge, type: 'charge' as const },
        livemode: false,
        originating_transaction: null,
        refunded: false,
        refunds: {
            object: 'list' as const,
            data: [],
            has_more: false,
            url: `/v1/application_fees/${id}/refunds`
        }
    };
    world.state.insert('application_fee', world.platform, fee, null);
    return fee;
}
