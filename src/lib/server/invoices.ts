/**
 * Invoices: drafted, issued once with a number and a PDF, sent with a private link. Sums are the database's; the
 * screen and the PDF use the same engine in lib/domain.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { InvoiceState } from '$lib/domain/invoice.ts';
import { call, read, readPage, type Db } from './data.ts';
import { markReady } from './documents.ts';
import { problem } from './errors.ts';
import { CustomerId, DocumentId, InvoiceId, JobId, PaymentId, type AccountId } from './ids.ts';
import { invoicePdf } from './invoice-pdf.ts';
import { Day, Moment, Money, rangeOf } from './shapes.ts';

const State = z.enum(['draft', 'issued', 'part_paid', 'paid', 'void'] as const satisfies InvoiceState[]);

const InvoiceRow = z.object({
    id: InvoiceId,
    reference: z.string().nullable(),
    state: State,
    issued_on: Day.nullable(),
    due_on: Day.nullable(),
    sent_at: Moment.nullable(),
    total_pence: Money,
    paid_pence: Money,
    updated_at: Moment,
    customer: z.object({ id: CustomerId, name: z.string() }),
    job: z.object({ id: JobId, number: z.int(), title: z.string() })
});

/** An invoice as a line of a list. */
export type InvoiceRow = z.infer<typeof InvoiceRow>;

const Line = z.object({
    kind: z.enum(['labour', 'materials', 'other']),
    description: z.string(),
    quantity_milli: z.int(),
    unit_pence: Money,
    vat_rate_bp: z.int().nullable(),
    net_pence: Money
});

const text = z
    .string()
    .nullish()
    .transform((value) => value ?? null);

const Address = z.object({ address_line_1: text, address_line_2: text, town: text, postcode: text });

/** One side of an invoice as it was frozen when it was issued. */
const Party = Address.extend({ name: z.string(), vat_number: text, email: text, phone: text });

const Invoice = InvoiceRow.extend({
    number: z.int().nullable(),
    issued_at: Moment.nullable(),
    supplied_on: Day.nullable(),
    notes: z.string().nullable(),
    net_pence: Money,
    vat_pence: Money,
    document_id: DocumentId.nullable(),
    customer: z.object({ id: CustomerId, name: z.string(), email: z.string().nullable() }),
    supplier_as_issued: Party.nullable(),
    customer_as_issued: Party.nullable(),
    lines: z.array(Line),
    vat: z.array(z.object({ vat_rate_bp: z.int(), net_pence: Money, vat_pence: Money })),
    payments: z.array(
        z.object({
            id: PaymentId,
            amount_pence: Money,
            refunded_pence: Money,
            method: z.enum(['card', 'bank', 'cash']),
            state: z.string(),
            paid_at: Moment
        })
    ),
    site: Address.nullable(),
    document: z.object({ state: z.string() }).nullable()
});

/** An invoice with its lines, VAT per rate and payments. `document.state` is `ready` once the PDF is. */
export type Invoice = z.infer<typeof Invoice>;

const rowColumns =
    'id, reference, state, issued_on, due_on, sent_at, total_pence, paid_pence, updated_at, ' +
    'customer:customers!inner (id, name), job:jobs!inner (id, number, title)';

const invoiceColumns =
    'id, number, reference, state, issued_at, issued_on, supplied_on, due_on, sent_at, notes, net_pence, vat_pence, ' +
    'total_pence, paid_pence, updated_at, document_id, supplier_as_issued:supplier, customer_as_issued:customer, ' +
    'customer:customers!inner (id, name, email), job:jobs!inner (id, number, title), ' +
    'lines:invoice_lines (kind, description, quantity_milli, unit_pence, vat_rate_bp, net_pence), ' +
    'vat:invoice_vat (vat_rate_bp, net_pence, vat_pence), ' +
    'payments (id, amount_pence, refunded_pence, method, state, paid_at), ' +
    'site:sites (address_line_1, address_line_2, town, postcode), ' +
    'document:documents!invoice_has_a_document_of_the_account (state)';

/** A page of invoices, newest first. */
export function listInvoices(
    db: Db,
    account: AccountId,
    options: {
        states?: readonly InvoiceState[];
        overdueOn?: string;
        customer?: CustomerId;
        page?: number;
    } = {}
): Promise<{ rows: InvoiceRow[]; total: number }> {
    let query = db.from('invoices').select(rowColumns, { count: 'exact' }).eq('account_id', account);
    if (options.states) query = query.in('state', [...options.states]);
    if (options.overdueOn) query = query.in('state', ['issued', 'part_paid']).lt('due_on', options.overdueOn);
    if (options.customer) query = query.eq('customer_id', options.customer);
    return readPage(
        query.order('id', { ascending: false }).range(...rangeOf(options.page ?? 1)),
        z.array(InvoiceRow)
    );
}

/** One invoice, or `not_found`. */
export function getInvoice(db: Db, account: AccountId, id: InvoiceId): Promise<Invoice> {
    return read(
        db
            .from('invoices')
            .select(invoiceColumns)
            .eq('account_id', account)
            .eq('id', id)
            .order('position', { referencedTable: 'invoice_lines' })
            .order('vat_rate_bp', { referencedTable: 'invoice_vat', ascending: false })
            .order('paid_at', { referencedTable: 'payments' })
            .single(),
        Invoice
    );
}

