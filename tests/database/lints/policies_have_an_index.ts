import { OURS, column, type Rule } from './rule.ts';

export const rule: Rule = {
    name: 'policies_have_an_index',
    level: 'WARN',
    title: 'behind the policies of every table stands an index that starts with the account',
    why: 'Every statement on the table is about one account: without such an index it reads the rows of all of them.',
    remedy: 'Begin the primary key with account_id, or add an index that does and that leaves no row out.',
    find: (sql) =>
        column(sql`
            select c.oid::regclass::text
            from pg_class as c
            join pg_attribute as a on a.attrelid = c.oid and a.attname = 'account_id'
            where c.relnamespace::regnamespace::text = any (${OURS})
              and c.relkind in ('r', 'p')
              and exists (select from pg_policy as p where p.polrelid = c.oid)
              and not exists (
                  select
                  from pg_index as i
                  where i.indrelid = c.oid
                    and i.indisvalid
                    and i.indpred is null
                    and i.indkey[0] = a.attnum
              )
        `),
    bad: `
        create table public.lint_example (account_id uuid not null, id uuid primary key);
        create index on public.lint_example (account_id) where id is null;
        create policy "Example" on public.lint_example for select to authenticated using ((select private.session_is_live()));
    `,
    good: `
        create table public.lint_example (account_id uuid not null, id uuid not null, primary key (account_id, id));
        create policy "Example" on public.lint_example for select to authenticated using ((select private.session_is_live()));
    `
};
