// The mail provider's interface, through its own client alone; what the stand-in adds for tests, through HTTP.
import { randomUUID } from 'node:crypto';
import { Resend } from 'resend';
import { afterEach, describe, expect, it } from 'vitest';
import { hosted, stack, startOwnStack } from '../support/stack.ts';
import { later } from './project.ts';

const { mailUrl, mailApiKey } = stack();
const resend = new Resend(mailApiKey, { baseUrl: mailUrl });
const from = 'Bell Lane Electrical <mail@example.com>';
/** The provider's own addresses, so that a real one sends no mail to anybody; the label tells the tests apart. */
const someone = () => `delivered+${randomUUID()}@resend.dev`;

type Inboxed = {
    id: string;
    to: string[];
    subject: string;
    text: string | null;
    html: string | null;
    created_at: string;
    tags: { name: string; value: string }[];
    attachments: { filename: string; size: number; url: string }[];
};
const inbox = async (to: string): Promise<Inboxed[]> =>
    (await fetch(`${mailUrl}/api/messages?to=${encodeURIComponent(to)}`)).json();
const order = (failure: object) =>
    fetch(`${mailUrl}/api/failures`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(failure)
    });

async function sent(to: string, more: object = {}): Promise<string> {
    const { data, error } = await resend.emails.send({
        from,
        to,
        subject: 'Hello',
        text: 'Hello there',
        ...more
    });
    if (error) throw new Error(error.message);
    return data.id;
}

describe('sending', () => {
    it('takes a message and tells what became of it', async () => {
        const to = someone();
        const id = await sent(to, { html: '<p>Hello</p>', replyTo: 'ann@example.com', cc: [someone()] });
        expect((await resend.emails.get(id)).data).toMatchObject({
            object: 'email',
            id,
            from,
            to: [to],
            reply_to: ['ann@example.com'],
            bcc: null,
            subject: 'Hello',
            text: 'Hello there',
            html: '<p>Hello</p>',
            scheduled_at: null
        });
    });

    it.skipIf(hosted)('knows the provider’s test addresses', async () => {
        const became = async (to: string) => (await resend.emails.get(await sent(to))).data?.last_event;
        expect(await became('delivered@resend.dev')).toBe('delivered');
        expect(await became('bounced@resend.dev')).toBe('bounced');
        expect(await became('Somebody <complained+label@resend.dev>')).toBe('complained');
    });

    it('lists what was sent, newest first, page by page', async () => {
        const to = someone();
        const ids = [await sent(to), await sent(to), await sent(to)].reverse();
        const first = await resend.emails.list({ limit: 1 });
        expect(first.data).toMatchObject({ object: 'list', has_more: true, data: [{ id: ids[0] }] });
        const second = await resend.emails.list({ limit: 2, after: ids[0]! });
        expect(second.data?.data.map((email) => email.id)).toEqual([ids[1], ids[2]]);
        const back = await resend.emails.list({ limit: 2, before: ids[2]! });
        expect(back.data?.data.map((email) => email.id)).toEqual([ids[0], ids[1]]);
    });

    it('refuses a missing or wrong key and an unknown message', async () => {
        const none = await fetch(`${mailUrl}/emails`, { method: 'POST', body: '{}' });
        expect([none.status, await none.json()]).toMatchObject([
            401,
            { statusCode: 401, name: 'missing_api_key' }
        ]);
        const wrong = new Resend('re_wrong_key', { baseUrl: mailUrl });
        const refused = await wrong.emails.send({ from, to: someone(), subject: 'x', text: 'x' });
        expect(refused.error).toMatchObject({ name: 'invalid_api_key' });
        expect((await resend.emails.get(randomUUID())).error).toMatchObject({
            statusCode: 404,
            name: 'not_found'
        });
    });

    it('refuses a message that lacks something or has a bad address', async () => {
        const to = someone();
        const refusal = async (body: object) => {
            const { error } = await resend.emails.send({ from, to, subject: 'x', text: 'x', ...body });
            return [error?.statusCode, error?.name];
        };
        expect(await refusal({ to: undefined })).toEqual([422, 'missing_required_field']);
        expect(await refusal({ subject: undefined })).toEqual([422, 'missing_required_field']);
        expect(await refusal({ text: undefined })).toEqual([422, 'missing_required_field']);
        expect((await refusal({ to: 'nobody' }))[0]).toBe(422);
        expect((await refusal({ from: 'Bell Lane' }))[0]).toBe(422);
        expect((await refusal({ to: Array.from({ length: 51 }, someone) }))[0]).toBe(422);
        if (!hosted) expect(await inbox(to)).toEqual([]);
    });

    it('takes a batch, whole or not at all, or leaves out the bad ones when asked to', async () => {
        const [one, two] = [someone(), someone()];
        const good = [one, two].map((to) => ({ from, to, subject: 'x', text: 'x' }));
        const bad = { from, to: 'nobody', subject: 'x', text: 'x' };
        expect((await resend.batch.send(good)).data?.data).toHaveLength(2);
        expect((await resend.batch.send([...good, bad])).error).toMatchObject({ statusCode: 422 });
        const lenient = await resend.batch.send([bad, ...good], { batchValidation: 'permissive' });
        expect(lenient.data?.data).toHaveLength(2);
        expect(lenient.data).toMatchObject({ errors: [{ index: 0, message: expect.any(String) }] });
        if (!hosted) expect(await inbox(one)).toHaveLength(2);
    });
});

