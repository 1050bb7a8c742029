import { redirect } from '@sveltejs/kit';
import { z } from 'zod';
import { activeAccount, namedAccount } from '$lib/server/accounts.ts';
import { blankForm } from '$lib/server/forms.ts';
import { personAction, personLoad } from '$lib/server/guard.ts';
import { removeMember } from '$lib/server/team.ts';

const Leave = z.object({ account_id: z.string().default(''), sure: z.boolean().default(false) });

/** For everybody, whatever their role: nobody is kept in a team. */
export const load = personLoad(async ({ event, me }) => {
    const account = activeAccount(me, event.cookies);
    if (!account) redirect(303, '/welcome');
    return {
        isOwner: account.role.key === 'owner',
        unsure: event.url.searchParams.has('unsure'),
        form: await blankForm(Leave, { account_id: account.id })
    };
});

export const actions = {
    default: personAction(Leave, async ({ event, db, me, input }) => {
        const account = namedAccount(me, input.account_id, event.cookies);
        if (!input.sure) redirect(303, '/more/leave?unsure');
        await removeMember(db, account.id, account.member_id);
        redirect(303, '/left');
    })
};
