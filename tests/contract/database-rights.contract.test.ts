// What a project's own database role may do and may not, on the embedded stack as on a hosted project.
import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hosted } from '../support/stack.ts';
import { aPerson, asOwner, project } from './project.ts';

const run = randomBytes(4).toString('hex');
const sql = asOwner();

beforeAll(async () => {
    await sql.unsafe(`
        create table public.rights_${run} (id int primary key, user_id uuid references auth.users (id));
        create function public.rights_trigger_${run}() returns trigger language plpgsql as 'begin return new; end';
    `);
});

afterAll(async () => {
    await sql.unsafe(`
        drop table if exists public.rights_${run};
        drop trigger if exists rights_${run} on auth.users;
        drop trigger if exists rights_${run} on storage.objects;
        drop function if exists public.rights_trigger_${run}();
        drop policy if exists "rights ${run}" on storage.objects;
        drop policy if exists "rights ${run}" on auth.users;
    `);
    await sql.end();
});

/** Runs a statement and takes it back; answers the SQLSTATE of the refusal, or 'allowed'. */
async function tried(statement: string): Promise<string> {
    const undone = new Error('taken back');
    try {
        await sql.begin(async (transaction) => {
            await transaction.unsafe(statement);
            throw undone;
        });
    } catch (error) {
        if (error === undone) return 'allowed';
        if (error instanceof postgres.PostgresError) return error.code;
        throw error;
    }
    return 'allowed';
}

describe('the project’s owner', () => {
    it('is no superuser and passes over row-level security', async () => {
        const [role] = await sql`
            select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb from pg_roles where rolname = current_user
        `;
        expect(role).toEqual({ rolsuper: false, rolbypassrls: true, rolcreaterole: true, rolcreatedb: true });
    });

    it('is no member of the service roles', async () => {
        const rows = await sql`
            select granted.rolname
            from pg_auth_members as membership
            join pg_roles as granted on granted.oid = membership.roleid
            where membership.member = current_user::regrole and granted.rolname like 'supabase%admin'
        `;
        expect(rows).toEqual([]);
    });

    it.each([
        [
            'writes a policy on storage.objects',
            `create policy "rights ${run}" on storage.objects for select to authenticated using (true = false)`
        ],
        [
            'drops that policy again',
            `create policy "rights ${run}" on storage.buckets for select using (false); drop policy "rights ${run}" on storage.buckets`
        ],
        [
            'changes a policy',
            `create policy "rights ${run}" on storage.objects using (false); alter policy "rights ${run}" on storage.objects using (1 = 2)`
        ],
        [
            'writes a policy on auth.users',
            `create policy "rights ${run}" on auth.users for select using (false)`
        ],
        [
            'makes and drops a trigger on auth.users',
            `create trigger rights_${run} after insert on auth.users for each row execute function public.rights_trigger_${run}(); drop trigger rights_${run} on auth.users`
        ],
        [
            'makes and drops a trigger on storage.objects',
            `create trigger rights_${run} before insert on storage.objects for each row execute function public.rights_trigger_${run}(); drop trigger rights_${run} on storage.objects`
        ],
        [
            'refers to auth.users',
            `create table public.rights_ref_${run} (id uuid references auth.users (id))`
        ],
        [
            'reads and changes people',
            `update auth.users set raw_user_meta_data = raw_user_meta_data where false; select from auth.users limit 1`
        ],
        ['adds a trusted extension', `create extension if not exists citext with schema extensions`],
        [
            'finds pg_cron and pg_net there or may add them',
            hosted
                ? 'select 1'
                : `create extension if not exists pg_cron; create extension if not exists pg_net`
        ],
        ['makes roles', `create role rights_${run}`],
        ['sets an API role’s timeout', `alter role anon set statement_timeout = '2s'`],
        [
            'sets the Data API’s pre-request',
            `alter role authenticator set pgrst.db_pre_request = 'public.nothing'`
        ],
        ['becomes an API role', `set local role authenticated; select auth.uid()`],
        ['keeps secrets in the vault', `select vault.create_secret('quiet', 'rights ${run}')`],
        ['silences triggers while it restores data', `set local session_replication_role = replica`]
    ])('%s', async (_, statement) => {
        expect(await tried(statement)).toBe('allowed');
    });

    it('[AUTH-6] ends one session of a person by deleting its row, after which the auth server knows it no more', async () => {
        const person = await aPerson();
        try {
            const { data } = await person.client.auth.getSession();
            const { access_token, refresh_token } = data.session ?? { access_token: '', refresh_token: '' };
            expect((await person.client.auth.getUser(access_token)).data.user?.id).toBe(person.id);
            await sql`delete from auth.sessions where user_id = ${person.id}`;
            expect((await person.client.auth.getUser(access_token)).data.user).toBeNull();
            const refreshed = await person.client.auth.refreshSession({ refresh_token });
            expect(refreshed.error).not.toBeNull();
            expect(refreshed.data.session).toBeNull();
        } finally {
            await person.forget();
        }
    });

    it.each([
        ['alter storage.objects', `alter table storage.objects add column rights int`],
        ['switch its row-level security off', `alter table storage.objects disable row level security`],
        ['drop it', `drop table storage.objects`],
        ['index it', `create index on storage.objects (created_at)`],
        ['alter auth.users', `alter table auth.users add column rights int`],
        ['switch off its triggers', `alter table auth.users disable trigger all`],
        ['make a table in auth', `create table auth.rights (id int)`],
        ['make a function in auth', `create function auth.rights() returns int language sql as 'select 1'`],
        [
            'replace auth.uid()',
            `create or replace function auth.uid() returns uuid language sql as 'select null::uuid'`
        ],
        ['make a table in storage', `create table storage.rights (id int)`],
        [
            'write the auth server’s migrations',
            `insert into auth.schema_migrations (version) values ('rights')`
        ],
        [
            'write a policy on auth.schema_migrations',
            `create policy "rights ${run}" on auth.schema_migrations using (true)`
        ],
        ['become the auth server', `set local role supabase_auth_admin`],
        ['become the storage server', `set local role supabase_storage_admin`],
        ['become superuser', `set local role supabase_admin`],
        ['join a service role', `grant supabase_auth_admin to postgres`],
        ['make a superuser', `create role rights_${run} superuser`],
        ['read files of the server', `select pg_read_file('PG_VERSION')`],
        ['run programs on it', `copy (select 1) to program 'cat'`],
        ['take what reads files', `grant pg_read_server_files to postgres`],
        ['alter the superuser', `alter role supabase_admin set statement_timeout = '1s'`],
        ['write secrets past the vault’s functions', `insert into vault.secrets (secret) values ('x')`],
        [
            'schedule by writing the table',
            `insert into cron.job (schedule, command) values ('* * * * *', 'select 1')`
        ],
        ['load an untrusted language', `create language plpython3u`]
    ])('can’t %s', async (_, statement) => {
        expect(await tried(statement)).toMatch(/^(42501|0A000|42704|22023|58P01)$/);
    });

    it('is still no member of a service role after writing policies', async () => {
        await tried(`create policy "rights ${run}" on storage.objects using (false)`);
        expect(await tried(`alter table storage.objects add column rights int`)).toBe('42501');
    });
});

