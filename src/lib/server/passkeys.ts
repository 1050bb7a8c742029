/**
 * Passkeys: signing in with one, and making, naming and removing one's own. The auth server keeps and checks them. It calls
 * a passkey a first factor, whatever the authenticator checked of its holder; so does this site, and who has a second
 * factor gives it after a passkey too.
 */
import type { Cookies } from '@sveltejs/kit';
import { z } from 'zod';
import { problem } from './errors.ts';
import { keyAnswer, type KeyQuestion } from './key-answer.ts';
import { logFailure } from './log.ts';
import { cookieAttributes } from './session.ts';
import { entered, refusedAt, type AuthAnswer, type Door } from './sign-in.ts';

const hintCookie = '__Host-tf-passkey';

/** A passkey as its person sees it. */
export const Passkey = z.object({
    id: z.uuid(),
    name: z.string(),
    added_at: z.string(),
    last_used_at: z.string().nullable()
});

/** Has a passkey been made or used in this browser? Then it is worth asking for one before anybody presses a button. */
export const usedPasskeyHere = (cookies: Cookies): boolean => cookies.get(hintCookie) === '1';

function rememberPasskey(cookies: Cookies): void {
    cookies.set(hintCookie, '1', { ...cookieAttributes, maxAge: 400 * 24 * 60 * 60 });
}

/** A question that any passkey of this site answers; good for five minutes and one answer. */
export async function askForPasskey(door: Door): Promise<KeyQuestion> {
    const { data, error } = await door.locals.auth.passkey.startAuthentication();
    if (error) throw refusedAt(door, error);
    return { options: data.options, fields: { challenge_id: data.challenge_id } };
}

/** Whom a passkey's answer lets in; the session is not kept yet. */
export async function answerByPasskey(
    door: Door,
    challengeId: string,
    credential: string
): Promise<AuthAnswer> {
    type Given = Parameters<typeof door.locals.auth.passkey.verifyAuthentication>[0]['credential'];
    const answer = keyAnswer(credential) as unknown as Given;
    const { data, error } = await door.locals.auth.passkey.verifyAuthentication({
        challengeId,
        credential: answer
    });
    return error ? { data: { session: null, user: null }, error } : { data, error: null };
}

/**
 * Signs in with a passkey.
 * @throws {Problem} `passkey_unknown`, `factor_gone` when the question was too old or answered already, `too_many_tries`.
 */
export async function enterByPasskey(door: Door, challengeId: string, credential: string): Promise<void> {
    entered(door, await answerByPasskey(door, challengeId, credential));
    rememberPasskey(door.cookies);
}

/**
 * A question that a new passkey answers.
 * @throws {Problem} `fresh_proof_needed`, `too_many_factors`.
 */
export async function askForNewPasskey(door: Door): Promise<KeyQuestion> {
    const { data, error } = await door.locals.auth.passkey.startRegistration();
    if (error) throw refusedAt(door, error);
    return { options: data.options, fields: { challenge_id: data.challenge_id } };
}

/**
 * Keeps a new passkey, by the name that its person gave it.
 * @throws {Problem} `passkey_not_made`, `passkey_exists`, `factor_gone`, `too_many_factors`.
 */
export async function addPasskey(
    door: Door & { locals: Pick<App.Locals, 'record'> },
    name: string,
    challengeId: string,
    credential: string
): Promise<void> {
    type Given = Parameters<typeof door.locals.auth.passkey.verifyRegistration>[0]['credential'];
    const answer = keyAnswer(credential) as unknown as Given;
    const { data, error } = await door.locals.auth.passkey.verifyRegistration({
        challengeId,
        credential: answer
    });
    if (error?.code === 'webauthn_verification_failed') throw problem('passkey_not_made', { cause: error });
    if (error) throw refusedAt(door, error);
    rememberPasskey(door.cookies);
    const named = await door.locals.auth.passkey.update({ passkeyId: data.id, friendlyName: name });
    // It works by any name; its person can name it again.
    if (named.error) logFailure(door.locals.record, named.error);
}

/** @throws {Problem} `not_found` for one that is not theirs. */
export async function renamePasskey(door: Door, passkeyId: string, name: string): Promise<void> {
    const { error } = await door.locals.auth.passkey.update({ passkeyId, friendlyName: name });
    if (error) throw notTheirs(door, error);
}

/**
 * Takes a passkey out of use; the copy on its authenticator opens nothing any more.
 * @throws {Problem} `fresh_proof_needed`, `not_found`.
 */
export async function removePasskey(door: Door, passkeyId: string): Promise<void> {
    const { error } = await door.locals.auth.passkey.delete({ passkeyId });
    if (error) throw notTheirs(door, error);
}

const notTheirs = (door: Door, error: Parameters<typeof refusedAt>[1]) =>
    error.status === 404 ? problem('not_found', { cause: error }) : refusedAt(door, error);
