// Changing how one signs in: by whom, from which session, and what follows for everybody who held the login before.
import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import {
    aBusiness,
    aPerson,
    call,
    clientOf,
    superuser,
    type Business,
    type Person
} from '../../support/business.ts';
import { codeFor, linkTo, mailAbout, newestMail } from '../../support/inbox.ts';
import { stack } from '../../support/stack.ts';
import { sessionIn, tokensOf } from '../../support/tokens.ts';
import { aVisitor, signedIn, type Visitor } from '../../support/visitor.ts';
import { contextHeader, knock, refusal } from '../functions/edge.ts';

const app = process.env.TF_APP_URL ?? '';
const sql = superuser();
afterAll(() => sql.end());

const anEmail = (): string => `new-${randomUUID()}@example.test`;
/** Somebody with a business of their own, who may open every page. */
const anOwner = async (): Promise<Person> => (await aBusiness()).owner;
const aPassword = (): string => `${randomBytes(5).toString('hex')} dry roof tiles`;
const page = '/more/security/address';
const ASKS = 'Confirm your new address';
const TELLS = 'The address of your TradersFlow login was changed';
const again = (next: string): string => `/auth/again?next=${encodeURIComponent(next)}`;

const tokenOf = (visitor: Visitor): string => tokensOf(visitor).access_token;

/** As if the session had last proved who it is this long ago. */
async function provedAgo(token: string, minutes: number): Promise<void> {
    await sql`
        update auth.mfa_amr_claims set updated_at = now() - make_interval(mins => ${minutes})
        where session_id = ${sessionIn(token)}`;
}

/** What the login's rows say, to see that nothing changed. */
async function stored({ id }: Pick<Person, 'id'>): Promise<unknown> {
    const [row] = await sql`select email, email_change, encrypted_password from auth.users where id = ${id}`;
    return { ...row };
}

/** What is left of a session: at the web app, the Data API and storage. */
async function alive(visitor: Visitor, token: string, business: Business): Promise<boolean[]> {
    const db = clientOf(token);
    const [row] = await sql<{ name: string }[]>`
        select object_name as name from public.documents where account_id = ${business.accountId} limit 1`;
    return [
        (await visitor.get('/more/security')).status === 200,
        (await db.rpc('me')).error === null,
        (await db.storage.from(business.accountId).download(row?.name ?? '')).error === null
    ];
}

/** Asks for another address and presses the button in both mails, each in a browser. */
async function moveTo(
    email: string,
    visitor: Visitor,
    from: string,
    browsers: readonly Visitor[]
): Promise<Response> {
    // A while ago, so that the auth server sends again.
    await sql`
        update auth.users set email_change_sent_at = email_change_sent_at - interval '2 minutes'
        where email = ${from}`;
    const before = await newestMail(from);
    expect((await visitor.post(page, { email })).headers.get('location')).toBe(`${page}?asked`);
    const [first = visitor, second = visitor] = browsers;
    const current = linkTo('/auth/confirm', await mailAbout(from, ASKS, before));
    const half = await first.post(current.path, current.fields);
    expect(half.headers.get('location')).toBe('/auth/half');
    const next = linkTo('/auth/confirm', await mailAbout(email, ASKS));
    return second.post(next.path, next.fields);
}

