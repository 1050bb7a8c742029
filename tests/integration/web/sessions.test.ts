// A person's own sessions: what they are shown of them, how they end one, and what they are told of a new device.
import { afterAll, describe, expect, it } from 'vitest';
import { aBusiness, call, clientOf, superuser, type Business, type Person } from '../../support/business.ts';
import { mailTo } from '../../support/inbox.ts';
import { stack } from '../../support/stack.ts';
import { sessionIn, tokensOf } from '../../support/tokens.ts';
import { aVisitor, type Visitor } from '../../support/visitor.ts';

const app = process.env.TF_APP_URL ?? '';
const sql = superuser();
afterAll(() => sql.end());

const ANDROID =
    'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36';
const LINUX = 'Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0';

/** Signs somebody in by password on a device. */
async function on(agent: string, { email, password }: Person, visitor = aVisitor(app)): Promise<Visitor> {
    const answer = await visitor.post('/sign-in/password', { email, password }, { 'user-agent': agent });
    expect(answer.status).toBe(303);
    return visitor;
}

const sessionOf = (visitor: Visitor): string => sessionIn(tokensOf(visitor).access_token);
const isOut = async (visitor: Visitor): Promise<boolean> =>
    (await visitor.get('/more/security')).headers.get('location')?.startsWith('/sign-in?ended=1') ?? false;

describe('[AUTH-6] the list of sessions', () => {
    it('shows each on what it began and from where, marks this one, and no other person’s', async () => {
        const { owner } = await aBusiness();
        const stranger = await on(ANDROID, (await aBusiness()).owner);
        const [phone, desk] = [await on(ANDROID, owner), await on(LINUX, owner)];
        const page = await (await desk.get('/more/security')).text();
        expect(page).toContain('Chrome on Android');
        expect(page).toContain(phone.address);
        expect(page.match(/This device<\/p>/g)).toHaveLength(1);
        const [, marked = ''] =
            /<p class="device[^"]*">([^<]*)<\/p>(?:(?!<li).)*?This device<\/p>/s.exec(page) ?? [];
        expect(marked).toBe('Firefox on Linux');
        expect(page).toContain(`value="${sessionOf(phone)}"`);
        expect(page).not.toContain(`value="${sessionOf(desk)}"`);
        expect(page).not.toContain(sessionOf(stranger));
        expect(page).not.toContain(stranger.address);
    });

    it('says in which country each is, where that is known', async () => {
        const { owner } = await aBusiness();
        const [abroad, elsewhere] = [aVisitor(app), aVisitor(app)];
        for (const [visitor, address] of [
            [abroad, '80.130.7.9'],
            [elsewhere, '203.0.113.9']
        ] as const) {
            const { email, password } = owner;
            const from = { 'x-forwarded-for': address };
            expect((await visitor.post('/sign-in/password', { email, password }, from)).status).toBe(303);
        }
        const page = await (await abroad.get('/more/security')).text();
        expect(page.match(/Germany ·/g)).toHaveLength(1);
        expect(page).toContain('203.0.113.9');
    });

    it('says that there is no other when there is none', async () => {
        const { owner } = await aBusiness();
        await sql`delete from auth.sessions where user_id = ${owner.id}`;
        const desk = await on(LINUX, owner);
        const page = await (await desk.get('/more/security')).text();
        expect(page).toContain('You are signed in on this device only.');
        expect(page).not.toContain('Sign out all others');
    });
});

