import { describe, expect, it } from 'vitest';
import { attemptOf, outcomeOf } from './attempts.ts';

const bytes = (body: unknown) => new TextEncoder().encode(JSON.stringify(body));
const id = '01936f2b-7c3a-7c3a-8c3a-0123456789ab';

describe('an attempt to sign in', () => {
    it.each([
        [
            'token?grant_type=password',
            { email: 'a@b.example', password: 'hidden' },
            'password',
            'a@b.example'
        ],
        ['verify', { email: 'a@b.example', token: '123456', type: 'email' }, 'code', 'a@b.example'],
        ['verify', { token_hash: 'x', type: 'email' }, 'code', null],
        ['token?grant_type=pkce', { auth_code: 'x', code_verifier: 'y' }, 'provider', null],
        ['passkeys/authentication/verify', { challenge_id: 'x', credential: {} }, 'passkey', null]
    ])('is seen at %s, with nothing of its secret', (path, body, method, email) => {
        expect(attemptOf(path, bytes(body))).toEqual({ method, email });
    });

    it.each([
        'token?grant_type=refresh_token',
        'otp',
        'recover',
        'user',
        'logout',
        'signup',
        'passkeys/authentication/options',
        'passkeys/registration/verify'
    ])('is not what happens at %s', (path) => {
        expect(attemptOf(path, bytes({ email: 'a@b.example' }))).toBeNull();
    });

    it('is seen although its body is none', () => {
        expect(attemptOf('verify', new TextEncoder().encode('{"email"'))).toEqual({
            method: 'code',
            email: null
        });
    });
});

describe('its outcome', () => {
    it('is who was let in', () => {
        const answer = (user: object) => JSON.stringify({ access_token: 'x', user });
        expect(outcomeOf(200, answer({ id, email: 'A@b.example' }))).toEqual({
            userId: id,
            email: 'a@b.example',
            code: null
        });
        expect(outcomeOf(200, answer({ id, email: '' }))).toEqual({ userId: id, email: null, code: null });
    });

    it('is the code of the refusal, or a plain word where the code could be anything', () => {
        expect(outcomeOf(400, '{"code":"invalid_credentials"}')).toEqual({
            userId: null,
            email: null,
            code: 'invalid_credentials'
        });
        expect(outcomeOf(429, '{"code":"<b>Hunter2</b>"}')).toEqual({
            userId: null,
            email: null,
            code: 'refused'
        });
        expect(outcomeOf(403, 'nothing')).toEqual({
            userId: null,
            email: null,
            code: 'refused'
        });
    });

    it('is none when the server failed, or nobody was let in yet', () => {
        expect(outcomeOf(503, '{"code":"unexpected_failure"}')).toBeNull();
        expect(outcomeOf(200, '{"msg":"Confirmation link accepted."}')).toBeNull();
    });
});
