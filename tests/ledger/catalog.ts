// Looks up what the ledger names in the live catalog, and prints it as the database itself does.
import type { Sql } from 'postgres';
import type { DatabaseObject, EverySort } from '../../src/lib/promises/types.ts';
import type { Looked } from './judge.ts';

type Row = { name: string; text: string };

/** Tables of ours that hold something of an account or about one: every one in these schemas. */
const OURS = `n.nspname in ('public', 'audit', 'billing', 'mail', 'private')`;

const POLICIES = `
    select
        format('%s: %s', p.polrelid::regclass, p.polname) as name,
        concat_ws(E'\\n',
            format('create policy %I', p.polname),
            format('    on %s', p.polrelid::regclass),
            format('    as %s for %s', case when p.polpermissive then 'permissive' else 'restrictive' end,
                case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end),
            '    to ' || (
                select string_agg(case when role = 0 then 'public' else role::regrole::text end, ', ')
                from unnest(p.polroles) as role
            ),
            '    using ' || pg_get_expr(p.polqual, p.polrelid),
            '    with check ' || pg_get_expr(p.polwithcheck, p.polrelid)
        ) || ';' as text
    from pg_policy as p
    join pg_class as c on c.oid = p.polrelid
    join pg_namespace as n on n.oid = c.relnamespace`;

const CONSTRAINTS = `
    select
        format('%s: %s', c.conrelid::regclass, c.conname) as name,
        format(E'alter table %s\\n    add constraint %I\\n    %s;', c.conrelid::regclass, c.conname, pg_get_constraintdef(c.oid, true)) as text
    from pg_constraint as c
    join pg_class as t on t.oid = c.conrelid
    join pg_namespace as n on n.oid = t.relnamespace`;

const TRIGGERS = `
    select
        format('%s: %s', t.tgrelid::regclass, t.tgname) as name,
        pg_get_triggerdef(t.oid, true) || ';' || case when t.tgenabled = 'A' then E'\\n-- enabled always' else '' end as text
    from pg_trigger as t
    join pg_proc as p on p.oid = t.tgfoid`;

const SORTS: Record<EverySort, string> = {
    'policy on our tables': `${POLICIES} where n.nspname = 'public'`,
    'table with row-level security enabled and forced': `
        select
            c.oid::regclass::text as name,
            format(E'alter table %1$s enable row level security;\\nalter table %1$s force row level security;', c.oid::regclass) as text
        from pg_class as c
        join pg_namespace as n on n.oid = c.relnamespace
        where ${OURS} and c.relkind in ('r', 'p') and c.relrowsecurity and c.relforcerowsecurity`,
    'foreign key that carries the account': `${CONSTRAINTS}
        where ${OURS} and c.contype = 'f' and cardinality(c.conkey) > 1 and exists (
            select from pg_attribute as a
            where a.attrelid = c.conrelid and a.attnum = any (c.conkey) and a.attname = 'account_id'
        )`,
    'trigger that records changes': `${TRIGGERS} where p.oid = 'audit.record()'::regprocedure and t.tgenabled <> 'D'`,
    'trigger that keeps records unchangeable': `${TRIGGERS}
        where t.tgrelid::regclass::text like 'audit.%' and t.tgenabled = 'A' and not t.tgisinternal`
};

/** The rights that a role has been given on a table or function, public's included where the role is public. */
const RIGHTS = `
    select lower(acl.privilege_type) as right
    from (
        select coalesce(c.relacl, acldefault('r', c.relowner)) as acl from pg_class as c where c.oid = to_regclass($1)
        union all
        select coalesce(p.proacl, acldefault('f', p.proowner)) from pg_proc as p where p.oid = to_regprocedure($1)
    ) as object, aclexplode(object.acl) as acl
    where acl.grantee = case when $2 = 'public' then 0 else to_regrole($2)::oid end
    order by 1`;

const listed = (rights: readonly string[]): string => (rights.length === 0 ? 'none' : rights.join(', '));

