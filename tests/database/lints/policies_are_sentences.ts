import { policies } from './policies.ts';
import type { Rule } from './rule.ts';

export const rule: Rule = {
    name: 'policies_are_sentences',
    level: 'WARN',
    title: 'every policy is named by a sentence',
    why: 'The name is what the security page shows to the public and what somebody reads at three in the morning.',
    remedy: 'Say who may do what to which rows: "Members who may read invoices see their account\'s invoices".',
    find: async (sql) =>
        (await policies(sql))
            .map(({ object }) => object)
            .filter((object) => !/ "[A-Z][a-z]+( [\w',]+){4,}"$/.test(object)),
    bad: `
        create table public.lint_example (account_id uuid primary key);
        create policy lint_example_select on public.lint_example for select to authenticated
            using ((select private.session_is_live()));
    `,
    good: `
        create table public.lint_example (account_id uuid primary key);
        create policy "Whoever is signed in sees the examples" on public.lint_example for select to authenticated
            using ((select private.session_is_live()));
    `
};
