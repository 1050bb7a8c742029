// For every protected load, action and endpoint one request that is right in all but who sends it. A route without an
// example here fails the run (doors.test.ts): whoever adds a route adds its line.
import { randomUUID } from 'node:crypto';
import type { Business } from '../../support/business.ts';
import { fromAPhone } from '../../integration/photographs.ts';

/** What to send where: a form's fields, a script's JSON, or nothing but the address. */
export type Request = { path: string; fields?: Record<string, string>; json?: Record<string, unknown> };

/** One example, made afresh for a business out of what stands there. */
export type Example = {
    /** Tells several examples of one door apart. */
    name?: string;
    /**
     * What the right person gets: something that the business typed is shown (or a file's address is), a row changes, or
     * neither; then `because` says why no row of the business is at stake.
     */
    does: 'shows' | 'changes' | 'neither';
    because?: string;
    /** Who else refuses these people, beyond the guard and the policies: with both off they still get nothing. */
    thirdCheck?: { for: readonly ('agent' | 'stranger' | 'nobody')[]; by: string };
    /** Takes away what the others need: tried after them. */
    last?: true;
    /** The session that asks is over afterwards. */
    endsSession?: true;
    request(of: Business): Promise<Request> | Request;
};

const key = (): string => randomUUID();
const today = (): string => new Date().toISOString().slice(0, 10);

const lines = {
    'lines[0].kind': 'labour',
    'lines[0].description': 'Two new sockets',
    'lines[0].quantity': '2',
    'lines[0].unit_price': '45.00',
    'lines[0].vat_rate': '2000'
};

const BLANK = 'an empty form: it shows nothing that the business typed';
const TYPED = 'hands back what was typed, with one more line; nothing is read or stored';
const COUNTS =
    'says how many records the chain has and when it was anchored, nothing that the business typed';
const WHO = 'says who is signed in and to which business they belong, nothing of what the business holds';
const everybody = ['agent', 'stranger', 'nobody'] as const;
const CONNECT = { for: everybody, by: 'the edge function connect asks public.me() for the permission again' };
const STARTER = {
    for: everybody,
    by: 'private.discard_document discards for nobody but who started the document'
};
const OWNER = { for: everybody, by: 'private.hand_over_ownership asks again whether it is an owner' };
const TEAM = 'says who works there and in which role, nothing that the business typed';
const SIGNER = { for: ['nobody'] as const, by: 'the edge function storage-sign signs for a person only' };

const shows = (request: Example['request']): Example => ({ does: 'shows', request });
const changes = (request: Example['request']): Example => ({ does: 'changes', request });

const newCustomer = (): Request => ({
    path: '/customers/new',
    fields: {
        name: 'Ahmed Khan',
        email: 'ahmed@example.test',
        address_line_1: '1 Mill Lane',
        idempotency_key: key()
    }
});

async function invoiceFields(of: Business): Promise<{ job: string; fields: Record<string, string> }> {
    const { jobId, customerId } = await of.aJob();
    return {
        job: jobId,
        fields: {
            job_id: jobId,
            customer_id: customerId,
            supplied_on: today(),
            due_on: today(),
            idempotency_key: key(),
            ...lines
        }
    };
}

const photo = async (of: Business): Promise<{ path: string; documentId: string; store(): Promise<void> }> => {
    const { jobId } = await of.aJob();
    const started = await of.owner.db.rpc('start_document', {
        account_id: of.accountId,
        job_id: jobId,
        kind: 'photo',
        file_name: 'board.jpg',
        idempotency_key: key()
    });
    if (started.error) throw started.error;
    const { document_id, bucket_id, upload_name } = started.data as Record<string, string>;
    return {
        path: `/jobs/${jobId}/photos`,
        documentId: document_id ?? '',
        async store() {
            const { error } = await of.owner.db.storage
                .from(bucket_id ?? '')
                .upload(upload_name ?? '', await fromAPhone(), { contentType: 'image/jpeg' });
            if (error) throw error;
        }
    };
};

