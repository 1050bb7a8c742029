/**
 * Changing how one signs in: another address, another password, or none. Each needs a fresh proof of who is there, which
 * the gate has the database say (AUTH-8); whoever used to be reached is told by the database.
 */
import { randomBytes } from 'node:crypto';
import { problem, problemFromAuth } from './errors.ts';
import { dropSession, keepSession, readTokens } from './session.ts';
import { entered, refusedAt, setPassword, type Door } from './sign-in.ts';

/**
 * Asks to sign in with another address in future. Both addresses get an e-mail and nothing changes until both confirm.
 * Whether somebody else signs in with it the gate does not tell us either: then no e-mail comes.
 */
export async function askForAddress(door: Door, email: string): Promise<void> {
    const { error } = await door.locals.auth.updateUser({ email });
    if (error) throw refusedAt(door, error);
}

/** What became of a link that confirms an address: one more to go, or done. */
export type Confirmed = 'half' | 'here' | 'elsewhere';

/**
 * Confirms another address by the link of an e-mail. Every session ends with the second one. The auth server begins a new
 * one for whoever opened the link; it is kept only where its person was signed in before, so that nobody is signed in as
 * somebody else by a mail that they did not ask for.
 */
export async function confirmAddress(door: Door, tokenHash: string): Promise<Confirmed> {
    const { auth, standing } = door.locals;
    const before = await readTokens(door.cookies);
    const answer = await auth.verifyOtp({ token_hash: tokenHash, type: 'email_change' });
    if (answer.error?.code === 'otp_expired') throw problem('change_link_not_valid', { cause: answer.error });
    if (answer.error) throw refusedAt(door, answer.error);
    const { session, user } = answer.data;
    if (!session) return 'half';
    if (standing.state === 'person' && standing.person.userId === user?.id) {
        entered(door, answer);
        return 'here';
    }
    // That session is not the one of whoever is signed in here.
    door.locals.standing = { state: 'nobody' };
    const { error } = await auth.admin.signOut(session.access_token, 'local');
    // The client has put the new session into the cookie by itself.
    if (before) keepSession(door.cookies, before);
    else dropSession(door.cookies);
    if (error) throw problemFromAuth(error);
    return 'elsewhere';
}

/** Takes the password out of use: from now on it is one that nobody knows. Other sessions end. */
export async function dropPassword(door: Door): Promise<void> {
    await setPassword(door, randomBytes(48).toString('base64url'));
}
