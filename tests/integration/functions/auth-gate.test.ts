import { randomUUID } from 'node:crypto';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
    anyAddress,
    asPerson,
    aTradesperson,
    contextHeader,
    info,
    knock,
    refusal,
    type Tradesperson
} from './edge.ts';

const otp = 'auth-gate/auth/v1/otp';
const unknown = () => ({ email: `nobody-${randomUUID()}@example.com`, create_user: false });

describe('auth-gate believes only the web tier', () => {
    const required = { status: 401, code: 'context_required' };

    it('refuses a call without a context', async () => {
        expect(await refusal(await knock(otp, { body: unknown() }))).toEqual(required);
    });

    it.each([
        ['signed with another key', () => contextHeader({}, 'ab'.repeat(32))],
        ['older than 60 seconds', () => contextHeader({ iat: Math.floor(Date.now() / 1000) - 62 })],
        ['from the future', () => contextHeader({ iat: Math.floor(Date.now() / 1000) + 60 })],
        ['made by an edge function', () => contextHeader({ via: 'edge' })],
        ['without an address', () => contextHeader({ ip: null })],
        ['cut short', () => contextHeader().slice(0, -1)],
        ['made up', () => 'e30.e30']
    ])('refuses a context %s', async (_, header) => {
        const answer = await knock(otp, { headers: { 'x-tf-context': header() }, body: unknown() });
        expect(await refusal(answer)).toEqual(required);
    });

    it('answers a refusal as problem+json with the request’s id', async () => {
        const id = randomUUID();
        const answer = await knock(otp, { headers: { 'x-request-id': id }, body: unknown() });
        expect(answer.headers.get('content-type')).toBe('application/problem+json');
        expect(answer.headers.get('x-request-id')).toBe(id);
        expect(answer.headers.get('cache-control')).toBe('no-store');
    });
});

describe('auth-gate lets through what signing in needs and nothing else', () => {
    it.each([
        'admin/users',
        'admin/generate_link',
        'invite',
        'factors/recovery-codes',
        'otp/extra',
        'token?grant_type=id_token'
    ])('there is no %s', async (path) => {
        const answer = await knock(`auth-gate/auth/v1/${path}`, {
            headers: { 'x-tf-context': contextHeader() }
        });
        expect(await refusal(answer)).toEqual({ status: 404, code: 'not_found' });
    });

    it('refuses a body over 64 KiB', async () => {
        const answer = await knock(otp, {
            headers: { 'x-tf-context': contextHeader() },
            body: { email: 'a'.repeat(70_000) }
        });
        expect(await refusal(answer)).toEqual({ status: 413, code: 'body_too_large' });
    });

    it('passes the auth server’s own answer on, code and header included', async () => {
        const answer = await knock('auth-gate/auth/v1/token?grant_type=password', {
            headers: { 'x-tf-context': contextHeader() },
            body: { email: 'nobody@example.com', password: 'not the password' }
        });
        expect(answer.headers.get('x-sb-error-code')).toBe('invalid_credentials');
        expect(await refusal(answer)).toEqual({ status: 400, code: 'invalid_credentials' });
    });
});

describe('[AUTH-1] a person behind the gate', () => {
    let person: Tradesperson;
    const database = postgres(info.superuserUrl, { max: 1 });
    beforeAll(async () => {
        person = await aTradesperson();
    });
    afterAll(() => database.end());

    it('is known by their own token', async () => {
        const answer = await knock('auth-gate/auth/v1/user', { method: 'GET', headers: asPerson(person) });
        expect(await answer.json()).toMatchObject({ id: person.userId, email: person.email });
    });

    it.each([
        ['no token', {}],
        ['the publishable key', { authorization: `Bearer ${info.publishableKey}` }],
        ['the secret key', { authorization: `Bearer ${info.secretKey}` }]
    ])('is nobody with %s: the gate never lends its own key', async (_, headers) => {
        const answer = await knock('auth-gate/auth/v1/user', {
            method: 'GET',
            headers: { 'x-tf-context': contextHeader(), ...headers }
        });
        expect(await refusal(answer)).toEqual({ status: 401, code: 'no_authorization' });
    });

    it('is not believed with a context of another session', async () => {
        const answer = await knock('auth-gate/auth/v1/user', {
            method: 'GET',
            headers: { ...asPerson(person), 'x-tf-context': contextHeader({ sid: randomUUID() }) }
        });
        expect(await refusal(answer)).toEqual({ status: 401, code: 'context_required' });
    });

    it('has a session with their own address, whatever headers came along', async () => {
        const [session] = await database<{ ip: string }[]>`
            select host(ip) as ip from auth.sessions where id = ${person.sessionId}`;
        expect(session?.ip).toMatch(/^10\./);
        await knock('auth-gate/auth/v1/recover', {
            headers: {
                'x-tf-context': contextHeader(),
                'sb-forwarded-for': '198.51.100.9',
                'x-forwarded-for': '198.51.100.9'
            },
            body: { email: person.email }
        });
        const seen = await database`select 1 from auth.audit_log_entries where ip_address = '198.51.100.9'`;
        expect(seen).toHaveLength(0);
    });

    it('signs out', async () => {
        const answer = await knock('auth-gate/auth/v1/logout?scope=local', {
            headers: asPerson(person),
            body: ''
        });
        expect(answer.status).toBe(204);
        const after = await knock('auth-gate/auth/v1/user', { method: 'GET', headers: asPerson(person) });
        expect(await refusal(after)).toEqual({ status: 403, code: 'session_not_found' });
    });
});

describe('many people behind one web server', () => {
    const recover = (ip: string) =>
        knock('auth-gate/auth/v1/recover', {
            headers: { 'x-tf-context': contextHeader({ ip }) },
            body: unknown()
        });

    it('do not share a limit, and one address alone meets ours', async () => {
        const many = await Promise.all(Array.from({ length: 40 }, () => recover(anyAddress())));
        expect(new Set(many.map(({ status }) => status))).toEqual(new Set([200]));
        const one = anyAddress();
        const alone = await Promise.all(Array.from({ length: 40 }, () => recover(one)));
        const refused = alone.filter(({ status }) => status === 429);
        expect(refused).toHaveLength(30);
        expect(await refusal(refused[0] as Response)).toEqual({ status: 429, code: 'too_many_mails' });
    });
});
