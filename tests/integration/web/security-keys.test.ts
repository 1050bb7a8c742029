// Security keys as the second factor, through the pages that people use: set up, given, given wrongly, and taken away.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
    anAuthenticator,
    tampered,
    type Authenticator,
    type CreationOptions,
    type Lies
} from '../../support/authenticator.ts';
import { aBusiness, clientOf, superuser, type Business, type Person } from '../../support/business.ts';
import { anApp } from '../../support/factors.ts';
import { answered, questionAt } from '../../support/passkeys.ts';
import { aSecurityKey, keyAnswered, keyQuestion } from '../../support/security-keys.ts';
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

const factorsOf = ({ id }: Person) =>
    sql<{ id: string; friendly_name: string; status: string }[]>`
        select id, friendly_name, status from auth.mfa_factors where user_id = ${id} order by created_at`;

const firstOf = async (person: Person): Promise<string> => (await factorsOf(person))[0]?.id ?? '';

const proveNothingLately = ({ id }: Person) => sql`
    update auth.mfa_amr_claims set updated_at = now() - interval '11 minutes'
    where session_id in (select id from auth.sessions where user_id = ${id})`;

/** Sets a key up; what the page answers. */
const setUp = async (visitor: Visitor, key: Authenticator, name: string, lies?: Lies): Promise<Response> =>
    (await aSecurityKey(visitor, { key, name, ...(lies ? { lies } : {}) })).last;

/** Gives a key at the next sign-in; what the page answers. */
const give = async (visitor: Visitor, factorId: string, key: Authenticator, lies?: Lies): Promise<Response> =>
    visitor.post('/auth/factor/use?next=/jobs', await keyAnswered(visitor, factorId, key, lies));

