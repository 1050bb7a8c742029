import { redirect } from '@sveltejs/kit';
import { blankForm } from '$lib/server/forms.ts';
import { askFresh } from '$lib/server/fresh.ts';
import { personAction, personLoad } from '$lib/server/guard.ts';
import { nextPath } from '$lib/server/next-path.ts';
import { setPassword } from '$lib/server/sign-in.ts';
import { NewPasswordForm } from '../../fields.ts';

/** Only right after proving who they are: an unattended phone must not be enough to change a password. */
export const load = personLoad(async ({ event, person, me }) => {
    askFresh(me);
    const next = nextPath(event.url.searchParams.get('next'));
    return { email: person.email, next, form: await blankForm(NewPasswordForm, { next }) };
});

export const actions = {
    default: personAction(NewPasswordForm, async ({ event, input }) => {
        await setPassword(event, input.password);
        const next = nextPath(input.next);
        redirect(303, next === '/more/security' ? `${next}?changed=password` : next);
    })
};
