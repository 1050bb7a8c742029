// Attacks in SQL, as if a door let a signed-in person type it: none does, and each of these would still get nothing. All of
// them run in a transaction that ends undone.
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stack } from '../../support/stack.ts';
import { asSql, claimsOf, repelled, theScene } from './scene.ts';
import type { Scene } from './scene.ts';

let scene: Scene;

beforeAll(async () => {
    scene = await theScene();
});
afterAll(() => scene.end());

const asFinch = (...statements: string[]): ReturnType<typeof asSql> =>
    asSql(scene, scene.finch.owner, statements);

/** Every statement refused for want of a right. */
async function refused(...statements: string[]): Promise<void> {
    await repelled(scene, async () => {
        const said = await asFinch(...statements);
        expect(said.rows).toEqual([]);
        for (const error of said.errors) expect(error).toMatch(/^42501 /);
        return said;
    });
}

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
        await repelled(scene, () => asFinch(statement(scene.mark)));
    });

    test('[ISO-1] a function that leaks what it is given is asked about one’s own rows only', async () => {
        const leak = `
            create function pg_temp.leak(word text) returns boolean language plpgsql cost 0.0000001
                as $$ begin raise notice 'heard %', word; return true; end $$
        `;
        const ask = 'select count(*) from public.customers where pg_temp.leak(name)';
        // People may make no function at all; the owner of the database makes one here, and people use it.
        expect((await asFinch(leak)).errors[0]).toMatch(/^42501 /);
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
            `select count(*) as seen from pg_stats where schemaname = 'public' and tablename = any (array['${TENANT_TABLES.join("','")}'])`,
            `select count(*) as seen from pg_stats_ext`
        );
        expect(said.rows).toEqual([[{ seen: '0' }], [{ seen: '0' }]]);
        await refused('select * from pg_statistic', 'select * from pg_statistic_ext_data');
    });

    test('[ISO-1] what explain guesses about another account’s rows is what it guesses about nobody’s', async () => {
        const guess = (where: string): string =>
            `explain (format json) select * from public.customers where ${where}`;
        const said = await asFinch(
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
            `copy (select 1) to '/tmp/attack'`,
            `copy (select 1) to program 'cat > /tmp/attack'`,
            `create table public.attack (line text)`
        );
        await repelled(scene, () =>
            asFinch(`select * from public.customers`, `select pg_read_file('/etc/passwd')`)
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

describe('functions that run with their owner’s rights', () => {
    test('[ISO-4] each that a person may call is refused, or answers nothing, for another account', async () => {
        const functions = await scene.sql<{ call: string }[]>`
            select p.oid::regproc::text || '(' || (
                select coalesce(string_agg(
                    case
                        when name in ('for_account', 'account_id', 'owner_id', 'for_chain') then quote_literal(${scene.bell.accountId}::text)
                        when name in ('for_invoice', 'invoice_id') then quote_literal(${scene.bell.invoiceId}::text)
                        when name in ('for_document', 'document_id') then quote_literal(${scene.bell.documentId}::text)
                        when type = 'uuid'::regtype then 'gen_random_uuid()'
                        when type = 'jsonb'::regtype then quote_literal('{}')
                        when type = 'text'::regtype then quote_literal('invoices.read')
                        when type in ('boolean'::regtype) then 'true'
                        when type in ('integer'::regtype, 'bigint'::regtype) then '1'
                        else 'null'
                    end || '::' || type::regtype, ', ' order by place), '')
                from unnest(p.proargtypes::oid[]) with ordinality as argument (type, place)
                cross join lateral (select p.proargnames[place] as name) as named
            ) || ')' as call
            from pg_proc as p
            where p.prosecdef
              and p.pronamespace = 'private'::regnamespace
              and has_function_privilege('authenticated', p.oid, 'execute')
              and p.pronargs > 0
              and p.proname <> 'portal_invoice'
              and p.prorettype not in ('trigger'::regtype)
        `;
        expect(functions.length).toBeGreaterThan(10);
        await repelled(scene, async () => {
            const said = await asFinch(...functions.map(({ call }) => `select ${call} as answer`));
            return said;
        }, [scene.bell.documentId, scene.bell.customerId]);
    });

    test('[ISO-4] a repetition is remembered in nobody else’s name', async () => {
        const said = await asFinch(
            `select private.replay('${scene.bell.accountId}', gen_random_uuid(), 'create_customer', '{}')`,
            `select private.replay('${scene.bell.owner.id}', gen_random_uuid(), 'open_account', '{}')`,
            `select private.replay('${scene.finch.accountId}', gen_random_uuid(), 'create_customer', '{}')`
        );
        expect(said.errors).toEqual([expect.stringMatching(/^PT404 /), expect.stringMatching(/^PT404 /)]);
        expect(said.rows).toHaveLength(1);
    });

    test('[ISO-4] what is for triggers, edge functions or the owner can’t be called by a person', async () => {
        const closed = await scene.sql<{ name: string }[]>`
            select p.oid::regproc::text as name
            from pg_proc as p
            where p.pronamespace::regnamespace::text in ('private', 'service', 'audit', 'mail', 'billing')
              and not has_function_privilege('authenticated', p.oid, 'execute')
        `;
        expect(closed.length).toBeGreaterThan(30);
        const said = await asFinch(...closed.map(({ name }) => `select ${name}()`));
        expect(said.rows).toEqual([]);
    });
});

describe('settings', () => {
    test('[ISO-1] nobody becomes anybody by a setting of ours', async () => {
        await repelled(scene, async () => {
            const said = await asFinch(
                `select set_config('tf.actor', '{"kind": "system", "id": "${scene.bell.owner.id}"}', true)`,
                `select set_config('tf.moment', '2001-01-01', true)`,
                `select set_config('app.account_id', '${scene.bell.accountId}', true)`,
                `select set_config('row_security', 'off', true)`,
                `select set_config('session_replication_role', 'replica', true)`,
                `select set_config('role', 'postgres', true)`,
                `select count(*) as rows from public.customers where account_id = '${scene.bell.accountId}'`
            );
            // row_security off does not open anything: the query is refused instead.
            expect(said.rows.flat().filter((row) => 'rows' in row && row.rows !== '0')).toEqual([]);
            expect(said.errors.join('\n')).toMatch(/session_replication_role/);
            return said;
        });
    });

    test.each([
        'postgres',
        'supabase_admin',
        'supabase_auth_admin',
        'supabase_storage_admin',
        'authenticator',
        'service_role'
    ])('[ISO-4] neither people nor nobody are members of %s', async (role) => {
        const [member] = await scene.sql`
                select pg_has_role('authenticated', ${role}, 'member') or pg_has_role('anon', ${role}, 'member') as is_one
            `;
        expect(member?.is_one).toBe(false);
    });

    test('[ISO-1] who is signed in is recorded as having acted, whatever the session says of the actor', async () => {
        const said = await asFinch(
            `select set_config('tf.actor', '{"kind": "system", "name": "nobody"}', true)`,
            `update public.customers set notes = 'x' where id = '${scene.finch.customerId}'`
        );
        expect(said.errors).toEqual([]);
        await scene.finch.owner.db.from('customers').update({ notes: 'y' }).eq('id', scene.finch.customerId);
        const [record] = await scene.sql`
            select actor_kind, actor_id from audit.records where chain_id = ${scene.finch.accountId} order by id desc limit 1
        `;
        expect(record).toEqual({ actor_kind: 'person', actor_id: scene.finch.owner.id });
    });

    test('[ISO-1] a statement prepared by another person answers the one who runs it', async () => {
        await repelled(scene, async () => {
            const said = await asBellThenFinch(
                'prepare everything as select * from public.customers',
                'execute everything'
            );
            expect(said.bell.join()).toContain(scene.mark);
            expect(said.finch.length).toBeGreaterThan(0);
            return said.finch;
        });
    });
});

describe('catalogs and other schemas', () => {
    test.each([
        ...[
            'auth.users',
            'auth.sessions',
            'auth.refresh_tokens',
            'auth.identities',
            'vault.secrets',
            'vault.decrypted_secrets'
        ],
        ...[
            'cron.job',
            'cron.job_run_details',
            'net.http_request_queue',
            'net._http_response',
            'supabase_migrations.schema_migrations'
        ],
        ...[
            'audit.records',
            'audit.field_values',
            'audit.links',
            'audit.heads',
            'private.idempotency',
            'private.counters'
        ],
        ...[
            'billing.connected_accounts',
            'billing.checkout_sessions',
            'mail.outbox',
            'pg_authid',
            'pg_shadow'
        ],
        ...['pg_largeobject', 'pg_user_mapping', 'pg_subscription', 'pg_hba_file_rules', 'pg_file_settings']
    ])('[ISO-4] %s can’t be read', async (name) => {
        await refused(`select * from ${name}`);
    });

    test('[ISO-1] what others are doing is hidden in the lists of activity and statements', async () => {
        await scene.bell.owner.db.from('customers').select('*').eq('name', scene.mark);
        await repelled(scene, () =>
            asFinch(
                `select usename, query from pg_stat_activity`,
                `select query from extensions.pg_stat_statements where query like '%${scene.mark}%'`,
                `select * from pg_prepared_statements`,
                `select * from pg_cursors`,
                `select relname, n_live_tup from pg_stat_user_tables where relname like 'mark%'`
            )
        );
    });

    test('[ISO-1] no secret stands in a setting that everybody may read', async () => {
        const said = await asFinch(
            'select setconfig::text from pg_db_role_setting',
            'select name, setting from pg_settings',
            `select current_setting('app.settings.jwt_secret', true) as jwt_secret, current_setting('pgrst.jwt_secret', true) as rest_secret`
        );
        const words = JSON.stringify(said.rows);
        const [keys] = await scene.sql<
            { words: string[] }[]
        >`select array_agg(decrypted_secret) as words from vault.decrypted_secrets`;
        expect(keys?.words.length).toBeGreaterThan(0);
        for (const secret of keys?.words ?? [])
            if (!secret.startsWith('http')) expect(words).not.toContain(secret);
        expect(said.rows[2]).toEqual([{ jwt_secret: null, rest_secret: null }]);
    });

    test('[ISO-1] nothing of ours is announced to whoever listens', async () => {
        const talkers = await scene.sql`
            select p.oid::regprocedure::text
            from pg_proc as p
            where p.pronamespace::regnamespace::text in ('public', 'private', 'service', 'audit', 'billing', 'mail')
              and p.prosrc ~* '\\mnotify\\M|pg_notify'
        `;
        expect(talkers).toEqual([]);
        const said = await asFinch(`listen pgrst`, `select pg_notification_queue_usage() as waiting`);
        expect(said.rows.at(-1)).toEqual([{ waiting: 0 }]);
    });

    test('[ISO-1] there are no large objects, and none can be brought in from a file or out to one', async () => {
        expect(await scene.sql`select 1 from pg_largeobject_metadata`).toHaveLength(0);
        await refused(
            `select lo_import('/etc/passwd')`,
            `select lo_export(1, '/tmp/attack')`,
            'select data from pg_largeobject'
        );
    });

    test('[ISO-4] files, programs and connections of the server are out of reach', async () => {
        await refused(
            `select pg_read_file('PG_VERSION')`,
            `select pg_ls_dir('.')`,
            `select pg_stat_file('PG_VERSION')`,
            `select pg_read_binary_file('PG_VERSION')`,
            `select pg_reload_conf()`,
            `select pg_rotate_logfile()`,
            `select pg_promote()`,
            `select pg_create_restore_point('x')`
        );
    });

    test('[ISO-1] another person’s connection can’t be ended or cancelled', async () => {
        await refused(
            `select pg_terminate_backend(pid) from pg_stat_activity where usename in ('supabase_admin', 'supabase_storage_admin') and pid <> pg_backend_pid()`
        );
    });
});

/** One connection that serves bell's owner first and finch's next, as a pool's does. */
async function asBellThenFinch(
    prepare: string,
    execute: string
): Promise<{ bell: string[]; finch: string[] }> {
    const sql = postgres(stack().databaseUrl, { max: 1, onnotice: () => undefined });
    const turn = (person: Scene['bell']['owner'], statements: string[]): Promise<string[]> =>
        sql.begin(async (inner) => {
            await inner`select set_config('request.jwt.claims', ${JSON.stringify(claimsOf(person))}, true)`;
            await inner`set local role authenticated`;
            const said: string[] = [];
            for (const statement of statements)
                said.push(...(await inner.unsafe(statement)).map((row) => JSON.stringify(row)));
            return said;
        });
    const bell = await turn(scene.bell.owner, [prepare, execute]);
    const finch = await turn(scene.finch.owner, [execute]);
    await sql.end();
    return { bell, finch };
}
