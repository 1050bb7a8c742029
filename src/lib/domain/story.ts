// The audit trail as a person would tell it: one sentence an act, and its changed fields in words.
// Reads records as they are stored; an act that has no sentence yet is told plainly, never left out.
import { formatDay, formatMoment } from './dates.ts';
import { jobStateLabel, JOB_STATES } from './lifecycle.ts';
import { formatPence } from './money.ts';
import { formatQuantity } from './quantity.ts';

type Fields = Readonly<Record<string, unknown>> | null;

export type ActRecord = {
    readonly action: string;
    readonly entity: string;
    readonly before: Fields;
    readonly after: Fields;
    readonly detail: Fields;
    readonly actor_kind: 'person' | 'customer' | 'webhook' | 'worker' | 'system';
    readonly actor_name: string | null;
};

/** A changed field: its name in words, and what it was and is. Null means there was nothing. */
export type Change = {
    readonly field: string;
    readonly before: string | null;
    readonly after: string | null;
};

const text = (fields: Fields, name: string): string => {
    const value = fields?.[name];
    return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
};
const money = (fields: Fields, name: string): string => {
    const value = fields?.[name];
    return typeof value === 'number' ? formatPence(value) : '';
};
const named = (words: string, name: string): string => (name === '' ? words : `${words} ${name}`);
const quoted = (name: string): string => (name === '' ? '' : `“${name}”`);

/** A refund: the trader makes it in Stripe, and Stripe tells us of it. */
function paidBack({ before, after }: ActRecord): string {
    const sum = Number(after?.refunded_pence) - Number(before?.refunded_pence);
    return Number.isNaN(sum) ? 'changed a payment' : `paid ${formatPence(sum)} back to the customer`;
}

/** What was done, by action; the record's fields after (or before, when it is gone) fill in what to. */
const SENTENCES: Readonly<Record<string, (record: ActRecord) => string>> = {
    'account.created': ({ after }) => named('opened the business', text(after, 'name')),
    'account.updated': () => 'changed the business’s details',
    'member.created': ({ after }) => named('joined the team:', text(after, 'display_name')),
    'member.removed': () => 'removed somebody from the team',
    'customer.created': ({ after }) => named('added customer', text(after, 'name')),
    'customer.updated': () => 'changed a customer’s details',
    'customer.deleted': ({ before }) => named('deleted customer', text(before, 'name')),
    'site.created': ({ after }) => named('added the address', text(after, 'address_line_1')),
    'site.updated': () => 'changed an address',
    'job.created': ({ after }) => named('took the job', quoted(text(after, 'title'))),
    'job.updated': () => 'changed a job',
    'document.created': ({ after }) =>
        text(after, 'kind') === 'photo' ? 'began sending a photo' : 'made room for the invoice’s PDF',
    'document.ready': ({ after }) =>
        text(after, 'content_type') === 'application/pdf' ? 'stored the invoice’s PDF' : 'added a photo',
    'document.deleted': ({ before }) =>
        text(before, 'kind') === 'photo' ? 'gave up on a photo' : 'removed a document',
    'invoice.created': () => 'began an invoice',
    'invoice.updated': ({ after }) => {
        const fields = Object.keys(after ?? {});
        if (fields.every((field) => /^(net|vat|total)_pence$/.test(field))) return 'added the invoice up';
        return fields.includes('document_id') ? 'put the PDF with the invoice' : 'changed an invoice';
    },
    'invoice.deleted': () => 'threw a draft invoice away',
    // Back from paid, when all of it was refunded, it is not issued a second time.
    'invoice.issued': ({ before, after }) =>
        text(before, 'state') === 'draft'
            ? named('issued invoice', text(after, 'reference'))
            : 'marked the invoice unpaid again',
    'invoice.sent': () => 'sent the invoice',
    'invoice.part_paid': ({ before }) =>
        text(before, 'state') === 'paid' ? 'marked the invoice part paid again' : 'recorded a part payment',
    'invoice.paid': () => 'marked the invoice paid',
    'invoice_line.created': ({ after }) => named('added the line', quoted(text(after, 'description'))),
    'invoice_line.updated': () => 'changed a line',
    'invoice_line.deleted': ({ before }) => named('took out the line', quoted(text(before, 'description'))),
    'invoice_vat.created': () => 'added the VAT up',
    'invoice_vat.updated': () => 'added the VAT up again',
    'invoice_vat.deleted': () => 'added the VAT up again',
    'payment.created': ({ after }) =>
        `recorded a payment of ${money(after, 'amount_pence')} by ${text(after, 'method') || 'card'}`,
    'payment.updated': paidBack,
    'payment.part_refunded': paidBack,
    'payment.refunded': paidBack,
    'portal_link.created': () => 'made a private link for the customer',
    'portal_link.first_viewed': () => 'opened the invoice for the first time',
    'portal_link.revoked': () => 'ended a private link',
    'connected_account.created': () => 'began setting up card payments at Stripe',
    'connected_account.updated': ({ after }) =>
        after?.charges_enabled === true ? 'switched card payments on' : 'changed what the account may do',
    'checkout.created': () => 'began to pay',
    'checkout.open': () => 'opened Stripe’s payment page',
    'checkout.complete': () => 'confirmed that the payment page was completed',
    'checkout.closing': () => 'was kept from paying on a page that is out of date',
    'checkout.expired': () => 'closed the payment page unpaid',
    'message.created': ({ after }) => named('queued an e-mail to', text(after, 'to_address')),
    'message.sent': () => 'sent the e-mail',
    'message.failed': () => 'could not send the e-mail',
    'message.unknown': () => 'can’t tell whether the e-mail was sent'
};

