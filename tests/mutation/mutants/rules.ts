// Mutants of what keeps data true: triggers, event triggers, keys, references, checks, and columns that must be filled.
import type { ISql } from 'postgres';
import { OURS } from '../mutant.ts';
import type { Mutant } from '../mutant.ts';

/** Every trigger of ours, on whichever table, that fires: disabled. Those that always fire: only as the usual ones do. */
export const triggers = (sql: ISql): PromiseLike<Mutant[]> => sql<Mutant[]>`
    select
        'trigger' as kind,
        format('%s.%s: %s', n.nspname, c.relname, t.tgname) as object,
        mutation.what,
        format('alter table %s %s trigger %I', c.oid::regclass, mutation.clause, t.tgname) as sql,
        n.nspname || '.' || c.relname as table,
        array[t.tgname, p.proname, c.relname]::text[] as words
    from pg_trigger as t
    join pg_class as c on c.oid = t.tgrelid
    join pg_namespace as n on n.oid = c.relnamespace
    join pg_proc as p on p.oid = t.tgfoid,
        lateral (
            values
                ('disabled', 'disable', t.tgenabled <> 'D'),
                ('fires no longer always', 'enable', t.tgenabled = 'A')
        ) as mutation (what, clause, stands)
    where not t.tgisinternal
      and p.pronamespace::regnamespace::text = any (${OURS})
      and mutation.stands
    order by object, what
`;

/** Every event trigger of ours: disabled; no longer always. */
export const eventTriggers = (sql: ISql): PromiseLike<Mutant[]> => sql<Mutant[]>`
    select
        'event trigger' as kind,
        e.evtname::text as object,
        mutation.what,
        format('alter event trigger %I %s', e.evtname, mutation.clause) as sql,
        null as table,
        array[e.evtname, p.proname]::text[] as words
    from pg_event_trigger as e
    join pg_proc as p on p.oid = e.evtfoid,
        lateral (
            values
                ('disabled', 'disable', e.evtenabled <> 'D'),
                ('fires no longer always', 'enable', e.evtenabled = 'A')
        ) as mutation (what, clause, stands)
    where p.pronamespace::regnamespace::text = any (${OURS})
      and mutation.stands
    order by object, what
`;

/**
 * Every key: it no longer refuses a second row like the first. Its index stays where references rest on it, since dropping
 * it would take them along and a test of theirs would kill the mutant; such an index is made to bear duplicates instead.
 */
export const keys = (sql: ISql): PromiseLike<Mutant[]> => sql<Mutant[]>`
    select
        'key' as kind,
        format('%s.%s: %s', n.nspname, c.relname, x.relname) as object,
        'bears duplicates' as what,
        case
            when exists (select from pg_constraint as f where f.contype = 'f' and f.conindid = i.indexrelid)
                then format('update pg_index set indisunique = false where indexrelid = %s', i.indexrelid)
            when k.oid is not null then format('alter table %s drop constraint %I', c.oid::regclass, k.conname)
            else format('drop index %s', i.indexrelid::regclass)
        end as sql,
        n.nspname || '.' || c.relname as table,
        array[x.relname, c.relname]::text[] as words
    from pg_index as i
    join pg_class as c on c.oid = i.indrelid
    join pg_class as x on x.oid = i.indexrelid
    join pg_namespace as n on n.oid = c.relnamespace
    left join pg_constraint as k on k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x')
    where n.nspname = any (${OURS})
      and (i.indisunique or i.indisexclusion)
    order by object
`;

/** Every reference and check: dropped. */
export const constraints = (sql: ISql): PromiseLike<Mutant[]> => sql<Mutant[]>`
    select
        case k.contype when 'f' then 'reference' else 'check' end as kind,
        format('%s.%s: %s', n.nspname, c.relname, k.conname) as object,
        'dropped' as what,
        format('alter table %s drop constraint %I', c.oid::regclass, k.conname) as sql,
        n.nspname || '.' || c.relname as table,
        array[k.conname, c.relname]::text[] as words
    from pg_constraint as k
    join pg_class as c on c.oid = k.conrelid
    join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname = any (${OURS})
      and k.contype in ('f', 'c')
    order by object
`;

/** Every column that must be filled, but those of a primary key, which say it twice: may be empty. */
export const notNulls = (sql: ISql): PromiseLike<Mutant[]> => sql<Mutant[]>`
    select
        'not null' as kind,
        format('%s.%s.%s', n.nspname, c.relname, a.attname) as object,
        'may be empty' as what,
        format('alter table %s alter column %I drop not null', c.oid::regclass, a.attname) as sql,
        n.nspname || '.' || c.relname as table,
        array[c.relname, a.attname]::text[] as words
    from pg_attribute as a
    join pg_class as c on c.oid = a.attrelid
    join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname = any (${OURS})
      and c.relkind in ('r', 'p')
      and a.attnum > 0
      and a.attnotnull
      and a.attidentity = ''
      and not exists (
          select from pg_index as i where i.indrelid = c.oid and i.indisprimary and a.attnum = any (i.indkey)
      )
    order by object
`;
