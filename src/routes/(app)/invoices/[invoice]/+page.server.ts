import { redirect } from '@sveltejs/kit';
import { dayOf } from '$lib/domain/dates.ts';
import { trailOf } from '$lib/server/audit.ts';
import type { Db } from '$lib/server/data.ts';
import { orNull } from '$lib/server/fields.ts';
import { blankForm } from '$lib/server/forms.ts';
import { pathId, protectedAction, protectedLoad } from '$lib/server/guard.ts';
import { InvoiceId, type AccountId } from '$lib/server/ids.ts';
import {
    createPortalLink,
    getInvoice,
    makeInvoicePdf,
    revokePortalLinks,
    sendInvoice,
    type Invoice
} from '$lib/server/invoices.ts';
import { settings } from '$lib/server/settings.ts';
import { KeyForm, NothingForm, SendForm } from '../schemas.ts';

/**
 * The invoice. Its PDF is made when it is issued; should that have been cut off, looking at the invoice makes up for it,
 * and where that fails the page says so and offers it again.
 */
async function withItsPdf(db: Db, account: AccountId, id: InvoiceId, mayIssue: boolean): Promise<Invoice> {
    const invoice = await getInvoice(db, account, id);
    if (invoice.state === 'draft' || invoice.document?.state === 'ready' || !mayIssue) return invoice;
    try {
        await makeInvoicePdf(db, account, id);
    } catch {
        return invoice;
    }
    return getInvoice(db, account, id);
}

export const load = protectedLoad('invoices.read', async ({ db, account, event }) => {
    const id = pathId(event, 'invoice', InvoiceId);
    const may = (permission: string): boolean => account.permissions.includes(permission);
    const [invoice, trail] = await Promise.all([
        withItsPdf(db, account.id, id, may('invoices.issue')),
        may('audit.read') ? trailOf(db, account.id, { entity: 'invoice', id, pageSize: 30 }) : null
    ]);
    const send = { to: invoice.customer.email ?? '', idempotency_key: crypto.randomUUID() };
    return {
        invoice,
        trail,
        today: dayOf(new Date()),
        takesCards: account.stripe.charges_enabled,
        send: await blankForm(SendForm, send, { id: 'send' }),
        link: await blankForm(KeyForm, { idempotency_key: crypto.randomUUID() }, { id: 'link' }),
        mayChange: may('invoices.write'),
        mayIssue: may('invoices.issue'),
        maySend: may('invoices.send'),
        mayPayouts: may('payouts.manage')
    };
});

export const actions = {
    send: protectedAction('invoices.send', SendForm, async ({ db, account, event, input }) => {
        const id = pathId(event, 'invoice', InvoiceId);
        await sendInvoice(db, account.id, id, input.to, orNull(input.message), input.idempotency_key);
        redirect(303, `/invoices/${id}?sent=1`);
    }),
    link: protectedAction('invoices.send', KeyForm, async ({ db, account, event, input, form }) => {
        const id = pathId(event, 'invoice', InvoiceId);
        const { token } = await createPortalLink(db, account.id, id, input.idempotency_key);
        return { form, link: `${settings().ORIGIN}/p/${token}` };
    }),
    revoke: protectedAction('invoices.send', NothingForm, async ({ db, account, event }) => {
        const id = pathId(event, 'invoice', InvoiceId);
        await revokePortalLinks(db, account.id, id);
        redirect(303, `/invoices/${id}?revoked=1`);
    }),
    // The PDF is made when the invoice is issued; this makes it again should that have been cut off.
    pdf: protectedAction('invoices.issue', NothingForm, async ({ db, account, event }) => {
        const id = pathId(event, 'invoice', InvoiceId);
        await makeInvoicePdf(db, account.id, id);
        redirect(303, `/invoices/${id}`);
    })
};
