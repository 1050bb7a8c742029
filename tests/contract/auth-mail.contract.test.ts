// Codes, links and addresses: everything of the auth server that goes through a mailbox, seen from its send-email hook.
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startOwnStack, type OwnStack } from '../support/stack.ts';
import { startMailHook, type MailHook } from './mail-hook.ts';
import { aMember, anAddress, aPassword, aVisitor, cameFrom, refusalOf, withClockAt } from './visitors.ts';

let hook: MailHook;
let stack: OwnStack;
let sql: postgres.Sql;

beforeAll(async () => {
    hook = await startMailHook();
    stack = await startOwnStack({
        migrate: false,
        given: { SEND_EMAIL_HOOK_URI: hook.uri, SEND_EMAIL_HOOK_SECRETS: hook.secrets }
    });
    sql = postgres(stack.info.superuserUrl, { max: 2 });
});

afterAll(async () => {
    await sql.end();
    await stack.stopAndForget();
    await hook.hangUp();
});

const visitor = (options: Parameters<typeof aVisitor>[1] = {}) => aVisitor(stack.info, options);
const codeFor = (address: string) => hook.mailTo(address).email_data.token;
const otpExpired = { status: 403, code: 'otp_expired' };

const later = <T>(seconds: number, work: () => Promise<T>) => withClockAt(stack.info, seconds, work);

const people = async (address: string) =>
    (await sql`select id from auth.users where email = ${address}`).length;

/** Where a mailed link leads, followed without a browser. */
async function follow(mail: ReturnType<MailHook['mailTo']>): Promise<URL> {
    const { token_hash, email_action_type, redirect_to, site_url } = mail.email_data;
    const query = new URLSearchParams({ token: token_hash, type: email_action_type, redirect_to });
    const answer = await fetch(`${site_url}/verify?${query}`, { redirect: 'manual' });
    expect(answer.status).toBe(303);
    return new URL(answer.headers.get('location') ?? '');
}

describe('a one-time code', () => {
    it('[AUTH-1] signs up somebody unknown and signs in somebody known; the answer is the same', async () => {
        const email = anAddress();
        const client = visitor();
        const unknown = await client.auth.signInWithOtp({ email, options: { data: { trade: 'roofer' } } });
        expect(hook.mailTo(email).email_data.email_action_type).toBe('signup');
        const { data } = await client.auth.verifyOtp({ email, token: codeFor(email), type: 'email' });
        expect(data.user).toMatchObject({
            email,
            user_metadata: { trade: 'roofer', email_verified: true },
            app_metadata: { provider: 'email', providers: ['email'] },
            identities: [{ provider: 'email', identity_data: { email, email_verified: true } }]
        });
        const known = await later(2, () => visitor().auth.signInWithOtp({ email }));
        expect(hook.mailTo(email).email_data.email_action_type).toBe('magiclink');
        expect(known).toEqual(unknown);
        const again = await visitor().auth.verifyOtp({ email, token: codeFor(email), type: 'email' });
        expect(again.data.user?.id).toBe(data.user?.id);
        const claims = await client.auth.getClaims();
        expect(claims.data?.claims.amr).toMatchObject([{ method: 'otp' }]);
    });

    it('is worth nothing when wrong, used, replaced or ten minutes old', async () => {
        const email = anAddress();
        await visitor().auth.signInWithOtp({ email });
        const first = codeFor(email);
        const verify = (token: string) => visitor().auth.verifyOtp({ email, token, type: 'email' });
        const other = String((Number(first) + 1) % 1_000_000).padStart(6, '0');
        expect(refusalOf((await verify(other)).error)).toEqual(otpExpired);
        expect(refusalOf((await later(601, () => verify(first))).error)).toEqual(otpExpired);
        await later(2, () => visitor().auth.signInWithOtp({ email }));
        const second = codeFor(email);
        if (first !== second) expect(refusalOf((await verify(first)).error)).toEqual(otpExpired);
        expect((await later(3, () => verify(second))).error).toBeNull();
        expect(refusalOf((await later(3, () => verify(second))).error)).toEqual(otpExpired);
    });

    it('does not sign up where the caller says so, and leaves nobody behind', async () => {
        const email = anAddress();
        const { error } = await visitor().auth.signInWithOtp({ email, options: { shouldCreateUser: false } });
        expect(refusalOf(error)).toEqual({ status: 422, code: 'otp_disabled' });
        expect(await people(email)).toBe(0);
    });

    it('is mailed once a second at most to one person', async () => {
        const email = anAddress();
        expect((await visitor().auth.signInWithOtp({ email })).error).toBeNull();
        const { error } = await visitor().auth.signInWithOtp({ email });
        expect(refusalOf(error)).toEqual({ status: 429, code: 'over_email_send_rate_limit' });
    });

    it('asked for with a broken address or by phone is refused', async () => {
        const broken = await visitor().auth.signInWithOtp({ email: 'not an address' });
        expect(refusalOf(broken.error)).toEqual({ status: 400, code: 'validation_failed' });
        const phone = await visitor().auth.signInWithOtp({ phone: '+447700900123' });
        expect(refusalOf(phone.error)).toEqual({ status: 400, code: 'phone_provider_disabled' });
    });
});

