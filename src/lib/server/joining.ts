/**
 * Joining a business by an invitation. The token comes from the link, lives in a cookie of the browser until it is used, so
 * that signing in or up can come between, and is worth something only to whoever has the address it was sent to.
 */
import type { Cookies } from '@sveltejs/kit';
import { z } from 'zod';
import { call, type Db } from './data.ts';
import { AccountId } from './ids.ts';
import { cookieAttributes } from './session.ts';
import { Moment } from './shapes.ts';

const cookieName = '__Host-tf-join';

/** 256 bits in base64url. Anything else is no invitation of ours. */
const Token = z.string().regex(/^[A-Za-z0-9_-]{43}$/);

/** Moves the token out of the address. Kept until the browser closes. */
export function keepInvitation(cookies: Cookies, token: string): boolean {
    if (!Token.safeParse(token).success) return false;
    cookies.set(cookieName, token, cookieAttributes);
    return true;
}

/** The token of the invitation that was opened in this browser. */
export function invitationToken(cookies: Cookies): string | null {
    return Token.safeParse(cookies.get(cookieName)).data ?? null;
}

/** Forgets an invitation that was used, or is over. */
export function dropInvitation(cookies: Cookies): void {
    cookies.delete(cookieName, cookieAttributes);
}

const Invitation = z.object({
    business: z.string(),
    role: z.string(),
    invited_by: z.string(),
    email: z.string(),
    expires_at: Moment
});

/** What somebody is asked to join, by whom, and with which address. */
export type OpenInvitation = z.infer<typeof Invitation>;

/**
 * The invitation behind a token; whoever holds it sees this much, signed in or not.
 * @throws {Problem} `link_not_valid` when it was used, withdrawn, ran out or never was.
 */
export function readInvitation(db: Db, token: string): Promise<OpenInvitation> {
    return call(db, 'invitation', { token }, Invitation);
}

/**
 * Joins. Same key, same answer: the business.
 * @throws {Problem} `invitation_not_yours`, `link_not_valid`, `already_a_member`.
 */
export function acceptInvitation(
    db: Db,
    args: { token: string; person_name: string; idempotency_key: string }
): Promise<AccountId> {
    return call(db, 'accept_invitation', args, AccountId);
}
