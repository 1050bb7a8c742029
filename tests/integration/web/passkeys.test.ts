// Passkeys through the pages that people use: made, named, used, used wrongly, and removed.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeShown } from '../../support/authenticator-app.ts';
import { anAuthenticator, tampered, type Authenticator } from '../../support/authenticator.ts';
import {
    aBusiness,
    aPerson,
    clientOf,
    superuser,
    type Business,
    type Person
} from '../../support/business.ts';
import { anApp } from '../../support/factors.ts';
import { answered, enterByPasskey, makePasskey, questionAt, signInQuestion } from '../../support/passkeys.ts';
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

const isIn = (visitor: Visitor): boolean => visitor.cookies.has('__Host-tf');

const passkeysOf = ({ id }: Person) =>
    sql<{ id: string; friendly_name: string }[]>`
        select id, friendly_name from auth.webauthn_credentials where user_id = ${id} order by created_at`;

/** Has all that the person proved be longer ago than a proof is fresh. */
const proveNothingLately = ({ id }: Person) => sql`
    update auth.mfa_amr_claims set updated_at = now() - interval '11 minutes'
    where session_id in (select id from auth.sessions where user_id = ${id})`;

describe('[AUTH-4] a passkey', () => {
    let business: Business;
    let owner: Person;
    let visitor: Visitor;
    let phone: Authenticator;
    beforeAll(async () => {
        business = await aBusiness();
        owner = business.owner;
        visitor = await signedIn(owner, app);
        phone = anAuthenticator(app, { synced: true, counting: false });
    });

    it('is made and named by a signed-in person, who is told by mail', async () => {
        const made = await makePasskey(visitor, phone, { name: '  Sam’s phone ' });
        expect(made.headers.get('location')).toBe('/more/security?changed=passkey_added');
        const page = await (await visitor.get('/more/security?changed=passkey_added')).text();
        expect(page).toContain('Your passkey is made.');
        expect(page).toContain('Sam’s phone');
        expect((await passkeysOf(owner)).map(({ friendly_name }) => friendly_name)).toEqual(['Sam’s phone']);
        const mails = await sql`
            select data ->> 'what' as what, data ->> 'name' as name from mail.outbox
            where template = 'second_factor' and to_address = ${owner.email}`;
        expect(mails.map((mail) => ({ ...mail }))).toEqual([{ what: 'passkey_added', name: 'Sam’s phone' }]);
    });

    it('signs in, to the page that was wanted, with nothing typed', async () => {
        const fresh = aVisitor(app);
        const entered = await enterByPasskey(fresh, phone, { next: '/jobs?from=here' });
        expect(entered.status).toBe(303);
        expect(entered.headers.get('location')).toBe('/jobs?from=here');
        expect((await fresh.get('/jobs')).status).toBe(200);
        expect((await clientOf(tokenOf(fresh)).from('accounts').select('id')).data).toHaveLength(1);
        expect(fresh.cookies.has('__Host-tf-device'), 'the device is known from now on').toBe(true);
        expect(await (await fresh.get('/more/security/sign-ins')).text()).toContain(
            'Signed in with a passkey'
        );
        const [told] = await sql<{ n: number }[]>`
            select count(*)::int as n from mail.outbox where template = 'new_device' and to_address = ${owner.email}`;
        expect(told?.n, 'on a device that is new to them').toBeGreaterThan(0);
    });

    it('leads nowhere but on this site afterwards', async () => {
        const entered = await enterByPasskey(aVisitor(app), phone, { next: '//evil.example' });
        expect(entered.headers.get('location')).toBe('/today');
    });

    const lies = {
        'at another site': { origin: 'https://tradersf1ow.example' },
        'for another site’s name': { rpId: 'tradersf1ow.example' },
        'to another question': { challenge: Buffer.from(randomUUID()).toString('base64url') },
        'with a signature that was tampered with': { signature: tampered },
        'that nobody touched': { absent: true },
        'as another ceremony': { type: 'webauthn.create' }
    };
    it.each(Object.entries(lies))('that was used %s lets nobody in', async (_, lie) => {
        const stranger = aVisitor(app);
        const refused = await enterByPasskey(stranger, phone, { lies: lie });
        expect(refused.status).toBe(422);
        expect(await refused.text()).toContain('We do not know that passkey.');
        expect(isIn(stranger)).toBe(false);
    });

    it('answers a question once', async () => {
        const first = aVisitor(app);
        const question = await signInQuestion(first);
        const fields = answered(question, phone.get(question.options));
        expect((await first.post('/sign-in/passkey', fields)).status).toBe(303);
        const second = aVisitor(app);
        const replayed = await second.post('/sign-in/passkey', fields);
        expect(replayed.status).toBe(409);
        expect(await replayed.text()).toContain('was done already');
        expect(isIn(second)).toBe(false);
    });

    it('is not looked for again after a wrong answer to the same question', async () => {
        const visit = aVisitor(app);
        const question = await signInQuestion(visit);
        const wrong = answered(question, phone.get(question.options, { signature: tampered }));
        expect((await visit.post('/sign-in/passkey', wrong)).status).toBe(422);
        const right = answered(question, phone.get(question.options));
        expect((await visit.post('/sign-in/passkey', right)).status).toBe(409);
        expect(isIn(visit)).toBe(false);
    });

    it('of one person signs nobody else in, whatever it says of its holder', async () => {
        const other = await aPerson();
        const theirs = anAuthenticator(app);
        expect((await makePasskey(await signedIn(other, app), theirs)).status).toBe(303);
        const stranger = aVisitor(app);
        const refused = await enterByPasskey(stranger, theirs, { lies: { userId: owner.id } });
        expect(refused.status).toBe(422);
        expect(isIn(stranger)).toBe(false);
        expect((await enterByPasskey(stranger, theirs)).status).toBe(303);
        const claims = JSON.parse(
            Buffer.from(tokenOf(stranger).split('.')[1] ?? '', 'base64url').toString()
        ) as { sub: string };
        expect(claims.sub).toBe(other.id);
    });

    it('is made for one person: the answer to a question that another one was asked makes none', async () => {
        const other = await signedIn((await aBusiness()).owner, app);
        const question = await questionAt<Parameters<Authenticator['create']>[0]>(
            visitor,
            '/more/security/passkeys/options'
        );
        const refused = await other.post('/more/security/passkeys/new', {
            name: 'Not mine',
            ...answered(question, anAuthenticator(app).create(question.options))
        });
        expect(refused.status).toBe(409);
        expect(await passkeysOf(owner)).toHaveLength(1);
    });

    it('is not made at another site, or by an answer that is none', async () => {
        const elsewhere = anAuthenticator('https://tradersf1ow.example');
        const refused = await makePasskey(visitor, elsewhere, { lies: { rpId: 'tradersf1ow.example' } });
        expect(refused.status).toBe(422);
        expect(await refused.text()).toContain('That passkey was not made.');
        for (const credential of ['{', '[]', '{"id":"x"}', 'null']) {
            const fields = { name: 'Nothing', challenge_id: randomUUID(), credential };
            const none = await visitor.post('/more/security/passkeys/new', fields);
            expect(none.status, credential).toBe(422);
        }
        expect(await passkeysOf(owner)).toHaveLength(1);
    });

    it('that comes without an answer, as from a browser without script, says so', async () => {
        const silent = await aVisitor(app).post('/sign-in/passkey?next=/jobs', {});
        expect(silent.status).toBe(422);
        const page = await silent.text();
        expect(page).toContain('none had run here yet');
        expect(page, 'and still knows where to go on').toContain('next=%2Fjobs');
    });

    it('proves anew who is there, and only of the person themselves', async () => {
        await proveNothingLately(owner);
        expect((await visitor.get('/more/roles/new')).headers.get('location')).toMatch(/^\/auth\/again/);
        expect(await (await visitor.get('/auth/again?next=/more/roles/new')).text()).toContain(
            'Use a passkey'
        );
        const theirs = anAuthenticator(app);
        await makePasskey(await signedIn(await aPerson(), app), theirs);
        const prove = async (authenticator: Authenticator): Promise<Response> => {
            const question = await signInQuestion(visitor);
            return await visitor.post('/auth/again?/passkey', {
                next: '/more/roles/new',
                __superform_id: 'passkey',
                ...answered(question, authenticator.get(question.options))
            });
        };
        const before = tokenOf(visitor);
        const refused = await prove(theirs);
        expect(refused.status).toBe(422);
        expect(await refused.text()).toContain('belongs to another login');
        expect(tokenOf(visitor), 'nobody has changed places').toBe(before);
        expect((await prove(phone)).headers.get('location')).toBe('/more/roles/new');
        expect((await visitor.get('/more/roles/new')).status).toBe(200);
        expect((await clientOf(before).rpc('me')).error?.hint, 'the session before is over').toBe(
            'session_ended'
        );
    });

    it('is neither made nor removed by a session that proved nothing lately', async () => {
        await proveNothingLately(owner);
        expect((await visitor.get('/more/security/passkeys/new')).headers.get('location')).toMatch(
            /^\/auth\/again/
        );
        const asked = await visitor.json('/more/security/passkeys/options', {});
        expect(asked.status).toBe(403);
        expect(((await asked.json()) as { code: string }).code).toBe('fresh_proof_needed');
        const [mine] = await passkeysOf(owner);
        const removed = await visitor.post('/more/security/passkeys?/remove', { passkey_id: mine?.id ?? '' });
        expect(removed.headers.get('location')).toMatch(/^\/auth\/again/);
        expect(await passkeysOf(owner)).toHaveLength(1);
        visitor = await signedIn(owner, app);
    });

    it('is renamed and removed by its person and nobody else, and then opens nothing', async () => {
        const [mine] = await passkeysOf(owner);
        const passkey_id = mine?.id ?? '';
        const stranger = await signedIn((await aBusiness()).owner, app);
        for (const act of ['rename', 'remove']) {
            const tried = await stranger.post(`/more/security/passkeys?/${act}`, {
                passkey_id,
                name: 'Mine'
            });
            expect(tried.status, act).toBe(404);
        }
        const renamed = await visitor.post('/more/security/passkeys?/rename', {
            passkey_id,
            name: 'Old phone'
        });
        expect(renamed.headers.get('location')).toBe('/more/security?changed=passkey_named');
        expect((await passkeysOf(owner)).map(({ friendly_name }) => friendly_name)).toEqual(['Old phone']);
        expect((await enterByPasskey(aVisitor(app), phone)).status, 'it still works').toBe(303);

        const removed = await visitor.post('/more/security/passkeys?/remove', { passkey_id });
        expect(removed.headers.get('location')).toBe('/more/security?changed=passkey_removed');
        const after = aVisitor(app);
        const refused = await enterByPasskey(after, phone);
        expect(refused.status).toBe(422);
        expect(await refused.text()).toContain('We do not know that passkey.');
        expect(isIn(after)).toBe(false);
        const mails = await sql`
            select data ->> 'name' as name from mail.outbox
            where template = 'second_factor' and data ->> 'what' = 'passkey_removed' and to_address = ${owner.email}`;
        expect(mails.map(({ name }) => name as string)).toEqual(['Old phone']);
        const trail = await sql`
            select action from audit.records where chain_id = ${owner.id} and entity = 'passkey' order by id`;
        expect(trail.map(({ action }) => action as string)).toEqual(['passkey.added', 'passkey.removed']);
    });
});

