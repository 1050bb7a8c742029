import { redirect } from '@sveltejs/kit';
import { dropPortalKey, keepPortalToken } from '$lib/server/portal.ts';
import type { RequestHandler } from './$types';

/**
 * A private link. It changes nothing but where the token is kept: out of the address, and so out of logs, of the
 * referrer and of what Stripe returns to.
 */
export const GET: RequestHandler = ({ cookies, params }) => {
    if (keepPortalToken(cookies, params.token)) redirect(303, '/portal/invoice');
    dropPortalKey(cookies);
    redirect(303, '/portal/link-not-valid');
};
