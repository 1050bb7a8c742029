// Attacks with tokens: forged, bent, borrowed and expired ones, at the Data API, at storage and at the functions' door.
import { createHmac, createPublicKey, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { exportJWK, exportSPKI, generateKeyPair, importJWK, SignJWT } from 'jose';
import type { JWK, JWTHeaderParameters } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createClient } from '@supabase/supabase-js';
import { aPerson, admin, anAddress, clientOf } from '../../support/business.ts';
import { stack } from '../../support/stack.ts';
import { ask, claimsOf, repelled, theScene } from './scene.ts';
import type { Answer, Scene } from './scene.ts';

let scene: Scene;
/** The project's public key, as everybody may read it. */
let publicJwk: JWK;
/** bell's own claims: what a forger would like to say. */
let claims: Record<string, unknown>;

beforeAll(async () => {
    scene = await theScene();
    const jwks = await fetch(`${stack().apiUrl}/auth/v1/.well-known/jwks.json`);
    const { keys } = (await jwks.json()) as { keys: JWK[] };
    publicJwk = keys[0] ?? {};
    claims = claimsOf(scene.bell.owner);
});
afterAll(() => scene.end());

const segment = (value: object | string): string =>
    Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const signatureOf = (): string => scene.bell.owner.accessToken.split('.')[2] ?? '';
const headerOf = (): JWTHeaderParameters =>
    JSON.parse(
        Buffer.from(scene.bell.owner.accessToken.split('.')[0] ?? '', 'base64url').toString()
    ) as JWTHeaderParameters;

/** Every door that a token opens, tried with one that must open none. */
async function everyDoor(token: string): Promise<Answer[]> {
    const { bell } = scene;
    const put = { account_id: bell.accountId, customer_id: bell.customerId, address_line_1: 'Forged' };
    return Promise.all([
        ask(`/rest/v1/customers?account_id=eq.${bell.accountId}`, { as: token }),
        ask('/rest/v1/sites', { as: token, method: 'POST', body: put }),
        ask('/rest/v1/rpc/today', { as: token, method: 'POST', body: { account_id: bell.accountId } }),
        ask('/rest/v1/rpc/claim_mail', {
            ...{ as: token, method: 'POST', body: { limit_rows: 1, lease_seconds: 1 } },
            headers: { 'content-profile': 'service' }
        }),
        ask(`/storage/v1/object/authenticated/${bell.accountId}/${bell.objectName}`, { as: token }),
        ask('/auth/v1/user', { as: token }),
        ask('/functions/v1/connect', {
            as: token,
            method: 'POST',
            body: { action: 'status', account_id: bell.accountId }
        })
    ]);
}

/** No door opened, nothing shown, nothing changed. */
async function opensNothing(make: () => Promise<string> | string): Promise<void> {
    const token = await make();
    await repelled(scene, async () => {
        const answers = await everyDoor(token);
        for (const { status, text } of answers) expect(status, text).toBeGreaterThanOrEqual(400);
        return answers;
    });
}

/**
 * bell's claims, signed by the project's own key out of the stack's folder, which no attacker has: only what the claims say
 * can be wrong with it. Numbers are seconds from now.
 */
async function genuine(change: Record<string, string | number>): Promise<string> {
    const [setting] = await scene.sql<{ data_directory: string }[]>`show data_directory`;
    const secrets = readFileSync(join(setting?.data_directory ?? '', '..', 'secrets.json'), 'utf8');
    const { signingKey } = JSON.parse(secrets) as { signingKey: JWK };
    const now = Math.floor(Date.now() / 1000);
    const moved = Object.entries(change).map(([name, value]) => [
        name,
        typeof value === 'number' ? now + value : value
    ]);
    return new SignJWT({ ...claims, iat: now - 60, exp: now + 600, ...Object.fromEntries(moved) })
        .setProtectedHeader(headerOf())
        .sign(await importJWK(signingKey, 'ES256'));
}

