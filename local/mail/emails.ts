// The provider's interface for sending: POST /emails, POST /emails/batch, and reading what was sent.
import { Hono, type Context } from 'hono';
import { createHash, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { bareAddress, checkSize, parseEmail, type Email } from './email.ts';
import { MailError, nameOfStatus, refusal } from './errors.ts';
import type { Failure, MailStore, Message } from './store.ts';

const batchLimit = 100;
const Page = z.object({
    limit: z.coerce.number().int().min(1).max(100).default(20),
    after: z.string().optional(),
    before: z.string().optional()
});

/** The routes under /emails. `accepted` is told whenever messages have come in. */
export function emailRoutes(store: MailStore, apiKey: string, accepted: () => void): Hono {
    const app = new Hono();

    app.use(async (c, next) => {
        const bearer = /^Bearer\s+(\S+)$/i.exec(c.req.header('authorization') ?? '')?.[1];
        if (!bearer) throw refusal('missing_api_key', 'Missing API Key');
        if (!equal(bearer, apiKey)) throw refusal('invalid_api_key', 'API key is invalid');
        await next();
    });

    app.post('/', (c) =>
        send(c, (body) => {
            const email = parseEmail(body);
            return { emails: [email], respond: ([id]) => ({ id }) };
        })
    );

    app.post('/batch', (c) =>
        send(c, (body) => {
            if (!Array.isArray(body) || body.length === 0 || body.length > batchLimit) {
                throw refusal('validation_error', `The body is an array of 1 to ${batchLimit} emails.`);
            }
            const permissive = c.req.header('x-batch-validation') === 'permissive';
            const emails: Email[] = [];
            const errors: { index: number; message: string }[] = [];
            body.forEach((item: unknown, index) => {
                try {
                    emails.push(parseEmail(item));
                } catch (error) {
                    if (!permissive || !(error instanceof MailError)) throw error;
                    errors.push({ index, message: error.message });
                }
            });
            return {
                emails,
                respond: (ids) => ({ data: ids.map((id) => ({ id })), ...(permissive ? { errors } : {}) })
            };
        })
    );

    app.get('/', (c) => {
        const { limit, after, before } = Page.parse(c.req.query());
        // The provider's words: `after` a message come the older ones, since the newest stands first.
        const place = (id: string | undefined) => (id === undefined ? undefined : find(id).seq);
        const found = store.messages({
            limit: limit + 1,
            before: place(after),
            after: place(before),
            oldestFirst: before !== undefined
        });
        const page = found.slice(0, limit);
        if (before !== undefined) page.reverse();
        return c.json({ object: 'list', has_more: found.length > limit, data: page.map(summary) });
    });

    app.get('/:id', (c) => {
        const message = find(c.req.param('id'));
        return c.json({
            ...summary(message),
            object: 'email',
            html: message.html,
            text: message.text,
            tags: message.tags
        });
    });

    app.all('*', (c) => {
        throw refusal('not_implemented', `The mail stand-in does not have ${c.req.method} ${c.req.path}.`);
    });

    function find(id: string): Message {
        const message = store.message(id);
        if (!message) throw refusal('not_found', 'Email not found');
        return message;
    }

    async function send(
        c: Context,
        parse: (body: unknown) => { emails: Email[]; respond: (ids: string[]) => object }
    ): Promise<Response> {
        const text = await c.req.text();
        checkSize(text);
        const key = c.req.header('idempotency-key');
        if (key !== undefined && (key.length < 1 || key.length > 256)) {
            throw refusal('invalid_idempotency_key', 'The key must be between 1-256 chars.');
        }
        const failure = store.takeFailure();
        if (failure && !failure.accept) throw ordered(failure);

        const payload = `${c.req.path}\n${text}`;
        const replayed = key === undefined ? undefined : store.replay(key, payload);
        if (replayed && !replayed.same) {
            throw refusal(
                'invalid_idempotent_request',
                'This idempotency key has been used on a request with a different payload in the last 24 hours.'
            );
        }
        let response = replayed?.response as object | undefined;
        if (!response) {
            const { emails, respond } = parse(parseJson(text));
            response = store.accept(emails, respond, key === undefined ? undefined : { name: key, payload });
            accepted();
        }
        if (failure) throw ordered(failure);
        return c.json(response);
    }

    return app;
}

function ordered({ name, message, status }: Failure): MailError {
    return refusal(name ?? nameOfStatus(status), message ?? 'This failure was ordered by a test.', status);
}

function parseJson(text: string): unknown {
    try {
        return JSON.parse(text);
    } catch {
        throw refusal('validation_error', 'The body is not valid JSON.', 400);
    }
}

function summary(message: Message) {
    const orNull = (list: string[]) => (list.length > 0 ? list : null);
    return {
        id: message.id,
        message_id: `<${message.id}@${bareAddress(message.from)?.split('@')[1] ?? 'localhost'}>`,
        created_at: message.created_at,
        from: message.from,
        to: message.to,
        cc: orNull(message.cc),
        bcc: orNull(message.bcc),
        reply_to: orNull(message.reply_to),
        subject: message.subject,
        last_event: message.last_event,
        scheduled_at: null
    };
}

function equal(a: string, b: string): boolean {
    const digest = (text: string) => createHash('sha256').update(text).digest();
    return timingSafeEqual(digest(a), digest(b));
}
