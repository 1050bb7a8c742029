// Who may do what to which table, tried out: every table that the API's roles can reach, each verb, as each kind of
// person, in SQL as the Data API runs it. What is expected stands in matrix.md, which a person can read.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TransactionSql } from 'postgres';
import { installBuilders } from '../database/pgtap.ts';

export const VERBS = ['select', 'insert', 'update', 'delete'] as const;
export type Verb = (typeof VERBS)[number];

/** own: touches rows of the business; none: may ask, and touches nothing; no: refused outright (42501). */
export type Outcome = 'own' | 'none' | 'no';

/** The people of the matrix, in the order of its columns, and how each comes to be who they are. */
export const PEOPLE: Record<string, (sql: TransactionSql) => Promise<unknown>> = {
    anon: (sql) => sql`select tests.be_anon()`,
    owner: (sql) => sql`select tests.authenticate_as('bell owner')`,
    admin: (sql) => sql`select tests.authenticate_as('bell admin')`,
    staff: (sql) => sql`select tests.authenticate_as('bell staff')`,
    partner: (sql) => sql`select tests.authenticate_as('bell partner')`,
    agent: (sql) => sql`select tests.authenticate_as('bell agent')`,
    'other account': (sql) => sql`select tests.authenticate_as('finch owner')`,
    'removed owner': async (sql) => {
        await sql`update public.members set removed_at = now() where id = tests.id('bell leaver membership')`;
        await sql`select tests.authenticate_as('bell leaver')`;
    },
    'signed out': async (sql) => {
        await sql`delete from auth.sessions where user_id = tests.id('bell owner')`;
        await sql`select tests.authenticate_as('bell owner')`;
    },
    suspended: async (sql) => {
        await sql`select tests.set_state('bell', 'suspended')`;
        await sql`select tests.authenticate_as('bell owner')`;
    },
    'service key': (sql) => sql`select tests.be_service()`
};

