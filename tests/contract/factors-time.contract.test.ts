// Second factors as time passes and under other settings: what only a clock that stands still and a server of one's own
// can show.
import type { SupabaseClient } from '@supabase/supabase-js';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeShown } from '../support/authenticator-app.ts';
import { startOwnStack, type OwnStack } from '../support/stack.ts';
import { startAuthServers, type AuthServers } from './auth-servers.ts';
import { startMailHook, type MailHook } from './mail-hook.ts';
import { anAddress, aPassword, refusalOf } from './visitors.ts';

let hook: MailHook;
let stack: OwnStack;
let servers: AuthServers;
let sql: postgres.Sql;

const TOTP_ON = { mfa: { totp: { enroll_enabled: true, verify_enabled: true } } };

beforeAll(async () => {
    hook = await startMailHook();
    stack = await startOwnStack({
        migrate: false,
        given: { SEND_EMAIL_HOOK_URI: hook.uri, SEND_EMAIL_HOOK_SECRETS: hook.secrets }
    });
    servers = startAuthServers(stack.info, hook);
    sql = postgres(stack.info.superuserUrl, { max: 1 });
});

afterAll(async () => {
    await servers.close();
    await sql.end();
    await stack.stopAndForget();
    await hook.hangUp();
});

async function aVisitorWithApp(settings: Record<string, unknown> = TOTP_ON) {
    servers.clock.standStill();
    const client = await servers.visitorOf(settings);
    await client.auth.signUp({ email: anAddress(), password: aPassword() });
    const { data, error } = await client.auth.mfa.enroll({ factorType: 'totp', friendlyName: 'Phone' });
    if (error) throw error;
    return { client, factorId: data.id, secret: data.totp.secret };
}

const challenge = async (client: SupabaseClient, factorId: string): Promise<string> => {
    const { data, error } = await client.auth.mfa.challenge({ factorId });
    if (error) throw error;
    return data.id;
};

describe('a code', () => {
    it('holds for a step to either side of its own, no more', async () => {
        const { client, factorId, secret } = await aVisitorWithApp();
        const prove = async (steps: number) => {
            const code = codeShown(secret, servers.clock.now(), steps);
            return refusalOf((await client.auth.mfa.challengeAndVerify({ factorId, code })).error);
        };
        const wrong = { status: 422, code: 'mfa_verification_failed' };
        const answers = [];
        for (const steps of [-2, -1, 0, 1, 2]) answers.push(await prove(steps));
        expect(answers).toEqual([wrong, null, null, null, wrong]);
    });
});

describe('a challenge', () => {
    const expired = { status: 422, code: 'mfa_challenge_expired' };
    const gone = { status: 422, code: 'mfa_factor_not_found' };

    it('lives five minutes, and is gone when it was answered late', async () => {
        const { client, factorId, secret } = await aVisitorWithApp();
        const answer = async (challengeId: string) => {
            const code = codeShown(secret, servers.clock.now());
            return refusalOf((await client.auth.mfa.verify({ factorId, challengeId, code })).error);
        };
        const [early, late] = [await challenge(client, factorId), await challenge(client, factorId)];
        servers.clock.advance(300);
        expect(await answer(early)).toBeNull();
        servers.clock.advance(1);
        expect(await answer(late)).toEqual(expired);
        expect(await answer(late)).toEqual(gone);
    });
});

describe('a factor that was begun and not finished', () => {
    it('is gone at the next enrolment after five minutes, unless it has been challenged', async () => {
        const { client, factorId } = await aVisitorWithApp();
        const asked = await client.auth.mfa.enroll({ factorType: 'totp', friendlyName: 'Asked' });
        await challenge(client, asked.data?.id ?? '');
        const enrol = (friendlyName: string) => client.auth.mfa.enroll({ factorType: 'totp', friendlyName });
        expect(refusalOf((await enrol('Phone')).error)?.code).toBe('mfa_factor_name_conflict');
        servers.clock.advance(301);
        expect((await enrol('Phone')).error).toBeNull();
        expect(refusalOf((await enrol('Asked')).error)?.code).toBe('mfa_factor_name_conflict');
        expect(await sql`select from auth.mfa_factors where id = ${factorId}`).toHaveLength(0);
    });
});

describe('the limit of factors', () => {
    it('is thirty challenges at once and fifteen a minute, and the same for answers', async () => {
        const { client, factorId } = await aVisitorWithApp();
        const over = { status: 429, code: 'over_request_rate_limit' };
        const ask = async () => refusalOf((await client.auth.mfa.challenge({ factorId })).error);
        const thirty = [];
        for (let i = 0; i < 30; i += 1) thirty.push(await ask());
        expect(thirty).toEqual(Array.from({ length: 30 }, () => null));
        expect(await ask()).toEqual(over);
        servers.clock.advance(4);
        const challengeId = await challenge(client, factorId);
        expect(await ask()).toEqual(over);
        const answer = async () =>
            refusalOf((await client.auth.mfa.verify({ factorId, challengeId, code: '000' })).error);
        for (let i = 0; i < 30; i += 1) expect((await answer())?.status).toBe(422);
        expect(await answer()).toEqual(over);
    });

    it('is as many factors as config.toml allows', async () => {
        const { client } = await aVisitorWithApp({ mfa: { ...TOTP_ON.mfa, max_enrolled_factors: 1 } });
        const { error } = await client.auth.mfa.enroll({ factorType: 'totp', friendlyName: 'Second' });
        expect(refusalOf(error)).toEqual({ status: 422, code: 'too_many_enrolled_mfa_factors' });
    });
});

describe('where factors are switched off', () => {
    it('nobody enrols one, and nobody proves one that is there', async () => {
        const off = await servers.visitorOf({});
        await off.auth.signUp({ email: anAddress(), password: aPassword() });
        const none = await off.auth.mfa.enroll({ factorType: 'totp' });
        expect(refusalOf(none.error)).toEqual({ status: 422, code: 'mfa_totp_enroll_not_enabled' });
        const keys = await off.auth.mfa.enroll({ factorType: 'webauthn', friendlyName: 'Key' });
        expect(refusalOf(keys.error)).toEqual({ status: 422, code: 'mfa_webauthn_enroll_not_enabled' });
        const phone = await off.auth.mfa.enroll({ factorType: 'phone', phone: '+447700900123' });
        expect(refusalOf(phone.error)).toEqual({ status: 422, code: 'mfa_phone_enroll_not_enabled' });

        const half = { mfa: { totp: { enroll_enabled: true } } };
        const { client, factorId } = await aVisitorWithApp(half);
        const verifyOff = { status: 422, code: 'mfa_totp_verify_not_enabled' };
        expect(refusalOf((await client.auth.mfa.challenge({ factorId })).error)).toEqual(verifyOff);
    });
});
