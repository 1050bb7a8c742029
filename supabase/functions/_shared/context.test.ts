import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { signContext, verifyContext, type RequestContext } from './context.ts';

const key = '0123456789abcdef'.repeat(4);
const otherKey = 'f'.repeat(64);
const now = 1_790_000_000;
const context: RequestContext = {
    ip: '203.0.113.7',
    ua: 'Mozilla/5.0 (Ünïcode; “phone”)',
    rid: 'b0a1f3c2',
    sid: null,
    iat: now,
    via: 'app'
};

describe('x-tf-context', () => {
    it('is taken as it was signed', async () => {
        const header = await signContext(context, [key]);
        expect(await verifyContext(header, [key], now)).toEqual(context);
    });

    it('is the HMAC-SHA256 of its first part under the key’s bytes, as SQL and the web tier make it', async () => {
        const payload = Buffer.from(JSON.stringify(context)).toString('base64');
        const mac = createHmac('sha256', Buffer.from(key, 'hex')).update(payload).digest('base64');
        expect(await signContext(context, [key])).toBe(`${payload}.${mac}`);
        expect(await verifyContext(`${payload}.${mac}`, [key], now)).toEqual(context);
    });

    it('is taken under the old key while the key is being changed, and signed with the new one', async () => {
        const byOld = await signContext(context, [otherKey]);
        expect(await verifyContext(byOld, [key, otherKey], now)).toEqual(context);
        const byBoth = await signContext(context, [key, otherKey]);
        expect(await verifyContext(byBoth, [key], now)).toEqual(context);
    });

    it('is refused when it was signed with another key', async () => {
        expect(await verifyContext(await signContext(context, [otherKey]), [key], now)).toBeNull();
    });

    it('is refused when its contents were changed', async () => {
        const [payload = '', mac = ''] = (await signContext(context, [key])).split('.');
        const forged = Buffer.from(JSON.stringify({ ...context, ip: '198.51.100.1' })).toString('base64');
        expect(await verifyContext(`${forged}.${mac}`, [key], now)).toBeNull();
        expect(await verifyContext(`${payload}.${mac.slice(0, -2)}`, [key], now)).toBeNull();
        expect(await verifyContext(`${payload}.`, [key], now)).toBeNull();
    });

    it('is good for 60 seconds and not for 61', async () => {
        const header = await signContext(context, [key]);
        expect(await verifyContext(header, [key], now + 60)).toEqual(context);
        expect(await verifyContext(header, [key], now + 61)).toBeNull();
    });

    it('is refused when it comes from the future by more than a clock’s drift', async () => {
        const header = await signContext(context, [key]);
        expect(await verifyContext(header, [key], now - 5)).toEqual(context);
        expect(await verifyContext(header, [key], now - 6)).toBeNull();
    });

    it('is refused on the way in when an edge function made it', async () => {
        const header = await signContext({ ...context, via: 'edge', act: 'stripe' }, [key]);
        expect(await verifyContext(header, [key], now)).toBeNull();
    });

    it.each([
        ['absent', null],
        ['empty', ''],
        ['without a signature', 'eyJpcCI6bnVsbH0'],
        ['in three parts', 'a.b.c'],
        ['not base64', 'a-b.c_d='],
        ['very long', `${'a'.repeat(5000)}.b`]
    ])('is refused when it is %s', async (_, header) => {
        expect(await verifyContext(header, [key], now)).toBeNull();
    });

    it('is refused when signed words are of another form', async () => {
        const header = await signContext({ ...context, iat: 'soon' } as unknown as RequestContext, [key]);
        expect(await verifyContext(header, [key], now)).toBeNull();
    });
});
