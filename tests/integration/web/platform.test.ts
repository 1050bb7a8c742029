// The admin area: every door of it, read off the routes, as each kind of person; then what those who run TradersFlow do there.
// The app is one of its own, since its list of them is a setting.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { routeGuards } from '../../../src/lib/server/route-guards.ts';
import { startApp, type RunningApp } from '../../support/app.ts';
import { codeShown } from '../../support/authenticator-app.ts';
import { aBusiness, aPerson, clientOf, superuser, type Person } from '../../support/business.ts';
import { anApp, type App } from '../../support/factors.ts';
import { freePort } from '../../support/port.ts';
import { projectDir, stack } from '../../support/stack.ts';
import { aVisitor, signedIn, type Visitor } from '../../support/visitor.ts';

const sql = superuser();
const network = `198.18.${randomBytes(1)[0]}.${randomBytes(1)[0]}/32`;
let app: RunningApp;
let alex: Person;

/** What is sent to each door: right in all but who sends it. */
const REQUESTS: Record<string, (visitor: Visitor) => Promise<Response>> = {
    '/admin load': (visitor) => visitor.get('/admin'),
    '/admin/unblock load': (visitor) => visitor.get(`/admin/unblock?${new URLSearchParams({ network })}`),
    '/admin/unblock action:default': (visitor) =>
        visitor.post('/admin/unblock', { network, reason: 'An office, they rang' })
};
const doors = routeGuards(join(projectDir, 'src/routes'))
    .filter(({ route }) => /^\/admin(\/|$)/.test(route))
    .map(({ route, what }) => `${route} ${what}`);

/** People on the list of the server are known before it starts; those of the database are put there. */
const onBothLists = ({ id, email }: Person) => sql`
    insert into private.platform_owners (user_id, email) values (${id}, ${email}) on conflict do nothing`;

async function block(): Promise<void> {
    await sql`
        insert into private.blocked_networks (network, times, blocked_at, blocked_until)
        values (${network}, 2, now(), now() + interval '1 hour')
        on conflict (network) do update set blocked_until = excluded.blocked_until, blocked_at = now()`;
}
const isBlocked = async (): Promise<boolean> => {
    const [row] = await sql`
        select from private.blocked_networks where network = ${network} and blocked_until > now()`;
    return row !== undefined;
};

/** A session with an authenticator app set up in it, which is given by that. */
async function withFactor(person: Person): Promise<{ visitor: Visitor; phone: App }> {
    const visitor = await signedIn(person, app.url);
    return { visitor, phone: await anApp(visitor, '/admin') };
}

/** Forgets which codes were given, as two minutes later. */
const later = () => sql`delete from private.limit_takes where limit_name = 'factor_code'`;

/** The access token in a visitor's cookie. */
function tokenOf(visitor: Visitor): string {
    const cookie = visitor.cookies.get('__Host-tf') ?? '';
    const session = Buffer.from(cookie.replace(/^base64-/, ''), 'base64url').toString();
    return (JSON.parse(session) as { access_token: string }).access_token;
}

const listed: Record<string, Person> = {};

beforeAll(async () => {
    for (const name of ['alex', 'unlisted there', 'managed', 'factorless'])
        listed[name] = await aPerson(name.replace(/ .*/, ''));
    alex = listed.alex as Person;
    const port = await freePort();
    app = await startApp(stack(), port, {
        env: {
            PLATFORM_OWNERS: Object.values(listed)
                .map(({ email }) => email)
                .join(', ')
        }
    });
    await onBothLists(alex);
    await onBothLists(listed.managed as Person);
    await onBothLists(listed.factorless as Person);
    await sql`
        insert into auth.identities (id, provider_id, user_id, identity_data, provider, created_at, updated_at)
        values (gen_random_uuid(), gen_random_uuid()::text, ${listed.managed?.id ?? ''}, '{}', 'custom:tf-firm', now(), now())`;
    await block();
}, 60_000);
afterAll(async () => {
    await sql`delete from private.blocked_networks where network = ${network}`;
    await sql`delete from private.platform_owners where user_id = any (${Object.values(listed).map(({ id }) => id)})`;
    await app?.stop();
    await sql.end();
});

