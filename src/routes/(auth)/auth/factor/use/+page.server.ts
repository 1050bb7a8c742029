import { redirect } from '@sveltejs/kit';
import { myFactors } from '$lib/server/factors.ts';
import { blankForm } from '$lib/server/forms.ts';
import { halfwayAction, halfwayLoad } from '$lib/server/guard.ts';
import { nextPath } from '$lib/server/next-path.ts';
import { giveKey } from '$lib/server/security-keys.ts';
import { GiveKey } from '../fields.ts';

/** Where a security key's answer goes, and what is shown when it was not the right one. */
export const load = halfwayLoad(async ({ event: { url }, db }) => {
    const next = nextPath(url.searchParams.get('next'));
    const { factors, recovery_codes_left } = await myFactors(db);
    const key = factors.find(({ kind }) => kind === 'webauthn');
    if (!key) redirect(303, `/auth/factor?${new URLSearchParams({ next })}`);
    return {
        next,
        keyId: key.id,
        hasApp: factors.some(({ kind }) => kind === 'totp'),
        mayRecover: recovery_codes_left > 0,
        form: await blankForm(GiveKey, { next })
    };
});

export const actions = {
    default: halfwayAction(GiveKey, async ({ event, person, input }) => {
        await giveKey(event, person, input, 'request');
        redirect(303, nextPath(event.url.searchParams.get('next')));
    })
};
