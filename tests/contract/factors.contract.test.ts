// Second factors through auth-js, on the embedded stack or a hosted project with TOTP switched on: an authenticator app is
// enrolled, proves a session, and is removed. What needs a clock or settings of its own is in factors-time.
import { randomUUID } from 'node:crypto';
import decodeQR from 'qr/decode.js';
import sharp from 'sharp';
import type { SupabaseClient } from '@supabase/supabase-js';
import { describe, expect, it } from 'vitest';
import { codeShown, wrongCode } from '../support/authenticator-app.ts';
import { stack } from '../support/stack.ts';
import {
    aClientAddress,
    aMember,
    aPassword,
    aVisitor,
    cameFrom,
    refusalOf,
    signedIn,
    type Member
} from './visitors.ts';

const project = stack();
const service = aVisitor(project);

type App = { id: string; secret: string; uri: string; qrCode: string };

async function anApp(client: SupabaseClient, friendlyName = `App ${randomUUID()}`): Promise<App> {
    const { data, error } = await client.auth.mfa.enroll({ factorType: 'totp', friendlyName });
    if (error) throw error;
    return { id: data.id, secret: data.totp.secret, uri: data.totp.uri, qrCode: data.totp.qr_code };
}

const prove = (client: SupabaseClient, app: App, code = codeShown(app.secret)) =>
    client.auth.mfa.challengeAndVerify({ factorId: app.id, code });

/** Somebody whose session is at aal2 by an app of theirs. */
async function aMemberWithApp(): Promise<Member & { app: App }> {
    const member = await aMember(project);
    const app = await anApp(member.client);
    const { error } = await prove(member.client, app);
    if (error) throw error;
    return { ...member, app };
}

async function claimsOf(client: SupabaseClient): Promise<Record<string, unknown>> {
    const { data } = await client.auth.getSession();
    const [, claims = ''] = data.session?.access_token.split('.') ?? [];
    return JSON.parse(Buffer.from(claims, 'base64url').toString()) as Record<string, unknown>;
}

const factorsOf = async (client: SupabaseClient) => (await client.auth.mfa.listFactors()).data?.all ?? [];

describe('enrolling an authenticator app', () => {
    it('gives a secret, an address that apps open, and a picture that shows this very address', async () => {
        const { client, email } = await aMember(project);
        const app = await anApp(client, 'Phone');
        const uri = new URL(app.uri);
        expect(uri.protocol).toBe('otpauth:');
        expect(uri.host).toBe('totp');
        expect(decodeURIComponent(uri.pathname)).toContain(email);
        expect(uri.searchParams.get('secret')).toBe(app.secret);
        expect(uri.searchParams.get('issuer')).toBeTruthy();
        expect(app.secret).toMatch(/^[A-Z2-7]{32}$/);
        const [prefix, svg = ''] = app.qrCode.split(/,(.*)/s);
        expect(prefix).toBe('data:image/svg+xml;utf-8');
        const { data, info } = await sharp(Buffer.from(svg), { density: 300 })
            .flatten({ background: 'white' })
            .resize(600)
            .ensureAlpha()
            .raw()
            .toBuffer({ resolveWithObject: true });
        expect(decodeQR({ width: info.width, height: info.height, data })).toBe(app.uri);
    });

    it('takes the issuer it is told', async () => {
        const { client } = await aMember(project);
        const { data } = await client.auth.mfa.enroll({ factorType: 'totp', issuer: 'Acme Roofs' });
        const uri = data?.type === 'totp' ? new URL(data.totp.uri) : undefined;
        expect(uri?.searchParams.get('issuer')).toBe('Acme Roofs');
    });

    it('leaves a factor that proves nothing yet, and shows it without its secret', async () => {
        const { client } = await aMember(project);
        const app = await anApp(client, 'Phone');
        const listed = await client.auth.mfa.listFactors();
        expect(listed.data?.all).toMatchObject([
            { id: app.id, status: 'unverified', friendly_name: 'Phone', factor_type: 'totp' }
        ]);
        expect(listed.data?.totp).toEqual([]);
        expect(JSON.stringify(listed.data)).not.toContain(app.secret);
        const level = await client.auth.mfa.getAuthenticatorAssuranceLevel();
        expect(level.data).toMatchObject({ currentLevel: 'aal1', nextLevel: 'aal1' });
    });

    it('refuses a name that is taken, an unverified factor’s and an empty one too', async () => {
        const { client } = await aMember(project);
        await anApp(client, 'Phone');
        const enrol = (friendlyName?: string) =>
            client.auth.mfa.enroll({ factorType: 'totp', ...(friendlyName ? { friendlyName } : {}) });
        const conflict = { status: 422, code: 'mfa_factor_name_conflict' };
        expect(refusalOf((await enrol('Phone')).error)).toEqual(conflict);
        expect((await enrol()).error).toBeNull();
        expect(refusalOf((await enrol()).error)).toEqual(conflict);
    });

    it('stops at ten factors', async () => {
        const { client } = await aMember(project);
        for (let i = 0; i < 10; i += 1) await anApp(client);
        const { error } = await client.auth.mfa.enroll({ factorType: 'totp', friendlyName: 'Eleventh' });
        expect(refusalOf(error)).toEqual({ status: 422, code: 'too_many_enrolled_mfa_factors' });
    });

    it('wants a token of somebody and a kind of factor that exists', async () => {
        const post = (body: object, token?: string) =>
            fetch(`${project.apiUrl}/auth/v1/factors`, {
                method: 'POST',
                headers: {
                    ...cameFrom(project),
                    'Content-Type': 'application/json',
                    'X-Supabase-Api-Version': '2024-01-01',
                    ...(token ? { Authorization: `Bearer ${token}` } : {})
                },
                body: JSON.stringify(body)
            });
        const { session } = await aMember(project);
        const odd = await post({ factor_type: 'carrier-pigeon' }, session.access_token);
        expect(odd.status).toBe(400);
        expect(await odd.json()).toMatchObject({ code: 'validation_failed' });
        expect((await post({ factor_type: 'totp' }, 'nonsense')).status).toBe(403);
    });
});

