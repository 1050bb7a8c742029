/** How sure the server is of a session: a factor raises the session that proves it, and its removal lowers it again. */
import type { Database, Work } from '../contract.ts';
import { audit } from '../audit.ts';
import { refusal } from '../errors.ts';
import {
    claimMethod,
    findSession,
    insertRefreshToken,
    tokenResponse,
    type SessionRow,
    type TokenResponse
} from '../sessions.ts';
import { reloadUser, type FactorRow, type FactorType, type User } from '../users.ts';

/** The name under which a factor's kind stands in a session's `amr`. */
export const METHOD_OF: Record<FactorType, string> = {
    totp: 'totp',
    phone: 'mfa/phone',
    webauthn: 'mfa/webauthn'
};

/**
 * Raises the session to aal2 and answers its new tokens. The session stays the same; its refresh token is swapped, so
 * that the one issued before the proof is spent. Every session of the person that is below aal2 ends.
 */
export async function raiseSession(
    work: Work,
    person: User,
    session: SessionRow,
    factor: FactorRow
): Promise<TokenResponse['body']> {
    const { db, now } = work;
    const method = METHOD_OF[factor.factor_type];
    const held = await findSession(db, session.id, true);
    if (!held) throw refusal('session_not_found');
    await claimMethod(work, held.id, method);
    const refreshToken = await swapRefreshToken(work, person, held);
    await db`
        update auth.sessions set aal = 'aal2', factor_id = ${factor.id}, updated_at = ${now} where id = ${held.id}
    `;
    const user = await reloadUser(db, person);
    // Only a sign-in or a refresh names user and session in its headers.
    const { body } = await tokenResponse(work, user, held.id, refreshToken, method);
    await db`delete from auth.sessions where user_id = ${person.id} and aal < 'aal2'`;
    return body;
}

async function swapRefreshToken(work: Work, user: User, session: SessionRow): Promise<string> {
    const { db, now } = work;
    const [current] = await db<{ token: string }[]>`
        select token from auth.refresh_tokens
        where session_id = ${session.id} and not revoked order by id desc limit 1
    `;
    if (!current) throw refusal('refresh_token_not_found');
    await audit(work, user, 'token_revoked');
    await db`
        update auth.refresh_tokens set revoked = true, updated_at = ${now} where token = ${current.token}
    `;
    return insertRefreshToken(work, user, session.id, current.token);
}

/** Sessions that were raised by a factor that is gone are what they were without it. */
export async function lowerSessionsOf(db: Database, factor: FactorRow): Promise<void> {
    await db`
        delete from auth.mfa_amr_claims c using auth.sessions s
        where s.factor_id = ${factor.id} and c.session_id = s.id
            and c.authentication_method = ${METHOD_OF[factor.factor_type]}
    `;
    await db`update auth.sessions set aal = 'aal1', factor_id = null where factor_id = ${factor.id}`;
}
