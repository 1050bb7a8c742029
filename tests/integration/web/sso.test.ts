// Single sign-on through the pages that people use: who is taken in by their business's own provider, and who never is.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aBusiness, aPerson, admin, superuser, type Business } from '../../support/business.ts';
import { aProvenDomain } from '../../support/dns.ts';
import { answerAtProvider } from '../../support/providers.ts';
import { askSso, atWork, roleOf, typed, withSso } from '../../support/sso.ts';
import { stack } from '../../support/stack.ts';
import { aVisitor, signedIn } from '../../support/visitor.ts';
import { contextHeader } from '../functions/edge.ts';

const app = process.env.TF_APP_URL ?? '';
const sql = superuser();
let bell: Business;
let domain: string;

beforeAll(async () => {
    bell = await aBusiness();
    domain = await withSso(bell);
});
afterAll(() => sql.end());

const atDomain = (of = domain): string => `sam-${randomUUID().slice(0, 8)}@${of}`;

/** Signs in by the provider of a domain; where the app leads then. */
async function enter(fields: Record<string, string>, of = domain, next = '') {
    const visitor = aVisitor(app);
    const { page, request } = await atWork(visitor, of, next);
    const last = await visitor.get(await answerAtProvider(page, { request, ...fields }));
    return { visitor, to: last.headers.get('location') };
}

type Row = { user_id: string; role: string; is_sso_user: boolean; removed: boolean };
const membersNamed = (email: string, of = bell) => sql<Row[]>`
    select m.user_id, r.key as role, u.is_sso_user, m.removed_at is not null as removed
    from public.members as m
    join public.roles as r on r.account_id = m.account_id and r.id = m.role_id
    join auth.users as u on u.id = m.user_id
    where m.account_id = ${of.accountId} and m.email = ${email}
    order by m.created_at`;

const peopleCalled = (email: string) =>
    sql<{ id: string; is_sso_user: boolean }[]>`
        select id, is_sso_user from auth.users where email = ${email} order by is_sso_user`;

