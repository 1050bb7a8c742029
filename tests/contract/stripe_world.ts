// What the Stripe contract's files share: the client, what a refusal says, and things to pay. With
// CONTRACT_STRIPE_SECRET_KEY the same tests run in Stripe's own test mode (Connect must be enabled there).
import Stripe from 'stripe';
import { startStandIn, type StandIn } from './stripe_stand_in.ts';

export const hostedKey = process.env.CONTRACT_STRIPE_SECRET_KEY;
export let standIn: StandIn | null = null;
export let stripe: Stripe;

/** The client with other settings, at the same server. */
export function clientWith(key: string): Stripe {
    const config = { maxNetworkRetries: 0, telemetry: false };
    if (!standIn) return new Stripe(key, config);
    const { hostname, port } = new URL(standIn.baseUrl);
    return new Stripe(key, { ...config, host: hostname, port, protocol: 'http' });
}

/** What a refusal says, without its words. */
export async function refusal(act: Promise<unknown>) {
    const problem = await act.then(
        () => null,
        (error: unknown) => error
    );
    if (!(problem instanceof Stripe.errors.StripeError)) throw new Error('This should have been refused.');
    return { class: problem.type, status: problem.statusCode, code: problem.code, param: problem.param };
}

export const invalid = (code: string | undefined, param?: string, status = 400) => ({
    class: 'StripeInvalidRequestError',
    status,
    code,
    param
});

export const paying = {
    amount: 12_000,
    currency: 'gbp',
    confirm: true,
    payment_method: 'pm_card_visa',
    automatic_payment_methods: { enabled: true, allow_redirects: 'never' }
} as const satisfies Stripe.PaymentIntentCreateParams;

export const checkout = {
    mode: 'payment',
    success_url: 'https://example.com/paid?session={CHECKOUT_SESSION_ID}',
    cancel_url: 'https://example.com/invoice',
    line_items: [
        {
            quantity: 2,
            price_data: { currency: 'gbp', unit_amount: 6_000, product_data: { name: 'Invoice INV-0042' } }
        }
    ]
} as const satisfies Stripe.Checkout.SessionCreateParams;

/** Starts the stand-in unless Stripe itself is judged; pass it to beforeAll. */
export async function openStripe(): Promise<void> {
    if (!hostedKey) standIn = await startStandIn();
    stripe = clientWith(hostedKey ?? standIn?.secretKey ?? '');
}

/** Stops it again; pass it to afterAll. */
export async function closeStripe(): Promise<void> {
    await standIn?.stop();
}