describe('proving a session', () => {
    it('raises this very session, swaps its refresh token and ends every session below', async () => {
        const { email, password, client, session } = await aMember(project);
        const other = await signedIn(project, email, password);
        const before = await claimsOf(client);
        const [app, left] = [await anApp(client), await anApp(client)];
        const { data, error } = await prove(client, app);
        expect(error).toBeNull();
        expect(data?.refresh_token).not.toBe(session.refresh_token);
        const after = await claimsOf(client);
        expect(after).toMatchObject({ session_id: before.session_id, aal: 'aal2' });
        expect(after.amr).toMatchObject(
            expect.arrayContaining([
                { method: 'totp', timestamp: expect.any(Number) },
                { method: 'password', timestamp: expect.any(Number) }
            ])
        );
        expect((await other.client.auth.getUser(other.session.access_token)).error?.name).toBe(
            'AuthSessionMissingError'
        );
        const factors = await factorsOf(client);
        expect(factors).toMatchObject([{ id: app.id, status: 'verified' }]);
        expect(factors.map(({ id }) => id)).not.toContain(left.id);
    });

    it('lasts through a refresh, and is asked for anew by the next sign-in', async () => {
        const { email, password, client, app } = await aMemberWithApp();
        expect((await client.auth.refreshSession()).error).toBeNull();
        expect(await claimsOf(client)).toMatchObject({ aal: 'aal2' });
        const next = await signedIn(project, email, password);
        const level = await next.client.auth.mfa.getAuthenticatorAssuranceLevel();
        expect(level.data).toMatchObject({ currentLevel: 'aal1', nextLevel: 'aal2' });
        expect((await prove(next.client, app)).error).toBeNull();
        expect((await client.auth.getUser()).error).toBeNull();
    });

    it('takes no wrong code and no empty one', async () => {
        const { client } = await aMember(project);
        const app = await anApp(client);
        const wrong = await prove(client, app, wrongCode(app.secret));
        expect(refusalOf(wrong.error)).toEqual({ status: 422, code: 'mfa_verification_failed' });
        const empty = await prove(client, app, '');
        expect(refusalOf(empty.error)).toEqual({ status: 400, code: 'validation_failed' });
        expect(await claimsOf(client)).toMatchObject({ aal: 'aal1' });
        expect(await factorsOf(client)).toMatchObject([{ status: 'unverified' }]);
    });

    it('answers a challenge once, and only from the address that asked for it', async () => {
        const { email, password, client, app } = await aMemberWithApp();
        const asked = await client.auth.mfa.challenge({ factorId: app.id });
        const challengeId = asked.data?.id ?? '';
        expect(asked.data).toMatchObject({ type: 'totp', expires_at: expect.any(Number) });
        const answer = (by: SupabaseClient) =>
            by.auth.mfa.verify({ factorId: app.id, challengeId, code: codeShown(app.secret) });
        const elsewhere = await signedIn(project, email, password);
        const mismatch = { status: 422, code: 'mfa_ip_address_mismatch' };
        expect(refusalOf((await answer(elsewhere.client)).error)).toEqual(mismatch);
        expect((await answer(client)).error).toBeNull();
        expect(refusalOf((await answer(client)).error)).toEqual(mismatch);
    });

    it('remembers no code: the same digits pass again with a challenge of their own', async () => {
        const { client, app } = await aMemberWithApp();
        const code = codeShown(app.secret);
        expect((await prove(client, app, code)).error).toBeNull();
        expect((await prove(client, app, code)).error).toBeNull();
    });

    it('lets one of two answers given at once pass', async () => {
        const { email, password, app } = await aMemberWithApp();
        const browser = { address: aClientAddress(), storage: new Map<string, string>() };
        const [one, two] = [aVisitor(project, browser), aVisitor(project, browser)];
        await one.auth.signInWithPassword({ email, password });
        const { data } = await one.auth.mfa.challenge({ factorId: app.id });
        const answer = { factorId: app.id, challengeId: data?.id ?? '', code: codeShown(app.secret) };
        const answers = await Promise.all([one, two].map((tab) => tab.auth.mfa.verify(answer)));
        expect(answers.filter(({ error }) => error === null)).toHaveLength(1);
        expect(answers.map(({ error }) => error && refusalOf(error))).toContainEqual({
            status: 422,
            code: 'mfa_ip_address_mismatch'
        });
    });

    it('knows no factor of somebody else, none that is gone, and no challenge of another factor', async () => {
        const [{ client, app }, stranger] = await Promise.all([aMemberWithApp(), aMember(project)]);
        const missing = { status: 404, code: 'mfa_factor_not_found' };
        expect(refusalOf((await prove(stranger.client, app)).error)).toEqual(missing);
        expect(refusalOf((await prove(client, { ...app, id: randomUUID() })).error)).toEqual(missing);
        expect(refusalOf((await prove(client, { ...app, id: 'phone' })).error)).toEqual({
            status: 404,
            code: 'validation_failed'
        });
        const second = await anApp(client);
        const { data } = await client.auth.mfa.challenge({ factorId: second.id });
        const crossed = await client.auth.mfa.verify({
            factorId: app.id,
            challengeId: data?.id ?? '',
            code: codeShown(app.secret)
        });
        expect(refusalOf(crossed.error)).toEqual({ status: 422, code: 'mfa_factor_not_found' });
    });
});