it('[ADM-1] every door under /admin is among those that are tried, and asks for one who runs TradersFlow', () => {
    expect(doors.toSorted()).toEqual(Object.keys(REQUESTS).toSorted());
});

describe('[ADM-1] at every door of the admin area', () => {
    const turnedAway: [string, () => Promise<Visitor>][] = [
        ['whoever is not signed in', async () => aVisitor(app.url)],
        ['somebody without a business', async () => signedIn(await aPerson(), app.url)],
        [
            'the owner of a business with a second factor given',
            async () => (await withFactor((await aBusiness()).owner)).visitor
        ],
        [
            'a member without a right',
            async () => signedIn(await (await aBusiness()).withMember('agent'), app.url)
        ],
        [
            'who stands on the server’s list alone',
            async () => (await withFactor(listed['unlisted there'] as Person)).visitor
        ],
        [
            'who stands on the database’s list alone',
            async () => {
                const person = await aPerson();
                await onBothLists(person);
                return (await withFactor(person)).visitor;
            }
        ],
        [
            'who stands on both and is vouched for by a business’s own provider',
            async () => (await withFactor(listed.managed as Person)).visitor
        ]
    ];
    it.each(turnedAway)('%s is refused and changes nothing', async (_, make) => {
        const visitor = await make();
        for (const [door, ask] of Object.entries(REQUESTS)) {
            const answer = await ask(visitor);
            expect(answer.status, door).toBe(403);
            expect(await answer.text(), door).toContain('Only those who run TradersFlow');
        }
        expect(await isBlocked()).toBe(true);
    });

    it('one of them without a second factor is led to setting one up, and gets in by that', async () => {
        const visitor = await signedIn(listed.factorless as Person, app.url);
        for (const [door, ask] of Object.entries(REQUESTS)) {
            const answer = await ask(visitor);
            expect(answer.status, door).toBe(303);
            expect(answer.headers.get('location'), door).toMatch(/^\/auth\/factor\?next=%2Fadmin/);
        }
        const led = await visitor.get('/auth/factor?next=%2Fadmin');
        expect(led.headers.get('location')).toBe('/auth/factor/new?next=%2Fadmin');
        await anApp(visitor, '/admin');
        expect((await visitor.get('/admin')).status).toBe(200);
        expect(await isBlocked()).toBe(true);
    });
});

