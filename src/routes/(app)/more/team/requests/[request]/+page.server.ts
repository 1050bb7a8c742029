import { redirect } from '@sveltejs/kit';
import { z } from 'zod';
import { approveJoinRequest, getJoinRequest, listDomains, refuseJoinRequest } from '$lib/server/domains.ts';
import { problem } from '$lib/server/errors.ts';
import { blankForm } from '$lib/server/forms.ts';
import { askFresh } from '$lib/server/fresh.ts';
import { pathId, protectedAction, protectedLoad } from '$lib/server/guard.ts';
import { JoinRequestId, RoleId } from '$lib/server/ids.ts';
import { giveable, listPermissions, listRoles } from '$lib/server/roles.ts';
import { inOneLine } from '../../../roles/words.ts';

const Approve = z.object({
    // No enum of ids: what is offered is decided by who asks.
    role_id: z
        .string()
        .pipe(RoleId.catch('' as RoleId))
        .refine((id) => id !== '', 'Choose a role.')
});
const Refuse = z.object({});

export const load = protectedLoad('members.write', async ({ db, account, me, event }) => {
    askFresh(me);
    const [request, domains, roles, permissions] = await Promise.all([
        getJoinRequest(db, account.id, pathId(event, 'request', JoinRequestId)),
        listDomains(db, account.id),
        listRoles(db, account.id),
        listPermissions(db)
    ]);
    // What is decided stands in the trail, not here.
    if (request.state !== 'waiting') throw problem('not_found');
    const mine = giveable(roles, account);
    const usual = domains.find(({ domain }) => request.email.endsWith(`@${domain}`))?.role_id;
    return {
        request,
        roles: mine.map((role) => ({ value: role.id, label: role.name, hint: inOneLine(role, permissions) })),
        approve: await blankForm(
            Approve,
            { role_id: mine.find(({ id }) => id === usual)?.id },
            { id: 'approve' }
        ),
        refuse: await blankForm(Refuse, {}, { id: 'refuse' })
    };
});

export const actions = {
    approve: protectedAction('members.write', Approve, async ({ db, account, input, event }) => {
        await approveJoinRequest(db, account.id, pathId(event, 'request', JoinRequestId), input.role_id);
        redirect(303, '/more/team?let-in');
    }),
    refuse: protectedAction('members.write', Refuse, async ({ db, account, event }) => {
        await refuseJoinRequest(db, account.id, pathId(event, 'request', JoinRequestId));
        redirect(303, '/more/team?refused');
    })
};
