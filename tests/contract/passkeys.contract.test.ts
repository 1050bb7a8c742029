// Passkeys through auth-js, on the embedded stack or a hosted project with passkeys switched on: a software authenticator
// registers, signs in, and lies. What needs a clock or settings of its own is in keys-time.
import { randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { anAuthenticator, tampered, type Authenticator, type Lies } from '../support/authenticator.ts';
import { codeShown } from '../support/authenticator-app.ts';
import { stack } from '../support/stack.ts';
import { aMember, aVisitor, cameFrom, refusalOf, signedIn, type Member } from './visitors.ts';

const project = stack();
const service = aVisitor(project);
/** Where the app that these people use lives: a hosted project's is CONTRACT_APP_ORIGIN. */
const origin = project.env.APP_ORIGIN ?? '';

async function register({ client }: Pick<Member, 'client'>, device: Authenticator, lies: Lies = {}) {
    const { data, error } = await client.auth.passkey.startRegistration();
    if (error) return { data: null, error };
    return client.auth.passkey.verifyRegistration({
        challengeId: data.challenge_id,
        credential: device.create(data.options, lies)
    });
}

async function enter(device: Authenticator, lies: Lies = {}, visitor = aVisitor(project)) {
    const { data, error } = await visitor.auth.passkey.startAuthentication();
    if (error) throw error;
    const credential = device.get(data.options, lies);
    const answer = () =>
        visitor.auth.passkey.verifyAuthentication({ challengeId: data.challenge_id, credential });
    return { ...(await answer()), again: answer, visitor };
}

async function aMemberWithPasskey(options: Parameters<typeof anAuthenticator>[1] = {}) {
    const member = await aMember(project);
    const device = anAuthenticator(origin, options);
    const { data, error } = await register(member, device);
    if (error) throw error;
    return { ...member, device, passkey: data };
}

const wrong = { status: 400, code: 'webauthn_verification_failed' };

describe('registering a passkey', () => {
    it('is announced in the settings, and asks the browser for a key that knows its holder', async () => {
        const settings = await fetch(`${project.apiUrl}/auth/v1/settings`, { headers: cameFrom(project) });
        expect(await settings.json()).toMatchObject({ passkeys_enabled: true });
        const { id, email, client } = await aMember(project);
        const { data } = await client.auth.passkey.startRegistration();
        expect(data).toMatchObject({
            challenge_id: expect.any(String),
            expires_at: expect.any(Number),
            options: {
                rp: { id: new URL(origin).hostname, name: expect.any(String) },
                user: { id: Buffer.from(id).toString('base64url'), name: email, displayName: email },
                challenge: expect.stringMatching(/^[\w-]{22,}$/),
                pubKeyCredParams: expect.arrayContaining([{ type: 'public-key', alg: -7 }]),
                authenticatorSelection: { residentKey: 'required', userVerification: 'preferred' },
                attestation: 'none'
            }
        });
    });

    it('leaves one more way in, listed by name, and asks for no second key of the same device', async () => {
        const member = await aMember(project);
        const device = anAuthenticator(origin);
        const { data } = await register(member, device);
        expect(data).toEqual({
            id: expect.any(String),
            friendly_name: expect.any(String),
            created_at: expect.any(String)
        });
        const { data: list } = await member.client.auth.passkey.list();
        expect(list).toMatchObject([{ id: data?.id, friendly_name: data?.friendly_name }]);
        expect(JSON.stringify(list)).not.toMatch(/public_key|credential_id/);
        const { data: next } = await member.client.auth.passkey.startRegistration();
        expect(next?.options.excludeCredentials?.map(({ id }) => id)).toEqual(device.keys());
        expect(() => next && device.create(next.options)).toThrow('InvalidStateError');
    });

    it('refuses an answer for another site, origin, challenge or ceremony, or without anybody there', async () => {
        const member = await aMember(project);
        const lies: Record<string, Lies> = {
            origin: { origin: 'https://evil.example' },
            rpId: { rpId: 'evil.example' },
            challenge: { challenge: randomBytes(32).toString('base64url') },
            ceremony: { type: 'webauthn.get' },
            absence: { absent: true }
        };
        const answers: Record<string, unknown> = {};
        for (const [name, lie] of Object.entries(lies))
            answers[name] = refusalOf((await register(member, anAuthenticator(origin), lie)).error);
        expect(answers).toEqual(Object.fromEntries(Object.keys(lies).map((name) => [name, wrong])));
        expect((await member.client.auth.passkey.list()).data).toEqual([]);
    });

    it('takes a challenge once and of its own person only', async () => {
        const [one, two] = await Promise.all([aMember(project), aMember(project)]);
        const device = anAuthenticator(origin);
        const { data } = await one.client.auth.passkey.startRegistration();
        if (!data) throw new Error('no registration was offered');
        const answer = { challengeId: data.challenge_id, credential: device.create(data.options) };
        const unknown = { status: 400, code: 'webauthn_challenge_not_found' };
        expect(refusalOf((await two.client.auth.passkey.verifyRegistration(answer)).error)).toEqual(unknown);
        expect((await one.client.auth.passkey.verifyRegistration(answer)).error).toBeNull();
        expect(refusalOf((await one.client.auth.passkey.verifyRegistration(answer)).error)).toEqual(unknown);
        const none = { ...answer, challengeId: randomUUID() };
        expect(refusalOf((await one.client.auth.passkey.verifyRegistration(none)).error)).toEqual(unknown);
    });

    it('refuses a key that is somebody’s already', async () => {
        const { device } = await aMemberWithPasskey();
        const other = await aMember(project);
        const [credentialId] = device.keys();
        const { error } = await register(
            other,
            anAuthenticator(origin),
            credentialId ? { credentialId } : {}
        );
        expect(refusalOf(error)).toEqual({ status: 422, code: 'webauthn_credential_exists' });
    });

    it('stops at ten', async () => {
        const member = await aMember(project);
        for (let i = 0; i < 10; i += 1) {
            const { error } = await register(member, anAuthenticator(origin));
            if (error) throw error;
        }
        const { error } = await register(member, anAuthenticator(origin));
        expect(refusalOf(error)).toEqual({ status: 422, code: 'too_many_passkeys' });
    });

    it('needs somebody signed in, at aal2 when they have a factor', async () => {
        const nobody = aVisitor(project);
        expect((await nobody.auth.passkey.startRegistration()).error?.name).toBe('AuthSessionMissingError');
        const { email, password, client, passkey } = await aMemberWithPasskey();
        const { data: app } = await client.auth.mfa.enroll({ factorType: 'totp', friendlyName: 'Phone' });
        if (app?.type !== 'totp') throw new Error('no app was enrolled');
        const code = codeShown(app.totp.secret);
        await client.auth.mfa.challengeAndVerify({ factorId: app.id, code });
        const low = await signedIn(project, email, password);
        const insufficient = { status: 403, code: 'insufficient_aal' };
        expect(refusalOf((await register(low, anAuthenticator(origin))).error)).toEqual(insufficient);
        const removed = await low.client.auth.passkey.delete({ passkeyId: passkey.id });
        expect(refusalOf(removed.error)).toEqual(insufficient);
        expect((await low.client.auth.passkey.list()).data).toHaveLength(1);
        expect((await register({ client }, anAuthenticator(origin))).error).toBeNull();
    });
});

describe('signing in with a passkey', () => {
    it('needs neither address nor password, and says how it was done', async () => {
        const { id, device, client } = await aMemberWithPasskey();
        const { data, error, visitor } = await enter(device);
        expect(error).toBeNull();
        expect(data?.user?.id).toBe(id);
        const claims = await visitor.auth.getClaims();
        expect(claims.data?.claims).toMatchObject({ sub: id, aal: 'aal1', amr: [{ method: 'passkey' }] });
        const { data: list } = await client.auth.passkey.list();
        expect(list?.[0]?.last_used_at).toEqual(expect.any(String));
        expect((await enter(device)).error).toBeNull();
    });

    it('works with keys that are synced between devices and keep no count', async () => {
        const { id, device } = await aMemberWithPasskey({ synced: true, counting: false });
        expect((await enter(device)).data?.user?.id).toBe(id);
        expect((await enter(device)).data?.user?.id).toBe(id);
    });

    it('refuses another origin, site, challenge or ceremony, a changed signature, and nobody there', async () => {
        const { device } = await aMemberWithPasskey();
        const lies: Record<string, Lies> = {
            origin: { origin: 'https://evil.example' },
            rpId: { rpId: 'evil.example' },
            challenge: { challenge: randomBytes(32).toString('base64url') },
            ceremony: { type: 'webauthn.create' },
            absence: { absent: true },
            signature: { signature: tampered },
            noKey: { credentialId: randomBytes(32).toString('base64url') },
            nobody: { userId: randomUUID() }
        };
        const answers: Record<string, unknown> = {};
        for (const [name, lie] of Object.entries(lies))
            answers[name] = refusalOf((await enter(device, lie)).error);
        expect(answers).toEqual(Object.fromEntries(Object.keys(lies).map((name) => [name, wrong])));
        expect((await enter(device)).error).toBeNull();
    });

    it('refuses a key in somebody else’s name, either way round', async () => {
        const [victim, thief] = await Promise.all([aMemberWithPasskey(), aMemberWithPasskey()]);
        const [stolen] = victim.device.keys();
        const named = await enter(thief.device, { userId: victim.id });
        expect(refusalOf(named.error)).toEqual(wrong);
        const borrowed = await enter(thief.device, {
            userId: victim.id,
            ...(stolen ? { credentialId: stolen } : {})
        });
        expect(refusalOf(borrowed.error)).toEqual(wrong);
    });

    it('takes an answer once: neither again nor after a wrong one for the same challenge', async () => {
        const { device } = await aMemberWithPasskey();
        const spent = { status: 400, code: 'webauthn_challenge_not_found' };
        const good = await enter(device);
        expect(good.error).toBeNull();
        expect(refusalOf((await good.again()).error)).toEqual(spent);
        const bad = await enter(device, { origin: 'https://evil.example' });
        expect(refusalOf((await bad.again()).error)).toEqual(spent);
    });

    it('lets a counter that went backwards through, as the server documents nowhere but does', async () => {
        const { device } = await aMemberWithPasskey();
        expect((await enter(device, { counter: 40 })).error).toBeNull();
        expect((await enter(device, { counter: 7 })).error).toBeNull();
    });

    it('refuses a key that was removed, and a person who is banned', async () => {
        const { id, device, client, passkey } = await aMemberWithPasskey();
        await service.auth.admin.updateUserById(id, { ban_duration: '24h' });
        expect(refusalOf((await enter(device)).error)).toEqual({ status: 403, code: 'user_banned' });
        await service.auth.admin.updateUserById(id, { ban_duration: 'none' });
        expect((await client.auth.passkey.delete({ passkeyId: passkey.id })).error).toBeNull();
        expect(refusalOf((await enter(device)).error)).toEqual(wrong);
    });

    it('wants a challenge and an answer', async () => {
        const post = (body: object) =>
            fetch(`${project.apiUrl}/auth/v1/passkeys/authentication/verify`, {
                method: 'POST',
                headers: {
                    ...cameFrom(project),
                    'Content-Type': 'application/json',
                    'X-Supabase-Api-Version': '2024-01-01'
                },
                body: JSON.stringify(body)
            });
        for (const body of [{}, { challenge_id: randomUUID() }, { challenge_id: 'x', credential: {} }]) {
            const answer = await post(body);
            expect(answer.status).toBe(400);
            expect(await answer.json()).toMatchObject({ code: 'validation_failed' });
        }
    });
});

describe('keeping passkeys', () => {
    it('renames one, and refuses an empty or endless name and a stranger’s passkey', async () => {
        const [{ client, passkey }, stranger] = await Promise.all([aMemberWithPasskey(), aMember(project)]);
        const rename = (by: Member['client'], friendlyName: string) =>
            by.auth.passkey.update({ passkeyId: passkey.id, friendlyName });
        expect((await rename(client, 'Van phone')).data).toMatchObject({
            id: passkey.id,
            friendly_name: 'Van phone'
        });
        const invalid = { status: 400, code: 'validation_failed' };
        expect(refusalOf((await rename(client, 'x'.repeat(121))).error)).toEqual(invalid);
        const missing = { status: 404, code: 'validation_failed' };
        expect(refusalOf((await rename(stranger.client, 'Mine')).error)).toEqual(missing);
        const removed = await stranger.client.auth.passkey.delete({ passkeyId: passkey.id });
        expect(refusalOf(removed.error)).toEqual(missing);
        expect((await client.auth.passkey.list()).data).toMatchObject([{ friendly_name: 'Van phone' }]);
    });

    it('the service key lists and removes anybody’s', async () => {
        const { id: userId, device, passkey } = await aMemberWithPasskey();
        const { passkey: admin } = service.auth.admin;
        expect((await admin.listPasskeys({ userId })).data).toMatchObject([{ id: passkey.id }]);
        expect((await admin.deletePasskey({ userId, passkeyId: passkey.id })).error).toBeNull();
        expect((await admin.listPasskeys({ userId })).data).toEqual([]);
        expect(refusalOf((await enter(device)).error)).toEqual(wrong);
    });

    it('goes with the person', async () => {
        const { id, device } = await aMemberWithPasskey();
        await service.auth.admin.deleteUser(id);
        expect(refusalOf((await enter(device)).error)).toEqual(wrong);
    });
});
