import { column, type Rule } from './rule.ts';

export const rule: Rule = {
    name: 'states_close_every_table',
    level: 'ERROR',
    title: '[ADM-4] every table of an account is closed, verb by verb, where the state of the account forbids it',
    why: 'The restrictive policies alone ask for the state of the account: a table without them stays open to a suspended one.',
    remedy: "select private.close_when_state_forbids('public.…');",
    find: (sql) =>
        column(sql`
            select c.oid::regclass || ': ' || verb.name
            from pg_class as c
            cross join (values ('r', 'select'), ('a', 'insert'), ('w', 'update'), ('d', 'delete')) as verb (command, name)
            where c.relnamespace = 'public'::regnamespace
              and c.relkind in ('r', 'p')
              and not exists (
                  select
                  from pg_policy as p
                  where p.polrelid = c.oid
                    and not p.polpermissive
                    and p.polcmd = verb.command::"char"
                    and p.polroles = array['authenticated'::regrole::oid]
                    and not exists (
                        select
                        from unnest(array[pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)]) as term
                        where position(
                            'private.accounts_that_allow(''member_' || case verb.command when 'r' then 'reads' else 'writes' end || ''''
                            in term
                        ) = 0
                    )
              )
        `),
    excused: Object.fromEntries(
        ['select', 'insert', 'update', 'delete'].map((verb) => [
            `permissions: ${verb}`,
            'The list of what a role can allow belongs to no account.'
        ])
    ),
    bad: `
        create table public.lint_example (account_id uuid primary key);
        select private.close_when_state_forbids('public.lint_example');
        drop policy "The state of the account must allow deleting" on public.lint_example;
    `,
    good: `
        create table public.lint_example (account_id uuid primary key);
        select private.close_when_state_forbids('public.lint_example');
    `
};
