// Attacks on sessions: planted, stolen, replayed, bent, forged across sites, mixed up on the way to a provider, led away by
// an address. bell's people are the victims; whoever attacks gets nothing of theirs, and nothing of theirs changes.
import { createHmac, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { request as rawRequest } from 'node:http';
import { join, relative, sep } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { guardsIn } from '../../../src/lib/server/route-guards.ts';
import { aPerson, type Person } from '../../support/business.ts';
import { answerAtGoogle, atGoogle } from '../../support/google.ts';
import { codeFor, mailTo } from '../../support/inbox.ts';
import { projectDir, stack } from '../../support/stack.ts';
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
            const visitor = holding({ ...stolen, access_token: token });
            expect(await isIn(visitor), token.slice(0, 60)).toBe(false);
        }
        expect(await isIn(holding(stolen)), 'the one they imitate').toBe(true);
    });
});

/** Every action and endpoint that takes a POST, read off the routes, with an address that leads there. */
function posts(): { door: string; path: string }[] {
    const folder = join(projectDir, 'src/routes');
    const files = readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter(({ name }) => /^\+(page\.)?server\.ts$/.test(name))
        .map((entry) => join(entry.parentPath, entry.name));
    return files.flatMap((file) => {
        const route = `/${relative(folder, join(file, '..')).split(sep).join('/')}`;
        const path = route
            .replace(/\/\([^)]+\)/g, '')
            .replace(/\[x\+2e\]/g, '.')
            .replace(/\[[^\]]+\]/g, randomUUID());
        return guardsIn(file, readFileSync(file, 'utf8'))
            .filter(({ what }) => what.startsWith('action:') || what === 'POST')
            .map(({ what }) => ({
                door: `${route} ${what}`,
                path: `${path || '/'}${/^action:(?!default)/.test(what) ? `?/${what.slice('action:'.length)}` : ''}`
            }));
    });
}

