import { redirect } from '@sveltejs/kit';
import { z } from 'zod';
import { myFactors, noteFactors } from '$lib/server/factors.ts';
import { blankForm } from '$lib/server/forms.ts';
import { personAction, personLoad } from '$lib/server/guard.ts';
import { removePasskey, renamePasskey } from '$lib/server/passkeys.ts';
import { passkeyName } from './fields.ts';

const Rename = z.object({ passkey_id: z.uuid(), name: passkeyName });
const Remove = z.object({ passkey_id: z.uuid() });

export const load = personLoad(async ({ db }) => {
    const { passkeys } = await myFactors(db);
    return { passkeys, rename: await blankForm(Rename, {}, { id: 'rename' }) };
});

export const actions = {
    rename: personAction(Rename, async ({ event, db, input }) => {
        await renamePasskey(event, input.passkey_id, input.name);
        await noteFactors(db);
        redirect(303, '/more/security?changed=passkey_named');
    }),
    remove: personAction(Remove, async ({ event, db, input }) => {
        await removePasskey(event, input.passkey_id);
        await noteFactors(db);
        redirect(303, '/more/security?changed=passkey_removed');
    })
};
