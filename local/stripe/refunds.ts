/** Refunds, whole or in part, never more than was paid (https://docs.stripe.com/api/refunds). */
import { recordBalance } from './balance.ts';
import { settleCharge } from './charges.ts';
import { faults } from './errors.ts';
import { announce } from './events.ts';
import { page } from './lists.ts';
import { inWords } from './money.ts';
import { idOf, newId } from './objects.ts';
import * as take from './parameters.ts';
import { route } from './routes.ts';
import { follow, need, seconds } from './world.ts';
import type { Cause, Shown } from './objects.ts';
import type { Call, Route } from './routes.ts';
import type { World } from './world.ts';

type Charge = Shown<'charge'>;
type Refund = Shown<'refund'>;

const opening = take.parameters({
    amount: take.integer(1).optional(),
    charge: take.text().optional(),
    metadata: take.metadata().optional(),
    payment_intent: take.text().optional(),
    reason: take.oneOf(['duplicate', 'fraudulent', 'requested_by_customer']).optional(),
    refund_application_fee: take.flag().optional()
});

export function refundRoutes(world: World): Route[] {
    return [
        route('POST', '/v1/refunds', opening, (call, input) => {
            if (input.charge && input.payment_intent) {
                throw faults.exclusiveParameters(['charge', 'payment_intent']);
            }
            const charge = chargeToRefund(call, input);
            const amount = refundable(charge, input.amount);
            settleCharge(world, charge.id);
            const refund = refunded(call, follow(world, 'charge', charge.id), amount, {
                reason: input.reason ?? null,
                metadata: take.mergedMetadata({}, input.metadata)
            });
            if (input.refund_application_fee) returnFee(charge, amount, call.cause);
            return refund;
        }),
        route(
            'GET',
            '/v1/refunds/:id',
            take.parameters({}),
            (call, _input, path) => need(world, 'refund', call.account, path.id).shown
        ),
        route(
            'GET',
            '/v1/refunds',
            take.parameters({
                ...take.paging,
                charge: take.text().optional(),
                created: take.created(),
                payment_intent: take.text().optional()
            }),
            (call, input) =>
                page(world, 'refund', '/v1/refunds', input, {
                    account: call.account,
                    created: input.created,
                    where: { charge: input.charge, payment_intent: input.payment_intent }
                })
        ),
        route(
            'POST',
            '/v1/refunds/:id',
            take.parameters({ metadata: take.metadata().optional() }),
            (call, input, path) => {
                const { shown } = need(world, 'refund', call.account, path.id);
                const metadata = take.mergedMetadata(shown.metadata ?? {}, input.metadata);
                const refund: Refund = { ...shown, metadata };
                world.state.save('refund', refund);
                announce(world, call.account, 'refund.updated', refund, call.cause, {
                    metadata: shown.metadata
                });
                return refund;
            }
        )
    ];

    function chargeToRefund(call: Call, input: { charge?: string; payment_intent?: string }): Charge {
        if (input.charge) return need(world, 'charge', call.account, input.charge, 'charge').shown;
        if (!input.payment_intent) {
            throw faults.refused('Name what to refund: payment_intent or charge.');
        }
        const { shown } = need(world, 'payment_intent', call.account, input.payment_intent, 'payment_intent');
        if (shown.status !== 'succeeded') {
            throw faults.refused(
                `This PaymentIntent (${shown.id}) does not have a successful charge to refund.`
            );
        }
        return follow(world, 'charge', shown.latest_charge);
    }

    /** Writes refund, charge and balance, and announces them as one block (WIRE 5.4 H). */
    function refunded(
        call: Call,
        before: Charge,
        amount: number,
        details: { reason: Refund['reason']; metadata: Record<string, string> }
    ): Refund {
        const id = newId('re_3', 23);
        const balance = recordBalance(world, call.account, {
            type: 'refund',
            source: id,
            amount: -amount,
            currency: before.currency,
            description: 'REFUND FOR CHARGE'
        });
        const refund: Refund = {
            id,
            object: 'refund',
            amount,
            balance_transaction: balance.id,
            charge: before.id,
            created: seconds(world),
            currency: before.currency,
            customer: null,
            customer_account: null,
            destination_details: {
                type: 'card',
                card: {
                    reference_status: 'pending',
                    reference_type: 'acquirer_reference_number',
                    type: 'refund'
                }
            },
            metadata: details.metadata,
            payment_intent: before.payment_intent,
            payment_method: before.payment_method,
            reason: details.reason,
            receipt_number: null,
            source_transfer_reversal: null,
            status: 'succeeded',
            transfer_reversal: null
        };
        const total = before.amount_refunded + amount;
        const charge: Charge = { ...before, amount_refunded: total, refunded: total === before.amount };
        const previous = { amount_refunded: before.amount_refunded, refunded: before.refunded };
        world.state.insert('refund', call.account, refund, null);
        world.state.save('charge', charge);
        announce(world, call.account, 'refund.created', refund, call.cause);
        announce(world, call.account, 'charge.refunded', charge, call.cause, previous);
        announce(world, call.account, 'refund.updated', refund, call.cause, {});
        announce(world, call.account, 'charge.refund.updated', refund, call.cause, {});
        return refund;
    }

    /** Gives the payer's share of the platform's fee back, in proportion to the refund. */
    function returnFee(charge: Charge, amount: number, cause: Cause): void {
        const id = idOf(charge.application_fee);
        if (id === null) {
            throw faults.refused(`The charge ${charge.id} has no application fee to refund.`, {
                param: 'refund_application_fee'
            });
        }
        const before = follow(world, 'application_fee', id);
        const share = Math.min(
            Math.round((before.amount * amount) / charge.amount),
            before.amount - before.amount_refunded
        );
        if (share === 0) return;
        const feeRefund = newId('fr_', 14);
        const balance = recordBalance(world, world.platform, {
            type: 'application_fee_refund',
            source: feeRefund,
            amount: -share,
            currency: before.currency,
            description: null
        });
        const returned = before.amount_refunded + share;
        const fee: Shown<'application_fee'> = {
            ...before,
            amount_refunded: returned,
            refunded: returned === before.amount,
            refunds: {
                ...before.refunds,
                data: [
                    {
                        id: feeRefund,
                        object: 'fee_refund',
                        amount: share,
                        balance_transaction: balance.id,
                        created: seconds(world),
                        currency: before.currency,
                        fee: before.id,
                        metadata: {}
                    },
                    ...before.refunds.data
                ]
            }
        };
        world.state.save('application_fee', fee);
        announce(world, world.platform, 'application_fee.refunded', fee, cause, {
            amount_refunded: before.amount_refunded
        });
    }
}

/** What to give back: all that is left, unless the caller says less. */
function refundable(charge: Charge, asked: number | undefined): number {
    const left = charge.amount_captured - charge.amount_refunded;
    if (charge.status !== 'succeeded') {
        throw faults.refused(`Charge ${charge.id} was not successful and cannot be refunded.`);
    }
    if (left === 0) {
        throw faults.refused(`Charge ${charge.id} has already been refunded.`, {
            code: 'charge_already_refunded'
        });
    }
    const amount = asked ?? left;
    if (amount > left) {
        const whole = charge.amount_refunded === 0 ? 'charge amount' : 'unrefunded amount on charge';
        throw faults.refused(
            `Refund amount (${inWords(amount, charge.currency)}) is greater than ${whole} (${inWords(left, charge.currency)})`,
            { param: 'amount' }
        );
    }
    return amount;
}
