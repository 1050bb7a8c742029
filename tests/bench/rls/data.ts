// A million invoices: the same member's business of a thousand among so many others. Loaded past triggers and audit, which have
// benches of their own, then indexed, vacuumed and analysed, so that every run begins on the same ground.
import postgres from 'postgres';
import type { Sql, TransactionSql } from 'postgres';

export const INVOICES = 1_000_000;
/** What the member's own business holds in every database, so that only the others grow. */
export const OWN_INVOICES = 1_000;

const quiet = { max: 1, onnotice: () => undefined } as const;

const TABLES = [
    'public.accounts',
    'public.roles',
    'public.role_permissions',
    'public.members',
    'private.memberships',
    'private.counters',
    'public.customers',
    'public.jobs',
    'public.invoices'
] as const;

/** Fills a database up to a million invoices in so many accounts, one of which is there already: the member's. */
export async function filled(url: string, accounts: number): Promise<void> {
    const sql = postgres(url, quiet);
    try {
        const others = accounts - 1;
        const each = Math.floor((INVOICES - OWN_INVOICES) / others);
        await sql`set statement_timeout = 0`;
        await sql`set event_triggers = off`;
        await sql`set synchronous_commit = off`;
        await sql`set work_mem = '256MB'`;
        await sql`set maintenance_work_mem = '512MB'`;
        await sql.begin(async (tx) => {
            await withoutTriggers(tx, async () => {
                await withoutIndexes(tx, async () => {
                    await businesses(tx, others);
                    await papers(tx, each);
                });
            });
        });
        for (const table of [...TABLES, 'auth.users', 'auth.sessions'])
            await sql.unsafe(`vacuum analyze ${table}`);
        await sql`checkpoint`;
    } finally {
        await sql.end();
    }
}

/** Has no trigger of these tables fire, and leaves each as it was: the ones that always fire, too. */
async function withoutTriggers(sql: TransactionSql, work: () => Promise<void>): Promise<void> {
    const always = await sql<{ called: string; on: string }[]>`
        select quote_ident(tgname) as called, tgrelid::regclass::text as on
        from pg_trigger
        where tgrelid = any (${TABLES as unknown as string[]}::regclass[])
          and tgenabled = 'A'
    `;
    for (const table of TABLES) await sql.unsafe(`alter table ${table} disable trigger all`);
    await sql`set local session_replication_role = replica`;
    await work();
    await sql`set local session_replication_role = origin`;
    for (const table of TABLES) await sql.unsafe(`alter table ${table} enable trigger all`);
    for (const { called, on } of always)
        await sql.unsafe(`alter table ${on} enable always trigger ${called}`);
}

/** Builds the indexes that belong to no constraint at once, after the rows are there. */
async function withoutIndexes(sql: TransactionSql, work: () => Promise<void>): Promise<void> {
    const plain = await sql<{ index: string; definition: string }[]>`
        select i.indexrelid::regclass::text as index, pg_get_indexdef(i.indexrelid) as definition
        from pg_index as i
        where i.indrelid = any (${TABLES as unknown as string[]}::regclass[])
          and not exists (select from pg_constraint as c where c.conindid = i.indexrelid)
    `;
    for (const { index } of plain) await sql.unsafe(`drop index ${index}`);
    await work();
    for (const { definition } of plain) await sql.unsafe(definition);
}

/** The other businesses: three people each, with sessions, roles and what these allow. */
async function businesses(sql: TransactionSql, others: number): Promise<void> {
    await sql`
        create temp table business on commit drop as
        select a.id, 0::bigint as n, ${OWN_INVOICES}::bigint as invoices
        from public.accounts as a
    `;
    await sql`insert into business select private.uuidv7(), n, 0 from generate_series(1, ${others}::bigint) as n`;
    await sql`
        create temp table person on commit drop as
        select private.uuidv7() as id, b.id as account_id, role.key
        from business as b, unnest(array['owner', 'admin', 'staff']) as role (key)
        where b.n > 0
    `;
    await sql`
        insert into auth.users (instance_id, id, aud, role, email, email_confirmed_at, created_at, updated_at)
        select '00000000-0000-0000-0000-000000000000', p.id, 'authenticated', 'authenticated', p.id || '@people.example', now(), now(), now()
        from person as p
    `;
    await sql`
        insert into auth.sessions (id, user_id, created_at, updated_at, aal)
        select gen_random_uuid(), p.id, now(), now(), 'aal1'
        from person as p
    `;
    await sql`
        insert into public.accounts (id, name, trade)
        select b.id, 'Business ' || b.n, 'Electrician'
        from business as b
        where b.n > 0
    `;
    await sql`
        insert into public.roles (account_id, key, name)
        select b.id, role.key, initcap(role.key)
        from business as b, unnest(array['owner', 'admin', 'staff', 'partner', 'agent']) as role (key)
        where b.n > 0
    `;
    await sql`
        insert into public.role_permissions (account_id, role_id, permission, created_at, created_by)
        select r.account_id, r.id, granted.permission, now(), null
        from private.role_template as granted
        join public.roles as r on r.key = granted.role_key
        join business as b on b.id = r.account_id and b.n > 0
    `;
    await sql`
        insert into public.members (account_id, user_id, role_id, display_name, email)
        select p.account_id, p.id, r.id, initcap(p.key), p.id || '@people.example'
        from person as p
        join public.roles as r on r.account_id = p.account_id and r.key = p.key
    `;
    await sql`
        insert into private.memberships (account_id, user_id, permissions)
        select due.account_id, due.user_id, due.permissions
        from private.memberships_due as due
        on conflict do nothing
    `;
    await sql`
        insert into private.counters (account_id, name)
        select b.id, counter
        from business as b, unnest(array['job', 'invoice']) as counter
        where b.n > 0
    `;
}

