// What a member does all day, as statements that name their account, and the policies that one might have written instead of ours.
import type { ParameterOrJSON, Sql } from 'postgres';

export type Statement = { text: string; args: readonly ParameterOrJSON<never>[] };
export type StatementName = (typeof STATEMENTS)[number];

export const STATEMENTS = ['row', 'page', 'page_with_names', 'search', 'sum', 'insert', 'update'] as const;

/** The statements in the member's account, whose newest draft is changed. The text begins with the name, for the statistics. */
export async function statementsIn(sql: Sql, account: string): Promise<Record<StatementName, Statement>> {
    const [draft] = await sql<{ id: string; job_id: string; customer_id: string }[]>`
        select id, job_id, customer_id
        from public.invoices
        where account_id = ${account} and state = 'draft'
        order by id desc
        limit 1
    `;
    if (!draft) throw new Error('The member has no draft to change.');
    return {
        row: {
            text: '/* row */ select * from public.invoices where account_id = $1 and id = $2',
            args: [account, draft.id]
        },
        page: {
            text: `/* page */
                select id, reference, state, issued_on, due_on, sent_at, total_pence, paid_pence, updated_at, customer_id, job_id
                from public.invoices
                where account_id = $1
                order by id desc
                limit 50`,
            args: [account]
        },
        page_with_names: {
            text: `/* page_with_names */
                select
                    i.id, i.reference, i.state, i.issued_on, i.due_on, i.sent_at, i.total_pence, i.paid_pence, i.updated_at,
                    c.id as customer_id, c.name, j.id as job_id, j.number, j.title
                from public.invoices as i
                join public.customers as c on c.account_id = i.account_id and c.id = i.customer_id
                join public.jobs as j on j.account_id = i.account_id and j.id = i.job_id
                where i.account_id = $1
                order by i.id desc
                limit 50`,
            args: [account]
        },
        search: {
            text: `/* search */
                select id, reference, state, total_pence
                from public.invoices
                where account_id = $1 and notes ilike $2
                order by id desc
                limit 50`,
            args: [account, '%and 77 sock%']
        },
        sum: {
            text: `/* sum */
                select
                    sum(total_pence - paid_pence) filter (where state in ('issued', 'part_paid')) as owed_pence,
                    count(*) filter (where state in ('issued', 'part_paid') and due_on < current_date) as overdue,
                    sum(total_pence) filter (where state <> 'draft') as turnover_pence
                from public.invoices
                where account_id = $1`,
            args: [account]
        },
        insert: {
            text: `/* insert */
                insert into public.invoices (account_id, job_id, customer_id, notes)
                values ($1, $2, $3, 'A draft')`,
            args: [account, draft.job_id, draft.customer_id]
        },
        update: {
            text: `/* update */
                update public.invoices
                set notes = 'Changed ' || random()
                where account_id = $1 and id = $2`,
            args: [account, draft.id]
        }
    };
}

/** The list without the account's name in it: only the policies keep to the account then. */
export const UNNAMED: Statement = {
    text: '/* unnamed */ select id, reference, state, total_pence from public.invoices order by id desc limit 50',
    args: []
};

/** The statements that the other forms are tried on. */
export const COMPARED = [
    'row',
    'page',
    'page_with_names',
    'search',
    'sum'
] as const satisfies StatementName[];

/** Policies as they are often written: the condition for a table whose account stands in account_id. */
export const OTHER_FORMS: Readonly<Record<string, string>> = {
    // The least that a policy of our form can cost: a question that is answered without looking anything up.
    looks_nothing_up:
        'nullif(account_id = any ((select public.bench_answer())::uuid[]), false) is not unknown',
    plain_any: "account_id = any ((select private.accounts_with('invoices.read'))::uuid[])",
    function_on_column: "public.has_permission(account_id, 'invoices.read')",
    bare_auth_uid: `exists (
        select from public.members as m where m.account_id = %1$s.account_id and m.user_id = auth.uid() and m.removed_at is null
    )`,
    join_on_memberships: `account_id in (
        select m.account_id
        from public.members as m
        join public.role_permissions as rp on rp.account_id = m.account_id and rp.role_id = m.role_id
        where m.user_id = (select auth.uid()) and m.removed_at is null and rp.permission = 'invoices.read'
    )`
};

/** Makes a role that passes over policies and, for each other form, a role for which the tables have policies of that form. */
export async function makeRoles(sql: Sql): Promise<void> {
    await sql`create role bench_without bypassrls`;
    await sql`grant authenticated to bench_without`;
    await sql`grant bench_without to authenticator`;
    for (const name of Object.keys(OTHER_FORMS)) await sql.unsafe(`create role bench_${name}`);
}

/** Gives the roles of the other forms their rights and policies in this database. */
export async function writePolicies(sql: Sql, account: string): Promise<void> {
    await sql.unsafe(`
        create function public.bench_answer() returns uuid[]
            language plpgsql stable security definer set search_path = ''
            as $$ begin return '{${account}}'::uuid[]; end $$
    `);
    for (const [name, condition] of Object.entries(OTHER_FORMS)) {
        const role = `bench_${name}`;
        await sql.unsafe(`grant usage on schema public, private, auth to ${role}`);
        await sql.unsafe(
            `grant execute on function public.bench_answer(), public.has_permission(uuid, text), private.holds(uuid, text), private.accounts_with(text) to ${role}`
        );
        await sql.unsafe(
            `grant select on public.invoices, public.customers, public.jobs, public.members, public.role_permissions to ${role}`
        );
        for (const table of ['invoices', 'customers', 'jobs'])
            await sql.unsafe(
                `create policy ${role} on public.${table} for select to ${role} using (${condition.replaceAll('%1$s', table)})`
            );
        await sql.unsafe(
            `create policy ${role} on public.members for select to ${role} using (user_id = (select auth.uid()))`
        );
        await sql.unsafe(
            `create policy ${role} on public.role_permissions for select to ${role} using (true)`
        );
    }
}
