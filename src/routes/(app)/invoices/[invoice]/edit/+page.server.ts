import { redirect } from '@sveltejs/kit';
import { blankForm } from '$lib/server/forms.ts';
import { pathId, protectedAction, protectedLoad } from '$lib/server/guard.ts';
import { InvoiceId } from '$lib/server/ids.ts';
import { discardInvoice, getInvoice } from '$lib/server/invoices.ts';
import { save, withOneMoreLine } from '../../editor.ts';
import { InvoiceForm, NothingForm, typedOf, UnfinishedInvoiceForm } from '../../schemas.ts';

export const load = protectedLoad('invoices.write', async ({ db, account, event }) => {
    const invoice = await getInvoice(db, account.id, pathId(event, 'invoice', InvoiceId));
    // Once issued it can only be looked at.
    if (invoice.state !== 'draft') redirect(303, `/invoices/${invoice.id}`);
    return {
        invoice,
        vatRegistered: account.vat_registered,
        form: await blankForm(UnfinishedInvoiceForm, typedOf(invoice), { id: 'invoice' })
    };
});

export const actions = {
    save: protectedAction('invoices.write', InvoiceForm, (ground) =>
        save(ground, pathId(ground.event, 'invoice', InvoiceId))
    ),
    add_line: protectedAction('invoices.write', UnfinishedInvoiceForm, withOneMoreLine),
    discard: protectedAction('invoices.write', NothingForm, async ({ db, account, event }) => {
        await discardInvoice(db, account.id, pathId(event, 'invoice', InvoiceId));
        redirect(303, '/money?show=drafts');
    })
};