describe('a session below aal2 of somebody who has a factor', () => {
    it('adds no factor, removes none that is verified, and changes neither address nor password', async () => {
        const { email, password, app } = await aMemberWithApp();
        const { client } = await signedIn(project, email, password);
        const added = await client.auth.mfa.enroll({ factorType: 'totp', friendlyName: 'Mine' });
        expect(refusalOf(added.error)).toEqual({ status: 403, code: 'insufficient_aal' });
        const removed = await client.auth.mfa.unenroll({ factorId: app.id });
        expect(refusalOf(removed.error)).toEqual({ status: 422, code: 'insufficient_aal' });
        const low = { status: 401, code: 'insufficient_aal' };
        const renewed = await client.auth.updateUser({ password: aPassword() });
        expect(refusalOf(renewed.error)).toEqual(low);
        const moved = await client.auth.updateUser({ email: `else-${email}` });
        expect(refusalOf(moved.error)).toEqual(low);
        expect((await client.auth.updateUser({ data: { van: 'blue' } })).error).toBeNull();
        expect((await prove(client, app)).error).toBeNull();
        expect((await client.auth.updateUser({ password: aPassword() })).error).toBeNull();
    });
});

describe('removing a factor', () => {
    it('lowers the sessions that it raised, which stay', async () => {
        const { client, app } = await aMemberWithApp();
        const { data, error } = await client.auth.mfa.unenroll({ factorId: app.id });
        expect(error).toBeNull();
        expect(data).toEqual({ id: app.id });
        expect(await factorsOf(client)).toEqual([]);
        expect((await client.auth.refreshSession()).error).toBeNull();
        expect(await claimsOf(client)).toMatchObject({ aal: 'aal1', amr: [{ method: 'password' }] });
    });

    it('that was never verified needs no second one', async () => {
        const { client } = await aMember(project);
        const app = await anApp(client);
        expect((await client.auth.mfa.unenroll({ factorId: app.id })).error).toBeNull();
        expect(await factorsOf(client)).toEqual([]);
    });
});

