import { policies } from './policies.ts';
import type { Rule } from './rule.ts';

export const rule: Rule = {
    name: 'policies_ask_who_it_is',
    level: 'ERROR',
    title: '[ISO-1] every condition of every policy asks who it is',
    why: 'A condition that asks nobody, such as true, opens the table to everybody who is signed in.',
    remedy: 'Ask private.accounts_with(…), or private.session_is_live() where everybody may see the same.',
    find: async (sql) =>
        (await policies(sql))
            .filter(({ terms }) => terms.some(({ calls }) => calls.length === 0))
            .map(({ object }) => object),
    bad: `
        create table public.lint_example (account_id uuid primary key, is_public boolean);
        create policy "Example" on public.lint_example for select to authenticated using (is_public);
    `,
    good: `
        create table public.lint_example (account_id uuid primary key, is_public boolean);
        create policy "Example" on public.lint_example for select to authenticated
            using (is_public and (select private.session_is_live()));
    `
};
