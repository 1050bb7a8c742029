/** The server's own audit log: who did what, never with a secret. */
import type { Work } from './contract.ts';
import type { JsonObject } from './request.ts';

const LOG_TYPES = {
    login: 'account',
    logout: 'account',
    invite_accepted: 'account',
    user_signedup: 'team',
    user_invited: 'team',
    user_deleted: 'team',
    token_revoked: 'token',
    token_refreshed: 'token',
    user_modified: 'user',
    user_recovery_requested: 'user',
    user_reauthenticate_requested: 'user',
    user_confirmation_requested: 'user',
    user_repeated_signup: 'user',
    user_updated_password: 'user',
    identity_linked: 'user',
    factor_in_progress: 'factor',
    factor_unenrolled: 'factor',
    challenge_created: 'factor',
    verification_attempted: 'factor',
    factor_deleted: 'factor',
    factor_updated: 'factor',
    passkey_created: 'user',
    passkey_updated: 'user',
    passkey_deleted: 'user'
} as const;

export type AuditAction = keyof typeof LOG_TYPES;

export type Actor = {
    id: string;
    email: string | null;
    phone?: string | null;
    is_sso_user?: boolean;
    raw_user_meta_data?: JsonObject;
};

/** An act by the service's own key, which has a role but no person. */
export const serviceActor = (role: string): Actor => ({
    id: '00000000-0000-0000-0000-000000000000',
    email: role
});

/** Records an act in the transaction that performs it. */
export async function audit(
    { db, now }: Work,
    actor: Actor,
    action: AuditAction,
    traits?: JsonObject,
    address = ''
): Promise<void> {
    const name = actor.raw_user_meta_data?.full_name;
    const payload = {
        actor_id: actor.id,
        actor_username: actor.phone || actor.email || '',
        ...(name === undefined ? {} : { actor_name: name }),
        actor_via_sso: actor.is_sso_user ?? false,
        action,
        log_type: LOG_TYPES[action],
        ...(traits ? { traits } : {})
    };
    await db`
        insert into auth.audit_log_entries (instance_id, id, payload, created_at, ip_address)
        values (
            '00000000-0000-0000-0000-000000000000', ${crypto.randomUUID()}, ${db.json(payload)}, ${now}, ${address}
        )
    `;
}
