import { redirect } from '@sveltejs/kit';
import { demandingAccount } from '$lib/server/accounts.ts';
import { myFactors, noteFactors } from '$lib/server/factors.ts';
import { blankForm } from '$lib/server/forms.ts';
import { askFresh } from '$lib/server/fresh.ts';
import { halfwayAction, personLoad } from '$lib/server/guard.ts';
import { nextPath } from '$lib/server/next-path.ts';
import { giveKey } from '$lib/server/security-keys.ts';
import { factorName, GiveKey } from '../fields.ts';

const NewKey = GiveKey.extend({ name: factorName });

export const load = personLoad(async ({ event: { url, cookies }, me }) => {
    askFresh(me);
    const next = nextPath(url.searchParams.get('next'));
    return {
        next,
        asking: demandingAccount(me, cookies)?.name ?? null,
        form: await blankForm(NewKey, { name: 'My security key', next })
    };
});

export const actions = {
    default: halfwayAction(NewKey, async ({ event, person, db, input }) => {
        await giveKey(event, person, input, 'create');
        await noteFactors(db);
        const { recovery_codes_left } = await myFactors(db);
        const next = nextPath(event.url.searchParams.get('next'));
        const codes = `/auth/factor/codes?${new URLSearchParams({ next, first: '' })}`;
        redirect(303, recovery_codes_left > 0 ? next : codes);
    })
};
