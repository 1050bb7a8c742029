// The stand-ins for Google and Apple, judged by openid-client.
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getRequestListener } from '@hono/node-server';
import { SignJWT } from 'jose';
import * as client from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOidc, type OidcDeps } from '../../local/oidc/index.ts';
import { choosePerson, deny, formWith, open, send } from './browsing.ts';
import { anAddress } from './visitors.ts';

const insecure = { execute: [client.allowInsecureRequests] };

/** A stand-in of the test's own, listening on a port, forgetting everything at the end. */
async function aStandIn(deps: Partial<OidcDeps> & Pick<OidcDeps, 'provider'>) {
    const folder = mkdtempSync(join(tmpdir(), 'oidc-'));
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const issuer = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
    const start = () =>
        createOidc({
            issuer,
            clientId: 'app',
            clientSecret: 'app-secret',
            keysFile: join(folder, 'keys.json'),
            log: () => undefined,
            ...deps
        });
    let oidc = await start();
    server.on(
        'request',
        getRequestListener((request) => oidc.fetch(request), { overrideGlobalObjects: false })
    );
    return {
        issuer,
        restart: async () => {
            oidc = await start();
        },
        close: () =>
            new Promise<void>((resolve) => {
                server.close(() => resolve());
                server.closeAllConnections();
                rmSync(folder, { recursive: true, force: true });
            })
    };
}

const RETURN = 'http://127.0.0.1:9/callback';

describe('the stand-in for Google', () => {
    let standIn: Awaited<ReturnType<typeof aStandIn>>;
    let config: client.Configuration;
    const dana = 'dana.whitlock@gmail.example';

    beforeAll(async () => {
        standIn = await aStandIn({ provider: 'google' });
        const secret = client.ClientSecretPost('app-secret');
        config = await client.discovery(new URL(standIn.issuer), 'app', undefined, secret, insecure);
    });
    afterAll(() => standIn.close());

    const begin = async (parameters: Record<string, string> = {}) => {
        const checks = {
            pkceCodeVerifier: client.randomPKCECodeVerifier(),
            expectedNonce: client.randomNonce()
        };
        const state = client.randomState();
        const url = client.buildAuthorizationUrl(config, {
            redirect_uri: RETURN,
            scope: 'openid email profile',
            code_challenge: await client.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
            code_challenge_method: 'S256',
            nonce: checks.expectedNonce,
            state,
            ...parameters
        });
        return { url: url.href, checks: { ...checks, expectedState: state } };
    };
    const backFrom = (page: { location: URL | null }) => {
        if (!page.location) throw new Error('the page does not lead back');
        return page.location;
    };

    it('lets a person in by code, PKCE and nonce, and tells who they are', async () => {
        const { url, checks } = await begin();
        const tokens = await client.authorizationCodeGrant(
            config,
            backFrom(await choosePerson(url, { email: dana })),
            checks
        );
        const claims = tokens.claims();
        expect(claims).toMatchObject({
            email: dana,
            email_verified: true,
            name: 'Dana Whitlock',
            iss: standIn.issuer
        });
        const info = await client.fetchUserInfo(config, tokens.access_token, claims?.sub ?? '');
        expect(info).toMatchObject({ email: dana, given_name: 'Dana' });
    });

    it('leads back with access_denied when the person cancels', async () => {
        const { url, checks } = await begin();
        const refused = client.authorizationCodeGrant(config, backFrom(await deny(url)), checks);
        await expect(refused).rejects.toMatchObject({ error: 'access_denied' });
    });

    it('takes a code once, with its verifier and its app’s secret only', async () => {
        const { url, checks } = await begin();
        const target = backFrom(await choosePerson(url, { email: dana }));
        const wrong = { ...checks, pkceCodeVerifier: client.randomPKCECodeVerifier() };
        await expect(client.authorizationCodeGrant(config, target, wrong)).rejects.toMatchObject({
            error: 'invalid_grant'
        });
        await expect(client.authorizationCodeGrant(config, target, checks)).rejects.toMatchObject({
            error: 'invalid_grant'
        });
        const secret = client.ClientSecretBasic('wrong');
        const other = await client.discovery(new URL(standIn.issuer), 'app', undefined, secret, insecure);
        const next = await begin();
        const fresh = backFrom(await choosePerson(next.url, { email: dana }));
        await expect(client.authorizationCodeGrant(other, fresh, next.checks)).rejects.toMatchObject({
            cause: expect.anything()
        });
    });

    it('sends nobody to an address off this machine, nor for an unknown app', async () => {
        const elsewhere = await open((await begin({ redirect_uri: 'https://evil.example/' })).url);
        expect([elsewhere.status, elsewhere.location]).toEqual([400, null]);
        const unknown = await open((await begin({ client_id: 'other' })).url);
        expect([unknown.status, unknown.location]).toEqual([400, null]);
    });

    it('says on its page what it is, escapes what it shows, and allows no foreign script', async () => {
        const answer = await fetch((await begin()).url);
        expect(await answer.text()).toMatch(/Not Google\.[\s\S]*local mode/);
        expect(answer.headers.get('content-security-policy')).toMatch(/default-src 'none'/);
        expect(answer.headers.get('content-security-policy')).not.toMatch(/unsafe/);
        const name = '<b onclick=alert(1)>Eve</b>';
        await choosePerson((await begin()).url, { email: anAddress(), name });
        const { html } = await open((await begin()).url);
        expect(html).toContain('&lt;b onclick');
        expect(html).not.toContain('<b onclick');
    });

    it('refuses a sealed request that was changed', async () => {
        const page = await open((await begin()).url);
        const form = formWith(page, 'email', dana);
        const [head, body, mac] = (form.fields.request ?? '').split('.');
        const claims = JSON.parse(Buffer.from(body ?? '', 'base64url').toString()) as { request: object };
        const changed = { ...claims, request: { ...claims.request, redirect_uri: 'https://evil.example/' } };
        const request = [head, Buffer.from(JSON.stringify(changed)).toString('base64url'), mac].join('.');
        const answer = await send(form, { request, email: dana });
        expect([answer.status, answer.location]).toEqual([400, null]);
    });

    it('knows the same people under the same subjects after a restart', async () => {
        const email = anAddress();
        const enter = async (name?: string) => {
            const { url, checks } = await begin();
            const back = backFrom(await choosePerson(url, { email, ...(name ? { name } : {}) }));
            return (await client.authorizationCodeGrant(config, back, checks)).claims()?.sub;
        };
        const before = await enter('Newly Added');
        await standIn.restart();
        expect(await enter()).toBe(before);
    });
});

