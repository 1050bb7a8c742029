/** Jobs on their way from enquiry to paid. Which moves there are is a rule of lib/domain/lifecycle and of the database. */
import { z } from 'zod';
import { JOB_STATES, type JobState } from '$lib/domain/lifecycle.ts';
import type { CustomerDetails, SiteDetails } from './customers.ts';
import { call, read, readPage, type Db } from './data.ts';
import { CustomerId, InvoiceId, JobId, MemberId, SiteId, type AccountId } from './ids.ts';
import { containing, Day, Moment, Money, rangeOf } from './shapes.ts';

const State = z.enum(JOB_STATES);
const Address = z.object({
    id: SiteId,
    address_line_1: z.string(),
    address_line_2: z.string().nullable(),
    town: z.string().nullable(),
    postcode: z.string().nullable()
});

const JobRow = z.object({
    id: JobId,
    number: z.int(),
    title: z.string(),
    state: State,
    booked_on: Day.nullable(),
    created_at: Moment,
    updated_at: Moment,
    customer: z.object({ id: CustomerId, name: z.string() }),
    site: Address.nullable()
});

/** A job as a line of a list. */
export type JobRow = z.infer<typeof JobRow>;

const Job = JobRow.extend({
    description: z.string().nullable(),
    customer: z.object({
        id: CustomerId,
        name: z.string(),
        email: z.string().nullable(),
        phone: z.string().nullable()
    }),
    job_members: z.array(z.object({ member_id: MemberId })),
    invoices: z.array(
        z.object({
            id: InvoiceId,
            reference: z.string().nullable(),
            state: z.enum(['draft', 'issued', 'part_paid', 'paid', 'void']),
            due_on: Day.nullable(),
            total_pence: Money,
            paid_pence: Money
        })
    )
});

/** A job with whom it is for, where, who is on it, and its invoices. Its photos come from documents.ts. */
export type Job = z.infer<typeof Job>;

const site = 'site:sites (id, address_line_1, address_line_2, town, postcode)';
const common = 'id, number, title, state, booked_on, created_at, updated_at';
const rowColumns = `${common}, customer:customers!inner (id, name), ${site}`;
const jobColumns = `${common}, description, customer:customers!inner (id, name, email, phone), ${site}, job_members (member_id), invoices (id, reference, state, due_on, total_pence, paid_pence)`;

/** A page of jobs, newest first. `search` looks at the title. */
export function listJobs(
    db: Db,
    account: AccountId,
    options: { states?: readonly JobState[]; customer?: CustomerId; search?: string; page?: number } = {}
): Promise<{ rows: JobRow[]; total: number }> {
    let query = db.from('jobs').select(rowColumns, { count: 'exact' }).eq('account_id', account);
    if (options.states) query = query.in('state', [...options.states]);
    if (options.customer) query = query.eq('customer_id', options.customer);
    if (options.search?.trim()) query = query.or(`title.ilike.${containing(options.search)}`);
    return readPage(
        query.order('number', { ascending: false }).range(...rangeOf(options.page ?? 1)),
        z.array(JobRow)
    );
}

/** One job, or `not_found`. */
export function getJob(db: Db, account: AccountId, id: JobId): Promise<Job> {
    return read(
        db
            .from('jobs')
            .select(jobColumns)
            .eq('account_id', account)
            .eq('id', id)
            .order('id', { referencedTable: 'invoices' })
            .single(),
        Job
    );
}

/** What a person types about a job. */
export type JobDetails = { title: string; description: string | null; booked_on: string | null };

/** Who a new job is for: a customer we have, or one to be added with it. */
export type JobFor =
    | { customer_id: CustomerId; site_id: SiteId | null; site: SiteDetails | null }
    | { customer: CustomerDetails; site: SiteDetails | null };

/** Adds a job and, in the same step, its customer and site when they are new. Same key, same job. */
export function createJob(
    db: Db,
    account: AccountId,
    idempotencyKey: string,
    details: JobDetails,
    whom: JobFor
): Promise<{ job_id: JobId; number: number }> {
    const known = 'customer_id' in whom;
    const job = known ? { ...details, customer_id: whom.customer_id, site_id: whom.site_id } : details;
    return call(
        db,
        'create_job',
        {
            account_id: account,
            idempotency_key: idempotencyKey,
            job,
            customer: known ? null : whom.customer,
            site: whom.site
        },
        z.object({ job_id: JobId, number: z.int() })
    );
}

/** Changes what a job says. */
export async function updateJob(
    db: Db,
    account: AccountId,
    id: JobId,
    details: JobDetails & { site_id?: SiteId | null }
): Promise<void> {
    await read(
        db.from('jobs').update(details).eq('account_id', account).eq('id', id).select('id').single(),
        z.object({ id: JobId })
    );
}

/**
 * Puts people on a job and takes others off it. Whoever was put on or taken off by somebody else in the meantime stays as
 * that one left them, unless they are named here.
 */
export async function changeJobMembers(
    db: Db,
    account: AccountId,
    id: JobId,
    { putOn, takeOff }: { putOn: readonly MemberId[]; takeOff: readonly MemberId[] }
): Promise<void> {
    await call(
        db,
        'change_job_members',
        { account_id: account, job_id: id, put_on: [...putOn], take_off: [...takeOff] },
        z.unknown()
    );
}

/** Moves a job along its lifecycle, or throws `job_state_not_allowed`. */
export async function moveJob(db: Db, account: AccountId, id: JobId, to: JobState): Promise<void> {
    await call(db, 'move_job', { account_id: account, job_id: id, to_state: to }, z.unknown());
}
