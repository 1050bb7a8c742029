/** Charges: one attempt at an intent's money, with the card details that only Stripe ever holds. */
import type Stripe from 'stripe';
import { recordBalance } from './balance.ts';
import { announce } from './events.ts';
import { page } from './lists.ts';
import { STRIPE_ITSELF, newId } from './objects.ts';
import { created, paging, parameters, text } from './parameters.ts';
import { route } from './routes.ts';
import { need, seconds } from './world.ts';
import type { Decline } from './cards.ts';
import type { Shown } from './objects.ts';
import type { Route } from './routes.ts';
import type { World } from './world.ts';

type Intent = Shown<'payment_intent'>;
type Charge = Shown<'charge'>;
export type Billing = Stripe.Charge.BillingDetails;

export const NO_BILLING: Billing = { address: null, email: null, name: null, phone: null, tax_id: null };

/** What a charge of the intent looks like; the caller keeps and announces it. */
export function newCharge(
    world: World,
    intent: Intent,
    method: Shown<'payment_method'>,
    facts: {
        id: string;
        application_fee: string | null;
        outcome: Decline | null;
    }
): Charge {
    const declined = facts.outcome;
    return {
        id: facts.id,
        object: 'charge',
        amount: intent.amount,
        amount_captured: declined ? 0 : intent.amount,
        amount_refunded: 0,
        application: null,
        application_fee: facts.application_fee,
        application_fee_amount: declined ? null : intent.application_fee_amount,
        balance_transaction: null,
        billing_details: { ...NO_BILLING, ...method.billing_details },
        calculated_statement_descriptor: intent.statement_descriptor,
        captured: !declined,
        created: seconds(world),
        currency: intent.currency,
        customer: null,
        description: intent.description,
        disputed: false,
        failure_balance_transaction: null,
        failure_code: declined?.code ?? null,
        failure_message: declined?.message ?? null,
        fraud_details: {},
        livemode: false,
        metadata: intent.metadata,
        on_behalf_of: null,
        outcome: {
            advice_code: declined ? 'try_again_later' : null,
            network_advice_code: null,
            network_decline_code: declined ? '01' : null,
            network_status: declined ? 'declined_by_network' : 'approved_by_network',
            reason: declined ? (declined.declineCode ?? declined.code) : null,
            risk_level: 'normal',
            risk_score: 12,
            seller_message: declined ? 'The bank did not give a reason.' : 'Payment complete.',
            type: declined ? 'issuer_declined' : 'authorized'
        },
        paid: !declined,
        payment_intent: intent.id,
        payment_method: method.id,
        payment_method_details: { type: 'card', card: chargedCard(intent, method) },
        receipt_email: intent.receipt_email,
        receipt_number: null,
        receipt_url: declined ? null : `${world.publicUrl}/receipts/${newId('', 32)}`,
        refunded: false,
        review: null,
        shipping: null,
        source: null,
        source_transfer: null,
        statement_descriptor: intent.statement_descriptor,
        statement_descriptor_suffix: intent.statement_descriptor_suffix,
        status: declined ? 'failed' : 'succeeded',
        transfer_data: null,
        transfer_group: null
    };
}

function chargedCard(
    intent: Intent,
    method: Shown<'payment_method'>
): Stripe.Charge.PaymentMethodDetails.Card {
    const card = method.card;
    if (!card) throw new Error(`The payment method ${method.id} is no card.`);
    return {
        amount_authorized: intent.amount,
        authorization_code: null,
        brand: card.brand,
        checks: card.checks,
        country: card.country,
        electronic_commerce_indicator: null,
        exp_month: card.exp_month,
        exp_year: card.exp_year,
        fingerprint: card.fingerprint ?? null,
        funding: card.funding,
        installments: null,
        last4: card.last4,
        mandate: null,
        network: card.brand,
        network_transaction_id: null,
        regulated_status: card.regulated_status,
        three_d_secure: null,
        transaction_link_id: null,
        wallet: null
    };
}

/** Fills in a charge's balance transaction, once. */
export function settleCharge(world: World, id: string): void {
    const kept = world.state.find('charge', id);
    if (!kept || kept.shown.balance_transaction !== null) return;
    const { account, shown: charge } = kept;
    const balance = recordBalance(world, account, {
        type: 'charge',
        source: charge.id,
        amount: charge.amount,
        currency: charge.currency,
        description: charge.description,
        fees: [
            { type: 'stripe_fee', amount: stripeFee(charge.amount), description: 'Stripe processing fees' },
            ...(charge.application_fee_amount
                ? [
                      {
                          type: 'application_fee',
                          amount: charge.application_fee_amount,
                          description: 'Application fee'
                      }
                  ]
                : [])
        ]
    });
    const settled: Charge = { ...charge, balance_transaction: balance.id };
    world.state.save('charge', settled);
    announce(world, account, 'charge.updated', settled, STRIPE_ITSELF, { balance_transaction: null });
}

/** Stripe's standard fee for UK cards, 1.5% + 20p (https://stripe.com/gb/pricing). */
function stripeFee(amount: number): number {
    return Math.round((amount * 15) / 1000) + 20;
}

export function chargeRoutes(world: World): Route[] {
    return [
        route(
            'GET',
            '/v1/charges/:id',
            parameters({}),
            (call, _input, path) => need(world, 'charge', call.account, path.id).shown
        ),
        route(
            'GET',
            '/v1/charges',
            parameters({ ...paging, created: created(), payment_intent: text().optional() }),
            (call, input) =>
                page(world, 'charge', '/v1/charges', input, {
                    account: call.account,
                    created: input.created,
                    where: { payment_intent: input.payment_intent }
                })
        )
    ];
}
