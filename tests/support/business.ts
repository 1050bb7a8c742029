// Builders: people and businesses made through the public doors (the auth server's admin API, then the Data API with the
// person's own token), so that a test's arrangement passes every rule that a real one does.
import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import postgres, { type Sql } from 'postgres';
import { stack } from './stack.ts';

export type Person = {
    id: string;
    email: string;
    password: string;
    accessToken: string;
    refreshToken: string;
    /** Data API, storage and functions as this person. */
    db: SupabaseClient;
};

/** An address no other test signs in from, so that tests never share a limit. */
export function anAddress(): string {
    return `10.${randomInt(256)}.${randomInt(256)}.${randomInt(1, 255)}`;
}

const quiet = {
    auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false }
} as const;

/** The service client of tests: makes and removes people, never stands for one. */
export function admin(): SupabaseClient {
    return createClient(stack().apiUrl, stack().secretKey, {
        ...quiet,
        global: { headers: { 'Sb-Forwarded-For': anAddress() } }
    });
}

/** As a schema owner could: to age rows and to tamper. Ends with the test file that asked for it. */
export function superuser(): Sql {
    return postgres(stack().superuserUrl, { max: 1, onnotice: () => undefined });
}

/** A client that acts as whoever holds the token. */
export function clientOf(accessToken: string, headers: Record<string, string> = {}): SupabaseClient {
    return createClient(stack().apiUrl, stack().publishableKey, {
        accessToken: () => Promise.resolve(accessToken),
        global: { headers }
    });
}

/** Signs somebody in by password, from an address of their own. */
export async function signIn(email: string, password: string): Promise<Omit<Person, 'email' | 'password'>> {
    const client = admin();
    const { data, error } = await client.auth.signInWithPassword({ email, password });
    if (error) throw error;
    const { access_token: accessToken, refresh_token: refreshToken } = data.session;
    return { id: data.user.id, accessToken, refreshToken, db: clientOf(accessToken) };
}

/** A person with a confirmed address and a password, signed in. */
export async function aPerson(name = 'person', domain = 'example.test'): Promise<Person> {
    const email = `${name}-${randomBytes(6).toString('hex')}@${domain}`;
    const password = `correct-horse-${randomBytes(6).toString('hex')}`;
    const { error } = await admin().auth.admin.createUser({ email, password, email_confirm: true });
    if (error) throw error;
    return { email, password, ...(await signIn(email, password)) };
}

/** Calls a function of the database as a person and hands back its answer; throws the Data API's error. */
export async function call<Answer>(
    db: SupabaseClient,
    name: string,
    args: Record<string, unknown>
): Promise<Answer> {
    const { data, error } = await db.rpc(name, args);
    if (error) throw Object.assign(new Error(`${name}: ${error.message}`), error);
    return data as Answer;
}

export type Line = {
    kind: 'labour' | 'materials' | 'other';
    description: string;
    quantity_milli: number;
    unit_pence: number;
    vat_rate_bp: number | null;
};

export const A_LINE: Line = {
    kind: 'labour',
    description: 'Replace a consumer unit',
    quantity_milli: 1000,
    unit_pence: 42_000,
    vat_rate_bp: 2000
};

export type Issued = { invoiceId: string; reference: string; documentId: string; totalPence: number };

export type Business = {
    accountId: string;
    owner: Person;
    /** The word that stands in what is typed about its customers, jobs and invoices; empty unless asked for. */
    marked: string;
    aCustomer(name?: string): Promise<{ customerId: string; siteId: string }>;
    aJob(title?: string): Promise<{ jobId: string; customerId: string; siteId: string }>;
    aDraft(
        lines?: readonly Line[]
    ): Promise<{ invoiceId: string; jobId: string; customerId: string; totalPence: number }>;
    /** Issued, its PDF stored. */
    anInvoice(lines?: readonly Line[]): Promise<Issued>;
    /** The token of a private link to that invoice. */
    aLink(invoiceId: string): Promise<string>;
    withMember(role: 'admin' | 'staff' | 'partner' | 'agent' | 'owner'): Promise<Person>;
    /** The id of a role, by its key. */
    roleId(key: string): Promise<string>;
    /** An open invitation, as staff; the link is in the e-mail. */
    anInvitation(email: string, role?: string): Promise<string>;
};

/**
 * A business with its owner, VAT registered unless said otherwise. `marked` is a word that then stands in whatever is
 * typed about its customers, jobs and invoices, so that a test can look for it elsewhere.
 */