describe('a mailed link', () => {
    const site = () => stack.info.env.APP_ORIGIN ?? '';

    it('in the PKCE flow carries a code that only the verifier opens, once', async () => {
        const email = anAddress();
        const storage = new Map<string, string>();
        const client = visitor({ flow: 'pkce', storage });
        const redirect = `${site()}/auth/done?next=%2Fjobs`;
        await client.auth.signInWithOtp({ email, options: { emailRedirectTo: redirect } });
        expect(hook.mailTo(email).email_data).toMatchObject({
            token_hash: expect.stringMatching(/^pkce_[0-9a-f]{56}$/),
            redirect_to: redirect,
            site_url: `${stack.info.apiUrl}/auth/v1`
        });
        const target = await follow(hook.mailTo(email));
        expect(`${target.origin}${target.pathname}`).toBe(`${site()}/auth/done`);
        expect(target.searchParams.get('next')).toBe('/jobs');
        const code = target.searchParams.get('code') ?? '';

        const thief = visitor({ flow: 'pkce' });
        await thief.auth.signInWithOtp({ email: anAddress() });
        const stolen = await thief.auth.exchangeCodeForSession(code);
        expect(refusalOf(stolen.error)).toEqual({ status: 400, code: 'bad_code_verifier' });

        const verifiers = new Map(storage);
        expect((await client.auth.exchangeCodeForSession(code)).data.user?.email).toBe(email);
        const twice = await visitor({ flow: 'pkce', storage: verifiers }).auth.exchangeCodeForSession(code);
        expect(refusalOf(twice.error)).toEqual({ status: 404, code: 'flow_state_not_found' });
    });

    it('in the PKCE flow can be answered by typing the code too, and its own code dies after five minutes', async () => {
        const email = anAddress();
        await visitor({ flow: 'pkce' }).auth.signInWithOtp({ email });
        const typed = await visitor().auth.verifyOtp({ email, token: codeFor(email), type: 'email' });
        expect(typed.error).toBeNull();

        const client = visitor({ flow: 'pkce' });
        await later(2, () => client.auth.signInWithOtp({ email }));
        const target = await later(3, () => follow(hook.mailTo(email)));
        const code = target.searchParams.get('code') ?? '';
        const { error } = await later(306, () => client.auth.exchangeCodeForSession(code));
        expect(refusalOf(error)).toEqual({ status: 422, code: 'flow_state_expired' });
    });

    it('that is old tells so in query and fragment, at an allowed address', async () => {
        const email = anAddress();
        const client = visitor({ flow: 'pkce' });
        await client.auth.signInWithOtp({ email, options: { emailRedirectTo: 'https://evil.example/' } });
        expect(hook.mailTo(email).email_data.redirect_to).toBe(site());
        const target = await later(601, () => follow(hook.mailTo(email)));
        const expected = { error: 'access_denied', error_code: 'otp_expired' };
        expect(Object.fromEntries(target.searchParams)).toMatchObject(expected);
        expect(Object.fromEntries(new URLSearchParams(target.hash.slice(1)))).toMatchObject(expected);
    });
});

