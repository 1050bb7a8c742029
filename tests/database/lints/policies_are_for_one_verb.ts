import { policies } from './policies.ts';
import type { Rule } from './rule.ts';

export const rule: Rule = {
    name: 'policies_are_for_one_verb',
    level: 'WARN',
    title: '[ISO-1] every policy is for one verb',
    why: 'A policy for all verbs gives deleting to whoever was meant to read.',
    remedy: 'Write one policy each for select, insert, update and delete, as far as they are allowed.',
    find: async (sql) =>
        (await policies(sql)).filter(({ command }) => command === '*').map(({ object }) => object),
    bad: `
        create table public.lint_example (account_id uuid primary key);
        create policy "Example" on public.lint_example to authenticated using ((select private.session_is_live()));
    `,
    good: `
        create table public.lint_example (account_id uuid primary key);
        create policy "Example" on public.lint_example for delete to authenticated using ((select private.session_is_live()));
    `
};
