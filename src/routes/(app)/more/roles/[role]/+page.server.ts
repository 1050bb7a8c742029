import { redirect } from '@sveltejs/kit';
import { z } from 'zod';
import { roleInWords } from '$lib/domain/permissions.ts';
import { blankForm } from '$lib/server/forms.ts';
import { pathId, protectedAction, protectedLoad } from '$lib/server/guard.ts';
import { RoleId } from '$lib/server/ids.ts';
import { demandFactor, getRole, giveable, listPermissions } from '$lib/server/roles.ts';
import { listMembers } from '$lib/server/team.ts';
import { DeleteForm } from '../schemas.ts';
import { inOneLine } from '../words.ts';

const Demand = z.object({ demanded: z.enum(['yes', 'no']) });

export const load = protectedLoad('members.read', async ({ db, account, me, event }) => {
    const id = pathId(event, 'role', RoleId);
    const [role, permissions, members] = await Promise.all([
        getRole(db, account.id, id),
        listPermissions(db),
        listMembers(db, account.id)
    ]);
    const mayDemand = account.permissions.includes('roles.write') && giveable([role], account).length === 1;
    return {
        role: { id: role.id, name: role.name, isOwn: role.key === null },
        demandsFactor: role.demands_factor,
        mayDemand,
        // Whoever asks it of their own role has given one: nobody is locked out by their own doing.
        needsOwnFactor:
            !me.second_factor &&
            members.some(({ role_id, user_id }) => role_id === id && user_id === me.user_id),
        demand: await blankForm(Demand, { demanded: role.demands_factor ? 'no' : 'yes' }),
        about: inOneLine(role, permissions),
        words: roleInWords(role.permissions, permissions),
        people: members
            .filter(({ role_id }) => role_id === id)
            .map((member) => ({ id: member.id, name: member.display_name, email: member.email })),
        mayChange: role.key === null && mayDemand,
        remove: await blankForm(DeleteForm, undefined, { id: 'remove' }),
        saved: event.url.searchParams.has('saved')
    };
});

export const actions = {
    demand: protectedAction('roles.write', Demand, async ({ db, account, input, event }) => {
        const id = pathId(event, 'role', RoleId);
        await demandFactor(db, account.id, id, input.demanded === 'yes');
        redirect(303, `/more/roles/${id}?saved`);
    })
};
