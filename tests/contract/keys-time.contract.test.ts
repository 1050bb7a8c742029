// Passkeys and security keys as time passes and under other settings: what only a clock that stands still and a server of
// one's own can show.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { anAuthenticator } from '../support/authenticator.ts';
import { startOwnStack, type OwnStack } from '../support/stack.ts';
import { startAuthServers, type AuthServers } from './auth-servers.ts';
import { startMailHook, type MailHook } from './mail-hook.ts';
import { anAddress, aPassword, refusalOf } from './visitors.ts';

let hook: MailHook;
let stack: OwnStack;
let servers: AuthServers;

const ORIGIN = 'https://app.example';
const KEYS_ON = {
    passkey: { enabled: true },
    mfa: { web_authn: { enroll_enabled: true, verify_enabled: true } },
    webauthn: { rp_display_name: 'App', rp_id: 'app.example', rp_origins: [ORIGIN] }
};

beforeAll(async () => {
    hook = await startMailHook();
    stack = await startOwnStack({
        migrate: false,
        given: { SEND_EMAIL_HOOK_URI: hook.uri, SEND_EMAIL_HOOK_SECRETS: hook.secrets }
    });
    servers = startAuthServers(stack.info, hook);
});

afterAll(async () => {
    await servers.close();
    await stack.stopAndForget();
    await hook.hangUp();
});

async function aVisitorAt(settings: Record<string, unknown>) {
    servers.clock.standStill();
    const client = await servers.visitorOf(settings);
    await client.auth.signUp({ email: anAddress(), password: aPassword() });
    return client;
}

describe('the challenge of a passkey', () => {
    const expired = { status: 400, code: 'webauthn_challenge_expired' };
    const spent = { status: 400, code: 'webauthn_challenge_not_found' };

    it('lives five minutes at either ceremony, and a late answer spends it', async () => {
        const { auth } = await aVisitorAt(KEYS_ON);
        const device = anAuthenticator(ORIGIN);
        const offer = async () => {
            const { data, error } = await auth.passkey.startRegistration();
            if (error) throw error;
            return { challengeId: data.challenge_id, credential: device.create(data.options) };
        };
        const [early, late] = [await offer(), await offer()];
        servers.clock.advance(300);
        expect((await auth.passkey.verifyRegistration(early)).error).toBeNull();
        servers.clock.advance(1);
        expect(refusalOf((await auth.passkey.verifyRegistration(late)).error)).toEqual(expired);
        expect(refusalOf((await auth.passkey.verifyRegistration(late)).error)).toEqual(spent);

        const { data } = await auth.passkey.startAuthentication();
        if (!data) throw new Error('no sign-in was offered');
        const answer = {
            challengeId: data.challenge_id,
            credential: device.get({ ...data.options, allowCredentials: [{ id: early.credential.id }] })
        };
        servers.clock.advance(301);
        expect(refusalOf((await auth.passkey.verifyAuthentication(answer)).error)).toEqual(expired);
        expect(refusalOf((await auth.passkey.verifyAuthentication(answer)).error)).toEqual(spent);
    });

    it('is given out thirty times in five minutes to an address that wants to sign in', async () => {
        const { auth } = await aVisitorAt(KEYS_ON);
        const ask = async () => refusalOf((await auth.passkey.startAuthentication()).error);
        const thirty = [];
        for (let i = 0; i < 30; i += 1) thirty.push(await ask());
        expect(thirty).toEqual(Array.from({ length: 30 }, () => null));
        expect(await ask()).toEqual({ status: 429, code: 'over_request_rate_limit' });
        servers.clock.advance(10);
        expect(await ask()).toBeNull();
    });
});

describe('the challenge of a security key', () => {
    it('lives five minutes', async () => {
        const { auth } = await aVisitorAt(KEYS_ON);
        const { data: factor } = await auth.mfa.enroll({ factorType: 'webauthn', friendlyName: 'Key' });
        const webauthn = { rpId: 'app.example', rpOrigins: [ORIGIN] };
        const factorId = factor?.id ?? '';
        const { data } = await auth.mfa.challenge({ factorId, webauthn });
        if (data?.type !== 'webauthn' || data.webauthn.type !== 'create')
            throw new Error('a new key was not asked to be made');
        const made = anAuthenticator(ORIGIN).create(data.webauthn.credential_options.publicKey);
        servers.clock.advance(301);
        const { error } = await auth.mfa.verify({
            factorId,
            challengeId: data.id,
            webauthn: { ...webauthn, type: 'create', credential_response: made as never }
        });
        expect(refusalOf(error)).toEqual({ status: 422, code: 'mfa_challenge_expired' });
    });
});

describe('where passkeys are switched off', () => {
    it('there are none, whoever asks', async () => {
        const { auth } = await aVisitorAt({});
        const off = { status: 404, code: 'passkey_disabled' };
        expect(refusalOf((await auth.passkey.startAuthentication()).error)).toEqual(off);
        expect(refusalOf((await auth.passkey.startRegistration()).error)).toEqual(off);
        expect(refusalOf((await auth.passkey.list()).error)).toEqual(off);
        const server = await servers.serverWith({});
        const settings = await server.fetch(new Request('http://auth.example/settings'));
        expect(await settings.json()).toMatchObject({ passkeys_enabled: false });
    });
});
