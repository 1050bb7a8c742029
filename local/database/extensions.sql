-- Extensions that a hosted project has and this server can't load: their interface is our SQL, and the
-- catalogue lists them, so that `create extension if not exists` in a migration finds them.

create or replace function platform.register_extension(extension_name text, schema_name text, version text)
returns void
language plpgsql
set search_path = ''
as $$
begin
    if exists (select from pg_catalog.pg_extension where extname = extension_name) then
        return;
    end if;
    set local allow_system_table_mods = on;
    insert into pg_catalog.pg_extension
        (oid, extname, extowner, extnamespace, extrelocatable, extversion, extconfig, extcondition)
    values (
        pg_catalog.pg_nextoid('pg_catalog.pg_extension', 'oid', 'pg_catalog.pg_extension_oid_index'),
        extension_name,
        'supabase_admin'::pg_catalog.regrole,
        schema_name::pg_catalog.regnamespace,
        false,
        version,
        null,
        null
    );
end
$$;
