// Attacks in SQL on rows, as if a door let a signed-in person type it: none does, and each of these would still get
// nothing. All of them run in a transaction that ends undone.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { asSql, repelled, theScene } from './scene.ts';
import type { Scene } from './scene.ts';
import { asFinch, refused } from './typed.ts';

let scene: Scene;

beforeAll(async () => {
    scene = await theScene();
});
afterAll(() => scene.end());

const TENANT_TABLES = [
    ...[
        'accounts',
        'customers',
        'documents',
        'invoice_lines',
        'invoice_vat',
        'invoices',
        'jobs',
        'members',
        'payments'
    ],
    ...['portal_links', 'role_permissions', 'roles', 'sites']
];

describe('filters and errors', () => {
    test.each([
        [
            'a cast that fails',
            (mark: string) => `select * from public.customers where name like '%${mark}%' and name::int = 1`
        ],
        [
            'a division by nought',
            (mark: string) =>
                `select * from public.customers where 1 / (case when name like '%${mark}%' then 0 else 1 end) = 1`
        ],
        ['a cast in the list of columns', () => `select name::numeric from public.customers`],
        [
            'a regular expression that fails',
            (mark: string) => `select * from public.jobs where title ~ '${mark}' and title ~ ('(' || title)`
        ],
        ['XML made of a row', () => `select xmlparse(document name) from public.customers`],
        [
            'a query inside a function',
            () => `select query_to_xml('select * from public.customers', true, false, '')`
        ],
        ['a whole table as XML', () => `select table_to_xml('public.customers', true, false, '')`],
        ['a lateral join', () => `select c.* from public.customers as c, lateral (select c.name::int) as x`],
        [
            'a hash of every row',
            () =>
                `select md5(string_agg(c::text, '')) from public.customers as c where c.account_id = '${scene.bell.accountId}'`
        ],
        ['a sample of the table', () => `select * from public.customers tablesample system (100)`],
        [
            'a row’s place',
            () =>
                `select c.ctid, c.* from public.customers as c where c.ctid = any (array['(0,1)', '(0,2)']::tid[])`
        ],
        [
            'row locks',
            () => `select * from public.customers where account_id = '${scene.bell.accountId}' for share`
        ],
        ['only the parent', () => `table only public.customers`],
        [
            'recursion',
            () =>
                `with recursive r as (select * from public.customers union select c.* from public.customers as c join r on true) select * from r`
        ]
    ])('[ISO-1] %s shows nothing of another account', async (_, statement) => {
        await repelled(scene, () => asFinch(scene, statement(scene.mark)));
    });

    test('[ISO-1] a function that leaks what it is given is asked about one’s own rows only', async () => {
        const leak = `
            create function pg_temp.leak(word text) returns boolean language plpgsql cost 0.0000001
                as $$ begin raise notice 'heard %', word; return true; end $$
        `;
        const ask = 'select count(*) from public.customers where pg_temp.leak(name)';
        // People may make no function at all; the owner of the database makes one here, and people use it.
        expect((await asFinch(scene, leak)).errors[0]).toMatch(/^42501 /);
        for (const [person, hears] of [
            [scene.finch.owner, false],
            [scene.bell.owner, true]
        ] as const) {
            const said = await asSql(scene, person, [ask.replace('pg_temp.', 'public.')], 'authenticated', [
                leak.replaceAll('pg_temp.', 'public.'),
                'grant execute on function public.leak(text) to authenticated'
            ]);
            expect(said.errors).toEqual([]);
            expect(said.notices.length).toBeGreaterThan(0);
            expect(said.notices.join().includes(scene.mark)).toBe(hears);
        }
    });

    test('[ISO-1] the planner’s statistics tell of no address, name, sum or account', async () => {
        const tables = TENANT_TABLES.map((name) => `public.${name}`).join(', ');
        await scene.sql.unsafe(`analyze ${tables}`);
        const kept = await scene.sql<{ column: string }[]>`
            select distinct attname::text as column from pg_stats where schemaname = 'public' and tablename = any (${TENANT_TABLES}) order by 1
        `;
        const harmless = /^(state|kind|method|access|position|vat_rate_bp|is_detail)$|_(at|on|until)$/;
        expect(kept.length).toBeGreaterThan(3);
        expect(kept.map(({ column }) => column).filter((column) => !harmless.test(column))).toEqual([]);
        const said = await asFinch(
            scene,
            `select count(*) as seen from pg_stats where schemaname = 'public' and tablename = any (array['${TENANT_TABLES.join("','")}'])`,
            `select count(*) as seen from pg_stats_ext`
        );
        expect(said.rows).toEqual([[{ seen: '0' }], [{ seen: '0' }]]);
        await refused(scene, 'select * from pg_statistic', 'select * from pg_statistic_ext_data');
    });

    test('[ISO-1] what explain guesses about another account’s rows is what it guesses about nobody’s', async () => {
        const guess = (where: string): string =>
            `explain (format json) select * from public.customers where ${where}`;
        const said = await asFinch(
            scene,
            guess(`account_id = '${scene.bell.accountId}'`),
            guess(`account_id = '00000000-0000-7000-8000-000000000000'`)
        );
        const [theirs, nobodys] = said.rows.map((rows) => JSON.stringify(rows).match(/"Plan Rows":\s*\d+/g));
        expect(theirs).toEqual(nobodys);
    });
});

