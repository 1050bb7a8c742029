import { OURS, column, type Rule } from './rule.ts';

export const rule: Rule = {
    name: 'times_carry_their_zone',
    level: 'ERROR',
    title: 'times are timestamptz, dates are dates, and their names say which',
    why: 'A timestamp without a zone is an hour wrong for half of the year.',
    remedy: 'timestamptz …_at (or …_until, …_after, …_before, for an end or a beginning); date …_on.',
    find: (sql) =>
        column(sql`
            select a.attrelid::regclass || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
            from pg_attribute as a
            join pg_class as c on c.oid = a.attrelid
            where c.relnamespace::regnamespace::text = any (${OURS})
              and c.relkind in ('r', 'p')
              and a.attnum > 0
              and not a.attisdropped
              and (
                  a.atttypid in ('timestamp'::regtype, 'time'::regtype, 'timetz'::regtype)
                  or (a.atttypid = 'timestamptz'::regtype) <> (a.attname ~ '_(at|until|after|before)$')
                  or (a.atttypid = 'date'::regtype) <> (a.attname ~ '_on$')
              )
        `),
    excused: {
        'audit.anchors.at timestamp with time zone': "The field's name in the signed statement."
    },
    bad: `create table public.lint_example (account_id uuid primary key, paid_at timestamp);`,
    good: `create table public.lint_example (account_id uuid primary key, paid_at timestamptz, due_on date);`
};
