import { OURS, column, type Rule } from './rule.ts';

export const rule: Rule = {
    name: 'functions_search_nowhere',
    level: 'ERROR',
    title: '[ISO-4] every function of ours fixes its search_path to nothing',
    why: 'Otherwise its caller says which table or function a name in it means, with the rights of the function.',
    remedy: "set search_path = '' and names with their schemas.",
    find: (sql) =>
        column(sql`
            select p.oid::regprocedure::text
            from pg_proc as p
            where p.pronamespace::regnamespace::text = any (${OURS})
              and not coalesce(p.proconfig, '{}') @> array['search_path=""']
        `),
    bad: `create function private.lint_example() returns integer language sql set search_path = public as 'select 1';`,
    good: `create function private.lint_example() returns integer language sql set search_path = '' as 'select 1';`
};
