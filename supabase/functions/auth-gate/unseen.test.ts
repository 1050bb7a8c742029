import { describe, expect, it } from 'vitest';
import { askedOf } from './limits.ts';
import { attemptAt, beginsIn, isChangeOfAddress, isMailAskedFor, namesLogin } from './unseen.ts';

const bytes = (body: unknown) => new TextEncoder().encode(JSON.stringify(body));
const email = 'sam@mail.example';

describe('[RATE-2] a mail that is promised unseen', () => {
    it.each(['otp', 'otp?redirect_to=%2F', 'recover', 'resend'])('is one of %s', (path) => {
        expect(isMailAskedFor(path, bytes({ email }))).toBe(true);
    });

    it.each([
        ['token?grant_type=password', { email }],
        ['verify', { email, token: '123456' }],
        ['user', { email }],
        ['otp', { email: 'sam at mail.example' }],
        ['otp', { email: `${'s'.repeat(250)}@mail.example` }],
        ['otp', { email: 7 }],
        ['otp', {}],
        ['otp', 'no object']
    ])('is none of %s %j', (path, body) => {
        expect(isMailAskedFor(path, bytes(body))).toBe(false);
    });

    it('is none without a body', () => {
        expect(isMailAskedFor('otp', null)).toBe(false);
    });

    it('is begun after the answer, a fifth of a second later at the most, at any moment in between', () => {
        expect([beginsIn(0), beginsIn(0.5), beginsIn(0.999_999)]).toEqual([20, 120, 219]);
    });
});

describe('[RATE-2] another address to sign in with', () => {
    it.each([
        ['PUT', 'user', { email }, true],
        ['PUT', 'user?redirect_to=%2F', { email }, true],
        ['PUT', 'user', { email, password: 'x' }, true],
        ['GET', 'user', { email }, false],
        ['PUT', 'user', { email: 'sam at mail.example' }, false],
        ['PUT', 'user', { email: `${'s'.repeat(250)}@mail.example` }, false],
        ['PUT', 'user', { password: 'x' }, false],
        ['PUT', 'factors', { email }, false]
    ])('%s %s %j is asked for: %s', (method, path, body, asked) => {
        expect(isChangeOfAddress(method, path, bytes(body))).toBe(asked);
    });
});

describe('[RATE-2] an attempt at a login', () => {
    const names = (path: string, body: unknown) => namesLogin(askedOf('POST', path, bytes(body)));

    it.each([
        ['token?grant_type=password', { email, password: 'x' }, true],
        ['verify', { email, token: '123456' }, true],
        ['token?grant_type=password', { password: 'x' }, false],
        ['verify', { token_hash: 'x' }, false],
        ['token?grant_type=pkce', { auth_code: 'x', email }, false],
        ['factors/0199f1c2-7d5a-7c33-a1b2-c3d4e5f60718/verify', { code: '123456', challenge_id: 'x' }, false],
        ['otp', { email }, false],
        ['user', { data: {} }, false]
    ])('%s %j: %s', (path, body, named) => {
        expect(names(path, body)).toBe(named);
    });

    it('becomes one at another login, and stays what it is', () => {
        const there = attemptAt('nobody@nobody.invalid', bytes({ email, password: 'p', type: 'email' }));
        expect(JSON.parse(new TextDecoder().decode(there))).toEqual({
            email: 'nobody@nobody.invalid',
            password: 'p',
            type: 'email'
        });
    });
});
