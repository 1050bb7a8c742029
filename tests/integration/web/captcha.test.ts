// The captcha that a few failures bring up, at the gate and on the pages: with a stack of its own, since that of the other tests,
// most of which fail at the door on purpose, asks for none.
import { randomUUID } from 'node:crypto';
import { createClient } from '@supabase/supabase-js';
import postgres, { type Sql } from 'postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { faults } from '../../security/headers/faults.ts';
import { startApp, type RunningApp } from '../../support/app.ts';
import { freePort } from '../../support/port.ts';
import { startOwnStack, type OwnStack } from '../../support/stack.ts';
import { aVisitor } from '../../support/visitor.ts';
import { anyAddress, contextHeader, knock } from '../functions/edge.ts';

let stack: OwnStack;
let app: RunningApp;
let sql: Sql;

beforeAll(async () => {
    const port = await freePort();
    stack = await startOwnStack({ appPort: port, without: [] });
    const { TURNSTILE_SITE_KEY = '', TURNSTILE_SCRIPT_URL = '' } = stack.info.env;
    app = await startApp(stack.info, port, { env: { TURNSTILE_SITE_KEY, TURNSTILE_SCRIPT_URL } });
    sql = postgres(stack.info.superuserUrl, { max: 1 });
}, 90_000);
afterAll(async () => {
    await sql?.end();
    await app?.stop();
    await stack?.stopAndForget();
});
beforeEach(async () => {
    await fetch(`${stack.info.controlUrl}/clock/reset`, { method: 'POST' });
});

type Person = { email: string; password: string };
const nobody = (): Person => ({ email: `nobody-${randomUUID()}@example.com`, password: 'none at all' });
async function somebody(): Promise<Person> {
    const person = { email: `pat-${randomUUID()}@example.com`, password: `long enough ${randomUUID()}` };
    const { apiUrl, secretKey } = stack.info;
    const { auth } = createClient(apiUrl, secretKey, { auth: { persistSession: false } });
    const { error } = await auth.admin.createUser({ ...person, email_confirm: true });
    if (error) throw error;
    return person;
}

type From = { ip?: string; dev?: string; token?: string };

/** A call through the gate; from an address of its own and no device, unless said otherwise. */
function call(path: string, body: object, { ip = anyAddress(), dev, token }: From = {}): Promise<Response> {
    const context = contextHeader({ ip, ...(dev ? { dev } : {}) }, stack.info.env.TF_CONTEXT_KEY);
    const security = token === undefined ? {} : { gotrue_meta_security: { captcha_token: token } };
    return knock(`auth-gate/auth/v1/${path}`, {
        at: stack.info,
        headers: { 'x-tf-context': context },
        body: { ...body, ...security }
    });
}
const enter = ({ email, password }: Person, from: From = {}) =>
    call('token?grant_type=password', { email, password }, from);
const guess = ({ email }: Person, from: From = {}) => enter({ email, password: 'a wrong guess' }, from);
const type = ({ email }: Person, from: From = {}) =>
    call('verify', { email, token: '123456', type: 'email' }, from);
const ask = ({ email }: Person, from: From = {}) => call('otp', { email, create_user: false }, from);

/** A token as the widget gives it to whoever ticks its box, on the app's own page for signing in unless said otherwise. */
async function solved(fields: { hostname?: string; action?: string } = {}): Promise<string> {
    const answer = await fetch(`${stack.info.turnstileUrl}/turnstile/v0/challenge`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
            sitekey: stack.info.env.TURNSTILE_SITE_KEY,
            hostname: 'localhost',
            action: 'sign_in',
            ...fields
        })
    });
    return ((await answer.json()) as { token: string }).token;
}

/** What an answer shows, but for what is of that moment. */
async function shown(answer: Response): Promise<object> {
    const headers = [...answer.headers].filter(([name]) => !/^(date|x-request-id|ratelimit)$/.test(name));
    return { status: answer.status, headers, body: await answer.text() };
}
const codeOf = async (answer: Response) => {
    const { code } = (await answer.json()) as { code?: string };
    return `${answer.status} ${code ?? ''}`.trim();
};

