import { z } from 'zod';
import { openAction } from '$lib/server/forms.ts';
import { startCheckout } from '$lib/server/portal.ts';
import { invoiceOrLeave, keyOrLeave, leaveIfEnded } from '$lib/server/portal-page.ts';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async (event) => ({ portal: await invoiceOrLeave(event) });

export const actions = {
    /**
     * To the card page at Stripe. Answered with a page that moves on by itself: browsers hold the redirect after a
     * form to the policy `form-action 'self'`.
     */
    pay: openAction(z.object({}), async ({ event }) => {
        const key = keyOrLeave(event.cookies);
        try {
            return { payAt: await startCheckout(event.locals.db, key) };
        } catch (thrown) {
            leaveIfEnded(event.cookies, thrown);
            throw thrown;
        }
    })
};