describe('[MAIL-2] an idempotency key', () => {
    const send = (to: string, idempotencyKey: string, subject = 'Once') =>
        resend.emails.send({ from, to, subject, text: 'x' }, { idempotencyKey });

    it('sends a message once, however often and at once it is asked', async () => {
        const [to, key] = [someone(), randomUUID()];
        const answers = await Promise.all(Array.from({ length: 10 }, () => send(to, key)));
        const ids = new Set(answers.flatMap(({ data }) => (data ? [data.id] : [])));
        expect(ids.size).toBe(1);
        for (const { error } of answers) if (error) expect(error.name).toBe('concurrent_idempotent_requests');
        if (!hosted) expect(await inbox(to)).toHaveLength(1);
    });

    it('is refused for another message, and when it is too long', async () => {
        const [to, key] = [someone(), randomUUID()];
        expect((await send(to, key)).error).toBeNull();
        expect((await send(to, key, 'Other')).error).toMatchObject({
            statusCode: 409,
            name: 'invalid_idempotent_request'
        });
        expect((await send(to, 'k'.repeat(257))).error).toMatchObject({
            statusCode: 400,
            name: 'invalid_idempotency_key'
        });
    });

    it('is not used up by a refusal', async () => {
        const key = randomUUID();
        expect((await send('nobody', key)).error).toMatchObject({ statusCode: 422 });
        expect((await send(someone(), key)).error).toBeNull();
    });

    it.skipIf(hosted)('is forgotten after 24 hours', async () => {
        const own = await startOwnStack({ migrate: false });
        try {
            const provider = new Resend(own.info.mailApiKey, { baseUrl: own.info.mailUrl });
            const message = { from, to: someone(), subject: 'Once', text: 'x' };
            const send = async () =>
                (await provider.emails.send(message, { idempotencyKey: 'one key' })).data?.id;
            const first = await send();
            expect(await later(own.info, 86_300, send)).toBe(first);
            expect(await later(own.info, 86_500, send)).not.toBe(first);
        } finally {
            await own.stopAndForget();
        }
    });
});

