-- What a hosted project's owner may do in the managed schemas, and the event triggers that make it so.
-- Runs after auth and storage have brought their tables. `platform` is our room in the database: helpers
-- of the superuser that a hosted project has inside the server.

create schema if not exists platform authorization supabase_admin;
grant usage on schema platform to postgres;

do $$
declare
    managed record;
begin
    for managed in
        select
            tables.schemaname as schema_name,
            tables.tablename as table_name
        from pg_catalog.pg_tables as tables
        where tables.schemaname in ('auth', 'storage')
    loop
        if managed.table_name in ('schema_migrations', 'migrations') then
            execute format('grant trigger on %I.%I to postgres', managed.schema_name, managed.table_name);
        elsif managed.schema_name = 'auth' then
            execute format(
                'grant select, insert, update, delete, references, trigger on auth.%I to postgres',
                managed.table_name
            );
        else
            execute format('grant all on storage.%I to postgres with grant option', managed.table_name);
        end if;
    end loop;
end
$$;

grant usage, select on all sequences in schema auth to postgres;
grant execute on all functions in schema auth to postgres;
grant execute on all functions in schema storage to postgres;

-- Policies, and dropping a trigger, ask for the table's owner. For the length of one such statement the
-- project's owner is made a member of the two service roles; at its end the membership goes and a
-- statement on any other table is refused.

create or replace function platform.acting_role()
returns name
language sql
stable
set search_path = ''
as $$
    select coalesce(nullif(current_setting('role', true), 'none'), session_user)::name
$$;

create or replace function platform.lend_ownership()
returns event_trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if platform.acting_role() <> 'postgres' then
        return;
    end if;
    -- Two at once would stumble over the same membership row.
    perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtext('platform.lend_ownership'));
    grant supabase_auth_admin, supabase_storage_admin to postgres with inherit true, set false;
end
$$;

create or replace function platform.take_ownership_back()
returns event_trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    refused text;
begin
    if platform.acting_role() <> 'postgres' then
        return;
    end if;
    revoke supabase_auth_admin, supabase_storage_admin from postgres;

    select command.object_identity
    into refused
    from pg_catalog.pg_event_trigger_ddl_commands() as command
    join pg_catalog.pg_policy as policy on policy.oid = command.objid
    where command.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass
        and not platform.is_open_to_owner(policy.polrelid::pg_catalog.regclass);
    if refused is not null then
        raise exception 'must be owner of relation: %', refused using errcode = '42501';
    end if;
end
$$;

create or replace function platform.check_dropped()
returns event_trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    refused text;
begin
    if platform.acting_role() <> 'postgres' then
        return;
    end if;
    select dropped.object_identity
    into refused
    from pg_catalog.pg_event_trigger_dropped_objects() as dropped
    where dropped.original
        and dropped.object_type in ('policy', 'trigger')
        and not platform.is_open_to_owner(
            pg_catalog.to_regclass(pg_catalog.format('%I.%I', dropped.address_names[1], dropped.address_names[2]))
        );
    if refused is not null then
        raise exception 'must be owner of relation: %', refused using errcode = '42501';
    end if;
end
$$;

create or replace function platform.is_open_to_owner(relation regclass)
returns boolean
language sql
stable
set search_path = ''
as $$
    select pg_catalog.pg_get_userbyid(class.relowner) not in ('supabase_auth_admin', 'supabase_storage_admin')
        or relation::text in (
            'auth.users',
            'auth.identities',
            'auth.sessions',
            'auth.refresh_tokens',
            'auth.audit_log_entries',
            'storage.buckets',
            'storage.objects',
            'storage.migrations',
            'storage.s3_multipart_uploads',
            'storage.s3_multipart_uploads_parts'
        )
    from pg_catalog.pg_class as class
    where class.oid = relation
$$;

-- PostgREST reads its schema anew when one of these tells it to.

create or replace function extensions.pgrst_ddl_watch()
returns event_trigger
language plpgsql
set search_path = ''
as $$
declare
    command record;
begin
    for command in select * from pg_catalog.pg_event_trigger_ddl_commands()
    loop
        if command.command_tag = any (array[
            'CREATE SCHEMA', 'ALTER SCHEMA', 'CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE',
            'CREATE FOREIGN TABLE', 'ALTER FOREIGN TABLE', 'CREATE VIEW', 'ALTER VIEW',
            'CREATE MATERIALIZED VIEW', 'ALTER MATERIALIZED VIEW', 'CREATE FUNCTION', 'ALTER FUNCTION',
            'CREATE TRIGGER', 'CREATE TYPE', 'ALTER TYPE', 'CREATE RULE', 'COMMENT'
        ])
            and command.schema_name is distinct from 'pg_temp'
        then
            notify pgrst, 'reload schema';
        end if;
    end loop;
end
$$;

create or replace function extensions.pgrst_drop_watch()
returns event_trigger
language plpgsql
set search_path = ''
as $$
declare
    dropped record;
