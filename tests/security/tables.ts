// Tables, verb by verb: the statements that everybody tries, aimed at bell's rows, at another account's, and at everything
// at once without a filter.
import { randomUUID } from 'node:crypto';
import type { TransactionSql } from 'postgres';

export const VERBS = ['select', 'insert', 'update', 'delete', 'truncate'] as const;
export type Verb = (typeof VERBS)[number];

/** own: touches rows of the business; none: may ask, and touches nothing; no: refused outright. Else the error's code. */
export type Outcome = string;

export type Table = {
    name: string;
    /** The column that says whose row it is; null where rows belong to nobody in particular. */
    owner_column: string | null;
    /** What a statement writes: the columns that a signed-in person may, or else all that can be written. */
    insert_columns: string[];
    update_column: string;
    all_columns: string[];
    /** What a signed-in person may read, give when adding, and change. */
    readable: string[];
    addable: string[];
    changeable: string[];
    is_table: boolean;
    /** Enabled and, on tables of ours, forced. */
    has_rls: boolean;
};

/** Every table and view that anon, authenticated or service_role can do anything with, straight from the catalog. */
export function exposedTables(sql: TransactionSql): Promise<Table[]> {
    return sql<Table[]>`
        select
            n.nspname || '.' || c.relname as name,
            (
                select a.attname
                from pg_attribute as a
                where a.attrelid = c.oid
                  and a.attname = case
                      when c.oid in ('public.accounts'::regclass, 'storage.buckets'::regclass) then 'id'
                      when n.nspname = 'storage' then 'bucket_id'
                      else 'account_id'
                  end
            ) as owner_column,
            coalesce(
                array_agg(col.attname order by col.attnum) filter (where writable and has_column_privilege('authenticated', c.oid, col.attnum, 'insert')),
                array_agg(col.attname order by col.attnum) filter (where writable)
            ) as insert_columns,
            coalesce(
                (array_agg(col.attname order by col.attnum) filter (where writable and has_column_privilege('authenticated', c.oid, col.attnum, 'update')))[1],
                (array_agg(col.attname order by col.attnum) filter (where writable))[1]
            ) as update_column,
            array_agg(col.attname order by col.attnum) as all_columns,
            coalesce(array_agg(col.attname order by col.attnum) filter (where has_column_privilege('authenticated', c.oid, col.attnum, 'select')), '{}') as readable,
            coalesce(array_agg(col.attname order by col.attnum) filter (where has_column_privilege('authenticated', c.oid, col.attnum, 'insert')), '{}') as addable,
            coalesce(array_agg(col.attname order by col.attnum) filter (where has_column_privilege('authenticated', c.oid, col.attnum, 'update')), '{}') as changeable,
            c.relkind in ('r', 'p') as is_table,
            c.relkind in ('v', 'm', 'f') or (c.relrowsecurity and (c.relforcerowsecurity or n.nspname = 'storage')) as has_rls
        from pg_class as c
        join pg_namespace as n on n.oid = c.relnamespace
        join pg_attribute as col on col.attrelid = c.oid and col.attnum > 0 and not col.attisdropped
        cross join lateral (select col.attgenerated = '' and col.attidentity = '' as writable) as kind
        where c.relkind in ('r', 'p', 'v', 'm', 'f')
          -- pg_stat_statements lies in extensions, where it shows everybody their own statements only.
          and n.nspname not in ('pg_catalog', 'information_schema', 'extensions', 'tests', 'pgtap')
          and n.nspname !~ '^pg_'
          and exists (
              select
              from unnest(array['anon', 'authenticated', 'service_role']) as role
              where has_schema_privilege(role, n.oid, 'usage')
                and (
                    n.nspname = 'public'
                    or has_any_column_privilege(role, c.oid, 'select, insert, update')
                    or has_table_privilege(role, c.oid, 'delete, truncate')
                )
          )
        group by c.oid, n.nspname, c.relname
        order by 1
    `;
}

/** One verb on one table as everybody tries it. What is not asked of a verb is null. */
export type Trial = {
    table: Table;
    verb: Verb;
    /** On bell's rows: all of them to read, one to write. */
    own: string;
    /** The same on rows of other accounts. */
    wrong: string | null;
    /** Without a filter: policies of the verb alone decide, those for reading don't help. */
    blind: string | null;
    /** bell's row made another account's; an upload given the name that a colleague's waits for. */
    move: string | null;
    /** How many rows bell has there, and finch. */
    rows: { bell: number; finch: number };
};

