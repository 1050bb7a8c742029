/** Sessions: how one begins, what its tokens say, and how it ends. Refreshing lives in refresh.ts. */
import { randomInt } from 'node:crypto';
import type { Database, Work } from './contract.ts';
import { refusal } from './errors.ts';
import type { Claims } from './hooks.ts';
import { AUDIENCE } from './settings.ts';
import { updateUser, userJson, type User } from './users.ts';

export type SessionRow = {
    id: string;
    user_id: string;
    created_at: Date;
    refreshed_at: Date | null;
    not_after: Date | null;
    aal: 'aal1' | 'aal2' | 'aal3' | null;
};

export type TokenResponse = { body: Record<string, unknown>; headers: Record<string, string> };

export async function findSession(db: Database, id: string, lock = false): Promise<SessionRow | null> {
    const [row] = await db<SessionRow[]>`
        select id, user_id, created_at, refreshed_at at time zone 'UTC' as refreshed_at, not_after, aal
        from auth.sessions where id = ${id} ${lock ? db`for update` : db``}
    `;
    return row ?? null;
}

/** Begins a session for a person who has just proven who they are by `method`; it ends at `notAfter` at the latest. */
export async function beginSession(
    work: Work,
    person: User,
    method: string,
    notAfter: Date | null = null
): Promise<TokenResponse> {
    const { db, now, caller } = work;
    const sessionId = crypto.randomUUID();
    await db`
        insert into auth.sessions (id, user_id, created_at, updated_at, aal, user_agent, ip, not_after)
        values (
            ${sessionId}, ${person.id}, ${now}, ${now}, 'aal1', ${caller.userAgent}, ${caller.address}, ${notAfter}
        )
    `;
    const refreshToken = await insertRefreshToken(work, person, sessionId, null);
    await claimMethod(work, sessionId, method);
    const user = await updateUser(work, person, { last_sign_in_at: now });
    return tokenResponse(work, user, sessionId, refreshToken, method);
}

/** Notes a way in which the session's person has proven who they are; proven anew, it counts from now. */
export async function claimMethod({ db, now }: Work, sessionId: string, method: string): Promise<void> {
    await db`
        insert into auth.mfa_amr_claims (id, session_id, created_at, updated_at, authentication_method)
        values (${crypto.randomUUID()}, ${sessionId}, ${now}, ${now}, ${method})
        on conflict (session_id, authentication_method) do update set updated_at = excluded.updated_at
    `;
}

/** The ways in which a session's person has proven who they are. */
export async function methodsOf(db: Database, sessionId: string): Promise<string[]> {
    const rows = await db<{ authentication_method: string }[]>`
        select authentication_method from auth.mfa_amr_claims where session_id = ${sessionId}
    `;
    return rows.map((row) => row.authentication_method);
}

/** A new refresh token of the first published form: twelve characters, one row each. */
export async function insertRefreshToken(
    { db, now }: Work,
    user: User,
    sessionId: string,
    parent: string | null
): Promise<string> {
    const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';
    const token = Array.from({ length: 12 }, () => alphabet[randomInt(alphabet.length)]).join('');
    await db`
        insert into auth.refresh_tokens (instance_id, token, user_id, revoked, created_at, updated_at, parent, session_id)
        values (
            '00000000-0000-0000-0000-000000000000', ${token}, ${user.id}, false, ${now}, ${now}, ${parent}, ${sessionId}
        )
    `;
    return token;
}

/** The published answer to every successful sign-in and refresh. */
export async function tokenResponse(
    work: Work,
    user: User,
    sessionId: string,
    refreshToken: string,
    method: string
): Promise<TokenResponse> {
    const { auth, now } = work;
    const expiresAt = seconds(now) + auth.settings.jwt_expiry;
    const claims = await accessTokenClaims(work, user, sessionId, expiresAt);
    const token = await auth.keys.sign(await auth.hooks.customAccessToken(work, user.id, claims, method));
    return {
        body: {
            access_token: token,
            token_type: 'bearer',
            expires_in: auth.settings.jwt_expiry,
            expires_at: expiresAt,
            refresh_token: refreshToken,
            user: userJson(user)
        },
        headers: {
            'sb-auth-user-id': user.id,
            'sb-auth-session-id': sessionId,
            'sb-auth-refresh-token-prefix': refreshToken.slice(0, 5)
        }
    };
}

/** The methods that raise a session to aal2; a passkey that signs in is a first factor. */
const SECOND_FACTORS: readonly string[] = ['totp', 'mfa/phone', 'mfa/webauthn'];

async function accessTokenClaims(
    { auth, db, now }: Work,
    user: User,
    sessionId: string,
    expiresAt: number
): Promise<Claims> {
    const methods = await db<{ authentication_method: string; updated_at: Date }[]>`
        select authentication_method, updated_at from auth.mfa_amr_claims
        where session_id = ${sessionId} order by updated_at desc
    `;
    return {
        iss: auth.keys.issuer,
        sub: user.id,
        aud: AUDIENCE,
        exp: expiresAt,
        iat: seconds(now),
        email: user.email ?? '',
        phone: user.phone ?? '',
        app_metadata: user.raw_app_meta_data,
        user_metadata: user.raw_user_meta_data,
        role: user.role,
        aal: methods.some((m) => SECOND_FACTORS.includes(m.authentication_method)) ? 'aal2' : 'aal1',
        amr: methods.map((m) => ({ method: m.authentication_method, timestamp: seconds(m.updated_at) })),
        session_id: sessionId,
        is_anonymous: user.is_anonymous
    };
}

const seconds = (date: Date): number => Math.floor(date.getTime() / 1000);

export type LogoutScope = 'global' | 'local' | 'others';

/** Ends sessions by deleting their rows; their refresh tokens go with them. */
export async function endSessions(
    db: Database,
    userId: string,
    scope: LogoutScope,
    sessionId?: string
): Promise<void> {
    if (scope === 'global' || !sessionId) await db`delete from auth.sessions where user_id = ${userId}`;
    else if (scope === 'local') await db`delete from auth.sessions where id = ${sessionId}`;
    else await db`delete from auth.sessions where user_id = ${userId} and id <> ${sessionId}`;
}

/** @throws AuthError validation_failed */
export function readLogoutScope(scope: string | undefined): LogoutScope {
    if (!scope) return 'global';
    if (scope === 'global' || scope === 'local' || scope === 'others') return scope;
    throw refusal('validation_failed', `Unsupported logout scope "${scope}"`);
}