describe('a form on another site', () => {
    const doors = posts();
    const evil = 'https://evil.example';
    const form = 'application/x-www-form-urlencoded';
    /** How a browser sends what another site has it send. */
    const ways: Record<string, string>[] = [
        { origin: evil, 'content-type': form },
        { origin: evil, 'content-type': 'multipart/form-data; boundary=x' },
        { origin: evil, 'content-type': 'text/plain' },
        { origin: evil, 'content-type': 'application/json', 'sec-fetch-site': 'cross-site' },
        { origin: 'null', 'content-type': form },
        { origin: app.replace('//', '//evil.'), 'content-type': form, 'sec-fetch-site': 'same-site' },
        { 'content-type': 'text/plain', 'sec-fetch-site': 'cross-site' }
    ];
    const post = (path: string, headers: Record<string, string>, cookie = ''): Promise<Response> =>
        fetch(new URL(path, app), {
            method: 'POST',
            redirect: 'manual',
            headers: { accept: 'text/html', ...(cookie ? { cookie } : {}), ...headers },
            body: `account_id=${scene.bell.accountId}`
        });
    let victim: Visitor;
    beforeAll(async () => {
        victim = await signedIn(scene.bell.owner, app);
    });

    test('[AUTH-5] is tried at every action and endpoint there is', () => {
        expect(doors.length).toBeGreaterThan(35);
    });

    test.each(doors)('[AUTH-5] sends nothing to $door', async ({ path }) => {
        const cookie = [...victim.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
        await repelled(scene, async () => {
            for (const headers of ways) {
                const answer = await post(path, headers, cookie);
                expect(answer.status, JSON.stringify(headers)).toBe(403);
                expect(answer.headers.getSetCookie(), JSON.stringify(headers)).toEqual([]);
            }
        });
        // Its twin: the page's own form gets further, as somebody who is not signed in.
        const own = await post(path, { origin: app, 'content-type': form });
        expect([403, 405], `answered ${own.status}`).not.toContain(own.status);
    });

    test('[AUTH-6] has ended nobody’s session', async () => {
        expect(await isIn(victim)).toBe(true);
    });
});

describe('an address to go on to', () => {
    const hostile = [
        'https://evil.example',
        '//evil.example',
        '/\\evil.example',
        '\\\\evil.example',
        '/.//evil.example',
        '/%09/evil.example',
        '/\t/evil.example',
        'javascript:alert(1)',
        'data:text/html,x',
        '/jobs\r\nlocation: https://evil.example'
    ];
    /** Does the answer keep whoever follows it on this site? */
    function staysHere(answer: Response): void {
        const to = answer.headers.get('location') ?? '/';
        expect(new URL(to, app).origin, to).toBe(app);
        expect(to).not.toMatch(/^[/\\]{2}/);
    }

    test.each(hostile)('[AUTH-1] that leads away leads nowhere: %j', async (next) => {
        const { email, password } = scene.finch.owner;
        const visitor = aVisitor(app);
        const query = `next=${encodeURIComponent(next)}`;
        for (const page of ['/sign-in', '/sign-in/password', '/sign-up']) {
            const text = await (await visitor.get(`${page}?${query}`)).text();
            for (const [, to = ''] of text.matchAll(/(?:href|action|value)="([^"]*evil\.example[^"]*)"/g))
                expect(new URL(to.replaceAll('&amp;', '&'), app).origin, to).toBe(app);
        }
        const entered = await visitor.post('/sign-in/password', { email, password, next });
        expect(entered.status).toBe(303);
        staysHere(entered);
        for (const page of ['/sign-in', '/sign-in/password', '/sign-up'])
            staysHere(await visitor.get(`${page}?${query}`));
    });

    test('[AUTH-1] and no more in a code’s, a link’s or a provider’s way in', async () => {
        const next = '//evil.example';
        const email = `led-${randomUUID()}@example.test`;
        const byCode = aVisitor(app);
        await byCode.post('/sign-in', { email, next });
        const { text, id } = await mailTo(email);
        staysHere(await byCode.post('/sign-in/code?/enter', { code: await codeFor(email) }));
        expect(text).not.toContain('evil.example');

        const byLink = aVisitor(app);
        await byLink.post('/sign-in', { email, next });
        const mail = await mailTo(email, id);
        const link = new URL(/https?:\S+\/auth\/confirm\?\S+/.exec(mail.text)?.[0] ?? 'http://no.link');
        const fields = { ...Object.fromEntries(link.searchParams), next };
        staysHere(await byLink.post(`${link.pathname}${link.search}`, fields));

        const byGoogle = aVisitor(app);
        const { page, request } = await atGoogle(byGoogle, next);
        const back = await answerAtGoogle(page, {
            request,
            name: 'Kim',
            email: `g-${randomUUID()}@example.test`
        });
        staysHere(await byGoogle.get(back));
    });

    test('[AUTH-1] in the cookie of a sign-in that has begun counts no more than in the address', async () => {
        const email = `planted-${randomUUID()}@example.test`;
        const visitor = aVisitor(app);
        await visitor.post('/sign-in', { email });
        const waiting = JSON.parse(
            Buffer.from(visitor.cookies.get('__Host-tf-waiting') ?? '', 'base64url').toString()
        ) as object;
        const planted = JSON.stringify({ ...waiting, next: 'https://evil.example/' });
        visitor.cookies.set('__Host-tf-waiting', Buffer.from(planted).toString('base64url'));
        staysHere(await visitor.post('/sign-in/code?/enter', { code: await codeFor(email) }));
    });

    test('[AUTH-1] is checked in every route that takes one', () => {
        const folder = join(projectDir, 'src/routes');
        const taking = readdirSync(folder, { recursive: true, withFileTypes: true })
            .filter(({ name }) => /^\+(page\.|layout\.)?server\.ts$/.test(name))
            .map((entry) => join(entry.parentPath, entry.name))
            .filter((file) =>
                /get\('next'\)|(input|waiting)\)?\??\.next\b|, next \}/.test(readFileSync(file, 'utf8'))
            );
        expect(taking.length).toBeGreaterThan(4);
        for (const file of taking) expect(readFileSync(file, 'utf8'), file).toContain('nextPath(');
    });
});

