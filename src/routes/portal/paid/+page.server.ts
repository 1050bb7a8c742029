import { invoiceOrLeave } from '$lib/server/portal-page.ts';
import type { PageServerLoad } from './$types';

/** Looks this many times, two seconds apart, then tells people to stop waiting. */
const looks = 15;

/** Back from Stripe. What is shown follows the webhook, never the address that Stripe sent the browser to. */
export const load: PageServerLoad = async (event) => {
    const portal = await invoiceOrLeave(event);
    const asked = Number(event.url.searchParams.get('look')) || 1;
    const waiting = portal.invoice.state !== 'paid' && asked < looks;
    return { portal, lookAgain: waiting ? `/portal/paid?look=${asked + 1}` : null };
};