describe('[AUTH-4] whoever has a second factor', () => {
    it('gives it after a passkey too', async () => {
        const person = await aPerson();
        const visitor = await signedIn(person, app);
        const phone = anAuthenticator(app);
        expect((await makePasskey(visitor, phone)).status).toBe(303);
        const { factorId, secret } = await anApp(visitor, '/more/security');
        const fresh = aVisitor(app);
        expect((await enterByPasskey(fresh, phone, { next: '/more/security' })).status).toBe(303);
        expect((await fresh.get('/more/security')).headers.get('location')).toMatch(/^\/auth\/factor/);
        expect((await clientOf(tokenOf(fresh)).rpc('me')).error?.hint).toBe('factor_needed');
        const code = codeShown(secret, new Date(), 1);
        const given = await fresh.post('/auth/factor', { factor_id: factorId, code, next: '/more/security' });
        expect(given.headers.get('location')).toBe('/more/security');
    });
});

describe('[AUTH-6] a session that a passkey began', () => {
    it('ends as any other does, everywhere at once', async () => {
        const { owner } = await aBusiness();
        const visitor = await signedIn(owner, app);
        const phone = anAuthenticator(app);
        await makePasskey(visitor, phone);
        const other = aVisitor(app);
        await enterByPasskey(other, phone);
        const token = tokenOf(other);
        expect((await clientOf(token).from('accounts').select('id')).data).toHaveLength(1);
        expect((await visitor.post('/more/security?/others', { __superform_id: 'others' })).status).toBe(303);
        expect((await other.get('/today')).headers.get('location')).toMatch(/^\/sign-in\?ended/);
        expect((await clientOf(token).from('accounts').select('id')).data).toEqual([]);
        expect((await visitor.get('/today')).status).toBe(200);
    });
});

describe('[RATE-1] signing in with passkeys', () => {
    it('is counted by address like any other way', async () => {
        const phone = anAuthenticator(app);
        await makePasskey(await signedIn(await aPerson(), app), phone);
        const stranger = aVisitor(app);
        const statuses: number[] = [];
        for (let n = 0; n < 12; n += 1)
            statuses.push((await enterByPasskey(stranger, phone, { lies: { signature: tampered } })).status);
        expect(statuses.filter((status) => status === 422)).toHaveLength(10);
        expect(statuses.slice(10)).toEqual([429, 429]);
    });

    it('gives an address thirty questions in five minutes, and then says how long to wait', async () => {
        const stranger = aVisitor(app);
        for (let n = 0; n < 30; n += 1) await signInQuestion(stranger);
        const refused = await stranger.json('/sign-in/passkey/options', {});
        expect(refused.status).toBe(429);
        expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
        expect(((await refused.json()) as { title: string }).title).toContain('Too many tries');
    });
});
