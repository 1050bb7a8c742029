// Every protected page, action and endpoint, read off the routes, asked for by somebody who may not.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aBusiness, superuser, type Business } from '../../support/business.ts';
import { guards as table, knock } from '../../support/knock.ts';
import { aVisitor, signedIn, type Visitor } from '../../support/visitor.ts';

const app = process.env.TF_APP_URL ?? '';
const pages = table.filter(({ route, what }) => what === 'load' && !/^\/\([a-z]+\)$/.test(route));
const actions = table.filter(({ what }) => what.startsWith('action:'));
const endpoints = table.filter(({ what }) => /^[A-Z]+$/.test(what));

const sql = superuser();
let business: Business;
let agent: Visitor;
let owner: Visitor;

/** How much the business holds, to see that nothing came or went. */
async function holdings(): Promise<unknown> {
    const [row] = await sql`
        select
            (select count(*) from public.customers where account_id = ${business.accountId}) as customers,
            (select count(*) from public.jobs where account_id = ${business.accountId}) as jobs,
            (select count(*) from public.invoices where account_id = ${business.accountId}) as invoices,
            (select count(*) from public.documents where account_id = ${business.accountId}) as documents,
            (select max(updated_at) from public.jobs where account_id = ${business.accountId}) as last_change`;
    return row;
}

beforeAll(async () => {
    business = await aBusiness();
    await business.aJob();
    // An agent has no permission at all until a portal shows them what is theirs.
    agent = await signedIn(await business.withMember('agent'), app);
    owner = await signedIn(business.owner, app);
});
afterAll(() => sql.end());

it('finds pages, actions and endpoints, and a guard on each', () => {
    expect(pages.length).toBeGreaterThan(10);
    expect(actions.length).toBeGreaterThan(10);
    expect(endpoints.length).toBeGreaterThan(0);
    expect(table.filter(({ guard }) => guard === null)).toEqual([]);
});

describe('[ACC-2] a member without the permission', () => {
    const demanding = [...pages, ...actions, ...endpoints].filter(({ permission }) => permission !== null);

    it.each(demanding)('gets 403 from $route $what, which needs $permission', async (entry) => {
        const before = await holdings();
        const response = await knock(agent, entry);
        expect(response.status).toBe(403);
        expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
        if (endpoints.includes(entry)) {
            expect(response.headers.get('content-type')).toBe('application/problem+json');
            expect(await response.json()).toMatchObject({ code: 'not_allowed', status: 403 });
        } else {
            expect(await response.text()).toContain('Your role in this business does not allow that');
        }
        expect(await holdings()).toEqual(before);
    });

    it.each(demanding)('and its twin who holds $permission does not: $route $what', async (entry) => {
        const response = await knock(owner, entry);
        // What is behind an invented id is not there; what was sent empty is refused; but nobody is turned away.
        expect(response.status).not.toBe(403);
        expect(response.status).not.toBe(401);
        expect(response.headers.get('location') ?? '').not.toContain('/sign-in');
    });
});

describe('[ACC-2] somebody who is not signed in', () => {
    it.each([...pages, ...actions])('is sent to sign in by $route $what', async (entry) => {
        const response = await knock(aVisitor(app), entry);
        expect(response.status).toBe(303);
        expect(response.headers.get('location')).toMatch(/^\/sign-in(\?|$)/);
    });

    it.each(endpoints)('gets 401 from $route $what', async (entry) => {
        const response = await knock(aVisitor(app), entry);
        expect(response.status).toBe(401);
        expect(await response.json()).toMatchObject({ code: 'signed_out' });
    });
});

it('[ACC-2] a form that names another business finds nothing there', async () => {
    const other = await aBusiness({ name: 'Another Firm' });
    const response = await owner.post('/customers/new', { account_id: other.accountId, name: 'Nobody' });
    expect(response.status).toBe(404);
});