describe('on the way to a provider', () => {
    test('[AUTH-1] the code of another browser’s sign-in opens nothing, although this one began one too', async () => {
        const [attacker, victim] = [aVisitor(app), aVisitor(app)];
        const begun = await atGoogle(attacker);
        await atGoogle(victim);
        const back = await answerAtGoogle(begun.page, {
            request: begun.request,
            name: 'Mallory',
            email: `mallory-${randomUUID()}@example.test`
        });
        const answer = await victim.get(back);
        expect(answer.headers.get('location')).toMatch(/^\/sign-in\?problem=/);
        expect(victim.cookies.has('__Host-tf')).toBe(false);
    });

    test('[AUTH-1] a code is good once', async () => {
        const visitor = aVisitor(app);
        const { page, request } = await atGoogle(visitor);
        const before = new Map(visitor.cookies);
        const back = await answerAtGoogle(page, {
            request,
            name: 'Kim',
            email: `once-${randomUUID()}@example.test`
        });
        expect((await visitor.get(back)).headers.get('location')).not.toContain('problem');
        const again = aVisitor(app);
        for (const [name, value] of before) again.cookies.set(name, value);
        expect((await again.get(back)).headers.get('location')).toMatch(/^\/sign-in\?problem=/);
        expect(again.cookies.has('__Host-tf')).toBe(false);
    });

    test.each([
        ['none', ''],
        ['an invented one', `&state=${randomUUID()}`],
        ['one that is no state', '&state=1%27--']
    ])('[AUTH-1] an answer with %s of our states begins no session', async (_, state) => {
        const [before] = await scene.sql`select count(*)::int as sessions from auth.sessions`;
        const answer = await fetch(`${stack().apiUrl}/auth/v1/callback?code=invented${state}`, {
            redirect: 'manual'
        });
        expect(answer.headers.get('location') ?? '').not.toMatch(/access_token|[?&]code=/);
        const [after] = await scene.sql`select count(*)::int as sessions from auth.sessions`;
        expect(after).toEqual(before);
    });

    test('[AUTH-1] a code without a sign-in that began here, or an invented one, is refused in words', async () => {
        for (const code of [randomUUID(), '', "' or 1=1 --", '../../admin/users']) {
            const visitor = aVisitor(app);
            const answer = await visitor.get(`/auth/callback?${new URLSearchParams({ code })}`);
            expect(answer.headers.get('location')).toMatch(/^\/sign-in\?problem=[a-z_]+$/);
            expect(visitor.cookies.has('__Host-tf')).toBe(false);
        }
    });
});

describe('a host that is claimed', () => {
    /** A form sent with headers that fetch would not let be set. */
    const send = (
        path: string,
        fields: Record<string, string>,
        headers: Record<string, string>
    ): Promise<number> =>
        new Promise((resolve, reject) => {
            const url = new URL(path, app);
            const body = new URLSearchParams(fields).toString();
            const request = rawRequest(
                url,
                {
                    method: 'POST',
                    headers: {
                        origin: app,
                        accept: 'text/html',
                        'content-type': 'application/x-www-form-urlencoded',
                        'content-length': Buffer.byteLength(body),
                        ...headers
                    }
                },
                (answer) => {
                    answer.resume();
                    resolve(answer.statusCode ?? 0);
                }
            );
            request.on('error', reject);
            request.end(body);
        });

    test.each([
        [{ host: 'evil.example' }],
        [{ 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' }],
        [{ forwarded: 'host=evil.example;proto=https' }],
        [{ 'x-original-url': 'https://evil.example/', 'x-rewrite-url': 'https://evil.example/' }],
        [{ referer: 'https://evil.example/sign-in' }]
    ])('[AUTH-1] stands in no mail: %j', async (headers) => {
        for (const path of ['/sign-in', '/reset']) {
            const email =
                path === '/reset' ? (await aPerson('host')).email : `host-${randomUUID()}@example.test`;
            const status = await send(
                path,
                { email },
                { ...headers, 'x-forwarded-for': aVisitor(app).address }
            );
            expect(status).toBe(303);
            const { text, html } = await mailTo(email);
            const words = `${text} ${html}`;
            expect(words).not.toContain('evil.example');
            const links = [...words.matchAll(/https?:\/\/[^\s"<>]+/g)].map(([link]) => new URL(link).origin);
            expect(links.length).toBeGreaterThan(0);
            expect(new Set(links)).toEqual(new Set([app]));
        }
    });
});