/** Customers, jobs and invoices of every business, in the order of time: a business's rows lie apart, as they do in life. */
async function papers(sql: TransactionSql, each: number): Promise<void> {
    await sql`update business set invoices = ${each} where n > 0`;
    await sql`
        create function pg_temp.id_of(kind bigint, n bigint, k bigint) returns uuid
            language sql immutable
            return (
                lpad(to_hex(1760000000000 + k * 60000 + n), 12, '0') || '7' || lpad(to_hex(kind), 3, '0')
                || '8' || lpad(to_hex(n), 7, '0') || lpad(to_hex(k), 8, '0')
            )::uuid
    `;
    await sql`
        insert into public.customers (account_id, id, name, email, created_at, updated_at, created_by)
        select
            b.id, pg_temp.id_of(1, b.n, k), 'Customer ' || k, 'customer-' || k || '@mail.example', now(), now(), null
        from business as b, generate_series(0, greatest(b.invoices / 20, 5) - 1) as k
        order by k, b.n
    `;
    await sql`
        insert into public.jobs (account_id, id, customer_id, number, title, state, created_at, updated_at, created_by)
        select b.id, pg_temp.id_of(2, b.n, k), pg_temp.id_of(1, b.n, k % greatest(b.invoices / 20, 5)), k + 1, 'Consumer unit ' || k, 'invoiced', now(), now(), null
        from business as b, generate_series(0, greatest(b.invoices / 5, 5) - 1) as k
        order by k, b.n
    `;
    await sql`
        insert into public.invoices (
            account_id, id, job_id, customer_id, number, state, issued_at, issued_on, supplied_on, due_on, notes,
            net_pence, vat_pence, total_pence, paid_pence, supplier, customer, created_at, updated_at, created_by
        )
        select
            b.id, pg_temp.id_of(3, b.n, k), pg_temp.id_of(2, b.n, k % greatest(b.invoices / 5, 5)),
            pg_temp.id_of(1, b.n, k % greatest(b.invoices / 5, 5) % greatest(b.invoices / 20, 5)),
            case when state <> 'draft' then k + 1 end, state,
            case when state <> 'draft' then at end, case when state <> 'draft' then at::date end,
            at::date, at::date + 14, 'Consumer unit and ' || k || ' sockets, tested',
            net, net / 5, net + net / 5, case state when 'paid' then net + net / 5 when 'part_paid' then net / 2 else 0 end,
            case when state <> 'draft' then party end, case when state <> 'draft' then party end,
            at, at, null
        from business as b,
            generate_series(0, b.invoices - 1) as k,
            lateral (
                select
                    (array['draft', 'draft', 'issued', 'issued', 'issued', 'part_paid'])[least(k % 20, 6) + 1] as given,
                    timestamptz '2026-01-01 09:00Z' + k * interval '1 minute' as at
            ) as row,
            lateral (select coalesce(row.given, 'paid') as state) as has,
            lateral (select case has.state when 'draft' then 0 else 10000 + (k * 7919 + b.n) % 90000 / 5 * 5 end as net) as sums,
            lateral (select jsonb_build_object('name', 'Customer ' || k, 'town', 'Todmorden', 'postcode', 'OL14 5AA') as party) as frozen
        order by k, b.n
    `;
}

/** Connects once more as somebody; the connection lives until its end() is called. */
export function connected(url: string): Sql {
    return postgres(url, quiet);
}
