// Where each setting of a project comes from, and how a moved clock meets servers that know only the machine's.
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@supabase/supabase-js';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resolveEnvironment, standInsFor } from '../../local/environment.ts';
import type { EnvironmentSources } from '../../local/environment.ts';
import { endOfAppleSecret, signAppleSecret } from '../../local/oidc/apple-secret.ts';
import { startOwnStack } from '../support/stack.ts';
import type { OwnStack } from '../support/stack.ts';

function resolve(more: Partial<EnvironmentSources>): Record<string, string> {
    return resolveEnvironment({
        names: [],
        given: {},
        standIns: {
            stripe: { STRIPE_SECRET_KEY: 'sk_test_played', STRIPE_API_URL: 'http://stand-in' },
            mail: { RESEND_API_KEY: 're_played' },
            google: { GOOGLE_CLIENT_ID: 'played', GOOGLE_ISSUER: 'http://stand-in' },
            apple: { APPLE_CLIENT_ID: 'played' },
            azure: { AZURE_CLIENT_ID: 'played' },
            sso: {},
            saml: {},
            passwords: { PWNED_PASSWORDS_URL: 'http://stand-in' },
            dns: { DNS_RESOLVER_URL: 'stand-in' },
            turnstile: { TURNSTILE_SECRET_KEY: 'played' }
        },
        derived: { MAIL_FROM: 'derived' },
        generated: {},
        ...more
    });
}

describe('a setting', () => {
    it('that the person set wins over everything', () => {
        const names = ['MAIL_FROM', 'RANDOM_KEY'];
        expect(resolve({ names, given: { MAIL_FROM: 'mine', RANDOM_KEY: 'mine too' } })).toEqual({
            MAIL_FROM: 'mine',
            RANDOM_KEY: 'mine too'
        });
    });

    it('that nobody set is made up once and kept', () => {
        const generated: Record<string, string> = {};
        const names = ['RANDOM_KEY', 'SEND_EMAIL_HOOK_SECRETS'];
        const first = resolve({ names, generated });
        expect(first.RANDOM_KEY).toMatch(/^[0-9a-f]{64}$/);
        expect(first.SEND_EMAIL_HOOK_SECRETS).toMatch(/^v1,whsec_[A-Za-z0-9+/]{43}=$/);
        expect(resolve({ names, generated })).toEqual(first);
    });

    it('of a real provider replaces the whole stand-in', () => {
        const names = ['STRIPE_SECRET_KEY', 'STRIPE_API_URL', 'STRIPE_WEBHOOK_SECRETS', 'GOOGLE_CLIENT_ID'];
        const given = { STRIPE_SECRET_KEY: 'sk_live', STRIPE_WEBHOOK_SECRETS: 'whsec_live' };
        expect(resolve({ names, given })).toEqual({
            STRIPE_SECRET_KEY: 'sk_live',
            STRIPE_API_URL: 'https://api.stripe.com',
            STRIPE_WEBHOOK_SECRETS: 'whsec_live',
            GOOGLE_CLIENT_ID: 'played'
        });
        expect([...standInsFor(given)]).toEqual([
            'google',
            'apple',
            'azure',
            'sso',
            'saml',
            'mail',
            'passwords',
            'dns',
            'turnstile'
        ]);
    });

    it('of a real provider demands the others that go with it', () => {
        expect(() =>
            resolve({ names: ['STRIPE_WEBHOOK_SECRETS'], given: { STRIPE_SECRET_KEY: 'sk_live' } })
        ).toThrow('STRIPE_SECRET_KEY is set, so STRIPE_WEBHOOK_SECRETS must be set too.');
    });
});

