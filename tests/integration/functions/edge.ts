// How these tests knock at the edge functions: over HTTP, as the web tier, a person, a customer or a worker would.
import { createHash, createHmac, randomBytes, randomUUID } from 'node:crypto';
import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import { stack, type StackInfo } from '../../support/stack.ts';

export const info = stack();

/** An address of nobody: the auth server's limits are per address, and the stack is shared by all tests. */
export function anyAddress(): string {
    const [a = 0, b = 0, c = 0] = randomBytes(3);
    return `10.${a}.${b}.${c}`;
}

type ContextFields = { ip?: string | null; sid?: string | null; iat?: number; via?: string };

/** `x-tf-context` as the web tier signs it. */
export function contextHeader(fields: ContextFields = {}, key = info.env.TF_CONTEXT_KEY ?? ''): string {
    const context = {
        ip: anyAddress(),
        ua: 'Vitest',
        rid: randomUUID(),
        sid: null,
        iat: Math.floor(Date.now() / 1000),
        via: 'app',
        ...fields
    };
    const payload = Buffer.from(JSON.stringify(context)).toString('base64');
    return `${payload}.${createHmac('sha256', Buffer.from(key, 'hex')).update(payload).digest('base64')}`;
}

type Knock = { method?: string; headers?: Record<string, string>; body?: unknown; at?: StackInfo };

/** Calls a function with supabase-js' own headers. A text is sent as it is, anything else as JSON. */
export function knock(
    path: string,
    { method = 'POST', headers = {}, body = {}, at = info }: Knock = {}
): Promise<Response> {
    return fetch(`${at.apiUrl}/functions/v1/${path}`, {
        method,
        headers: {
            apikey: at.publishableKey,
            'content-type': 'application/json',
            'x-supabase-api-version': '2024-01-01',
            ...headers
        },
        ...(method === 'GET' ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) })
    });
}

/** Status and stable code of an answer, as a test wants to compare them. */
export async function refusal(answer: Response): Promise<{ status: number; code: unknown }> {
    const body = (await answer.json()) as { code?: unknown };
    return { status: answer.status, code: body.code };
}

export type Tradesperson = {
    readonly email: string;
    readonly userId: string;
    readonly sessionId: string;
    readonly jwt: string;
    readonly accountId: string;
    readonly client: SupabaseClient;
};

const anonymous = { auth: { persistSession: false, autoRefreshToken: false } };
const admin = createClient(info.apiUrl, info.secretKey, anonymous);

/** A person with a business of their own, signed in through the gate. */
export async function aTradesperson(name = 'Hart & Sons Electrical'): Promise<Tradesperson> {
    const email = `sam-${randomUUID()}@example.com`;
    const password = `long enough ${randomUUID()}`;
    const created = await admin.auth.admin.createUser({ email, password, email_confirm: true });
    if (created.error) throw created.error;
    const answer = await knock('auth-gate/auth/v1/token?grant_type=password', {
        headers: { 'x-tf-context': contextHeader() },
        body: { email, password }
    });
    const { access_token: jwt } = (await answer.json()) as { access_token: string };
    const client = createClient(info.apiUrl, info.publishableKey, {
        ...anonymous,
        accessToken: () => Promise.resolve(jwt)
    });
    const opened = await client.rpc('open_account', {
        name,
        trade: 'electrician',
        vat_registered: false,
        vat_number: null,
        person_name: 'Sam Hart',
        idempotency_key: randomUUID()
    });
    if (opened.error) throw opened.error;
    const claims = JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString()) as {
        sub: string;
        session_id: string;
    };
    return {
        email,
        userId: claims.sub,
        sessionId: claims.session_id,
        jwt,
        accountId: opened.data as string,
        client
    };
}

/** What the web tier sends along for a signed-in person. */
export function asPerson({ jwt, sessionId }: Tradesperson): Record<string, string> {
    return { authorization: `Bearer ${jwt}`, 'x-tf-context': contextHeader({ sid: sessionId }) };
}

/** What a worker sends. */
export const workerOf = ({ env }: StackInfo) => ({ 'x-tf-worker': env.TF_WORKER_KEY ?? '' });
export const asWorker = workerOf(info);

/** The result of an exposed function, called as the person. */
export async function act<T>(person: Tradesperson, name: string, args: Record<string, unknown>): Promise<T> {
    const { data, error } = await person.client.rpc(name, args);
    if (error) throw new Error(`${name}: ${error.message} (${error.hint})`);
    return data as T;
}

