// What only a stack of its own can show: limits used up, tokens grown old, and the auth server under other settings.
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startOwnStack, type OwnStack } from '../support/stack.ts';
import { startAuthServers, type AuthServers, type TestClock } from './auth-servers.ts';
import { startMailHook, type MailHook } from './mail-hook.ts';
import {
    aClientAddress,
    aMember,
    anAddress,
    aPassword,
    aVisitor,
    refusalOf,
    withClockAt
} from './visitors.ts';

let hook: MailHook;
let stack: OwnStack;
/** What the stack said, so that a failure names its cause. */
const said: string[] = [];

beforeAll(async () => {
    hook = await startMailHook();
    stack = await startOwnStack({
        migrate: false,
        log: (line) => said.push(line),
        given: { SEND_EMAIL_HOOK_URI: hook.uri, SEND_EMAIL_HOOK_SECRETS: hook.secrets }
    });
});

afterAll(async () => {
    await stack.stopAndForget();
    await hook.hangUp();
});

const overLimit = { status: 429, code: 'over_request_rate_limit' };

describe('the limit of an address', () => {
    const ask = (key: string, forwardedFor: string) => {
        const visitor = aVisitor({ ...stack.info, secretKey: key }, { address: forwardedFor });
        return visitor.auth.signInWithOtp({ email: anAddress() });
    };
    const inTurn = async (count: number, one: () => ReturnType<typeof ask>) => {
        const answers = [];
        for (let i = 0; i < count; i += 1) answers.push(refusalOf((await one()).error));
        return answers;
    };

    it('lets 30 codes through, then answers 429 until the bucket has filled up again', async () => {
        const address = aClientAddress();
        const one = () => ask(stack.info.secretKey, address);
        const answers = await inTurn(33, one);
        expect(answers.slice(0, 30)).toEqual(Array.from({ length: 30 }, () => null));
        expect(answers.slice(31)).toEqual([overLimit, overLimit]);
        expect((await ask(stack.info.secretKey, aClientAddress())).error).toBeNull();
        expect((await withClockAt(stack.info, 60, one)).error).toBeNull();
    });

    it('counts 400 people behind one trusted server as 400', async () => {
        const answers = await Promise.all(
            Array.from({ length: 400 }, (_, i) => ask(stack.info.secretKey, `10.77.${i >> 8}.${i & 255}`))
        );
        const failed = answers.filter(({ error }) => error !== null);
        expect(failed, said.filter((line) => / failed: | did not /.test(line)).join('\n')).toEqual([]);
    });

    it('believes nobody without the secret key about where they come from', async () => {
        const forged = () => ask(stack.info.publishableKey, aClientAddress());
        const answers = await inTurn(32, forged);
        expect(answers.slice(0, 30).every((answer) => answer === null)).toBe(true);
        expect(answers.at(-1)).toEqual(overLimit);
        const xff = await fetch(`${stack.info.apiUrl}/auth/v1/otp`, {
            method: 'POST',
            headers: { apikey: stack.info.publishableKey, 'X-Forwarded-For': aClientAddress() },
            body: JSON.stringify({ email: anAddress() })
        });
        expect(xff.status).toBe(429);
    });
});

describe('an old refresh token', () => {
    const refresh = (token: string) => aVisitor(stack.info).auth.refreshSession({ refresh_token: token });
    const chain = async () => {
        const { session } = await aMember(stack.info);
        const tokens = [session.refresh_token];
        for (let i = 0; i < 2; i += 1) {
            const { data } = await refresh(tokens.at(-1) ?? '');
            tokens.push(data.session?.refresh_token ?? '');
        }
        return tokens as [string, string, string];
    };
    const alreadyUsed = { status: 400, code: 'refresh_token_already_used' };

    it('[AUTH-5] replayed outside the reuse interval ends the session: no token of it is worth anything', async () => {
        const [oldest, middle, newest] = await chain();
        const replayed = await withClockAt(stack.info, 11, () => refresh(oldest));
        expect(refusalOf(replayed.error)).toEqual(alreadyUsed);
        for (const token of [newest, middle, oldest]) {
            const { error } = await withClockAt(stack.info, 22, () => refresh(token));
            expect(refusalOf(error)).toEqual(alreadyUsed);
        }
    });

    it('replayed at once goes on, and the direct predecessor of the newest does at any time', async () => {
        const [oldest] = await chain();
        expect((await refresh(oldest)).error).toBeNull();
        const [, predecessor, newest] = await chain();
        const late = await withClockAt(stack.info, 300, () => refresh(predecessor));
        expect(late.data.session?.refresh_token).toBe(newest);
    });

    it('is no help once its access token has run out', async () => {
        const { client, session } = await aMember(stack.info);
        const { error } = await withClockAt(stack.info, 601, () => client.auth.getUser(session.access_token));
        expect(refusalOf(error)).toEqual({ status: 403, code: 'bad_jwt' });
    });
});

