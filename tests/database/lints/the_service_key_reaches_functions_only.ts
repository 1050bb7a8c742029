import { OURS, column, type Rule } from './rule.ts';

export const rule: Rule = {
    name: 'the_service_key_reaches_functions_only',
    level: 'ERROR',
    title: '[ISO-4] the service key has no right on any table: it calls functions',
    why: 'It passes over row-level security: with a right on a table, one mistake in an edge function opens every account.',
    remedy: 'Revoke it, and write a function in schema service that does the one thing.',
    find: (sql) =>
        column(sql`
            select c.oid::regclass::text
            from pg_class as c
            where c.relnamespace::regnamespace::text = any (${OURS})
              and c.relkind in ('r', 'p', 'v', 'm', 'S')
              and case c.relkind
                  when 'S' then has_sequence_privilege('service_role', c.oid, 'usage, select, update')
                  else has_any_column_privilege('service_role', c.oid, 'select, insert, update, references')
                      or has_table_privilege('service_role', c.oid, 'delete')
              end
        `),
    bad: `
        create table public.lint_example (account_id uuid primary key);
        grant select on public.lint_example to service_role;
    `,
    good: `
        create table public.lint_example (account_id uuid primary key);
        grant select on public.lint_example to authenticated;
    `
};