describe.skipIf(hosted)('the stand-in', () => {
    afterEach(() => order({ times: 0 }));

    it('shows messages of an address as JSON, newest first, with attachments to fetch', async () => {
        const to = someone();
        const pdf = Buffer.from('%PDF-1.7 invoice');
        await sent(to, { subject: 'First' });
        await sent(`Ann <${to.toUpperCase()}>`, {
            subject: 'Second',
            tags: [{ name: 'template', value: 'invoice' }],
            attachments: [{ filename: 'INV-0042 – Küche.pdf', content: pdf, contentType: 'application/pdf' }]
        });
        const [second, first, ...others] = await inbox(to);
        expect([second?.subject, first?.subject, others]).toEqual(['Second', 'First', []]);
        expect(second?.tags).toEqual([{ name: 'template', value: 'invoice' }]);
        expect(second?.attachments).toMatchObject([{ filename: 'INV-0042 – Küche.pdf', size: pdf.length }]);
        const file = await fetch(second!.attachments[0]!.url);
        expect(file.headers.get('content-type')).toBe('application/pdf');
        expect(file.headers.get('content-disposition')).toMatch(/^attachment;/);
        expect(Buffer.from(await file.arrayBuffer()).equals(pdf)).toBe(true);
    });

    it('lets a test wait for a message', async () => {
        const to = someone();
        const wait = (query: string) =>
            fetch(`${mailUrl}/api/messages/wait?to=${encodeURIComponent(to)}${query}`);
        expect((await wait('&timeout_ms=20')).status).toBe(408);
        const waiting = wait('&timeout_ms=20000');
        const id = await sent(to, { subject: 'Came' });
        expect(await (await waiting).json()).toMatchObject({ id, subject: 'Came' });
        expect((await wait(`&after=${id}&timeout_ms=20`)).status).toBe(408);
        const next = wait(`&after=${id}&timeout_ms=20000`);
        const nextId = await sent(to);
        expect(await (await next).json()).toMatchObject({ id: nextId });
        expect((await wait('&after=yesterday')).status).toBe(422);
    });

    it('[MAIL-2] fails when told to, with or without taking the message', async () => {
        const to = someone();
        const attempt = async () => {
            const { error } = await resend.emails.send(
                { from, to, subject: 'x', text: 'x' },
                { idempotencyKey: `order-${to}` }
            );
            return error && [error.statusCode, error.name];
        };
        await order({ status: 503, times: 2 });
        expect([await attempt(), await attempt()]).toEqual([
            [503, 'internal_server_error'],
            [503, 'internal_server_error']
        ]);
        expect(await inbox(to)).toHaveLength(0);
        await order({ status: 429, accept: true });
        expect(await attempt()).toEqual([429, 'rate_limit_exceeded']);
        expect(await inbox(to)).toHaveLength(1);
        expect(await attempt()).toBeNull();
        expect(await inbox(to)).toHaveLength(1);
    });

    it('refuses what it does not have', async () => {
        const scheduled = await resend.emails.send({
            from,
            to: someone(),
            subject: 'x',
            text: 'x',
            scheduledAt: '2030-01-01T00:00:00Z'
        });
        expect(scheduled.error).toMatchObject({ statusCode: 501 });
        expect((await resend.domains.list()).error).toMatchObject({ statusCode: 501 });
    });

    it('has an inbox page that escapes what it shows and a frame that cannot act', async () => {
        const to = someone();
        const attack = '<script>alert(1)</script>';
        const id = await sent(to, {
            subject: attack,
            text: `${attack} https://example.com/a?b=1&c=2.`,
            html: attack
        });
        const list = await (await fetch(`${mailUrl}/?to=${encodeURIComponent(to)}`)).text();
        const page = await (await fetch(`${mailUrl}/messages/${id}`)).text();
        for (const text of [list, page]) {
            expect(text).not.toContain(attack);
            expect(text).toContain('&lt;script&gt;');
            expect(text).toContain('nothing leaves this machine');
        }
        expect(page).toContain('<a href="https://example.com/a?b=1&amp;c=2"');
        expect(page).toMatch(/<iframe[^>]*sandbox="allow-popups allow-popups-to-escape-sandbox"/);
        const frame = await fetch(`${mailUrl}/messages/${id}/html`);
        expect(frame.headers.get('content-security-policy')).toMatch(/^sandbox .*default-src 'none'/);
        expect((await fetch(`${mailUrl}/messages/${randomUUID()}`)).status).toBe(404);
    });
});