begin
    for dropped in select * from pg_catalog.pg_event_trigger_dropped_objects()
    loop
        if dropped.object_type = any (array[
            'schema', 'table', 'foreign table', 'view', 'materialized view', 'function', 'trigger', 'type', 'rule'
        ])
            and not dropped.is_temporary
        then
            notify pgrst, 'reload schema';
        end if;
    end loop;
end
$$;

-- A hosted owner may create event triggers; Postgres itself asks for a superuser. The migration runner
-- calls this with the parts of the statement, so nothing but such a statement can come of it.

create or replace function platform.create_event_trigger(
    trigger_name text,
    event text,
    tags text[],
    function_schema text,
    function_name text
)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
    if event not in ('ddl_command_start', 'ddl_command_end', 'sql_drop', 'table_rewrite') then
        raise exception 'unrecognized event name "%"', event using errcode = '42601';
    end if;
    if function_schema in ('platform', 'pg_catalog') then
        raise exception 'permission denied for schema %', function_schema using errcode = '42501';
    end if;
    execute pg_catalog.format(
        'create event trigger %I on %s%s execute function %I.%I()',
        trigger_name,
        event,
        case
            when tags is null then ''
            else ' when tag in (' || (
                select pg_catalog.string_agg(pg_catalog.quote_literal(tag), ', ')
                from pg_catalog.unnest(tags) as tag
            ) || ')'
        end,
        function_schema,
        function_name
    );
end
$$;

create or replace function platform.assert_project_event_trigger(trigger_name text)
returns void
language plpgsql
stable
set search_path = ''
as $$
begin
    if exists (
        select
        from pg_catalog.pg_event_trigger as trigger
        join pg_catalog.pg_proc as function on function.oid = trigger.evtfoid
        where trigger.evtname = trigger_name
            and function.proowner = 'supabase_admin'::pg_catalog.regrole
    ) then
        raise exception 'must be owner of event trigger %', trigger_name using errcode = '42501';
    end if;
end
$$;

create or replace function platform.alter_event_trigger(trigger_name text, state text)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform platform.assert_project_event_trigger(trigger_name);
    if state not in ('enable', 'disable', 'enable always', 'enable replica') then
        raise exception 'unsupported: alter event trigger … %', state using errcode = '0A000';
    end if;
    execute pg_catalog.format('alter event trigger %I %s', trigger_name, state);
end
$$;

create or replace function platform.drop_event_trigger(trigger_name text, if_exists boolean)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform platform.assert_project_event_trigger(trigger_name);
    execute pg_catalog.format(
        'drop event trigger %s %I',
        case when if_exists then 'if exists' else '' end,
        trigger_name
    );
end
$$;

revoke all on all functions in schema platform from public;
grant execute on function
    platform.create_event_trigger(text, text, text[], text, text),
    platform.alter_event_trigger(text, text),
    platform.drop_event_trigger(text, boolean)
to postgres;

-- Supabase refuses changes to its reserved roles inside the server; we look whether any happened. Settings
-- of a role (`alter role … set`) are open and not part of it.
create or replace function platform.reserved_roles()
returns text
language sql
stable
security definer
set search_path = ''
as $$
    with reserved as (
        select *
        from pg_catalog.pg_authid
        where rolname in ('anon', 'authenticated', 'service_role', 'authenticator', 'dashboard_user', 'pgbouncer')
            or rolname like 'supabase\_%'
    )
    select pg_catalog.md5(pg_catalog.concat(
        (
            select pg_catalog.string_agg(pg_catalog.to_jsonb(reserved)::text, ',' order by rolname)
            from reserved
        ),
        (
            select pg_catalog.string_agg(
                pg_catalog.concat_ws(' ', granted.rolname, membership.member::pg_catalog.regrole),
                ',' order by membership.oid
            )
            from pg_catalog.pg_auth_members as membership
            join reserved as granted on granted.oid = membership.roleid
        )
    ))
$$;
grant execute on function platform.reserved_roles() to postgres;

do $$
declare
    wanted record;
begin
    for wanted in
        select *
        from (values
            ('platform_lend_ownership', 'ddl_command_start', true, 'platform.lend_ownership'),
            ('platform_take_ownership_back', 'ddl_command_end', true, 'platform.take_ownership_back'),
            ('platform_check_dropped', 'sql_drop', true, 'platform.check_dropped'),
            ('pgrst_ddl_watch', 'ddl_command_end', false, 'extensions.pgrst_ddl_watch'),
            ('pgrst_drop_watch', 'sql_drop', false, 'extensions.pgrst_drop_watch')
        ) as trigger (name, event, owner_statements_only, function_name)
    loop
        if not exists (select from pg_catalog.pg_event_trigger where evtname = wanted.name) then
            execute format(
                'create event trigger %I on %s %s execute function %s()',
                wanted.name,
                wanted.event,
                case
                    when wanted.owner_statements_only
                    then 'when tag in (''CREATE POLICY'', ''ALTER POLICY'', ''DROP POLICY'', ''DROP TRIGGER'')'
                    else ''
                end,
                wanted.function_name
            );
        end if;
    end loop;
end
$$;