/** The statements of a table, verb by verb; or what is missing where the scene has no row to aim at. */
export async function trialsOf(sql: TransactionSql, table: Table): Promise<Trial[] | string> {
    const { name, owner_column: owner } = table;
    const bell = await aim(sql, table, 'bell');
    const finch = await aim(sql, table, 'finch');
    if (!bell || !finch) return `The scene has no row of ${bell ? 'finch' : 'bell'} in ${name}: give it one.`;
    const rows = { bell: bell.count, finch: finch.count };
    const trial = (verb: Verb, statements: Partial<Trial> & { own: string }): Trial => ({
        ...{ table, verb, rows, wrong: null, blind: null, move: null },
        ...statements
    });
    const column = table.update_column;
    return [
        trial('select', {
            own: `select 1 from ${name} where ${bell.all}`,
            wrong: owner && `select 1 from ${name} where ${owner} is distinct from '${bell.id}'`
        }),
        trial('insert', { own: insertion(table, bell), wrong: insertion(table, finch) }),
        trial('update', {
            own: `update ${name} set ${column} = ${column} where ${bell.one}`,
            wrong: `update ${name} set ${column} = ${column} where ${finch.one}`,
            blind: `update ${name} set ${column} = ${literal(bell.row[column])}`,
            move:
                name === 'storage.objects'
                    ? await renaming(sql)
                    : owner && `update ${name} set ${owner} = '${finch.id}' where ${bell.one}`
        }),
        trial('delete', {
            own: `delete from ${name} where ${bell.one}`,
            wrong: `delete from ${name} where ${finch.one}`,
            blind: `delete from ${name}`
        }),
        // Storage's tables refer to each other, and rights on all of them are needed; on ours a right on one is too much.
        trial('truncate', { own: `truncate ${name}${name.startsWith('storage.') ? ' cascade' : ''}` })
    ];
}

type Aim = {
    id: string;
    row: Record<string, unknown>;
    count: number;
    all: string;
    one: string;
    /** What a copy of the row must differ in. */
    anew: Record<string, unknown>;
};

async function aim(sql: TransactionSql, table: Table, business: string): Promise<Aim | null> {
    const { name, owner_column: owner } = table;
    const [account] = await sql<{ id: string }[]>`select tests.id(${business}) as id`;
    const id = account?.id ?? '';
    const all = owner === null ? 'true' : `${owner} = '${id}'`;
    const isObject = name === 'storage.objects';
    // Objects: the one that has arrived may be written, and the name of the one that arrives may be taken.
    const [arriving] = await sql<{ name: string; other: string }[]>`
        select d.upload_name as name, a.upload_name as other
        from public.documents as d
        cross join public.documents as a
        where d.id = tests.id(${`${business} arriving`})
          and a.id = tests.id(${`${business} arrived`})
    `;
    // Documents: a photo that is there for the whole team.
    const wanted = isObject
        ? `${all} and name = '${arriving?.other ?? ''}'`
        : `${all}${name === 'public.documents' ? ` and id = tests.id('${business} photo')` : ''}`;
    const [newest] = await sql.unsafe<{ row: Record<string, unknown>; count: number }[]>(`
        select to_jsonb(t) as row, (select count(*)::int from ${name} where ${all}) as count
        from ${name} as t where ${wanted} order by to_jsonb(t) ->> 'id' desc nulls last limit 1
    `);
    if (!newest) return null;
    const { row, count } = newest;
    const fresh = randomUUID();
    return {
        ...{ id, row, count, all },
        one: 'id' in row ? `${all} and id = ${literal(row.id)}` : all,
        anew: {
            ...('id' in row ? { id: fresh } : {}),
            ...('name' in row && row.name === row.id ? { name: fresh } : {}),
            ...('position' in row ? { position: Number(row.position) + 100 } : {}),
            ...(isObject ? { name: arriving?.name } : {})
        }
    };
}

async function renaming(sql: TransactionSql): Promise<string> {
    const [expected] = await sql<{ name: string }[]>`
        select d.upload_name as name from public.documents as d where d.id = tests.id('bell staff arriving')
    `;
    return `update storage.objects set name = ${literal(expected?.name)}`;
}

/** A copy of a row in which only rights can find something to refuse. */
function insertion(table: Table, { row, anew }: Aim): string {
    const columns = table.insert_columns.join(', ');
    const json = literal({ ...row, ...anew });
    return `insert into ${table.name} (${columns}) select ${columns} from jsonb_populate_record(null::${table.name}, ${json})`;
}

function literal(value: unknown): string {
    if (value === null || value === undefined) return 'null';
    const text = typeof value === 'object' ? JSON.stringify(value) : String(value as string | number);
    return `'${text.replaceAll("'", "''")}'`;
}

/** How many rows an answer of tests.attempt says were touched; null for a refusal. */
export function touched(answer: string | undefined): number | null {
    const [, count] = /^rows (\d+)$/.exec(answer ?? '') ?? [];
    return count === undefined ? null : Number(count);
}

/**
 * What the answer of tests.attempt means. A row that only its constraints or triggers saved has been reached; so has a
 * table that could not be truncated because others refer to it.
 */
export function outcomeOf(answer: string, verb: Verb): Outcome {
    const rows = touched(answer);
    if (rows !== null) return rows === 0 && verb !== 'truncate' ? 'none' : 'own';
    const [code = ''] = answer.split(' ');
    if (code === '42501') return 'no';
    if (code === '0A000' && verb === 'truncate') return 'own';
    // A view that can't be written at all.
    if (code === '55000' || code === '0A000') return 'no';
    return code.startsWith('23') || code === 'P0001' ? 'own' : code;
}

/** Rows that a statement reached: what it touched, or one where only a constraint saved it. */
export function reached(answer: string | undefined): number {
    return touched(answer) ?? (answer?.startsWith('23') ? 1 : 0);
}
