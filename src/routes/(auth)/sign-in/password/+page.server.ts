import { redirect } from '@sveltejs/kit';
import { offerCaptcha } from '$lib/server/captcha.ts';
import { asProblem } from '$lib/server/errors.ts';
import { blankForm, openAction } from '$lib/server/forms.ts';
import { nextPath } from '$lib/server/next-path.ts';
import { usedPasskeyHere } from '$lib/server/passkeys.ts';
import { codeAskedFor, enterPassword, keepWaiting, sendCodeAgain } from '$lib/server/sign-in.ts';
import { PasswordForm } from '../../fields.ts';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async ({ cookies, locals, url }) => {
    const next = nextPath(url.searchParams.get('next'));
    if (locals.standing.state === 'person') redirect(303, next);
    return {
        next,
        offersPasskey: usedPasskeyHere(cookies),
        captcha: offerCaptcha(locals, 'sign_in'),
        form: await blankForm(PasswordForm, { next })
    };
};

export const actions = {
    default: openAction(PasswordForm, async ({ event, input: { email, password, next } }) => {
        try {
            await enterPassword(event, email, password);
        } catch (thrown) {
            // The password was right, the address is not confirmed yet: a fresh code does that.
            if (asProblem(thrown).code !== 'email_not_confirmed') {
                await codeAskedFor(event, thrown, nextPath(next));
                redirect(303, '/sign-in/code?unusual');
            }
            const waiting = { kind: 'sign_up', email, next: nextPath(next), at: 0 } as const;
            keepWaiting(event.cookies, waiting);
            await sendCodeAgain(event, waiting);
            redirect(303, '/sign-in/code');
        }
        redirect(303, nextPath(next));
    })
};
