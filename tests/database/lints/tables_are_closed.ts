import { OURS, column, type Rule } from './rule.ts';

export const rule: Rule = {
    name: 'tables_are_closed',
    level: 'ERROR',
    title: '[ISO-2] row-level security is enabled and forced on every table of ours',
    why: "Without it a grant alone opens every row; without force the policies don't bind the owner, as whom functions run.",
    remedy: 'alter table … enable row level security, force row level security. An event trigger does so at birth: who undid it?',
    find: (sql) =>
        column(sql`
            select c.oid::regclass::text
            from pg_class as c
            where c.relnamespace::regnamespace::text = any (${OURS})
              and c.relkind in ('r', 'p')
              and not (c.relrowsecurity and c.relforcerowsecurity)
        `),
    bad: `
        create table public.lint_example (account_id uuid primary key);
        alter table public.lint_example no force row level security;
    `,
    good: `create table public.lint_example (account_id uuid primary key);`
};
