import { addDays, dayOf } from '$lib/domain/dates.ts';
import { getBusiness } from '$lib/server/business.ts';
import { blankForm } from '$lib/server/forms.ts';
import { pathId, protectedAction, protectedLoad } from '$lib/server/guard.ts';
import { JobId } from '$lib/server/ids.ts';
import { getJob } from '$lib/server/jobs.ts';
import { save, withOneMoreLine } from '../../../invoices/editor.ts';
import { blankLine, InvoiceForm, UnfinishedInvoiceForm } from '../../../invoices/schemas.ts';

export const load = protectedLoad('invoices.write', async ({ db, account, event }) => {
    const id = pathId(event, 'job', JobId);
    const [job, business] = await Promise.all([getJob(db, account.id, id), getBusiness(db, account.id)]);
    const today = dayOf(new Date());
    const start = {
        job_id: job.id,
        customer_id: job.customer.id,
        supplied_on: today,
        due_on: addDays(today, business.payment_terms_days),
        lines: [{ ...blankLine(account.vat_registered), description: job.title }],
        idempotency_key: crypto.randomUUID()
    };
    return {
        job: { id: job.id, number: job.number, title: job.title },
        customer: { id: job.customer.id, name: job.customer.name },
        vatRegistered: account.vat_registered,
        form: await blankForm(UnfinishedInvoiceForm, start, { id: 'invoice' })
    };
});

export const actions = {
    save: protectedAction('invoices.write', InvoiceForm, (ground) => save(ground, null)),
    add_line: protectedAction('invoices.write', UnfinishedInvoiceForm, withOneMoreLine)
};
