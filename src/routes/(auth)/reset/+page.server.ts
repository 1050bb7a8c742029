import { redirect } from '@sveltejs/kit';
import { offerCaptcha } from '$lib/server/captcha.ts';
import { blankForm, openAction } from '$lib/server/forms.ts';
import { nextPath } from '$lib/server/next-path.ts';
import { keepWaiting, sendReset } from '$lib/server/sign-in.ts';
import { EmailForm } from '../fields.ts';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async ({ locals, url }) => ({
    disowned: url.searchParams.has('disowned'),
    captcha: offerCaptcha(locals, 'mail'),
    form: await blankForm(EmailForm)
});

export const actions = {
    default: openAction(EmailForm, async ({ event, input }) => {
        await sendReset(event, input.email);
        keepWaiting(event.cookies, { kind: 'reset', email: input.email, next: nextPath(input.next) });
        redirect(303, '/sign-in/code');
    })
};
