import { redirect } from '@sveltejs/kit';
import { activeAccount } from '$lib/server/accounts.ts';
import { personLoad } from '$lib/server/guard.ts';

/** What every page of the app shows around itself: the business and the person. */
export const load = personLoad(({ event, person, me }) => {
    const account = activeAccount(me, event.cookies);
    if (!account) redirect(303, '/welcome');
    return {
        account,
        accounts: me.accounts.map(({ id, name }) => ({ id, name })),
        person: { email: person.email, name: person.name }
    };
});
