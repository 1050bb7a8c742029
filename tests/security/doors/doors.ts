// Every door of the app with its example, the people who try them, and what came of a try: what was answered, whether
// anything was shown, whether any row changed.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Sql } from 'postgres';
import { routeGuards, type RouteGuard } from '../../../src/lib/server/route-guards.ts';
import { aBusiness, superuser, type Business } from '../../support/business.ts';
import { projectDir } from '../../support/stack.ts';
import { aVisitor, signedIn } from '../../support/visitor.ts';
import { EXAMPLES } from './examples.ts';
import type { Example, Request } from './examples/example.ts';

/** A protected load, action or endpoint and one right request to it. */
export type Door = RouteGuard & { example: Example; title: string };

const nameOf = ({ route, what }: RouteGuard): string => `${route} ${what}`;

/**
 * Every door of a business, read off the routes, those that end something last. Throws when one has no example, or an example has
 * no door. Those of the platform are nobody's in a business: tests/integration/web/platform.test.ts tries them.
 */
export function doors(): Door[] {
    const guards = routeGuards(join(projectDir, 'src/routes')).filter(
        ({ permission }) => permission !== 'platform'
    );
    const names = new Set(guards.map(nameOf));
    const missing = [...names].filter((name) => !EXAMPLES[name]);
    const left = Object.keys(EXAMPLES).filter((name) => !names.has(name));
    if (missing.length + left.length > 0)
        throw new Error(
            `tests/security/doors/examples: no example for [${missing.join(', ')}]; no route for [${left.join(', ')}].`
        );
    const all = guards.flatMap((guard) =>
        (EXAMPLES[nameOf(guard)] ?? []).map((example) => ({
            ...guard,
            example,
            title: [nameOf(guard), example.name].filter(Boolean).join(' ')
        }))
    );
    const rank = ({ example }: Door): number => (example.endsSession ? 2 : example.last ? 1 : 0);
    return all.toSorted((a, b) => rank(a) - rank(b));
}

/**
 * Who tries. The owner may; an agent is a member without any permission; a stranger owns another business and names this
 * one; nobody is not signed in, and names it too.
 */
export const WHO = ['owner', 'agent', 'stranger', 'nobody'] as const;
export type Who = (typeof WHO)[number];

/** What a try came to. */
export type Outcome = {
    status: number;
    location: string;
    /** Did the answer hold something that the business typed, or the signed address of one of its files? */
    shown: boolean;
    /** Which tables hold other rows of the business than before. */
    changed: string[];
};

/** A business, and the people who try its doors, on one stack. */
export type World = {
    business: Business;
    cookies: Record<Who, Map<string, string>>;
    tables(): Promise<Map<string, string>>;
    /** Requests made once for all who are refused. */
    requests: Map<string, Promise<Request>>;
    /** Has everybody proved just now who they are, however long the doors before took. */
    freshen(): Promise<void>;
    end(): Promise<void>;
};

/** Makes the business and signs its people in at `app`. Needs TF_STACK of the stack that the app stands on. */
export async function aWorld(app: string): Promise<World> {
    const business = await aBusiness({ marked: `mark${randomBytes(6).toString('hex')}` });
    const agent = await business.withMember('agent');
    const other = await aBusiness({ name: 'Another Firm' });
    const at = async (person: Business['owner']) => (await signedIn(person, app)).cookies;
    const naming: [string, string] = ['__Host-tf-account', business.accountId];
    const sql = superuser();
    return {
        business,
        cookies: {
            owner: await at(business.owner),
            agent: await at(agent),
            stranger: new Map([...(await at(other.owner)), naming]),
            nobody: new Map([naming])
        },
        tables: () => rowsOf(sql, business),
        requests: new Map(),
        freshen: async () => {
            await sql`update auth.mfa_amr_claims set updated_at = now()`;
            // Who tries every door one after the other does the work of many.
            await sql`delete from private.limit_takes`;
        },
        end: () => sql.end()
    };
}

/**
 * Has somebody try a door of the app at `app`. Who may gets a request of their own, since it may use something up; those
 * who are refused share one.
 */
export async function tryDoor(
    world: World,
    app: string,
    door: Door,
    who: Who,
    given: { afresh?: boolean } = {}
): Promise<Outcome> {
    await world.freshen();
    const { business } = world;
    const make = async (): Promise<Request> => door.example.request(business);
    const afresh = given.afresh ?? who === 'owner';
    const kept = afresh ? make() : (world.requests.get(door.title) ?? make());
    if (!afresh) world.requests.set(door.title, kept);
    const request = await kept;
    const ownSession = who === 'owner' && door.example.endsSession;
    const visitor = ownSession ? await signedIn(business.owner, app) : aVisitor(app);
    if (!ownSession) for (const [name, value] of world.cookies[who]) visitor.cookies.set(name, value);

    const before = await world.tables();
    const response = await send(visitor, request, business.accountId);
    const body = await response.text();
    const after = await world.tables();

    const location = response.headers.get('location') ?? '';
    const file = `/object/sign/${business.accountId}/`;
    return {
        status: response.status,
        location,
        shown: [body, location].some((text) => text.includes(business.marked) || text.includes(file)),
        changed: [...after].filter(([table, rows]) => before.get(table) !== rows).map(([table]) => table)
    };
}

function send(
    visitor: ReturnType<typeof aVisitor>,
    { path, fields, json }: Request,
    accountId: string
): Promise<Response> {
    if (json) return visitor.json(path, { account_id: accountId, ...json });
    if (fields) return visitor.post(path, { account_id: accountId, ...fields });
    return visitor.get(path);
}

/**
 * A digest of each table's rows of the business, of its files, and of its owner's sessions. Left out is what machines do in
 * their own time (a mail's way, a webhook's) and the audit trail, which is to grow by refusals too.
 */
async function rowsOf(sql: Sql, { accountId, owner }: Business): Promise<Map<string, string>> {
    const tables = await sql<{ name: string }[]>`
        select format('%I.%I', n.nspname, c.relname) as name
        from pg_class as c
        join pg_namespace as n on n.oid = c.relnamespace
        join pg_attribute as a on a.attrelid = c.oid and a.attname = 'account_id'
        where c.relkind in ('r', 'p') and n.nspname in ('public', 'private')`;
    const digests = [
        ...tables.map(({ name }) => ({
            name,
            rows: `select t::text from ${name} as t where account_id = $1`
        })),
        { name: 'public.accounts', rows: 'select t::text from public.accounts as t where id = $1' },
        { name: 'mail.outbox', rows: 'select dedupe_key from mail.outbox where account_id = $1' },
        {
            name: 'billing.connected_accounts',
            rows: 'select stripe_account_id from billing.connected_accounts where account_id = $1'
        },
        {
            name: 'storage.objects',
            rows: 'select name || version from storage.objects where bucket_id = $1::text'
        },
        { name: 'auth.sessions', rows: 'select id::text from auth.sessions where user_id = $2' }
    ].map(
        ({ name, rows }) =>
            `select '${name}' as name, md5(coalesce(string_agg(row, '|' order by row), '')) as digest from (${rows}) as t (row)`
    );
    const found = await sql.unsafe<{ name: string; digest: string }[]>(
        `with given as (select $1::uuid, $2::uuid) ${digests.join(' union all ')}`,
        [accountId, owner.id]
    );
    return new Map(found.map(({ name, digest }) => [name, digest]));
}
