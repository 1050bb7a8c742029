import { redirect } from '@sveltejs/kit';
import { randomUUID } from 'node:crypto';
import { groupPermissions } from '$lib/domain/permissions.ts';
import { blankForm } from '$lib/server/forms.ts';
import { askFresh } from '$lib/server/fresh.ts';
import { protectedAction, protectedLoad } from '$lib/server/guard.ts';
import { listPermissions, saveRole } from '$lib/server/roles.ts';
import { RoleForm } from '../schemas.ts';

export const load = protectedLoad('roles.write', async ({ db, account, me }) => {
    askFresh(me);
    const permissions = await listPermissions(db);
    return {
        groups: groupPermissions(permissions.filter(({ key }) => account.permissions.includes(key))),
        form: await blankForm(RoleForm, { permissions: ['account.read'], idempotency_key: randomUUID() })
    };
});

export const actions = {
    default: protectedAction('roles.write', RoleForm, async ({ db, account, input }) => {
        const id = await saveRole(db, account.id, { id: null, ...input });
        redirect(303, `/more/roles/${id}?saved`);
    })
};
