import { OURS, column, type Rule } from './rule.ts';

export const rule: Rule = {
    name: 'foreign_keys_have_an_index',
    level: 'WARN',
    title: 'behind every foreign key stands an index that starts with its columns',
    why: 'Changing or deleting the row that it points at looks for those that point there, and without an index reads them all.',
    remedy: 'Add an index whose first columns are those of the key and that leaves no row out.',
    find: (sql) =>
        column(sql`
            select f.conrelid::regclass || ' ' || f.conname
            from pg_constraint as f
            where f.contype = 'f'
              and f.conparentid = 0
              and f.connamespace::regnamespace::text = any (${OURS})
              and not exists (
                  select
                  from pg_index as i
                  where i.indrelid = f.conrelid
                    and i.indisvalid
                    and i.indpred is null
                    and (i.indkey::int2[])[0:array_length(f.conkey, 1) - 1] @> f.conkey
              )
        `),
    excused: {
        'accounts accounts_state_fkey': 'The states are four fixed rows, whose names never change.',
        'private.role_template role_template_permission_fkey': 'The template is a page of fixed rows.'
    },
    bad: `
        create table public.lint_parent (account_id uuid, id uuid, primary key (account_id, id));
        create table public.lint_example (account_id uuid, id uuid, parent_id uuid, primary key (account_id, id),
            foreign key (account_id, parent_id) references public.lint_parent);
    `,
    good: `
        create table public.lint_parent (account_id uuid, id uuid, primary key (account_id, id));
        create table public.lint_example (account_id uuid, id uuid, parent_id uuid, primary key (account_id, id),
            foreign key (account_id, parent_id) references public.lint_parent);
        create index on public.lint_example (account_id, parent_id, id);
    `
};
