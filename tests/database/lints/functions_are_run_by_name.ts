import { OURS, column, type Rule } from './rule.ts';

export const rule: Rule = {
    name: 'functions_are_run_by_name',
    level: 'ERROR',
    title: '[ISO-4] no function of ours may be run by everybody, and those for edge functions by nobody else',
    why: 'Postgres lets everybody run a new function unless that is taken away; one in service acts with the rights of the project.',
    remedy: 'revoke execute on function … from public; grant execute … to the one role that calls it.',
    find: (sql) =>
        column(sql`
            select p.oid::regprocedure || ' by everybody'
            from pg_proc as p
            where p.pronamespace::regnamespace::text = any (${OURS})
              and exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as acl where acl.grantee = 0)
            union all
            select p.oid::regprocedure || ' by ' || role
            from pg_proc as p, unnest(array['anon', 'authenticated']) as role
            where p.pronamespace = 'service'::regnamespace
              and has_function_privilege(role, p.oid, 'execute')
        `),
    bad: `
        create function private.lint_example() returns integer language sql set search_path = '' as 'select 1';
        grant execute on function private.lint_example() to public;
    `,
    good: `
        create function private.lint_example() returns integer language sql set search_path = '' as 'select 1';
        grant execute on function private.lint_example() to authenticated;
    `
};