describe('under other settings', () => {
    let servers: AuthServers;
    let clock: TestClock;

    beforeAll(() => {
        servers = startAuthServers(stack.info, hook);
        clock = servers.clock;
    });
    afterAll(() => servers.close());

    it('confirms a sign-up at once where confirmations are off, and says so of a taken address', async () => {
        const visitor = await servers.visitorOf({ email: { enable_confirmations: false } });
        const [email, password] = [anAddress(), aPassword()];
        const { data } = await visitor.auth.signUp({ email, password });
        expect(data.session?.user.email_confirmed_at).toBeTruthy();
        const { error } = await visitor.auth.signUp({ email, password });
        expect(refusalOf(error)).toEqual({ status: 422, code: 'user_already_exists' });
        await visitor.auth.signInWithOtp({ email: anAddress() });
        expect(hook.mails.at(-1)?.email_data.email_action_type).toBe('magiclink');
    });

    it('moves to another address by one mail where one confirmation is enough', async () => {
        const visitor = await servers.visitorOf({ email: { double_confirm_changes: false } });
        const [email, wanted] = [anAddress(), anAddress()];
        await visitor.auth.signUp({ email, password: aPassword() });
        await visitor.auth.updateUser({ email: wanted });
        const { token, token_new: none } = hook.mailTo(email).email_data;
        expect(none).toBe('');
        const { data } = await visitor.auth.verifyOtp({ email: wanted, token, type: 'email_change' });
        expect(data.user?.email).toBe(wanted);
    });

    it('demands a nonce for a new password a day after signing in, where that is wanted', async () => {
        const visitor = await servers.visitorOf({
            email: { secure_password_change: true },
            jwt_expiry: 604_800
        });
        const email = anAddress();
        await visitor.auth.signUp({ email, password: aPassword() });
        expect((await visitor.auth.updateUser({ password: aPassword() })).error).toBeNull();
        clock.advance(25 * 3600);
        const bare = await visitor.auth.updateUser({ password: aPassword() });
        expect(refusalOf(bare.error)).toEqual({ status: 400, code: 'reauthentication_needed' });
        await visitor.auth.reauthenticate();
        const nonce = hook.mailTo(email).email_data.token;
        const wrong = await visitor.auth.updateUser({ password: aPassword(), nonce: `${nonce}0` });
        expect(refusalOf(wrong.error)).toEqual({ status: 422, code: 'reauthentication_not_valid' });
        expect((await visitor.auth.updateUser({ password: aPassword(), nonce })).error).toBeNull();
        clock.reset();
    });

    it('ends sessions after inactivity and after their time', async () => {
        const visitor = await servers.visitorOf({ sessions: { timebox: '24h', inactivity_timeout: '8h' } });
        await visitor.auth.signUp({ email: anAddress(), password: aPassword() });
        const refresh = async (hours: number) => {
            clock.advance(hours * 3600);
            return refusalOf((await visitor.auth.refreshSession()).error);
        };
        expect(await refresh(7)).toBeNull();
        expect(await refresh(7)).toBeNull();
        expect(await refresh(7)).toBeNull();
        expect(await refresh(4)).toEqual({ status: 400, code: 'session_expired' });
        clock.reset();
        await visitor.auth.signUp({ email: anAddress(), password: aPassword() });
        expect(await refresh(9)).toEqual({ status: 400, code: 'session_expired' });
        clock.reset();
    });

    it('asks a Postgres function for the claims of a token, and takes its refusal', async () => {
        const superuser = postgres(stack.info.superuserUrl, { max: 1 });
        await superuser.unsafe(`
            create or replace function public.claims_of_the_test(event jsonb) returns jsonb language sql as $$
                select case
                    when event -> 'claims' ->> 'email' like 'refused-%'
                    then '{"error": {"http_code": 403, "message": "Not today."}}'::jsonb
                    else jsonb_set(event, '{claims,plan}', to_jsonb(event ->> 'authentication_method'))
                end
            $$;
            grant usage on schema public to supabase_auth_admin;
            grant execute on function public.claims_of_the_test to supabase_auth_admin
        `);
        const uri = 'pg-functions://postgres/public/claims_of_the_test';
        const visitor = await servers.visitorOf({
            hook: { send_email: servers.mailHook, custom_access_token: { enabled: true, uri } }
        });
        const { data } = await visitor.auth.signUp({ email: anAddress(), password: aPassword() });
        const [, claims = ''] = data.session?.access_token.split('.') ?? [];
        expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({ plan: 'password' });
        const email = `refused-${anAddress()}`;
        const refused = await visitor.auth.signUp({ email, password: aPassword() });
        expect(refused.error).toMatchObject({ status: 403, message: 'Not today.' });
        expect(await superuser`select id from auth.users where email = ${email}`).toHaveLength(0);
        await superuser.end();
    });

    it('does not start when asked for what it can’t do, and says in a sentence what to change', async () => {
        const cases: [Record<string, unknown>, RegExp][] = [
            [{ hook: {} }, /send_email.*enable it/],
            [{ email: { smtp: { enabled: true } } }, /no SMTP/],
            [{ external: { github: { enabled: true, client_id: 'a', secret: 'b' } } }, /external\.github/],
            [{ mfa: { phone: { enroll_enabled: true } } }, /mfa\.phone/],
            [{ passkey: { enabled: true } }, /auth\.webauthn.*needs/],
            [
                {
                    passkey: { enabled: true },
                    webauthn: { rp_display_name: 'A', rp_id: 'a.example', rp_origins: ['https://b.example'] }
                },
                /rp_origins "https:\/\/b\.example"/
            ],
            [{ mfa: { recovery_codes: { enroll_enabled: true } } }, /recovery_codes.*leave it out/],
            [
                {
                    hook: {
                        send_email: { enabled: true, uri: 'http://elsewhere.example/', secrets: hook.secrets }
                    }
                },
                /https/
            ],
            [
                { email: { notification: { phone_changed: { enabled: true } } } },
                /notification\.phone_changed/
            ],
            [{ email: { max_frequency: 'soon' } }, /no duration/]
        ];
        for (const [auth, sentence] of cases)
            await expect(servers.serverWith(auth)).rejects.toThrow(sentence);
    });
});
