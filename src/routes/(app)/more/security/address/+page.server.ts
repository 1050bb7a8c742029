import { redirect } from '@sveltejs/kit';
import { z } from 'zod';
import { askForAddress } from '$lib/server/credentials.ts';
import { problem } from '$lib/server/errors.ts';
import { blankForm } from '$lib/server/forms.ts';
import { askFresh } from '$lib/server/fresh.ts';
import { personAction, personLoad } from '$lib/server/guard.ts';
import { email } from '../../../../(auth)/fields.ts';

const AddressForm = z.object({ email });

export const load = personLoad(async ({ event, person, me }) => {
    const asked = event.url.searchParams.has('asked');
    if (!asked) askFresh(me);
    return { email: person.email, asked, form: await blankForm(AddressForm) };
});

export const actions = {
    default: personAction(AddressForm, async ({ event, person, input }) => {
        if (input.email === person.email) {
            const sentence = 'You sign in with this address already.';
            throw problem('validation_failed', { detail: sentence, fields: { email: sentence } });
        }
        await askForAddress(event, input.email);
        redirect(303, '/more/security/address?asked');
    })
};
