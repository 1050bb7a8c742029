// What the editor's two actions do, for a new invoice and for a stored draft alike.
import { redirect, type RequestEvent } from '@sveltejs/kit';
import type { z } from 'zod';
import type { PageForm } from '$lib/server/forms.ts';
import type { AccountGround } from '$lib/server/guard.ts';
import type { InvoiceId } from '$lib/server/ids.ts';
import { saveInvoice } from '$lib/server/invoices.ts';
import { blankLine, draftOf, linesOf, type InvoiceForm, type UnfinishedInvoiceForm } from './schemas.ts';

type Saving = AccountGround<RequestEvent> & { input: z.output<typeof InvoiceForm> };
type Editing = AccountGround<RequestEvent> & { form: PageForm<typeof UnfinishedInvoiceForm> };

/** Saves what was typed; `draft` says as which one, null makes a new one. */
export async function save({ db, account, input }: Saving, draft: InvoiceId | null): Promise<never> {
    const saved = await saveInvoice(
        db,
        account.id,
        draft,
        input.idempotency_key,
        draftOf(input),
        linesOf(input)
    );
    redirect(303, `/invoices/${saved.invoice_id}`);
}

/** Hands back what was typed with one more line, for a browser that runs no script. Nothing is stored. */
export function withOneMoreLine({ account, form }: Editing): { form: Editing['form'] } {
    form.data.lines = [...form.data.lines, blankLine(account.vat_registered)];
    return { form };
}