test('[ISO-1] the token that all of these imitate opens bell’s doors', async () => {
    const [rows, , today, , file, user] = await everyDoor(scene.bell.owner.accessToken);
    expect([rows?.status, today?.status, file?.status, user?.status]).toEqual([200, 200, 200, 200]);
    expect(rows?.text).toContain(scene.mark);
});

describe('without the project’s key', () => {
    test.each(['none', 'None', 'NONE', 'nOnE', ''])('[ISO-1] alg “%s” is no signature', async (alg) => {
        for (const signature of ['', signatureOf(), 'AA'])
            await opensNothing(() => `${segment({ ...headerOf(), alg })}.${segment(claims)}.${signature}`);
    });

    test.each(['as PEM', 'as JWK', 'as x and y', 'as DER', 'as kid', 'an empty text'])(
        '[ISO-1] the public key %s is no secret for HS256',
        async (form) => {
            const key = createPublicKey({ key: publicJwk, format: 'jwk' });
            const secrets: Record<string, string | Buffer> = {
                'as PEM': await exportSPKI((await importJWK(publicJwk, 'ES256')) as CryptoKey),
                'as JWK': JSON.stringify(publicJwk),
                'as x and y': Buffer.concat([
                    Buffer.from(publicJwk.x ?? '', 'base64url'),
                    Buffer.from(publicJwk.y ?? '', 'base64url')
                ]),
                'as DER': key.export({ type: 'spki', format: 'der' }),
                'as kid': publicJwk.kid ?? '',
                'an empty text': ''
            };
            await opensNothing(() => {
                const body = `${segment({ ...headerOf(), alg: 'HS256' })}.${segment(claims)}`;
                return `${body}.${createHmac('sha256', secrets[form] ?? '')
                    .update(body)
                    .digest('base64url')}`;
            });
        }
    );

    test('[ISO-1] a key of the forger’s own is not the project’s, whatever its kid says', async () => {
        const { privateKey } = await generateKeyPair('ES256');
        await opensNothing(() => new SignJWT(claims).setProtectedHeader(headerOf()).sign(privateKey));
    });

    test.each(['jwk', 'jku', 'x5u', 'x5c'])(
        '[ISO-1] a key that the token brings along (%s) is not used',
        async (name) => {
            const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
            const own = await exportJWK(publicKey);
            const brought: Record<string, unknown> = {
                jwk: own,
                jku: `${stack().apiUrl}/functions/v1/forged.json`,
                x5u: 'https://forged.example/cert.pem',
                x5c: [Buffer.from('forged').toString('base64')]
            };
            await opensNothing(() =>
                new SignJWT(claims)
                    .setProtectedHeader({
                        alg: 'ES256',
                        typ: 'JWT',
                        kid: 'own',
                        [name]: brought[name]
                    } as JWTHeaderParameters)
                    .sign(privateKey)
            );
        }
    );

    test.each(['../../../../dev/null', "x' or '1'='1", '0', '', '%00', 'file:///dev/null', '__proto__'])(
        '[ISO-1] the kid “%s” leads to no key',
        async (kid) => {
            const { privateKey } = await generateKeyPair('ES256');
            await opensNothing(() =>
                new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid }).sign(privateKey)
            );
            await opensNothing(() => {
                const body = `${segment({ alg: 'HS256', kid })}.${segment(claims)}`;
                return `${body}.${createHmac('sha256', '').update(body).digest('base64url')}`;
            });
        }
    );

    test.each(['RS256', 'PS256', 'ES384', 'EdDSA'])(
        '[ISO-1] a token by another kind of key (%s) is no token',
        async (alg) => {
            const { privateKey } = await generateKeyPair(alg);
            await opensNothing(() =>
                new SignJWT(claims).setProtectedHeader({ ...headerOf(), alg }).sign(privateKey)
            );
        }
    );

    test('[ISO-1] critical extensions, a nested token and a detached body are refused', async () => {
        const { accessToken } = scene.bell.owner;
        await opensNothing(
            () =>
                `${segment({ ...headerOf(), crit: ['b64'], b64: false })}.${segment(claims)}.${signatureOf()}`
        );
        await opensNothing(
            () => `${segment({ ...headerOf(), cty: 'JWT' })}.${segment(accessToken)}.${signatureOf()}`
        );
        await opensNothing(() => `${accessToken.split('.')[0] ?? ''}..${signatureOf()}`);
        await opensNothing(() => `${accessToken.split('.').slice(0, 2).join('.')}.`);
    });
});