describe('[AUTH-4] a security key', () => {
    let business: Business;
    let owner: Person;
    let visitor: Visitor;
    const key = anAuthenticator(app);
    beforeAll(async () => {
        business = await aBusiness();
        owner = business.owner;
        visitor = await signedIn(owner, app);
    });

    // Each test is a quarter of an hour of its own; how many tries there are in a minute is one of them.
    beforeEach(async () => {
        await sql`delete from private.limit_takes where limit_name in ('factor', 'factor_setup')`;
    });

    it('is not set up by an answer from another site, or to another question', async () => {
        for (const lies of [{ origin: 'https://tradersf1ow.example' }, { challenge: 'AAAA' }]) {
            const refused = await setUp(visitor, anAuthenticator(app), 'Not mine', lies);
            expect(refused.status).toBe(422);
            expect(await refused.text()).toContain('That key did not match.');
        }
        expect((await factorsOf(owner)).filter(({ status }) => status === 'verified')).toEqual([]);
    });

    it('is set up, with recovery codes for the day it is lost, and told of by mail', async () => {
        const done = await setUp(visitor, key, 'Blue key');
        expect(done.headers.get('location')).toBe('/auth/factor/codes?next=%2Fmore%2Fsecurity&first=');
        expect(await (await visitor.post('/auth/factor/codes', {})).text()).toMatch(
            /[0-9a-z]{4}(-[0-9a-z]{4}){3}/
        );
        expect((await factorsOf(owner)).map(({ friendly_name, status }) => [friendly_name, status])).toEqual([
            ['Blue key', 'verified']
        ]);
        expect(await (await visitor.get('/more/security')).text()).toContain('Blue key');
        const mails = await sql`
            select data ->> 'what' as what, data ->> 'name' as name from mail.outbox
            where template = 'second_factor' and to_address = ${owner.email}`;
        expect(mails.map((mail) => ({ ...mail }))).toEqual([{ what: 'factor_added', name: 'Blue key' }]);
    });

    it('is asked for at the next sign-in, before anything of the business is seen', async () => {
        const fresh = await signedIn(owner, app);
        expect((await fresh.get('/jobs')).headers.get('location')).toBe('/auth/factor?next=%2Fjobs');
        expect(await (await fresh.get('/auth/factor?next=%2Fjobs')).text()).toContain('Use my security key');
        const token = tokenOf(fresh);
        expect((await clientOf(token).from('accounts').select('id')).data).toEqual([]);
        const given = await give(fresh, await firstOf(owner), key);
        expect(given.headers.get('location')).toBe('/jobs');
        expect((await fresh.get('/jobs')).status).toBe(200);
        expect((await clientOf(tokenOf(fresh)).from('accounts').select('id')).data).toHaveLength(1);
        visitor = fresh;
    });

    const lies: Record<string, Lies> = {
        'at another site': { origin: 'https://tradersf1ow.example' },
        'to another question': { challenge: 'AAAA' },
        'with a signature that was tampered with': { signature: tampered },
        'that nobody touched': { absent: true }
    };
    it.each(Object.entries(lies))('used %s lets nobody in, and is on record', async (_, lie) => {
        const thief = await signedIn(owner, app);
        const refused = await give(thief, await firstOf(owner), key, lie);
        expect(refused.status).toBe(422);
        expect(await refused.text()).toContain('That key did not match.');
        expect((await thief.get('/jobs')).headers.get('location')).toBe('/auth/factor?next=%2Fjobs');
        const [told] = await sql<{ n: number }[]>`
            select count(*)::int as n from audit.records
            where chain_id = ${owner.id} and action = 'sign_in.refused' and result = 'failed'`;
        expect(told?.n).toBeGreaterThan(0);
    });

    it('answers a question once', async () => {
        const first = await signedIn(owner, app);
        const question = await keyQuestion(first, await firstOf(owner));
        const fields = answered(question, key.get(question.options));
        const { address } = first;
        expect((await first.post('/auth/factor/use', fields)).status).toBe(303);
        const second = await signedIn(owner, app);
        const replayed = await second.post('/auth/factor/use', fields, { 'x-forwarded-for': address });
        expect(replayed.status).toBe(409);
        expect((await second.get('/jobs')).headers.get('location')).toBe('/auth/factor?next=%2Fjobs');
        visitor = first;
    });

    it('is nobody’s but its person’s', async () => {
        const stranger = await signedIn((await aBusiness()).owner, app);
        const foreign = await stranger.json('/auth/factor/use/question', { factor_id: await firstOf(owner) });
        expect(foreign.status).toBe(409);
        const thief = await signedIn(owner, app);
        const question = await keyQuestion(thief, await firstOf(owner));
        const theirs = anAuthenticator(app);
        const made = theirs.create({ rp: { id: 'localhost' }, user: { id: 'AAAA' }, challenge: 'AAAA' });
        expect(made.id).not.toBe(key.keys()[0]);
        const answer = theirs.get(
            { ...question.options, allowCredentials: [] },
            { credentialId: key.keys()[0] }
        );
        const refused = await thief.post('/auth/factor/use', answered(question, answer));
        expect(refused.status).toBe(422);
        expect((await thief.get('/jobs')).headers.get('location')).toBe('/auth/factor?next=%2Fjobs');
    });

    it('is not tried without end: after five wrong answers they wait, whatever device they come from', async () => {
        const statuses: number[] = [];
        for (let n = 0; n < 7; n += 1) {
            const thief = await signedIn(owner, app);
            statuses.push((await give(thief, await firstOf(owner), key, { signature: tampered })).status);
        }
        expect(statuses.filter((status) => status === 422).length).toBeLessThanOrEqual(5);
        expect(statuses.at(-1)).toBe(429);
    });

    it('proves anew who is there, where a password no longer does', async () => {
        await proveNothingLately(owner);
        expect((await visitor.get('/more/roles/new')).headers.get('location')).toMatch(/^\/auth\/again/);
        const page = await (await visitor.get('/auth/again?next=/more/roles/new')).text();
        expect(page).toContain('Use my security key');
        expect(page).not.toContain('Send me a code');
        const answer = async (lie?: Lies): Promise<Response> => {
            const fields = await keyAnswered(visitor, await firstOf(owner), key, lie);
            const form = { ...fields, next: '/more/roles/new', __superform_id: 'key' };
            return await visitor.post('/auth/again?/key', form);
        };
        const refused = await answer({ signature: tampered });
        expect(refused.status).toBe(422);
        expect(await refused.text()).toContain('That key did not match.');
        expect((await answer()).headers.get('location')).toBe('/more/roles/new');
        expect((await visitor.get('/more/roles/new')).status).toBe(200);
    });

    it('stands beside others and beside an app, and either is enough', async () => {
        const spare = anAuthenticator(app);
        const twice = await questionAt<CreationOptions>(visitor, '/auth/factor/key/begin', { name: 'Again' });
        expect(() => key.create(twice.options), 'the browser is told which keys are there').toThrow(
            /InvalidState/
        );
        expect((await setUp(visitor, spare, 'Spare key')).headers.get('location')).toBe('/more/security');
        const { last } = await anApp(visitor, '/more/security');
        expect(last.headers.get('location')).toBe('/more/security');
        expect((await factorsOf(owner)).map(({ friendly_name }) => friendly_name)).toEqual([
            'Blue key',
            'Spare key',
            'My phone'
        ]);
        const fresh = await signedIn(owner, app);
        const page = await (await fresh.get('/auth/factor')).text();
        expect(page).toMatch(/authenticator\s+app/);
        expect(page).toContain('Use my security key');
        expect((await give(fresh, await firstOf(owner), spare)).headers.get('location')).toBe('/jobs');
        expect((await fresh.get('/jobs')).status).toBe(200);
    });

    it('is taken away by a fresh proof only, and opens nothing afterwards', async () => {
        const factor_id = await firstOf(owner);
        await proveNothingLately(owner);
        const stale = await visitor.post('/more/security?/factor', { factor_id });
        expect(stale.headers.get('location')).toMatch(/^\/auth\/again/);
        expect(await factorsOf(owner)).toHaveLength(3);
        const fresh = await signedIn(owner, app);
        await give(fresh, factor_id, key);
        const removed = await fresh.post('/more/security?/factor', { factor_id });
        expect(removed.headers.get('location')).toBe('/more/security?ended=factor');
        const next = await signedIn(owner, app);
        const question = await keyQuestion(next, await firstOf(owner));
        expect(() => key.get(question.options), 'the browser is not asked for it').toThrow(/NotAllowed/);
        const answer = key.get({ ...question.options, allowCredentials: [] });
        expect((await next.post('/auth/factor/use', answered(question, answer))).status).toBe(422);
    });

    it('says so when no script ran', async () => {
        const fresh = await signedIn(owner, app);
        const silent = await fresh.post('/auth/factor/use?next=/jobs', {});
        expect(silent.status).toBe(422);
        expect(await silent.text()).toContain('none had run here yet');
    });

    it('is not begun by a session that proved nothing lately', async () => {
        const other = await aBusiness();
        const session = await signedIn(other.owner, app);
        await proveNothingLately(other.owner);
        expect((await session.get('/auth/factor/key')).headers.get('location')).toMatch(/^\/auth\/again/);
        const begun = await session.json('/auth/factor/key/begin', { name: 'A thief’s' });
        expect(begun.status).toBe(403);
        expect(await factorsOf(other.owner)).toEqual([]);
    });
});

describe('[AUTH-4] a role that demands a second factor', () => {
    it('is satisfied by a security key', async () => {
        const business = await aBusiness();
        const staff = await business.withMember('staff');
        await sql`update public.roles set demands_factor = true where account_id = ${business.accountId} and key = 'staff'`;
        const visitor = await signedIn(staff, app);
        expect((await visitor.get('/jobs')).headers.get('location')).toBe('/auth/factor?next=%2Fjobs');
        expect(await (await visitor.get('/auth/factor/key?next=/jobs')).text()).toContain(
            'Bell Lane Electrical'
        );
        await setUp(visitor, anAuthenticator(app), 'My key');
        expect((await visitor.get('/jobs')).status).toBe(200);
    });
});