async function failThrice(person: Person, from: From = {}): Promise<Response[]> {
    const answers: Response[] = [];
    for (let n = 0; n < 3; n += 1) answers.push(await guess(person, from));
    return answers;
}

/** How much of a limit is taken. */
async function taken(limit: string, key: string): Promise<number> {
    const [row] = await sql<{ taken: number }[]>`
        select coalesce(sum(cardinality(t.taken)), 0)::integer as taken
        from private.limit_takes as t
        join private.limit_keys(${sql.json([{ limit, key }])}) as k using (key_hash)`;
    return row?.taken ?? 0;
}

describe('[RATE-5] after three failures a captcha is asked for', () => {
    it('at a login from whatever address, and the answers for one that nobody has are the same', async () => {
        const told = async (person: Person) => {
            const [first, second, third] = await failThrice(person);
            const due = [first, second, third].map((answer) => answer?.headers.get('x-tf-captcha'));
            expect(due, 'the third says what the next one needs').toEqual([null, null, 'sign_in']);
            const without = await guess(person);
            const withOne = await guess(person, { token: await solved() });
            return [await shown(third as Response), await shown(without), await shown(withOne)];
        };
        const pat = await somebody();
        const ofSomebody = await told(pat);
        expect(ofSomebody).toEqual(await told(nobody()));
        expect(ofSomebody[1]).toMatchObject({ status: 403 });
        expect(ofSomebody[2]).toMatchObject({ status: 400 });
        expect(await codeOf(await enter(pat)), 'the right password without one').toBe('403 captcha_needed');
        expect((await enter(pat, { token: await solved() })).status, 'and with one').toBe(200);
    });

    it('from an address at whatever login, for a password as for a code, and from no other', async () => {
        const ip = anyAddress();
        for (let n = 0; n < 3; n += 1) await guess(nobody(), { ip });
        expect(await codeOf(await guess(nobody(), { ip }))).toBe('403 captcha_needed');
        expect(await codeOf(await type(nobody(), { ip }))).toBe('403 captcha_needed');
        expect(await codeOf(await type(nobody(), { ip, token: await solved() }))).toBe('403 otp_expired');
        expect((await guess(nobody())).status).toBe(400);
    });

    it('before the login is paused, and programs that do not answer never pause it', async () => {
        const pat = await somebody();
        await failThrice(pat);
        for (let n = 0; n < 12; n += 1) await guess(pat);
        expect(await taken('password', pat.email)).toBe(3);
        for (let n = 0; n < 4; n += 1) await guess(pat, { token: 'made-up' });
        expect(await taken('password', pat.email), 'nor with a made-up answer').toBe(3);
        expect((await enter(pat, { token: await solved() })).status).toBe(200);
    });

    it('never at a device that signed in before, and never for a link, a provider or a refresh', async () => {
        const pat = await somebody();
        const dev = (await enter(pat)).headers.get('x-tf-device') ?? '';
        const ip = anyAddress();
        await failThrice(pat, { ip });
        expect((await enter(pat, { ip })).status).toBe(403);
        expect((await enter(pat, { ip, dev })).status).toBe(200);
        const ways = [
            call('verify', { token_hash: 'ab'.repeat(28), type: 'email' }, { ip }),
            call('token?grant_type=pkce', { auth_code: randomUUID(), code_verifier: 'x'.repeat(43) }, { ip }),
            call('token?grant_type=refresh_token', { refresh_token: 'made-up' }, { ip })
        ];
        for (const answer of await Promise.all(ways)) expect(await codeOf(answer)).not.toContain('captcha');
    });

    it('for an hour', async () => {
        const pat = await somebody();
        await failThrice(pat);
        await sql`
            update private.sign_in_failures set failed_at = failed_at - interval '61 minutes'
            where login_hash = private.login_hash(${pat.email})`;
        expect((await guess(pat)).status).toBe(400);
    });
});

