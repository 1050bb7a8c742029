/**
 * The ways of signing in and out, each a verb over the auth server. Whoever gets through has their session put
 * into the cookie here; nothing else of what the auth server answers is kept. What an address is told never
 * depends on whether somebody signs in with it.
 */
import { randomBytes } from 'node:crypto';
import type { Cookies } from '@sveltejs/kit';
import type { Session, User } from '@supabase/supabase-js';
import { z } from 'zod';
import { asProblem, problem, problemFromAuth, type AuthFailure, type Problem } from './errors.ts';
import { cookieAttributes, dropSession, keepSession, type Tokens } from './session.ts';
import { signInProviders } from './settings.ts';

/** Providers that people can sign in with. */
export const Provider = z.enum(signInProviders);
export type Provider = z.infer<typeof Provider>;

const minutes = 60;
/** A code lasts this long (config.toml, auth.email.otp_expiry). */
const codeLifeSeconds = 10 * minutes;
const waitingCookie = '__Host-tf-waiting';

const Waiting = z.object({
    /** What is being waited for. */
    kind: z.enum(['sign_in', 'sign_up', 'reset', 'provider', 'sso']),
    email: z.string(),
    /** Where to go afterwards; a path of ours. */
    next: z.string(),
    /** When the code was sent. Unix seconds. */
    at: z.number()
});

/** A sign-in that has begun in this browser. Kept in a cookie, so that no address carries an e-mail address. */
export type Waiting = z.infer<typeof Waiting>;

/** Remembers what was begun. */
export function keepWaiting(cookies: Cookies, waiting: Omit<Waiting, 'at'>): void {
    const value = JSON.stringify({ ...waiting, at: Math.floor(Date.now() / 1000) } satisfies Waiting);
    cookies.set(waitingCookie, Buffer.from(value).toString('base64url'), {
        ...cookieAttributes,
        maxAge: 60 * minutes
    });
}

/** What was begun in this browser, or null: another browser, or more than an hour ago. */
export function waitingFor(cookies: Cookies): Waiting | null {
    try {
        return Waiting.parse(
            JSON.parse(Buffer.from(cookies.get(waitingCookie) ?? '', 'base64url').toString())
        );
    } catch {
        return null;
    }
}

/** What a verb needs of a request. */
export type Door = { locals: Pick<App.Locals, 'auth' | 'gate' | 'standing'>; cookies: Cookies };

export type AuthAnswer = { data: { session: Session | null; user: User | null }; error: AuthFailure | null };

/** Why the door stayed shut, with how long to wait when the gate said so. */
export const refusedAt = ({ locals }: Door, error: AuthFailure): Problem =>
    problemFromAuth(error, locals.gate.retryAfter());

/** Keeps the session of an answer, or throws why there is none. */
export function entered(door: Door, { data, error }: AuthAnswer): void {
    if (error) throw refusedAt(door, error);
    if (!data.session) throw problem('sign_in_failed');
    const { access_token, refresh_token, expires_at, expires_in } = data.session;
    keepSession(door.cookies, {
        access_token,
        refresh_token,
        expires_in,
        expires_at: expires_at ?? Math.floor(Date.now() / 1000) + expires_in,
        token_type: 'bearer'
    });
    door.cookies.delete(waitingCookie, cookieAttributes);
}

/** Keeps the tokens of the same session with a second factor given; those before must not be used again. */
export function raised({ cookies }: Door, tokens: Omit<Tokens, 'expires_at'>): void {
    keepSession(cookies, { ...tokens, expires_at: Math.floor(Date.now() / 1000) + tokens.expires_in });
}

function succeeded(door: Door, { error }: { error: AuthFailure | null }): void {
    if (error) throw refusedAt(door, error);
}

/** Sends a six-digit code; somebody new is signed up by it. */
export async function sendCode(door: Door, email: string): Promise<void> {
    const { auth, gate } = door.locals;
    succeeded(door, await auth.signInWithOtp({ email, options: { captchaToken: gate.captchaToken } }));
}

/** Sends the code of what was begun once more. */
export async function sendCodeAgain(door: Door, waiting: Waiting): Promise<void> {
    if (waiting.kind === 'reset') await sendReset(door, waiting.email);
    else await sendCode(door, waiting.email);
    keepWaiting(door.cookies, waiting);
}

/** Confirmation and sign-in are one act when they lie no further apart. */
const sameActMs = 5_000;

/**
 * Whoever proves an address for the first time gets a password that nobody knows. Anybody can sign up an address
 * that is not theirs at the open auth endpoint and choose its password, which the auth server keeps when the
 * true owner confirms the address; here it is worth nothing from then on. Our own door sets passwords only
 * afterwards.
 */
