// The second factor through the pages that people use, without script: setting one up, giving it, losing it, being asked.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeShown, wrongCode } from '../../support/authenticator-app.ts';
import { aBusiness, clientOf, superuser, type Business, type Person } from '../../support/business.ts';
import { aKey, finish, hidden, type App } from '../../support/factors.ts';
import { codeFor } from '../../support/inbox.ts';
import { signedIn, type Visitor } from '../../support/visitor.ts';

const app = process.env.TF_APP_URL ?? '';
const sql = superuser();
afterAll(() => sql.end());

/** The access token in a visitor's cookie. */
function tokenOf(visitor: Visitor): string {
    const cookie = visitor.cookies.get('__Host-tf') ?? '';
    const session = Buffer.from(cookie.replace(/^base64-/, ''), 'base64url').toString();
    return (JSON.parse(session) as { access_token: string }).access_token;
}

const claimsOf = (visitor: Visitor) =>
    JSON.parse(Buffer.from(tokenOf(visitor).split('.')[1] ?? '', 'base64url').toString()) as {
        session_id: string;
    };

/** Forgets which codes were given, as two minutes later. */
async function later(): Promise<void> {
    await sql`delete from private.limit_takes where limit_name = 'factor_code'`;
}

type Phone = App & { recoveryCodes: string[] };

/** Sets an authenticator app up, as its person would who mistypes once, and keeps the recovery codes. */
async function setUp(visitor: Visitor, next = '/more/security'): Promise<Phone> {
    const phone = await aKey(visitor, next);
    const wrong = await finish(visitor, phone, wrongCode(phone.secret), next);
    expect(wrong.status).toBe(422);
    const again = await wrong.text();
    expect(again).toContain('That code is not right');
    expect(hidden(again, 'secret'), 'what is to be scanned is still there').toBe(phone.secret);
    const right = await finish(visitor, phone, codeShown(phone.secret), next);
    expect(right.headers.get('location')).toBe(
        `/auth/factor/codes?${new URLSearchParams({ next, first: '' })}`
    );
    const shown = await visitor.post('/auth/factor/codes', {});
    const listed = (await shown.text()).matchAll(/<li[^>]*>([0-9a-z]{4}(?:-[0-9a-z]{4}){3})<\/li>/g);
    const recoveryCodes = [...listed].map(([, code = '']) => code);
    expect(recoveryCodes).toHaveLength(10);
    return { ...phone, recoveryCodes };
}

const give = (visitor: Visitor, { factorId }: App, code: string, next = '/today'): Promise<Response> =>
    visitor.post('/auth/factor', { factor_id: factorId, code, next });

