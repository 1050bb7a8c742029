import { redirect } from '@sveltejs/kit';
import { z } from 'zod';
import { blankForm, openAction } from '$lib/server/forms.ts';
import { credential } from '$lib/server/key-answer.ts';
import { nextPath } from '$lib/server/next-path.ts';
import { enterByPasskey } from '$lib/server/passkeys.ts';
import type { PageServerLoad } from './$types';

const PasskeyForm = z.object({ challenge_id: z.string().max(100).default(''), credential });

export const load: PageServerLoad = async ({ locals, url }) => {
    const wanted = nextPath(url.searchParams.get('next'));
    if (locals.standing.state === 'person') redirect(303, wanted);
    return { next: wanted, form: await blankForm(PasskeyForm) };
};

export const actions = {
    default: openAction(PasskeyForm, async ({ event, input }) => {
        await enterByPasskey(event, input.challenge_id, input.credential);
        // Not out of the form: when no passkey is known the page is shown anew, and still knows where to go on.
        redirect(303, nextPath(event.url.searchParams.get('next')));
    })
};
