import { domainIn } from '$lib/server/domains.ts';
import { isErrorCode, sentenceOf } from '$lib/server/errors.ts';
import { blankForm, openAction } from '$lib/server/forms.ts';
import { nextPath } from '$lib/server/next-path.ts';
import { findSso } from '$lib/server/sso.ts';
import { EmailForm } from '../../fields.ts';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async ({ url }) => {
    const code = url.searchParams.get('problem');
    const next = nextPath(url.searchParams.get('next'));
    return {
        next,
        problem: isErrorCode(code) ? sentenceOf(code) : null,
        form: await blankForm(EmailForm, { next })
    };
};

export const actions = {
    // Answers with the page and a link: a policy of `form-action 'self'` would stop a redirect to the provider.
    default: openAction(EmailForm, async ({ event, input, form }) => {
        const domain = domainIn(input.email);
        const { name } = await findSso(event.locals.db, domain);
        const way = new URLSearchParams({ sso: domain, next: nextPath(input.next) });
        return { form, found: { name, href: `/auth/start?${way}` } };
    })
};
