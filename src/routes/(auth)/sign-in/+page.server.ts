import { redirect } from '@sveltejs/kit';
import { offerCaptcha } from '$lib/server/captcha.ts';
import { isErrorCode, sentenceOf } from '$lib/server/errors.ts';
import { blankForm, openAction } from '$lib/server/forms.ts';
import { nextPath } from '$lib/server/next-path.ts';
import { usedPasskeyHere } from '$lib/server/passkeys.ts';
import { keepWaiting, sendCode } from '$lib/server/sign-in.ts';
import { EmailForm } from '../fields.ts';
import type { PageServerLoad } from './$types';

/** What happened before, in a sentence; only what this site says itself. */
function notice(query: URLSearchParams): { tone: 'problem' | 'note'; text: string } | null {
    const code = query.get('problem');
    if (isErrorCode(code)) return { tone: 'problem', text: sentenceOf(code) };
    if (query.has('ended'))
        return { tone: 'note', text: 'You were signed out. Sign in to go on where you were.' };
    if (query.get('changed') === 'address')
        return { tone: 'note', text: 'Your address is changed. Sign in with the new one.' };
    if (query.get('out') === 'global') return { tone: 'note', text: 'You are signed out on every device.' };
    if (query.has('out')) return { tone: 'note', text: 'You are signed out on this device.' };
    return null;
}

export const load: PageServerLoad = async ({ cookies, locals, url }) => {
    const next = nextPath(url.searchParams.get('next'));
    if (locals.standing.state === 'person') redirect(303, next);
    return {
        next,
        notice: notice(url.searchParams),
        offersPasskey: usedPasskeyHere(cookies),
        captcha: offerCaptcha(locals, 'mail'),
        form: await blankForm(EmailForm, { next })
    };
};

export const actions = {
    default: openAction(EmailForm, async ({ event, input }) => {
        await sendCode(event, input.email);
        keepWaiting(event.cookies, { kind: 'sign_in', email: input.email, next: nextPath(input.next) });
        redirect(303, '/sign-in/code');
    })
};
