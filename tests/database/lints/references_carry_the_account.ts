import { OURS, column, type Rule } from './rule.ts';

export const rule: Rule = {
    name: 'references_carry_the_account',
    level: 'ERROR',
    title: '[ISO-3] every reference to a row of an account carries the account',
    why: 'A reference by id alone can point at a row of another account, and its error tells that the row exists.',
    remedy: 'foreign key (account_id, …_id) references … (account_id, id).',
    find: (sql) =>
        column(sql`
            select f.conrelid::regclass || ' ' || f.conname
            from pg_constraint as f
            join pg_attribute as theirs on theirs.attrelid = f.confrelid and theirs.attname = 'account_id'
            left join pg_attribute as ours on ours.attrelid = f.conrelid and ours.attname = 'account_id'
            where f.contype = 'f'
              and f.connamespace::regnamespace::text = any (${OURS})
              and (f.conkey[1] is distinct from ours.attnum or f.confkey[1] <> theirs.attnum)
        `),
    bad: `
        create table public.lint_parent (account_id uuid, id uuid unique, primary key (account_id, id));
        create table public.lint_example (account_id uuid, id uuid, parent_id uuid references public.lint_parent (id),
            primary key (account_id, id));
    `,
    good: `
        create table public.lint_parent (account_id uuid, id uuid, primary key (account_id, id));
        create table public.lint_example (account_id uuid, id uuid, parent_id uuid, primary key (account_id, id),
            foreign key (account_id, parent_id) references public.lint_parent (account_id, id));
    `
};
