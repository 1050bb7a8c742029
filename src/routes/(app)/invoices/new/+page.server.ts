import { addDays, dayOf } from '$lib/domain/dates.ts';
import { getBusiness } from '$lib/server/business.ts';
import { getCustomer } from '$lib/server/customers.ts';
import { problem } from '$lib/server/errors.ts';
import { blankForm } from '$lib/server/forms.ts';
import { protectedLoad } from '$lib/server/guard.ts';
import { CustomerId, JobId } from '$lib/server/ids.ts';
import { getJob } from '$lib/server/jobs.ts';
import { addLineAction, saveAction } from '../editor.ts';
import { blankLine, UnfinishedInvoiceForm } from '../schemas.ts';

export const load = protectedLoad('invoices.write', async ({ db, account, event }) => {
    const askedJob = JobId.safeParse(event.url.searchParams.get('job'));
    const askedCustomer = CustomerId.safeParse(event.url.searchParams.get('customer'));
    const [job, named, business] = await Promise.all([
        askedJob.success ? getJob(db, account.id, askedJob.data) : null,
        askedCustomer.success ? getCustomer(db, account.id, askedCustomer.data) : null,
        getBusiness(db, account.id)
    ]);
    const customer = job?.customer ?? named;
    if (!customer) throw problem('not_found');
    const today = dayOf(new Date());
    const start = {
        job_id: job?.id ?? ('' as const),
        customer_id: customer.id,
        supplied_on: today,
        due_on: addDays(today, business.payment_terms_days),
        lines: [{ ...blankLine(account.vat_registered), description: job?.title ?? '' }],
        idempotency_key: crypto.randomUUID()
    };
    return {
        job: job && { id: job.id, number: job.number, title: job.title },
        customer: { id: customer.id, name: customer.name },
        vatRegistered: account.vat_registered,
        form: await blankForm(UnfinishedInvoiceForm, start, { id: 'invoice' })
    };
});

export const actions = {
    save: saveAction(() => null),
    add_line: addLineAction
};
