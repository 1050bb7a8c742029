// Attacks on sessions: planted, stolen, replayed, bent. bell's people are the victims; whoever attacks gets nothing of theirs,
// and nothing of theirs changes.
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person } from '../../support/business.ts';
import { stack } from '../../support/stack.ts';
import { cookieOf, sessionIn, tokensOf, type Tokens } from '../../support/tokens.ts';
import { aVisitor, signedIn, type Visitor } from '../../support/visitor.ts';
import { ask, repelled, theScene, type Scene } from './scene.ts';

const app = process.env.TF_APP_URL ?? '';
let scene: Scene;

beforeAll(async () => {
    scene = await theScene();
});
afterAll(() => scene.end());

/** A browser that holds these tokens, and nothing else. */
function holding(tokens: Tokens): Visitor {
    const visitor = aVisitor(app);
    visitor.cookies.set('__Host-tf', cookieOf(tokens));
    return visitor;
}

/** Is the visitor let into the app? */
async function isIn(visitor: Visitor): Promise<boolean> {
    return (await visitor.get('/more/security')).status === 200;
}

/** Does the web tier by itself take the visitor for somebody? Whoever is signed in is led on from here, without a look at the database. */
async function isTakenForSomebody(visitor: Visitor): Promise<boolean> {
    return (await visitor.get('/sign-in')).status === 303;
}

/** What a thief gets with these tokens: a page of bell's, rows at the Data API, a file in storage. */
async function gets(tokens: Tokens): Promise<{ page: boolean; rows: boolean; file: boolean }> {
    const { accountId, objectName } = scene.bell;
    const as = tokens.access_token;
    const page = await holding(tokens).get('/customers');
    const rows = await ask(`/rest/v1/customers?account_id=eq.${accountId}`, { as });
    const file = await ask(`/storage/v1/object/authenticated/${accountId}/${objectName}`, { as });
    return {
        page: page.status === 200 && (await page.text()).includes(scene.mark),
        rows: rows.text.includes(scene.mark),
        file: file.status === 200
    };
}

const EVERYTHING = { page: true, rows: true, file: true };
const NOTHING = { page: false, rows: false, file: false };

/** A member of bell, signed in in a browser; and the tokens that a thief has copied from it. */
async function robbed(): Promise<{ victim: Visitor; person: Person; stolen: Tokens }> {
    const person = await scene.bell.withMember('admin');
    const victim = await signedIn(person, app);
    return { victim, person, stolen: tokensOf(victim) };
}

describe('fixation', () => {
    test('[AUTH-5] a session that was planted in a browser is not the one that its owner signs in to', async () => {
        const attacker = await signedIn(scene.finch.owner, app);
        const planted = tokensOf(attacker);
        const victim = holding(planted);
        const { email, password } = scene.bell.owner;
        expect((await victim.post('/sign-in/password', { email, password })).status).toBe(303);
        const own = tokensOf(victim);
        expect(sessionIn(own.access_token)).not.toBe(sessionIn(planted.access_token));
        expect(own.refresh_token).not.toBe(planted.refresh_token);
        await repelled(scene, () => gets(planted));
        expect(await gets(planted)).toEqual(NOTHING);
    });

    test('[AUTH-5] each sign-in begins a session of its own', async () => {
        const [one, other] = [await signedIn(scene.bell.owner, app), await signedIn(scene.bell.owner, app)];
        const sessions = [one, other].map((visitor) => sessionIn(tokensOf(visitor).access_token));
        expect(new Set(sessions).size).toBe(2);
    });
});

describe('a session', () => {
    test('[AUTH-5] comes by its cookie alone: tokens in an address, a header or a form begin none', async () => {
        const { stolen } = await robbed();
        const { access_token, refresh_token } = stolen;
        const carried = new URLSearchParams({ access_token, refresh_token, token: access_token });
        for (const path of ['/customers', '/sign-in', '/auth/callback', '/auth/confirm']) {
            const visitor = aVisitor(app);
            const answer = await visitor.get(`${path}?${carried}`, {
                authorization: `Bearer ${access_token}`,
                'x-forwarded-user': scene.bell.owner.email
            });
            expect(await answer.text()).not.toContain(scene.mark);
            expect([...visitor.cookies.keys()], path).not.toContain('__Host-tf');
        }
        const visitor = aVisitor(app);
        await visitor.post('/sign-in/password', Object.fromEntries(carried));
        expect([...visitor.cookies.keys()]).not.toContain('__Host-tf');
        expect(await isIn(visitor)).toBe(false);
    });
});

