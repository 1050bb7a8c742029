import { expect, it } from 'vitest';
import { signContext, type RequestContext } from './context.ts';

const context: RequestContext = {
    ip: '203.0.113.9',
    ua: 'Mozilla/5.0 (test)',
    rid: '0193a2b4-0000-7000-8000-000000000001',
    sid: '0193a2b4-0000-4000-8000-000000000002',
    iat: 1763800000,
    via: 'app'
};

it('x-tf-context is base64 JSON and its HMAC-SHA256 under the key, as edge functions and SQL compute it', async () => {
    const key = '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f';
    const [body = '', mac = ''] = signContext(context, key).split('.');
    expect(JSON.parse(Buffer.from(body, 'base64').toString())).toEqual(context);

    // The same by WebCrypto, which is what the edge functions have.
    const bytes = Uint8Array.from(Buffer.from(key, 'hex'));
    const imported = await crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, [
        'sign'
    ]);
    const expected = await crypto.subtle.sign('HMAC', imported, new TextEncoder().encode(body));
    expect(mac).toBe(Buffer.from(expected).toString('base64'));
    expect(signContext(context, key)).toBe(
        'eyJpcCI6IjIwMy4wLjExMy45IiwidWEiOiJNb3ppbGxhLzUuMCAodGVzdCkiLCJyaWQiOiIwMTkzYTJiNC0wMDAwLTcwMDAtODAwMC0wMDAwMDAwMDAwMDEiLCJzaWQiOiIwMTkzYTJiNC0wMDAwLTQwMDAtODAwMC0wMDAwMDAwMDAwMDIiLCJpYXQiOjE3NjM4MDAwMDAsInZpYSI6ImFwcCJ9.rQz19pnjvRDIU+AWtweF/LEgDYupNWpK2tZA0/tyQZs='
    );
});

it('a context changed by one letter has another signature', () => {
    const key = 'ab'.repeat(32);
    const macOf = (signed: string) => signed.split('.')[1];
    expect(macOf(signContext({ ...context, ip: '203.0.113.8' }, key))).not.toBe(
        macOf(signContext(context, key))
    );
});
