/**
 * Opens Stripe's payment page for an invoice, for the holder of its private link.
 *
 * POST `{token, proof?}` with `x-tf-context` → `{url}`. The charge is direct: made on the trader's connected account, so
 * the money never passes through ours (docs.stripe.com/connect/direct-charges). An open page is used again; a
 * new one is made under the database's attempt id as idempotency key, so that two taps make one page.
 *
 * Problems: `context_required` 401, `link_not_valid` 404, `too_many_links` 429, `nothing_to_pay` 409, `payments_not_set_up` 409,
 * `checkout_changed` 409, `amount_not_payable_by_card` 409, `stripe_unavailable` 503.
 */
import Stripe from 'npm:stripe@23.1.0';
import { z } from 'npm:zod@4.6.7';
import { requireContext } from '../_shared/caller.ts';
import { Problem } from '../_shared/problem.ts';
import { allowMethods, readJson } from '../_shared/request.ts';
import { serve } from '../_shared/serve.ts';
import { callService, type Act } from '../_shared/service.ts';
import { readSettings } from '../_shared/settings.ts';
import { askStripe, problemFromStripe, stripe } from '../_shared/stripe.ts';

const { APP_ORIGIN } = readSettings('APP_ORIGIN');

/** What Stripe charges in one payment in pounds (docs.stripe.com/currencies, minimum and maximum amounts). */
const LEAST_PENCE = 30;
const MOST_PENCE = 99_999_999;

const Body = z.strictObject({
    token: z.string().min(16).max(200),
    proof: z.string().max(200).nullish().default(null)
});

const Beginning = z.object({
    account_id: z.string(),
    invoice_id: z.string(),
    reference: z.string(),
    amount_pence: z.int().positive(),
    currency: z.literal('gbp'),
    business_name: z.string(),
    stripe_account_id: z.string(),
    customer_email: z.string().nullable(),
    attempt: z.string(),
    open_session: z.object({ id: z.string(), url: z.string() }).nullable(),
    /** Pages over another amount, or of another connected account, that must not be paid any more. */
    stale_sessions: z.array(z.string())
});
type Beginning = z.output<typeof Beginning>;

serve('checkout', async (call) => {
    allowMethods(call.request, 'POST');
    const context = await requireContext(call);
    const { token, proof } = await readJson(call.request, Body);
    const act: Act = { actor: 'customer', requestId: call.requestId, context };
    const beginning = await callService(act, 'checkout_begin', { token, proof }, Beginning);
    const { account_id, invoice_id, stripe_account_id, amount_pence } = beginning;
    for (const stale of beginning.stale_sessions) {
        await expire(stale, stripe_account_id);
        await callService(act, 'checkout_closed', { account_id, invoice_id, session_id: stale }, z.unknown());
    }
    if (amount_pence < LEAST_PENCE || amount_pence > MOST_PENCE) {
        throw new Problem('amount_not_payable_by_card');
    }
    if (beginning.open_session !== null) {
        return Response.json({ url: beginning.open_session.url });
    }
    const session = await askStripe(() => createSession(beginning));
    if (session.url === null) {
        throw new Problem('checkout_changed', {
            detail: 'Stripe closed this payment page already. Please try again.'
        });
    }
    const isCurrent = await callService(
        act,
        'checkout_opened',
        {
            account_id,
            invoice_id,
            attempt: beginning.attempt,
            session_id: session.id,
            url: session.url,
            expires_at: new Date(session.expires_at * 1000).toISOString()
        },
        z.boolean()
    );
    if (!isCurrent) {
        await expire(session.id, stripe_account_id);
        throw new Problem('checkout_changed', {
            detail: 'What is owed has just changed. Please look at the invoice again.'
        });
    }
    return Response.json({ url: session.url });
});

/**
 * Closes a page at Stripe. One that is closed already is fine, unless it was paid: then the webhook is about to
 * say so, and another page now could be paid twice.
 */
async function expire(session: string, stripeAccount: string): Promise<void> {
    try {
        await stripe.checkout.sessions.expire(session, {}, { stripeAccount });
    } catch (failure) {
        if (!(failure instanceof Stripe.errors.StripeInvalidRequestError)) {
            throw problemFromStripe(failure);
        }
        if (failure.code !== 'resource_missing') {
            const { status } = await askStripe(() =>
                stripe.checkout.sessions.retrieve(session, {}, { stripeAccount })
            );
            if (status === 'complete') {
                throw new Problem('checkout_changed', {
                    detail: 'A payment has just been made. Please look again in a moment.'
                });
            }
        }
    }
}

/**
 * No customer is made at Stripe and no `receipt_email` is set: the receipt is ours to send. Cards only, since
 * methods that confirm days later would leave an invoice neither open nor paid.
 */
function createSession(beginning: Beginning) {
    const { account_id, invoice_id, reference, business_name } = beginning;
    const metadata = { account_id, invoice_id };
    return stripe.checkout.sessions.create(
        {
            mode: 'payment',
            allowed_payment_method_types: ['card'],
            line_items: [
                {
                    quantity: 1,
                    price_data: {
                        currency: beginning.currency,
                        unit_amount: beginning.amount_pence,
                        product_data: { name: `Invoice ${reference} from ${business_name}` }
                    }
                }
            ],
            client_reference_id: invoice_id,
            ...(beginning.customer_email === null ? {} : { customer_email: beginning.customer_email }),
            metadata,
            payment_intent_data: { description: `Invoice ${reference}`, metadata },
            success_url: `${APP_ORIGIN}/portal/paid`,
            cancel_url: `${APP_ORIGIN}/portal/invoice`
        },
        { stripeAccount: beginning.stripe_account_id, idempotencyKey: beginning.attempt }
    );
}
