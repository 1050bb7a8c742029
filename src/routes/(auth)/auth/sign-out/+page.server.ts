import { redirect } from '@sveltejs/kit';
import { z } from 'zod';
import { blankForm, openAction } from '$lib/server/forms.ts';
import { signOut, SignOutScope } from '$lib/server/sign-in.ts';
import type { PageServerLoad } from './$types';

const SignOut = z.object({ scope: SignOutScope.default('local') });

export const load: PageServerLoad = async ({ locals }) => {
    if (locals.standing.state === 'nobody') redirect(303, '/sign-in');
    return { form: await blankForm(SignOut) };
};

export const actions = {
    default: openAction(SignOut, async ({ event, input }) => {
        await signOut(event, input.scope);
        redirect(303, `/sign-in?out=${input.scope}`);
    })
};
