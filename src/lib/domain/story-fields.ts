// Changed fields as a person reads them: plain names, and values formatted by what they are. Takes whatever the
// log holds, since a record outlives the column it tells of: nothing here may throw.
import { formatDay, formatMoment } from './dates.ts';
import { JOB_STATES, jobStateLabel } from './lifecycle.ts';
import { formatPence } from './money.ts';
import { formatQuantity } from './quantity.ts';

/** Changed fields by name, before or after; null when there was no row. */
export type Fields = Readonly<Record<string, unknown>> | null;

/** What ids in the fields stand for: a role, a customer, a job. */
export type Names = Readonly<Record<string, string>>;

/** A changed field in words, and what it was and is. Null means there was nothing. */
export type Change = {
    readonly field: string;
    readonly before: string | null;
    readonly after: string | null;
    /** The value was erased on somebody's request; that it changed is still on record. */
    readonly erased: boolean;
};

const NAMES: Readonly<Record<string, string>> = {
    unit_pence: 'Price',
    quantity_milli: 'Quantity',
    vat_rate_bp: 'VAT rate',
    net_pence: 'Before VAT',
    vat_pence: 'VAT',
    total_pence: 'Total',
    paid_pence: 'Paid so far',
    amount_pence: 'Amount',
    refunded_pence: 'Paid back',
    payment_terms_days: 'Payment terms',
    vat_registered: 'VAT registered',
    demands_factor: 'Asks for a second factor',
    vat_number: 'VAT number',
    address_line_1: 'Address',
    address_line_2: 'Address, second line',
    display_name: 'Name',
    email: 'E-mail',
    to_address: 'To',
    sent_to: 'Sent to',
    due_on: 'Due',
    supplied_on: 'Work done on',
    issued_on: 'Invoice date',
    issued_at: 'Issued',
    booked_on: 'Booked for',
    first_viewed_at: 'First opened',
    expires_at: 'Valid until',
    role_id: 'Role',
    customer_id: 'Customer',
    site_id: 'Site',
    job_id: 'Job',
    user_id: 'Person',
    invited_by: 'Invited by',
    removed_by: 'Removed by',
    decided_by: 'Decided by',
    joining: 'Who may join',
    found_at: 'Record seen',
    method: 'Paid by',
    reference: 'Number',
    charges_enabled: 'May take cards',
    payouts_enabled: 'May pay out',
    details_submitted: 'Details given to Stripe',
    disabled_reason: 'Held up by',
    file_name: 'File',
    size_bytes: 'Size',
    content_type: 'Type',
    sha256: 'Fingerprint (SHA-256)',
    last_error: 'What went wrong',
    send_after: 'Not before',
    send_before: 'Not after'
};

/** Bookkeeping that only repeats what the record says elsewhere; it stays in the technical record. */
const UNTOLD = new Set([
    ...['id', 'account_id', 'created_at', 'updated_at', 'created_by', 'number', 'position', 'state_before'],
    ...['bucket_id', 'object_name', 'upload_name', 'upload_until', 'attempts', 'lease_until', 'lease_token'],
    ...['dedupe_key', 'has_secret', 'data']
]);

const WORDS: Readonly<Record<string, string>> = {
    bank: 'bank transfer',
    card: 'card',
    cash: 'cash',
    part_paid: 'part paid',
    not_allowed: 'not allowed'
};

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The value as it stands, when formatting refuses it: an old record, a day that is none. */
function safely(format: (value: string) => string, value: string): string {
    try {
        return format(value);
    } catch {
        return value;
    }
}

function numberInWords(field: string, value: number): string {
    if (field.endsWith('_pence')) return formatPence(value);
    if (field.endsWith('_milli')) return formatQuantity(value);
    if (field.endsWith('_bp')) return `${value / 100}%`;
    if (field.endsWith('_days')) return value === 1 ? '1 day' : `${value} days`;
    if (field.endsWith('_bytes')) return value < 1024 ? `${value} bytes` : `${Math.round(value / 1024)} KB`;
    return String(value);
}

function stateInWords(value: string): string {
    const job = JOB_STATES.find((state) => state === value);
    return job ? jobStateLabel(job) : sentenceCase(value.replaceAll('_', ' '));
}

/** First letter large, the rest as it is. */
export function sentenceCase(words: string): string {
    return words.charAt(0).toUpperCase() + words.slice(1);
}

/** A value in words, or null when there is none. */
export function valueInWords(field: string, value: unknown, names: Names = {}): string | null {
    if (value === null || value === undefined || value === '') return null;
    if (typeof value === 'boolean') return value ? 'yes' : 'no';
    if (typeof value === 'number') return numberInWords(field, value);
    if (typeof value === 'string') {
        if (value === '[redacted]') return 'kept secret';
        if (field.endsWith('_on')) return safely(formatDay, value);
        if (/_(at|after|before|until)$/.test(field)) return safely(formatMoment, value);
        if (field === 'state') return stateInWords(value);
        return (Object.hasOwn(names, value) ? names[value] : undefined) ?? wordFor(value);
    }
    if (Array.isArray(value)) return value.map((item) => valueInWords(field, item, names) ?? '–').join(', ');
    return Object.entries(value)
        .map(([name, part]) => [nameInWords(name), valueInWords(name, part, names)] as const)
        .filter(([, part]) => part !== null)
        .map(([name, part]) => `${name}: ${part}`)
        .join(', ');
}

const wordFor = (value: string): string => (Object.hasOwn(WORDS, value) ? WORDS[value] : undefined) ?? value;

/** `unit_pence` is told as “Price”, `due_on` as “Due”; a field nobody has named yet by its own words. */
export function nameInWords(field: string): string {
    const known = Object.hasOwn(NAMES, field) ? NAMES[field] : undefined;
    return known ?? sentenceCase(field.replace(/_(pence|milli|bp|on|at|id|days)$/, '').replaceAll('_', ' '));
}

/** An id that nobody can say anything about is not told. */
function isMute(field: string, value: unknown, names: Names): boolean {
    return (
        typeof value === 'string' && UUID.test(value) && field.endsWith('_id') && !Object.hasOwn(names, value)
    );
}

/**
 * The changed fields in words, in the order of the record; ids that have no name and bookkeeping stay in the
 * technical record.
 */
export function changesOf(record: {
    readonly before: Fields;
    readonly after: Fields;
    readonly erased?: readonly string[];
    readonly names?: Names;
}): readonly Change[] {
    const { before, after, names = {} } = record;
    const erased = new Set(record.erased ?? []);
    const fields = new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {}), ...erased]);
    const told: Change[] = [];
    for (const field of fields) {
        if (UNTOLD.has(field) || field.startsWith('@')) continue;
        if (erased.has(field)) {
            told.push({ field: nameInWords(field), before: null, after: null, erased: true });
            continue;
        }
        const [was, is] = [before?.[field], after?.[field]].map((value) =>
            isMute(field, value, names) ? null : valueInWords(field, value, names)
        );
        if (was !== is) {
            told.push({ field: nameInWords(field), before: was ?? null, after: is ?? null, erased: false });
        }
    }
    return told;
}

/** One change on one line: “Price: £120.00 → £95.00”, “Phone: 07700 900001”, “Notes: taken out”. */
export function changeInWords({ field, before, after, erased }: Change): string {
    if (erased) return `${field}: erased`;
    if (before !== null && after !== null) return `${field}: ${before} → ${after}`;
    return after === null ? `${field}: ${before ?? 'nothing'} → nothing` : `${field}: ${after}`;
}
