// Every page and action with an id in its address, read off the routes, asked for by the owner of another business.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aBusiness, superuser, type Business } from '../support/business.ts';
import { aRequestToJoin } from '../support/dns.ts';
import { signedIn, type Visitor } from '../support/visitor.ts';
import { aDomain, aDomainName } from './doors/examples/team.ts';

const routes = join(process.env.TF_PROJECT ?? '.', 'src/routes/(app)');

type Route = { path: string; actions: string[]; isEndpoint: boolean };

/** Folders with a server file and a parameter in their address. */
function routesWithIds(folder: string, path = ''): Route[] {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
        if (entry.isDirectory()) return routesWithIds(join(folder, entry.name), `${path}/${entry.name}`);
        if (!path.includes('[') || !/^\+(page\.server|server)\.ts$/.test(entry.name)) return [];
        const source = readFileSync(join(folder, entry.name), 'utf8');
        const actions = [...source.matchAll(/^ {4}(\w+): (?:protected|person)Action\(/gm)].map(
            ([, name = '']) => name
        );
        return [{ path, actions, isEndpoint: entry.name === '+server.ts' }];
    });
}

const found = routesWithIds(routes);
let first: Business;
let second: Visitor;
let ids: Record<string, string>;
const sql = superuser();

/** The address with the first business's own ids in it. */
function filledIn(path: string): string {
    return path.replace(/\[(\w+)\]/g, (_, name: string) => {
        const id = ids[name];
        if (!id) throw new Error(`No id for [${name}]: give this test one, so that ${path} is covered.`);
        return id;
    });
}

/** What the first business holds, as one figure. */
async function everything(): Promise<string> {
    const tables = await sql<{ name: string }[]>`
        select format('%I.%I', table_schema, table_name) as name from information_schema.columns
        where column_name = 'account_id' and table_schema in ('public', 'billing', 'mail')
          and (table_schema, table_name) in (select schemaname, tablename from pg_tables) order by 1`;
    const sums = await Promise.all(
        tables.map(async ({ name }) => {
            const [row] = await sql.unsafe<{ sum: string }[]>(
                `select coalesce(md5(string_agg(t::text, '|' order by t::text)), '') as sum from ${name} as t where account_id = $1`,
                [first.accountId]
            );
            return `${name} ${row?.sum}`;
        })
    );
    return sums.join('\n');
}

beforeAll(async () => {
    first = await aBusiness();
    const { jobId, customerId, siteId } = await first.aJob();
    const { invoiceId, documentId } = await first.anInvoice();
    const colleague = await first.owner.db
        .from('members')
        .select('id')
        .eq('account_id', first.accountId)
        .single<{ id: string }>();
    if (colleague.error) throw colleague.error;
    ids = { job: jobId, customer: customerId, site: siteId, invoice: invoiceId, document: documentId };
    Object.assign(ids, { member: colleague.data.id, role: await first.roleId('staff') });
    const request = await aRequestToJoin(first, await aDomainName(first));
    Object.assign(ids, { request, domain: await aDomain(first) });
    const other = await aBusiness({ name: 'Another Firm' });
    second = await signedIn(other.owner, process.env.TF_APP_URL ?? '');
});
afterAll(() => sql.end());

describe('[ISO-1] the owner of another business', () => {
    it('finds routes to try', () => {
        expect(found.length).toBeGreaterThan(3);
    });

    it.each(found.filter((route) => !route.isEndpoint))('gets 404 for $path', async ({ path }) => {
        expect((await second.get(filledIn(path))).status).toBe(404);
    });

    it.each(found.filter((route) => route.isEndpoint))(
        'gets 404 from the endpoint $path',
        async ({ path }) => {
            const before = await everything();
            for (const method of ['get', 'post'] as const) {
                const response =
                    method === 'get'
                        ? await second.get(filledIn(path))
                        : await second.post(filledIn(path), {});
                expect([400, 404, 405, 422], `${method} answered ${response.status}`).toContain(
                    response.status
                );
            }
            expect(await everything()).toBe(before);
        }
    );

    it.each(found.flatMap(({ path, actions }) => actions.map((action) => ({ path, action }))))(
        'changes nothing by $action of $path',
        async ({ path, action }) => {
            const before = await everything();
            const address = `${filledIn(path)}${action === 'default' ? '' : `?/${action}`}`;
            const named = await second.post(address, { account_id: first.accountId });
            expect(named.status, 'with the first business’s id in the form').toBe(404);
            const own = await second.post(address, {});
            expect(own.status, 'with its own business’s id').toBeGreaterThanOrEqual(400);
            expect(await everything(), 'rows of the first business').toBe(before);
        }
    );
});
