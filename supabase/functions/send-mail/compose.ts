/**
 * From a row of the outbox to a mail: which template, whose name, who is answered. The same row always gives
 * the same mail, byte by byte, because the provider's idempotency key holds only for the same content.
 */
import { z } from 'npm:zod@4.6.7';
import { alertsMail } from './templates/alerts.ts';
import { anchorDigestMail } from './templates/anchor-digest.ts';
import { emailChangedMail, emailChangeMail, passwordChangedMail } from './templates/credentials.ts';
import {
    domainMissingMail,
    joinAskedMail,
    joinDecidedMail,
    joinedByDomainMail
} from './templates/domains.ts';
import type { Mail } from './templates/layout.ts';
import { invoiceMail, receiptMail } from './templates/money.ts';
import { newDeviceMail } from './templates/new-device.ts';
import { secondFactorMail } from './templates/second-factor.ts';
import { codeMail } from './templates/sign-in.ts';
import { suspiciousSignInMail } from './templates/suspicious-sign-in.ts';
import { invitationMail } from './templates/team.ts';
import { displayName } from './templates/text.ts';

export const OutboxRow = z.object({
    id: z.string(),
    lease: z.string(),
    template: z.string(),
    to_address: z.string(),
    data: z.record(z.string(), z.unknown()).nullable(),
    account: z.object({ name: z.string() }).nullable(),
    reply_to: z.string().nullable(),
    document: z.object({ bucket_id: z.string(), object_name: z.string(), file_name: z.string() }).nullable()
});
export type OutboxRow = z.output<typeof OutboxRow>;

const Code = z.object({
    code: z.string().min(1),
    token_hash: z.string().optional(),
    type: z.string().optional()
});
const optionalText = z
    .string()
    .nullish()
    .transform((text) => text ?? null);
const Invoice = z.object({
    reference: z.string(),
    total_pence: z.int(),
    due_on: optionalText,
    link_token: z.string().min(1),
    message: optionalText,
    customer_name: optionalText,
    business_name: z.string()
});
const Receipt = z.object({
    reference: z.string(),
    amount_pence: z.int(),
    paid_at: z.string(),
    business_name: z.string(),
    link_token: optionalText
});

const Invitation = z.object({
    business_name: z.string(),
    inviter_name: z.string(),
    role_name: z.string(),
    link_token: z.string().min(1),
    expires_at: z.string()
});

const EmailChange = z.object({
    token_hash: z.string().min(1),
    type: z.string().min(1),
    old_address: z.string().min(1),
    new_address: z.string().min(1)
});

const Changed = z.object({ at: z.string(), link_token: z.string().min(1) });
const EmailChanged = Changed.extend({ new_address: z.string().min(1) });

const NewDevice = z.object({
    at: z.string(),
    device: optionalText,
    address: optionalText,
    link_token: z.string().min(1)
});
const DomainMissing = z.object({ business_name: z.string(), domain: z.string() });
const Joining = z.object({
    business_name: z.string(),
    person_name: z.string(),
    email: z.string(),
    domain: z.string()
});
const JoinDecided = z.object({ business_name: z.string(), approved: z.boolean() });

const SecondFactor = z.object({
    what: z.enum([
        'factor_added',
        'factor_removed',
        'passkey_added',
        'passkey_removed',
        'recovery_code_used'
    ]),
    name: optionalText,
    at: z.string(),
    address: optionalText
});

const SuspiciousSignIn = z.object({
    at: z.string(),
    method: z.enum(['password', 'provider']),
    device: z.string().nullable(),
    address: z.string(),
    country: z.string().nullable()
});

const Alerts = z.object({
    alerts: z
        .array(
            z.object({
                kind: z.enum(['stuffing', 'suspicious_sign_in', 'apple_secret_ends']),
                times: z.int(),
                since: z.string()
            })
        )
        .min(1)
});

const AnchorDigest = z.object({
    business_name: z.string(),
    anchor: z.looseObject({
        number: z.int(),
        at: z.string(),
        head: z.object({ chain_id: z.string(), seq: z.int(), hash: z.string() })
    })
});

/** Mails of our own about an account; the others about one go out in its name. */
const ours = ['anchor_digest', 'domain_missing', 'join_asked', 'joined_by_domain'];

export type Composed = Mail & { readonly from: string; readonly replyTo: string | null };

/** Why a row can't become a mail; trying again would change nothing. */
export type NotComposable = { readonly code: 'template_unknown' | 'template_data_not_valid' };

/** The mail of `row`. `sender` is the platform's own address, with or without a name. */
export function compose(row: OutboxRow, appOrigin: string, sender: string): Composed | NotComposable {
    const mail = render(row, appOrigin);
    if ('code' in mail) {
        return mail;
    }
    if (row.account === null || ours.includes(row.template)) {
        return { ...mail, from: sender, replyTo: row.account === null ? row.reply_to : null };
    }
    const from = `${displayName(`${row.account.name} via TradersFlow`)} <${addressOf(sender)}>`;
    return { ...mail, from, replyTo: row.reply_to };
}

function render({ template, data }: OutboxRow, appOrigin: string): Mail | NotComposable {
    switch (template) {
        case 'sign_in_code':
        case 'confirm_sign_up':
        case 'reset_password':
            return withData(Code, data, (values) => codeMail(template, values, appOrigin));
        case 'email_change':
            return withData(EmailChange, data, (values) => emailChangeMail(values, appOrigin));
        case 'email_changed':
            return withData(EmailChanged, data, (values) => emailChangedMail(values, appOrigin));
        case 'password_changed':
            return withData(Changed, data, (values) => passwordChangedMail(values, appOrigin));
        case 'invoice':
            return withData(Invoice, data, (values) => invoiceMail(values, appOrigin));
        case 'receipt':
            return withData(Receipt, data, (values) => receiptMail(values, appOrigin));
        case 'new_device':
            return withData(NewDevice, data, (values) => newDeviceMail(values, appOrigin));
        case 'second_factor':
            return withData(SecondFactor, data, (values) => secondFactorMail(values, appOrigin));
        case 'suspicious_sign_in':
            return withData(SuspiciousSignIn, data, (values) => suspiciousSignInMail(values, appOrigin));
        case 'alerts':
            return withData(Alerts, data, alertsMail);
        case 'invitation':
            return withData(Invitation, data, (values) => invitationMail(values, appOrigin));
        case 'domain_missing':
            return withData(DomainMissing, data, (values) => domainMissingMail(values, appOrigin));
        case 'join_asked':
            return withData(Joining, data, (values) => joinAskedMail(values, appOrigin));
        case 'joined_by_domain':
            return withData(Joining, data, (values) => joinedByDomainMail(values, appOrigin));
        case 'join_decided':
            return withData(JoinDecided, data, (values) => joinDecidedMail(values, appOrigin));
        case 'anchor_digest':
            return withData(AnchorDigest, data, (values) => anchorDigestMail(values, appOrigin));
        default:
            return { code: 'template_unknown' };
    }
}

function withData<T>(schema: z.ZodType<T>, data: unknown, make: (values: T) => Mail): Mail | NotComposable {
    const parsed = schema.safeParse(data);
    return parsed.success ? make(parsed.data) : { code: 'template_data_not_valid' };
}

function addressOf(sender: string): string {
    return /<([^<>]+)>$/.exec(sender)?.[1] ?? sender;
}
