// Signing in and out through the pages that people use, without script.
import { randomUUID } from 'node:crypto';
import { createClient } from '@supabase/supabase-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aBusiness, aPerson, call, clientOf, superuser } from '../../support/business.ts';
import { answerAtProvider, atProvider } from '../../support/providers.ts';
import { codeFor, mailTo } from '../../support/inbox.ts';
import { stack } from '../../support/stack.ts';
import { aVisitor, signedIn, type Visitor } from '../../support/visitor.ts';

const app = process.env.TF_APP_URL ?? '';
const sql = superuser();
afterAll(() => sql.end());
const anEmail = (): string => `new-${randomUUID()}@example.test`;

/** The access token in a visitor's cookie. */
function tokenOf(visitor: Visitor): string {
    const cookie = visitor.cookies.get('__Host-tf') ?? '';
    const session = Buffer.from(cookie.replace(/^base64-/, ''), 'base64url').toString();
    return (JSON.parse(session) as { access_token: string }).access_token;
}

/** Signs a new visitor in by code. */
async function byCode(email = anEmail(), next = ''): Promise<{ visitor: Visitor; last: Response }> {
    const visitor = aVisitor(app);
    await visitor.post('/sign-in', { email, next });
    const last = await visitor.post('/sign-in/code?/enter', { code: await codeFor(email) });
    return { visitor, last };
}

describe('[AUTH-1] signing in with a code by e-mail', () => {
    it('leads somebody new from their address to their own business', async () => {
        const { visitor, last } = await byCode();
        expect(last.status).toBe(303);
        expect(last.headers.get('location')).toBe('/today');
        expect((await visitor.get('/today')).headers.get('location')).toBe('/welcome');

        const opened = await visitor.post('/welcome', {
            name: 'Kim’s Rewires',
            trade: 'Electrician',
            vat_registered: 'no',
            vat_number: '',
            person_name: 'Kim',
            idempotency_key: randomUUID()
        });
        expect(opened.headers.get('location')).toBe('/today');
        const page = await visitor.get('/more/security');
        expect(page.status).toBe(200);

        const { accounts } = await call<{ accounts: { name: string; role: { key: string } }[] }>(
            clientOf(tokenOf(visitor)),
            'me',
            {}
        );
        expect(accounts).toMatchObject([{ name: 'Kim’s Rewires', role: { key: 'owner' } }]);
    });

    it('refuses a wrong code with a sentence, and takes the right one after it', async () => {
        const email = anEmail();
        const visitor = aVisitor(app);
        await visitor.post('/sign-in', { email });
        const code = await codeFor(email);
        const wrong = await visitor.post('/sign-in/code?/enter', {
            code: code === '000000' ? '111111' : '000000'
        });
        expect(wrong.status).toBe(422);
        expect(await wrong.text()).toContain('That code is not right');
        expect(visitor.cookies.has('__Host-tf')).toBe(false);
        const right = await visitor.post('/sign-in/code?/enter', {
            code: `${code.slice(0, 3)} ${code.slice(3)}`
        });
        expect(right.status).toBe(303);
        expect(visitor.cookies.has('__Host-tf')).toBe(true);
    });

    it('sends people who type the code into another browser back to the start, with a sentence', async () => {
        const other = await aVisitor(app).post('/sign-in/code?/enter', { code: '123456' });
        expect(other.headers.get('location')).toBe('/sign-in?problem=sign_in_started_elsewhere');
        const page = await aVisitor(app).get('/sign-in?problem=sign_in_started_elsewhere');
        expect(await page.text()).toContain('You started signing in with another browser');
    });

    it('keeps what was typed and says what is wrong with it', async () => {
        const response = await aVisitor(app).post('/sign-in', { email: 'sam at example' });
        expect(response.status).toBe(400);
        const page = await response.text();
        expect(page).toContain('value="sam at example"');
        expect(page).toContain('Type an e-mail address, like sam@example.co.uk.');
    });

    it('stops somebody who tries codes one after the other, with a sentence, and nobody else', async () => {
        const email = anEmail();
        const visitor = aVisitor(app);
        await visitor.post('/sign-in', { email });
        const tries = [];
        for (let n = 0; n < 40; n += 1) {
            tries.push(await visitor.post('/sign-in/code?/enter', { code: String(100_000 + n) }));
        }
        const last = tries.at(-1);
        expect(last?.status).toBe(429);
        expect(await last?.text()).toContain('Too many tries in a short time');
        expect((await byCode()).last.status).toBe(303);
    });

    it.each([
        ['/jobs?show=booked', '/jobs?show=booked'],
        ['//evil.example', '/today'],
        ['https://evil.example/', '/today'],
        ['/\\evil.example', '/today']
    ])('goes on to %s only when that is a page of ours', async (next, location) => {
        const { last } = await byCode(anEmail(), next);
        expect(last.headers.get('location')).toBe(location);
    });
});

