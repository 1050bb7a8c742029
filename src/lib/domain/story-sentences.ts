// What was done, by action: one sentence each, to be read after the name of who did it. The record's fields after
// (or before, when the thing is gone) and its detail fill in what to.
import { formatPence } from './money.ts';
import { nameInWords, valueInWords, type Fields, type Names } from './story-fields.ts';

/** What a sentence may look at. */
export type Told = {
    readonly action: string;
    readonly before: Fields;
    readonly after: Fields;
    readonly detail: Fields;
    readonly names?: Names;
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
const count = (fields: Fields, name: string): string => {
    const value = fields?.[name];
    return typeof value === 'number' ? value.toLocaleString('en-GB') : '';
};

/** A refund: the trader makes it in Stripe, and Stripe tells us of it. */
function paidBack({ before, after }: Told): string {
    const sum = Number(after?.refunded_pence) - Number(before?.refunded_pence);
    return Number.isNaN(sum) ? 'changed a payment' : `paid ${formatPence(sum)} back to the customer`;
}

/** “changed the price” when one field changed, else the words for many. */
function changed(of: string, plain: string): (told: Told) => string {
    return ({ before, after }) => {
        const fields = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])];
        const [only] = fields;
        return fields.length === 1 && only
            ? `changed the ${nameInWords(only).replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase())} ${of}`
            : plain;
    };
}

function memberChanged(told: Told): string {
    if (told.before?.removed_at) return 'brought somebody back into the team';
    const role = valueInWords('role_id', told.after?.role_id, told.names);
    return role !== null && Object.hasOwn(told.names ?? {}, String(told.after?.role_id))
        ? `changed somebody’s role to ${role}`
        : 'changed somebody’s details in the team';
}

const WAYS: Readonly<Record<string, string>> = {
    password: 'with a password',
    otp: 'with a code',
    code: 'with a code',
    email: 'with e-mail',
    google: 'with Google',
    apple: 'with Apple',
    azure: 'with Microsoft',
    factor: 'with a second factor',
    passkey: 'with a passkey'
};

/** “with Google”, “with a password”: the provider where there is one, else the method. */
function wayOf(detail: Fields): string {
    if (/^(?:custom|sso):/.test(text(detail, 'provider'))) return 'with single sign-on';
    for (const name of [text(detail, 'provider'), text(detail, 'method')]) {
        if (Object.hasOwn(WAYS, name)) return WAYS[name] ?? '';
    }
    return '';
}

const signedIn = ({ detail }: Told): string => named('signed in', wayOf(detail));

function checkedTheChain({ detail }: Told): string {
    const records = count(detail, 'checked');
    const over = records === '' ? 'the audit chain' : `the audit chain over ${records} records`;
    if (detail?.bad) return `checked ${over} and found it broken`;
    return `checked ${over}: whole`;
}

