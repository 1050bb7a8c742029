import { dayOf } from '$lib/domain/dates.ts';
import { protectedLoad } from '$lib/server/guard.ts';
import { today } from '$lib/server/today.ts';

export const load = protectedLoad('account.read', async ({ db, account }) => ({
    today: await today(db, account.id),
    day: dayOf(new Date()),
    mayAddJob: account.permissions.includes('jobs.write'),
    maySeeMoney: account.permissions.includes('invoices.read'),
    mayPayouts: account.permissions.includes('payouts.manage'),
    takesCards: account.stripe.charges_enabled
}));