describe('[AUTH-6] ending one session', () => {
    /** What the session's access token still gets at the Data API and in storage. */
    async function gets({ accountId }: Business, token: string): Promise<{ rows: number; file: boolean }> {
        const db = clientOf(token);
        const { data } = await db
            .from('documents')
            .select('bucket_id, object_name')
            .eq('account_id', accountId);
        const [row] = await sql<{ name: string }[]>`
            select object_name as name from public.documents where account_id = ${accountId} limit 1`;
        const file = await db.storage.from(accountId).download(row?.name ?? '');
        return { rows: data?.length ?? 0, file: file.error === null };
    }

    it('ends it at the web app, the Data API and storage with the next request, and no other', async () => {
        const business = await aBusiness();
        await business.anInvoice();
        const { owner } = business;
        const [phone, desk] = [await on(ANDROID, owner), await on(LINUX, owner)];
        const stolen = tokensOf(phone);
        expect(await gets(business, stolen.access_token)).toEqual({ rows: 1, file: true });

        const answer = await desk.post('/more/security?/one', { session_id: sessionOf(phone) });
        expect(answer.headers.get('location')).toBe('/more/security?ended=one');
        expect(await (await desk.get('/more/security?ended=one')).text()).toContain(
            'That device is signed out.'
        );

        expect(await gets(business, stolen.access_token)).toEqual({ rows: 0, file: false });
        await expect(call(clientOf(stolen.access_token), 'me', {})).rejects.toMatchObject({
            hint: 'session_ended'
        });
        const refreshed = await fetch(`${stack().apiUrl}/auth/v1/token?grant_type=refresh_token`, {
            method: 'POST',
            headers: { apikey: stack().publishableKey, 'content-type': 'application/json' },
            body: JSON.stringify({ refresh_token: stolen.refresh_token })
        });
        expect(refreshed.status, 'its refresh token').toBe(400);
        const self = await fetch(`${stack().apiUrl}/auth/v1/user`, {
            headers: { apikey: stack().publishableKey, authorization: `Bearer ${stolen.access_token}` }
        });
        expect(self.status, 'the auth server itself').toBe(403);
        expect(await isOut(phone)).toBe(true);
        expect((await desk.get('/more/security')).status).toBe(200);
    });

    it('that is over already says so', async () => {
        const { owner } = await aBusiness();
        const [phone, desk] = [await on(ANDROID, owner), await on(LINUX, owner)];
        const fields = { session_id: sessionOf(phone) };
        await desk.post('/more/security?/one', fields);
        const again = await desk.post('/more/security?/one', fields);
        expect(again.headers.get('location')).toBe('/more/security?ended=none');
    });

    it('of another person ends nothing', async () => {
        const [mine, theirs] = [await aBusiness(), await aBusiness()];
        const [thief, victim] = [await on(LINUX, mine.owner), await on(LINUX, theirs.owner)];
        const answer = await thief.post('/more/security?/one', { session_id: sessionOf(victim) });
        expect(answer.headers.get('location')).toBe('/more/security?ended=none');
        expect((await victim.get('/more/security')).status).toBe(200);
    });

    it('all others leaves this one', async () => {
        const { owner } = await aBusiness();
        const [phone, tablet, desk] = [
            await on(ANDROID, owner),
            await on(ANDROID, owner),
            await on(LINUX, owner)
        ];
        const answer = await desk.post('/more/security?/others', {});
        expect(answer.headers.get('location')).toBe('/more/security?ended=others');
        expect([await isOut(phone), await isOut(tablet)]).toEqual([true, true]);
        expect((await desk.get('/more/security')).status).toBe(200);
    });
});