async function shutOutStrangers(door: Door, { data, error }: AuthAnswer): Promise<void> {
    const { email_confirmed_at, last_sign_in_at } = data.user ?? {};
    if (error || !email_confirmed_at || !last_sign_in_at) return;
    if (Math.abs(Date.parse(last_sign_in_at) - Date.parse(email_confirmed_at)) > sameActMs) return;
    // Whoever was signed in here before is not who asks now.
    door.locals.standing = { state: 'nobody' };
    await setPassword(door, randomBytes(48).toString('base64url'));
}

/** Signs in with the code that came by e-mail. A code of ours that is too old is told apart from a wrong one. */
export async function enterCode(door: Door, waiting: Waiting, code: string): Promise<void> {
    const type = waiting.kind === 'reset' ? 'recovery' : 'email';
    const { auth, gate } = door.locals;
    const options = { captchaToken: gate.captchaToken };
    const answer = await auth.verifyOtp({ email: waiting.email, token: code, type, options });
    const age = Date.now() / 1000 - waiting.at;
    if (answer.error?.code === 'otp_expired' && age > codeLifeSeconds) throw problem('code_expired');
    await shutOutStrangers(door, answer);
    entered(door, answer);
}

/** Signs in with a password. */
export async function enterPassword(door: Door, email: string, password: string): Promise<void> {
    const { auth, gate } = door.locals;
    const options = { captchaToken: gate.captchaToken };
    entered(door, await auth.signInWithPassword({ email, password, options }));
}

/**
 * After a sign-in that was right and looked so unusual that the gate let nobody in: sends the code that it asks for, and
 * remembers what was begun. Anything else that was thrown is thrown again.
 */
export async function codeAskedFor(door: Door, thrown: unknown, next: string): Promise<void> {
    const email = door.locals.gate.codeFor();
    if (asProblem(thrown).code !== 'code_needed' || email === null) throw thrown;
    await sendCode(door, email);
    keepWaiting(door.cookies, { kind: 'sign_in', email, next });
}

/** Sends a code for choosing a new password. */
export async function sendReset(door: Door, email: string): Promise<void> {
    const { auth, gate } = door.locals;
    succeeded(door, await auth.resetPasswordForEmail(email, { captchaToken: gate.captchaToken }));
}

/** Sets the password of whoever is signed in; their other sessions end. */
export async function setPassword(door: Door, password: string): Promise<void> {
    succeeded(door, await door.locals.auth.updateUser({ password }));
}

/** Address of a provider's own sign-in page, which comes back to `callback`. */
export async function providerPage(door: Door, provider: Provider, callback: string): Promise<string> {
    const { data, error } = await door.locals.auth.signInWithOAuth({
        provider,
        options: {
            redirectTo: callback,
            skipBrowserRedirect: true,
            // Microsoft tells an address only when it is asked for one.
            ...(provider === 'azure' ? { scopes: 'email profile' } : {}),
            ...(provider === 'apple' ? {} : { queryParams: { prompt: 'select_account' } })
        }
    });
    if (error) throw problemFromAuth(error);
    return data.url ?? Promise.reject(problem('sign_in_failed'));
}

/** Signs in with what the provider sent back. Works only in the browser that began (RFC 7636). */
export async function enterFromProvider(door: Door, code: string): Promise<void> {
    entered(door, await door.locals.auth.exchangeCodeForSession(code));
}

/** Kinds of links that the auth server can put into an e-mail. */
export const LinkKind = z.enum(['email', 'signup', 'magiclink', 'recovery', 'invite', 'email_change']);

/** Signs in with the link of an e-mail. Another address is confirmed elsewhere: credentials.ts. */
export async function enterLink(
    door: Door,
    tokenHash: string,
    type: Exclude<z.infer<typeof LinkKind>, 'email_change'>
): Promise<void> {
    const answer = await door.locals.auth.verifyOtp({ token_hash: tokenHash, type });
    if (answer.error?.code === 'otp_expired') throw problem('mail_link_not_valid', { cause: answer.error });
    await shutOutStrangers(door, answer);
    entered(door, answer);
}

/** Which sessions end: this one, or all of this person's. */
export const SignOutScope = z.enum(['local', 'global']);

/**
 * Signs out. This browser forgets its session in any case; when every device was meant and the auth server could
 * not be reached, that is said, because the others go on.
 */
export async function signOut(door: Door, scope: z.infer<typeof SignOutScope>): Promise<void> {
    const { error } = await door.locals.auth.signOut({ scope });
    const gone = error ? problemFromAuth(error) : null;
    if (gone && gone.code !== 'signed_out' && scope === 'global') throw gone;
    dropSession(door.cookies);
}

/**
 * Ends every other session of this person; this one goes on. Without one, auth-js would end nothing and call it done.
 * @throws {Problem} `signed_out` when nobody is signed in.
 */
export async function signOutOthers(door: Door): Promise<void> {
    const { data } = await door.locals.auth.getSession();
    if (!data.session) throw problem('signed_out');
    succeeded(door, await door.locals.auth.signOut({ scope: 'others' }));
}
