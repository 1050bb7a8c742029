import { redirect } from '@sveltejs/kit';
import { offerCaptcha } from '$lib/server/captcha.ts';
import { blankForm, openAction } from '$lib/server/forms.ts';
import { nextPath } from '$lib/server/next-path.ts';
import { enterCode, sendCodeAgain, waitingFor, type Waiting } from '$lib/server/sign-in.ts';
import type { Cookies } from '@sveltejs/kit';
import { CodeForm, PressForm } from '../../fields.ts';
import type { PageServerLoad } from './$types';

type WaitingForCode = Waiting & { kind: Exclude<Waiting['kind'], 'provider' | 'sso'> };

/** The sign-in this code belongs to. A code that is typed into another browser belongs to none. */
function begun(cookies: Cookies): WaitingForCode {
    const waiting = waitingFor(cookies);
    if (!waiting || waiting.kind === 'provider' || waiting.kind === 'sso')
        redirect(303, '/sign-in?problem=sign_in_started_elsewhere');
    return { ...waiting, kind: waiting.kind };
}

export const load: PageServerLoad = async ({ cookies, locals, url }) => {
    const waiting = begun(cookies);
    return {
        email: waiting.email,
        kind: waiting.kind,
        unusual: url.searchParams.has('unusual'),
        sentAgain: url.searchParams.has('again'),
        captcha: offerCaptcha(locals, 'sign_in', 'mail'),
        form: await blankForm(CodeForm),
        again: await blankForm(PressForm, {}, { id: 'again' })
    };
};

export const actions = {
    enter: openAction(CodeForm, async ({ event, input }) => {
        const waiting = begun(event.cookies);
        await enterCode(event, waiting, input.code);
        redirect(303, waiting.kind === 'sign_in' ? nextPath(waiting.next) : '/reset/password');
    }),
    again: openAction(PressForm, async ({ event }) => {
        await sendCodeAgain(event, begun(event.cookies));
        redirect(303, '/sign-in/code?again');
    })
};