/** What a person types into the invoice editor. */
export type InvoiceDraft = {
    job_id: JobId;
    customer_id: CustomerId;
    supplied_on: string | null;
    due_on: string | null;
    notes: string | null;
    /** The version that the editor began with; another one there means `changed_elsewhere`. */
    updated_at: string | null;
};

/** A line as it is typed: quantity in thousandths (1 h is 1000), price in pence, rate in basis points or none. */
export type LineDraft = Omit<z.infer<typeof Line>, 'net_pence'>;

/** Saves a draft, a new one when `id` is null, and answers its sums. Same key, same draft. */
export function saveInvoice(
    db: Db,
    account: AccountId,
    id: InvoiceId | null,
    idempotencyKey: string,
    draft: InvoiceDraft,
    lines: readonly LineDraft[]
): Promise<{
    invoice_id: InvoiceId;
    net_pence: number;
    vat_pence: number;
    total_pence: number;
    updated_at: string;
}> {
    return call(
        db,
        'save_invoice',
        { account_id: account, invoice_id: id, idempotency_key: idempotencyKey, invoice: draft, lines },
        z.object({
            invoice_id: InvoiceId,
            net_pence: Money,
            vat_pence: Money,
            total_pence: Money,
            updated_at: Moment
        })
    );
}

/** Throws a draft away; an issued invoice stays for ever. */
export async function discardInvoice(db: Db, account: AccountId, id: InvoiceId): Promise<void> {
    await call(db, 'discard_invoice', { account_id: account, invoice_id: id }, z.unknown());
}

const Issued = z.object({
    number: z.int(),
    reference: z.string(),
    document_id: DocumentId,
    document_state: z.enum(['awaiting', 'ready']),
    bucket_id: z.string(),
    object_name: z.string()
});

/** An issued invoice's number, as it stands on it. */
export type Issued = z.infer<typeof Issued>;

/**
 * Issues a draft: its number is taken, its figures freeze, its PDF is made and stored. The total that the person
 * saw goes along, so that nobody issues a figure they have not read. Same key, same invoice; and should the PDF
 * have failed, sending the form again makes it.
 */
export async function issueInvoice(
    db: Db,
    account: AccountId,
    id: InvoiceId,
    expectedTotalPence: number,
    idempotencyKey: string
): Promise<Issued> {
    await call(
        db,
        'issue_invoice',
        {
            account_id: account,
            invoice_id: id,
            expected_total_pence: expectedTotalPence,
            idempotency_key: idempotencyKey
        },
        Issued
    );
    return makeInvoicePdf(db, account, id);
}

/** Makes the PDF of an issued invoice when it is not there yet, and stores it for good. */
export async function makeInvoicePdf(db: Db, account: AccountId, id: InvoiceId): Promise<Issued> {
    const issued = await call(db, 'prepare_invoice_pdf', { account_id: account, invoice_id: id }, Issued);
    if (issued.document_state === 'ready') return issued;
    const bytes = await drawn(await getInvoice(db, account, id));
    const stored = await db.storage
        .from(issued.bucket_id)
        .upload(issued.object_name, bytes, { contentType: 'application/pdf', upsert: true });
    if (stored.error) throw problem('unavailable', { cause: stored.error });
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    await markReady(db, account, issued.document_id, { bytes, contentType: 'application/pdf', sha256 }, null);
    return { ...issued, document_state: 'ready' };
}

const linesOf = (address: z.infer<typeof Address>): string[] =>
    [address.address_line_1, address.address_line_2, address.town, address.postcode].filter(
        (line) => line !== null
    );

/** The invoice as a PDF, from what was frozen when it was issued. */
function drawn(invoice: Invoice): Promise<Uint8Array<ArrayBuffer>> {
    const { reference, issued_on, supplied_on, due_on, supplier_as_issued, customer_as_issued } = invoice;
    if (!reference || !issued_on || !supplied_on || !due_on || !supplier_as_issued || !customer_as_issued) {
        throw problem('unexpected', { cause: new Error('an issued invoice lacks its frozen facts') });
    }
    const billed = linesOf(customer_as_issued);
    const worked = invoice.site ? linesOf(invoice.site) : [];
    return invoicePdf({
        ...invoice,
        reference,
        issued_on,
        supplied_on,
        due_on,
        supplier: { ...supplier_as_issued, address: linesOf(supplier_as_issued) },
        customer: { ...customer_as_issued, address: billed },
        site: worked.join() === billed.join() ? [] : worked
    });
}

/** Sends an issued invoice by e-mail with a private link. Same key, one e-mail. */
export async function sendInvoice(
    db: Db,
    account: AccountId,
    id: InvoiceId,
    to: string,
    message: string | null,
    idempotencyKey: string
): Promise<void> {
    await call(
        db,
        'send_invoice',
        { account_id: account, invoice_id: id, to_address: to, message, idempotency_key: idempotencyKey },
        z.unknown()
    );
}

/** A private link for handing over in another way than our e-mail. Shown once; only its hash is kept. */
export function createPortalLink(
    db: Db,
    account: AccountId,
    id: InvoiceId,
    idempotencyKey: string
): Promise<{ token: string; expires_at: string }> {
    return call(
        db,
        'create_portal_link',
        { account_id: account, invoice_id: id, idempotency_key: idempotencyKey },
        z.object({ token: z.string(), expires_at: Moment })
    );
}

/** Ends every private link of an invoice at once. */
export async function revokePortalLinks(db: Db, account: AccountId, id: InvoiceId): Promise<void> {
    await call(db, 'revoke_portal_links', { account_id: account, invoice_id: id }, z.unknown());
}