describe('a new table of the owner', () => {
    it('is closed to the API roles', async () => {
        const rows = await sql`
            select role, privilege
            from unnest(array['anon', 'authenticated', 'service_role']) as role,
                unnest(array['select', 'insert', 'update', 'delete']) as privilege
            where has_table_privilege(role, ${`public.rights_${run}`}, privilege)
        `;
        expect(rows).toEqual([]);
    });
});

describe('an API role', () => {
    it.each([
        ['anon', '3s'],
        ['authenticated', '8s'],
        ['authenticator', '8s']
    ])('%s is cut off after %s', async (role, timeout) => {
        const [row] = await sql`select rolconfig from pg_roles where rolname = ${role}`;
        expect(row?.rolconfig).toContain(`statement_timeout=${timeout}`);
    });

    it.each(['anon', 'authenticated'])('%s reads no table of auth', async (role) => {
        expect(await tried(`set local role ${role}; select from auth.users`)).toBe('42501');
    });

    it.each([
        ["select cron.schedule('* * * * *', 'select 1')"],
        ['select * from vault.decrypted_secrets'],
        ['create table public.mine (id int)']
    ])('authenticated can’t %s', async (statement) => {
        expect(await tried(`set local role authenticated; ${statement}`)).toBe('42501');
    });
});

describe.skipIf(hosted)('an event trigger of the project', () => {
    it('can’t be made past the migrations, and none of the platform’s can be switched off', async () => {
        expect(
            await tried(`
                create function public.noted_${run}() returns event_trigger language plpgsql as 'begin end';
                create event trigger noted_${run} on ddl_command_end execute function public.noted_${run}()
            `)
        ).toBe('42501');
        expect(await tried(`select platform.drop_event_trigger('pgrst_ddl_watch', false)`)).toBe('42501');
        expect(await tried(`select platform.alter_event_trigger('pgrst_ddl_watch', 'disable')`)).toBe(
            '42501'
        );
    });

    it('fires for the owner and stays silent for a superuser', async () => {
        const superuser = postgres(project.superuserUrl, { max: 1, onnotice: () => undefined });
        try {
            await sql.unsafe(`
                create table public.noted_${run} (tag text);
                create function public.note_${run}() returns event_trigger language plpgsql as
                    'begin insert into public.noted_${run} values (tg_tag); end';
                select platform.create_event_trigger(
                    'note_${run}', 'ddl_command_end', array['CREATE VIEW'], 'public', 'note_${run}'
                );
            `);
            await sql.unsafe(`create view public.by_owner_${run} as select 1 as one`);
            await superuser.unsafe(`create view public.by_superuser_${run} as select 1 as one`);
            expect(await sql.unsafe(`select count(*)::int as n from public.noted_${run}`)).toEqual([
                { n: 1 }
            ]);
        } finally {
            await superuser.unsafe(`drop view if exists public.by_superuser_${run}`);
            await sql.unsafe(`
                select platform.drop_event_trigger('note_${run}', true);
                drop view if exists public.by_owner_${run};
                drop function if exists public.note_${run}();
                drop table if exists public.noted_${run};
            `);
            await superuser.end();
        }
    });
});
