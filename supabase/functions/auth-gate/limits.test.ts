import { describe, expect, it } from 'vitest';
import { askedOf, freedBy, limitHeaders, refusalIn, wantedFor, type Standing } from './limits.ts';

const bytes = (body: unknown) => new TextEncoder().encode(JSON.stringify(body));
const ip = '203.0.113.7';
const device = 'ab'.repeat(16);

/** The rows that a call takes, as `limit key`. */
const taken = (method: string, path: string, body: unknown, knownDevice: string | null = null) => {
    const asked = askedOf(method, path, bytes(body));
    return asked && wantedFor(asked, ip, knownDevice).map(({ limit, key }) => `${limit} ${key}`);
};

describe('[RATE-1] what a call uses up', () => {
    it('counts the giving of a second factor by its person, on whatever device, and each code once', () => {
        const factor = '0190a0a0-0000-4000-8000-000000000001';
        const asked = askedOf(
            'POST',
            `factors/${factor}/verify`,
            bytes({ challenge_id: 'x', code: '123456' }),
            'sam'
        );
        expect(asked && wantedFor(asked, ip, device)).toEqual([
            { limit: 'factor', key: 'sam' },
            { limit: 'factor_code', key: `${factor} 123456` }
        ]);
        expect(freedBy('factor', 'sam', device)).toEqual([{ limit: 'factor', key: 'sam' }]);
        const begun = askedOf('POST', 'factors', bytes({ factor_type: 'totp' }), 'sam');
        expect(begun && wantedFor(begun, ip, null)).toEqual([{ limit: 'factor_setup', key: 'sam' }]);
        const question = askedOf('POST', `factors/${factor}/challenge`, bytes({}), 'sam');
        expect(question && wantedFor(question, ip, device)).toEqual([
            { limit: 'factor_question', key: 'sam' }
        ]);
        const made = askedOf('POST', 'passkeys/registration/options', bytes({}), 'sam');
        expect(made && wantedFor(made, ip, null)).toEqual([{ limit: 'factor_setup', key: 'sam' }]);
    });

    it.each([
        [
            'token?grant_type=password',
            { email: ' Sam@Mail.example', password: 'x' },
            [`sign_in_address ${ip}`, 'password sam@mail.example']
        ],
        [
            'verify',
            { email: 'sam@mail.example', token: '123456' },
            [`sign_in_address ${ip}`, 'code sam@mail.example']
        ],
        ['verify', { token_hash: 'x' }, [`sign_in_address ${ip}`]],
        ['token?grant_type=pkce', { auth_code: 'x' }, [`sign_in_address ${ip}`]],
        ['passkeys/authentication/verify', { challenge_id: 'x' }, [`sign_in_address ${ip}`]],
        ['passkeys/authentication/options', {}, [`passkey_address ${ip}`]],
        ['otp', { email: 'Sam@mail.example' }, [`mail_address ${ip}`, 'mail sam@mail.example']],
        ['recover', { email: 'sam@mail.example' }, [`mail_address ${ip}`, 'mail sam@mail.example']],
        ['resend', { email: 'sam@mail.example' }, [`mail_address ${ip}`, 'mail sam@mail.example']],
        ['resend', { email: 7 }, [`mail_address ${ip}`]]
    ])('%s %j', (path, body, wanted) => {
        expect(taken('POST', path, body)).toEqual(wanted);
    });

    it('is the device’s own where it is known, so that no stranger uses it up', () => {
        const email = 'sam@mail.example';
        expect(taken('POST', 'token?grant_type=password', { email }, device)).toEqual([
            `sign_in_device ${device}`,
            `password ${device} ${email}`
        ]);
        expect(taken('POST', 'verify', { email }, device)).toEqual([
            `sign_in_device ${device}`,
            `code ${device} ${email}`
        ]);
        expect(taken('POST', 'token?grant_type=pkce', {}, device)).toEqual([`sign_in_device ${device}`]);
        expect(taken('POST', 'passkeys/authentication/verify', {}, device)).toEqual([
            `sign_in_device ${device}`
        ]);
        expect(taken('POST', 'otp', { email }, device)).toEqual([`mail ${device} ${email}`]);
    });

    it('is nothing for what neither lets in nor sends a mail, except a change of address, which sends two', () => {
        expect(taken('POST', 'token?grant_type=refresh_token', { refresh_token: 'x' })).toBeNull();
        expect(taken('POST', 'logout', {})).toBeNull();
        expect(taken('GET', 'user', {})).toBeNull();
        expect(taken('PUT', 'user', { password: 'x' })).toBeNull();
        expect(taken('PUT', 'user', { email: 'new@mail.example' })).toEqual([
            `mail_address ${ip}`,
            'mail new@mail.example'
        ]);
        const change = askedOf('PUT', 'user', bytes({ email: 'new@mail.example' }), 'sam');
        expect(change && wantedFor(change, ip, device)).toEqual([
            { limit: 'mail', key: `${device} new@mail.example` },
            { limit: 'address_change', key: 'sam' }
        ]);
        expect(askedOf('GET', 'user', null)).toBeNull();
    });
});

