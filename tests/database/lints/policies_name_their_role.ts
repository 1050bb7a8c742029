import { policies } from './policies.ts';
import type { Rule } from './rule.ts';

export const rule: Rule = {
    name: 'policies_name_their_role',
    level: 'ERROR',
    title: '[ISO-1] every policy names the roles it is for, and none is for everybody',
    why: 'A policy without "to" is asked for, and opens to, every role there is, anonymous visitors among them.',
    remedy: 'Write "to authenticated". Whoever is not signed in reads through functions that check a token.',
    find: async (sql) =>
        (await policies(sql))
            .filter(({ roles }) => roles.join() !== 'authenticated')
            .map(({ object }) => object),
    excused: {
        'storage.objects "Whoever holds a live link reads the PDF of that invoice"':
            'A customer has no login: the token of the private link is the right, and opens one file.'
    },
    bad: `
        create table public.lint_example (account_id uuid primary key);
        create policy "Example" on public.lint_example for select using ((select private.session_is_live()));
    `,
    good: `
        create table public.lint_example (account_id uuid primary key);
        create policy "Example" on public.lint_example for select to authenticated using ((select private.session_is_live()));
    `
};
