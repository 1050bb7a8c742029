/**
 * The mail provider (Resend's API): one call, three outcomes. Knows nothing of templates and of the outbox.
 */
import { z } from 'npm:zod@4.6.7';
import { readSettings } from '../_shared/settings.ts';

const { RESEND_API_KEY, RESEND_API_URL } = readSettings('RESEND_API_KEY', 'RESEND_API_URL');

const TIMEOUT_MS = 10_000;

export type Message = {
    readonly from: string;
    readonly to: string;
    readonly subject: string;
    readonly html: string;
    readonly text: string;
    readonly replyTo: string | null;
    readonly template: string;
    readonly attachment: { readonly fileName: string; readonly bytes: Uint8Array } | null;
};

export type Outcome =
    | { readonly kind: 'sent'; readonly providerId: string }
    /** Passes by itself. Under the same key the provider sends at most once, so trying again is safe. */
    | { readonly kind: 'later'; readonly code: string; readonly waitSeconds: number }
    /** The provider will never take this one. */
    | { readonly kind: 'refused'; readonly code: string };

const Accepted = z.object({ id: z.string() });
const Refused = z.object({ name: z.string() });

/** Hands one message over under `key` (24 h: resend.com/docs/dashboard/emails/idempotency-keys). Never throws. */
export async function send(message: Message, key: string): Promise<Outcome> {
    let answer: Response;
    let body: unknown;
    try {
        answer = await fetch(`${RESEND_API_URL}/emails`, {
            method: 'POST',
            headers: {
                authorization: `Bearer ${RESEND_API_KEY}`,
                'content-type': 'application/json',
                'idempotency-key': key
            },
            body: JSON.stringify(asRequest(message)),
            signal: AbortSignal.timeout(TIMEOUT_MS)
        });
        body = parse(await answer.text());
    } catch {
        return { kind: 'later', code: 'provider_unreachable', waitSeconds: 0 };
    }
    const accepted = Accepted.safeParse(body);
    if (answer.ok) {
        // Taken, but under which id? Asking again under the same key tells, and sends nothing.
        return accepted.success
            ? { kind: 'sent', providerId: accepted.data.id }
            : { kind: 'later', code: 'provider_answer_unknown', waitSeconds: 0 };
    }
    const code = Refused.safeParse(body).data?.name ?? `http_${answer.status}`;
    return isPassing(answer.status, code)
        ? { kind: 'later', code, waitSeconds: retryAfter(answer.headers) }
        : { kind: 'refused', code };
}

/** 401 and 403 are our own key or domain, which an operator puts right: the mail must not be lost over it. */
function isPassing(status: number, code: string): boolean {
    return (
        status === 429 ||
        status >= 500 ||
        status === 401 ||
        status === 403 ||
        code === 'concurrent_idempotent_requests'
    );
}

function asRequest({ from, to, subject, html, text, replyTo, template, attachment }: Message) {
    return {
        from,
        to: [to],
        subject,
        html,
        text,
        ...(replyTo === null ? {} : { reply_to: replyTo }),
        ...(attachment === null
            ? {}
            : { attachments: [{ filename: attachment.fileName, content: base64(attachment.bytes) }] }),
        tags: [{ name: 'template', value: template }]
    };
}

function retryAfter(headers: Headers): number {
    const seconds = Number(headers.get('retry-after') ?? '');
    return Number.isFinite(seconds) && seconds > 0 ? seconds : 1;
}

function parse(text: string): unknown {
    try {
        return JSON.parse(text);
    } catch {
        return null;
    }
}

/** In pieces, because a PDF's bytes don't fit into one call's arguments. */
function base64(bytes: Uint8Array): string {
    const pieces: string[] = [];
    for (let start = 0; start < bytes.length; start += 0x8000) {
        pieces.push(String.fromCharCode(...bytes.subarray(start, start + 0x8000)));
    }
    return btoa(pieces.join(''));
}
