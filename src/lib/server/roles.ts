/** What a business's roles allow: the five that every business has, and those of its own. */
import { z } from 'zod';
import type { PermissionInWords } from '$lib/domain/permissions.ts';
import { call, read, type Db } from './data.ts';
import { RoleId, type AccountId } from './ids.ts';

const Role = z
    .object({
        id: RoleId,
        key: z.string().nullable(),
        name: z.string(),
        /** Must whoever has it give a second factor? */
        demands_factor: z.boolean(),
        role_permissions: z.array(z.object({ permission: z.string() }))
    })
    .transform(({ role_permissions, ...role }) => ({
        ...role,
        permissions: role_permissions.map(({ permission }) => permission).toSorted()
    }));

/** A role and what it allows. `key` is null for one of the business's own. */
export type Role = z.infer<typeof Role>;

const columns =
    'id, key, name, demands_factor, role_permissions!role_permission_belongs_to_a_role_of_the_account (permission)';
const ORDER = ['owner', 'admin', 'staff', 'partner', 'agent'];
const place = ({ key }: Role): number => (key === null ? ORDER.length : ORDER.indexOf(key));

/** All roles: the five in their order, then the business's own by name. */
export async function listRoles(db: Db, account: AccountId): Promise<Role[]> {
    const roles = await read(
        db.from('roles').select(columns).eq('account_id', account).order('name'),
        z.array(Role)
    );
    return roles.toSorted((a, b) => place(a) - place(b));
}

/** One role, or `not_found`. */
export function getRole(db: Db, account: AccountId, id: RoleId): Promise<Role> {
    return read(db.from('roles').select(columns).eq('account_id', account).eq('id', id).single(), Role);
}

/** Every permission there is, with its sentence. */
export function listPermissions(db: Db): Promise<PermissionInWords[]> {
    return read(
        db.from('permissions').select('key, area, sentence').order('key'),
        z.array(z.object({ key: z.string(), area: z.string(), sentence: z.string() }))
    );
}

/**
 * The roles that somebody may give: those that allow no more than they may do themselves, and an owner's only for an
 * owner. Those that allow nothing are left out, since nothing would open for whoever has one. The database decides anew.
 */
export function giveable(
    roles: readonly Role[],
    by: { role: { key: string | null }; permissions: readonly string[] }
): Role[] {
    return roles.filter(
        ({ key, permissions }) =>
            permissions.length > 0 &&
            (key !== 'owner' || by.role.key === 'owner') &&
            permissions.every((permission) => by.permissions.includes(permission))
    );
}

/** Deletes a role of the business's own that nobody has, or throws `role_in_use`. */
export async function deleteRole(db: Db, account: AccountId, id: RoleId): Promise<void> {
    await call(db, 'delete_role', { account_id: account, role_id: id }, z.literal(true));
}

/** Makes a role of the business's own (`id` null) or changes one. Answers its id; the same key, the same role. */
export function saveRole(
    db: Db,
    account: AccountId,
    role: { id: RoleId | null; name: string; permissions: readonly string[]; idempotency_key: string }
): Promise<RoleId> {
    const { id, ...rest } = role;
    return call(db, 'save_role', { account_id: account, role_id: id, ...rest }, RoleId);
}

/**
 * Says whether whoever has the role must give a second factor; false when it was so already.
 * @throws {Problem} `factor_first` when it is the caller's own role and they have given none.
 */
export function demandFactor(db: Db, account: AccountId, id: RoleId, demanded: boolean): Promise<boolean> {
    return call(db, 'demand_factor', { account_id: account, role_id: id, demanded }, z.boolean());
}