describe('[AUTH-1] signing in with a password', () => {
    it('works for the right one, and answers alike for a wrong one and for nobody', async () => {
        const person = await aPerson();
        const visitor = await signedIn(person, app);
        expect(visitor.cookies.has('__Host-tf')).toBe(true);
        const wrong = await aVisitor(app).post('/sign-in/password', {
            email: person.email,
            password: 'not-this-one'
        });
        const nobody = await aVisitor(app).post('/sign-in/password', {
            email: anEmail(),
            password: 'not-this-one'
        });
        expect([wrong.status, nobody.status]).toEqual([422, 422]);
        const pages = [await wrong.text(), await nobody.text()];
        for (const page of pages) {
            expect(page).toContain('That e-mail address and password do not go together.');
            expect(page).not.toContain('not-this-one');
        }
    });

    it('begins with a code that proves the address; then the password is chosen', async () => {
        const email = anEmail();
        const visitor = aVisitor(app);
        await visitor.post('/sign-up', { email });
        const entered = await visitor.post('/sign-in/code?/enter', { code: await codeFor(email) });
        expect(entered.headers.get('location')).toBe('/reset/password');
        const weak = await visitor.post('/reset/password', { password: 'short' });
        expect(weak.status).toBe(400);
        expect(await weak.text()).not.toContain('value="short"');
        const password = 'seven red kettles';
        expect((await visitor.post('/reset/password', { password })).status).toBe(303);
        await signedIn({ email, password }, app);
    });

    it('is shut to a stranger who signed up somebody else’s address with a password', async () => {
        const email = anEmail();
        const stranger = createClient(stack().apiUrl, stack().publishableKey, {
            auth: { persistSession: false }
        });
        const password = 'chosen by a stranger';
        const { error } = await stranger.auth.signUp({ email, password });
        expect(error).toBeNull();
        const { id } = await mailTo(email);
        // A while ago, so that the auth server sends another e-mail.
        await sql`update auth.users set confirmation_sent_at = confirmation_sent_at - interval '2 minutes' where email = ${email}`;
        // The owner of the address comes later, through our door.
        const owner = aVisitor(app);
        await owner.post('/sign-in', { email });
        const entered = await owner.post('/sign-in/code?/enter', { code: await codeFor(email, id) });
        expect(entered.status).toBe(303);
        expect((await owner.get('/welcome')).status).toBe(200);
        const tried = await aVisitor(app).post('/sign-in/password', { email, password });
        expect(tried.status).toBe(422);
        expect((await stranger.auth.signInWithPassword({ email, password })).error?.code).toBe(
            'invalid_credentials'
        );
    });

    it.each([['google'], ['azure']] as const)(
        'is worth nothing to a stranger who signed up the address at the open door before its owner came by %s, and neither is a session',
        async (provider) => {
            const email = anEmail();
            const password = 'chosen by a stranger';
            const stranger = createClient(stack().apiUrl, stack().publishableKey, {
                auth: { persistSession: false }
            });
            const { data, error } = await stranger.auth.signUp({ email, password });
            expect(error).toBeNull();
            expect(data.session).toBeNull();
            const owner = aVisitor(app);
            const { page, request } = await atProvider(owner, provider);
            await owner.get(await answerAtProvider(page, { request, name: 'Kim Osei', email }));
            expect((await owner.get('/welcome')).status).toBe(200);
            const refused = await stranger.auth.signInWithPassword({ email, password });
            expect(refused.error?.code).toBe('invalid_credentials');
            const tried = await aVisitor(app).post('/sign-in/password', { email, password });
            expect(tried.status).toBe(422);
            const people = await sql<{ providers: string[]; sessions: number }[]>`
                select
                    (select array_agg(i.provider order by i.provider) from auth.identities as i where i.user_id = u.id) as providers,
                    (select count(*)::integer from auth.sessions as s where s.user_id = u.id) as sessions
                from auth.users as u
                where u.email = ${email}`;
            expect(people, 'one person, who is the owner alone').toEqual([
                { providers: [provider], sessions: 1 }
            ]);
        }
    );

    it('can be set anew with a code, which ends the other sessions', async () => {
        const person = await aPerson();
        const elsewhere = await signedIn(person, app);
        const visitor = aVisitor(app);
        await visitor.post('/reset', { email: person.email });
        const entered = await visitor.post('/sign-in/code?/enter', { code: await codeFor(person.email) });
        expect(entered.headers.get('location')).toBe('/reset/password');
        const saved = await visitor.post('/reset/password', { password: 'eight blue ladders' });
        expect(saved.headers.get('location')).toBe('/today');
        await signedIn({ email: person.email, password: 'eight blue ladders' }, app);
        expect((await elsewhere.get('/welcome')).headers.get('location')).toMatch(/^\/sign-in\?ended=1/);
    });
});

describe('[AUTH-1] the link of a sign-in e-mail', () => {
    it('shows a button however often it is opened, and works once when it is pressed', async () => {
        const email = anEmail();
        const visitor = aVisitor(app);
        await visitor.post('/sign-in', { email });
        const { text } = await mailTo(email);
        const link = new URL(/https?:\S+\/auth\/confirm\?\S+/.exec(text)?.[0] ?? 'http://no.link');
        const path = `${link.pathname}${link.search}`;
        for (let scan = 0; scan < 3; scan += 1) expect((await aVisitor(app).get(path)).status).toBe(200);
        const fields = Object.fromEntries(link.searchParams);
        const pressed = await visitor.post(path, fields);
        expect(pressed.status).toBe(303);
        expect(visitor.cookies.has('__Host-tf')).toBe(true);
        const again = await aVisitor(app).post(path, fields);
        expect(again.status).toBe(422);
        expect(await again.text()).toContain('This link has been used already');
    });
});