describe('a refresh token', () => {
    const replay = ({ refresh_token }: Tokens): ReturnType<typeof ask> =>
        ask('/auth/v1/token?grant_type=refresh_token', { method: 'POST', body: { refresh_token } });
    /** Has the victim's tokens exchanged, by another server than the one that the thief asks. */
    async function refreshed(victim: Visitor): Promise<Tokens> {
        const tokens = JSON.parse((await replay(tokensOf(victim))).text) as Tokens;
        victim.cookies.set('__Host-tf', cookieOf(tokens));
        expect(await isIn(victim)).toBe(true);
        return tokens;
    }
    /** Lets a minute pass for the tokens that are used up. */
    const aMinuteLater = ({ id }: Person) =>
        scene.sql`update auth.refresh_tokens set updated_at = updated_at - interval '1 minute'
            where user_id = ${id} and revoked`;

    test.each(['at the auth server’s own door', 'in the app'])(
        '[AUTH-5] older than the direct predecessor, replayed %s, gets the thief nothing and ends the session everywhere, for access tokens too',
        async (where) => {
            const { victim, person, stolen } = await robbed();
            await refreshed(victim);
            const newest = await refreshed(victim);
            expect(newest.refresh_token).not.toBe(stolen.refresh_token);
            await aMinuteLater(person);
            expect(await gets(newest), 'before').toEqual(EVERYTHING);
            if (where === 'in the app') {
                const thief = holding({ ...stolen, expires_at: Math.floor(Date.now() / 1000) + 60 });
                expect(await isIn(thief)).toBe(false);
                expect([...thief.cookies.keys()]).not.toContain('__Host-tf');
            } else {
                const answer = await replay(stolen);
                expect(answer.status).toBe(400);
                expect(answer.text).not.toContain('access_token');
            }
            expect(await gets(stolen), 'the thief').toEqual(NOTHING);
            expect(await gets(newest), 'whoever held the newest').toEqual(NOTHING);
            expect((await replay(newest)).status).toBe(400);
            expect(await isIn(victim)).toBe(false);
        }
    );

    test.each(['at the auth server’s own door', 'in the app'])(
        '[AUTH-5] of a session that was unused for 14 days, used %s, gets the thief nothing and ends the session',
        async (where) => {
            const { victim, stolen } = await robbed();
            await scene.sql`
                update auth.sessions
                set created_at = now() - interval '20 days',
                    refreshed_at = (now() - interval '14 days 1 minute') at time zone 'utc'
                where id = ${sessionIn(stolen.access_token)}`;
            if (where === 'in the app') {
                const thief = holding({ ...stolen, expires_at: Math.floor(Date.now() / 1000) + 60 });
                await thief.get('/sign-in');
                expect(await isIn(thief)).toBe(false);
            } else {
                // The auth server knows of no such limit, and hands out tokens that open nothing.
                const tokens = JSON.parse((await replay(stolen)).text) as Tokens;
                expect(await gets(tokens)).toEqual(NOTHING);
                expect((await replay(tokens)).status).toBe(400);
            }
            expect(await gets(stolen)).toEqual(NOTHING);
            expect(await isIn(victim)).toBe(false);
        }
    );

    test('[AUTH-5] of another person in one’s own cookie is that person’s session or none, never both', async () => {
        const { stolen } = await robbed();
        const own = tokensOf(await signedIn(scene.finch.owner, app));
        const mixed = holding({
            ...own,
            refresh_token: `${stolen.refresh_token}x`,
            expires_at: Math.floor(Date.now() / 1000) + 60
        });
        expect(await (await mixed.get('/customers')).text()).not.toContain(scene.mark);
        expect(await isIn(mixed)).toBe(false);
    });

    test('[AUTH-5] is worth nothing once its session was ended', async () => {
        const { victim, stolen } = await robbed();
        await victim.post('/more/security?/everywhere', {});
        expect((await replay(stolen)).status).toBe(400);
        expect(await isIn(holding({ ...stolen, expires_at: Math.floor(Date.now() / 1000) + 60 }))).toBe(
            false
        );
    });
});