describe('[AUTH-8] another address', () => {
    it('needs the button in both mailboxes, and nothing changes before', async () => {
        const person = await anOwner();
        const visitor = await signedIn(person, app);
        const email = anEmail();
        await visitor.post(page, { email });
        for (const mailbox of [email, person.email]) {
            const [row] = await sql`select email from auth.users where id = ${person.id}`;
            expect(row).toEqual({ email: person.email });
            const { path, fields } = linkTo('/auth/confirm', await mailAbout(mailbox, ASKS));
            for (let scan = 0; scan < 2; scan += 1) expect((await aVisitor(app).get(path)).status).toBe(200);
            await visitor.post(path, fields);
        }
        const [row] = await sql`select email from auth.users where id = ${person.id}`;
        expect(row).toEqual({ email });
    });

    it('ends every session before it, at the web app, the Data API and storage, and goes on where it was asked for', async () => {
        const business = await aBusiness();
        const { owner, accountId } = business;
        await business.anInvoice();
        const [visitor, elsewhere] = [await signedIn(owner, app), await signedIn(owner, app)];
        const [token, stolen] = [tokenOf(visitor), tokenOf(elsewhere)];
        expect(await alive(elsewhere, stolen, business)).toEqual([true, true, true]);
        const email = anEmail();
        const done = await moveTo(email, visitor, owner.email, []);
        expect(done.headers.get('location')).toBe('/more/security?changed=address');
        expect(await alive(elsewhere, stolen, business)).toEqual([false, false, false]);
        expect((await clientOf(token).rpc('me')).error?.hint).toBe('session_ended');
        const security = await (await visitor.get('/more/security?changed=address')).text();
        expect(security).toContain('Your address is changed');
        expect(security).toContain(email);
        const { data } = await clientOf(tokenOf(visitor))
            .from('members')
            .select('email')
            .eq('account_id', accountId);
        expect(data).toEqual([{ email }]);
        await signedIn({ email, password: owner.password }, app);
        const old = await aVisitor(app).post('/sign-in/password', {
            email: owner.email,
            password: owner.password
        });
        expect(old.status).toBe(422);
    });

    it('signs nobody in who only opened the mail: neither a stranger nor whoever else is signed in there', async () => {
        const [person, other] = [await anOwner(), await anOwner()];
        const visitor = await signedIn(person, app);
        const bystander = await signedIn(other, app);
        const before = tokenOf(bystander);
        const done = await moveTo(anEmail(), visitor, person.email, [aVisitor(app), bystander]);
        expect(done.headers.get('location')).toBe('/sign-in?changed=address');
        expect(tokenOf(bystander)).toBe(before);
        expect((await bystander.get('/more/security')).status).toBe(200);
        const [row] =
            await sql`select count(*)::integer as sessions from auth.sessions where user_id = ${person.id}`;
        expect(row).toEqual({ sessions: 0 });
        const stranger = aVisitor(app);
        const third = await signedIn(
            { ...person, email: ((await stored(person)) as { email: string }).email },
            app
        );
        const gone = await moveTo(anEmail(), third, ((await stored(person)) as { email: string }).email, [
            stranger,
            stranger
        ]);
        expect(gone.headers.get('location')).toBe('/sign-in?changed=address');
        expect(stranger.cookies.has('__Host-tf')).toBe(false);
    });

    it('is confirmed once by each link, and by no link of another kind or of somebody else', async () => {
        const person = await anOwner();
        const visitor = await signedIn(person, app);
        const email = anEmail();
        await visitor.post(page, { email });
        const { path, fields } = linkTo('/auth/confirm', await mailAbout(person.email, ASKS));
        for (const type of ['email', 'recovery', 'magiclink', 'signup', 'invite']) {
            const tried = await aVisitor(app).post(path, { ...fields, type });
            expect(tried.status, type).toBe(422);
        }
        await visitor.post(path, fields);
        const replayed = await visitor.post(path, fields);
        expect(replayed.status).toBe(422);
        expect(await replayed.text()).toContain('This link has been used already');

        // A code that signs in, sealed into a link that confirms an address, confirms nothing.
        const other = await anOwner();
        await aVisitor(app).post('/sign-in', { email: other.email });
        const sign = linkTo('/auth/confirm', await mailAbout(other.email, 'sign-in code'));
        const mixed = await visitor.post(sign.path, { ...sign.fields, type: 'email_change' });
        expect(mixed.status).toBe(422);
        const [row] = await sql`select email from auth.users where id = ${person.id}`;
        expect(row).toEqual({ email: person.email });
    });

    it('that somebody else has answers like any other, and changes nothing', async () => {
        const [person, other] = [await anOwner(), await anOwner()];
        const visitor = await signedIn(person, app);
        const answer = await visitor.post(page, { email: other.email });
        expect(answer.headers.get('location')).toBe(`${page}?asked`);
        expect(await stored(person)).toMatchObject({ email: person.email });
        expect(await stored(other)).toMatchObject({ email: other.email });
    });

    it('that is theirs already, or none, is told beside the field, and what was typed stays', async () => {
        const person = await anOwner();
        const visitor = await signedIn(person, app);
        const same = await visitor.post(page, { email: person.email });
        expect(await same.text()).toContain('You sign in with this address already.');
        const wrong = await (await visitor.post(page, { email: 'kim at example' })).text();
        expect(wrong).toContain('value="kim at example"');
        expect(wrong).toContain('Type an e-mail address');
    });
});

describe('[AUTH-8] the notice of another address', () => {
    it('gives the login back to whoever had it, and is worth nothing to whoever took it', async () => {
        const person = await anOwner();
        const thief = await signedIn(person, app);
        const [first, second] = [anEmail(), anEmail()];
        await moveTo(first, thief, person.email, []);
        const told = linkTo('/auth/not-me', await mailAbout(person.email, TELLS));
        await moveTo(second, thief, first, []);
        const thiefs = linkTo('/auth/not-me', await mailAbout(first, TELLS));
        const password = aPassword();
        await thief.post('/reset/password', { password });

        expect((await aVisitor(app).get(told.path)).status).toBe(200);
        const undone = await aVisitor(app).post(told.path, told.fields);
        expect(undone.headers.get('location')).toBe('/reset?disowned');
        expect((await thief.get('/more/security')).status).toBe(303);
        expect(await stored(person)).toMatchObject({ email: person.email });
        for (const email of [person.email, first, second]) {
            const tried = await aVisitor(app).post('/sign-in/password', { email, password });
            expect(tried.status, email).toBe(422);
        }
        const used = await aVisitor(app).post(thiefs.path, thiefs.fields);
        expect(used.status).toBe(422);
        expect(await stored(person)).toMatchObject({ email: person.email });

        const owner = aVisitor(app);
        await owner.post('/sign-in', { email: person.email });
        const [code = ''] = /\d{6}/.exec((await mailAbout(person.email, 'sign-in code')).subject) ?? [];
        const entered = await owner.post('/sign-in/code?/enter', { code });
        expect(entered.status).toBe(303);
    });
});

