// The doors of invoices, drafts and their PDFs.
import { TYPED, changes, key, lines, shows, today, type Examples } from './example.ts';

const SIGNER = { for: ['nobody'] as const, by: 'the edge function storage-sign signs for a person only' };

export const invoices: Examples = {
    '/(app)/invoices/[invoice] load': [
        shows(async (of) => ({ path: `/invoices/${(await of.anInvoice()).invoiceId}` }))
    ],
    '/(app)/invoices/[invoice] action:send': [
        changes(async (of) => ({
            path: `/invoices/${(await of.anInvoice()).invoiceId}?/send`,
            fields: { to: 'customer@example.test', message: '', idempotency_key: key() }
        }))
    ],
    '/(app)/invoices/[invoice] action:link': [
        changes(async (of) => ({
            path: `/invoices/${(await of.anInvoice()).invoiceId}?/link`,
            fields: { idempotency_key: key() }
        }))
    ],
    '/(app)/invoices/[invoice] action:revoke': [
        changes(async (of) => {
            const { invoiceId } = await of.anInvoice();
            await of.aLink(invoiceId);
            return { path: `/invoices/${invoiceId}?/revoke`, fields: {} };
        })
    ],
    '/(app)/invoices/[invoice] action:pdf': [
        changes(async (of) => {
            const { invoiceId, totalPence } = await of.aDraft();
            const { error } = await of.owner.db.rpc('issue_invoice', {
                account_id: of.accountId,
                invoice_id: invoiceId,
                expected_total_pence: totalPence,
                idempotency_key: key()
            });
            if (error) throw error;
            return { path: `/invoices/${invoiceId}?/pdf`, fields: {} };
        })
    ],
    '/(app)/invoices/[invoice]/edit load': [
        shows(async (of) => ({ path: `/invoices/${(await of.aDraft()).invoiceId}/edit` }))
    ],
    '/(app)/invoices/[invoice]/edit action:save': [
        changes(async (of) => {
            const { invoiceId, jobId, customerId } = await of.aDraft();
            const { fields } = { fields: { job_id: jobId, customer_id: customerId, ...lines } };
            return {
                path: `/invoices/${invoiceId}/edit?/save`,
                fields: { ...fields, supplied_on: today(), due_on: today(), idempotency_key: key() }
            };
        })
    ],
    '/(app)/invoices/[invoice]/edit action:add_line': [
        {
            does: 'neither',
            because: TYPED,
            async request(of) {
                const { invoiceId, jobId, customerId } = await of.aDraft();
                return {
                    path: `/invoices/${invoiceId}/edit?/add_line`,
                    fields: { job_id: jobId, customer_id: customerId, idempotency_key: key(), ...lines }
                };
            }
        }
    ],
    '/(app)/invoices/[invoice]/edit action:discard': [
        changes(async (of) => ({
            path: `/invoices/${(await of.aDraft()).invoiceId}/edit?/discard`,
            fields: {}
        }))
    ],
    '/(app)/invoices/[invoice]/issue load': [
        shows(async (of) => ({ path: `/invoices/${(await of.aDraft()).invoiceId}/issue` }))
    ],
    '/(app)/invoices/[invoice]/issue action:default': [
        changes(async (of) => {
            const { invoiceId, totalPence } = await of.aDraft();
            return {
                path: `/invoices/${invoiceId}/issue`,
                fields: { expected_total_pence: String(totalPence), idempotency_key: key() }
            };
        })
    ],
    '/(app)/invoices/[invoice]/pdf GET': [
        {
            does: 'shows',
            thirdCheck: SIGNER,
            request: async (of) => ({
                path: `/invoices/${(await of.anInvoice()).invoiceId}/pdf?account_id=${of.accountId}`
            })
        }
    ]
};
