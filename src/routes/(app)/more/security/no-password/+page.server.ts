import { redirect } from '@sveltejs/kit';
import { z } from 'zod';
import { dropPassword } from '$lib/server/credentials.ts';
import { blankForm } from '$lib/server/forms.ts';
import { askFresh } from '$lib/server/fresh.ts';
import { personAction, personLoad } from '$lib/server/guard.ts';

const Press = z.object({});

export const load = personLoad(async ({ person, me }) => {
    askFresh(me);
    return { email: person.email, form: await blankForm(Press) };
});

export const actions = {
    default: personAction(Press, async ({ event }) => {
        await dropPassword(event);
        redirect(303, '/more/security?changed=no_password');
    })
};