describe('signing up with a password', () => {
    it('[AUTH-1] gives no session until the address is confirmed, then signs in', async () => {
        const [email, password] = [anAddress(), aPassword()];
        const { data } = await visitor().auth.signUp({ email, password });
        expect(data.session).toBeNull();
        const early = await visitor().auth.signInWithPassword({ email, password });
        expect(refusalOf(early.error)).toEqual({ status: 400, code: 'email_not_confirmed' });
        const confirmed = await visitor().auth.verifyOtp({ email, token: codeFor(email), type: 'signup' });
        expect(confirmed.data.user?.id).toBe(data.user?.id);
        expect((await visitor().auth.signInWithPassword({ email, password })).error).toBeNull();
    });

    it('[AUTH-2] keeps the password nowhere but as a salted hash', async () => {
        const [email, password] = [anAddress(), aPassword()];
        await visitor().auth.signUp({ email, password });
        const tables = await sql`select tablename from pg_tables where schemaname = 'auth'`;
        for (const { tablename } of tables) {
            const [found] = await sql`
                select 1 from auth.${sql(String(tablename))} as r where strpos(r::text, ${password}) > 0
            `;
            expect(found, `auth.${String(tablename)}`).toBeUndefined();
        }
        const [row] = await sql`select encrypted_password from auth.users where email = ${email}`;
        expect(row?.encrypted_password).toMatch(/^\$2[aby]\$10\$/);
    });

    it('with a taken address looks like any other, sends nothing and changes nothing', async () => {
        const { email, id, password } = await aMember(stack.info);
        const { data, error } = await visitor().auth.signUp({ email, password: aPassword() });
        expect(error).toBeNull();
        expect(data.user).toMatchObject({ email, identities: [], role: '' });
        expect(data.user?.id).not.toBe(id);
        expect(() => hook.mailTo(email)).toThrow();
        expect((await visitor().auth.signInWithPassword({ email, password })).error).toBeNull();
    });

    it('refuses a weak, a missing and an overlong password, and leaves nobody behind', async () => {
        const email = anAddress();
        const weak = await visitor().auth.signUp({ email, password: 'short' });
        expect(weak.error).toMatchObject({ status: 422, code: 'weak_password', reasons: ['length'] });
        const invalid = { status: 400, code: 'validation_failed' };
        expect(refusalOf((await visitor().auth.signUp({ email, password: '' })).error)).toEqual(invalid);
        const long = await visitor().auth.signUp({ email, password: 'é'.repeat(37) });
        expect(refusalOf(long.error)).toEqual(invalid);
        expect(await people(email)).toBe(0);
        const anonymous = await visitor().auth.signInAnonymously();
        expect(refusalOf(anonymous.error)).toEqual({ status: 422, code: 'anonymous_provider_disabled' });
    });

    it('again before the address is confirmed mails again and changes nothing: the first password stays', async () => {
        const [email, first, second] = [anAddress(), aPassword(), aPassword()];
        await visitor().auth.signUp({ email, password: first });
        const again = await later(2, () => visitor().auth.signUp({ email, password: second }));
        expect(again.error).toBeNull();
        const verify = () => visitor().auth.verifyOtp({ email, token: codeFor(email), type: 'signup' });
        expect((await later(3, verify)).error).toBeNull();
        expect((await visitor().auth.signInWithPassword({ email, password: first })).error).toBeNull();
        const { error } = await visitor().auth.signInWithPassword({ email, password: second });
        expect(refusalOf(error)?.code).toBe('invalid_credentials');
    });
});