/** Somebody of the team, or who was, with the id of their membership. */
async function aMember(of: Business, given: { removed?: true; role?: string } = {}): Promise<string> {
    const person = await of.withMember('staff');
    const read = await of.owner.db
        .from('members')
        .select('id')
        .eq('account_id', of.accountId)
        .eq('user_id', person.id)
        .single<{ id: string }>();
    if (read.error) throw read.error;
    const member = { account_id: of.accountId, member_id: read.data.id };
    if (given.role) await asOwner(of, 'change_member_role', { ...member, role_id: given.role });
    if (given.removed) await asOwner(of, 'remove_member', member);
    return read.data.id;
}

/** A role that the business made and named. */
const aRole = (of: Business): Promise<string> =>
    asOwner(of, 'save_role', {
        account_id: of.accountId,
        role_id: null,
        name: `Books ${of.marked} ${key().slice(0, 8)}`,
        permissions: ['jobs.read'],
        idempotency_key: key()
    });

async function asOwner(of: Business, name: string, args: Record<string, unknown>): Promise<string> {
    const { data, error } = await of.owner.db.rpc(name, args);
    if (error) throw error;
    return data as string;
}

/** An address with the business's word in it. */
const anAddress = (of: Business): string => `${of.marked}-${key().slice(0, 8)}@example.test`;