describe('bent', () => {
    test.each([
        ['the person', () => ({ sub: scene.bell.owner.id })],
        ['the person and the session', () => ({ sub: scene.bell.owner.id, session_id: claims.session_id })],
        ['the role, to service_role', () => ({ role: 'service_role' })],
        ['the role, to postgres', () => ({ role: 'postgres' })],
        ['the role, to supabase_admin', () => ({ role: 'supabase_admin' })],
        ['the end', () => ({ exp: 9_999_999_999 })],
        ['the issuer', () => ({ iss: 'https://forged.example/auth/v1' })],
        ['the audience', () => ({ aud: 'somebody else' })],
        ['the level of assurance', () => ({ aal: 'aal2', amr: [{ method: 'totp', timestamp: 1 }] })],
        ['the metadata', () => ({ app_metadata: { role: 'admin', account_id: scene.bell.accountId } })],
        ['the beginning, into the future', () => ({ nbf: 9_999_999_000, iat: 9_999_999_000 })]
    ])('[ISO-1] finch’s token with %s changed is worth nothing', async (_, change) => {
        const [head = '', , signature = ''] = scene.finch.owner.accessToken.split('.');
        const bent = { ...claimsOf(scene.finch.owner), ...change() };
        await opensNothing(() => `${head}.${segment(bent)}.${signature}`);
    });

    test('[ISO-1] one token’s head or signature on another’s body is worth nothing', async () => {
        const [, mine = ''] = scene.finch.owner.accessToken.split('.');
        const [head = '', theirs = '', signature = ''] = scene.bell.owner.accessToken.split('.');
        const [, , own = ''] = scene.finch.owner.accessToken.split('.');
        await opensNothing(() => `${head}.${theirs}.${own}`);
        await opensNothing(() => `${head}.${mine}.${signature}`);
    });

    test('[ISO-1] a signature with a bit turned, cut, grown, or made of zeros is none', async () => {
        const [head = '', body = '', signature = ''] = scene.bell.owner.accessToken.split('.');
        const bytes = Buffer.from(signature, 'base64url');
        const turned = Buffer.from(bytes);
        turned[7] = (turned[7] ?? 0) ^ 1;
        for (const bad of [turned, bytes.subarray(0, 63), Buffer.concat([bytes, bytes]), Buffer.alloc(64)])
            await opensNothing(() => `${head}.${body}.${bad.toString('base64url')}`);
    });
});

