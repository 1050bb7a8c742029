/** One-time codes and their hashes: what is mailed, what is stored, and whether the two belong together. */
import { createHash, randomInt, timingSafeEqual } from 'node:crypto';
import type { Work } from './contract.ts';
import type { UserRow } from './users.ts';

export type TokenType =
    | 'confirmation_token'
    | 'recovery_token'
    | 'reauthentication_token'
    | 'email_change_token_new'
    | 'email_change_token_current';

export const PKCE_PREFIX = 'pkce_';

export const newCode = (length: number): string => Array.from({ length }, () => randomInt(10)).join('');

/** The published form: sha224 of address and code, in hex. */
export const tokenHash = (address: string, code: string): string =>
    createHash('sha224')
        .update(address + code)
        .digest('hex');

/** Keeps a hash where links are looked up by it; one of each type a person. */
export async function storeOneTimeToken(
    { db, now }: Work,
    user: UserRow,
    type: TokenType,
    hash: string,
    relatesTo: string
): Promise<void> {
    await db`
        insert into auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to, created_at, updated_at)
        values (${crypto.randomUUID()}, ${user.id}, ${type}, ${hash}, ${relatesTo}, ${now}, ${now})
        on conflict (user_id, token_type) do update
        set token_hash = excluded.token_hash,
            relates_to = excluded.relates_to,
            created_at = excluded.created_at,
            updated_at = excluded.updated_at
    `;
}

/** Whether a hash is the stored one (of either flow) and was sent within the life of a code. */
export function codeIsGood(
    { auth, now }: Work,
    hash: string,
    stored: string | null,
    sentAt: Date | null
): boolean {
    if (!stored || !sentAt) return false;
    const expiresAt = sentAt.getTime() + auth.settings.email.otp_expiry * 1000;
    return now.getTime() <= expiresAt && (sameText(hash, stored) || sameText(PKCE_PREFIX + hash, stored));
}

function sameText(left: string, right: string): boolean {
    const a = Buffer.from(left);
    const b = Buffer.from(right);
    return a.length === b.length && timingSafeEqual(a, b);
}
