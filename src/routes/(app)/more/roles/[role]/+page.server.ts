import { roleInWords } from '$lib/domain/permissions.ts';
import { blankForm } from '$lib/server/forms.ts';
import { pathId, protectedLoad } from '$lib/server/guard.ts';
import { RoleId } from '$lib/server/ids.ts';
import { getRole, giveable, listPermissions } from '$lib/server/roles.ts';
import { listMembers } from '$lib/server/team.ts';
import { DeleteForm } from '../schemas.ts';
import { inOneLine } from '../words.ts';

export const load = protectedLoad('members.read', async ({ db, account, event }) => {
    const id = pathId(event, 'role', RoleId);
    const [role, permissions, members] = await Promise.all([
        getRole(db, account.id, id),
        listPermissions(db),
        listMembers(db, account.id)
    ]);
    return {
        role: { id: role.id, name: role.name, isOwn: role.key === null },
        about: inOneLine(role, permissions),
        words: roleInWords(role.permissions, permissions),
        people: members
            .filter(({ role_id }) => role_id === id)
            .map((member) => ({ id: member.id, name: member.display_name, email: member.email })),
        mayChange:
            role.key === null &&
            account.permissions.includes('roles.write') &&
            giveable([role], account).length === 1,
        remove: await blankForm(DeleteForm, undefined, { id: 'remove' }),
        saved: event.url.searchParams.has('saved')
    };
});
