/** People and their identities: rows, the JSON that the API shows of them, and the changes made to both. */
import type { Database, Work } from './contract.ts';
import { refusal } from './errors.ts';
import type { JsonObject } from './request.ts';
import { AUDIENCE } from './settings.ts';

export type IdentityRow = {
    id: string;
    provider_id: string;
    user_id: string;
    identity_data: JsonObject;
    provider: string;
    last_sign_in_at: Date | null;
    created_at: Date;
    updated_at: Date;
    email: string | null;
};

export type UserRow = {
    id: string;
    aud: string;
    role: string;
    email: string | null;
    encrypted_password: string | null;
    email_confirmed_at: Date | null;
    invited_at: Date | null;
    confirmation_token: string | null;
    confirmation_sent_at: Date | null;
    recovery_token: string | null;
    recovery_sent_at: Date | null;
    email_change_token_new: string | null;
    email_change_token_current: string | null;
    email_change: string | null;
    email_change_sent_at: Date | null;
    email_change_confirm_status: number;
    last_sign_in_at: Date | null;
    raw_app_meta_data: JsonObject;
    raw_user_meta_data: JsonObject;
    created_at: Date;
    updated_at: Date;
    phone: string | null;
    phone_confirmed_at: Date | null;
    phone_change: string | null;
    phone_change_sent_at: Date | null;
    confirmed_at: Date | null;
    banned_until: Date | null;
    reauthentication_token: string | null;
    reauthentication_sent_at: Date | null;
    is_sso_user: boolean;
    deleted_at: Date | null;
    is_anonymous: boolean;
};

export type FactorType = 'totp' | 'phone' | 'webauthn';

export type FactorRow = {
    id: string;
    created_at: Date;
    updated_at: Date;
    status: 'unverified' | 'verified';
    friendly_name: string | null;
    factor_type: FactorType;
    secret: string | null;
    phone: string | null;
    last_challenged_at: Date | null;
    web_authn_credential: unknown;
    web_authn_aaguid: string | null;
    last_webauthn_challenge_data: unknown;
};

export type User = UserRow & { identities: IdentityRow[]; factors: FactorRow[] };

// Reading -----------------------------------------------------------------------------------------------------

export async function findUser(db: Database, id: string): Promise<User | null> {
    const [row] = await db<UserRow[]>`select * from auth.users where id = ${id}`;
    return row ? withRelations(db, row) : null;
}

/** The same, held until the transaction ends, so that a code or link can't be used twice at the same moment. */
export async function lockUser(db: Database, id: string): Promise<User | null> {
    const [row] = await db<UserRow[]>`select * from auth.users where id = ${id} for update`;
    return row ? withRelations(db, row) : null;
}

export async function findUserByEmail(db: Database, email: string): Promise<User | null> {
    const [row] = await db<UserRow[]>`
        select * from auth.users
        where lower(email) = ${email.toLowerCase()} and aud = ${AUDIENCE} and is_sso_user = false
    `;
    return row ? withRelations(db, row) : null;
}

/** Whoever already answers to an address, by an identity's or by the account's own, other than `exceptId`. */
export async function findUserClaiming(db: Database, email: string, exceptId?: string): Promise<User | null> {
    const [identity] = await db<{ user_id: string }[]>`
        select user_id from auth.identities
        where email = ${email.toLowerCase()} and provider not like 'sso:%'
            and user_id is distinct from ${exceptId ?? null}
        limit 1
    `;
    if (identity) return findUser(db, identity.user_id);
    const user = await findUserByEmail(db, email);
    return user && user.id !== exceptId ? user : null;
}

export async function reloadUser(db: Database, user: UserRow): Promise<User> {
    const fresh = await findUser(db, user.id);
    if (!fresh) throw refusal('unexpected_failure', 'Database error loading user');
    return fresh;
}

async function withRelations(db: Database, row: UserRow): Promise<User> {
    const identities = await db<IdentityRow[]>`
        select * from auth.identities where user_id = ${row.id} order by created_at, id
    `;
    const factors = await db<FactorRow[]>`
        select * from auth.mfa_factors where user_id = ${row.id} order by created_at, id
    `;
    return {
        ...row,
        raw_app_meta_data: row.raw_app_meta_data ?? {},
        raw_user_meta_data: row.raw_user_meta_data ?? {},
        identities: [...identities],
        factors: [...factors]
    };
}

