import { redirect } from '@sveltejs/kit';
import { waitingFor } from '$lib/server/sign-in.ts';
import type { PageServerLoad } from './$types';

/**
 * The front door: who is signed in goes straight to work. Whoever was on their way in by their business's own sign-in is led to the
 * reason why not, which the auth server tells here instead of where it was told to go.
 */
export const load: PageServerLoad = ({ locals, url, cookies }) => {
    const code = url.searchParams.get('error_code');
    if (code !== null && waitingFor(cookies)?.kind === 'sso')
        redirect(303, `/auth/callback?${new URLSearchParams({ error_code: code })}`);
    if (locals.standing.state === 'person') redirect(303, '/today');
};