describe('[RATE-1] what getting in frees', () => {
    const freed = (...given: Parameters<typeof freedBy>) =>
        freedBy(...given).map(({ limit, key }) => `${limit} ${key}`);

    it('by a code that came by mail: the login, for everybody and for this device', () => {
        expect(freed('code', 'sam', null)).toEqual(['password sam', 'code sam', 'mail sam']);
        expect(freed('code', 'sam', 'd')).toEqual([
            'password sam',
            'password d sam',
            'code sam',
            'code d sam',
            'mail sam',
            'mail d sam'
        ]);
    });

    it('by a password: what was counted for whoever typed it, and no stranger’s failures', () => {
        expect(freed('password', 'sam', null)).toEqual(['password sam']);
        expect(freed('password', 'sam', 'd')).toEqual(['password d sam']);
    });

    it('by a provider or a passkey: nothing, for nothing was counted by login', () => {
        expect(freed('passkey', 'sam', 'd')).toEqual([]);
        expect(freed('provider', 'sam', 'd')).toEqual([]);
        expect(freed('code', null, null)).toEqual([]);
    });
});

describe('a refusal', () => {
    const now = Date.parse('2026-11-22T12:00:00Z');
    const standing = (limit_name: string, fields: Partial<Standing> = {}): Standing => ({
        limit_name,
        allowed: true,
        quota: 10,
        remaining: 7,
        reset_at: '2026-11-22T12:15:00+00:00',
        retry_after: 0,
        first_refusal: false,
        period_seconds: 900,
        ...fields
    });
    const refused = (limit_name: string, retry_after: number, first_refusal = false): Standing =>
        standing(limit_name, { allowed: false, remaining: 0, retry_after, first_refusal });

    it('is none where all allow it', () => {
        expect(refusalIn([standing('sign_in_address'), standing('password')])).toBeNull();
    });

    it.each([
        ['sign_in_address', 'too_many_tries'],
        ['sign_in_device', 'too_many_tries'],
        ['code', 'too_many_tries'],
        ['password', 'password_paused'],
        ['mail', 'too_many_mails'],
        ['mail_address', 'too_many_mails'],
        ['address_change', 'too_many_mails'],
        ['factor_question', 'too_many_tries']
    ])('by %s is %s', (limit, code) => {
        expect(refusalIn([refused(limit, 60, true)])).toEqual({ code, retryAfter: 60, first: true });
    });

    it('by several is the one that lasts longest', () => {
        const both = [refused('sign_in_address', 30, true), refused('password', 120)];
        expect(refusalIn(both)).toEqual({ code: 'password_paused', retryAfter: 120, first: false });
    });

    it('is said in the headers of the draft; how a login stands only where it refuses', () => {
        expect(limitHeaders([standing('sign_in_address'), standing('password')], now)).toEqual({
            'ratelimit-policy': '"sign_in_address";q=10;w=900',
            ratelimit: '"sign_in_address";r=7;t=900'
        });
        expect(limitHeaders([{ ...refused('password', 61), period_seconds: null }], now)).toEqual({
            'ratelimit-policy': '"password";q=10',
            ratelimit: '"password";r=0;t=61'
        });
        expect(limitHeaders([standing('mail')], now)).toEqual({});
    });
});
