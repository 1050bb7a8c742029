import { redirect } from '@sveltejs/kit';
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { blankForm } from '$lib/server/forms.ts';
import { askFresh } from '$lib/server/fresh.ts';
import { protectedAction, protectedLoad } from '$lib/server/guard.ts';
import { IdempotencyKey, RoleId } from '$lib/server/ids.ts';
import { giveable, listPermissions, listRoles } from '$lib/server/roles.ts';
import { inviteMember } from '$lib/server/team.ts';
import { inOneLine } from '../../roles/words.ts';

const Invite = z.object({
    email: z
        .string()
        .trim()
        .max(254, 'That address is too long.')
        .pipe(z.email('Type an e-mail address, like sam@example.co.uk.')),
    // No enum of ids: what is offered is decided by who asks.
    role_id: z
        .string()
        .pipe(RoleId.catch('' as RoleId))
        .refine((id) => id !== '', 'Choose a role.'),
    idempotency_key: IdempotencyKey
});

export const load = protectedLoad('members.write', async ({ db, account, me }) => {
    askFresh(me);
    const [roles, permissions] = await Promise.all([listRoles(db, account.id), listPermissions(db)]);
    return {
        roles: giveable(roles, account).map((role) => ({
            value: role.id,
            label: role.name,
            hint: inOneLine(role, permissions)
        })),
        form: await blankForm(Invite, { idempotency_key: randomUUID() })
    };
});

export const actions = {
    default: protectedAction('members.write', Invite, async ({ db, account, input }) => {
        const id = await inviteMember(db, account.id, input);
        redirect(303, `/more/team?invited=${id}`);
    })
};