/** By action. What is not here is told plainly from the action's own words. */
export const SENTENCES: ReadonlyMap<string, (told: Told) => string> = new Map<string, (told: Told) => string>(
    Object.entries({
        'account.created': ({ after }) => named('opened the business', text(after, 'name')),
        'account.updated': changed('of the business', 'changed the business’s details'),
        'account.viewed': () => 'looked at the business',
        'account.active': () => 'reinstated the business',
        'account.suspended': () => 'suspended the business',
        'account.past_due': () => 'marked the subscription past due',
        'account.cancelled': () => 'ended the subscription',
        'member.created': ({ after }) => named('joined the team:', text(after, 'display_name')),
        'member.updated': memberChanged,
        'member.removed': () => 'removed somebody from the team',
        'invitation.created': ({ after }) => named('invited', text(after, 'email')),
        'invitation.updated': () => 'sent an invitation again',
        'invitation.accepted': () => 'accepted the invitation to join',
        'invitation.withdrawn': () => 'withdrew an invitation',
        'domain.created': ({ after }) => named('named a domain of the business:', text(after, 'domain')),
        'domain.updated': () => 'changed who may join by a domain',
        'domain.verified': () => 'found the record that proves a domain',
        'domain.missing': () => 'no longer found the record that proves a domain',
        'domain.waiting': () => 'counts a domain as proven no more',
        'domain.deleted': ({ before }) => named('took a domain off the business:', text(before, 'domain')),
        'sso_provider.created': ({ after }) =>
            named('began to set up single sign-on by', text(after, 'name')),
        'sso_provider.on': () => 'switched single sign-on on',
        'sso_provider.off': () => 'switched single sign-on off',
        'sso_provider.updated': () => 'had the certificates of single sign-on read anew',
        'sso_provider.deleted': ({ before }) => named('took off single sign-on by', text(before, 'name')),
        'join_request.created': () => 'asked to join the team',
        'join_request.approved': () => 'let somebody in who had asked to join',
        'join_request.refused': () => 'refused somebody who had asked to join',
        'role.created': ({ after }) => named('made the role', text(after, 'name')),
        'role.updated': ({ after }) =>
            typeof after?.demands_factor === 'boolean'
                ? after.demands_factor
                    ? 'asked a role for a second factor'
                    : 'no longer asks a role for a second factor'
                : 'renamed a role',
        'role.deleted': ({ before }) => named('deleted the role', text(before, 'name')),
        'role_permission.created': ({ after }) => named('let a role do more:', text(after, 'permission')),
        'role_permission.deleted': ({ before }) =>
            named('took a permission away from a role:', text(before, 'permission')),
        'customer.created': ({ after }) => named('added customer', text(after, 'name')),
        'customer.updated': changed('of a customer', 'changed a customer’s details'),
        'customer.deleted': ({ before }) => named('deleted customer', text(before, 'name')),
        'site.created': ({ after }) => named('added the address', text(after, 'address_line_1')),
        'site.updated': () => 'changed an address',
        'site.deleted': ({ before }) => named('deleted the address', text(before, 'address_line_1')),
        'job.created': ({ after }) => named('took the job', quoted(text(after, 'title'))),
        'job.updated': changed('of a job', 'changed a job'),
        'job.deleted': ({ before }) => named('deleted the job', quoted(text(before, 'title'))),
        'job_member.created': () => 'put somebody on a job',
        'job_member.deleted': () => 'took somebody off a job',
        'document.created': ({ after }) =>
            text(after, 'kind') === 'photo' ? 'began sending a photo' : 'made room for the invoice’s PDF',
        'document.ready': ({ after }) =>
            text(after, 'content_type') === 'application/pdf' ? 'stored the invoice’s PDF' : 'added a photo',
        'document.deleted': ({ before }) =>
            text(before, 'kind') === 'photo' ? 'gave up on a photo' : 'removed a document',
        'invoice.created': () => 'began an invoice',
        'invoice.updated': ({ after }) => {
            const fields = Object.keys(after ?? {});
            if (fields.length > 0 && fields.every((field) => /^(net|vat|total)_pence$/.test(field)))
                return 'added the invoice up';
            return fields.includes('document_id') ? 'put the PDF with the invoice' : 'changed an invoice';
        },
        'invoice.deleted': () => 'threw a draft invoice away',
        // Back from paid, when all of it was refunded, it is not issued a second time.
        'invoice.issued': ({ before, after }) =>
            text(before, 'state') === 'draft' || before === null
                ? named('issued invoice', text(after, 'reference'))
                : 'marked the invoice unpaid again',
        'invoice.sent': () => 'sent the invoice',
        'invoice.void': () => 'made the invoice void',
        'invoice.part_paid': ({ before }) =>
            text(before, 'state') === 'paid'
                ? 'marked the invoice part paid again'
                : 'recorded a part payment',
        'invoice.paid': () => 'marked the invoice paid',
        'invoice_line.created': ({ after }) => named('added the line', quoted(text(after, 'description'))),
        'invoice_line.updated': () => 'changed a line',
        'invoice_line.deleted': ({ before }) =>
            named('took out the line', quoted(text(before, 'description'))),
        'invoice_vat.created': () => 'added the VAT up',
        'invoice_vat.updated': () => 'added the VAT up again',
        'invoice_vat.deleted': () => 'added the VAT up again',
        'payment.created': ({ after }) =>
            named(
                named('recorded a payment', named('of', money(after, 'amount_pence'))),
                `by ${valueInWords('method', after?.method) ?? 'card'}`
            ),
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
        'message.unknown': () => 'can’t tell whether the e-mail was sent',
        'session.created': () => 'began a session on a device',
        'sign_in.succeeded': signedIn,
        'person.created': () => 'signed up',
        'session.ended': () => 'ended a session',
        'sign_in.suspected': () => 'signed in so unusually that a code by e-mail was asked for',
        'platform_owner.created': () => 'let somebody run the platform',
        'platform_owner.updated': () => 'changed who runs the platform',
        'platform_owner.deleted': () => 'took somebody off the list of those who run the platform',
        'network.unblocked': ({ detail }) => `let people sign in from ${text(detail, 'network')} again`,
        'sign_in.disowned': () => 'said that a sign-in was somebody else’s, and ended every session',
        'password.changed': () => 'changed their password',
        'email.changed': () => 'changed their e-mail address',
        'email.confirmed': () => 'confirmed their e-mail address',
        'factor.added': () => 'added a second factor',
        'factor.removed': () => 'removed a second factor',
        'passkey.added': () => 'added a passkey',
        'passkey.removed': () => 'removed a passkey',
        'recovery_codes.made': () => 'made recovery codes',
        'recovery_code.used': () => 'used a recovery code, which took the second factor away',
        'recovery_code.refused': () => 'tried a recovery code that is none',
        'identity.linked': ({ detail }) => named('may now sign in', wayOf(detail)),
        'identity.unlinked': ({ detail }) => named('may no longer sign in', wayOf(detail)),
        'document.viewed': ({ detail }) => {
            const many = Array.isArray(detail?.document_ids) ? detail.document_ids.length : 0;
            return many > 1 ? `looked at ${many} photos or documents` : 'looked at a photo or document';
        },
        'audit.exported': ({ detail }) =>
            text(detail, 'format') === ''
                ? 'exported the audit trail'
                : `exported the audit trail as ${text(detail, 'format').toUpperCase()}`,
        'audit.verified': checkedTheChain,
        'audit.erased': () => 'erased what the trail said of somebody',
        'audit.anchored': () => 'anchored the audit chain'
    } satisfies Record<string, (told: Told) => string>)
);
