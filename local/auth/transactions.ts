/** Everything a request changes happens in one transaction: a crash or a refusal leaves nothing half-written. */
import type { Auth, Caller, Work } from './contract.ts';
import { refusal, type AuthError, type OAuthError } from './errors.ts';

/** A refusal whose traces must stay: what was written is committed, then the refusal is thrown. */
export class KeepAndRefuse {
    readonly error: AuthError | OAuthError;

    constructor(error: AuthError | OAuthError) {
        this.error = error;
    }
}

const LOCK_NOT_AVAILABLE = '55P03';

/**
 * Runs one unit of work in a transaction.
 * @throws AuthError conflict when a row stayed locked for five seconds; whatever the body throws, after a rollback
 */
export async function inTransaction<T>(
    auth: Auth,
    caller: Caller,
    body: (work: Work) => Promise<T | KeepAndRefuse>
): Promise<T> {
    const outcome = await auth.sql
        .begin(async (db) => {
            await db`set local lock_timeout = '5s'`;
            return { value: await body({ auth, db, now: auth.clock.now(), caller }) };
        })
        .catch((error: unknown) => {
            if ((error as { code?: string }).code === LOCK_NOT_AVAILABLE) throw refusal('conflict');
            throw error;
        });
    const { value } = outcome as { value: T | KeepAndRefuse };
    if (value instanceof KeepAndRefuse) throw value.error;
    return value;
}
