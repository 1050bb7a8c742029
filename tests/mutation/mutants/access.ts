// Mutants of who may reach what: policies, row-level security itself, grants and what is granted by default.
import type { ISql } from 'postgres';
import { OURS, ROLES } from '../mutant.ts';
import type { Mutant } from '../mutant.ts';

const GUARDED = [...OURS, 'storage'];

/** Every policy: dropped, made true, for everybody, without its check where that is the stronger half. */
export const policies = (sql: ISql): PromiseLike<Mutant[]> => sql<Mutant[]>`
    with policy as (
        select
            p.polname as name,
            p.polrelid::regclass::text as on_table,
            n.nspname || '.' || c.relname as table_name,
            p.polpermissive as permissive,
            p.polcmd as verb,
            pg_get_expr(p.polqual, p.polrelid) as using_terms,
            pg_get_expr(p.polwithcheck, p.polrelid) as check_terms
        from pg_policy as p
        join pg_class as c on c.oid = p.polrelid
        join pg_namespace as n on n.oid = c.relnamespace
        where n.nspname = any (${GUARDED})
    )
    select
        'policy' as kind,
        format('%s: %s', table_name, name) as object,
        mutation.what,
        mutation.sql,
        table_name as table,
        array[name, split_part(table_name, '.', 2)] as words
    from policy,
        lateral (
            values
                ('dropped', format('drop policy %I on %s', name, on_table)),
                ('using is true', case when using_terms is not null then format('alter policy %I on %s using (true)', name, on_table) end),
                ('with check is true', case when check_terms is not null then format('alter policy %I on %s with check (true)', name, on_table) end),
                (
                    'with check left out',
                    case when verb in ('w', '*') and check_terms <> using_terms then format(
                        'drop policy %1$I on %2$s; create policy %1$I on %2$s as %3$s for %4$s to authenticated using (%5$s)',
                        name, on_table,
                        case when permissive then 'permissive' else 'restrictive' end,
                        case verb when 'w' then 'update' else 'all' end,
                        using_terms
                    ) end
                ),
                ('for everybody', case when permissive then format('alter policy %I on %s to public', name, on_table) end)
        ) as mutation (what, sql)
    where mutation.sql is not null
    order by object, what
`;

/** Every table: row-level security no longer enabled, no longer forced. */
export const rowLevelSecurity = (sql: ISql): PromiseLike<Mutant[]> => sql<Mutant[]>`
    select
        'row-level security' as kind,
        n.nspname || '.' || c.relname as object,
        mutation.what,
        format('alter table %s %s', c.oid::regclass, mutation.clause) as sql,
        n.nspname || '.' || c.relname as table,
        array[c.relname::text] as words
    from pg_class as c
    join pg_namespace as n on n.oid = c.relnamespace,
        lateral (
            values
                ('disabled', 'disable row level security', c.relrowsecurity),
                ('not forced', 'no force row level security', c.relforcerowsecurity)
        ) as mutation (what, clause, stands)
    where n.nspname = any (${OURS})
      and c.relkind in ('r', 'p')
      and mutation.stands
    order by object, what
`;

