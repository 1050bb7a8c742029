// The two actions of the editor, for a new invoice and for a stored draft alike.
import { redirect, type RequestEvent } from '@sveltejs/kit';
import { protectedAction } from '$lib/server/guard.ts';
import type { InvoiceId } from '$lib/server/ids.ts';
import { saveInvoice } from '$lib/server/invoices.ts';
import { blankLine, draftOf, InvoiceForm, linesOf, UnfinishedInvoiceForm } from './schemas.ts';

/** `whose` says which draft is saved: null makes a new one. */
export const saveAction = (whose: (event: RequestEvent) => InvoiceId | null) =>
    protectedAction('invoices.write', InvoiceForm, async ({ db, account, event, input }) => {
        const saved = await saveInvoice(
            db,
            account.id,
            whose(event),
            input.idempotency_key,
            draftOf(input),
            linesOf(input)
        );
        redirect(303, `/invoices/${saved.invoice_id}`);
    });

/** Hands back what was typed with one more line, for a browser that runs no script. Nothing is stored. */
export const addLineAction = protectedAction('invoices.write', UnfinishedInvoiceForm, ({ account, form }) => {
    form.data.lines = [...form.data.lines, blankLine(account.vat_registered)];
    return { form };
});
