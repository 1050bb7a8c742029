import { OURS, column, type Rule } from './rule.ts';

export const rule: Rule = {
    name: 'views_ask_as_their_reader',
    level: 'ERROR',
    title: '[ISO-4] every view asks with the rights of whoever reads it',
    why: "A view otherwise reads as its owner, who passes over row-level security; a materialized one keeps everybody's rows.",
    remedy: 'create view … with (security_invoker = true). In place of a materialized view: a table with policies.',
    find: (sql) =>
        column(sql`
            select c.oid::regclass::text
            from pg_class as c
            where c.relnamespace::regnamespace::text = any (${OURS})
              and (
                  c.relkind = 'm'
                  or c.relkind = 'v' and not coalesce(c.reloptions, '{}') && array['security_invoker=true', 'security_invoker=on']
              )
        `),
    bad: `create view public.lint_example as select id from public.invoices;`,
    good: `create view public.lint_example with (security_invoker = true) as select id from public.invoices;`
};
