import { redirect } from '@sveltejs/kit';
import { noted } from '$lib/server/forms.ts';
import { nextPath } from '$lib/server/next-path.ts';
import { settings } from '$lib/server/settings.ts';
import { keepWaiting, Provider, providerPage } from '$lib/server/sign-in.ts';
import type { RequestHandler } from './$types';

/**
 * To the provider's page. A link and not a form: a policy of `form-action 'self'` would also stop the redirects
 * that follow a form. It changes nothing but this browser's memory of having begun.
 */
export const GET: RequestHandler = async (event) => {
    const provider = Provider.safeParse(event.url.searchParams.get('provider'));
    if (!provider.success || !settings().SIGN_IN_WITH.includes(provider.data)) redirect(303, '/sign-in');
    let page: string;
    try {
        page = await providerPage(event, provider.data, `${settings().ORIGIN}/auth/callback`);
    } catch (thrown) {
        redirect(303, `/sign-in?problem=${noted(event, thrown).code}`);
    }
    keepWaiting(event.cookies, {
        kind: 'provider',
        email: '',
        next: nextPath(event.url.searchParams.get('next'))
    });
    redirect(302, page);
};
