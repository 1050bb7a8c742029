import { redirect } from '@sveltejs/kit';
import { getBusiness } from '$lib/server/business.ts';
import { blankForm } from '$lib/server/forms.ts';
import { pathId, protectedAction, protectedLoad } from '$lib/server/guard.ts';
import { InvoiceId } from '$lib/server/ids.ts';
import { getInvoice, issueInvoice } from '$lib/server/invoices.ts';
import { IssueForm } from '../../schemas.ts';

export const load = protectedLoad('invoices.issue', async ({ db, account, event }) => {
    const [invoice, business] = await Promise.all([
        getInvoice(db, account.id, pathId(event, 'invoice', InvoiceId)),
        getBusiness(db, account.id)
    ]);
    if (invoice.state !== 'draft') redirect(303, `/invoices/${invoice.id}`);
    const start = { expected_total_pence: invoice.total_pence, idempotency_key: crypto.randomUUID() };
    return { invoice, business, form: await blankForm(IssueForm, start, { id: 'issue' }) };
});

export const actions = {
    default: protectedAction('invoices.issue', IssueForm, async ({ db, account, event, input }) => {
        const id = pathId(event, 'invoice', InvoiceId);
        await issueInvoice(db, account.id, id, input.expected_total_pence, input.idempotency_key);
        redirect(303, `/invoices/${id}?issued=1`);
    })
};
