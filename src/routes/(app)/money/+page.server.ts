import { dayOf } from '$lib/domain/dates.ts';
import type { InvoiceState } from '$lib/domain/invoice.ts';
import { pageOf } from '$lib/server/fields.ts';
import { protectedLoad } from '$lib/server/guard.ts';
import { listInvoices } from '$lib/server/invoices.ts';
import { pageSize } from '$lib/server/shapes.ts';

/** The filters of the list; overdue is no state but a day that has passed. */
const SHOWN: Record<string, readonly InvoiceState[] | 'overdue'> = {
    owed: ['issued', 'part_paid'],
    overdue: 'overdue',
    drafts: ['draft'],
    paid: ['paid'],
    all: ['draft', 'issued', 'part_paid', 'paid', 'void']
};

export const load = protectedLoad('invoices.read', async ({ db, account, event }) => {
    const asked = event.url.searchParams.get('show') ?? 'owed';
    const show = Object.hasOwn(SHOWN, asked) ? asked : 'owed';
    const filter = SHOWN[show] ?? 'overdue';
    const page = pageOf(event.url);
    const today = dayOf(new Date());
    return {
        invoices: await listInvoices(
            db,
            account.id,
            filter === 'overdue' ? { overdueOn: today, page } : { states: filter, page }
        ),
        show,
        page,
        pageSize,
        today
    };
});
