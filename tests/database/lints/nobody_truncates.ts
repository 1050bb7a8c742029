import { API_ROLES, OURS, column, type Rule } from './rule.ts';

export const rule: Rule = {
    name: 'nobody_truncates',
    level: 'ERROR',
    title: '[ISO-2] nobody may truncate, refer to, put triggers on or maintain a table of ours',
    why: 'Truncate asks no policy and fires no row trigger; the others let a role see, delay or run code on rows that it may not read.',
    remedy: 'revoke truncate, references, trigger, maintain on … from anon, authenticated, service_role, public.',
    find: (sql) =>
        column(sql`
            select c.oid::regclass || ': ' || privilege || ' to ' || role
            from pg_class as c,
                 unnest(${[...API_ROLES, 'public']}::text[]) as role,
                 unnest(array['truncate', 'references', 'trigger', 'maintain']) as privilege
            where c.relnamespace::regnamespace::text = any (${OURS})
              and c.relkind in ('r', 'p', 'v', 'm')
              and has_table_privilege(role, c.oid, privilege)
        `),
    bad: `
        create table public.lint_example (account_id uuid primary key);
        grant truncate on public.lint_example to service_role;
    `,
    good: `
        create table public.lint_example (account_id uuid primary key);
        grant select, insert on public.lint_example to authenticated;
    `
};