describe('[AUTH-7] single sign-on', () => {
    it('takes somebody into their business at the first time, with the role that was chosen, and finds them at the next', async () => {
        const email = atDomain();
        const first = await enter({ email, name: 'Sam Tyler' }, domain, '/jobs');
        expect(first.to).toBe('/jobs');
        expect((await first.visitor.get('/jobs')).status).toBe(200);
        const [member, ...others] = await membersNamed(email);
        expect(member).toMatchObject({ role: 'staff', is_sso_user: true });
        const second = await enter({ email });
        expect(second.to).toBe('/today');
        expect((await membersNamed(email)).map((row) => row.user_id)).toEqual([member?.user_id]);
        expect(others).toEqual([]);
    });

    it('is found by an address at work, on a page that tells the provider’s name and leads there by a link', async () => {
        const visitor = aVisitor(app);
        const page = await (
            await visitor.post('/sign-in/sso', { email: `Anybody@${domain.toUpperCase()}` })
        ).text();
        expect(page).toContain('Go on to Bell Lane login');
        expect(page).toContain(`/auth/start?sso=${domain}`);
        expect(page).not.toContain('custom:tf-');
    });

    it('says so where an address has none, the same for a domain of nobody’s and one of a business without it', async () => {
        const other = await aBusiness();
        const plain = `plain-${randomUUID().slice(0, 8)}.example`;
        await aProvenDomain(other, plain);
        const answers = await Promise.all(
            [plain, 'nobody-at-all.example', 'gmail.com'].map(async (of) => {
                const answer = await aVisitor(app).post('/sign-in/sso', { email: `sam@${of}` });
                return [
                    answer.status,
                    (await answer.text()).includes('There is no single sign-on for that address')
                ];
            })
        );
        expect(new Set(answers.map(String))).toEqual(new Set(['422,true']));
        const begun = await aVisitor(app).get(`/auth/start?sso=${plain}`);
        expect(begun.headers.get('location')).toBe('/sign-in/sso?problem=sso_not_set_up');
    });

    it('is the only way in of whom it let in: no passkey, no password, no other address', async () => {
        const { visitor } = await enter({ email: atDomain(), name: 'Sam' });
        const cookie = visitor.cookies.get('__Host-tf') ?? '';
        const session = Buffer.from(cookie.replace(/^base64-/, ''), 'base64url').toString();
        const { access_token: token } = JSON.parse(session) as { access_token: string };
        const sid = (
            JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
                session_id: string;
            }
        ).session_id;
        const ask = async (method: string, path: string, body: object) => {
            const answer = await fetch(`${stack().apiUrl}/functions/v1/auth-gate/auth/v1/${path}`, {
                method,
                headers: {
                    apikey: stack().publishableKey,
                    authorization: `Bearer ${token}`,
                    'content-type': 'application/json',
                    'x-tf-context': contextHeader({ sid })
                },
                body: JSON.stringify(body)
            });
            return [answer.status, answer.headers.get('x-sb-error-code')];
        };
        const refused = [422, 'user_sso_managed'];
        expect(await ask('POST', 'passkeys/registration/options', {})).toEqual(refused);
        expect(await ask('PUT', 'user', { password: 'seven red kettles boil' })).toEqual(refused);
        expect(await ask('PUT', 'user', { email: atDomain() })).toEqual(refused);
    });

    it('says kindly that somebody turned back, and signs in only the browser that began', async () => {
        const denied = await enter({ deny: 'yes' });
        expect(denied.to).toBe('/sign-in/sso?problem=sign_in_cancelled');
        const { page, request } = await atWork(aVisitor(app), domain);
        const back = await answerAtProvider(page, { request, email: atDomain(), name: 'Sam' });
        const other = aVisitor(app);
        expect((await other.get(back)).headers.get('location')).toBe(
            '/sign-in?problem=sign_in_started_elsewhere'
        );
        expect(other.cookies.has('__Host-tf')).toBe(false);
    });

    it('says whose it is to mend when the provider takes us for somebody else', async () => {
        const own = await aBusiness();
        const wrong = await withSso(own, { client_secret: 'not the secret' });
        const { to } = await enter({ email: atDomain(wrong), name: 'Sam' }, wrong);
        expect(to).toBe('/sign-in/sso?problem=sso_unreachable');
    });

    it('stops one address that asks after many domains', async () => {
        const visitor = aVisitor(app);
        const statuses: number[] = [];
        for (let n = 0; n < 62; n += 1)
            statuses.push((await visitor.post('/sign-in/sso', { email: `sam@firm-${n}.example` })).status);
        expect(statuses.filter((status) => status === 429)).toHaveLength(2);
    });
});