/** A file of a PDF's form; what it says doesn't matter here. */
export const pdf = new TextEncoder().encode('%PDF-1.7\n% an invoice of the tests\n%%EOF\n');

export type IssuedInvoice = {
    readonly id: string;
    readonly reference: string;
    readonly documentId: string;
    readonly jobId: string;
    /** In pence. */
    readonly total: number;
};

/** A job for a customer. */
export async function aJob(person: Tradesperson): Promise<{ jobId: string; customerId: string }> {
    const { job_id: jobId } = await act<{ job_id: string }>(person, 'create_job', {
        account_id: person.accountId,
        idempotency_key: randomUUID(),
        job: { title: 'New consumer unit', description: '', booked_on: null },
        customer: { name: 'Mrs Bell', email: `bell-${randomUUID()}@example.com`, phone: null },
        site: { address_line_1: '4 Bell Lane', town: 'Leeds', postcode: 'LS1 4DY' }
    });
    const { data, error } = await person.client.from('jobs').select('customer_id').eq('id', jobId).single();
    if (error) throw error;
    return { jobId, customerId: String(data.customer_id) };
}

/** An invoice of £120.00, issued, its PDF stored through signed URLs as the web tier does it. */
export async function anIssuedInvoice(person: Tradesperson): Promise<IssuedInvoice> {
    const { jobId, customerId } = await aJob(person);
    const { invoice_id: id } = await act<{ invoice_id: string }>(person, 'save_invoice', {
        account_id: person.accountId,
        invoice_id: null,
        idempotency_key: randomUUID(),
        invoice: {
            job_id: jobId,
            customer_id: customerId,
            supplied_on: null,
            due_on: '2026-12-05',
            notes: null
        },
        lines: [
            {
                kind: 'labour',
                description: 'Day’s work',
                quantity_milli: 1000,
                unit_pence: 12_000,
                vat_rate_bp: null
            }
        ]
    });
    const issued = await act<{ reference: string; document_id: string }>(person, 'issue_invoice', {
        account_id: person.accountId,
        invoice_id: id,
        expected_total_pence: 12_000,
        idempotency_key: randomUUID()
    });
    await storeDocument(person, issued.document_id, 'object', pdf, 'application/pdf');
    await act(person, 'finish_document', {
        account_id: person.accountId,
        document_id: issued.document_id,
        content_type: 'application/pdf',
        size_bytes: pdf.byteLength,
        sha256: createHash('sha256').update(pdf).digest('hex')
    });
    return { id, reference: issued.reference, documentId: issued.document_id, jobId, total: 12_000 };
}

/** Uploads a document's file by a URL that storage-sign made. */
export async function storeDocument(
    person: Tradesperson,
    documentId: string,
    part: 'upload' | 'object',
    bytes: Uint8Array<ArrayBuffer>,
    contentType: string
): Promise<void> {
    const signed = await knock('storage-sign', {
        headers: asPerson(person),
        body: { action: 'upload', account_id: person.accountId, document_id: documentId, part }
    });
    const { url } = (await signed.json()) as { url: string };
    const stored = await fetch(url, { method: 'PUT', headers: { 'content-type': contentType }, body: bytes });
    if (!stored.ok) throw new Error(`upload: ${stored.status} ${await stored.text()}`);
}

/** A private link's token for an invoice, as the trader hands it over. */
export async function aLink(person: Tradesperson, invoice: IssuedInvoice): Promise<string> {
    const { token } = await act<{ token: string }>(person, 'create_portal_link', {
        account_id: person.accountId,
        invoice_id: invoice.id,
        idempotency_key: randomUUID()
    });
    return token;
}

export type Mail = {
    readonly id: string;
    readonly to: readonly string[];
    readonly from: string;
    readonly reply_to: readonly string[] | string | null;
    readonly subject: string;
    readonly html: string;
    readonly text: string;
    readonly attachments: readonly { readonly filename: string; readonly url: string }[];
};

/** The newest mail to an address, as soon as it is there. */
export async function mailTo(address: string, at = info): Promise<Mail> {
    const answer = await fetch(`${at.inboxUrl}/api/messages/wait?to=${encodeURIComponent(address)}`);
    if (!answer.ok) throw new Error(`No mail to ${address}: ${await answer.text()}`);
    return (await answer.json()) as Mail;
}

/** All mails to an address. */
export async function mailsTo(address: string, at = info): Promise<readonly Mail[]> {
    const answer = await fetch(`${at.inboxUrl}/api/messages?to=${encodeURIComponent(address)}`);
    return (await answer.json()) as readonly Mail[];
}