describe('[RATE-5] before a fourth mail within 15 minutes a captcha is asked for', () => {
    it('to an address, whether anybody has it or nobody, and from an address, by each form', async () => {
        for (const person of [await somebody(), nobody()]) {
            for (let n = 0; n < 3; n += 1) expect((await ask(person)).status).toBe(200);
            const refused = await ask(person);
            expect(refused.headers.get('x-tf-captcha')).toBe('mail');
            expect(await codeOf(refused)).toBe('403 captcha_needed');
            expect((await ask(person, { token: await solved({ action: 'mail' }) })).status).toBe(200);
        }
        const ip = anyAddress();
        for (let n = 0; n < 3; n += 1) await ask(nobody(), { ip });
        for (const path of ['otp', 'recover', 'resend']) {
            const answer = await call(path, { email: nobody().email, type: 'signup' }, { ip });
            expect(await codeOf(answer), path).toBe('403 captcha_needed');
        }
        expect((await guess(nobody(), { ip })).status, 'and not before a password').toBe(400);
    });

    it('and a quarter of an hour later none, so that the way by mail stays open without a script', async () => {
        const pat = await somebody();
        for (let n = 0; n < 3; n += 1) await ask(pat);
        await sql`
            update private.limit_takes as t
            set taken = array(select at - interval '16 minutes' from unnest(t.taken) as at)
            from private.limit_keys(${sql.json([{ limit: 'mail', key: pat.email }])}) as k
            where t.key_hash = k.key_hash`;
        expect((await ask(pat)).status).toBe(200);
    });
});

describe('[RATE-5] the captcha’s answer', () => {
    const refused: [string, () => Promise<string>][] = [
        ['that is made up', async () => 'made-up'],
        ['that is too long', async () => 'x'.repeat(5000)],
        ['of another page', () => solved({ hostname: '127.0.0.1' })],
        ['of another form', () => solved({ action: 'mail' })],
        [
            'that was used before',
            async () => {
                const token = await solved();
                const other = nobody();
                await failThrice(other);
                expect((await guess(other, { token })).status).toBe(400);
                return token;
            }
        ],
        [
            'that is more than five minutes old',
            async () => {
                const token = await solved();
                await fetch(`${stack.info.controlUrl}/clock`, {
                    method: 'POST',
                    headers: { 'content-type': 'application/json' },
                    body: JSON.stringify({ advance_seconds: 301 })
                });
                return token;
            }
        ]
    ];
    it.each(refused)('%s is none', async (_, make) => {
        const pat = await somebody();
        await failThrice(pat);
        expect(await codeOf(await enter(pat, { token: await make() }))).toBe('403 captcha_needed');
    });

    it('that is wrong counts for its address, so that nobody tries them by the thousand', async () => {
        const ip = anyAddress();
        await failThrice(nobody(), { ip });
        const said: string[] = [];
        for (let n = 0; n < 9; n += 1)
            said.push(await codeOf(await guess(nobody(), { ip, token: 'made-up' })));
        expect(said.slice(0, 7)).toEqual(Array.from({ length: 7 }, () => '403 captcha_needed'));
        expect(said.slice(7)).toEqual(['429 too_many_tries', '429 too_many_tries']);
    });

    it('is not needed while nobody can judge it; limits and pauses hold', async () => {
        const pat = await somebody();
        await failThrice(pat);
        const fail = (times: number) =>
            fetch(`${stack.info.turnstileUrl}/api/failure`, {
                method: 'POST',
                body: JSON.stringify({ status: 503, times })
            });
        await fail(1000);
        try {
            expect((await guess(pat, { token: 'made-up' })).status, 'with an answer').toBe(400);
            expect((await guess(pat)).status, 'and without one').toBe(400);
            expect(await codeOf(await guess(pat))).toBe('429 password_paused');
        } finally {
            await fail(0);
        }
        const other = nobody();
        await failThrice(other);
        expect(await codeOf(await guess(other, { token: 'made-up' }))).toBe('403 captcha_needed');
        expect(await codeOf(await guess(other))).toBe('403 captcha_needed');
    });
});

