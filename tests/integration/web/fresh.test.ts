// Proving anew who one is, in the middle of a session: what asks for it, and how one comes back.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aBusiness, aPerson, clientOf, superuser, type Business } from '../../support/business.ts';
import { codeFor } from '../../support/inbox.ts';
import { aVisitor, signedIn, type Visitor } from '../../support/visitor.ts';

const app = process.env.TF_APP_URL ?? '';
const sql = superuser();
afterAll(() => sql.end());

/** The access token in a visitor's cookie. */
function tokenOf(visitor: Visitor): string {
    const cookie = visitor.cookies.get('__Host-tf') ?? '';
    const session = Buffer.from(cookie.replace(/^base64-/, ''), 'base64url').toString();
    return (JSON.parse(session) as { access_token: string }).access_token;
}

/** Has the person's proofs be as old as that. */
async function provedAgo(business: Business, minutes: number): Promise<void> {
    await sql`
        update auth.mfa_amr_claims set updated_at = now() - make_interval(mins => ${minutes})
        where session_id in (select id from auth.sessions where user_id = ${business.owner.id})
    `;
}

describe('[AUTH-4] a fresh proof of who is there', () => {
    let business: Business;
    let visitor: Visitor;
    beforeAll(async () => {
        business = await aBusiness();
        visitor = await signedIn(business.owner, app);
    });

    it.each(['/more/roles/new', '/more/team/invite'])(
        'is asked for when %s is opened, before anything is typed, and not of whoever has just signed in',
        async (page) => {
            await provedAgo(business, 0);
            expect((await visitor.get(page)).status).toBe(200);
            // What is left of ten minutes must be enough to fill in a form.
            await provedAgo(business, 6);
            const asked = await visitor.get(`${page}?from=here`);
            expect(asked.status).toBe(303);
            expect(asked.headers.get('location')).toBe(
                `/auth/again?${new URLSearchParams({ next: `${page}?from=here` })}`
            );
        }
    );

    it('is given by password: the person comes back in a new session, and the old one is over', async () => {
        await provedAgo(business, 11);
        const before = tokenOf(visitor);
        const page = await visitor.get('/auth/again?next=/more/roles/new&way=password');
        expect(await page.text()).toContain('Confirm it is you');

        const wrong = await visitor.post('/auth/again?/password', {
            password: 'not this one at all',
            next: '/more/roles/new',
            __superform_id: 'password'
        });
        expect(wrong.status).toBe(422);
        expect(await wrong.text()).toContain('do not go together');
        expect(tokenOf(visitor)).toBe(before);

        const right = await visitor.post('/auth/again?/password', {
            password: business.owner.password,
            next: '/more/roles/new',
            __superform_id: 'password'
        });
        expect(right.status).toBe(303);
        expect(right.headers.get('location')).toBe('/more/roles/new');
        expect((await visitor.get('/more/roles/new')).status).toBe(200);
        const { error } = await clientOf(before).rpc('me');
        expect(error?.hint).toBe('session_ended');
    });

    it('is given by a code that is mailed to the person’s own address, and to no other', async () => {
        await provedAgo(business, 11);
        const sent = await visitor.post('/auth/again?/send', {
            next: '/more/team/invite',
            email: 'somebody.else@example.test',
            __superform_id: 'send'
        });
        expect(sent.headers.get('location')).toBe('/auth/again?next=%2Fmore%2Fteam%2Finvite&sent=');
        expect(await (await visitor.get('/auth/again?next=%2Fmore%2Fteam%2Finvite&sent=')).text()).toContain(
            business.owner.email
        );
        const right = await visitor.post('/auth/again?/code', {
            code: await codeFor(business.owner.email),
            next: '/more/team/invite',
            __superform_id: 'code'
        });
        expect(right.headers.get('location')).toBe('/more/team/invite');
        expect((await visitor.get('/more/team/invite')).status).toBe(200);
    });

    it('is asked for by an act that came too late, and by a download, and nobody is reported as refused', async () => {
        await provedAgo(business, 11);
        const payouts = await visitor.post('/more/payouts', { account_id: business.accountId });
        expect(payouts.headers.get('location')).toBe('/auth/again?next=%2Fmore%2Fpayouts');
        const download = await visitor.post(
            '/more/audit/export',
            { account_id: business.accountId, format: 'csv' },
            { referer: `${app}/more/audit?days=30` }
        );
        expect(download.status).toBe(303);
        expect(download.headers.get('location')).toBe('/auth/again?next=%2Fmore%2Faudit%3Fdays%3D30');
        const [told] = await sql<{ n: number }[]>`
            select count(*)::int as n from audit.records
            where chain_id in (${business.accountId}, ${business.owner.id}) and action = 'request.refused'
        `;
        expect(told?.n).toBe(0);
    });

    it.each([
        ['//evil.example', '/today'],
        ['https://evil.example/', '/today'],
        ['/auth/sign-out', '/today'],
        ['/more/roles/new', '/more/roles/new']
    ])('leads on to %s only when that is a page of ours', async (next, location) => {
        const right = await visitor.post('/auth/again?/password', {
            password: business.owner.password,
            next,
            __superform_id: 'password'
        });
        expect(right.headers.get('location')).toBe(location);
    });

    it('is asked of nobody who is not signed in: they sign in first', async () => {
        const stranger = await aVisitor(app).get('/auth/again?next=/more/roles/new');
        expect(stranger.status).toBe(303);
        expect(stranger.headers.get('location')).toMatch(/^\/sign-in/);
    });

    it('of one person is not given by another one’s password', async () => {
        const other = await aPerson(`other-${randomUUID().slice(0, 8)}`);
        const refused = await visitor.post('/auth/again?/password', {
            username: other.email,
            password: other.password,
            next: '/today',
            __superform_id: 'password'
        });
        expect(refused.status).toBe(422);
    });
});
