import { API_ROLES, OURS, column, type Rule } from './rule.ts';

export const rule: Rule = {
    name: 'unexposed_tables_are_unreachable',
    level: 'ERROR',
    title: '[ISO-4] the API’s roles have no right on any table that is not in public',
    why: 'Schemas that are not exposed today may be tomorrow, and storage and functions run statements as these roles.',
    remedy: "Revoke it; read through a function with its owner's rights that is on the reviewed list.",
    find: (sql) =>
        column(sql`
            select c.oid::regclass || ' to ' || role
            from pg_class as c, unnest(${API_ROLES}::text[]) as role
            where c.relnamespace::regnamespace::text = any (${OURS.filter((schema) => schema !== 'public')})
              and c.relkind in ('r', 'p', 'v', 'm', 'S')
              and case c.relkind
                  when 'S' then has_sequence_privilege(role, c.oid, 'usage, select, update')
                  else has_any_column_privilege(role, c.oid, 'select, insert, update, references')
                      or has_table_privilege(role, c.oid, 'delete')
              end
        `),
    bad: `
        create table private.lint_example (id uuid primary key);
        grant select on private.lint_example to authenticated;
    `,
    good: `create table private.lint_example (id uuid primary key);`
};
