import { OURS, column, type Rule } from './rule.ts';

export const rule: Rule = {
    name: 'money_is_whole_pence',
    level: 'ERROR',
    title: 'money is whole pence in a bigint, and says so',
    why: 'A fraction of a penny is lost or found when it is added up; an integer ends at 21 million pounds.',
    remedy: '…_pence bigint. Rates are basis points (…_bp integer), quantities thousandths (…_milli bigint).',
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
                  a.atttypid in ('money'::regtype, 'real'::regtype, 'double precision'::regtype, 'numeric'::regtype)
                  or a.attname ~ '_pence$' and a.atttypid <> 'bigint'::regtype
                  or a.attname ~ '(^|_)(amount|price|total|net|vat|fee|cost|balance)$'
                      and a.atttypid in ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype)
              )
        `),
    bad: `create table public.lint_example (account_id uuid primary key, price integer);`,
    good: `create table public.lint_example (account_id uuid primary key, price_pence bigint);`
};