describe("Apple's client secret", () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const privateKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const names = ['APPLE_CLIENT_SECRET', 'APPLE_SECRET_ENDS_AT'];

    it('tells the database when it ends', async () => {
        const issuer = 'https://appleid.apple.com';
        const signer = { teamId: 'TEAM123456', keyId: 'KEY1234567', privateKeyPem };
        const secret = await signAppleSecret(signer, 'app.example', { issuer, lifeS: 86_400 });
        const { APPLE_SECRET_ENDS_AT } = resolve({
            names,
            given: { APPLE_CLIENT_ID: 'app.example', APPLE_CLIENT_SECRET: secret }
        });
        expect(new Date(APPLE_SECRET_ENDS_AT ?? '')).toEqual(new Date((decodeJwt(secret).exp ?? 0) * 1000));
    });

    it('that is no signed token stops the start with a sentence', () => {
        expect(() =>
            resolve({ names, given: { APPLE_CLIENT_ID: 'app.example', APPLE_CLIENT_SECRET: 'plain' } })
        ).toThrow(
            'APPLE_CLIENT_SECRET must be a token signed with your key: npm run apple-secret makes one.'
        );
    });

    it('can be made by a command, from the key that Apple gave', () => {
        const file = join(mkdtempSync(join(tmpdir(), 'apple-')), 'AuthKey_KEY1234567.p8');
        writeFileSync(file, privateKeyPem);
        const command = ['local/apple-secret.ts', '--team', 'TEAM123456', '--key', 'KEY1234567'];
        const printed = execFileSync(process.execPath, [...command, '--client', 'app.example', file], {
            encoding: 'utf8'
        });
        const [secret = ''] = printed.split('\n');
        const ends = endOfAppleSecret(secret)?.toISOString();
        expect(decodeJwt(secret)).toMatchObject({ iss: 'TEAM123456', sub: 'app.example' });
        expect(printed).toContain(`vault.create_secret('${ends}', 'tf_apple_secret_ends_at')`);
        expect(() => execFileSync(process.execPath, command, { encoding: 'utf8', stdio: 'pipe' })).toThrow(
            'Usage: npm run apple-secret'
        );
    });
});

describe('while the clock is moved', () => {
    let own: OwnStack;
    beforeAll(async () => {
        own = await startOwnStack();
    });
    afterAll(async () => {
        await own.stopAndForget();
    });

    it('a token is as old as the clock says, at sign-in and at the Data API', async () => {
        const credentials = { email: 'somebody@example.com', password: 'a long enough one' };
        const as = (key: string) => createClient(own.info.apiUrl, key, { auth: { persistSession: false } });
        const made = await as(own.info.secretKey).auth.admin.createUser({
            ...credentials,
            email_confirm: true
        });
        expect(made.error).toBeNull();
        const signIn = async () => {
            const { data } = await as(own.info.publishableKey).auth.signInWithPassword(credentials);
            return data.session?.access_token ?? '';
        };
        const read = async (token: string) => {
            const headers = { apikey: own.info.publishableKey, authorization: `Bearer ${token}` };
            return (await fetch(`${own.info.apiUrl}/rest/v1/accounts?limit=1`, { headers })).status;
        };
        const control = (path: string, body: object = {}) =>
            fetch(own.info.controlUrl + path, { method: 'POST', body: JSON.stringify(body) });
        const old = await signIn();
        expect(await read(old)).toBe(200);
        await control('/clock', { advance_seconds: 3600 });
        expect(await read(old)).toBe(401);
        expect(await read(await signIn())).toBe(200);
        expect((await as(own.info.secretKey).auth.admin.listUsers()).error).toBeNull();
        await control('/clock/reset');
        expect(await read(old)).toBe(200);
    });
});

describe('a real provider', () => {
    it('has no stand-in beside it', async () => {
        const own = await startOwnStack({
            migrate: false,
            given: { RESEND_API_KEY: 're_real', MAIL_FROM: 'Somebody <somebody@example.com>' }
        });
        try {
            const rest = [
                'supabase',
                'google',
                'apple',
                'azure',
                'sso',
                'saml',
                'stripe',
                'passwords',
                'dns'
            ];
            expect(own.standIns).toEqual(rest);
            expect((await fetch(`${own.info.inboxUrl}/api/messages`)).status).toBe(503);
            expect(own.info.env).toMatchObject({
                RESEND_API_URL: 'https://api.resend.com',
                RESEND_API_KEY: 're_real'
            });
        } finally {
            await own.stopAndForget();
        }
    });
});
