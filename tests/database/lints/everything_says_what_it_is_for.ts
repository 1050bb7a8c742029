import { OURS, column, type Rule } from './rule.ts';

export const rule: Rule = {
    name: 'everything_says_what_it_is_for',
    level: 'WARN',
    title: 'every schema, table, view, function and policy of ours says what it is for',
    why: 'The comments are the reference that the security page and the next developer read.',
    remedy: "comment on … is '…'.",
    find: (sql) =>
        column(sql`
            select c.oid::regclass::text
            from pg_class as c
            where c.relnamespace::regnamespace::text = any (${OURS})
              and c.relkind in ('r', 'p', 'v', 'm')
              and obj_description(c.oid, 'pg_class') is null
            union all
            select p.oid::regprocedure::text
            from pg_proc as p
            where p.pronamespace::regnamespace::text = any (${OURS})
              and obj_description(p.oid, 'pg_proc') is null
            union all
            select p.polrelid::regclass || ' "' || p.polname || '"'
            from pg_policy as p
            join pg_class as c on c.oid = p.polrelid
            where c.relnamespace::regnamespace::text = any (${OURS})
              and obj_description(p.oid, 'pg_policy') is null
            union all
            select 'schema ' || n.nspname
            from pg_namespace as n
            where n.nspname = any (${OURS})
              and obj_description(n.oid, 'pg_namespace') is null
        `),
    bad: `create table public.lint_example (account_id uuid primary key);`,
    good: `
        create table public.lint_example (account_id uuid primary key);
        comment on table public.lint_example is 'An example.';
    `
};