/** Who acted, as the sentence begins. */
export function actorOf(record: Pick<ActRecord, 'actor_kind' | 'actor_name'>): string {
    switch (record.actor_kind) {
        case 'person':
            return record.actor_name ?? 'Somebody who has left';
        case 'customer':
            return record.actor_name ?? 'The customer';
        case 'webhook':
            return 'Stripe';
        case 'worker':
        case 'system':
            return 'TradersFlow';
    }
}

/** What was done: the rest of the sentence, without its actor. */
export function actOf(record: ActRecord): string {
    const known = SENTENCES[record.action];
    if (known) return known(record);
    const [entity = record.entity, verb = ''] = record.action.split('.');
    const jobState = entity === 'job' ? JOB_STATES.find((state) => state === verb) : undefined;
    if (jobState) return `moved the job to ${jobStateLabel(jobState)}`;
    return `${entity.replaceAll('_', ' ')}: ${verb.replaceAll('_', ' ')}`;
}

/** Fields that only repeat what the record says elsewhere. */
const UNTOLD = new Set(['id', 'account_id', 'created_at', 'updated_at', 'created_by', 'number']);

function inWords(field: string, value: unknown): string | null {
    if (value === null || value === undefined || value === '') return null;
    if (typeof value === 'boolean') return value ? 'yes' : 'no';
    if (typeof value === 'number') {
        if (field.endsWith('_pence')) return formatPence(value);
        if (field.endsWith('_milli')) return formatQuantity(value);
        if (field.endsWith('_bp')) return `${value / 100}%`;
        return String(value);
    }
    if (typeof value === 'string') {
        if (value === '[redacted]') return 'hidden';
        if (field.endsWith('_on')) return formatDay(value);
        if (field.endsWith('_at')) return formatMoment(value);
        return value;
    }
    return JSON.stringify(value);
}

/** `unit_pence` is told as “unit”, `due_on` as “due”. */
function nameOf(field: string): string {
    const words = field.replace(/_(pence|milli|bp|on|at|id)$/, '').replaceAll('_', ' ');
    return words.charAt(0).toUpperCase() + words.slice(1);
}

/** The changed fields in words; ids and bookkeeping stay in the technical record. */
export function changesOf(record: Pick<ActRecord, 'before' | 'after'>): readonly Change[] {
    const fields = [...new Set([...Object.keys(record.before ?? {}), ...Object.keys(record.after ?? {})])];
    return fields
        .filter((field) => !UNTOLD.has(field) && !field.endsWith('_id'))
        .map((field) => ({
            field: nameOf(field),
            before: inWords(field, record.before?.[field]),
            after: inWords(field, record.after?.[field])
        }))
        .filter(({ before, after }) => before !== after);
}