describe('[AUTH-1] signing in with Google', () => {
    it('comes back signed in, to the page that was wanted', async () => {
        const visitor = aVisitor(app);
        const { page, request } = await atProvider(visitor, 'google', '/jobs');
        const email = anEmail();
        const back = await answerAtProvider(page, { request, name: 'Kim Osei', email });
        const last = await visitor.get(back);
        expect(last.headers.get('location')).toBe('/jobs');
        expect(tokenOf(visitor)).not.toBe('');
        // The provider's own tokens are kept nowhere.
        const cookie = Buffer.from((visitor.cookies.get('__Host-tf') ?? '').slice(7), 'base64url').toString();
        expect(Object.keys(JSON.parse(cookie) as object).sort()).toEqual([
            'access_token',
            'expires_at',
            'expires_in',
            'refresh_token',
            'token_type'
        ]);
        expect(await (await visitor.get('/welcome')).text()).toContain('value="Kim Osei"');
    });

    it('says so kindly when somebody cancels there', async () => {
        const visitor = aVisitor(app);
        const { page, request } = await atProvider(visitor);
        const last = await visitor.get(await answerAtProvider(page, { request, deny: 'yes' }));
        expect(last.headers.get('location')).toBe('/sign-in?problem=sign_in_cancelled');
        expect(visitor.cookies.has('__Host-tf')).toBe(false);
    });

    it('signs in only the browser that began', async () => {
        const { page, request } = await atProvider(aVisitor(app));
        const back = await answerAtProvider(page, { request, name: 'Kim Osei', email: anEmail() });
        const other = aVisitor(app);
        const last = await other.get(back);
        expect(last.headers.get('location')).toBe('/sign-in?problem=sign_in_started_elsewhere');
        expect(other.cookies.has('__Host-tf')).toBe(false);
    });
});

describe('[AUTH-5] cookies', () => {
    it('are all __Host-, HttpOnly, Secure, SameSite=Lax and without a domain', async () => {
        const email = anEmail();
        const lines: string[] = [];
        const visitor = aVisitor(app);
        lines.push(...(await visitor.post('/sign-in', { email })).headers.getSetCookie());
        const code = await codeFor(email);
        lines.push(...(await visitor.post('/sign-in/code?/enter', { code })).headers.getSetCookie());
        lines.push(...(await visitor.get('/auth/start?provider=apple')).headers.getSetCookie());
        lines.push(...(await visitor.get('/p/0123456789abcdefghijkl')).headers.getSetCookie());
        lines.push(...(await visitor.post('/auth/sign-out', {})).headers.getSetCookie());
        const names = new Set(lines.map((line) => line.slice(0, line.indexOf('='))));
        expect(names).toContain('__Host-tf');
        expect(names).toContain('__Host-tf-portal');
        expect(lines.length).toBeGreaterThan(5);
        for (const line of lines) {
            expect(line).toMatch(/^__Host-tf[\w.-]*=/);
            expect(line).toMatch(/; Path=\/(;|$)/);
            expect(line).toContain('; HttpOnly');
            expect(line).toContain('; Secure');
            expect(line).toContain('; SameSite=Lax');
            expect(line).not.toMatch(/; Domain/i);
        }
    });

    it('keep a portal link’s token out of every address after the first', async () => {
        const visitor = aVisitor(app);
        const response = await visitor.get('/p/0123456789abcdefghijkl');
        expect(response.status).toBe(303);
        expect(response.headers.get('location')).toBe('/portal/invoice');
    });
});

describe('[AUTH-6] signing out', () => {
    let visitor: Visitor;
    let elsewhere: Visitor;
    beforeAll(async () => {
        const { owner } = await aBusiness();
        visitor = await signedIn(owner, app);
        elsewhere = await signedIn(owner, app);
    });

    it('here ends this session at once, at the Data API too, and no other', async () => {
        const token = tokenOf(visitor);
        const response = await visitor.post('/more/security?/here', {});
        expect(response.headers.get('location')).toBe('/sign-in?out=local');
        expect(visitor.cookies.has('__Host-tf')).toBe(false);
        await expect(call(clientOf(token), 'me', {})).rejects.toMatchObject({ hint: 'session_ended' });
        expect((await elsewhere.get('/more/security')).status).toBe(200);
    });

    it('everywhere ends the others with their next request', async () => {
        const { owner } = await aBusiness();
        const [here, there] = [await signedIn(owner, app), await signedIn(owner, app)];
        await here.post('/more/security?/everywhere', {});
        const next = await there.get('/more/security');
        expect(next.headers.get('location')).toBe('/sign-in?ended=1&next=%2Fmore%2Fsecurity');
        expect(there.cookies.has('__Host-tf')).toBe(false);
    });
});
