import { expect, it } from 'vitest';
import { signInInWords } from './sign-in-words.ts';

it.each([
    ['ok', null, 'password', 'Signed in with a password'],
    ['ok', null, 'provider', 'Signed in with an account at Google, Apple or the like'],
    ['ok', null, null, 'Signed in'],
    ['failed', 'invalid_credentials', 'password', 'Wrong password'],
    ['ok', null, 'passkey', 'Signed in with a passkey'],
    ['failed', 'mfa_verification_failed', 'factor', 'A wrong code or key as second factor'],
    ['failed', 'otp_expired', 'code', 'A code or link that was wrong or too old'],
    ['refused', 'password_paused', 'password', 'Turned away: too many wrong passwords'],
    ['failed', 'something_new', 'code', 'Not let in with a code by e-mail'],
    ['failed', 'toString', 'constructor', 'Not let in']
] as const)('a sign-in %s with the code %s by %s reads: %s', (result, code, method, words) => {
    expect(signInInWords({ result, code, method })).toBe(words);
});