describe('[AUTH-4] an authenticator app', () => {
    let business: Business;
    let owner: Person;
    let visitor: Visitor;
    let phone: Phone;
    beforeAll(async () => {
        business = await aBusiness();
        owner = business.owner;
        visitor = await signedIn(owner, app);
        phone = await setUp(visitor);
    });

    it('is set up, told of by mail, and shown among what one signs in with', async () => {
        expect(await (await visitor.get('/more/security')).text()).toContain('My phone');
        const mails = await sql`
            select data ->> 'what' as what, data ->> 'name' as name from mail.outbox
            where template = 'second_factor' and to_address = ${owner.email}
        `;
        expect(mails.map((mail) => ({ ...mail }))).toEqual([{ what: 'factor_added', name: 'My phone' }]);
    });

    it('is asked for at the next sign-in, before anything of the business is seen, at the Data API and storage too', async () => {
        await later();
        const fresh = await signedIn(owner, app);
        const wanted = await fresh.get('/more/team?from=here');
        expect(wanted.headers.get('location')).toBe(
            `/auth/factor?${new URLSearchParams({ next: '/more/team?from=here' })}`
        );
        const token = tokenOf(fresh);
        const db = clientOf(token);
        expect((await db.from('accounts').select('id')).data).toEqual([]);
        expect((await db.from('members').select('id')).data).toEqual([]);
        expect((await db.rpc('me')).error?.hint).toBe('factor_needed');
        expect((await db.storage.from(business.accountId).list('')).data ?? []).toEqual([]);

        expect((await give(fresh, phone, wrongCode(phone.secret))).status).toBe(422);
        const right = await give(fresh, phone, codeShown(phone.secret), '/more/team?from=here');
        expect(right.headers.get('location')).toBe('/more/team?from=here');
        expect((await fresh.get('/more/team')).status).toBe(200);
        expect((await clientOf(tokenOf(fresh)).from('accounts').select('id')).data).toHaveLength(1);
        // The session went up: a token of before leads as far as its row now says, and no further back.
        expect((await clientOf(token).from('accounts').select('id')).data).toHaveLength(1);
        visitor = fresh;
    });

    it('proves anew who is there, where a password no longer does', async () => {
        await sql`
            update auth.mfa_amr_claims set updated_at = now() - interval '11 minutes'
            where session_id in (select id from auth.sessions where user_id = ${owner.id})
        `;
        expect((await visitor.get('/more/roles/new')).headers.get('location')).toMatch(/^\/auth\/again/);
        const page = await (await visitor.get('/auth/again?next=/more/roles/new')).text();
        expect(page).toMatch(/authenticator\s+app/);
        expect(page).not.toContain('Send me a code');
        await later();
        const right = await visitor.post('/auth/again?/factor', {
            factor_id: phone.factorId,
            code: codeShown(phone.secret),
            next: '/more/roles/new',
            __superform_id: 'factor'
        });
        expect(right.headers.get('location')).toBe('/more/roles/new');
        expect((await visitor.get('/more/roles/new')).status).toBe(200);
    });

    it('lets its person change their password in a session of yesterday too: they sign in anew, and give it again', async () => {
        await later();
        const mine = await signedIn(owner, app);
        await give(mine, phone, codeShown(phone.secret));
        await sql`
            update auth.sessions set created_at = now() - interval '25 hours'
            where id = ${claimsOf(mine).session_id}`;
        const password = `${owner.password}, and another`;
        const asked = await mine.post('/reset/password', { password, next: '/more/security' });
        const again = asked.headers.get('location') ?? '';
        expect(again).toBe(`/auth/again?${new URLSearchParams({ next: '/reset/password', anew: '' })}`);
        expect(await (await mine.get(again)).text()).toContain('Send me a code');
        const sent = await mine.post('/auth/again?/send&anew=', {
            next: '/reset/password',
            __superform_id: 'send'
        });
        expect(sent.headers.get('location')).toContain('anew=');
        const proved = await mine.post('/auth/again?/code&anew=', {
            code: await codeFor(owner.email),
            next: '/reset/password',
            __superform_id: 'code'
        });
        expect(proved.headers.get('location')).toBe('/reset/password');
        // The new session owes the factor, like any other.
        expect((await mine.get('/reset/password')).headers.get('location')).toBe(
            '/auth/factor?next=%2Freset%2Fpassword'
        );
        await later();
        await give(mine, phone, codeShown(phone.secret), '/reset/password');
        expect(
            (await mine.post('/reset/password', { password, next: '/more/security' })).headers.get('location')
        ).toBe('/more/security?changed=password');
        owner.password = password;
        visitor = mine;
    });

    it('lets nobody in by a code that was given before', async () => {
        await later();
        const first = await signedIn(owner, app);
        const code = codeShown(phone.secret);
        expect((await give(first, phone, code)).status).toBe(303);
        const second = await signedIn(owner, app);
        const replayed = await give(second, phone, code);
        expect(replayed.status).toBe(429);
        expect(await replayed.text()).toContain('That code was tried already');
        visitor = first;
    });

    it('is not guessed: after five tries they wait, whatever device they come from', async () => {
        const statuses: number[] = [];
        for (let n = 0; n < 8; n += 1) {
            const thief = await signedIn(owner, app);
            statuses.push((await give(thief, phone, String(200_000 + n))).status);
        }
        expect(statuses.filter((status) => status === 422).length).toBeLessThanOrEqual(5);
        expect(statuses.at(-1)).toBe(429);
        await sql`delete from private.limit_takes where limit_name = 'factor'`;
    });

    it('is nobody’s but its person’s', async () => {
        const other = await aBusiness({ name: 'Another Firm' });
        const stranger = await signedIn(other.owner, app);
        const tried = await give(stranger, phone, codeShown(phone.secret));
        // They have none of their own, so that is where the page leads them.
        expect(tried.headers.get('location')).toBe('/auth/factor/new?next=%2Ftoday');
        await stranger.post('/more/security?/factor', { factor_id: phone.factorId });
        const [left] = await sql<{ n: number }[]>`
            select count(*)::int as n from auth.mfa_factors where id = ${phone.factorId}`;
        expect(left?.n).toBe(1);
    });

    it('is not taken away, and none is added, by a session that proved nothing lately', async () => {
        await sql`
            update auth.mfa_amr_claims set updated_at = now() - interval '11 minutes'
            where session_id in (select id from auth.sessions where user_id = ${owner.id})
        `;
        const removed = await visitor.post('/more/security?/factor', { factor_id: phone.factorId });
        expect(removed.headers.get('location')).toMatch(/^\/auth\/again/);
        const added = await visitor.post('/auth/factor/new?/begin', {
            name: 'A thief’s',
            next: '/today',
            __superform_id: 'begin'
        });
        expect(added.headers.get('location')).toMatch(/^\/auth\/again/);
        const rows = await sql`select friendly_name from auth.mfa_factors where user_id = ${owner.id}`;
        expect(rows.map(({ friendly_name }) => friendly_name as string)).toEqual(['My phone']);
    });

    it('that is lost is taken away by a recovery code, once, and the person comes in and sets up another', async () => {
        const without = await signedIn(owner, app);
        const page = await (await without.get('/auth/factor?next=/jobs')).text();
        expect(page).toContain('Use a recovery code');
        const [first = ''] = phone.recoveryCodes;
        expect(
            (await without.post('/auth/factor/recover', { code: 'none-of-them', next: '/jobs' })).status
        ).toBe(422);
        const used = await without.post('/auth/factor/recover', { code: first, next: '/jobs' });
        expect(used.headers.get('location')).toBe('/auth/factor/new?next=%2Fjobs&recovered=');
        expect((await without.get('/jobs')).status).toBe(200);
        expect((await visitor.get('/jobs')).headers.get('location')).toMatch(/^\/sign-in\?ended/);
        await later();
        const phoneTwo = await aKey(without, '/jobs', 'New phone');
        const on = await finish(without, phoneTwo, codeShown(phoneTwo.secret), '/jobs');
        expect(on.headers.get('location'), 'nine codes are left, so none are made').toBe('/jobs');
        const third = await signedIn(owner, app);
        expect((await third.post('/auth/factor/recover', { code: first, next: '/jobs' })).status).toBe(422);
    });
});

