/** The Stripe client of the platform, and what Stripe's refusals mean to us. Knows nothing of invoices. */
import Stripe from 'npm:stripe@23.1.0';
import { Problem } from './problem.ts';
import { readSettings } from './settings.ts';

const { STRIPE_SECRET_KEY, STRIPE_API_URL } = readSettings('STRIPE_SECRET_KEY', 'STRIPE_API_URL');
const api = new URL(STRIPE_API_URL);

export const stripe = new Stripe(STRIPE_SECRET_KEY, {
    protocol: api.protocol === 'http:' ? 'http' : 'https',
    host: api.hostname,
    port: api.port === '' ? (api.protocol === 'http:' ? 80 : 443) : Number(api.port),
    httpClient: Stripe.createFetchHttpClient(),
    // Two tries end before the web tier's patience does, and before a lease on an object.
    maxNetworkRetries: 1,
    timeout: 6000,
    telemetry: false
});

/** Runs one call to Stripe and turns its failure into a problem of ours. */
export async function askStripe<T>(call: () => Promise<T>): Promise<T> {
    try {
        return await call();
    } catch (failure) {
        throw problemFromStripe(failure);
    }
}

/** docs.stripe.com/error-handling: which failures pass by themselves, and which say the account can't be used. */
export function problemFromStripe(failure: unknown): unknown {
    if (!(failure instanceof Stripe.errors.StripeError)) {
        return failure;
    }
    const options = { cause: failure };
    if (failure instanceof Stripe.errors.StripeIdempotencyError) {
        return new Problem('checkout_changed', options);
    }
    if (failure.code === 'account_invalid' || failure instanceof Stripe.errors.StripePermissionError) {
        return new Problem('payments_not_set_up', options);
    }
    if (failure.code === 'amount_too_small' || failure.code === 'amount_too_large') {
        return new Problem('amount_not_payable_by_card', options);
    }
    const passes =
        failure instanceof Stripe.errors.StripeConnectionError ||
        failure instanceof Stripe.errors.StripeRateLimitError ||
        failure instanceof Stripe.errors.StripeAPIError;
    return new Problem(passes ? 'stripe_unavailable' : 'internal_error', options);
}
