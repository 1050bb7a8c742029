import { invoiceOrLeave } from '$lib/server/portal-page.ts';
import type { PageServerLoad } from './$types';

/** How long a look waits for the webhook, and how often it asks meanwhile. */
const patienceMs = 4000;
const pauseMs = 250;

/**
 * Back from Stripe. What is shown follows the webhook, never the address that Stripe sent the browser to. The webhook is
 * mostly there within a second, so the answer waits for it a little: a page that reloads itself would take the floor from
 * under a screen reader (WCAG 2.2.1).
 */
export const load: PageServerLoad = async (event) => {
    const until = Date.now() + patienceMs;
    let portal = await invoiceOrLeave(event);
    while (portal.invoice.state !== 'paid' && Date.now() < until) {
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
        portal = await invoiceOrLeave(event);
    }
    return { portal };
};
