import { redirect } from '@sveltejs/kit';
import { offerCaptcha } from '$lib/server/captcha.ts';
import { blankForm, openAction } from '$lib/server/forms.ts';
import { nextPath } from '$lib/server/next-path.ts';
import { keepWaiting, sendCode } from '$lib/server/sign-in.ts';
import { EmailForm } from '../fields.ts';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async ({ locals, url }) => {
    const next = nextPath(url.searchParams.get('next'));
    if (locals.standing.state === 'person') redirect(303, next);
    return { next, captcha: offerCaptcha(locals, 'mail'), form: await blankForm(EmailForm, { next }) };
};

export const actions = {
    /** The address is proved first and the password chosen after, so that nobody chooses one for somebody else. */
    default: openAction(EmailForm, async ({ event, input }) => {
        await sendCode(event, input.email);
        keepWaiting(event.cookies, { kind: 'sign_up', email: input.email, next: nextPath(input.next) });
        redirect(303, '/sign-in/code');
    })
};