describe('writing', () => {
    test.each(TENANT_TABLES)(
        '[ISO-1] %s gives nothing of another account back from a write',
        async (table) => {
            const owner = table === 'accounts' ? 'id' : 'account_id';
            const where = `where ${owner} = '${scene.bell.accountId}'`;
            await repelled(scene, async () => {
                const said = await asFinch(
                    scene,
                    `update public.${table} set ${owner} = ${owner} ${where} returning *`,
                    `delete from public.${table} ${where} returning *`,
                    `insert into public.${table} select * from public.${table} ${where} returning *`,
                    `truncate public.${table}`,
                    `lock table public.${table} in access exclusive mode`
                );
                expect(said.rows.flat()).toEqual([]);
                return said;
            });
        }
    );

    test('[ISO-1] merge and on conflict write no row of another account and show none', async () => {
        const { bell } = scene;
        await repelled(scene, async () => {
            const said = await asFinch(
                scene,
                `merge into public.customers as c using (values ('${bell.customerId}'::uuid)) as v (id) on c.id = v.id
                    when matched then update set name = 'Taken over'`,
                `merge into public.customers as c using (values (1)) as v (x) on c.account_id = '${bell.accountId}'
                    when matched then update set notes = c.name
                    when not matched then insert (account_id, name) values ('${bell.accountId}', 'Taken over')`,
                `insert into public.customers (account_id, name) values ('${bell.accountId}', 'x')
                    on conflict (account_id, id) do update set name = excluded.name returning *`
            );
            expect(said.rows.flat()).toEqual([]);
            return said;
        });
    });

    test('[ISO-1] copy reads one’s own rows only, and no file or program of the server', async () => {
        await refused(
            scene,
            `copy (select 1) to '/tmp/attack'`,
            `copy (select 1) to program 'cat > /tmp/attack'`,
            `create table public.attack (line text)`
        );
        await repelled(scene, () =>
            asFinch(scene, `select * from public.customers`, `select pg_read_file('/etc/passwd')`)
        );
    });

    test.each(['anon', 'authenticated', 'service_role'])(
        '[ISO-1] %s truncates neither a table nor the files’ list',
        async (role) => {
            await repelled(scene, async () => {
                const said = await asSql(
                    scene,
                    scene.finch.owner,
                    [
                        ...TENANT_TABLES.map((table) => `truncate public.${table} cascade`),
                        'truncate storage.objects',
                        'truncate storage.buckets cascade'
                    ],
                    role
                );
                expect(said.rows).toEqual([]);
                return said;
            });
        }
    );
});

describe('names that shadow', () => {
    test('[ISO-4] people make nothing temporary, which functions with their owner’s rights would find first', async () => {
        await refused(
            scene,
            'create temp table members (account_id uuid, user_id uuid, role_id uuid, removed_at timestamptz)',
            'create temp view accounts as select 1',
            `create domain pg_temp.uuid as text`,
            `create function pg_temp.now() returns timestamptz language sql as 'select null::timestamptz'`,
            `create operator pg_temp.= (leftarg = uuid, rightarg = uuid, function = uuid_ne)`,
            `create type pg_temp.text as (x int)`,
            'select 1 into temp table sessions'
        );
    });

    test('[ISO-4] people make nothing in a schema that anything looks into', async () => {
        await refused(
            scene,
            ...['public', 'extensions', 'private', 'service', 'auth', 'storage', 'pg_catalog'].flatMap(
                (schema) => [
                    `create function ${schema}.uid() returns uuid language sql as 'select null::uuid'`,
                    `create table ${schema}.sessions (id uuid)`
                ]
            ),
            'create schema attack',
            'create extension dblink'
        );
    });

    test.each(['public', 'pg_temp, public', 'extensions, public, pg_catalog', "''", 'storage, auth'])(
        '[ISO-4] with search_path %s a function answers as ever',
        async (path) => {
            await repelled(scene, async () => {
                const said = await asFinch(
                    scene,
                    `set local search_path = ${path}`,
                    `select private.accounts_with('customers.read') = array['${scene.finch.accountId}']::uuid[] as only_own`,
                    `select public.has_permission('${scene.bell.accountId}', 'customers.read') as theirs`,
                    `select public.today('${scene.bell.accountId}')`
                );
                expect(said.rows.slice(-2)).toEqual([[{ only_own: true }], [{ theirs: false }]]);
                expect(said.errors).toEqual([expect.stringMatching(/^PT404 /)]);
                return said;
            });
        }
    );
});