describe('a stolen access token', () => {
    test('[AUTH-6] is worth nothing once its person signed out everywhere: web app, Data API, storage', async () => {
        const { victim, stolen } = await robbed();
        expect(await gets(stolen)).toEqual(EVERYTHING);
        await victim.post('/more/security?/everywhere', {});
        expect(await gets(stolen)).toEqual(NOTHING);
    });

    test('[AUTH-6] is worth nothing once its session was ended from another device', async () => {
        const { person, stolen } = await robbed();
        const desk = await signedIn(person, app);
        expect(await gets(stolen)).toEqual(EVERYTHING);
        await desk.post('/more/security?/one', { session_id: sessionIn(stolen.access_token) });
        expect(await gets(stolen)).toEqual(NOTHING);
        expect(await gets(tokensOf(desk))).toEqual(EVERYTHING);
    });

    test('[AUTH-6] is worth nothing once all others were ended', async () => {
        const { person, stolen } = await robbed();
        const desk = await signedIn(person, app);
        await desk.post('/more/security?/others', {});
        expect(await gets(stolen)).toEqual(NOTHING);
    });

    test.each([
        [
            'unused for 14 days',
            { created: '20 days', refreshed: '13 days 23 hours' },
            { created: '20 days', refreshed: '14 days 1 minute' }
        ],
        [
            'begun 90 days ago, however busy',
            { created: '89 days 23 hours', refreshed: '0' },
            { created: '90 days 1 minute', refreshed: '0' }
        ]
    ])('[AUTH-5] is worth nothing once its session is %s', async (_, before, after) => {
        const { stolen } = await robbed();
        const aged = ({ created, refreshed }: typeof before) => scene.sql`
            update auth.sessions
            set created_at = now() - ${created}::interval,
                refreshed_at = (now() - ${refreshed}::interval) at time zone 'utc'
            where id = ${sessionIn(stolen.access_token)}`;
        await aged(before);
        expect(await gets(stolen)).toEqual(EVERYTHING);
        await aged(after);
        expect(await gets(stolen)).toEqual(NOTHING);
    });
});

