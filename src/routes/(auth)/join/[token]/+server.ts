import { redirect } from '@sveltejs/kit';
import { dropInvitation, keepInvitation } from '$lib/server/joining.ts';
import type { RequestHandler } from './$types';

/**
 * The link of an invitation. It changes nothing but where the token is kept: out of the address, and so out of logs and of
 * the referrer. Programs that scan e-mails open it and use nothing up.
 */
export const GET: RequestHandler = ({ cookies, params }) => {
    if (!keepInvitation(cookies, params.token)) dropInvitation(cookies);
    redirect(303, '/join');
};
