// Attacks in SQL on what stands above rows: functions with their owner's rights, settings, catalogs and other schemas. None
// can be typed through any door, and each would get nothing. All of them run in a transaction that ends undone.
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stack } from '../../support/stack.ts';
import { claimsOf, repelled, theScene } from './scene.ts';
import type { Scene } from './scene.ts';
import { asFinch, refused } from './typed.ts';

let scene: Scene;

beforeAll(async () => {
    scene = await theScene();
});
afterAll(() => scene.end());

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
            const said = await asFinch(scene, ...functions.map(({ call }) => `select ${call} as answer`));
            return said;
        }, [scene.bell.documentId, scene.bell.customerId]);
    });

    test('[ISO-4] a repetition is remembered in nobody else’s name', async () => {
        const said = await asFinch(
            scene,
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
        const said = await asFinch(scene, ...closed.map(({ name }) => `select ${name}()`));
        expect(said.rows).toEqual([]);
    });
});

describe('settings', () => {
    test('[ISO-1] nobody becomes anybody by a setting of ours', async () => {
        await repelled(scene, async () => {
            const said = await asFinch(
                scene,
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
            scene,
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
            'private.limit_takes',
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
        await refused(scene, `select * from ${name}`);
    });

    test('[ISO-1] what others are doing is hidden in the lists of activity and statements', async () => {
        await scene.bell.owner.db.from('customers').select('*').eq('name', scene.mark);
        await repelled(scene, () =>
            asFinch(
                scene,
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
            scene,
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
        const said = await asFinch(scene, `listen pgrst`, `select pg_notification_queue_usage() as waiting`);
        expect(said.rows.at(-1)).toEqual([{ waiting: 0 }]);
    });

    test('[ISO-1] there are no large objects, and none can be brought in from a file or out to one', async () => {
        expect(await scene.sql`select 1 from pg_largeobject_metadata`).toHaveLength(0);
        await refused(
            scene,
            `select lo_import('/etc/passwd')`,
            `select lo_export(1, '/tmp/attack')`,
            'select data from pg_largeobject'
        );
    });

    test('[ISO-4] files, programs and connections of the server are out of reach', async () => {
        await refused(
            scene,
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
            scene,
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