describe('[RATE-5] a sign-in on a new device', () => {
    const mailsTo = async (email: string): Promise<number> => {
        const [row] = await sql<{ mails: number }[]>`
            select count(*)::int as mails from mail.outbox where template = 'new_device' and to_address = ${email}`;
        return row?.mails ?? -1;
    };

    it('is told to the person by mail, but for their first one and for a device that they know', async () => {
        const { owner } = await aBusiness();
        const desk = await on(LINUX, owner);
        expect(await mailsTo(owner.email), 'somebody new').toBe(0);
        const phone = await on(ANDROID, owner);
        const { subject, text } = await mailTo(owner.email);
        expect(subject).toBe('New sign-in to your TradersFlow');
        expect(text).toContain('Chrome on Android');
        expect(text).toContain(`from the address ${phone.address}`);

        // The desk comes back from elsewhere, with the cookie by which it is known.
        const moved = aVisitor(app);
        for (const [name, value] of desk.cookies) if (name !== '__Host-tf') moved.cookies.set(name, value);
        await on(LINUX, owner, moved);
        expect(await mailsTo(owner.email)).toBe(1);
    });

    it('that was somebody else’s is undone by the link in the mail, once, and not by looking at it', async () => {
        const { owner } = await aBusiness();
        const [desk, thief] = [await on(LINUX, owner), await on(ANDROID, owner)];
        const { text } = await mailTo(owner.email);
        const link = new URL(/https?:\S+\/auth\/not-me\?\S+/.exec(text)?.[0] ?? 'http://no.link');
        expect(link.origin).toBe(app);
        const [path, token] = [`${link.pathname}${link.search}`, link.searchParams.get('token') ?? ''];
        for (let scan = 0; scan < 3; scan += 1) expect((await aVisitor(app).get(path)).status).toBe(200);
        expect((await thief.get('/more/security')).status, 'looking changes nothing').toBe(200);

        const pressed = await aVisitor(app).post(path, { token });
        expect(pressed.headers.get('location')).toBe('/reset?disowned');
        expect(await (await aVisitor(app).get('/reset?disowned')).text()).toContain(
            'Every device is signed out'
        );
        expect([await isOut(thief), await isOut(desk)]).toEqual([true, true]);
        const { email, password } = owner;
        expect(
            (await aVisitor(app).post('/sign-in/password', { email, password })).status,
            'the old password'
        ).toBe(422);

        const again = await aVisitor(app).post(path, { token });
        expect(again.status).toBe(422);
        expect(await again.text()).toContain('This link has been used already');
    });

    it.each(['', 'short', 'A'.repeat(43), `${'A'.repeat(42)}%00`])(
        'is undone by no other link: %j',
        async (token) => {
            const answer = await aVisitor(app).post(`/auth/not-me?token=${'A'.repeat(43)}`, { token });
            expect([400, 422]).toContain(answer.status);
            const looked = await aVisitor(app).get(`/auth/not-me?${new URLSearchParams({ token })}`);
            expect(looked.status).toBe(/^[\w-]{43}$/.test(token) ? 200 : 303);
        }
    );
});

describe('[AUD-2] one’s own sign-ins', () => {
    const withoutScript = (page: string): string =>
        page.replace(/<script[^]*?<\/script>|<style[^]*?<\/style>/g, '');
    const wrong = (email: string, agent: string): Promise<Response> =>
        aVisitor(app).post(
            '/sign-in/password',
            { email, password: 'not it at all' },
            { 'user-agent': agent }
        );

    it('are shown with who got in and who did not, on what and from where, the last first', async () => {
        const { owner } = await aBusiness();
        const { owner: other } = await aBusiness();
        const thief = aVisitor(app);
        await thief.post(
            '/sign-in/password',
            { email: owner.email, password: 'not it at all' },
            { 'user-agent': ANDROID }
        );
        await wrong(other.email, LINUX);
        const desk = await on(LINUX, owner);
        const text = withoutScript(await (await desk.get('/more/security')).text())
            .replace(/<[^>]+>/g, ' ')
            .replace(/\s+/g, ' ');
        const [, shown = ''] = /The latest sign-ins(.*?)All sign-ins/.exec(text) ?? [];
        expect(shown).toMatch(
            new RegExp(
                `Signed in with a password .* Firefox on Linux · ${desk.address} .*Wrong password .* Chrome on Android · ${thief.address}`
            )
        );
        expect(shown.match(/Wrong password/g)).toHaveLength(1);
        expect(await (await desk.get('/more/security/sign-ins')).text()).toContain('Wrong password');
    });

    it('go on page by page, none twice and none left out', async () => {
        const { owner } = await aBusiness();
        const desk = await on(LINUX, owner);
        await sql`
            insert into auth.sessions (id, user_id, created_at, updated_at, aal, ip)
            select gen_random_uuid(), ${owner.id}, now(), now(), 'aal1', ('198.51.100.' || n)::inet
            from generate_series(1, 60) as n`;
        const seen: string[] = [];
        for (let path: string | null = '/more/security/sign-ins'; path !== null;) {
            const page: string = withoutScript(await (await desk.get(path)).text());
            seen.push(...[...page.matchAll(/198\.51\.100\.\d+/g)].map(([address]) => address));
            const [, next = null] = /href="([^"]*before=[^"]*)"/.exec(page) ?? [];
            path = next?.replaceAll('&amp;', '&') ?? null;
        }
        expect(seen).toHaveLength(60);
        expect(new Set(seen).size).toBe(60);
        for (const place of ['1', 'x~y', "1~2026-01-01T00:00:00+00:00'", '9'.repeat(40)]) {
            const answer = await desk.get(
                `/more/security/sign-ins?${new URLSearchParams({ before: place })}`
            );
            expect(answer.status, place).toBe(200);
        }
    });
});