export async function aBusiness(
    given: { name?: string; vatRegistered?: boolean; owner?: Person; marked?: string } = {}
): Promise<Business> {
    const mark = given.marked === undefined ? '' : ` ${given.marked}`;
    const owner = given.owner ?? (await aPerson('owner'));
    const vatRegistered = given.vatRegistered ?? true;
    const accountId = await call<string>(owner.db, 'open_account', {
        name: given.name ?? 'Bell Lane Electrical',
        trade: 'Electrician',
        vat_registered: vatRegistered,
        vat_number: vatRegistered ? '831495816' : null,
        person_name: 'Sam Bell',
        idempotency_key: randomUUID()
    });
    const as = <Answer>(name: string, args: Record<string, unknown>): Promise<Answer> =>
        call<Answer>(owner.db, name, { account_id: accountId, ...args });

    const business: Business = {
        accountId,
        owner,
        marked: given.marked ?? '',
        async aCustomer(name = 'Priya Nair') {
            const made = await as<{ customer_id: string; site_id: string }>('create_customer', {
                idempotency_key: randomUUID(),
                customer: {
                    name: `${name}${mark}`,
                    email: `${randomBytes(4).toString('hex')}@example.test`,
                    phone: '07700 900123'
                },
                site: { address_line_1: `12 Mill Street${mark}`, town: 'Todmorden', postcode: 'OL14 5AA' }
            });
            return { customerId: made.customer_id, siteId: made.site_id };
        },
        async aJob(title = 'Consumer unit') {
            const { customerId, siteId } = await business.aCustomer();
            const made = await as<{ job_id: string }>('create_job', {
                idempotency_key: randomUUID(),
                job: {
                    title: `${title}${mark}`,
                    description: 'Old unit trips at night.',
                    customer_id: customerId,
                    site_id: siteId
                },
                customer: null,
                site: null
            });
            return { jobId: made.job_id, customerId, siteId };
        },
        async aDraft(lines = [vatRegistered ? A_LINE : { ...A_LINE, vat_rate_bp: null }]) {
            const { jobId, customerId } = await business.aJob();
            const today = new Date().toISOString().slice(0, 10);
            const made = await as<{ invoice_id: string; total_pence: number }>('save_invoice', {
                invoice_id: null,
                idempotency_key: randomUUID(),
                invoice: {
                    job_id: jobId,
                    customer_id: customerId,
                    supplied_on: today,
                    due_on: today,
                    notes: null
                },
                lines: lines.map((line) => ({ ...line, description: `${line.description}${mark}` }))
            });
            return { invoiceId: made.invoice_id, jobId, customerId, totalPence: made.total_pence };
        },
        async anInvoice(lines) {
            const { invoiceId, totalPence } = await business.aDraft(lines);
            const issued = await as<{
                reference: string;
                document_id: string;
                bucket_id: string;
                object_name: string;
            }>('issue_invoice', {
                invoice_id: invoiceId,
                expected_total_pence: totalPence,
                idempotency_key: randomUUID()
            });
            const pdf = Buffer.from('%PDF-1.4\n%%EOF\n');
            const stored = await owner.db.storage
                .from(issued.bucket_id)
                .upload(issued.object_name, pdf, { contentType: 'application/pdf' });
            if (stored.error) throw stored.error;
            await as('finish_document', {
                document_id: issued.document_id,
                content_type: 'application/pdf',
                size_bytes: pdf.byteLength,
                sha256: '0'.repeat(64),
                width: null,
                height: null
            });
            return { invoiceId, reference: issued.reference, documentId: issued.document_id, totalPence };
        },
        async aLink(invoiceId) {
            const made = await as<{ token: string }>('create_portal_link', {
                invoice_id: invoiceId,
                idempotency_key: randomUUID()
            });
            return made.token;
        },
        async roleId(key) {
            const { data, error } = await owner.db
                .from('roles')
                .select('id')
                .eq('account_id', accountId)
                .eq('key', key)
                .single<{ id: string }>();
            if (error) throw error;
            return data.id;
        },
        async anInvitation(email, role = 'staff') {
            return as<string>('invite_member', {
                email,
                role_id: await business.roleId(role),
                idempotency_key: randomUUID()
            });
        },
        async withMember(role) {
            const person = await aPerson(role);
            const sql = superuser();
            try {
                await sql`
                    insert into public.members (account_id, user_id, role_id, display_name, email)
                    select account_id, ${person.id}, id, ${role}, ${person.email}
                    from public.roles where account_id = ${accountId} and key = ${role}`;
            } finally {
                await sql.end();
            }
            return person;
        }
    };
    return business;
}
