/** Payment intents over the API: opened and confirmed with a test payment method, read, changed, cancelled. */
import { cardByName } from './cards.ts';
import { NO_BILLING } from './charges.ts';
import { assertFee } from './checkout_opening.ts';
import { faults } from './errors.ts';
import { page } from './lists.ts';
import { inWords } from './money.ts';
import * as take from './parameters.ts';
import { cancelIntent, cardMethod, confirmIntent, openIntent } from './payments.ts';
import { route } from './routes.ts';
import { need } from './world.ts';
import type { Shown } from './objects.ts';
import type { Call, Route } from './routes.ts';
import type { Kept } from './state.ts';
import type { World } from './world.ts';

type Intent = Shown<'payment_intent'>;

const CONFIRMABLE: readonly string[] = [
    'requires_payment_method',
    'requires_confirmation',
    'requires_action'
];
const CANCELLABLE: readonly string[] = [...CONFIRMABLE, 'requires_capture', 'processing'];

const opening = take.parameters({
    allowed_payment_method_types: take.list(take.oneOf(['card'])).optional(),
    amount: take.integer(1),
    application_fee_amount: take.integer(1).optional(),
    automatic_payment_methods: take
        .group({ enabled: take.flag(), allow_redirects: take.oneOf(['always', 'never']).optional() })
        .optional(),
    capture_method: take.oneOf(['automatic', 'automatic_async']).optional(),
    confirm: take.flag().optional(),
    currency: take.currency(),
    description: take.text(1000).optional(),
    metadata: take.metadata().optional(),
    payment_method: take.text().optional(),
    receipt_email: take.email().optional(),
    return_url: take.address().optional(),
    statement_descriptor_suffix: take.text(22).optional()
});

const change = take.parameters({
    amount: take.integer(1).optional(),
    description: take.unsettable(1000).optional(),
    metadata: take.metadata().optional(),
    receipt_email: take.email().optional()
});

const confirmation = take.parameters({
    payment_method: take.text().optional(),
    receipt_email: take.email().optional(),
    return_url: take.address().optional()
});