describe('borrowed', () => {
    test('[ISO-1] what is no access token is not taken for one', async () => {
        await opensNothing(() => scene.bell.owner.refreshToken);
        await opensNothing(() => randomBytes(32).toString('base64url'));
        const { data } = await scene.finch.owner.db.storage
            .from(scene.finch.accountId)
            .createSignedUrl(scene.finch.objectName, 60);
        await opensNothing(() => new URL(data?.signedUrl ?? '').searchParams.get('token') ?? '');
    });

    test('[ISO-1] a link’s token is no bearer’s token', async () => {
        const token = await scene.bell.aLink(scene.bell.invoiceId);
        await opensNothing(() => token);
    });

    test('[ISO-1] a token whose person was deleted opens nothing', async () => {
        const gone = await aPerson('gone');
        expect((await ask('/rest/v1/rpc/me', { as: gone, method: 'POST', body: {} })).status).toBe(200);
        const { error } = await admin().auth.admin.deleteUser(gone.id);
        expect(error).toBeNull();
        const after = await ask('/rest/v1/rpc/me', { as: gone, method: 'POST', body: {} });
        expect(after).toMatchObject({ status: 403, text: expect.stringContaining('session_ended') });
    });

    test.each([
        ['expired a minute ago', { exp: -60 }],
        ['without an end that is a time', { exp: 'never' }],
        ['not valid yet', { nbf: 3600 }]
    ])('[ISO-1] a token signed by the project itself, but %s, opens nothing', async (_, change) => {
        expect(
            (await ask('/rest/v1/rpc/me', { as: await genuine({}), method: 'POST', body: {} })).status
        ).toBe(200);
        await opensNothing(() => genuine(change));
    });

    test('[ISO-1] a token signed by the project itself for a session that never was opens nothing', async () => {
        const token = await genuine({ session_id: '00000000-0000-4000-8000-000000000000' });
        await repelled(scene, () => everyDoor(token));
        expect((await ask('/rest/v1/customers', { as: token })).text).toBe('[]');
    });

    test('[ISO-1] a session past its own end opens nothing, although its token has not expired', async () => {
        const late = await scene.bell.withMember('admin');
        const seen = () => ask(`/rest/v1/customers?account_id=eq.${scene.bell.accountId}`, { as: late });
        expect((await seen()).text).toContain(scene.mark);
        await scene.sql`update auth.sessions set not_after = now() - interval '1 second' where user_id = ${late.id}`;
        expect((await seen()).text).toBe('[]');
    });

    test('[ISO-1] a token of one’s own with another person’s session is no session', async () => {
        const thief = await scene.bell.withMember('staff');
        await scene.sql`
            update auth.sessions
            set user_id = ${scene.finch.owner.id}
            where user_id = ${thief.id}
        `;
        const answer = await ask(`/rest/v1/customers?account_id=eq.${scene.bell.accountId}`, { as: thief });
        expect(answer.text).toBe('[]');
    });
});

describe('what people say of themselves', () => {
    test('[ISO-1] user_metadata is proof of nothing, in a fresh token too', async () => {
        const { bell, finch } = scene;
        const client = createClient(stack().apiUrl, stack().secretKey, {
            auth: { persistSession: false, autoRefreshToken: false },
            global: { headers: { 'Sb-Forwarded-For': anAddress() } }
        });
        await client.auth.signInWithPassword({ email: finch.owner.email, password: finch.owner.password });
        const said = {
            role: 'service_role',
            account_id: bell.accountId,
            sub: bell.owner.id,
            is_admin: true,
            permissions: ['*'],
            app_metadata: { role: 'service_role' }
        };
        const { error } = await client.auth.updateUser({ data: said });
        expect(error).toBeNull();
        const { data } = await client.auth.refreshSession();
        const token = data.session?.access_token ?? '';
        expect(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).toContain(bell.accountId);
        await repelled(scene, async () => {
            const { data: rows } = await clientOf(token)
                .from('customers')
                .select('*')
                .eq('account_id', bell.accountId);
            expect(rows).toEqual([]);
            return everyDoor(token).then((answers) =>
                answers.filter(({ text }) => !text.includes('"user_metadata"'))
            );
        });
    });

    test('[ISO-1] app_metadata, role and audience can’t be set by oneself', async () => {
        const answer = await ask('/auth/v1/user', {
            as: scene.finch.owner,
            method: 'PUT',
            body: {
                app_metadata: { account_id: scene.bell.accountId },
                role: 'service_role',
                aud: 'x',
                data: { a: 1 }
            }
        });
        const [user] = await scene.sql`
            select role, aud, raw_app_meta_data ? 'account_id' as taken from auth.users where id = ${scene.finch.owner.id}
        `;
        expect(user).toEqual({ role: 'authenticated', aud: 'authenticated', taken: false });
        expect(answer.text).not.toContain(scene.bell.accountId);
    });

    test('[ISO-1] signing up with another’s metadata joins no account', async () => {
        const email = `joiner-${randomBytes(5).toString('hex')}@example.test`;
        const { data, error } = await admin().auth.admin.createUser({
            email,
            email_confirm: true,
            user_metadata: { account_id: scene.bell.accountId, role: 'owner', user_id: scene.bell.owner.id }
        });
        expect(error).toBeNull();
        const members = await scene.sql`select 1 from public.members where user_id = ${data.user?.id ?? ''}`;
        expect(members).toHaveLength(0);
    });
});
