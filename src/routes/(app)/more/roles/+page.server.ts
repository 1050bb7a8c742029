import { randomUUID } from 'node:crypto';
import { redirect } from '@sveltejs/kit';
import { blankForm } from '$lib/server/forms.ts';
import { protectedAction, protectedLoad } from '$lib/server/guard.ts';
import { deleteRole, getRole, listPermissions, listRoles, saveRole } from '$lib/server/roles.ts';
import { listMembers } from '$lib/server/team.ts';
import { DeleteForm, RoleForm } from './schemas.ts';
import { inOneLine } from './words.ts';

export const load = protectedLoad('members.read', async ({ db, account }) => {
    const [roles, permissions, members] = await Promise.all([
        listRoles(db, account.id),
        listPermissions(db),
        listMembers(db, account.id)
    ]);
    return {
        roles: roles.map((role) => ({
            id: role.id,
            name: role.name,
            isOwn: role.key === null,
            about: inOneLine(role, permissions),
            people: members.filter(({ role_id }) => role_id === role.id).length
        })),
        mayChange: account.permissions.includes('roles.write'),
        key: randomUUID(),
        restore: await blankForm(RoleForm, undefined, { id: 'restore' })
    };
});

export const actions = {
    delete: protectedAction('roles.write', DeleteForm, async ({ db, account, input, form }) => {
        const { name, permissions } = await getRole(db, account.id, input.role_id);
        await deleteRole(db, account.id, input.role_id);
        return { form, deleted: { name, permissions } };
    }),
    restore: protectedAction('roles.write', RoleForm, async ({ db, account, input }) => {
        const id = await saveRole(db, account.id, { id: null, ...input });
        redirect(303, `/more/roles/${id}?saved`);
    })
};