/** By `<route> <load, action:name or method>`, as route-guards.ts reads them off the routes. */
export const EXAMPLES: Readonly<Record<string, readonly Example[]>> = {
    '/(app) load': [{ does: 'neither', because: WHO, request: () => ({ path: '/more/security' }) }],

    '/(app)/customers load': [shows(async (of) => (await of.aCustomer(), { path: '/customers' }))],
    '/(app)/customers/[customer] load': [
        shows(async (of) => ({ path: `/customers/${(await of.aCustomer()).customerId}` }))
    ],
    '/(app)/customers/[customer] action:site': [
        changes(async (of) => ({
            path: `/customers/${(await of.aCustomer()).customerId}?/site`,
            fields: { address_line_1: '9 Bank Street' }
        }))
    ],
    '/(app)/customers/[customer]/edit load': [
        shows(async (of) => ({ path: `/customers/${(await of.aCustomer()).customerId}/edit` }))
    ],
    '/(app)/customers/[customer]/edit action:default': [
        changes(async (of) => ({
            path: `/customers/${(await of.aCustomer()).customerId}/edit`,
            fields: { name: `Renamed ${key()}` }
        }))
    ],
    '/(app)/customers/new load': [
        { does: 'neither', because: BLANK, request: () => ({ path: '/customers/new' }) }
    ],
    '/(app)/customers/new action:default': [changes(newCustomer)],

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
    ],

    '/(app)/jobs load': [shows(async (of) => (await of.aJob(), { path: '/jobs?show=all' }))],
    '/(app)/jobs/[job] load': [shows(async (of) => ({ path: `/jobs/${(await of.aJob()).jobId}` }))],
    '/(app)/jobs/[job] action:move': [
        changes(async (of) => ({
            path: `/jobs/${(await of.aJob()).jobId}?/move`,
            fields: { to: 'booked' }
        }))
    ],
    '/(app)/jobs/[job]/edit load': [shows(async (of) => ({ path: `/jobs/${(await of.aJob()).jobId}/edit` }))],
    '/(app)/jobs/[job]/edit action:default': [
        changes(async (of) => ({
            path: `/jobs/${(await of.aJob()).jobId}/edit`,
            fields: { title: `Renamed ${key()}` }
        }))
    ],
    '/(app)/jobs/[job]/invoice load': [
        shows(async (of) => ({ path: `/jobs/${(await of.aJob()).jobId}/invoice` }))
    ],
    '/(app)/jobs/[job]/invoice action:save': [
        changes(async (of) => {
            const { job, fields } = await invoiceFields(of);
            return { path: `/jobs/${job}/invoice?/save`, fields };
        })
    ],
    '/(app)/jobs/[job]/invoice action:add_line': [
        {
            does: 'neither',
            because: TYPED,
            async request(of) {
                const { job, fields } = await invoiceFields(of);
                return { path: `/jobs/${job}/invoice?/add_line`, fields };
            }
        }
    ],
    '/(app)/jobs/[job]/photos POST': [
        {
            name: 'start',
            does: 'changes',
            request: async (of) => ({
                path: `/jobs/${(await of.aJob()).jobId}/photos`,
                json: { step: 'start', file_name: 'board.jpg', idempotency_key: key() }
            })
        },
        {
            name: 'arrived',
            does: 'changes',
            async request(of) {
                const { path, documentId, store } = await photo(of);
                await store();
                return { path, json: { step: 'arrived', document_id: documentId } };
            }
        },
        {
            name: 'give_up',
            does: 'changes',
            thirdCheck: STARTER,
            async request(of) {
                const { path, documentId } = await photo(of);
                return { path, json: { step: 'give_up', document_id: documentId } };
            }
        }
    ],
    '/(app)/jobs/new load': [shows(async (of) => (await of.aCustomer(), { path: '/jobs/new' }))],
    '/(app)/jobs/new action:default': [
        changes(async (of) => {
            const { customerId } = await of.aCustomer();
            return {
                path: '/jobs/new',
                fields: { title: 'A new board', customer_id: customerId, idempotency_key: key() }
            };
        })
    ],

    '/(app)/money load': [shows(async (of) => (await of.aDraft(), { path: '/money?show=all' }))],
    '/(app)/more load': [{ does: 'neither', because: WHO, request: () => ({ path: '/more' }) }],
    '/(app)/more/audit/anchor GET': [
        {
            does: 'neither',
            because: COUNTS,
            request: (of) => ({ path: `/more/audit/anchor?account_id=${of.accountId}` })
        }
    ],
    '/(app)/more/audit/check action:default': [
        {
            does: 'neither',
            because: COUNTS,
            request: () => ({ path: '/more/audit/check', fields: { anchor: '' } })
        }
    ],
    '/(app)/more/audit/check load': [
        { does: 'neither', because: COUNTS, request: () => ({ path: '/more/audit/check' }) }
    ],
    '/(app)/more/audit/check/pages POST': [
        {
            does: 'neither',
            because: COUNTS,
            request: () => ({ path: '/more/audit/check/pages', json: { after: 0, anchor: '' } })
        }
    ],
    '/(app)/more/audit/export POST': [
        {
            does: 'neither',
            because:
                'a file of the trail, that asks for two permissions: integration/web/audit.test.ts reads it, functions.md says who gets it',
            request: () => ({ path: '/more/audit/export', json: { format: 'jsonl' } })
        }
    ],
    '/(app)/more/audit load': [shows(async (of) => (await of.aCustomer(), { path: '/more/audit' }))],
    '/(app)/more/business load': [
        {
            does: 'shows',
            async request({ owner, accountId, marked }) {
                const { error } = await owner.db
                    .from('accounts')
                    .update({ town: marked })
                    .eq('id', accountId);
                if (error) throw error;
                return { path: '/more/business' };
            }
        }
    ],
    '/(app)/more/business action:default': [
        changes(() => ({
            path: '/more/business',
            fields: {
                name: `Renamed ${key()}`,
                trade: 'Electrician',
                vat_registered: 'on',
                vat_number: '831495816',
                payment_terms_days: '30'
            }
        }))
    ],
    '/(app)/more/leave load': [{ does: 'neither', because: WHO, request: () => ({ path: '/more/leave' }) }],
    '/(app)/more/leave action:default': [
        {
            does: 'neither',
            because: 'without the tick it changes nothing; integration/web/team.test.ts leaves',
            request: () => ({ path: '/more/leave', fields: {} })
        }
    ],
    '/(app)/more/roles load': [shows(async (of) => (await aRole(of), { path: '/more/roles' }))],
    '/(app)/more/roles/[role] load': [shows(async (of) => ({ path: `/more/roles/${await aRole(of)}` }))],
    '/(app)/more/roles/[role]/edit load': [
        shows(async (of) => ({ path: `/more/roles/${await aRole(of)}/edit` }))
    ],
    '/(app)/more/roles/[role]/edit action:default': [
        changes(async (of) => ({
            path: `/more/roles/${await aRole(of)}/edit`,
            fields: { name: `Renamed ${key()}`, permissions: 'jobs.read', idempotency_key: key() }
        }))
    ],
    '/(app)/more/roles/new load': [
        { does: 'neither', because: BLANK, request: () => ({ path: '/more/roles/new' }) }
    ],
    '/(app)/more/roles/new action:default': [
        changes(() => ({
            path: '/more/roles/new',
            fields: { name: `New ${key()}`, permissions: 'jobs.read', idempotency_key: key() }
        }))
    ],
    '/(app)/more/team load': [
        shows(async (of) => (await of.anInvitation(anAddress(of)), { path: '/more/team' }))
    ],
    '/(app)/more/team action:resend': [
        changes(async (of) => ({
            path: '/more/team?/resend',
            fields: { invitation_id: await of.anInvitation(anAddress(of)), idempotency_key: key() }
        }))
    ],
    '/(app)/more/team action:withdraw': [
        changes(async (of) => ({
            path: '/more/team?/withdraw',
            fields: { invitation_id: await of.anInvitation(anAddress(of)) }
        }))
    ],
    '/(app)/more/team action:restore': [
        changes(async (of) => ({
            path: '/more/team?/restore',
            fields: { member_id: await aMember(of, { removed: true }) }
        }))
    ],
    '/(app)/more/team/[member] load': [
        shows(async (of) => ({ path: `/more/team/${await aMember(of, { role: await aRole(of) })}` }))
    ],
    '/(app)/more/team/[member] action:role': [
        changes(async (of) => ({
            path: `/more/team/${await aMember(of)}?/role`,
            fields: { role_id: await of.roleId('admin') }
        }))
    ],
    '/(app)/more/team/[member] action:remove': [
        changes(async (of) => ({ path: `/more/team/${await aMember(of)}?/remove`, fields: {} }))
    ],
    '/(app)/more/team/[member]/owner load': [
        {
            does: 'neither',
            because: TEAM,
            request: async (of) => ({ path: `/more/team/${await aMember(of)}/owner` })
        }
    ],
    '/(app)/more/team/[member]/owner action:default': [
        {
            does: 'changes',
            thirdCheck: OWNER,
            last: true,
            request: async (of) => ({
                path: `/more/team/${await aMember(of)}/owner`,
                fields: { idempotency_key: key() }
            })
        }
    ],
    '/(app)/more/team/invite load': [
        { does: 'neither', because: BLANK, request: () => ({ path: '/more/team/invite' }) }
    ],
    '/(app)/more/team/invite action:default': [
        changes(async (of) => ({
            path: '/more/team/invite',
            fields: {
                email: `new-${key().slice(0, 8)}@example.test`,
                role_id: await of.roleId('staff'),
                idempotency_key: key()
            }
        }))
    ],
    '/(app)/more/payouts load': [
        {
            does: 'neither',
            because: 'says how the business stands with Stripe, nothing that it typed',
            request: () => ({ path: '/more/payouts' })
        }
    ],
    '/(app)/more/payouts action:default': [
        { does: 'changes', thirdCheck: CONNECT, request: () => ({ path: '/more/payouts', fields: {} }) }
    ],
    '/(app)/more/security load': [
        { does: 'neither', because: WHO, request: () => ({ path: '/more/security' }) }
    ],
    '/(app)/more/security action:here': [
        {
            does: 'changes',
            endsSession: true,
            request: () => ({ path: '/more/security?/here', fields: {} })
        }
    ],
    '/(app)/more/security action:everywhere': [
        {
            does: 'changes',
            endsSession: true,
            request: () => ({ path: '/more/security?/everywhere', fields: {} })
        }
    ],

    '/(app)/today load': [shows(async (of) => (await of.aDraft(), { path: '/today' }))]
};