describe('a forgotten password', () => {
    it('is replaced by way of the mailbox; an unknown address gets the same answer and no mail', async () => {
        const { email, password } = await aMember(stack.info);
        const client = visitor();
        const known = await client.auth.resetPasswordForEmail(email);
        const stranger = anAddress();
        expect(await visitor().auth.resetPasswordForEmail(stranger)).toEqual(known);
        expect(() => hook.mailTo(stranger)).toThrow();
        expect(hook.mailTo(email).email_data.email_action_type).toBe('recovery');
        const asLink = await visitor().auth.verifyOtp({ email, token: codeFor(email), type: 'signup' });
        expect(refusalOf(asLink.error)).toEqual(otpExpired);
        expect(
            (await client.auth.verifyOtp({ email, token: codeFor(email), type: 'recovery' })).error
        ).toBeNull();
        const fresh = aPassword();
        expect((await client.auth.updateUser({ password: fresh })).error).toBeNull();
        const old = await visitor().auth.signInWithPassword({ email, password });
        expect(refusalOf(old.error)?.code).toBe('invalid_credentials');
        expect((await visitor().auth.signInWithPassword({ email, password: fresh })).error).toBeNull();
    });
});

describe('another address', () => {
    it('[AUTH-8] needs the consent of both mailboxes, in either order', async () => {
        for (const order of ['current', 'new'] as const) {
            const { email, client, id } = await aMember(stack.info);
            const wanted = anAddress();
            const { data } = await client.auth.updateUser({ email: wanted });
            expect(data.user).toMatchObject({ email, new_email: wanted });
            const mail = hook.mailTo(email);
            expect(mail).toMatchObject({
                user: { new_email: wanted },
                email_data: { email_action_type: 'email_change' }
            });
            // The published payload has them crossed: `token` is the current address's, `token_new` the new one's.
            const codes = { [email]: mail.email_data.token, [wanted]: mail.email_data.token_new };
            const [first, second] = order === 'current' ? [email, wanted] : [wanted, email];
            const verify = (address: string) =>
                visitor().auth.verifyOtp({
                    email: address,
                    token: codes[address] ?? '',
                    type: 'email_change'
                });
            const half = await verify(first);
            expect(half.error).toBeNull();
            expect(half.data.session).toBeNull();
            expect((await client.auth.getUser()).data.user?.email).toBe(email);
            expect(refusalOf((await verify(first)).error)).toEqual(otpExpired);
            const whole = await verify(second);
            expect(whole.data.user).toMatchObject({ id, email: wanted });
            expect(whole.data.user?.new_email).toBeUndefined();
            expect(whole.data.user?.identities?.[0]?.identity_data).toMatchObject({ email: wanted });
        }
    });

    it('can be confirmed by the two links, whose hashes are crossed as published', async () => {
        const { email, client } = await aMember(stack.info);
        const wanted = anAddress();
        await client.auth.updateUser({ email: wanted });
        const mail = hook.mailTo(email);
        const half = await follow(mail);
        expect(new URLSearchParams(half.hash.slice(1)).get('message')).toMatch(/other email/);
        const rest = {
            ...mail,
            email_data: { ...mail.email_data, token_hash: mail.email_data.token_hash_new }
        };
        const whole = await follow(rest);
        expect(new URLSearchParams(whole.hash.slice(1)).get('access_token')).toBeTruthy();
        expect((await client.auth.getUser()).data.user?.email).toBe(wanted);
    });
});