describe('[AUTH-8] a session that proved itself too long ago', () => {
    it.each([page, '/reset/password', '/more/security/no-password'])(
        'is asked to prove itself anew before it sees %s, and before it sends it',
        async (path) => {
            const person = await anOwner();
            const visitor = await signedIn(person, app);
            expect((await visitor.get(path)).status).toBe(200);
            const before = await stored(person);
            await provedAgo(tokenOf(visitor), 11);
            expect((await visitor.get(path)).headers.get('location')).toBe(again(path));
            const sent = await visitor.post(path, { email: anEmail(), password: aPassword() });
            expect(sent.headers.get('location')).toBe(again(path));
            expect(await stored(person)).toEqual(before);
        }
    );

    it.each([
        ['another address', { email: anEmail() }],
        ['another password', { password: aPassword() }],
        ['a password among other things', { password: aPassword(), data: { name: 'Kim' } }]
    ])('changes nothing at the gate either, without our web server: with %s', async (_, body) => {
        const person = await anOwner();
        const put = (headers: Record<string, string>) =>
            knock('auth-gate/auth/v1/user', { method: 'PUT', headers, body });
        const own = {
            authorization: `Bearer ${person.accessToken}`,
            'x-tf-context': contextHeader({ sid: sessionIn(person.accessToken) })
        };
        await provedAgo(person.accessToken, 11);
        const before = await stored(person);
        expect(await refusal(await put(own))).toEqual({ status: 403, code: 'fresh_proof_needed' });
        // With another person's fresh session in the context the token is not believed.
        const other = await anOwner();
        const mixed = { ...own, 'x-tf-context': contextHeader({ sid: sessionIn(other.accessToken) }) };
        expect(await refusal(await put(mixed))).toEqual({ status: 401, code: 'context_required' });
        expect(await stored(person)).toEqual(before);
        await sql`delete from auth.sessions where user_id = ${person.id}`;
        expect((await put(own)).status).toBe(401);
        expect(await stored(person)).toEqual(before);
    });

    it('goes on once it has, back on the page where it was going', async () => {
        const person = await anOwner();
        const visitor = await signedIn(person, app);
        await provedAgo(tokenOf(visitor), 11);
        const to = (await visitor.get(page)).headers.get('location') ?? '';
        expect((await visitor.get(to)).status).toBe(200);
        const back = await visitor.post('/auth/again?/password', { password: person.password, next: page });
        expect(back.headers.get('location')).toBe(page);
        expect((await visitor.get(page)).status).toBe(200);
    });
});

describe('[AUTH-8] another password', () => {
    it('ends every other session, and its person is told with the way to undo it', async () => {
        const business = await aBusiness();
        const { owner } = business;
        await business.anInvoice();
        await sql`update auth.users set email_confirmed_at = now() - interval '1 day' where id = ${owner.id}`;
        const [visitor, elsewhere] = [await signedIn(owner, app), await signedIn(owner, app)];
        const stolen = tokenOf(elsewhere);
        const password = aPassword();
        const saved = await visitor.post('/reset/password', { password, next: '/more/security' });
        expect(saved.headers.get('location')).toBe('/more/security?changed=password');
        expect(await alive(elsewhere, stolen, business)).toEqual([false, false, false]);
        expect((await visitor.get('/more/security')).status).toBe(200);
        const told = linkTo(
            '/auth/not-me',
            await mailAbout(owner.email, 'The password of your TradersFlow login')
        );
        await aVisitor(app).post(told.path, told.fields);
        expect((await visitor.get('/more/security')).status).toBe(303);
        const tried = await aVisitor(app).post('/sign-in/password', { email: owner.email, password });
        expect(tried.status).toBe(422);
    });

    it('that is none any more opens nothing, and a code by e-mail still does', async () => {
        const person = await anOwner();
        const [visitor, elsewhere] = [await signedIn(person, app), await signedIn(person, app)];
        const dropped = await visitor.post('/more/security/no-password', {});
        expect(dropped.headers.get('location')).toBe('/more/security?changed=no_password');
        expect((await elsewhere.get('/more/security')).status).toBe(303);
        const tried = await aVisitor(app).post('/sign-in/password', {
            email: person.email,
            password: person.password
        });
        expect(tried.status).toBe(422);
        const back = aVisitor(app);
        await back.post('/sign-in', { email: person.email });
        const entered = await back.post('/sign-in/code?/enter', { code: await codeFor(person.email) });
        expect(entered.status).toBe(303);
    });
});

it('[AUTH-8] what a password must not be made of is told to nobody but its person', async () => {
    const person = await aPerson();
    expect(await call<string[]>(person.db, 'prepare_credentials', {})).toEqual([person.email]);
    const nobody = clientOf(stack().publishableKey);
    expect((await nobody.rpc('prepare_credentials')).error).not.toBeNull();
});
