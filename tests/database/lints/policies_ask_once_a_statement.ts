import { policies } from './policies.ts';
import type { Rule } from './rule.ts';

export const rule: Rule = {
    name: 'policies_ask_once_a_statement',
    level: 'ERROR',
    title: '[ISO-1] every function in a policy is asked once per statement, auth.uid() too',
    why: 'A call that stands in no query of its own is made for every row: a thousand rows, a thousand times the token is read.',
    remedy: 'Write (select auth.uid()), (select private.accounts_with(…)): Postgres then asks before the first row.',
    find: async (sql) =>
        (await policies(sql)).flatMap(({ object, terms }) =>
            terms
                .flatMap(({ calls }) => calls.filter(({ perRow }) => perRow))
                .map(({ name }) => `${object}: ${name}`)
        ),
    bad: `
        create table public.lint_example (account_id uuid primary key, created_by uuid);
        create policy "Example" on public.lint_example for select to authenticated using (created_by = auth.uid());
    `,
    good: `
        create table public.lint_example (account_id uuid primary key, created_by uuid);
        create policy "Example" on public.lint_example for select to authenticated using (created_by = (select auth.uid()));
    `
};
