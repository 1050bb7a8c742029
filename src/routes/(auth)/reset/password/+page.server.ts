import { redirect } from '@sveltejs/kit';
import { blankForm } from '$lib/server/forms.ts';
import { personAction, personLoad } from '$lib/server/guard.ts';
import type { Person } from '$lib/server/session.ts';
import { setPassword } from '$lib/server/sign-in.ts';
import { NewPasswordForm } from '../../fields.ts';

const freshSeconds = 15 * 60;

/** Only right after proving who they are: an unattended phone must not be enough to change a password. */
function proveAgainIfStale(person: Person): void {
    if (Date.now() / 1000 - person.provedAt > freshSeconds) redirect(303, '/reset');
}

export const load = personLoad(async ({ person }) => {
    proveAgainIfStale(person);
    return { email: person.email, form: await blankForm(NewPasswordForm) };
});

export const actions = {
    default: personAction(NewPasswordForm, async ({ event, person, input }) => {
        proveAgainIfStale(person);
        await setPassword(event, input.password);
        redirect(303, '/today');
    })
};