describe('[RATE-5] the pages with the captcha', () => {
    const failed = (visitor: ReturnType<typeof aVisitor>, person: Person) =>
        visitor.post('/sign-in/password', { email: person.email, password: 'a wrong guess' });
    const kind = { tls: false, kept: 'never', storage: '' } as const;
    const judge = () => new URL(stack.info.turnstileUrl).origin;

    it('show it beside what was wrong, keep the address and no password, and let its origin in: they alone', async () => {
        const pat = await somebody();
        const visitor = aVisitor(app.url);
        for (let n = 0; n < 2; n += 1)
            expect(await (await failed(visitor, pat)).text()).not.toContain('cf-turnstile');
        const third = await failed(visitor, pat);
        const page = await third.text();
        expect(page).toContain('do not go together');
        expect(page).toContain(`value="${pat.email}"`);
        expect(page).not.toContain('a wrong guess');
        expect(page).toContain('class="cf-turnstile');
        expect(page).toContain(`src="${stack.info.env.TURNSTILE_SCRIPT_URL}"`);
        expect(page).toMatch(/<noscript>[\s\S]*have a link sent to you/);
        const storage = stack.info.apiUrl;
        expect(faults(third.headers, { ...kind, storage, captcha: judge() })).toEqual([]);

        const again = await visitor.get('/sign-in/password');
        expect(await again.text(), 'also when the page is opened anew').toContain('cf-turnstile');
        expect(faults(again.headers, { ...kind, storage, captcha: judge() })).toEqual([]);
        for (const path of ['/sign-in', '/sign-up', '/reset', '/', '/security']) {
            const other = await visitor.get(path);
            expect(await other.text(), path).not.toContain('cf-turnstile');
            expect(faults(other.headers, { ...kind, storage }), path).toEqual([]);
        }
        const refused = await visitor.post('/sign-in/password', { email: pat.email, password: pat.password });
        expect(refused.status).toBe(422);
        expect(await refused.text()).toContain('Show that you are a person');
        const entered = await visitor.post('/sign-in/password', {
            email: pat.email,
            password: pat.password,
            'cf-turnstile-response': await solved()
        });
        expect(entered.status).toBe(303);
    });

    it.each(['/sign-in', '/sign-up', '/reset'])(
        '%s asks before the fourth mail and sends it then',
        async (path) => {
            const visitor = aVisitor(app.url);
            const { email } = nobody();
            for (let n = 0; n < 3; n += 1) expect((await visitor.post(path, { email })).status).toBe(303);
            const refused = await visitor.post(path, { email });
            expect(refused.status).toBe(422);
            const page = await refused.text();
            expect(page).toContain('data-action="mail"');
            expect(page).toContain(`value="${email}"`);
            const token = await solved({ action: 'mail' });
            expect((await visitor.post(path, { email, 'cf-turnstile-response': token })).status).toBe(303);
        }
    );

    it('ask before a code is typed and before another is sent, each by a box of its own', async () => {
        const visitor = aVisitor(app.url);
        const { email } = nobody();
        await visitor.post('/sign-in', { email });
        for (let n = 0; n < 3; n += 1) await visitor.post('/sign-in/code?/enter', { code: '123456' });
        const page = await (await visitor.get('/sign-in/code')).text();
        expect(page.match(/data-action="\w+"/g)).toEqual(['data-action="sign_in"']);
        await visitor.post('/sign-in/code?/again', {});
        await visitor.post('/sign-in/code?/again', {});
        const refused = await (await visitor.post('/sign-in/code?/again', {})).text();
        expect(refused.match(/data-action="\w+"/g)).toEqual(['data-action="sign_in"', 'data-action="mail"']);
        const sent = await visitor.post('/sign-in/code?/again', {
            'cf-turnstile-response': await solved({ action: 'mail' })
        });
        expect(sent.headers.get('location')).toBe('/sign-in/code?again');
    });
});