/** Every right that the API's roles do not have: on tables, columns, sequences, functions and schemas. */
export async function grants(sql: ISql): Promise<Mutant[]> {
    const tables = await sql<Mutant[]>`
        select
            'table grant' as kind,
            n.nspname || '.' || c.relname as object,
            format('%s to %s', privilege, role) as what,
            format('grant %s on %s to %I', privilege, c.oid::regclass, role) as sql,
            n.nspname || '.' || c.relname as table,
            array[c.relname::text] as words
        from pg_class as c
        join pg_namespace as n on n.oid = c.relnamespace,
            unnest(${ROLES}::text[]) as role,
            unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger', 'maintain']) as privilege
        where n.nspname = any (${OURS})
          and c.relkind in ('r', 'p', 'v', 'm')
          and not has_table_privilege(role, c.oid, privilege)
        order by object, what
    `;
    // Where a role has the right on some columns, each of the others is a mutant of its own.
    const columns = await sql<Mutant[]>`
        select
            'column grant' as kind,
            format('%s.%s.%s', n.nspname, c.relname, a.attname) as object,
            format('%s to %s', privilege, role) as what,
            format('grant %s (%I) on %s to %I', privilege, a.attname, c.oid::regclass, role) as sql,
            n.nspname || '.' || c.relname as table,
            array[c.relname, a.attname]::text[] as words
        from pg_class as c
        join pg_namespace as n on n.oid = c.relnamespace
        join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped,
            unnest(${ROLES}::text[]) as role,
            unnest(array['select', 'insert', 'update']) as privilege
        where n.nspname = any (${OURS})
          and c.relkind in ('r', 'p', 'v', 'm')
          and has_any_column_privilege(role, c.oid, privilege)
          and not has_column_privilege(role, c.oid, a.attnum, privilege)
        order by object, what
    `;
    const sequences = await sql<Mutant[]>`
        select
            'sequence grant' as kind,
            n.nspname || '.' || c.relname as object,
            format('%s to %s', privilege, role) as what,
            format('grant %s on sequence %s to %I', privilege, c.oid::regclass, role) as sql,
            null as table,
            array[c.relname::text] as words
        from pg_class as c
        join pg_namespace as n on n.oid = c.relnamespace,
            unnest(${ROLES}::text[]) as role,
            unnest(array['usage', 'select', 'update']) as privilege
        where n.nspname = any (${OURS})
          and c.relkind = 'S'
          and not has_sequence_privilege(role, c.oid, privilege)
        order by object, what
    `;
    const functions = await sql<Mutant[]>`
        select
            'function grant' as kind,
            p.oid::regprocedure::text as object,
            format('execute to %s', role) as what,
            format('grant execute on function %s to %s', p.oid::regprocedure, role) as sql,
            null as table,
            array[p.proname::text] as words
        from pg_proc as p
        join pg_namespace as n on n.oid = p.pronamespace,
            unnest(${[...ROLES, 'public']}::text[]) as role
        where n.nspname = any (${OURS})
          and case role
              when 'public' then not exists (
                  select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as acl where acl.grantee = 0
              )
              else not has_function_privilege(role, p.oid, 'execute')
          end
        order by object, what
    `;
    const schemas = await sql<Mutant[]>`
        select
            'schema grant' as kind,
            n.nspname::text as object,
            format('%s to %s', privilege, role) as what,
            format('grant %s on schema %I to %I', privilege, n.nspname, role) as sql,
            null as table,
            array[n.nspname::text] as words
        from pg_namespace as n,
            unnest(${ROLES}::text[]) as role,
            unnest(array['usage', 'create']) as privilege
        where n.nspname = any (${OURS})
          and not has_schema_privilege(role, n.oid, privilege)
        order by object, what
    `;
    return [...tables, ...columns, ...sequences, ...functions, ...schemas];
}

/** What a thing made tomorrow would give away: each right by default, to each role and to everybody, in each schema of ours. */
export const defaultPrivileges = (sql: ISql): PromiseLike<Mutant[]> => sql<Mutant[]>`
    select
        'default privileges' as kind,
        coalesce('in ' || n.nspname, 'in every schema') as object,
        format('%s on %s to %s', right_to.privilege, right_to.kind, role) as what,
        format(
            'alter default privileges for role postgres %s grant %s on %s to %s',
            coalesce('in schema ' || quote_ident(n.nspname), ''), right_to.privilege, right_to.kind, role
        ) as sql,
        null as table,
        array['born'] as words
    from (select nspname::text from pg_namespace where nspname = any (${OURS}) union all select null) as n (nspname),
        unnest(${[...ROLES, 'public']}::text[]) as role,
        (values ('select', 'tables'), ('execute', 'functions'), ('usage', 'sequences'), ('usage', 'types')) as right_to (privilege, kind)
    order by object, what
`;
