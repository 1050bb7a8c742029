-- No right more than is needed: beside what the matrix tries in public, what the API's roles may do to everything that is not
-- exposed, to sequences and schemas, and to whatever is made tomorrow. Each assertion states a rule.
select plan(12);

create temporary table ours as
select unnest(array['public', 'private', 'service', 'audit', 'billing', 'mail']) as schema_name;
create temporary table api_roles as
select unnest(array['anon', 'authenticated', 'service_role']) as role;
grant select on ours, api_roles to public;

------------------------------------------------------------------------------------------------------
-- Tables, sequences and policies
------------------------------------------------------------------------------------------------------

select is_empty(
    $$
        select c.oid::regclass, role, privilege
        from pg_class as c
        cross join api_roles
        cross join unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger', 'maintain']) as privilege
        where c.relnamespace::regnamespace::text in (select schema_name from ours where schema_name <> 'public')
          and c.relkind in ('r', 'p', 'v', 'm')
          and (
              has_table_privilege(role, c.oid, privilege)
              or privilege in ('select', 'insert', 'update', 'references') and has_any_column_privilege(role, c.oid, privilege)
          )
    $$,
    '[ISO-4] what is not exposed gives nobody any right on any table'
);
select is_empty(
    $$
        select c.oid::regclass, role, privilege
        from pg_class as c
        cross join api_roles
        cross join unnest(array['truncate', 'references', 'trigger', 'maintain']) as privilege
        where c.relnamespace = 'public'::regnamespace
          and c.relkind in ('r', 'p', 'v', 'm')
          and (has_table_privilege(role, c.oid, privilege) or privilege = 'references' and has_any_column_privilege(role, c.oid, privilege))
    $$,
    '[ISO-1] nobody truncates a table, refers to one, puts a trigger on it or maintains it'
);
select is_empty(
    $$
        select c.oid::regclass, role
        from pg_class as c
        cross join api_roles
        where c.relnamespace::regnamespace::text in (select schema_name from ours)
          and c.relkind = 'S'
          and has_sequence_privilege(role, c.oid, 'usage, select, update')
    $$,
    '[ISO-4] nobody counts along on a sequence'
);
select is_empty(
    $$
        select schemaname, tablename, policyname, roles
        from pg_policies
        where schemaname in (select schema_name from ours union all select 'storage')
          and roles <> array['authenticated']::name[]
          and not (schemaname = 'storage' and tablename = 'objects' and cmd = 'SELECT' and roles = array['anon']::name[])
    $$,
    '[ISO-1] a policy is for signed-in people, and one for the holder of a link'
);

------------------------------------------------------------------------------------------------------
-- Schemas and functions
------------------------------------------------------------------------------------------------------

select set_eq(
    $$
        select schema_name, role
        from ours
        cross join api_roles
        where has_schema_privilege(role, schema_name, 'usage')
    $$,
    $$
        values
            ('public', 'anon'), ('public', 'authenticated'), ('public', 'service_role'),
            ('private', 'anon'), ('private', 'authenticated'), ('private', 'service_role'), ('service', 'service_role')
    $$,
    '[ISO-4] a role reaches into public, into private for what policies ask, and the edge functions into service'
);
select is_empty(
    $$select schema_name, role from ours cross join api_roles where has_schema_privilege(role, schema_name, 'create')$$,
    '[ISO-4] nobody makes anything of their own in a schema of ours'
);

-- Who may run what.
create temporary table runs as
select
    p.oid,
    n.nspname || '.' || p.proname as name,
    n.nspname as schema_name,
    p.prosecdef as definer,
    p.prosrc as body,
    role,
    p.prorettype in ('trigger'::regtype, 'event_trigger'::regtype) as is_trigger,
    has_function_privilege(role, p.oid, 'execute') as may
from pg_proc as p
join pg_namespace as n on n.oid = p.pronamespace
cross join api_roles
where n.nspname in (select schema_name from ours);

