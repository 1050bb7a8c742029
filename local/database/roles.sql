-- The roles of a hosted project and what each may do. Run by the superuser at every start; saying it
-- twice changes nothing.

do $$
declare
    wanted record;
begin
    for wanted in
        select *
        from (values
            ('anon', 'nologin inherit'),
            ('authenticated', 'nologin inherit'),
            ('service_role', 'nologin inherit bypassrls'),
            ('authenticator', 'login noinherit'),
            ('postgres', 'login inherit createdb createrole replication bypassrls'),
            ('supabase_auth_admin', 'login noinherit'),
            ('supabase_storage_admin', 'login noinherit createrole'),
            ('supabase_realtime_admin', 'nologin noinherit'),
            ('supabase_functions_admin', 'nologin noinherit'),
            ('supabase_replication_admin', 'login replication'),
            ('supabase_read_only_user', 'login bypassrls'),
            ('dashboard_user', 'nologin createdb createrole replication'),
            ('pgbouncer', 'nologin')
        ) as role (name, attributes)
    loop
        if not exists (select from pg_catalog.pg_roles where rolname = wanted.name) then
            execute format('create role %I %s', wanted.name, wanted.attributes);
        end if;
    end loop;
end
$$;

grant anon, authenticated, service_role to authenticator with inherit false, set true;
grant anon, authenticated, service_role to postgres with admin true, inherit true, set true;
grant pg_monitor, pg_read_all_data, pg_signal_backend to postgres with inherit true, set true;
grant pg_read_all_data to supabase_read_only_user;
-- Hosted lets postgres say `alter role authenticator set …` (pgrst.db_pre_request and the like) and no more.
grant authenticator to postgres with admin true, inherit false, set false;
grant authenticator to supabase_storage_admin with inherit false, set true;

alter role supabase_admin set search_path = "$user", public, auth, extensions;
alter role postgres set search_path = "$user", public, extensions;
alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
alter role authenticator set statement_timeout = '8s';
alter role authenticator set lock_timeout = '8s';
alter role supabase_auth_admin set search_path = auth;
alter role supabase_auth_admin set idle_in_transaction_session_timeout = '60s';
alter role supabase_storage_admin set search_path = storage;

-- Event triggers of a project stay silent while a superuser or a service role acts (as hosted).
alter role supabase_admin set event_triggers = off;
alter role supabase_auth_admin set event_triggers = off;
alter role supabase_storage_admin set event_triggers = off;

-- Settings for superusers that hosted opens to the owner.
grant set on parameter
    session_replication_role,
    log_min_messages,
    log_statement,
    log_min_duration_statement,
    track_io_timing,
    pgrst.db_pre_request,
    pgrst.db_schemas,
    pgrst.db_extra_search_path,
    pgrst.db_max_rows,
    pgrst.db_aggregates_enabled,
    pgrst.db_plan_enabled,
    pgrst.db_timezone_enabled,
    pgrst.openapi_mode,
    pgrst.jwt_aud
to postgres;

alter database postgres owner to postgres;
alter database postgres set statement_timeout = '2min';
grant create, connect, temporary on database postgres to postgres;
