// One session over two processes, two tabs and its own end.
import { hash } from 'bcryptjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type RunningApp } from '../../support/app.ts';
import { aBusiness, aPerson, superuser, type Business } from '../../support/business.ts';
import { freePort } from '../../support/port.ts';
import { stack } from '../../support/stack.ts';
import { aVisitor, signedIn, type Visitor } from '../../support/visitor.ts';

const origin = process.env.TF_APP_URL ?? '';
const sql = superuser();
let second: RunningApp;
let secondUrl: string;

beforeAll(async () => {
    const port = await freePort();
    second = await startApp(stack(), port, { origin });
    secondUrl = `http://127.0.0.1:${port}`;
});
afterAll(async () => {
    await second.stop();
    await sql.end();
});

type Tokens = { access_token: string; refresh_token: string; expires_at: number };

function tokensOf(visitor: Visitor): Tokens {
    const cookie = visitor.cookies.get('__Host-tf') ?? '';
    return JSON.parse(Buffer.from(cookie.slice('base64-'.length), 'base64url').toString()) as Tokens;
}

function keep(visitor: Visitor, tokens: Tokens): void {
    visitor.cookies.set('__Host-tf', `base64-${Buffer.from(JSON.stringify(tokens)).toString('base64url')}`);
}

/** Makes the session near its end, as the cookie tells it, so that the next request refreshes. */
function nearItsEnd(visitor: Visitor): void {
    keep(visitor, { ...tokensOf(visitor), expires_at: Math.floor(Date.now() / 1000) + 20 });
}

/** Another tab of the same browser as it is now: same cookies, its own way from here. */
function anotherTab(visitor: Visitor, base: string): Visitor {
    const tab = aVisitor(base, origin);
    for (const [name, value] of visitor.cookies) tab.cookies.set(name, value);
    return tab;
}

const status = async (visitor: Visitor): Promise<number> => (await visitor.get('/more/security')).status;

describe('two processes on one database', () => {
    let business: Business;
    beforeAll(async () => {
        business = await aBusiness();
    });

    it('serve one session alternately, through refreshes', async () => {
        let turn = 0;
        const visitor = await signedIn(
            business.owner,
            () => [origin, secondUrl][turn++ % 2] ?? origin,
            origin
        );
        const seen = new Set([tokensOf(visitor).refresh_token]);
        for (let request = 0; request < 10; request += 1) {
            if (request % 3 === 2) nearItsEnd(visitor);
            expect(await status(visitor)).toBe(200);
            seen.add(tokensOf(visitor).refresh_token);
        }
        expect(seen.size).toBe(4);
    });

    it('refresh the same session at the same moment and both go on', async () => {
        const visitor = await signedIn(business.owner, origin);
        nearItsEnd(visitor);
        const tabs = [origin, secondUrl, origin, secondUrl].map((base) => anotherTab(visitor, base));
        expect(await Promise.all(tabs.map(status))).toEqual([200, 200, 200, 200]);
        for (const tab of tabs) {
            nearItsEnd(tab);
            expect(await status(tab)).toBe(200);
        }
    });

    it('sign out in one ends the session in the other', async () => {
        const visitor = await signedIn(business.owner, origin);
        const tab = anotherTab(visitor, secondUrl);
        await visitor.post('/auth/sign-out', {});
        expect((await tab.get('/more/security')).headers.get('location')).toMatch(/^\/sign-in\?ended=1/);
    });
});

describe('[AUTH-5] refresh tokens', () => {
    it('that were lost on the way back are no loss: their predecessor still works', async () => {
        const { owner } = await aBusiness();
        const visitor = await signedIn(owner, origin);
        nearItsEnd(visitor);
        const unlucky = anotherTab(visitor, secondUrl);
        expect(await status(visitor)).toBe(200);
        // The answer with the new tokens never reached this one.
        expect(await status(unlucky)).toBe(200);
    });

    it('older than the direct predecessor and replayed outside the reuse interval end the session', async () => {
        const { owner } = await aBusiness();
        const visitor = await signedIn(owner, origin);
        const thief = anotherTab(visitor, secondUrl);
        nearItsEnd(thief);
        for (let refresh = 0; refresh < 2; refresh += 1) {
            nearItsEnd(visitor);
            expect(await status(visitor)).toBe(200);
        }
        /** Lets a minute pass for the tokens that are used up. */
        const aMinuteLater = () =>
            sql`update auth.refresh_tokens set updated_at = updated_at - interval '1 minute'
                where user_id = ${owner.id} and revoked`;
        await aMinuteLater();
        const replayed = await thief.get('/more/security');
        expect(replayed.headers.get('location')).toMatch(/^\/sign-in\?ended=1/);
        expect(thief.cookies.has('__Host-tf')).toBe(false);
        await aMinuteLater();
        nearItsEnd(visitor);
        expect((await visitor.get('/more/security')).headers.get('location')).toMatch(/^\/sign-in\?ended=1/);
    });
});

