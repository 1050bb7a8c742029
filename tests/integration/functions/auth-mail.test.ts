import { randomUUID } from 'node:crypto';
import postgres from 'postgres';
import { Webhook } from 'standardwebhooks';
import { afterAll, describe, expect, it } from 'vitest';
import { contextHeader, info, knock, mailsTo, mailTo, refusal } from './edge.ts';

const database = postgres(info.superuserUrl, { max: 1 });
afterAll(() => database.end());

const secret = (info.env.SEND_EMAIL_HOOK_SECRETS ?? '').replace(/^v1,/, '');
const anyone = () => `sam-${randomUUID()}@example.com`;

type Hook = { id?: string; at?: Date; key?: string; type?: string; more?: Record<string, unknown> };

/** A call of the send-email hook as the auth server makes and signs it. */
function hook(
    email: string,
    { id = randomUUID(), at = new Date(), key = secret, type = 'magiclink', more }: Hook = {}
) {
    const body = JSON.stringify({
        metadata: { uuid: randomUUID(), time: at.toISOString(), name: 'send-email', ip_address: '10.0.0.1' },
        user: { id: randomUUID(), email, new_email: '' },
        email_data: {
            token: '123456',
            token_hash: 'abcdef',
            token_new: '',
            token_hash_new: '',
            redirect_to: '',
            site_url: info.apiUrl,
            email_action_type: type
        },
        ...more
    });
    const headers = {
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
        'webhook-signature': new Webhook(key).sign(id, at, body)
    };
    return { body, headers };
}

const queuedFor = async (email: string) =>
    (await database`select id from mail.outbox where to_address = ${email}`).length;

describe('[AUTH-1] a sign-in code', () => {
    it('comes by mail at once, and signs its reader in', async () => {
        const email = anyone();
        const asked = await knock('auth-gate/auth/v1/otp', {
            headers: { 'x-tf-context': contextHeader() },
            body: { email, create_user: true }
        });
        expect(asked.status).toBe(200);
        const mail = await mailTo(email);
        const code = /\b\d{6}\b/.exec(mail.subject)?.[0] ?? '';
        expect(mail.text).toContain(code);
        const verified = await knock('auth-gate/auth/v1/verify', {
            headers: { 'x-tf-context': contextHeader() },
            body: { type: 'email', email, token: code }
        });
        expect(await verified.json()).toMatchObject({ token_type: 'bearer', user: { email } });
    });

    it('comes with a link that signs in as well', async () => {
        const email = anyone();
        await knock('auth-gate/auth/v1/otp', {
            headers: { 'x-tf-context': contextHeader() },
            body: { email }
        });
        const mail = await mailTo(email);
        const link = new URL(/https?:\/\/\S+\/auth\/confirm\?\S+/.exec(mail.text)?.[0] ?? '');
        expect(link.origin).toBe(info.env.APP_ORIGIN);
        const { token_hash, type } = Object.fromEntries(link.searchParams);
        const verified = await knock('auth-gate/auth/v1/verify', {
            headers: { 'x-tf-context': contextHeader() },
            body: { type, token_hash }
        });
        expect(await verified.json()).toMatchObject({ token_type: 'bearer', user: { email } });
    });

    it('is forgotten by the outbox once it is sent', async () => {
        const email = anyone();
        await knock('auth-mail', hook(email));
        await mailTo(email);
        await expect
            .poll(() => database`select state, data from mail.outbox where to_address = ${email}`)
            .toEqual([{ state: 'sent', data: {} }]);
    });
});

describe('the send-email hook', () => {
    const refused = { status: 400, code: 'signature_not_valid' };

    it.each([
        ['unsigned', (call: ReturnType<typeof hook>) => ({ ...call, headers: {} })],
        [
            'tampered with',
            (call: ReturnType<typeof hook>) => ({ ...call, body: call.body.replace('123456', '654321') })
        ],
        [
            'under another id',
            ({ body, headers }: ReturnType<typeof hook>) => ({
                body,
                headers: { ...headers, 'webhook-id': 'x' }
            })
        ]
    ])('is refused when %s, and nothing is queued', async (_, change) => {
        const email = anyone();
        expect(await refusal(await knock('auth-mail', change(hook(email))))).toEqual(refused);
        expect(await queuedFor(email)).toBe(0);
    });

    it.each([
        ['by another secret', { key: `whsec_${Buffer.from('another secret').toString('base64')}` }],
        ['six minutes ago', { at: new Date(Date.now() - 6 * 60_000) }]
    ])('is refused when signed %s, and nothing is queued', async (_, options) => {
        const email = anyone();
        expect(await refusal(await knock('auth-mail', hook(email, options)))).toEqual(refused);
        expect(await queuedFor(email)).toBe(0);
    });

    it('sends one mail when it is told twice', async () => {
        const email = anyone();
        const call = hook(email);
        const answers = await Promise.all([knock('auth-mail', call), knock('auth-mail', call)]);
        for (const answer of answers) {
            expect(answer.status).toBe(200);
            expect(await answer.json()).toEqual({});
        }
        await mailTo(email);
        expect(await queuedFor(email)).toBe(1);
        expect(await mailsTo(email)).toHaveLength(1);
    });

    it('gives both addresses of a change their own link', async () => {
        const [present, next] = [anyone(), anyone()];
        const more = {
            user: { email: present, new_email: next },
            email_data: {
                token: '111111',
                token_hash: 'hash-for-next',
                token_new: '222222',
                token_hash_new: 'hash-for-present',
                email_action_type: 'email_change'
            }
        };
        await knock('auth-mail', hook(present, { more }));
        for (const [address, link] of [
            [present, 'token_hash=hash-for-present'],
            [next, 'token_hash=hash-for-next']
        ] as const) {
            const { subject, text } = await mailTo(address);
            expect(text).toContain(link);
            // Two codes from two mailboxes are more than people type.
            expect(subject + text).not.toMatch(/111111|222222/);
        }
    });

    it('refuses a kind of mail that is not offered in the hook’s own form', async () => {
        const email = anyone();
        const answer = await knock('auth-mail', hook(email, { type: 'invite' }));
        expect(await answer.json()).toEqual({
            error: { http_code: 422, message: 'This kind of e-mail is not offered here.' }
        });
        expect(await queuedFor(email)).toBe(0);
    });
});