describe('[AUTH-7] whoever runs a provider can say any address, and', () => {
    it('reaches nobody’s login: the same address by password and by single sign-on are two people', async () => {
        const person = await aPerson('sam', domain);
        const { to } = await enter({ email: person.email, name: 'Mallory' });
        expect(to).toBe('/today');
        const people = await peopleCalled(person.email);
        expect(people.map((one) => one.is_sso_user)).toEqual([false, true]);
        expect(people[0]?.id).toBe(person.id);
        const ways = await sql`select provider from auth.identities where user_id = ${person.id}`;
        expect(ways.map(({ provider }) => provider as string)).toEqual(['email']);
        await signedIn(person, app);
    });

    it('keeps them two when single sign-on came first', async () => {
        const email = atDomain();
        await enter({ email, name: 'Sam' });
        const { data, error } = await admin().auth.admin.createUser({
            email,
            email_confirm: true,
            password: randomUUID()
        });
        expect(error).toBeNull();
        expect((await peopleCalled(email)).map((one) => one.id)).toContain(data.user?.id);
        expect(await peopleCalled(email)).toHaveLength(2);
    });

    it('opens nothing by an address outside the business’s own domain', async () => {
        const other = await aBusiness();
        for (const email of [bell.owner.email, `sam@sub.${domain}`, 'owner@platform.example']) {
            const { visitor, to } = await enter({ email, name: 'Mallory' });
            expect(to, email).toBe('/sign-in/sso?problem=sso_other_domain');
            expect(visitor.cookies.has('__Host-tf')).toBe(false);
        }
        const theirs = await withSso(other);
        const crossed = await enter({ email: atDomain(theirs), name: 'Mallory' });
        expect(crossed.to).toBe('/sign-in/sso?problem=sso_other_domain');
        expect(await membersNamed(bell.owner.email)).toHaveLength(1);
    });

    it.each([
        ['that is missing', { missing: 'yes' }, 'sso_other_domain'],
        ['that the provider itself calls unproven', { unverified: 'yes' }, 'address_not_vouched_for']
    ])('opens nothing by an address %s', async (_, said, problem) => {
        const email = atDomain();
        const { visitor, to } = await enter({ email, name: 'Sam', ...said });
        expect(to).toBe(`/sign-in/sso?problem=${problem}`);
        expect(visitor.cookies.has('__Host-tf')).toBe(false);
        expect(await membersNamed(email)).toEqual([]);
    });

    it('never becomes a member of another business: not by invitation, not by a domain, not by one of their own', async () => {
        const email = atDomain();
        const { visitor } = await enter({ email, name: 'Sam' });
        const [member] = await membersNamed(email);
        const other = await aBusiness();
        const [role] =
            await sql`select id from public.roles where account_id = ${other.accountId} and key = 'staff'`;
        await expect(
            sql`insert into public.members (account_id, user_id, role_id, display_name, email)
                values (${other.accountId}, ${member?.user_id ?? ''}, ${role?.id as string}, 'Sam', ${email})`
        ).rejects.toThrow('belongs to the business that signs it in');
        const opened = await visitor.post('/welcome', {
            name: 'Mine',
            trade: 'plumber',
            vat_registered: 'no',
            vat_number: '',
            person_name: 'Sam',
            idempotency_key: randomUUID()
        });
        expect(opened.status).not.toBe(200);
        const [held] =
            await sql`select count(*)::int as n from public.members where user_id = ${member?.user_id ?? ''}`;
        expect(held?.n).toBe(1);
    });

    it('comes in at the open auth endpoint with a session that shows nothing of the business', async () => {
        const [provider] = await sql<{ identifier: string }[]>`
            select identifier from public.sso_providers where account_id = ${bell.accountId}`;
        const begun = await fetch(
            `${stack().apiUrl}/auth/v1/authorize?provider=${provider?.identifier ?? ''}`,
            {
                redirect: 'manual'
            }
        );
        const page = begun.headers.get('location') ?? '';
        const [, request = ''] =
            /name="request" value="([^"]+)"/.exec(await (await fetch(page)).text()) ?? [];
        const body = new URLSearchParams({ request, email: bell.owner.email, name: 'Mallory' });
        const answered = await fetch(new URL('/authorize', page), {
            method: 'POST',
            body,
            redirect: 'manual'
        });
        const back = await fetch(answered.headers.get('location') ?? '', { redirect: 'manual' });
        const token = new URLSearchParams(new URL(back.headers.get('location') ?? '').hash.slice(1)).get(
            'access_token'
        );
        const seen = await fetch(`${stack().apiUrl}/rest/v1/accounts?select=id`, {
            headers: { apikey: stack().publishableKey, authorization: `Bearer ${token ?? ''}` }
        });
        expect(await seen.json()).toEqual([]);
    });
});

