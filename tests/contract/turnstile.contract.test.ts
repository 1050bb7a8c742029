// The captcha's judge and script as they are published: at the stand-in, and with the keys for testing at the real service when
// CONTRACT_TURNSTILE_URL says so.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createClock } from '../../local/clock.ts';
import { openDoor, type Door } from '../../local/doors.ts';
import { createTurnstile } from '../../local/turnstile/index.ts';

const real = process.env.CONTRACT_TURNSTILE_URL?.replace(/\/$/, '');
const OWN = {
    siteKey: '0x4AAAAAAAown',
    secretKey: '0x4AAAAAAAsecret',
    hostnames: ['app.example', 'shop.example']
};
const DUMMY = 'XXXX.DUMMY.TOKEN.XXXX';
const PASSES = '1x0000000000000000000000000000000AA';
const FAILS = '2x0000000000000000000000000000000AA';
const SPENT = '3x0000000000000000000000000000000AA';

const clock = createClock();
const logged: string[] = [];
let door: Door;
let base = real ?? '';

beforeAll(async () => {
    if (real) return;
    door = await openDoor(0);
    door.serve(createTurnstile({ own: OWN, clock, log: (line) => logged.push(line) }).fetch);
    base = `http://127.0.0.1:${door.port}`;
});
afterAll(() => door?.close());
beforeEach(() => clock.reset());

type Answer = Record<string, unknown> & { success: boolean; 'error-codes': string[] };

async function verify(
    fields: Record<string, string>,
    how: 'form' | 'json' | 'multipart' = 'form'
): Promise<Answer> {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.set(name, value);
    const body = { form: new URLSearchParams(fields), json: JSON.stringify(fields), multipart: form }[how];
    const answer = await fetch(`${base}/turnstile/v0/siteverify`, {
        method: 'POST',
        body,
        ...(how === 'json' ? { headers: { 'content-type': 'application/json' } } : {})
    });
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    return (await answer.json()) as Answer;
}

describe('siteverify with the keys for testing', () => {
    it.each(['form', 'json', 'multipart'] as const)('takes what is asked as %s', async (how) => {
        const answer = await verify({ secret: PASSES, response: DUMMY, remoteip: '198.51.100.7' }, how);
        expect(answer).toMatchObject({ success: true, 'error-codes': [] });
        expect(Date.parse(String(answer.challenge_ts))).not.toBeNaN();
        expect(typeof answer.hostname).toBe('string');
    });

    it.each([
        ['always fails', { secret: FAILS, response: DUMMY }, 'invalid-input-response'],
        ['says that a token is spent', { secret: SPENT, response: DUMMY }, 'timeout-or-duplicate'],
        ['misses the secret', { response: DUMMY }, 'missing-input-secret'],
        ['misses the token', { secret: PASSES }, 'missing-input-response'],
        ['does not know a secret', { secret: 'made-up', response: DUMMY }, 'invalid-input-secret']
    ])('%s', async (_, fields, code) => {
        const answer = await verify(fields as Record<string, string>);
        expect(answer.success).toBe(false);
        expect(answer['error-codes']).toContain(code);
    });
});

describe('the script', () => {
    it('is there for any page to load', async () => {
        const answer = await fetch(`${base}/turnstile/v0/api.js`, { redirect: 'follow' });
        expect(answer.status).toBe(200);
        expect(answer.headers.get('content-type')).toMatch(/javascript/);
        expect(await answer.text()).toContain('turnstile');
    });
});

describe.skipIf(real !== undefined)('a widget of one’s own', () => {
    const solve = async (fields: Record<string, string> = {}) =>
        await fetch(`${base}/turnstile/v0/challenge`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ sitekey: OWN.siteKey, hostname: 'app.example', ...fields })
        });
    const aToken = async (fields: Record<string, string> = {}): Promise<string> => {
        const { token } = (await (await solve(fields)).json()) as { token: string };
        return token;
    };
    const judged = (response: string, more: Record<string, string> = {}) =>
        verify({ secret: OWN.secretKey, response, ...more });

    it('makes a token that says where it was solved, when, and for what', async () => {
        const token = await aToken({ hostname: 'shop.example', action: 'sign_in', cdata: 'order-7' });
        expect(await judged(token)).toEqual({
            success: true,
            'error-codes': [],
            challenge_ts: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
            hostname: 'shop.example',
            action: 'sign_in',
            cdata: 'order-7'
        });
    });

    it('makes tokens that are good once, and again for whoever shows the key that they asked with first', async () => {
        const token = await aToken();
        const key = randomUUID();
        expect((await judged(token, { idempotency_key: key })).success).toBe(true);
        expect((await judged(token, { idempotency_key: key })).success).toBe(true);
        for (const more of [{}, { idempotency_key: randomUUID() }] as Record<string, string>[])
            expect((await judged(token, more))['error-codes']).toEqual(['timeout-or-duplicate']);
        const other = await aToken();
        await judged(other);
        expect((await judged(other))['error-codes'], 'without a key').toEqual(['timeout-or-duplicate']);
        expect((await judged(await aToken(), { idempotency_key: 'no uuid' }))['error-codes']).toEqual([
            'bad-request'
        ]);
    });

    it('makes tokens that last five minutes', async () => {
        const [early, late] = [await aToken(), await aToken()];
        clock.advance(299);
        expect((await judged(early)).success).toBe(true);
        clock.advance(2);
        expect((await judged(late))['error-codes']).toEqual(['timeout-or-duplicate']);
    });

    it('makes tokens that no other secret knows, and knows no others', async () => {
        const token = await aToken();
        expect((await verify({ secret: PASSES, response: token }))['error-codes']).toEqual([
            'invalid-input-response'
        ]);
        for (const made of [DUMMY, 'made-up', 'x'.repeat(2049)])
            expect((await judged(made))['error-codes'], made.slice(0, 30)).toEqual([
                'invalid-input-response'
            ]);
        expect((await judged(token)).success, 'none of that spent it').toBe(true);
    });

    it('is shown on its own pages alone, and fails where its key is unknown or made to', async () => {
        const refused = async (fields: Record<string, string>) => {
            const answer = await solve(fields);
            return { status: answer.status, ...((await answer.json()) as object) };
        };
        expect(await refused({ hostname: 'evil.example' })).toEqual({ status: 400, code: '110200' });
        expect(await refused({ sitekey: 'made-up' })).toEqual({ status: 400, code: '400020' });
        expect(await refused({ sitekey: '2x00000000000000000000AB' })).toEqual({
            status: 400,
            code: '300030'
        });
        expect(await aToken({ sitekey: '1x00000000000000000000AA', hostname: 'any.example' })).toBe(DUMMY);
    });

    it('refuses loudly what the stand-in has not', async () => {
        for (const path of ['/', '/turnstile/v0/', '/client/v4/accounts/1/challenges/widgets'])
            expect((await fetch(base + path)).status, path).toBe(404);
        expect((await fetch(`${base}/turnstile/v0/siteverify`)).status, 'by GET').toBe(404);
        expect(logged).toEqual([]);
    });
});
