/**
 * Proving anew who one is, in the middle of a session: what moves money or rights, or takes everything away, asks for it.
 * Whether a proof is fresh is the database's to say (private.require_fresh); here is how one is given, and how a page
 * asks for it before anything is typed.
 *
 * A password, a passkey or a mailed code begins a session of its own at the auth server, so the one before is ended: nobody wants
 * two, and a token of it that was stolen is worth nothing from then on.
 */
import type { Me } from './accounts.ts';
import { problem } from './errors.ts';
import { logFailure } from './log.ts';
import { holderIn, keyAnswer } from './key-answer.ts';
import { answerByPasskey } from './passkeys.ts';
import type { Person } from './session.ts';
import { entered, refusedAt, type AuthAnswer, type Door } from './sign-in.ts';

/** What is left must be enough to fill in a form. */
const enoughSeconds = 5 * 60;

/**
 * For the load of a page whose form needs a fresh proof.
 * @throws {Problem} `fresh_proof_needed`, which the guard turns into the page that asks for one and comes back.
 */
export function askFresh(me: Me): void {
    if (me.fresh_seconds < enoughSeconds) throw problem('fresh_proof_needed');
}

/** Mails the person a code. */
export async function sendProof(door: Door, person: Person): Promise<void> {
    const { error } = await door.locals.auth.signInWithOtp({
        email: person.email,
        options: { shouldCreateUser: false }
    });
    if (error) throw refusedAt(door, error);
}

/** Proves who the person is by the code that was mailed to them. */
export async function proveByCode(
    door: Door & { locals: Pick<App.Locals, 'record'> },
    person: Person,
    code: string
): Promise<void> {
    const { auth } = door.locals;
    await proved(door, person, await auth.verifyOtp({ email: person.email, token: code, type: 'email' }));
}

/** Proves who the person is by their password. */
export async function proveByPassword(
    door: Door & { locals: Pick<App.Locals, 'record'> },
    person: Person,
    password: string
): Promise<void> {
    const { auth } = door.locals;
    await proved(door, person, await auth.signInWithPassword({ email: person.email, password }));
}

/**
 * Proves who the person is by a passkey of theirs. Another person's is not even asked about: the auth server would sign that
 * person in, and auth-js would keep their session.
 * @throws {Problem} `passkey_not_yours`, and those of signing in with one.
 */
export async function proveByPasskey(
    door: Door & { locals: Pick<App.Locals, 'record'> },
    person: Person,
    challengeId: string,
    credential: string
): Promise<void> {
    if (holderIn(keyAnswer(credential)) !== person.userId) throw problem('passkey_not_yours');
    await proved(door, person, await answerByPasskey(door, challengeId, credential));
}

/** Goes on in the session that the proof began, if it is the same person's, and ends the one before. */
async function proved(
    door: Door & { locals: Pick<App.Locals, 'record'> },
    person: Person,
    answer: AuthAnswer
): Promise<void> {
    if (!answer.error && answer.data.user?.id !== person.userId) throw problem('sign_in_failed');
    entered(door, answer);
    const { error } = await door.locals.auth.admin.signOut(person.accessToken, 'local');
    // The proof stands either way; the session before ends by itself once nobody uses it.
    if (error) logFailure(door.locals.record, error);
}
