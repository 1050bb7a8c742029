import { protectedLoad } from '$lib/server/guard.ts';
import { listPermissions, listRoles } from '$lib/server/roles.ts';
import { listMembers } from '$lib/server/team.ts';
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
        mayChange: account.permissions.includes('roles.write')
    };
});
