// Mutants of rules that are kept as rows: what the audit trail redacts, and what an account's state forbids.
import type { ISql } from 'postgres';
import type { Mutant } from '../mutant.ts';

/** Every column that the audit trail keeps to itself or may forget: treated as one that stays for good. */
export const classification = (sql: ISql): PromiseLike<Mutant[]> => sql<Mutant[]>`
    select
        'classification' as kind,
        format('%s.%s', c.table_name, c.column_name) as object,
        'no longer ' || c.class as what,
        format(
            'update audit.columns set class = ''business'' where table_name = %L and column_name = %L',
            c.table_name, c.column_name
        ) as sql,
        c.table_name as table,
        array[c.column_name, split_part(c.table_name, '.', 2)] as words
    from audit.columns as c
    where c.class <> 'business'
    order by object
`;

/** Every act that a state of an account forbids: allowed. */
export const states = (sql: ISql): PromiseLike<Mutant[]> => sql<Mutant[]>`
    select
        'account state' as kind,
        s.state as object,
        'allows ' || act as what,
        format('insert into private.account_state_allows (state, act) values (%L, %L)', s.state, act) as sql,
        null as table,
        array[s.state] as words
    from private.account_states as s, (select distinct act from private.account_state_allows) as known (act)
    where not exists (
        select from private.account_state_allows as a where a.state = s.state and a.act = known.act
    )
    order by object, what
`;

/** Every permission that one of the five roles does not begin with: given to it. */
export const roles = (sql: ISql): PromiseLike<Mutant[]> => sql<Mutant[]>`
    select
        'role' as kind,
        role_key as object,
        'begins with ' || p.key as what,
        format('insert into private.role_template (role_key, permission) values (%L, %L)', role_key, p.key) as sql,
        null as table,
        array['role_template', role_key] as words
    from public.permissions as p, unnest(array['owner', 'admin', 'staff', 'partner', 'agent']) as role_key
    where not exists (
        select from private.role_template as t where t.role_key = role_key.role_key and t.permission = p.key
    )
    order by object, what
`;