/** A way to look database objects up over one connection. */
export function catalog(sql: Sql): (object: DatabaseObject) => Promise<Looked> {
    const rows = (query: string, ...values: string[]): Promise<Row[]> => sql.unsafe<Row[]>(query, values);
    const one = async (what: string, query: string, ...values: string[]): Promise<Looked> => {
        const found = await rows(query, ...values);
        return found.length === 1 ? { found } : { problem: `the catalog has no ${what}` };
    };
    return async (object) => {
        switch (object.kind) {
            case 'policy':
                return one(
                    `policy “${object.name}” on ${object.on}`,
                    `${POLICIES} where p.polrelid = to_regclass($1) and p.polname = $2`,
                    object.on,
                    object.name
                );
            case 'constraint':
                return one(
                    `constraint ${object.name} on ${object.on}`,
                    `${CONSTRAINTS} where c.conrelid = to_regclass($1) and c.conname = $2 and c.convalidated`,
                    object.on,
                    object.name
                );
            case 'trigger':
                return one(
                    `enabled trigger ${object.name} on ${object.on}`,
                    `${TRIGGERS} where t.tgrelid = to_regclass($1) and t.tgname = $2 and t.tgenabled in ('O', 'A')`,
                    object.on,
                    object.name
                );
            case 'event trigger':
                return one(
                    `enabled event trigger ${object.name}`,
                    `select evtname::text as name, format(E'create event trigger %I\\n    on %s%s\\n    execute function %s;%s',
                        evtname, evtevent,
                        E'\\n    when tag in (' || (select string_agg(quote_literal(tag), ', ') from unnest(evttags) as tag) || ')',
                        evtfoid::regprocedure, case when evtenabled = 'A' then E'\\n-- enabled always' else '' end) as text
                    from pg_event_trigger where evtname = $1 and evtenabled in ('O', 'A')`,
                    object.name
                );
            case 'function':
                return one(
                    `function ${object.name}`,
                    `select oid::regprocedure::text as name, pg_get_functiondef(oid) as text from pg_proc
                    where oid = case when $1 like '%(%' then to_regprocedure($1)::oid else to_regproc($1)::oid end`,
                    object.name
                );
            case 'table':
                return one(
                    `table ${object.name}`,
                    `select c.oid::regclass::text as name, '-- ' || coalesce(obj_description(c.oid, 'pg_class'), '') || E'\\n' || (
                        select string_agg(format('%s %s', a.attname, format_type(a.atttypid, a.atttypmod)), E',\\n' order by a.attnum)
                        from pg_attribute as a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                    ) as text from pg_class as c where c.oid = to_regclass($1) and c.relkind in ('r', 'p')`,
                    object.name
                );
            case 'index':
                return one(
                    `index ${object.name}`,
                    `select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) || ';' as text
                    from pg_index where indexrelid = to_regclass($1) and indisvalid`,
                    object.name
                );
            case 'schedule':
                return one(
                    `scheduled job ${object.name}`,
                    `select jobname::text as name, format('%s: %s', jobname, schedule) as text from cron.job where jobname = $1 and active`,
                    object.name
                );
            case 'rights': {
                const [there] = await sql`
                    select coalesce(to_regclass(${object.on})::oid, to_regprocedure(${object.on})::oid) as oid,
                        ${object.of} = 'public' or to_regrole(${object.of}) is not null as role
                `;
                if (!there?.oid || !there.role)
                    return { problem: `the catalog has no ${object.on}, or no role ${object.of}` };
                const has = (await sql.unsafe<{ right: string }[]>(RIGHTS, [object.on, object.of])).map(
                    ({ right }) => right
                );
                const name = `rights of ${object.of} on ${object.on}: ${listed(has)}`;
                if (listed(has) !== listed([...object.exactly].sort()))
                    return { problem: `${name}, where the ledger says ${listed(object.exactly)}` };
                return { found: [{ name, text: '' }] };
            }
            case 'every': {
                const found = await rows(`${SORTS[object.sort]} order by 1`);
                if (found.length < object.atLeast)
                    return {
                        problem: `the catalog has ${found.length} of “${object.sort}”, and there must be ${object.atLeast}`
                    };
                return { found };
            }
        }
    };
}
