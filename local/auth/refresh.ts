/**
 * Refreshing a session: the token is swapped for a new one, once. A token that comes back after its successor has
 * been used was copied, and ends the family.
 */
import { audit } from './audit.ts';
import type { Auth, Caller, Database, Work } from './contract.ts';
import { OAuthError, refusal } from './errors.ts';
import { isBanned } from './request.ts';
import {
    findSession,
    insertRefreshToken,
    tokenResponse,
    type SessionRow,
    type TokenResponse
} from './sessions.ts';
import { inTransaction, KeepAndRefuse } from './transactions.ts';
import { findUser, updateUser, type User } from './users.ts';

type RefreshToken = {
    id: string;
    token: string;
    user_id: string;
    revoked: boolean;
    updated_at: Date;
    session_id: string | null;
};

/**
 * Swaps a refresh token. The session's row is locked first, so that of many at once exactly one rotates and the
 * others, by then holding the parent of the active token, are given that one.
 * @throws AuthError refresh_token_not_found, refresh_token_already_used, session_not_found, session_expired,
 * user_banned, validation_failed, conflict
 */
export async function refreshSession(auth: Auth, caller: Caller, given: string): Promise<TokenResponse> {
    if (!given) throw new OAuthError('invalid_request', 'refresh_token required');
    if (!/^[a-z0-9]{12,}$/.test(given))
        throw refusal('validation_failed', 'Invalid Refresh Token: Malformed');
    return inTransaction(auth, caller, async (work) => {
        const { db, now } = work;
        const found = await findToken(db, given);
        const user = found && (await findUser(db, found.user_id));
        if (!found || !user) throw refusal('refresh_token_not_found');
        if (isBanned(user, now)) {
            throw refusal('user_banned', 'Invalid Refresh Token: User Banned', { status: 400 });
        }
        const session = found.session_id ? await findSession(db, found.session_id, true) : null;
        if (!session) {
            throw refusal('session_not_found', 'Invalid Refresh Token: No Valid Session Found', {
                status: 400
            });
        }
        // Read again: whoever held the lock before us may have used this very token.
        const token = await findToken(db, given);
        if (!token) throw refusal('refresh_token_not_found');
        demandValid(work, session, token);
        return rotate(work, user, session, token);
    });
}

async function rotate(
    work: Work,
    user: User,
    session: SessionRow,
    token: RefreshToken
): Promise<TokenResponse | KeepAndRefuse> {
    const { auth, db, now } = work;
    let successor: string | null = null;
    if (token.revoked) {
        const [active] = await db<{ token: string; parent: string | null }[]>`
            select token, parent from auth.refresh_tokens
            where session_id = ${session.id} and revoked = false
            order by id desc limit 1
        `;
        if (active?.parent === token.token) {
            // The client never saw or never kept the answer to its last refresh.
            successor = active.token;
        } else if (
            now.getTime() >
            token.updated_at.getTime() + auth.settings.refresh_token_reuse_interval * 1000
        ) {
            if (auth.settings.enable_refresh_token_rotation) await revokeFamily(work, session);
            return new KeepAndRefuse(refusal('refresh_token_already_used'));
        }
    }
    await audit(work, user, 'token_refreshed');
    if (!successor) {
        await audit(work, user, 'token_revoked');
        await db`update auth.refresh_tokens set revoked = true, updated_at = ${now} where id = ${token.id}`;
        successor = await insertRefreshToken(work, user, session.id, token.token);
    }
    await db`
        update auth.sessions
        set refreshed_at = ${now}::timestamptz at time zone 'UTC',
            updated_at = ${now},
            user_agent = ${work.caller.userAgent},
            ip = ${work.caller.address}
        where id = ${session.id}
    `;
    const signedIn = await updateUser(work, user, { last_sign_in_at: now });
    const response = await tokenResponse(work, signedIn, session.id, successor, 'token_refresh');
    return {
        ...response,
        headers: { ...response.headers, 'sb-auth-refresh-token-reuse': String(token.revoked) }
    };
}

/** The session row stays, as on the real server; with every token revoked nobody can go on with it. */
async function revokeFamily({ db, now }: Work, session: SessionRow): Promise<void> {
    await db`
        update auth.refresh_tokens set revoked = true, updated_at = ${now}
        where session_id = ${session.id} and revoked = false
    `;
}

function demandValid({ auth, now }: Work, session: SessionRow, token: RefreshToken): void {
    const { timebox, inactivity_timeout: inactivity } = auth.settings.sessions;
    const passed = (from: Date, limit: number | undefined) => limit && now.getTime() > from.getTime() + limit;
    if ((session.not_after && now > session.not_after) || passed(session.created_at, timebox)) {
        throw refusal('session_expired');
    }
    const lastSeen = session.refreshed_at ?? new Date(Math.max(+token.updated_at, +session.created_at));
    if (passed(lastSeen, inactivity)) {
        throw refusal('session_expired', 'Invalid Refresh Token: Session Expired (Inactivity)');
    }
}

async function findToken(db: Database, token: string): Promise<RefreshToken | null> {
    const [row] = await db<RefreshToken[]>`
        select id, token, user_id, revoked, updated_at, session_id from auth.refresh_tokens where token = ${token}
    `;
    return row ?? null;
}
