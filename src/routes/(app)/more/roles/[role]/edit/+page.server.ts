import { redirect } from '@sveltejs/kit';
import { randomUUID } from 'node:crypto';
import { groupPermissions } from '$lib/domain/permissions.ts';
import { problem } from '$lib/server/errors.ts';
import { blankForm } from '$lib/server/forms.ts';
import { askFresh } from '$lib/server/fresh.ts';
import { pathId, protectedAction, protectedLoad } from '$lib/server/guard.ts';
import { RoleId } from '$lib/server/ids.ts';
import { getRole, giveable, listPermissions, saveRole } from '$lib/server/roles.ts';
import { RoleForm } from '../../schemas.ts';

export const load = protectedLoad('roles.write', async ({ db, account, me, event }) => {
    askFresh(me);
    const id = pathId(event, 'role', RoleId);
    const [role, permissions] = await Promise.all([getRole(db, account.id, id), listPermissions(db)]);
    if (role.key !== null) throw problem('role_is_built_in');
    if (giveable([role], account).length === 0) throw problem('more_than_yours');
    return {
        role: { id: role.id, name: role.name },
        groups: groupPermissions(permissions.filter(({ key }) => account.permissions.includes(key))),
        form: await blankForm(RoleForm, {
            name: role.name,
            permissions: role.permissions,
            idempotency_key: randomUUID()
        })
    };
});

export const actions = {
    default: protectedAction('roles.write', RoleForm, async ({ db, account, input, event }) => {
        const id = pathId(event, 'role', RoleId);
        await saveRole(db, account.id, { id, ...input });
        redirect(303, `/more/roles/${id}?saved`);
    })
};
