import { policies } from './policies.ts';
import type { Rule } from './rule.ts';

export const rule: Rule = {
    name: 'policies_call_no_function_on_a_column',
    level: 'ERROR',
    title: '[ISO-1] no policy calls a function on a column',
    why: 'It runs for every row of every account, no index can answer it, and an error or a notice in it tells of rows that it hides.',
    remedy: 'Compare the column with the answer of a function that is asked once: nullif(account_id = any ((select private.accounts_with(…))::uuid[]), false) is not unknown.',
    find: async (sql) =>
        (await policies(sql))
            .filter(({ terms }) => terms.some(({ calls }) => calls.some(({ onAColumn }) => onAColumn)))
            .map(({ object }) => object),
    bad: `
        create table public.lint_example (account_id uuid primary key);
        create policy "Example" on public.lint_example for select to authenticated
            using (public.has_permission(account_id, 'jobs.read'));
    `,
    good: `
        create table public.lint_example (account_id uuid primary key);
        create policy "Example" on public.lint_example for select to authenticated
            using (nullif(account_id = any ((select private.accounts_with('jobs.read'))::uuid[]), false) is not unknown);
    `
};
