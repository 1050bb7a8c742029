import { redirect } from '@sveltejs/kit';
import { activeAccount, demandingAccount, leftAccount } from '$lib/server/accounts.ts';
import { problem } from '$lib/server/errors.ts';
import { personLoad } from '$lib/server/guard.ts';

/** What every page of the app shows around itself: the business and the person. */
export const load = personLoad(({ event, person, me }) => {
    if (leftAccount(me, event.cookies)) redirect(303, '/left');
    if (demandingAccount(me, event.cookies)) throw problem('factor_needed');
    const account = activeAccount(me, event.cookies);
    if (!account) redirect(303, '/welcome');
    return {
        account,
        accounts: me.accounts.map(({ id, name }) => ({ id, name })),
        person: { email: person.email, name: person.name }
    };
});
