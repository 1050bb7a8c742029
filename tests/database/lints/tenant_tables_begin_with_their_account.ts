import { column, type Rule } from './rule.ts';

export const rule: Rule = {
    name: 'tenant_tables_begin_with_their_account',
    level: 'ERROR',
    title: '[ISO-3] every exposed table begins with its account, and its key does',
    why: 'What belongs to an account is found, referred to and distributed by it; a table without it has no tenant boundary.',
    remedy: 'account_id uuid not null first, and primary key (account_id, id).',
    find: (sql) =>
        column(sql`
            select c.oid::regclass::text
            from pg_class as c
            where c.relnamespace = 'public'::regnamespace
              and c.relkind in ('r', 'p')
              and not exists (
                  select
                  from pg_attribute as a
                  join pg_index as i on i.indrelid = a.attrelid and i.indisprimary and i.indkey[0] = a.attnum
                  where a.attrelid = c.oid
                    and a.attname = 'account_id'
                    and a.attnum = 1
                    and a.attnotnull
              )
        `),
    excused: {
        accounts: 'An account is what the others belong to: its id is the account_id.',
        permissions: "The list of what a role can allow is everybody's."
    },
    bad: `create table public.lint_example (id uuid primary key, account_id uuid not null);`,
    good: `create table public.lint_example (account_id uuid, id uuid, primary key (account_id, id));`
};
