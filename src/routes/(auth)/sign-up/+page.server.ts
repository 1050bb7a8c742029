import { redirect } from '@sveltejs/kit';
import { blankForm, openAction } from '$lib/server/forms.ts';
import { nextPath } from '$lib/server/next-path.ts';
import { keepWaiting, signUp } from '$lib/server/sign-in.ts';
import { SignUpForm } from '../fields.ts';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async ({ locals, url }) => {
    const next = nextPath(url.searchParams.get('next'));
    if (locals.standing.state === 'person') redirect(303, next);
    return { next, form: await blankForm(SignUpForm, { next }) };
};

export const actions = {
    default: openAction(SignUpForm, async ({ event, input: { email, password, next } }) => {
        await signUp(event, email, password);
        keepWaiting(event.cookies, { kind: 'sign_up', email, next: nextPath(next) });
        redirect(303, '/sign-in/code');
    })
};
