// What may be sent: the body of POST /emails, checked as the provider checks it. Refuses what this stand-in would
// have to ignore.
import { z } from 'zod';
import { refusal } from './errors.ts';

/** A message that has passed every check, with its attachments' bytes. */
export type Email = {
    from: string;
    to: string[];
    cc: string[];
    bcc: string[];
    reply_to: string[];
    subject: string;
    html: string | null;
    text: string | null;
    headers: Record<string, string>;
    tags: { name: string; value: string }[];
    attachments: { filename: string; content_type: string; content_id: string | null; content: Buffer }[];
};

const Addresses = z
    .union([z.string(), z.array(z.string())])
    .nullish()
    .transform((value) => (typeof value === 'string' ? [value] : (value ?? [])));
const Body = z.object({
    from: z.string().nullish(),
    to: Addresses,
    cc: Addresses,
    bcc: Addresses,
    reply_to: Addresses,
    subject: z.string().nullish(),
    html: z.string().nullish(),
    text: z.string().nullish(),
    headers: z.record(z.string(), z.string()).nullish(),
    tags: z
        .array(
            z.object({ name: z.string().regex(/^[\w-]{1,256}$/), value: z.string().regex(/^[\w-]{0,256}$/) })
        )
        .nullish(),
    attachments: z
        .array(
            z.object({
                filename: z.string().nullish(),
                content: z.string().nullish(),
                path: z.string().nullish(),
                content_type: z.string().nullish(),
                content_id: z.string().nullish()
            })
        )
        .nullish(),
    scheduled_at: z.string().nullish(),
    template: z.unknown().nullish(),
    topic_id: z.string().nullish()
});

const recipientLimit = 50;
/** The whole message, attachments encoded, as the provider counts it. */
const sizeLimit = 40 * 1024 * 1024;
const address = /^[^\s@<>",;]+@[^\s@<>",;]+\.[^\s@<>",;]+$/;
const namedAddress = /^[^<>]*<([^<>]+)>$/;

/** The bare address of "Name <address>" or "address", in lower case; undefined when there is none. */
export function bareAddress(text: string): string | undefined {
    const bare = (namedAddress.exec(text.trim())?.[1] ?? text).trim();
    return address.test(bare) ? bare.toLowerCase() : undefined;
}

/** Checks one message, or throws the provider's refusal. */
export function parseEmail(value: unknown): Email {
    const parsed = Body.safeParse(value);
    if (!parsed.success) {
        const issue = parsed.error.issues[0];
        throw refusal(
            'validation_error',
            `Invalid \`${issue?.path.join('.') ?? 'body'}\` field. ${issue?.message ?? ''}`
        );
    }
    const body = parsed.data;
    for (const field of ['scheduled_at', 'template', 'topic_id'] as const) {
        if (body[field]) throw refusal('not_implemented', `The mail stand-in does not have \`${field}\`.`);
    }
    if (!body.from) throw refusal('missing_required_field', 'Missing `from` field.');
    if (body.to.length === 0) throw refusal('missing_required_field', 'Missing `to` field.');
    if (!body.subject) throw refusal('missing_required_field', 'Missing `subject` field.');
    if (!body.html && !body.text) throw refusal('missing_required_field', 'Missing `html` or `text` field.');
    if (!bareAddress(body.from)) {
        throw refusal('invalid_from_address', `Invalid \`from\` field. ${addressForm}`);
    }
    for (const field of ['to', 'cc', 'bcc', 'reply_to'] as const) {
        if (!body[field].every(bareAddress))
            throw refusal('validation_error', `Invalid \`${field}\` field. ${addressForm}`);
        if (body[field].length > recipientLimit) {
            throw refusal(
                'validation_error',
                `The \`${field}\` field takes ${recipientLimit} addresses at most.`
            );
        }
    }
    const headers = body.headers ?? {};
    if (Object.entries(headers).some(([name, text]) => !/^[!-9;-~]+$/.test(name) || /[\r\n]/.test(text))) {
        throw refusal('validation_error', 'Invalid `headers` field. A header is one line.');
    }
    return {
        from: body.from,
        to: body.to,
        cc: body.cc,
        bcc: body.bcc,
        reply_to: body.reply_to,
        subject: body.subject,
        html: body.html ?? null,
        text: body.text ?? null,
        headers,
        tags: body.tags ?? [],
        attachments: (body.attachments ?? []).map(parseAttachment)
    };
}

/** Refuses a request whose body is larger than the provider takes. */
export function checkSize(body: string): void {
    if (Buffer.byteLength(body) > sizeLimit) {
        throw refusal('validation_error', 'The message is larger than 40 MB, its attachments included.', 413);
    }
}

const addressForm =
    'The email address needs to follow the `email@example.com` or `Name <email@example.com>` format.';

type RawAttachment = NonNullable<z.infer<typeof Body>['attachments']>[number];

function parseAttachment(attachment: RawAttachment): Email['attachments'][number] {
    if (attachment.path) {
        throw refusal(
            'not_implemented',
            'The mail stand-in fetches no attachment by `path`: send its `content`.'
        );
    }
    if (!attachment.content || !/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(attachment.content)) {
        throw refusal('invalid_attachment', 'Attachment must have either a `content` (base64) or `path`.');
    }
    if (!attachment.filename) throw refusal('invalid_attachment', 'Attachment must have a `filename`.');
    return {
        filename: attachment.filename,
        content_type: attachment.content_type ?? 'application/octet-stream',
        content_id: attachment.content_id ?? null,
        content: Buffer.from(attachment.content, 'base64')
    };
}