select is_empty(
    $$
        select p.oid::regprocedure
        from pg_proc as p
        cross join aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as acl
        where p.pronamespace::regnamespace::text in (select schema_name from ours)
          and acl.grantee = 0
    $$,
    '[ISO-4] no function is for everybody'
);
select is_empty(
    $$
        select oid::regprocedure, role
        from runs
        where may
          and (
              is_trigger
              or schema_name in ('audit', 'billing', 'mail')
              or schema_name = 'service' and role <> 'service_role'
              or schema_name = 'public' and role = 'service_role'
              or schema_name = 'public' and role = 'anon' and name not in ('public.portal_invoice', 'public.invitation', 'public.audit_anchors')
          )
    $$,
    '[ISO-4] functions are run by those they are for: service by edge functions, public by people, triggers and the rest by nobody'
);

-- In private a right to run is there because something that the role itself runs asks for it: a policy, a check, a default,
-- or a function with the caller's rights. The words of all that, role by role, are looked through for the function's name.
create temporary table asked as
select role, string_agg(body, ' ') as words
from (
    select role, body from runs where may and not definer
    union all
    select role, concat_ws(' ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
    from pg_policy as p
    join api_roles on api_roles.role::regrole = any (p.polroles)
    union all
    select 'authenticated', pg_get_expr(d.adbin, d.adrelid)
    from pg_attrdef as d
    join pg_class as c on c.oid = d.adrelid
    where c.relnamespace = 'public'::regnamespace
      and has_any_column_privilege('authenticated', c.oid, 'insert')
    union all
    select 'authenticated', pg_get_constraintdef(k.oid)
    from pg_constraint as k
    where k.contype = 'c'
      and k.connamespace = 'public'::regnamespace
      and has_any_column_privilege('authenticated', k.conrelid, 'insert, update')
    union all
    -- A trigger with the writer's rights.
    select 'authenticated', p.prosrc
    from pg_trigger as t
    join pg_class as c on c.oid = t.tgrelid
    join pg_proc as p on p.oid = t.tgfoid
    where c.relnamespace = 'public'::regnamespace and not p.prosecdef
    union all
    -- The one that the Data API runs before every request.
    select role, split_part(setting, '=', 2) || '()'
    from pg_db_role_setting
    cross join unnest(setconfig) as setting
    cross join api_roles
    where setting like 'pgrst.db_pre_request=%'
) as source (role, body)
group by role;

select is_empty(
    $$
        select runs.oid::regprocedure, runs.role
        from runs
        left join asked on asked.role = runs.role
        where runs.schema_name = 'private'
          and runs.may
          and coalesce(asked.words, '') !~ ('(?n)\m' || replace(runs.name, '.', '\.') || '\(')
    $$,
    '[ISO-4] nobody may run a helper that nothing of theirs asks for'
);

------------------------------------------------------------------------------------------------------
-- What is made tomorrow
------------------------------------------------------------------------------------------------------

do $$
declare
    room text;
begin
    for room in select schema_name from ours loop
        execute format('create table %I.tomorrow (id int, secret text)', room);
        execute format('create sequence %I.tomorrow_numbers', room);
        execute format('create function %I.tomorrow() returns int language sql as ''select 1''', room);
        execute format('create domain %I.tomorrows as int', room);
    end loop;
end
$$;
select is_empty(
    $$
        select schema_name, role, privilege
        from ours
        cross join api_roles
        cross join unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger', 'maintain']) as privilege
        where has_table_privilege(role, format('%I.tomorrow', schema_name), privilege)
    $$,
    '[ISO-2] a new table is for nobody, in whichever schema it is made'
);
select is_empty(
    $$
        select schema_name, role
        from ours
        cross join api_roles
        where has_function_privilege(role, format('%I.tomorrow()', schema_name), 'execute')
           or has_sequence_privilege(role, format('%I.tomorrow_numbers', schema_name), 'usage, select, update')
    $$,
    '[ISO-2] so is a new function, and a new sequence'
);
select is_empty(
    $$
        select schema_name, role
        from ours
        cross join api_roles
        where has_type_privilege(role, format('%I.tomorrows', schema_name), 'usage')
    $$,
    '[ISO-2] and a new type'
);
select * from finish();
