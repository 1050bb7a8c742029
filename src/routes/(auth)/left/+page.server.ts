import { redirect } from '@sveltejs/kit';
import { leftAccount, preferNoAccount } from '$lib/server/accounts.ts';
import { personLoad } from '$lib/server/guard.ts';

/** Where somebody lands who is no longer in the team of the business they were working in. Said once for each device. */
export const load = personLoad(({ event, me }) => {
    const left = leftAccount(me, event.cookies);
    if (!left) redirect(303, '/today');
    preferNoAccount(event.cookies);
    return { business: left.name, email: me.email, next: me.accounts[0]?.name ?? null };
});