export type Table = {
    name: string;
    /** The column that says whose row it is; null where rows belong to nobody in particular. */
    owner_column: string | null;
    /** What a statement writes: the columns that a signed-in person may, or else all that can be written. */
    insert_columns: string[];
    update_column: string;
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
                      when c.relname = 'accounts' or c.oid = 'storage.buckets'::regclass then 'id'
                      when c.oid = 'storage.objects'::regclass then 'bucket_id'
                      else 'account_id'
                  end
            ) as owner_column,
            coalesce(
                array_agg(col.attname order by col.attnum) filter (where has_column_privilege('authenticated', c.oid, col.attnum, 'insert')),
                array_agg(col.attname order by col.attnum)
            ) as insert_columns,
            coalesce(
                (array_agg(col.attname order by col.attnum) filter (where has_column_privilege('authenticated', c.oid, col.attnum, 'update')))[1],
                (array_agg(col.attname order by col.attnum))[1]
            ) as update_column
        from pg_class as c
        join pg_namespace as n on n.oid = c.relnamespace
        join pg_attribute as col
            on col.attrelid = c.oid and col.attnum > 0 and not col.attisdropped
            and col.attgenerated = '' and col.attidentity = ''
        where c.relkind in ('r', 'p', 'v', 'm', 'f')
          and n.nspname not in ('pg_catalog', 'information_schema', 'extensions', 'tests', 'pgtap')
          and n.nspname !~ '^pg_'
          -- What Supabase itself keeps beside objects and buckets holds nothing of ours.
          and (n.nspname <> 'storage' or c.relname in ('objects', 'buckets'))
          and exists (
              select
              from unnest(array['anon', 'authenticated', 'service_role']) as role
              where has_schema_privilege(role, n.oid, 'usage')
                and (
                    n.nspname = 'public'
                    or has_any_column_privilege(role, c.oid, 'select, insert, update')
                    or has_table_privilege(role, c.oid, 'delete')
                )
          )
        group by c.oid, n.nspname, c.relname
        order by 1
    `;
}

/** Two businesses, bell and finch, each with rows in every table, and the people of the matrix. To be rolled back. */
export async function setTheScene(sql: TransactionSql): Promise<void> {
    await installBuilders(sql);
    await sql`select set_config('storage.allow_delete_query', 'true', true)`;
    for (const name of ['bell', 'finch']) {
        await sql`select tests.business(${name})`;
        await sql`select tests.job(${name})`;
        await sql`select tests.sendable(${name})`;
        await sql`select tests.link(${name})`;
        await sql`
            insert into public.payments (account_id, invoice_id, amount_pence, method, paid_at)
            values (tests.id(${name}), tests.id(${`${name} invoice`}), 100, 'cash', now())
        `;
        await sql`select tests.draft(${name}, null, 'draft')`;
        await sql`select tests.photo(${name})`;
        await sql`select tests.job(${name}, 'newest job')`;
    }
    for (const role of ['admin', 'staff', 'partner', 'agent'])
        await sql`select tests.member('bell', ${role})`;
    await sql`select tests.member('bell', 'owner', 'bell leaver')`;
}

export type Trial = {
    outcome: Outcome;
    /** Rows of the other business that the statement showed or touched. Anything but nought is a leak. */
    leaked: number;
};

/** The statement that everybody tries: on the rows of bell and, with the wrong id, on those of finch. */
export type Statements = { own: string; wrong: string };

export async function statements(sql: TransactionSql, table: Table, verb: Verb): Promise<Statements> {
    return {
        own: await statement(sql, table, verb, 'bell'),
        wrong: await statement(sql, table, verb, 'finch')
    };
}

/** Runs both statements as `person` and undoes them. */
export async function tryOut(
    sql: TransactionSql,
    table: Table,
    { own: ownText, wrong: wrongText }: Statements,
    person: string
): Promise<Trial> {
    const be = PEOPLE[person];
    if (!be) throw new Error(`The matrix knows no ${person}.`);
    const own = await attempt(sql, be, ownText);
    const wrong = await attempt(sql, be, wrongText);
    // The other account's owner is at home in finch, and service_role passes over policies by design.
    const foreigner = person !== 'other account' && person !== 'service key';
    const leaked = foreigner && table.owner_column !== null && wrong !== 'refused' ? wrong : 0;
    return { outcome: own === 'refused' ? 'no' : own === 0 ? 'none' : 'own', leaked };
}

async function attempt(
    sql: TransactionSql,
    be: (sql: TransactionSql) => Promise<unknown>,
    text: string
): Promise<number | 'refused'> {
    const undo = new Error('undo');
    let result: number | 'refused' = 0;
    try {
        await sql.savepoint(async (inner) => {
            await be(inner);
            const { count } = await inner.unsafe(text);
            result = count;
            throw undo;
        });
    } catch (error) {
        if (error !== undo) result = reached(error, text);
    }
    return result;
}

/** A refusal by rights is what the matrix is about; a row that only its constraints saved has been reached. */
function reached(error: unknown, text: string): number | 'refused' {
    const { code = '' } = error as { code?: string };
    if (code === '42501') return 'refused';
    if (code.startsWith('23')) return 1;
    throw new Error(`${text}\n${String(error)}`, { cause: error });
}

/** One statement on the rows of a business: all of them to read, the newest one to write. */
async function statement(sql: TransactionSql, table: Table, verb: Verb, business: string): Promise<string> {
    const { name, owner_column: owner } = table;
    const [account] = await sql<{ id: string }[]>`select tests.id(${business}) as id`;
    const ofAccount = owner === null ? 'true' : `${owner} = '${account?.id ?? ''}'`;
    if (verb === 'select') return `select 1 from ${name} where ${ofAccount}`;

    const [newest] = await sql.unsafe<{ row: Record<string, unknown> }[]>(
        `select to_jsonb(t) as row from ${name} as t where ${ofAccount} order by to_jsonb(t) ->> 'id' desc nulls last limit 1`
    );
    if (!newest) throw new Error(`The scene has no row of ${business} in ${name}: give it one.`);
    const { row } = newest;
    if (verb === 'insert') {
        const copy = { ...row, ...anew(row) };
        const columns = table.insert_columns.join(', ');
        const json = JSON.stringify(copy).replaceAll("'", "''");
        return `insert into ${name} (${columns}) select ${columns} from jsonb_populate_record(null::${name}, '${json}')`;
    }
    const key = 'id' in row ? `id = '${String(row.id)}'` : 'true';
    const where = `where ${ofAccount} and ${key}`;
    return verb === 'update'
        ? `update ${name} set ${table.update_column} = ${table.update_column} ${where}`
        : `delete from ${name} ${where}`;
}

/** What must differ in a copy of a row, so that only rights can refuse it. A bucket's name is its id. */
function anew(row: Record<string, unknown>): Record<string, unknown> {
    const id = randomUUID();
    return {
        ...('id' in row ? { id } : {}),
        ...('name' in row && row.name === row.id ? { name: id } : {}),
        ...('position' in row ? { position: Number(row.position) + 100 } : {})
    };
}

const file = join(import.meta.dirname, 'matrix.md');

/** What matrix.md expects: table → verb → person → outcome. Throws where the file is not a whole matrix. */
export function expected(): Map<string, Map<Verb, Map<string, Outcome>>> {
    const rows = readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line.startsWith('|') && !line.startsWith('| --'))
        .map((line) =>
            line
                .split('|')
                .slice(1, -1)
                .map((cell) => cell.trim())
        );
    const [head = [], ...body] = rows;
    const people = head.slice(2);
    if (people.join() !== Object.keys(PEOPLE).join())
        throw new Error(`matrix.md has other columns than ${Object.keys(PEOPLE).join(', ')}.`);
    const matrix = new Map<string, Map<Verb, Map<string, Outcome>>>();
    let table = '';
    for (const [named = '', verb = '', ...cells] of body) {
        table = named || table;
        const known = VERBS.find((candidate) => candidate === verb);
        if (!known) throw new Error(`matrix.md: ${table} has a row for ${verb}.`);
        const outcomes = new Map<string, Outcome>();
        for (const [i, cell] of cells.entries()) {
            if (cell !== 'own' && cell !== 'none' && cell !== 'no')
                throw new Error(`matrix.md: ${table} ${verb}: ${cell}`);
            outcomes.set(people[i] ?? '', cell);
        }
        matrix.set(table, (matrix.get(table) ?? new Map<Verb, Map<string, Outcome>>()).set(known, outcomes));
    }
    return matrix;
}

/** A row as matrix.md writes it; what a failing test shows. */
export function asRow(table: string, verb: Verb, outcomes: ReadonlyMap<string, Outcome>): string {
    return `| ${[table, verb, ...Object.keys(PEOPLE).map((person) => outcomes.get(person) ?? '?')].join(' | ')} |`;
}