describe('asking again', () => {
    it('mails who waits for a confirmation, and neither a stranger nor somebody confirmed', async () => {
        const waiting = anAddress();
        await visitor().auth.signUp({ email: waiting, password: aPassword() });
        const before = hook.mails.length;
        await later(2, () => visitor().auth.resend({ type: 'signup', email: waiting }));
        expect(hook.mails.length).toBe(before + 1);
        const { email } = await aMember(stack.info);
        for (const address of [email, anAddress()]) {
            expect((await visitor().auth.resend({ type: 'signup', email: address })).error).toBeNull();
        }
        expect(hook.mails.length).toBe(before + 1);
    });

    it('for a proof of presence mails a nonce to the signed-in person alone', async () => {
        const { email, client } = await aMember(stack.info);
        expect((await client.auth.reauthenticate()).error).toBeNull();
        expect(hook.mailTo(email).email_data).toMatchObject({
            email_action_type: 'reauthentication',
            token: expect.stringMatching(/^\d{6}$/)
        });
        expect((await visitor().auth.reauthenticate()).error?.name).toBe('AuthSessionMissingError');
    });
});

describe('the hook', () => {
    const json = { 'content-type': 'application/json' };

    it('is told who asked and from where', async () => {
        const email = anAddress();
        await visitor({ address: '10.20.30.40' }).auth.signInWithOtp({ email });
        expect(hook.mailTo(email).metadata).toMatchObject({ name: 'send-email', ip_address: '10.20.30.40' });
    });

    it('may refuse, which becomes the refusal of the request and leaves nobody behind', async () => {
        const email = anAddress();
        const body = JSON.stringify({ error: { http_code: 403, message: 'This address is suppressed.' } });
        hook.answerNext({ status: 200, headers: json, body });
        const { error } = await visitor().auth.signInWithOtp({ email });
        expect(error).toMatchObject({ status: 403, message: 'This address is suppressed.' });
        expect(await people(email)).toBe(0);
        expect((await visitor().auth.signInWithOtp({ email })).error).toBeNull();
    });

    it('that answers no JSON, too much or an error is an error, and asks to be tried again', async () => {
        const cases = [
            [
                { status: 200, headers: { 'content-type': 'text/html' }, body: 'ok' },
                400,
                'hook_payload_invalid_content_type'
            ],
            [
                { status: 200, headers: json, body: `"${'x'.repeat(210_000)}"` },
                422,
                'hook_payload_over_size_limit'
            ],
            [{ status: 418, headers: json, body: '{}' }, 500, 'unexpected_failure']
        ] as const;
        for (const [answer, status, code] of cases) {
            const email = anAddress();
            hook.answerNext(answer);
            const response = await fetch(`${stack.info.apiUrl}/auth/v1/otp`, {
                method: 'POST',
                headers: { ...cameFrom(stack.info), ...json, 'X-Supabase-Api-Version': '2024-01-01' },
                body: JSON.stringify({ email })
            });
            expect([response.status, await response.json()]).toMatchObject([status, { code }]);
            expect(await people(email)).toBe(0);
        }
        const email = anAddress();
        hook.answerNext({ status: 503, headers: { 'retry-after': 'true' } });
        expect((await visitor().auth.signInWithOtp({ email })).error).toBeNull();
        expect(codeFor(email)).toMatch(/^\d{6}$/);
    });

    it('that is down fails the request within its five seconds and leaves nothing half-written', async () => {
        const [email, { email: known, client }] = [anAddress(), await aMember(stack.info)];
        const flows = async () => (await sql`select id from auth.flow_state`).length;
        const before = await flows();
        await hook.hangUp();
        const began = Date.now();
        const [unknown, change] = await Promise.all([
            visitor({ flow: 'pkce' }).auth.signInWithOtp({ email }),
            client.auth.updateUser({ email: anAddress(), data: { half: 'written' } })
        ]);
        await hook.comeBack();
        expect(Date.now() - began).toBeLessThan(6000);
        for (const { error } of [unknown, change]) expect(refusalOf(error)?.status).toBe(422);
        expect(String(unknown.error?.code)).toMatch(/^hook_timeout/);
        expect(await people(email)).toBe(0);
        expect(await flows()).toBe(before);
        const after = (await client.auth.getUser()).data.user;
        expect(after).toMatchObject({ email: known, user_metadata: { email_verified: true } });
        expect(after?.new_email).toBeUndefined();
    });
});
