/** The mails a trader's customer gets: an invoice, and the receipt when it is paid. In the trader's name. */
import { dayOf, formatDay } from '../../../../src/lib/domain/dates.ts';
import { formatPence } from '../../../../src/lib/domain/money.ts';
import { layOut, type Block, type Mail } from './layout.ts';
import { paragraphs } from './text.ts';

export type InvoiceData = {
    readonly reference: string;
    readonly total_pence: number;
    /** ISO day. */
    readonly due_on: string | null;
    readonly link_token: string;
    /** What the trader typed to go with it. */
    readonly message: string | null;
    readonly customer_name: string | null;
    readonly business_name: string;
};

export type ReceiptData = {
    readonly reference: string;
    readonly amount_pence: number;
    /** ISO timestamp. */
    readonly paid_at: string;
    readonly business_name: string;
    readonly link_token: string | null;
};

export function invoiceMail(data: InvoiceData, appOrigin: string): Mail {
    const business = data.business_name;
    const total = formatPence(data.total_pence);
    const due = data.due_on === null ? null : `Due by ${formatDay(data.due_on)}`;
    const message = paragraphs(data.message ?? '').map((lines): Block => ({ kind: 'paragraph', lines }));
    const greeting = data.customer_name === null ? 'Hello,' : `Hello ${data.customer_name},`;
    const usual: Block = {
        kind: 'paragraph',
        lines: [`here is invoice ${data.reference} from ${business}.`]
    };
    return layOut({
        subject: `Invoice ${data.reference} from ${business}`,
        from: business,
        preview: due === null ? total : `${total}. ${due}`,
        blocks: [
            { kind: 'paragraph', lines: [greeting] },
            ...(message.length === 0 ? [usual] : message),
            {
                kind: 'figure',
                label: `Invoice ${data.reference}`,
                value: total,
                note: due
            },
            { kind: 'button', label: 'View and pay invoice', url: portalUrl(data.link_token, appOrigin) },
            {
                kind: 'small',
                text: 'The invoice is attached as a PDF too. The link is private to you: please don’t pass it on.'
            },
            { kind: 'small', text: `Questions? Reply to this e-mail to reach ${business}.` }
        ],
        footer: `Sent with TradersFlow for ${business}. Cards are paid on Stripe’s pages; nobody asks for your card by e-mail.`
    });
}

export function receiptMail(data: ReceiptData, appOrigin: string): Mail {
    const business = data.business_name;
    const amount = formatPence(data.amount_pence);
    return layOut({
        subject: `Receipt for invoice ${data.reference}: ${amount} paid to ${business}`,
        from: business,
        preview: `${amount} received. Thank you.`,
        blocks: [
            {
                kind: 'paragraph',
                lines: [`Thank you. ${business} has received your payment for invoice ${data.reference}.`]
            },
            {
                kind: 'figure',
                label: 'Paid',
                value: amount,
                note: `on ${formatDay(dayOf(new Date(data.paid_at)))}`
            },
            ...(data.link_token === null
                ? []
                : [
                      {
                          kind: 'button',
                          label: 'View invoice',
                          url: portalUrl(data.link_token, appOrigin)
                      } as const
                  ]),
            { kind: 'small', text: `Questions? Reply to this e-mail to reach ${business}.` }
        ],
        footer: `Sent with TradersFlow for ${business}.`
    });
}

function portalUrl(token: string, appOrigin: string): string {
    return `${appOrigin}/p/${encodeURIComponent(token)}`;
}
