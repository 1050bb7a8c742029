/**
 * Checkout sessions in payment mode with the hosted page. The payment intent comes into being when the payer first
 * submits, and shows on the session once it is paid (https://docs.stripe.com/api/checkout/sessions).
 */
import { opening, openSession } from './checkout_opening.ts';
import { faults } from './errors.ts';
import { announce } from './events.ts';
import { page, wholeList } from './lists.ts';
import { STRIPE_ITSELF } from './objects.ts';
import * as take from './parameters.ts';
import { cancelIntent } from './payments.ts';
import { route } from './routes.ts';
import { need } from './world.ts';
import type { Cause, Metadata, Shown } from './objects.ts';
import type { Call, Route } from './routes.ts';
import type { Kept } from './state.ts';
import type { World } from './world.ts';

type Session = Shown<'checkout.session'>;

/** Closes an open session unpaid, and with it the intent that a declined try has left. */
export function expireSession(world: World, kept: Kept<'checkout.session'>, cause: Cause): Session {
    const session: Session = { ...kept.shown, status: 'expired', url: null };
    world.state.save('checkout.session', session);
    const intent =
        kept.hidden.intent === null ? undefined : world.state.find('payment_intent', kept.hidden.intent);
    if (intent && intent.shown.status !== 'canceled') {
        cancelIntent(world, intent.account, intent.shown, 'expired', cause);
    }
    announce(world, kept.account, 'checkout.session.expired', session, cause);
    return session;
}

/** The errand of a session whose time is over. */
export function expireIfOpen(world: World, id: string): void {
    const kept = world.state.find('checkout.session', id);
    if (kept?.shown.status === 'open') expireSession(world, kept, STRIPE_ITSELF);
}

/** Marks a session paid by the intent that just succeeded. */
export function completeSession(
    world: World,
    kept: Kept<'checkout.session'>,
    intent: Shown<'payment_intent'>,
    details: Session['customer_details']
): Session {
    const session: Session = {
        ...kept.shown,
        customer_details: details,
        payment_intent: intent.id,
        payment_status: 'paid',
        status: 'complete',
        url: null
    };
    world.state.save('checkout.session', session);
    announce(world, kept.account, 'checkout.session.completed', session, STRIPE_ITSELF);
    return session;
}

/** Where the payer goes after paying. */
export function successUrl(session: Session): string {
    return (session.success_url ?? '').replaceAll('{CHECKOUT_SESSION_ID}', session.id);
}

export function checkoutSessionRoutes(world: World): Route[] {
    const needSession = (call: Call, id: string) =>
        need(world, 'checkout.session', call.account, id, 'session');
    return [
        route('POST', '/v1/checkout/sessions', opening, (call, input) => openSession(world, call, input)),
        route(
            'GET',
            '/v1/checkout/sessions/:id',
            take.parameters({}),
            (call, _input, path) => needSession(call, path.id).shown
        ),
        route(
            'GET',
            '/v1/checkout/sessions',
            take.parameters({
                ...take.paging,
                created: take.created(),
                customer_details: take.group({ email: take.email() }).optional(),
                payment_intent: take.text().optional(),
                status: take.oneOf(['complete', 'expired', 'open']).optional()
            }),
            (call, input) =>
                page(world, 'checkout.session', '/v1/checkout/sessions', input, {
                    account: call.account,
                    created: input.created,
                    where: {
                        payment_intent: input.payment_intent,
                        status: input.status,
                        'customer_details.email': input.customer_details?.email
                    }
                })
        ),
        route(
            'POST',
            '/v1/checkout/sessions/:id',
            take.parameters({ metadata: take.metadata().optional() }),
            (call, input, path) => {
                const { shown } = needSession(call, path.id);
                const metadata: Metadata = take.mergedMetadata(shown.metadata ?? {}, input.metadata);
                const session: Session = { ...shown, metadata };
                world.state.save('checkout.session', session);
                return session;
            }
        ),
        route('POST', '/v1/checkout/sessions/:id/expire', take.parameters({}), (call, _input, path) => {
            const kept = needSession(call, path.id);
            if (kept.shown.status !== 'open') {
                throw faults.refused(
                    `Only an open Checkout Session can be expired. This one has a status of ${kept.shown.status}.`
                );
            }
            return expireSession(world, kept, call.cause);
        }),
        route(
            'GET',
            '/v1/checkout/sessions/:id/line_items',
            take.parameters({ limit: take.paging.limit }),
            (call, input, path) => {
                const { shown, hidden } = needSession(call, path.id);
                const items = hidden.lineItems.slice(0, input.limit ?? 10);
                return {
                    ...wholeList(`/v1/checkout/sessions/${shown.id}/line_items`, items),
                    has_more: items.length < hidden.lineItems.length
                };
            }
        )
    ];
}