describe('[AUTH-7] whoever left', () => {
    it('is not taken in again, by the same account there or by another of the same address', async () => {
        const email = atDomain();
        await enter({ email, name: 'Sam' });
        const [member] = await membersNamed(email);
        await sql`update public.members set removed_at = now(), removed_by = ${bell.owner.id} where user_id = ${member?.user_id ?? ''}`;
        expect((await enter({ email })).to).toBe('/sign-in/sso?problem=no_longer_a_member');
        const again = email.replace('@', '+again@');
        expect((await enter({ email: again, name: 'Sam' })).to).toBe(
            '/sign-in/sso?problem=no_longer_a_member'
        );
        expect(await membersNamed(again)).toEqual([]);
    });

    it('has no way in once the provider is taken off, though they stay in the team; nor once the domain is lost', async () => {
        const own = await aBusiness();
        const of = await withSso(own);
        const email = atDomain(of);
        const { visitor } = await enter({ email, name: 'Sam' }, of);
        const { page, request } = await atWork(aVisitor(app), of);
        expect(await askSso(own, { action: 'end' })).toEqual({});
        expect((await visitor.get('/today')).status, 'who is in stays in').toBe(200);
        expect((await membersNamed(email, own)).map((row) => row.removed)).toEqual([false]);
        const late = await fetch(new URL('/authorize', page), {
            method: 'POST',
            body: new URLSearchParams({ request, email }),
            redirect: 'manual'
        });
        const refused = await fetch(late.headers.get('location') ?? '', { redirect: 'manual' });
        expect(new URL(refused.headers.get('location') ?? '').searchParams.get('code')).toBeNull();
        expect((await aVisitor(app).get(`/auth/start?sso=${of}`)).headers.get('location')).toContain(
            'sso_not_set_up'
        );

        const lost = await aBusiness();
        const gone = await withSso(lost);
        const begun = aVisitor(app);
        const way = await atWork(begun, gone);
        await sql`update public.domains set state = 'missing' where account_id = ${lost.accountId}`;
        const back = await answerAtProvider(way.page, {
            request: way.request,
            email: atDomain(gone),
            name: 'Sam'
        });
        expect((await begun.get(back)).headers.get('location')).toBe('/sign-in/sso?problem=sso_other_domain');
    });
});

describe('[AUTH-7] setting it up', () => {
    it('needs a domain that is proven, an owner, and a role that is not the owner’s', async () => {
        const own = await aBusiness();
        const body = { action: 'set_up', ...(await typed(own)) };
        expect(await askSso(own, body)).toBe('domain_first');
        await aProvenDomain(own, `firm-${randomUUID().slice(0, 8)}.example`);
        expect(await askSso(own, { ...body, role_id: await roleOf(own, 'owner') })).toBe('validation_failed');
        const colleague = await own.withMember('admin');
        const asAdmin = { ...own, owner: { ...own.owner, db: colleague.db } };
        expect(await askSso(asAdmin, body)).toBe('owners_only');
        expect(await askSso(own, { ...body, role_id: await roleOf(bell, 'staff') })).toBe('not_found');
        expect(await askSso(own, body)).toMatchObject({ identifier: expect.any(String) });
        expect(await askSso(own, body)).toBe('sso_is_set_up');
    });

    it('looks the provider up first, and leaves nothing behind where there is none', async () => {
        const own = await aBusiness();
        await aProvenDomain(own, `firm-${randomUUID().slice(0, 8)}.example`);
        const issuer = `${stack().sso.url}/nobody`;
        expect(await askSso(own, { action: 'set_up', ...(await typed(own, { issuer })) })).toBe(
            'sso_provider_not_found'
        );
        expect(
            await askSso(own, { action: 'set_up', ...(await typed(own, { issuer: 'https://10.0.0.1' })) })
        ).toBe('sso_provider_not_found');
        expect(await sql`select from public.sso_providers where account_id = ${own.accountId}`).toHaveLength(
            0
        );
        expect(await askSso(own, { action: 'end' })).toBe('not_found');
    });

    it('keeps the client secret nowhere of ours', async () => {
        const own = await aBusiness();
        const secret = `canary-${randomUUID()}`;
        await withSso(own, { client_secret: secret });
        const tables = await sql<{ name: string }[]>`
            select format('%I.%I', schemaname, tablename) as name
            from pg_tables
            where schemaname in ('public', 'private', 'audit', 'mail', 'billing')`;
        for (const { name } of tables) {
            const found = await sql.unsafe(
                `select from ${name} as t where t::text like '%${secret}%' limit 1`
            );
            expect(found, name).toHaveLength(0);
        }
    });

    it('is told in the trail, by who did it', async () => {
        const told = await sql<{ action: string; actor_id: string }[]>`
            select action, actor_id
            from audit.records
            where chain_id = ${bell.accountId} and entity = 'sso_provider'
            order by id`;
        expect(told.map(({ action }) => action)).toEqual(['sso_provider.created', 'sso_provider.on']);
        expect(new Set(told.map(({ actor_id }) => actor_id))).toEqual(new Set([bell.owner.id]));
    });
});
