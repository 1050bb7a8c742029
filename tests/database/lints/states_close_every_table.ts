import { column, type Rule } from './rule.ts';

export const rule: Rule = {
    name: 'states_close_every_table',
    level: 'ERROR',
    title: '[ADM-4] every table of an account is closed, verb by verb, where the state of the account forbids it',
    why: 'A permission counts only where the state of the account allows what it is for: a policy that does not begin by asking for one, or lets write by one for reading, stays open to a suspended account.',
    remedy: 'Begin every condition with nullif(account_id = any ((select private.accounts_with(…))::uuid[]), false) is not unknown, and join others with "and"; where rows are written, ask for a permission to write.',
    find: (sql) =>
        column(sql`select distinct on_table || ' "' || name || '"' from private.careless_policies`),
    bad: `
        create table public.lint_example (account_id uuid primary key);
        create policy "Example" on public.lint_example for update to authenticated
            using (nullif(account_id = any ((select private.accounts_with('jobs.read'))::uuid[]), false) is not unknown);
    `,
    good: `
        create table public.lint_example (account_id uuid primary key);
        create policy "Example" on public.lint_example for update to authenticated
            using (nullif(account_id = any ((select private.accounts_with('jobs.write'))::uuid[]), false) is not unknown);
    `
};
