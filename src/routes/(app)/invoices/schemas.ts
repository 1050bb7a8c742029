import { z } from 'zod';
import { parsePounds, penceToInput } from '$lib/domain/money.ts';
import { formatQuantity, parseQuantity } from '$lib/domain/quantity.ts';
import { day, optionalWords, orNull, parsed, pounds, quantity, words } from '$lib/server/fields.ts';
import { CustomerId, IdempotencyKey, JobId } from '$lib/server/ids.ts';
import type { Invoice, InvoiceDraft, LineDraft } from '$lib/server/invoices.ts';

const kind = z.enum(['labour', 'materials', 'other']).default('labour');
/** Basis points as text; empty where the business may show no VAT. */
const rate = z.enum(['', '0', '500', '2000']).default('2000');

const head = {
    job_id: JobId,
    customer_id: CustomerId,
    notes: optionalWords(2000),
    /** The version that is edited; empty for a new one. */
    updated_at: z.string().max(40).default(''),
    idempotency_key: IdempotencyKey
};

export const InvoiceForm = z.object({
    ...head,
    supplied_on: day('Give the day the work was done.'),
    due_on: day('Give the day it should be paid by.'),
    lines: z
        .array(
            z.object({
                kind,
                description: words('Say what this line is for.', 500),
                quantity,
                unit_price: pounds,
                vat_rate: rate
            })
        )
        .max(200, 'An invoice has room for 200 lines.')
        .default([])
});

/** The same fields while somebody is still typing: another line is asked for before all of them are filled. */
export const UnfinishedInvoiceForm = z.object({
    ...head,
    supplied_on: z.string().default(''),
    due_on: z.string().default(''),
    lines: z
        .array(
            z.object({
                kind,
                description: z.string().default(''),
                quantity: z.string().default('1'),
                unit_price: z.string().default(''),
                vat_rate: rate
            })
        )
        .max(200)
        .default([])
});

export const IssueForm = z.object({
    expected_total_pence: z.coerce.number().int(),
    idempotency_key: IdempotencyKey
});

export const SendForm = z.object({
    to: z
        .string()
        .trim()
        .max(254)
        .regex(/^[^@\s]+@[^@\s]+\.[^@\s]+$/, 'Give the e-mail address it should go to.'),
    message: optionalWords(2000),
    idempotency_key: IdempotencyKey
});

export const KeyForm = z.object({ idempotency_key: IdempotencyKey });
export const NothingForm = z.object({});

type Typed = z.output<typeof InvoiceForm>;

/** A draft as it stands in the editor: text as it was typed. */
export type UnfinishedInvoice = z.output<typeof UnfinishedInvoiceForm>;

export function draftOf(input: Typed): InvoiceDraft {
    return {
        job_id: input.job_id,
        customer_id: input.customer_id,
        supplied_on: input.supplied_on,
        due_on: input.due_on,
        notes: orNull(input.notes),
        updated_at: orNull(input.updated_at)
    };
}

export function linesOf(input: Typed): LineDraft[] {
    return input.lines.map((line) => ({
        kind: line.kind,
        description: line.description,
        quantity_milli: parsed(parseQuantity(line.quantity)),
        unit_pence: parsed(parsePounds(line.unit_price)),
        vat_rate_bp: line.vat_rate === '' ? null : Number(line.vat_rate)
    }));
}

/** A blank line as the editor shows it. */
export const blankLine = (vatRegistered: boolean): UnfinishedInvoice['lines'][number] => ({
    kind: 'labour',
    description: '',
    quantity: '1',
    unit_price: '',
    vat_rate: vatRegistered ? '2000' : ''
});

const RATES = ['0', '500', '2000'] as const;

/** A stored draft as the text that the editor shows. */
export function typedOf(invoice: Invoice): UnfinishedInvoice {
    return {
        job_id: invoice.job.id,
        customer_id: invoice.customer.id,
        supplied_on: invoice.supplied_on ?? '',
        due_on: invoice.due_on ?? '',
        notes: invoice.notes ?? '',
        updated_at: invoice.updated_at,
        idempotency_key: crypto.randomUUID(),
        lines: invoice.lines.map((line) => ({
            kind: line.kind,
            description: line.description,
            quantity: formatQuantity(line.quantity_milli),
            unit_price: penceToInput(line.unit_pence),
            vat_rate: RATES.find((bp) => bp === String(line.vat_rate_bp)) ?? ''
        }))
    };
}
