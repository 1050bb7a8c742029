// The captcha of the auth server, which our project leaves off: what is asked for one, who judges it, and who never is.
import type { SupabaseClient } from '@supabase/supabase-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCaptchaJudge, type CaptchaJudge } from '../support/captcha-judge.ts';
import { startOwnStack, type OwnStack } from '../support/stack.ts';
import { startAuthServers, type AuthServers } from './auth-servers.ts';
import { startMailHook, type MailHook } from './mail-hook.ts';
import { anAddress, aPassword, refusalOf } from './visitors.ts';

const SECRET = 'the-secret-of-the-site';
const ON = {
    captcha: { enabled: true, provider: 'turnstile', secret: SECRET },
    passkey: { enabled: true },
    webauthn: { rp_display_name: 'App', rp_id: 'app.example', rp_origins: ['https://app.example'] }
};
const failed = { status: 400, code: 'captcha_failed' };

let hook: MailHook;
let stack: OwnStack;
let servers: AuthServers;
let judge: CaptchaJudge;

beforeAll(async () => {
    hook = await startMailHook();
    judge = await startCaptchaJudge(SECRET);
    stack = await startOwnStack({
        migrate: false,
        given: { SEND_EMAIL_HOOK_URI: hook.uri, SEND_EMAIL_HOOK_SECRETS: hook.secrets }
    });
    servers = startAuthServers(stack.info, hook);
});

afterAll(async () => {
    await servers.close();
    await stack.stopAndForget();
    await judge.close();
    await hook.hangUp();
});

const aVisitor = (settings: Record<string, unknown> = ON) =>
    servers.visitorOf(settings, { captchaUrl: judge.url });

/** Everything that is asked for a captcha, as one call each. */
const ASKED: Record<string, (client: SupabaseClient, captchaToken?: string) => Promise<unknown>> = {
    'sign-up': async ({ auth }, captchaToken) => {
        const options = captchaToken ? { captchaToken } : {};
        return (await auth.signUp({ email: anAddress(), password: aPassword(), options })).error;
    },
    password: async ({ auth }, captchaToken) => {
        const options = captchaToken ? { captchaToken } : {};
        return (await auth.signInWithPassword({ email: anAddress(), password: aPassword(), options })).error;
    },
    code: async ({ auth }, captchaToken) => {
        const options = captchaToken ? { captchaToken } : {};
        return (await auth.signInWithOtp({ email: anAddress(), options })).error;
    },
    recovery: async ({ auth }, captchaToken) =>
        (await auth.resetPasswordForEmail(anAddress(), captchaToken ? { captchaToken } : {})).error,
    resend: async ({ auth }, captchaToken) => {
        const options = captchaToken ? { captchaToken } : {};
        return (await auth.resend({ type: 'signup', email: anAddress(), options })).error;
    },
    passkey: async ({ auth }, captchaToken) =>
        (await auth.passkey.startAuthentication(captchaToken ? { options: { captchaToken } } : {})).error
};

