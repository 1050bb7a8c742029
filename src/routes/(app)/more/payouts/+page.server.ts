import { z } from 'zod';
import { protectedAction, protectedLoad } from '$lib/server/guard.ts';
import { refreshPayouts, startPayouts } from '$lib/server/payments.ts';

export const load = protectedLoad('payouts.manage', async ({ db, account, event }) => ({
    business: account.name,
    // Back from Stripe the answer is there before its webhook is: ask, so that the page never lags behind.
    standing: account.stripe.connected ? await refreshPayouts(db, account.id) : null,
    cameBack: event.url.searchParams.has('back')
}));

export const actions = {
    default: protectedAction('payouts.manage', z.object({}), async ({ db, account }) => {
        // Not a redirect: the policy for forms, which browsers apply to redirects too, lets no form lead off our own site.
        return { leaveFor: await startPayouts(db, account.id) };
    })
};
