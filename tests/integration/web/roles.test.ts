// Role x permission x route: the five roles as every business has them, and roles of a business's own that hold one permission
// alone or all but one, knocking at every protected load, action and endpoint. What each asks for is read off the routes, what
// a role holds from the database.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { RouteGuard } from '../../../src/lib/server/route-guards.ts';
import { permissions } from '../../../src/lib/server/accounts.ts';
import { aBusiness, superuser, type Business, type Person } from '../../support/business.ts';
import { guards, knock } from '../../support/knock.ts';
import { signedIn, type Visitor } from '../../support/visitor.ts';

// Thousands of requests: half a minute by itself, more where many share the machine.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const app = process.env.TF_APP_URL ?? '';
const asking = guards.filter(({ permission }) => permission !== null);
const OWNERS_ONLY = 'Only an owner of the business can do that.';
const nameOf = ({ route, what }: RouteGuard): string => `${route} ${what}`;

/** All that a door takes: what it asks for, and for an action also what its page asks for, which answers it. */
function taken(door: RouteGuard): string[] {
    const page = asking.find(({ route, what }) => route === door.route && what === 'load');
    const answers = door.what.startsWith('action:') ? [page?.permission] : [];
    return [door.permission, ...answers].filter((one) => one != null);
}

/** Those that a holder of `held` passes. */
const expected = (held: readonly string[]): string[] =>
    asking
        .filter((door) => taken(door).every((permission) => held.includes(permission)))
        .map(nameOf)
        .toSorted();

/** Those that let a visitor pass: whatever is said then, it is not that they may not. */
async function passed(visitor: Visitor): Promise<string[]> {
    // Who knocks at every door within a second acts for many: what they did before is not held against them.
    await sql`delete from private.limit_takes where limit_name like 'act\\_%'`;
    const through: string[] = [];
    const waiting = [...asking];
    const walk = async (): Promise<void> => {
        for (let door = waiting.pop(); door; door = waiting.pop()) {
            const response = await knock(visitor, door);
            const said = await response.text();
            const to = response.headers.get('location') ?? '';
            if (response.status === 401 || /^\/(sign-in|welcome|left)/.test(to))
                throw new Error(`${nameOf(door)} does not know who is asking: ${response.status} ${to}`);
            // What only an owner may do asks for a permission first: who is told that has passed.
            if (response.status !== 403 || said.includes(OWNERS_ONLY)) through.push(nameOf(door));
        }
    };
    await Promise.all([walk(), walk(), walk(), walk()]);
    return through.toSorted();
}

const sql = superuser();
let business: Business;
let own: Person;
let ownVisitor: Visitor;

async function heldBy(key: string): Promise<string[]> {
    const rows = await sql<{ permission: string }[]>`
        select rp.permission
        from public.role_permissions as rp
        join public.roles as r on r.account_id = rp.account_id and r.id = rp.role_id
        where r.account_id = ${business.accountId} and r.key = ${key}`;
    return rows.map(({ permission }) => permission);
}

/** Has the business's own role hold just these. By SQL, since the app would add seeing to changing. */
async function holdJust(held: readonly string[]): Promise<void> {
    await sql.begin(async (inner) => {
        const [role] = await inner<{ id: string }[]>`
            select m.role_id as id from public.members as m
            where m.account_id = ${business.accountId} and m.user_id = ${own.id}`;
        const id = role?.id ?? '';
        await inner`delete from public.role_permissions where account_id = ${business.accountId} and role_id = ${id}`;
        await inner`
            insert into public.role_permissions (account_id, role_id, permission)
            select ${business.accountId}, ${id}, held from unnest(${[...held]}::text[]) as held`;
    });
}

beforeAll(async () => {
    business = await aBusiness();
    own = await business.withMember('staff');
    await sql`
        with made as (
            insert into public.roles (account_id, name) values (${business.accountId}, 'Own')
            returning account_id, id
        )
        update public.members as m set role_id = made.id
        from made
        where m.account_id = made.account_id and m.user_id = ${own.id}`;
    ownVisitor = await signedIn(own, app);
});
afterAll(() => sql.end());

it('[ACC-3] the app, the routes and the database know the same permissions', async () => {
    const known = await sql<{ key: string }[]>`select key from public.permissions`;
    expect([...permissions].toSorted()).toEqual(known.map(({ key }) => key).toSorted());
    expect(asking.filter(({ permission }) => !known.some(({ key }) => key === permission))).toEqual([]);
});

describe('[ACC-3] every protected load, action and endpoint', () => {
    it.each(['owner', 'admin', 'staff', 'partner', 'agent'] as const)(
        'lets %s pass where the role lists what it asks for, and nowhere else',
        async (role) => {
            const person = role === 'owner' ? business.owner : await business.withMember(role);
            const held = await heldBy(role);
            expect(await passed(await signedIn(person, app))).toEqual(expected(held));
        }
    );

    it('lets a role without any permission pass nowhere', async () => {
        await holdJust([]);
        expect(await passed(ownVisitor)).toEqual([]);
    });

    it.each(permissions)('lets a role that may %s and nothing else pass where that is asked', async (one) => {
        await holdJust([one]);
        expect(await passed(ownVisitor)).toEqual(expected([one]));
    });

    it.each(permissions)('lets a role that may all but %s pass everywhere else', async (one) => {
        const rest = permissions.filter((permission) => permission !== one);
        await holdJust(rest);
        expect(await passed(ownVisitor)).toEqual(expected(rest));
    });
});
