import { redirect } from '@sveltejs/kit';
import { z } from 'zod';
import { blankForm } from '$lib/server/forms.ts';
import { pathId, protectedAction, protectedLoad } from '$lib/server/guard.ts';
import { MemberId, RoleId } from '$lib/server/ids.ts';
import { giveable, listPermissions, listRoles } from '$lib/server/roles.ts';
import { changeMemberRole, getMember, removeMember } from '$lib/server/team.ts';
import { inOneLine } from '../../roles/words.ts';

const Change = z.object({ role_id: RoleId });
const Remove = z.object({});

export const load = protectedLoad('members.read', async ({ db, account, me, event }) => {
    const id = pathId(event, 'member', MemberId);
    const [member, roles, permissions] = await Promise.all([
        getMember(db, account.id, id),
        listRoles(db, account.id),
        listPermissions(db)
    ]);
    const isYou = member.user_id === me.user_id;
    const mine = giveable(roles, account);
    const role = roles.find((one) => one.id === member.role_id);
    // A role that allows nothing can be taken away by anybody who may change the team.
    const isWithin = mine.some((one) => one.id === member.role_id) || role?.permissions.length === 0;
    const mayChange = account.permissions.includes('members.write') && isWithin;
    return {
        member,
        isYou,
        mayChange,
        mayHandOver: account.role.key === 'owner' && !isYou && account.permissions.includes('members.write'),
        roles: mine.map((one) => ({ value: one.id, label: one.name, hint: inOneLine(one, permissions) })),
        saved: event.url.searchParams.has('saved'),
        change: await blankForm(Change, { role_id: member.role_id }, { id: 'change' }),
        remove: await blankForm(Remove, {}, { id: 'remove' })
    };
});

export const actions = {
    role: protectedAction('members.write', Change, async ({ db, account, input, event }) => {
        const id = pathId(event, 'member', MemberId);
        await changeMemberRole(db, account.id, id, input.role_id);
        redirect(303, `/more/team/${id}?saved`);
    }),
    remove: protectedAction('members.write', Remove, async ({ db, account, event }) => {
        const id = pathId(event, 'member', MemberId);
        await removeMember(db, account.id, id);
        redirect(303, `/more/team?removed=${id}`);
    })
};