export function paymentIntentRoutes(world: World): Route[] {
    return [
        route('POST', '/v1/payment_intents', opening, (call, input) => {
            assertAmount(input.amount, input.currency);
            const fee = input.application_fee_amount ?? null;
            if (fee !== null) assertFee(world, call.account, fee, input.amount, 'application_fee_amount');
            if (input.confirm && !input.payment_method) throw faults.missingParameter('payment_method');
            if (input.return_url && !input.confirm) {
                throw faults.invalidParameter('return_url', 'return_url goes with confirm=true.');
            }
            const automatic = input.automatic_payment_methods;
            const intent = openIntent(
                world,
                call.account,
                {
                    amount: input.amount,
                    currency: input.currency,
                    metadata: take.mergedMetadata({}, input.metadata),
                    description: input.description ?? null,
                    receipt_email: input.receipt_email ?? null,
                    application_fee_amount: fee,
                    statement_descriptor: null,
                    statement_descriptor_suffix: input.statement_descriptor_suffix ?? null,
                    automatic: automatic
                        ? {
                              enabled: automatic.enabled,
                              allow_redirects: automatic.allow_redirects ?? 'always'
                          }
                        : { enabled: true, allow_redirects: 'always' }
                },
                { session: null, returnUrl: input.return_url ?? null },
                call.cause
            );
            if (!input.confirm) {
                return input.payment_method ? attach(call, intent, input.payment_method) : intent;
            }
            return confirm(call, intent, input.payment_method, input.return_url);
        }),
        route(
            'GET',
            '/v1/payment_intents/:id',
            take.parameters({}),
            (call, _input, path) => needIntent(call, path.id).shown
        ),
        route(
            'GET',
            '/v1/payment_intents',
            take.parameters({ ...take.paging, created: take.created() }),
            (call, input) =>
                page(world, 'payment_intent', '/v1/payment_intents', input, {
                    account: call.account,
                    created: input.created
                })
        ),
        route('POST', '/v1/payment_intents/:id', change, (call, input, path) => {
            const { shown, hidden } = needIntent(call, path.id);
            if (input.amount !== undefined) {
                assertNotOfCheckout(shown, hidden.session, 'change the amount of');
                assertStatus(shown, CONFIRMABLE, 'change the amount of');
                assertAmount(input.amount, shown.currency);
            }
            const intent: Intent = {
                ...shown,
                amount: input.amount ?? shown.amount,
                description: input.description === undefined ? shown.description : input.description,
                metadata: take.mergedMetadata(shown.metadata, input.metadata),
                receipt_email: input.receipt_email ?? shown.receipt_email
            };
            world.state.save('payment_intent', intent);
            return intent;
        }),
        route('POST', '/v1/payment_intents/:id/confirm', confirmation, (call, input, path) => {
            const { shown, hidden } = needIntent(call, path.id);
            assertStatus(shown, CONFIRMABLE, 'confirm');
            assertNotOfCheckout(shown, hidden.session, 'confirm');
            const intent = input.receipt_email ? { ...shown, receipt_email: input.receipt_email } : shown;
            return confirm(call, intent, input.payment_method, input.return_url);
        }),
        route(
            'POST',
            '/v1/payment_intents/:id/cancel',
            take.parameters({
                cancellation_reason: take
                    .oneOf(['abandoned', 'duplicate', 'fraudulent', 'requested_by_customer'])
                    .optional()
            }),
            (call, input, path) => {
                const { shown, hidden } = needIntent(call, path.id);
                assertStatus(shown, CANCELLABLE, 'cancel');
                assertNotOfCheckout(shown, hidden.session, 'cancel');
                return cancelIntent(
                    world,
                    call.account,
                    shown,
                    input.cancellation_reason ?? null,
                    call.cause
                );
            }
        ),
        route(
            'GET',
            '/v1/payment_methods/:id',
            take.parameters({}),
            (call, _input, path) =>
                need(world, 'payment_method', call.account, path.id, 'payment_method').shown
        )
    ];

    function needIntent(call: Call, id: string): Kept<'payment_intent'> {
        return need(world, 'payment_intent', call.account, id, 'intent');
    }

    function attach(call: Call, intent: Intent, given: string): Intent {
        const method = methodOf(call, given);
        const attached: Intent = { ...intent, payment_method: method.id, status: 'requires_confirmation' };
        world.state.save('payment_intent', attached);
        return attached;
    }

    function confirm(
        call: Call,
        intent: Intent,
        given: string | undefined,
        returnUrl: string | undefined
    ): Intent {
        const chosen = given ?? intent.payment_method;
        if (typeof chosen !== 'string') {
            throw faults.refused(
                'This PaymentIntent has no payment method to confirm it with. Give one in `payment_method`.',
                { code: 'payment_intent_unexpected_state', payment_intent: intent }
            );
        }
        if (intent.automatic_payment_methods?.allow_redirects === 'always' && !returnUrl) {
            throw faults.refused(
                'This PaymentIntent may send the payer elsewhere. Give a `return_url`, or set `automatic_payment_methods[allow_redirects]` to `never`.'
            );
        }
        if (returnUrl) world.state.save('payment_intent', intent, { session: null, returnUrl });
        const method = methodOf(call, chosen);
        const confirmed = confirmIntent(world, call.account, intent, method, call.cause);
        const problem = confirmed.last_payment_error;
        if (problem) {
            throw faults.card({
                message: problem.message ?? 'Your card was declined.',
                ...(problem.code ? { code: problem.code } : {}),
                ...(problem.decline_code ? { decline_code: problem.decline_code } : {}),
                ...(problem.charge ? { charge: problem.charge } : {}),
                payment_intent: confirmed,
                payment_method: method
            });
        }
        return confirmed;
    }

    /** A stored method of this account, or a fresh one of a ready test card. */
    function methodOf(call: Call, id: string): Shown<'payment_method'> {
        const card = cardByName(id);
        if (!card) return need(world, 'payment_method', call.account, id, 'payment_method').shown;
        const year = world.clock.now().getUTCFullYear();
        return cardMethod(world, call.account, card, {
            billing: NO_BILLING,
            expMonth: 12,
            expYear: year + 1
        });
    }
}

function assertAmount(amount: number, currency: string): void {
    const least = take.SMALLEST_CHARGE[currency] ?? 0;
    if (amount < least) {
        throw faults.refused(`Amount must be at least ${inWords(least, currency)} ${currency}`, {
            code: 'amount_too_small',
            param: 'amount'
        });
    }
    if (amount > take.LARGEST_CHARGE) {
        throw faults.refused(
            `Amount must be no more than ${inWords(take.LARGEST_CHARGE, currency)} ${currency}`,
            {
                code: 'amount_too_large',
                param: 'amount'
            }
        );
    }
}

function assertStatus(intent: Intent, allowed: readonly string[], verb: string): void {
    if (allowed.includes(intent.status)) return;
    throw faults.refused(
        `You cannot ${verb} this PaymentIntent because it has a status of ${intent.status}. That takes one of: ${allowed.join(', ')}.`,
        { code: 'payment_intent_unexpected_state', payment_intent: intent }
    );
}

/** The intent of a Checkout session is Checkout's business until it is paid or expired. */
function assertNotOfCheckout(intent: Intent, session: string | null, verb: string): void {
    if (session === null) return;
    throw faults.refused(
        `You cannot ${verb} a PaymentIntent that was created by a Checkout Session. Expire the Checkout Session instead.`,
        { code: 'payment_intent_unexpected_state', payment_intent: intent }
    );
}
