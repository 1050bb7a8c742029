/** Factors and their challenges as rows: finding, making and removing them. What they prove is decided elsewhere. */
import type { Caller, Database, Work } from '../contract.ts';
import { refusal } from '../errors.ts';
import { isUuid } from '../request.ts';
import { reloadUser, type FactorRow, type FactorType, type User } from '../users.ts';

/** A factor that nobody has challenged yet is given up after this time, when the next one is enrolled. */
const UNUSED_MS = 300_000;
const CHALLENGE_MS = 300_000;
/** The peer of a request that no gateway has vouched for. */
const LOOPBACK = '127.0.0.1';

export type ChallengeRow = {
    id: string;
    factor_id: string;
    created_at: Date;
    verified_at: Date | null;
    from_here: boolean;
    web_authn_session_data: unknown;
};

/**
 * The person's own factor of that id.
 * @throws AuthError validation_failed, mfa_factor_not_found (both 404)
 */
export function ownFactor(user: User, id: string): FactorRow {
    if (!isUuid(id)) throw refusal('validation_failed', 'factor_id must be a UUID', { status: 404 });
    const factor = user.factors.find((each) => each.id === id.toLowerCase());
    if (!factor) throw refusal('mfa_factor_not_found');
    return factor;
}

/**
 * Makes an unverified factor, if the person may have one more of that name.
 * @throws AuthError mfa_factor_name_conflict, too_many_enrolled_mfa_factors, insufficient_aal
 */
export async function enrolFactor(
    work: Work,
    person: User,
    session: { aal: string | null },
    fresh: { factor_type: FactorType; friendly_name: string; secret: string | null }
): Promise<FactorRow> {
    const { auth, db, now } = work;
    await db`
        delete from auth.mfa_factors f
        where f.status <> 'verified'
            and f.created_at < ${new Date(now.getTime() - UNUSED_MS)}
            and not exists (select from auth.mfa_challenges c where c.factor_id = f.id)
    `;
    // Held, so that of two enrolments at once the second counts the first.
    await db`select from auth.users where id = ${person.id} for update`;
    const { factors } = await reloadUser(db, person);
    if (factors.some((factor) => (factor.friendly_name ?? '') === fresh.friendly_name)) {
        throw refusal('mfa_factor_name_conflict');
    }
    if (factors.length >= auth.settings.mfa.max_enrolled_factors) {
        throw refusal('too_many_enrolled_mfa_factors');
    }
    if (factors.some((factor) => factor.status === 'verified') && session.aal !== 'aal2') {
        throw refusal('insufficient_aal', 'Adding a factor to those there are needs an aal2 session', {
            status: 403
        });
    }
    const [row] = await db<FactorRow[]>`
        insert into auth.mfa_factors (
            id, user_id, friendly_name, factor_type, status, created_at, updated_at, secret
        ) values (
            ${crypto.randomUUID()}, ${person.id}, ${fresh.friendly_name}, ${fresh.factor_type}, 'unverified',
            ${now}, ${now}, ${fresh.secret}
        )
        returning *
    `;
    if (!row) throw refusal('unexpected_failure', 'Database error saving a factor');
    return row;
}

/** A question to the factor's holder, bound to the address that it was asked from. */
export async function insertChallenge(
    { db, now, caller }: Work,
    factor: FactorRow,
    webAuthn?: Record<string, string | null>
): Promise<{ id: string; expiresAt: number }> {
    const id = crypto.randomUUID();
    await db`
        insert into auth.mfa_challenges (id, factor_id, created_at, ip_address, web_authn_session_data)
        values (${id}, ${factor.id}, ${now}, ${addressOf(caller)}, ${webAuthn ? db.json(webAuthn) : null})
    `;
    await db`update auth.mfa_factors set last_challenged_at = ${now} where id = ${factor.id}`;
    return { id, expiresAt: Math.floor((now.getTime() + CHALLENGE_MS) / 1000) };
}

/**
 * The challenge that an answer names, unanswered, held until the transaction ends so that it is answered once.
 * @throws AuthError mfa_factor_not_found (422), mfa_ip_address_mismatch
 */
export async function openChallenge(
    { db, caller }: Work,
    factor: FactorRow,
    id: string
): Promise<ChallengeRow> {
    const [row] = await db<ChallengeRow[]>`
        select *, ip_address = ${addressOf(caller)}::inet as from_here
        from auth.mfa_challenges where id = ${id} and factor_id = ${factor.id} for update
    `;
    if (!row) throw refusal('mfa_factor_not_found', 'No factor has a challenge of that id', { status: 422 });
    if (row.verified_at || !row.from_here) throw refusal('mfa_ip_address_mismatch');
    return row;
}

export const isExpired = (challenge: ChallengeRow, now: Date): boolean =>
    now.getTime() > challenge.created_at.getTime() + CHALLENGE_MS;

export async function dropChallenge(db: Database, challenge: ChallengeRow): Promise<void> {
    await db`delete from auth.mfa_challenges where id = ${challenge.id}`;
}

export async function markFactorVerified({ db, now }: Work, factor: FactorRow): Promise<void> {
    await db`
        update auth.mfa_factors set status = 'verified', updated_at = ${now}
        where id = ${factor.id} and status <> 'verified'
    `;
}

/** What was begun beside the factor that is verified now, and never finished, is given up. */
export async function dropUnverified(db: Database, user: User, type: FactorType): Promise<void> {
    await db`
        delete from auth.mfa_factors
        where user_id = ${user.id} and status = 'unverified' and factor_type = ${type}
    `;
}

const addressOf = (caller: Caller): string => caller.address ?? LOOPBACK;