describe('the stand-in for Apple', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const appleKey = {
        teamId: 'TEAM123456',
        keyId: 'KEY1234567',
        publicKeyPem: publicKey.export({ type: 'spki', format: 'pem' }).toString()
    };
    const morag = 'morag.bell@icloud.example';
    let standIn: Awaited<ReturnType<typeof aStandIn>>;

    beforeAll(async () => {
        standIn = await aStandIn({ provider: 'apple', appleKey });
    });
    afterAll(() => standIn.close());

    const signedSecret = (months: number, audience: string) =>
        new SignJWT()
            .setProtectedHeader({ alg: 'ES256', kid: appleKey.keyId })
            .setIssuer(appleKey.teamId)
            .setSubject('app')
            .setAudience(audience)
            .setIssuedAt()
            .setExpirationTime(`${months * 30} days`)
            .sign(createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' })));
    const configWith = (secret: string) =>
        client.discovery(
            new URL(standIn.issuer),
            'app',
            undefined,
            client.ClientSecretPost(secret),
            insecure
        );
    const begin = (config: client.Configuration, state: string) =>
        client.buildAuthorizationUrl(config, {
            redirect_uri: RETURN,
            response_mode: 'form_post',
            scope: 'openid email name',
            state
        }).href;

    it('posts its answer, with the name at the first consent alone and the address the person chose', async () => {
        const config = await configWith(await signedSecret(5, standIn.issuer));
        const enter = async () => {
            const state = client.randomState();
            const page = await choosePerson(begin(config, state), { email: morag, relay: true });
            const { action, fields } = formWith(page, 'code');
            expect(action).toBe(RETURN);
            const posted = new Request(action, { method: 'POST', body: new URLSearchParams(fields) });
            const tokens = await client.authorizationCodeGrant(config, posted, { expectedState: state });
            return { claims: tokens.claims(), user: fields.user };
        };
        const first = await enter();
        expect(first.claims).toMatchObject({
            email: expect.stringMatching(/^[0-9a-z]{10}@privaterelay\.appleid\.com$/),
            email_verified: true,
            is_private_email: true
        });
        expect(JSON.parse(first.user ?? '')).toMatchObject({
            name: { firstName: 'Morag', lastName: 'Bell' }
        });
        const second = await enter();
        expect(second.user).toBeUndefined();
        expect(second.claims).toMatchObject({ sub: first.claims?.sub, email: first.claims?.email });
        expect(JSON.stringify(second.claims)).not.toContain('Morag');
    });

    it('takes a client secret signed by the app’s key for at most six months, and no plain one', async () => {
        const stranger = createPrivateKey(
            generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
                type: 'pkcs8',
                format: 'pem'
            })
        );
        const forged = await new SignJWT()
            .setProtectedHeader({ alg: 'ES256', kid: appleKey.keyId })
            .setIssuer(appleKey.teamId)
            .setSubject('app')
            .setAudience(standIn.issuer)
            .setIssuedAt()
            .setExpirationTime('1h')
            .sign(stranger);
        const cases: [string, boolean][] = [
            ['app-secret', false],
            [await signedSecret(1, standIn.issuer), true],
            [await signedSecret(7, standIn.issuer), false],
            [await signedSecret(1, 'https://elsewhere.example'), false],
            [forged, false]
        ];
        for (const [secret, good] of cases) {
            const config = await configWith(secret);
            const state = client.randomState();
            const page = await choosePerson(begin(config, state), { email: morag });
            const { action, fields } = formWith(page, 'code');
            const posted = new Request(action, { method: 'POST', body: new URLSearchParams(fields) });
            const granted = client.authorizationCodeGrant(config, posted, { expectedState: state });
            if (good) expect((await granted).claims()?.sub).toBeTruthy();
            else await expect(granted).rejects.toBeTruthy();
        }
    });

    it('demands form_post where name or address are asked for', async () => {
        const config = await configWith(await signedSecret(1, standIn.issuer));
        const url = new URL(begin(config, 'x'));
        url.searchParams.delete('response_mode');
        expect((await open(url.href)).status).toBe(400);
    });
});
