import { z } from 'zod';
import { words } from '$lib/server/fields.ts';
import { IdempotencyKey, RoleId } from '$lib/server/ids.ts';

/** A role of the business's own, as it is typed and ticked. */
export const RoleForm = z.object({
    name: words('Give the role a name, like Bookkeeper.', 60),
    permissions: z
        .array(z.string().max(60))
        .max(100)
        .min(1, 'Tick at least one thing that this role may do.')
        .default([]),
    idempotency_key: IdempotencyKey
});

export const DeleteForm = z.object({ role_id: RoleId });