describe('[AUTH-4] a role that demands a second factor', () => {
    it('shows its people nothing of the business until they have one, and leads them there and back', async () => {
        const business = await aBusiness();
        const staff = await business.withMember('staff');
        const admin = await signedIn(business.owner, app);
        const roleId = await business.roleId('staff');
        const asked = await admin.post(`/more/roles/${roleId}?/demand`, {
            account_id: business.accountId,
            demanded: 'yes'
        });
        expect(asked.headers.get('location')).toBe(`/more/roles/${roleId}?saved`);

        const visitor = await signedIn(staff, app);
        expect((await visitor.get('/jobs')).headers.get('location')).toBe('/auth/factor?next=%2Fjobs');
        expect((await visitor.get('/auth/factor?next=%2Fjobs')).headers.get('location')).toBe(
            '/auth/factor/new?next=%2Fjobs'
        );
        expect(await (await visitor.get('/auth/factor/new?next=%2Fjobs')).text()).toContain(
            'Bell Lane Electrical'
        );
        expect((await staff.db.from('jobs').select('id')).error).toBeNull();
        expect((await staff.db.from('accounts').select('id')).data).toEqual([]);
        await setUp(visitor, '/jobs');
        expect((await visitor.get('/jobs')).status).toBe(200);
    });

    it('can’t be one’s own before one has a factor oneself', async () => {
        const business = await aBusiness();
        const visitor = await signedIn(business.owner, app);
        const roleId = await business.roleId('owner');
        expect(await (await visitor.get(`/more/roles/${roleId}`)).text()).toContain('set up yours first');
        const refused = await visitor.post(`/more/roles/${roleId}?/demand`, {
            account_id: business.accountId,
            demanded: 'yes'
        });
        expect(refused.status).toBe(409);
        expect((await visitor.get('/today')).status).toBe(200);
    });
});