describe('where the captcha is on', () => {
    it.each(Object.keys(ASKED))(
        '%s is refused without one or with a bad one, and passes with a good one',
        async (name) => {
            const ask = ASKED[name];
            if (!ask) throw new Error(`nobody asks ${name}`);
            const client = await aVisitor();
            const told = async (token?: string) => refusalOf((await ask(client, token)) as never);
            expect(await told()).toEqual(failed);
            expect(await told('made-up')).toEqual(failed);
            expect((await told(judge.passed()))?.code).not.toBe('captcha_failed');
        }
    );

    it('a token is good once, and its provider hears from where it came', async () => {
        const { auth } = await aVisitor();
        const token = judge.passed();
        const enter = async () => {
            const email = anAddress();
            const { error } = await auth.signUp({
                email,
                password: aPassword(),
                options: { captchaToken: token }
            });
            return refusalOf(error);
        };
        expect(await enter()).toBeNull();
        expect(await enter()).toEqual(failed);
        expect(judge.addresses.at(-1)).toMatch(/^10\.\d+\.\d+\.\d+$/);
    });

    it('a session goes on without one: refreshing and changing oneself ask for none', async () => {
        const { auth } = await aVisitor();
        await auth.signUp({
            email: anAddress(),
            password: aPassword(),
            options: { captchaToken: judge.passed() }
        });
        expect((await auth.refreshSession()).error).toBeNull();
        expect((await auth.updateUser({ data: { van: 'blue' } })).error).toBeNull();
    });

    it('the service role is never asked', async () => {
        const server = await servers.serverWith(ON, { captchaUrl: judge.url });
        const signUp = (headers: Record<string, string>) =>
            server.fetch(
                new Request('http://auth.example/signup', {
                    method: 'POST',
                    headers,
                    body: JSON.stringify({ email: anAddress(), password: aPassword() })
                })
            );
        expect((await signUp({})).status).toBe(400);
        const token = await servers.serviceToken();
        expect((await signUp({ Authorization: `Bearer ${token}` })).status).toBe(200);
    });

    it('nobody passes when the secret is another’s or the provider gives no verdict', async () => {
        const wrong = await aVisitor({ ...ON, captcha: { ...ON.captcha, secret: 'another' } });
        const enter = async ({ auth }: SupabaseClient) => {
            const options = { captchaToken: judge.passed() };
            return refusalOf(
                (await auth.signUp({ email: anAddress(), password: aPassword(), options })).error
            );
        };
        expect(await enter(wrong)).toEqual(failed);
        const right = await aVisitor();
        judge.breakNext();
        expect((await enter(right))?.status).toBe(500);
        expect(await enter(right)).toBeNull();
    });
});

describe('where the captcha is off', () => {
    it('nobody is asked, and a token that comes along is not looked at', async () => {
        const { auth } = await aVisitor({});
        const before = judge.addresses.length;
        const options = { captchaToken: 'made-up' };
        expect((await auth.signUp({ email: anAddress(), password: aPassword(), options })).error).toBeNull();
        expect(judge.addresses).toHaveLength(before);
    });

    it('it is not switched on without a secret or for a provider nobody knows', async () => {
        await expect(servers.serverWith({ captcha: { enabled: true } })).rejects.toThrow(/captcha.*secret/);
        const unknown = { enabled: true, provider: 'riddles', secret: SECRET };
        await expect(servers.serverWith({ captcha: unknown })).rejects.toThrow(/provider/);
    });
});

describe('a password that config.toml finds too weak', () => {
    it('is told by its length and by the characters it lacks', async () => {
        const { auth } = await servers.visitorOf({
            minimum_password_length: 12,
            password_requirements: 'lower_upper_letters_digits_symbols'
        });
        const reasons = async (password: string) => {
            const { error } = await auth.signUp({ email: anAddress(), password });
            return error && { status: error.status, reasons: 'reasons' in error ? error.reasons : null };
        };
        expect(await reasons('Ab1!')).toEqual({ status: 422, reasons: ['length'] });
        expect(await reasons('abcdefghijkl')).toEqual({ status: 422, reasons: ['characters'] });
        expect(await reasons('abc')).toEqual({ status: 422, reasons: ['length', 'characters'] });
        expect(await reasons('Abcdefghijk1!')).toBeNull();
    });

    it('that signs in although it is weak by now is told so, and let in', async () => {
        const [email, password] = [anAddress(), 'Abcdefg1'];
        const before = await servers.visitorOf({});
        await before.auth.signUp({ email, password });
        const after = await servers.visitorOf({ minimum_password_length: 12 });
        const { data, error } = await after.auth.signInWithPassword({ email, password });
        expect(error).toBeNull();
        expect(data.weakPassword).toMatchObject({ reasons: ['length'] });
    });
});
