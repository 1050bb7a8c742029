import { redirect } from '@sveltejs/kit';
import { z } from 'zod';
import { invoicePdfUrl } from '$lib/server/documents.ts';
import { pathId, protectedEndpoint } from '$lib/server/guard.ts';
import { InvoiceId } from '$lib/server/ids.ts';

export const GET = protectedEndpoint('invoices.read', z.object({}), async ({ db, account, event }) => {
    redirect(303, await invoicePdfUrl(db, account.id, pathId(event, 'invoice', InvoiceId)));
});