describe('[AUTH-4] those who run TradersFlow', () => {
    let visitor: Visitor;
    let phone: App;
    beforeAll(async () => {
        ({ visitor, phone } = await withFactor(alex));
    });

    it('see alerts, blocked networks and limits', async () => {
        const answer = await visitor.get('/admin');
        expect(answer.status).toBe(200);
        const page = await answer.text();
        expect(page).toContain(network.replace('/32', ''));
        expect(page).toContain('sign_in_address');
        expect(page).toContain(`/admin/unblock?${new URLSearchParams({ network }).toString()}`);
    });

    it('are refused by the database itself with a token of level one', async () => {
        const other = await signedIn(alex, app.url);
        const db = clientOf(tokenOf(other));
        for (const [name, args] of [
            ['require_platform_owner', {}],
            ['platform_overview', {}],
            ['unblock_network', { network, reason: 'An office' }]
        ] as const) {
            const { error } = await db.rpc(name, args);
            expect({ code: error?.code, hint: error?.hint }, name).toEqual({
                code: '42501',
                hint: 'factor_needed'
            });
        }
        expect((await other.get('/admin')).headers.get('location')).toMatch(/^\/auth\/factor\?next=%2Fadmin/);
    });

    it('give their factor again after half an hour away, though their session went on', async () => {
        await sql`update private.platform_visits set last_at = now() - interval '31 minutes' where user_id = ${alex.id}`;
        await sql`
            update auth.mfa_amr_claims set updated_at = now() - interval '31 minutes'
            where session_id in (select id from auth.sessions where user_id = ${alex.id})`;
        expect((await visitor.get('/today')).status, 'the app goes on').not.toBe(403);
        const away = await visitor.get('/admin');
        expect(away.headers.get('location')).toBe('/auth/again?next=%2Fadmin');
        await later();
        const given = await visitor.post('/auth/again?/factor', {
            factor_id: phone.factorId,
            code: codeShown(phone.secret),
            next: '/admin',
            __superform_id: 'factor'
        });
        expect(given.headers.get('location')).toBe('/admin');
        expect((await visitor.get('/admin')).status).toBe(200);
    });

    it('sign in anew after half a day', async () => {
        await sql`
            update auth.sessions set created_at = now() - interval '13 hours'
            where user_id = ${alex.id} and aal = 'aal2'`;
        const answer = await visitor.get('/admin');
        expect(answer.headers.get('location')).toBe('/auth/again?next=%2Fadmin&anew=');
        await sql`update auth.sessions set created_at = now() where user_id = ${alex.id}`;
        expect((await visitor.get('/admin')).status).toBe(200);
    });

    it.each(['', 'x', '\u0000', '10.0.0.1/33', '198.51.100.1\u0000', "' or true --", '9'.repeat(500)])(
        '[APP-4] made-up as a network is refused and unblocks nothing: %j',
        async (madeUp) => {
            for (const fields of [
                { network: madeUp, reason: 'An office, they rang' },
                { network, reason: madeUp.slice(0, 2) },
                { network, reason: `An office\u0000 ${madeUp.slice(0, 2)}` }
            ]) {
                const { status } = await visitor.post('/admin/unblock', fields);
                expect(status >= 400 && status < 500, String(status)).toBe(true);
            }
            expect(
                (await visitor.get(`/admin/unblock?${new URLSearchParams({ network: madeUp })}`)).status
            ).toBe(404);
            expect(await isBlocked()).toBe(true);
        }
    );

    it('unblock a network by a page that says what happens, with why, and it is on record', async () => {
        const page = await (await visitor.get(`/admin/unblock?${new URLSearchParams({ network })}`)).text();
        expect(page).toContain(`Unblock ${network.replace('/32', '')}`);
        const why = async (reason: string) => visitor.post('/admin/unblock', { network, reason });
        const silent = await visitor.post(`/admin/unblock?${new URLSearchParams({ network })}`, {
            network,
            reason: ''
        });
        expect(silent.status).toBe(400);
        expect(await isBlocked(), 'nobody confirmed').toBe(true);
        expect((await why('An office, they rang')).headers.get('location')).toBe('/admin?unblocked');
        expect(await isBlocked()).toBe(false);
        const [record] = await sql<{ actor_id: string; chain_kind: string }[]>`
            select r.actor_id, r.chain_kind
            from audit.records as r
            where r.action = 'network.unblocked' and r.actor_id = ${alex.id}`;
        expect(record).toEqual({ actor_id: alex.id, chain_kind: 'platform' });
        expect((await visitor.get(`/admin/unblock?${new URLSearchParams({ network })}`)).status).toBe(404);
        await block();
    });

    it('prove anew who they are before they unblock one, unless they did within ten minutes', async () => {
        await sql`
            update auth.mfa_amr_claims set updated_at = now() - interval '11 minutes'
            where session_id in (select id from auth.sessions where user_id = ${alex.id})`;
        const led = await visitor.get(`/admin/unblock?${new URLSearchParams({ network })}`);
        expect(led.headers.get('location')).toMatch(/^\/auth\/again\?next=%2Fadmin%2Funblock/);
        const sent = await visitor.post('/admin/unblock', { network, reason: 'An office' });
        expect(sent.headers.get('location')).toMatch(/^\/auth\/again\?next=%2Fadmin%2Funblock/);
        expect(await isBlocked()).toBe(true);
    });

    it('get in no more with the next request, once off the list', async () => {
        expect((await visitor.get('/admin')).status).toBe(200);
        await sql`delete from private.platform_owners where user_id = ${alex.id}`;
        expect((await visitor.get('/admin')).status).toBe(403);
        const { error } = await clientOf(tokenOf(visitor)).rpc('platform_overview', {});
        expect(error?.hint).toBe('platform_only');
    });
});