describe('a session cookie', () => {
    it('whose token is signed by somebody else is worth nothing', async () => {
        const { owner } = await aBusiness();
        const visitor = await signedIn(owner, origin);
        const tokens = tokensOf(visitor);
        const [header = '', claims = '', signature = ''] = tokens.access_token.split('.');
        const forged = {
            ...(JSON.parse(Buffer.from(claims, 'base64url').toString()) as object),
            sub: crypto.randomUUID()
        };
        const body = Buffer.from(JSON.stringify(forged)).toString('base64url');
        keep(visitor, { ...tokens, access_token: `${header}.${body}.${signature}` });
        expect((await visitor.get('/more/security')).headers.get('location')).toMatch(/^\/sign-in/);
        expect(visitor.cookies.has('__Host-tf')).toBe(false);
    });

    it('of a person who was removed shows none of the business with the next request', async () => {
        const business = await aBusiness();
        const staff = await business.withMember('staff');
        const visitor = await signedIn(staff, origin);
        expect((await visitor.get('/jobs')).status).toBe(200);
        await sql`
            update public.members set removed_at = now()
            where account_id = ${business.accountId} and user_id = ${staff.id}`;
        expect((await visitor.get('/jobs')).headers.get('location')).toBe('/left');
    });
});

describe('a server that cannot reach the project', () => {
    it('says so with 503 and keeps the session for when it is back', async () => {
        const { owner } = await aBusiness();
        const visitor = await signedIn(owner, origin);
        const [port, nobodyThere] = [await freePort(), await freePort()];
        const cutOff = await startApp(stack(), port, {
            origin,
            env: { SUPABASE_URL: `http://127.0.0.1:${nobodyThere}` }
        });
        try {
            const tab = anotherTab(visitor, `http://127.0.0.1:${port}`);
            const response = await tab.get('/more/security');
            expect(response.status).toBe(503);
            expect(await response.text()).toContain('We cannot reach our own service just now');
            expect(tab.cookies.has('__Host-tf')).toBe(true);
        } finally {
            await cutOff.stop();
        }
    });
});

describe('400 people behind one web server', () => {
    const people = 400;

    /** Makes many people with one password, and its hash a cheap one: what it costs to check is not the question here. */
    async function aCrowd(): Promise<{ email: string; password: string }[]> {
        const first = await aPerson('crowd');
        await sql`
            update auth.users set encrypted_password = ${await hash(first.password, 4)} where id = ${first.id}`;
        const emails = Array.from({ length: people - 1 }, (_, n) => `crowd-${n}-${first.email}`);
        await sql`
            insert into auth.users (instance_id, id, aud, role, email, encrypted_password, email_confirmed_at,
                confirmation_token, recovery_token, email_change_token_new, email_change,
                raw_app_meta_data, raw_user_meta_data, created_at, updated_at)
            select u.instance_id, gen_random_uuid(), u.aud, u.role, e, u.encrypted_password, now(), '', '', '', '',
                u.raw_app_meta_data, u.raw_user_meta_data, now(), now()
            from auth.users as u, unnest(${emails}::text[]) as e
            where u.id = ${first.id}`;
        await sql`
            insert into auth.identities (provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at)
            select id::text, id, jsonb_build_object('sub', id, 'email', email), 'email', now(), now(), now()
            from auth.users where email = any (${emails}::text[])`;
        return [first.email, ...emails].map((email) => ({ email, password: first.password }));
    }

    it('sign in and refresh without one of them meeting a limit of the auth server', async () => {
        const crowd = await aCrowd();
        const outcomes: Record<string, number> = {};
        const count = (what: string): void => {
            outcomes[what] = (outcomes[what] ?? 0) + 1;
        };
        const one = async (person: { email: string; password: string }): Promise<void> => {
            const visitor = aVisitor(origin);
            const entered = await visitor.post('/sign-in/password', person);
            count(`signing in ${entered.status}`);
            if (entered.status !== 303) return;
            nearItsEnd(visitor);
            const before = tokensOf(visitor).refresh_token;
            const page = await visitor.get('/welcome');
            const refreshed = tokensOf(visitor).refresh_token !== before;
            count(`refreshing ${page.status} ${refreshed ? 'anew' : 'not'}`);
        };
        const waiting = [...crowd];
        const lane = async (): Promise<void> => {
            for (let person = waiting.pop(); person; person = waiting.pop()) await one(person);
        };
        const began = Date.now();
        await Promise.all(Array.from({ length: 8 }, lane));
        console.log(`${people} people, ${((Date.now() - began) / 1000).toFixed(1)} s:`, outcomes);
        expect(outcomes).toEqual({ 'signing in 303': people, 'refreshing 200 anew': people });
    }, 180_000);
});

it('a session cookie carries nothing but the tokens', async () => {
    const { owner } = await aBusiness();
    const visitor = await signedIn(owner, origin);
    expect(Object.keys(tokensOf(visitor)).sort()).toEqual([
        'access_token',
        'expires_at',
        'expires_in',
        'refresh_token',
        'token_type'
    ]);
});
