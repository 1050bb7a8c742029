import { redirect } from '@sveltejs/kit';
import { noted } from '$lib/server/forms.ts';
import { nextPath } from '$lib/server/next-path.ts';
import { settings } from '$lib/server/settings.ts';
import { keepWaiting, Provider, providerPage } from '$lib/server/sign-in.ts';
import { findSso, ssoPage } from '$lib/server/sso.ts';
import type { RequestEvent, RequestHandler } from './$types';

/**
 * To the page of a provider, or of the one that signs in the people of a domain. A link and not a form: a policy of
 * `form-action 'self'` would also stop the redirects that follow a form. It changes nothing but this browser's memory of
 * having begun.
 */
export const GET: RequestHandler = async (event) => {
    const query = event.url.searchParams;
    const domain = query.get('sso');
    const provider = Provider.safeParse(query.get('provider'));
    if (domain === null && (!provider.success || !settings().SIGN_IN_WITH.includes(provider.data))) {
        redirect(303, '/sign-in');
    }
    let page: string;
    try {
        page =
            domain === null
                ? await providerPage(event, provider.data ?? 'google', callback())
                : await toSso(event, domain);
    } catch (thrown) {
        redirect(303, `/sign-in${domain === null ? '' : '/sso'}?problem=${noted(event, thrown).code}`);
    }
    keepWaiting(event.cookies, {
        kind: domain === null ? 'provider' : 'sso',
        email: '',
        next: nextPath(query.get('next'))
    });
    redirect(302, page);
};

const callback = (): string => `${settings().ORIGIN}/auth/callback`;

async function toSso(event: RequestEvent, domain: string): Promise<string> {
    const { identifier } = await findSso(event.locals.db, domain);
    return await ssoPage(event, identifier, callback(), event.url.searchParams.has('anew'));
}