export const isConfirmed = (user: UserRow): boolean => user.email_confirmed_at !== null;
export const hasVerifiedFactor = (user: User): boolean => user.factors.some((f) => f.status === 'verified');

// Showing -----------------------------------------------------------------------------------------------------

/** The published user object. Fields that say nothing are left out, as the real server does. */
export function userJson(user: User): Record<string, unknown> {
    return {
        id: user.id,
        aud: user.aud,
        role: user.role,
        email: user.email ?? '',
        ...unlessEmpty({ email_confirmed_at: user.email_confirmed_at, invited_at: user.invited_at }),
        phone: user.phone ?? '',
        ...unlessEmpty({
            phone_confirmed_at: user.phone_confirmed_at,
            confirmation_sent_at: user.confirmation_sent_at,
            confirmed_at: user.confirmed_at,
            recovery_sent_at: user.recovery_sent_at,
            new_email: user.email_change,
            email_change_sent_at: user.email_change_sent_at,
            new_phone: user.phone_change,
            phone_change_sent_at: user.phone_change_sent_at,
            reauthentication_sent_at: user.reauthentication_sent_at,
            last_sign_in_at: user.last_sign_in_at
        }),
        app_metadata: user.raw_app_meta_data,
        user_metadata: user.raw_user_meta_data,
        ...(user.factors.length > 0 ? { factors: user.factors.map(factorJson) } : {}),
        identities: user.identities.map(identityJson),
        created_at: user.created_at,
        updated_at: user.updated_at,
        ...unlessEmpty({ banned_until: user.banned_until, deleted_at: user.deleted_at }),
        is_anonymous: user.is_anonymous
    };
}

function identityJson(identity: IdentityRow): Record<string, unknown> {
    return {
        identity_id: identity.id,
        id: identity.provider_id,
        user_id: identity.user_id,
        identity_data: identity.identity_data,
        provider: identity.provider,
        last_sign_in_at: identity.last_sign_in_at,
        created_at: identity.created_at,
        updated_at: identity.updated_at,
        ...unlessEmpty({ email: identity.email })
    };
}

/** The published factor object, which never carries the secret. */
export function factorJson(factor: FactorRow): Record<string, unknown> {
    return {
        id: factor.id,
        created_at: factor.created_at,
        updated_at: factor.updated_at,
        status: factor.status,
        ...unlessEmpty({ friendly_name: factor.friendly_name }),
        factor_type: factor.factor_type,
        phone: factor.phone ?? '',
        last_challenged_at: factor.last_challenged_at,
        ...unlessEmpty({
            web_authn_aaguid: factor.web_authn_aaguid,
            last_webauthn_challenge_data: factor.last_webauthn_challenge_data
        })
    };
}

function unlessEmpty(fields: Record<string, unknown>): Record<string, unknown> {
    return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== ''));
}

// Changing ----------------------------------------------------------------------------------------------------

export type NewUser = {
    id?: string;
    email: string | null;
    encryptedPassword: string | null;
    appMetadata: JsonObject;
    userMetadata: JsonObject;
    role?: string;
    /** Of a provider that keeps its people apart: others may have the same address. */
    isSsoUser?: boolean;
};

/**
 * Makes a person. Triggers on auth.users run here; one that raises makes the whole sign-up fail.
 * @throws AuthError unexpected_failure
 */
export async function insertUser({ db, now, auth }: Work, fresh: NewUser): Promise<User> {
    const id = fresh.id ?? crypto.randomUUID();
    try {
        await db`
            insert into auth.users (
                instance_id, id, aud, role, email, encrypted_password, raw_app_meta_data, raw_user_meta_data,
                confirmation_token, recovery_token, email_change_token_new, email_change, created_at, updated_at,
                is_sso_user
            ) values (
                '00000000-0000-0000-0000-000000000000', ${id}, ${AUDIENCE}, ${fresh.role ?? AUDIENCE},
                ${fresh.email}, ${fresh.encryptedPassword}, ${db.json(fresh.appMetadata)},
                ${db.json(fresh.userMetadata)}, '', '', '', '', ${now}, ${now}, ${fresh.isSsoUser ?? false}
            )
        `;
    } catch (error) {
        auth.log(`auth: could not save a new user: ${(error as Error).message}`);
        throw refusal('unexpected_failure', 'Database error saving new user');
    }
    return reloadUser(db, { id } as UserRow);
}