describe('a cookie', () => {
    /** A browser whose session cookie comes in two parts. */
    function inParts(first: string, second: string | null): Visitor {
        const visitor = aVisitor(app);
        visitor.cookies.set('__Host-tf.0', first);
        if (second !== null) visitor.cookies.set('__Host-tf.1', second);
        return visitor;
    }
    const halves = (tokens: Tokens): [string, string] => {
        const value = cookieOf(tokens);
        const middle = Math.floor(value.length / 2);
        return [value.slice(0, middle), value.slice(middle)];
    };

    test('[AUTH-5] in parts is read, and with a part bent, missing, swapped or of another person it is none', async () => {
        const { stolen } = await robbed();
        const [first, second] = halves(stolen);
        expect(await isIn(inParts(first, second)), 'as it is').toBe(true);
        const [, foreign] = halves(tokensOf(await signedIn(scene.finch.owner, app)));
        const bent = (part: string, at: number): string =>
            `${part.slice(0, at)}${part[at] === 'A' ? 'B' : 'A'}${part.slice(at + 1)}`;
        const parts: [string, string | null][] = [
            // Inside the token's claims, well before its signature.
            [bent(first, Math.floor(first.length / 2)), second],
            [first, null],
            [second, first],
            [first, foreign],
            [first, `${second}AAAA`]
        ];
        for (const [one, other] of parts) {
            const visitor = inParts(one, other);
            const answer = await visitor.get('/customers');
            expect(await answer.text()).not.toContain(scene.mark);
            expect(answer.status, `${one.slice(-8)}|${other?.slice(-8)}`).toBe(303);
        }
    });

    test('[AUTH-5] that has grown long is kept in parts, each as safe as the whole, and parts left over are taken away', async () => {
        const person = await scene.bell.withMember('admin');
        const ofLength = (length: number) => scene.sql`
            update auth.users
            set raw_user_meta_data = raw_user_meta_data || jsonb_build_object('full_name', repeat('x', ${length}))
            where id = ${person.id}`;
        const parts = (visitor: Visitor): string[] =>
            [...visitor.cookies.keys()].filter((name) => /^__Host-tf(\.|$)/.test(name)).toSorted();
        await ofLength(4000);
        const visitor = aVisitor(app);
        const { email, password } = person;
        const answer = await visitor.post('/sign-in/password', { email, password });
        expect(parts(visitor)).toEqual(['__Host-tf.0', '__Host-tf.1', '__Host-tf.2']);
        const lines = answer.headers.getSetCookie().filter((line) => line.startsWith('__Host-tf.'));
        for (const line of lines) {
            expect(line).toMatch(/; Path=\/(;|$)/);
            expect(line).toMatch(/; HttpOnly(;|$)/);
            expect(line).toMatch(/; Secure(;|$)/);
            expect(line).toMatch(/; SameSite=Lax(;|$)/);
            expect(line).not.toMatch(/; Domain=/i);
        }
        expect(await isIn(visitor)).toBe(true);
        // A refresh brings a short one.
        await ofLength(3);
        const whole = parts(visitor)
            .map((name) => visitor.cookies.get(name) ?? '')
            .join('');
        const long = JSON.parse(Buffer.from(whole.slice('base64-'.length), 'base64url').toString()) as Tokens;
        const value = cookieOf({ ...long, expires_at: Math.floor(Date.now() / 1000) + 60 });
        const third = Math.ceil(value.length / 3);
        for (const n of [0, 1, 2])
            visitor.cookies.set(`__Host-tf.${n}`, value.slice(n * third, (n + 1) * third));
        expect(await isIn(visitor)).toBe(true);
        expect(parts(visitor)).toEqual(['__Host-tf']);
        expect(await isIn(visitor)).toBe(true);
    });

    test('[ISO-1] that names another account opens none of its pages', async () => {
        const finch = await signedIn(scene.finch.owner, app);
        finch.cookies.set('__Host-tf-account', scene.bell.accountId);
        await repelled(scene, async () => {
            const said: string[] = [];
            for (const path of [
                '/today',
                '/customers',
                '/jobs',
                '/money',
                `/invoices/${scene.bell.invoiceId}`,
                '/more/audit'
            ])
                said.push(await (await finch.get(path)).text());
            const answer = await finch.post('/more/business', {
                account_id: scene.bell.accountId,
                name: 'Taken'
            });
            expect(answer.status).toBe(404);
            return said;
        });
    });

    test('[AUTH-5] with an unsigned token, or one signed with the public key as if it were a secret, is none', async () => {
        const { stolen } = await robbed();
        const [, claims = ''] = stolen.access_token.split('.');
        const { keys } = (await (await fetch(`${stack().apiUrl}/auth/v1/.well-known/jwks.json`)).json()) as {
            keys: { kid: string }[];
        };
        const [key] = keys;
        const head = (fields: object) =>
            Buffer.from(JSON.stringify({ typ: 'JWT', ...fields })).toString('base64url');
        const signed = (header: string, secret: string): string => {
            const mac = createHmac('sha256', secret).update(`${header}.${claims}`).digest('base64url');
            return `${header}.${claims}.${mac}`;
        };
        const forged = [
            `${head({ alg: 'none' })}.${claims}.`,
            `${head({ alg: 'none', kid: key?.kid })}.${claims}.AAAA`,
            `${head({ alg: 'None', kid: key?.kid })}.${claims}.`,
            signed(head({ alg: 'HS256', kid: key?.kid }), JSON.stringify(key)),
            signed(head({ alg: 'HS256' }), stack().publishableKey),
            signed(head({ alg: 'HS256', kid: '../../dev/null' }), '')
        ];
        for (const token of forged) {
            const browser = () => holding({ ...stolen, access_token: token });
            expect(await isIn(browser()), token.slice(0, 60)).toBe(false);
            expect(await isTakenForSomebody(browser()), token.slice(0, 60)).toBe(false);
        }
        expect(await isIn(holding(stolen)), 'the one they imitate').toBe(true);
        expect(await isTakenForSomebody(holding(stolen))).toBe(true);
    });
});
