import { z } from 'zod';
import { makeRecoveryCodes, myFactors } from '$lib/server/factors.ts';
import { blankForm } from '$lib/server/forms.ts';
import { askFresh } from '$lib/server/fresh.ts';
import { personAction, personLoad } from '$lib/server/guard.ts';
import { nextPath } from '$lib/server/next-path.ts';

const Press = z.object({});

export const load = personLoad(async ({ event: { url }, me, db }) => {
    askFresh(me);
    return {
        next: nextPath(url.searchParams.get('next')),
        isFirst: url.searchParams.has('first'),
        left: (await myFactors(db)).recovery_codes_left,
        form: await blankForm(Press)
    };
});

export const actions = {
    // Shown as this answer and never again: no address leads back to them.
    default: personAction(Press, async ({ db, form }) => ({ form, codes: await makeRecoveryCodes(db) }))
};