type Column = Exclude<keyof UserRow, 'id' | 'confirmed_at' | 'created_at'>;

/** Sets columns of one person and returns the row with what the database made of it. */
export async function updateUser(
    work: Work,
    user: UserRow,
    changes: Partial<Pick<UserRow, Column>>
): Promise<User> {
    const { db, now } = work;
    const columns: Record<string, unknown> = { ...changes, updated_at: now };
    for (const name of ['raw_app_meta_data', 'raw_user_meta_data'] as const) {
        const value = changes[name];
        if (value) columns[name] = db.json(value);
    }
    // The helper's types know only plain parameters, though it takes json ones as well.
    await db`update auth.users set ${db(columns as Record<string, string>)} where id = ${user.id}`;
    return reloadUser(db, user);
}

/** A shallow merge in which null removes a key. */
export function merged(data: JsonObject, changes: JsonObject): JsonObject {
    return Object.fromEntries(Object.entries({ ...data, ...changes }).filter(([, value]) => value !== null));
}

export function mergeUserMetadata(work: Work, user: User, changes: JsonObject): Promise<User> {
    return updateUser(work, user, { raw_user_meta_data: merged(user.raw_user_meta_data, changes) });
}

/** Rewrites app_metadata's `provider` and `providers` from the identities there are. */
export async function refreshProviders(work: Work, user: User): Promise<User> {
    const fresh = await reloadUser(work.db, user);
    const providers = [...new Set(fresh.identities.map((identity) => identity.provider))];
    const changes: JsonObject = { providers, ...(providers[0] ? { provider: providers[0] } : {}) };
    return updateUser(work, fresh, { raw_app_meta_data: merged(fresh.raw_app_meta_data, changes) });
}

/** Marks the address as confirmed and voids every code that is still out. */
export async function confirmEmail(work: Work, user: User): Promise<User> {
    await clearOneTimeTokens(work, user);
    return updateUser(work, user, {
        confirmation_token: '',
        email_confirmed_at: work.now,
        raw_user_meta_data: merged(user.raw_user_meta_data, { email_verified: true })
    });
}

export async function clearOneTimeTokens({ db }: Work, user: UserRow, type?: string): Promise<void> {
    if (type) await db`delete from auth.one_time_tokens where user_id = ${user.id} and token_type = ${type}`;
    else await db`delete from auth.one_time_tokens where user_id = ${user.id}`;
}

export async function insertIdentity(
    { db, now }: Work,
    user: UserRow,
    provider: string,
    data: JsonObject
): Promise<IdentityRow> {
    const [row] = await db<IdentityRow[]>`
        insert into auth.identities (
            id, provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at
        ) values (
            ${crypto.randomUUID()}, ${String(data.sub)}, ${user.id}, ${db.json(data)}, ${provider}, ${now}, ${now}, ${now}
        )
        returning *
    `;
    if (!row) throw refusal('unexpected_failure', 'Error creating identity');
    return row;
}

/** The identity that an address with a password or a code stands for. */
export function insertEmailIdentity(work: Work, user: UserRow, extra: JsonObject = {}): Promise<IdentityRow> {
    return insertIdentity(work, user, 'email', {
        ...extra,
        sub: user.id,
        email: user.email ?? '',
        email_verified: extra.email_verified === true,
        phone_verified: false
    });
}

export async function updateIdentityData(
    { db, now }: Work,
    identity: IdentityRow,
    changes: JsonObject
): Promise<void> {
    await db`
        update auth.identities
        set identity_data = ${db.json(merged(identity.identity_data, changes))}, updated_at = ${now}
        where id = ${identity.id}
    `;
}

/**
 * Before an address is proven, anybody may have signed up with it. Whoever proves it now must not inherit the
 * other's password, identities or metadata: only `keep` stays.
 */
export async function dropUnprovenIdentities(work: Work, user: User, keep: IdentityRow): Promise<User> {
    const { db } = work;
    await db`delete from auth.identities where user_id = ${user.id} and id <> ${keep.id}`;
    const cleaned = await updateUser(work, user, {
        ...(keep.provider === 'email' ? {} : { encrypted_password: null }),
        raw_user_meta_data: keep.identity_data
    });
    return refreshProviders(work, cleaned);
}
