import { describe, expect, it } from 'vitest';
import { canBeToken, captchaAsked, verdictIn } from './captcha-asked.ts';
import { askedOf } from './limits.ts';

const bytes = (body: unknown) => new TextEncoder().encode(JSON.stringify(body));
const email = 'sam@mail.example';
const asked = (path: string, body: object, isStranger = true, method = 'POST') =>
    captchaAsked(askedOf(method, path, bytes(body)), isStranger, bytes(body));

describe('[RATE-5] a captcha', () => {
    it.each([
        ['token?grant_type=password', { email, password: 'x' }, 'sign_in'],
        ['verify', { email, token: '123456', type: 'email' }, 'sign_in'],
        ['otp', { email }, 'mail'],
        ['recover', { email }, 'mail'],
        ['resend', { email, type: 'signup' }, 'mail']
    ])('can be asked for at %s %j', (path, body, action) => {
        expect(asked(path, body)).toEqual({ action, token: null });
        expect(asked(path, body, false), 'and of no device that is known').toBeNull();
    });

    it.each([
        ['verify', { token_hash: 'x', type: 'email' }],
        ['token?grant_type=pkce', { auth_code: 'x', code_verifier: 'y' }],
        ['token?grant_type=refresh_token', { refresh_token: 'x' }],
        ['passkeys/authentication/options', {}],
        ['passkeys/authentication/verify', { challenge_id: 'x', credential: {} }],
        ['factors/0199f1c2-7d5a-7c33-a1b2-c3d4e5f60718/verify', { code: '123456', challenge_id: 'x' }],
        ['logout', {}]
    ])('is never asked for at %s %j', (path, body) => {
        expect(asked(path, body)).toBeNull();
    });

    it('is answered by the token that supabase-js sends', () => {
        const withToken = (captcha_token: unknown) =>
            asked('otp', { email, gotrue_meta_security: { captcha_token } })?.token;
        expect(withToken('0.abc')).toBe('0.abc');
        for (const none of [undefined, '', 7, null, ['0.abc']])
            expect(withToken(none), String(none)).toBeNull();
        expect(asked('otp', { email, gotrue_meta_security: 'none' })?.token).toBeNull();
        expect([canBeToken('x'.repeat(2048)), canBeToken('x'.repeat(2049))]).toEqual([true, false]);
    });
});

describe('[RATE-5] what its judge says', () => {
    const expected = { hostname: 'app.example', action: 'sign_in' } as const;
    const good = { success: true, hostname: 'app.example', action: 'sign_in', 'error-codes': [] };

    it.each([
        ['passed', good],
        ['refused', { ...good, hostname: 'shop.example' }],
        ['refused', { ...good, action: 'mail' }],
        ['refused', { success: true }],
        ['refused', { success: false, 'error-codes': ['invalid-input-response'] }],
        ['refused', { success: false, 'error-codes': ['timeout-or-duplicate'] }],
        ['refused', { success: false, 'error-codes': ['missing-input-response'] }],
        ['unknown', { success: false, 'error-codes': ['invalid-input-secret', 'missing-input-response'] }],
        ['unknown', { success: false, 'error-codes': ['internal-error'] }],
        ['unknown', { success: false, 'error-codes': ['bad-request'] }],
        ['unknown', { success: false }],
        ['unknown', { success: 'true' }],
        ['unknown', 'OK'],
        ['unknown', null]
    ])('is taken for “%s”: %j', (verdict, answer) => {
        expect(verdictIn(answer, expected)).toBe(verdict);
    });
});