describe('the service key', () => {
    it('lists, renames and removes anybody’s factors, and their sessions fall back', async () => {
        const { id: userId, client, app } = await aMemberWithApp();
        const { mfa } = service.auth.admin;
        const listed = await mfa.listFactors({ userId });
        expect(listed.data?.factors).toMatchObject([{ id: app.id, status: 'verified' }]);
        expect(JSON.stringify(listed.data)).not.toContain(app.secret);
        const renamed = await fetch(`${project.apiUrl}/auth/v1/admin/users/${userId}/factors/${app.id}`, {
            method: 'PUT',
            headers: { ...cameFrom(project), 'Content-Type': 'application/json' },
            body: JSON.stringify({ friendly_name: 'Old phone' })
        });
        expect(await renamed.json()).toMatchObject({ id: app.id, friendly_name: 'Old phone' });
        const removed = await mfa.deleteFactor({ userId, id: app.id });
        expect(removed.error).toBeNull();
        expect((await mfa.listFactors({ userId })).data?.factors).toEqual([]);
        expect((await client.auth.refreshSession()).error).toBeNull();
        expect(await claimsOf(client)).toMatchObject({ aal: 'aal1' });
        const again = await mfa.deleteFactor({ userId, id: app.id });
        expect(refusalOf(again.error)).toEqual({ status: 404, code: 'mfa_factor_not_found' });
    });

    it('is needed: a person’s own token does not list factors so', async () => {
        const { id, session } = await aMember(project);
        const answer = await fetch(`${project.apiUrl}/auth/v1/admin/users/${id}/factors`, {
            headers: { ...cameFrom(project), Authorization: `Bearer ${session.access_token}` }
        });
        expect(answer.status).toBe(403);
    });
});

describe('recovery codes', () => {
    it('are a thing of the platform alone: every way to them is refused', async () => {
        const { client, app } = await aMemberWithApp();
        const { session } = (await client.auth.getSession()).data;
        const call = async (method: string, path: string, body?: object) => {
            const answer = await fetch(`${project.apiUrl}/auth/v1/factors/recovery-codes${path}`, {
                method,
                headers: {
                    ...cameFrom(project),
                    'Content-Type': 'application/json',
                    'X-Supabase-Api-Version': '2024-01-01',
                    Authorization: `Bearer ${session?.access_token}`
                },
                ...(body ? { body: JSON.stringify(body) } : {})
            });
            return [answer.status, ((await answer.json()) as { code: string }).code];
        };
        expect(await call('GET', '')).toEqual([404, 'mfa_factor_not_found']);
        expect(await call('POST', '')).toEqual([422, 'mfa_recovery_codes_enroll_not_enabled']);
        expect(await call('POST', '/regenerate')).toEqual([422, 'mfa_recovery_codes_enroll_not_enabled']);
        expect(await call('POST', '/verify', { code: 'abcd' })).toEqual([
            422,
            'mfa_recovery_codes_verify_not_enabled'
        ]);
        expect(await call('DELETE', '')).toEqual([404, 'mfa_factor_not_found']);
        expect(await factorsOf(client)).toMatchObject([{ id: app.id }]);
    });
});
