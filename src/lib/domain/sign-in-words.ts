// What became of an attempt to sign in, in the words of the person whose login it was. A code without words of its own is told
// plainly, never left out.

/** A sign-in as the trail tells it. */
export type SignInTold = {
    readonly result: 'ok' | 'failed' | 'refused';
    readonly code: string | null;
    readonly method: string | null;
};

const WAYS: Readonly<Record<string, string>> = {
    password: 'with a password',
    code: 'with a code by e-mail',
    provider: 'with an account at Google, Apple or the like',
    passkey: 'with a passkey',
    factor: 'with a second factor'
};

const FAILURES: Readonly<Record<string, string>> = {
    invalid_credentials: 'Wrong password',
    otp_expired: 'A code or link that was wrong or too old',
    mfa_verification_failed: 'A wrong code or key as second factor',
    factor_code_used: 'A code of the authenticator app that was given before',
    too_many_tries: 'Turned away: too many tries',
    password_paused: 'Turned away: too many wrong passwords',
    too_many_mails: 'Turned away: too many codes asked for',
    email_not_confirmed: 'Right password, but the address was not confirmed yet'
};

const own = (words: Readonly<Record<string, string>>, name: string | null): string | undefined =>
    name !== null && Object.hasOwn(words, name) ? words[name] : undefined;

/** `Signed in with a password`, `Wrong password`. */
export function signInInWords({ result, code, method }: SignInTold): string {
    const way = own(WAYS, method);
    if (result === 'ok') return way === undefined ? 'Signed in' : `Signed in ${way}`;
    return own(FAILURES, code) ?? (way === undefined ? 'Not let in' : `Not let in ${way}`);
}
