import { redirect } from '@sveltejs/kit';
import { z } from 'zod';
import { blankForm } from '$lib/server/forms.ts';
import { personAction, personLoad } from '$lib/server/guard.ts';
import { signOut } from '$lib/server/sign-in.ts';

const Press = z.object({});

export const load = personLoad(async ({ person }) => ({
    email: person.email,
    signedInAt: new Date(person.provedAt * 1000).toISOString(),
    here: await blankForm(Press, {}, { id: 'here' }),
    everywhere: await blankForm(Press, {}, { id: 'everywhere' })
}));

export const actions = {
    here: personAction(Press, async ({ event }) => {
        await signOut(event, 'local');
        redirect(303, '/sign-in?out=local');
    }),
    everywhere: personAction(Press, async ({ event }) => {
        await signOut(event, 'global');
        redirect(303, '/sign-in?out=global');
    })
};
