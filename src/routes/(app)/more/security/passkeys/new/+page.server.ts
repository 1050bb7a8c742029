import { redirect } from '@sveltejs/kit';
import { z } from 'zod';
import { noteFactors } from '$lib/server/factors.ts';
import { blankForm } from '$lib/server/forms.ts';
import { askFresh } from '$lib/server/fresh.ts';
import { personAction, personLoad } from '$lib/server/guard.ts';
import { credential } from '$lib/server/key-answer.ts';
import { addPasskey } from '$lib/server/passkeys.ts';
import { mySessions } from '$lib/server/sessions.ts';
import { passkeyName } from '../fields.ts';

const NewPasskey = z.object({ name: passkeyName, challenge_id: z.string().max(100).default(''), credential });

export const load = personLoad(async ({ me, db }) => {
    askFresh(me);
    const here = (await mySessions(db)).find(({ is_this }) => is_this);
    return { form: await blankForm(NewPasskey, { name: here?.device ?? 'My phone' }) };
});

export const actions = {
    default: personAction(NewPasskey, async ({ event, db, input }) => {
        await addPasskey(event, input.name, input.challenge_id, input.credential);
        await noteFactors(db);
        redirect(303, '/more/security?changed=passkey_added');
    })
};
