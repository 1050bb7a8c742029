// JSON for tests and tools: reading the inbox, waiting for a message without sleeping, and making the provider fail.
// None of it exists at the real provider.
import { once, type EventEmitter } from 'node:events';
import { Hono } from 'hono';
import { z } from 'zod';
import { errorNames, refusal } from './errors.ts';
import type { MailStore, Message } from './store.ts';

const List = z.object({
    to: z.string().optional(),
    subject: z.string().optional(),
    limit: z.coerce.number().int().min(1).max(500).default(100)
});
const Wait = z.object({
    to: z.string().optional(),
    subject: z.string().optional(),
    after: z.string().optional(),
    timeout_ms: z.coerce.number().int().min(0).max(120_000).default(10_000)
});
const Failure = z.object({
    status: z.number().int().min(400).max(599).default(500),
    times: z.number().int().min(0).max(1000).default(1),
    name: z.enum(errorNames).nullable().default(null),
    message: z.string().nullable().default(null),
    accept: z.boolean().default(false)
});

/** Where {@link controlRoutes} hears of new messages. */
export type Arrivals = EventEmitter<{ message: [] }>;

/** The routes under /api. */
export function controlRoutes(store: MailStore, arrivals: Arrivals): Hono {
    const app = new Hono();

    app.get('/messages', (c) => {
        const found = store.messages(parse(List, c.req.query()));
        return c.json(found.map((message) => present(message, c.req.url)));
    });

    /**
     * Answers with the first message after `after` (an id or a time), or without it with the newest one there is, as
     * soon as it exists; 408 when none has come in time.
     */
    app.get('/messages/wait', async (c) => {
        const { to, subject, after, timeout_ms } = parse(Wait, c.req.query());
        const place = after === undefined ? undefined : store.position(after);
        if (after !== undefined && place === undefined) {
            throw refusal('invalid_parameter', '`after` is neither the id of a message nor a time.');
        }
        const patience = AbortSignal.any([AbortSignal.timeout(timeout_ms), c.req.raw.signal]);
        for (;;) {
            const [message] = store.messages({
                to,
                subject,
                after: place,
                limit: 1,
                oldestFirst: after !== undefined
            });
            if (message) return c.json(present(message, c.req.url));
            try {
                await once(arrivals, 'message', { signal: patience });
            } catch {
                return c.json(
                    { statusCode: 408, name: 'timeout', message: 'No such message came in time.' },
                    408
                );
            }
        }
    });

    app.delete('/messages', (c) => {
        store.clear();
        return c.body(null, 204);
    });

    /** The next `times` sends fail with this status; with `accept` the message is taken and only the answer lost. */
    app.post('/failures', async (c) => {
        const { times, ...failure } = parse(Failure, await c.req.json().catch(() => undefined));
        store.orderFailure(failure, times);
        return c.body(null, 204);
    });

    return app;
}

function parse<T>(schema: z.ZodType<T>, value: unknown): T {
    const result = schema.safeParse(value);
    if (!result.success) throw refusal('invalid_parameter', z.prettifyError(result.error));
    return result.data;
}

function present(message: Message, requestUrl: string) {
    const { origin } = new URL(requestUrl);
    const { seq: _seq, attachments, ...rest } = message;
    return {
        ...rest,
        attachments: attachments.map((attachment, position) => ({
            ...attachment,
            url: `${origin}/messages/${message.id}/attachments/${position}`
        }))
    };
}
