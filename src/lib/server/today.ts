/** The first screen in one round trip. */
import { z } from 'zod';
import { JOB_STATES } from '$lib/domain/lifecycle.ts';
import { call, type Db } from './data.ts';
import { InvoiceId, JobId, PaymentId, type AccountId } from './ids.ts';
import { Day, Moment, Money } from './shapes.ts';

const Today = z.object({
    owed_pence: Money,
    overdue_pence: Money,
    overdue_count: z.int(),
    paid_this_month_pence: Money,
    jobs_today: z.array(
        z.object({
            id: JobId,
            number: z.int(),
            title: z.string(),
            state: z.enum(JOB_STATES),
            booked_on: Day.nullable(),
            customer_name: z.string().nullable(),
            address_line_1: z.string().nullable(),
            town: z.string().nullable(),
            postcode: z.string().nullable()
        })
    ),
    needs_you: z.array(
        z.object({
            kind: z.enum([
                'invoice_overdue',
                'invoice_not_sent',
                'job_to_invoice',
                'invoice_to_issue',
                'enquiry_to_answer'
            ]),
            entity: z.enum(['invoice', 'job']),
            id: z.uuid(),
            job_id: JobId,
            title: z.string(),
            detail: z.string().nullable(),
            amount_pence: Money.nullable(),
            on_date: Day.nullable()
        })
    ),
    recent_payments: z.array(
        z.object({
            id: PaymentId,
            amount_pence: Money,
            refunded_pence: Money,
            method: z.enum(['card', 'bank', 'cash']),
            paid_at: Moment,
            invoice_id: InvoiceId,
            reference: z.string().nullable(),
            job_id: JobId.nullable(),
            customer_name: z.string().nullable()
        })
    )
});

/** What is owed, what is on today, what waits for somebody, what came in. Sums are of what this person may read. */
export type Today = z.infer<typeof Today>;

/** Asks for the first screen of a business. */
export function today(db: Db, account: AccountId): Promise<Today> {
    return call(db, 'today', { account_id: account }, Today);
}
