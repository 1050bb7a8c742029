import { describe, expect, it } from 'vitest';
import { gatePath, ownPath } from './routes.ts';

const at = (method: string, path: string) => gatePath(method, new URL(`http://gate.test${path}`));

describe('auth-gate', () => {
    it.each([
        ['POST', 'otp'],
        ['POST', 'verify'],
        ['POST', 'recover'],
        ['POST', 'resend'],
        ['POST', 'passkeys/authentication/options'],
        ['POST', 'passkeys/authentication/verify']
    ])('lets %s %s through to anybody', (method, path) => {
        expect(at(method, `/auth-gate/auth/v1/${path}`)).toEqual({ kind: 'open', path, needsPerson: false });
    });

    it('lets a person read and change themselves, and sign out', () => {
        expect(at('GET', '/auth-gate/auth/v1/user')).toEqual({
            kind: 'open',
            path: 'user',
            needsPerson: true
        });
        expect(at('PUT', '/auth-gate/auth/v1/user')).toMatchObject({ needsPerson: true });
        expect(at('POST', '/auth-gate/auth/v1/logout?scope=global')).toEqual({
            kind: 'open',
            path: 'logout?scope=global',
            needsPerson: true
        });
    });

    it('[AUTH-7] asks the auth server for the way to a business’s own provider', () => {
        expect(at('POST', '/auth-gate/auth/v1/sso')).toEqual({
            kind: 'open',
            path: 'sso',
            needsPerson: false
        });
        expect(at('POST', '/auth-gate/auth/v1/sso/saml/acs')).toEqual({ kind: 'unknown' });
        expect(at('POST', '/auth-gate/auth/v1/admin/sso/providers')).toEqual({ kind: 'unknown' });
    });

    it('[RATE-2] offers no signing up by a password: the auth server’s answer tells who has a login', () => {
        expect(at('POST', '/auth-gate/auth/v1/signup')).toEqual({ kind: 'unknown' });
    });

    it.each(['password', 'refresh_token', 'pkce'])('exchanges tokens by %s', (grant) => {
        const path = `token?grant_type=${grant}`;
        expect(at('POST', `/auth-gate/auth/v1/${path}`)).toEqual({ kind: 'open', path, needsPerson: false });
    });

    it.each([
        ['POST', 'factors'],
        ['DELETE', 'factors/0190a0a0-0000-4000-8000-000000000001'],
        ['POST', 'factors/0190a0a0-0000-4000-8000-000000000001/challenge'],
        ['POST', 'factors/0190a0a0-0000-4000-8000-000000000001/verify'],
        ['POST', 'passkeys/registration/options'],
        ['POST', 'passkeys/registration/verify'],
        ['PATCH', 'passkeys/0190a0a0-0000-4000-8000-000000000001'],
        ['DELETE', 'passkeys/0190a0a0-0000-4000-8000-000000000001']
    ])('[AUTH-4] lets a person %s %s', (method, path) => {
        expect(at(method, `/auth-gate/auth/v1/${path}`)).toEqual({ kind: 'open', path, needsPerson: true });
    });

    it.each([
        'factors/recovery-codes',
        'factors/x/verify',
        'factors/../admin/users',
        'passkeys',
        'passkeys/x',
        'passkeys/authentication',
        'passkeys/authentication/verify/',
        'admin/users'
    ])('knows no %s', (path) => {
        expect(at('POST', `/auth-gate/auth/v1/${path}`)).toEqual({ kind: 'unknown' });
    });

    it('is found under the gateway’s prefix too', () => {
        expect(at('POST', '/functions/v1/auth-gate/auth/v1/otp')).toMatchObject({ kind: 'open' });
    });

    it.each([
        '/auth-gate/auth/v1/admin/users',
        '/auth-gate/auth/v1/admin/generate_link',
        '/auth-gate/auth/v1/invite',
        '/auth-gate/auth/v1/authorize',
        '/auth-gate/auth/v1/otp/',
        '/auth-gate/auth/v1/otp/../admin/users',
        '/auth-gate/auth/v1/otp%2f..%2fadmin%2fusers',
        '/auth-gate/auth/v1//otp',
        '/auth-gate/auth/v1/toString',
        '/auth-gate/auth/v1/constructor',
        '/auth-gate/auth/v1/',
        '/auth-gate',
        '/auth-gate/auth/v1/token',
        '/auth-gate/auth/v1/token?grant_type=id_token',
        '/auth-gate/auth/v1/token?grant_type=password&grant_type=id_token'
    ])('knows nothing of %s', (path) => {
        expect(at('POST', path)).toEqual({ kind: 'unknown' });
    });

    it.each([
        ['/auth-gate/not-me', 'not-me'],
        ['/functions/v1/auth-gate/not-me', 'not-me'],
        ['/auth-gate/not-me/', null],
        ['/auth-gate/auth/v1/not-me', null],
        ['/auth-gate/not-me/../admin/users', null]
    ])('tells a path of its own: of %s it is %s', (path, own) => {
        expect(ownPath(new URL(`http://gate.test${path}`))).toBe(own);
    });

    it('says which methods there are', () => {
        expect(at('DELETE', '/auth-gate/auth/v1/user')).toEqual({
            kind: 'wrong_method',
            allowed: ['GET', 'PUT']
        });
        expect(at('GET', '/auth-gate/auth/v1/verify')).toEqual({ kind: 'wrong_method', allowed: ['POST'] });
    });
});
