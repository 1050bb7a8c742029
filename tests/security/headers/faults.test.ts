// The crawl's judge, judged: from a head that is right one thing after the other is taken away or spoilt, and is missed.
import { describe, expect, it } from 'vitest';
import { pagePolicy, securityHeaders } from '../../../src/lib/server/headers.ts';
import { faults, faultsOfCookie, type Kind } from './faults.ts';

const storage = 'https://project.example';
const aPage: Kind = { tls: true, kept: 'never', storage };
const policy = pagePolicy(
    "default-src 'none'; script-src 'self' 'nonce-0123456789abcdefghijkl=='; style-src 'self'; img-src 'self' data:; " +
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    storage
);

/** The head of a page as it should be, with some of it changed; null takes a header away. */
function head(changes: Record<string, string | null> = {}): Headers {
    const headers = new Headers(
        securityHeaders({ requestId: crypto.randomUUID(), overTls: true }) as [string, string][]
    );
    headers.set('cache-control', 'private, no-store');
    headers.set('content-security-policy', policy);
    for (const [name, value] of Object.entries(changes)) {
        if (value === null) headers.delete(name);
        else headers.set(name, value);
    }
    return headers;
}

describe('[APP-1] of a head that is right nothing is missed', () => {
    it('and nothing is found wrong with it', () => {
        expect(faults(head(), aPage)).toEqual([]);
    });

    it.each([...head().keys()])('without %s it is found wrong', (name) => {
        expect(faults(head({ [name]: null }), aPage)).not.toEqual([]);
    });

    it.each([
        ['x-frame-options', 'SAMEORIGIN'],
        ['x-content-type-options', 'nosniff, nosniff'],
        ['referrer-policy', 'unsafe-url'],
        ['cross-origin-opener-policy', 'unsafe-none'],
        ['cross-origin-embedder-policy', 'unsafe-none'],
        ['cross-origin-resource-policy', 'cross-origin'],
        ['strict-transport-security', 'max-age=63072000'],
        ['permissions-policy', 'camera=(self)'],
        ['cache-control', 'public, max-age=60'],
        ['server', 'anything'],
        ['x-powered-by', 'anything'],
        ['access-control-allow-origin', '*'],
        ['content-security-policy', `${policy}, default-src *`],
        ['content-security-policy', policy.replace("script-src 'self'", "script-src 'self' 'unsafe-inline'")],
        ['content-security-policy', policy.replace("script-src 'self'", "script-src 'self' 'unsafe-eval'")],
        ['content-security-policy', policy.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")],
        ['content-security-policy', policy.replace("script-src 'self'", 'script-src https:')],
        ['content-security-policy', policy.replace("default-src 'none'", "default-src 'self'")],
        ['content-security-policy', policy.replace("frame-ancestors 'none'", "frame-ancestors 'self'")],
        ['content-security-policy', policy.replace("; base-uri 'none'", '')],
        ['content-security-policy', policy.replace("; form-action 'self'", '')],
        [
            'content-security-policy',
            policy.replace("img-src 'self'", "img-src 'self' https://elsewhere.example")
        ],
        ['content-security-policy', `${policy}; frame-src 'self'`]
    ])('with %s: %s it is found wrong', (name, value) => {
        expect(faults(head({ [name]: value }), aPage)).not.toEqual([]);
    });

    it('what is kept for ever must say so, and HSTS must not be sent over http', () => {
        expect(faults(head(), { ...aPage, kept: 'for ever' })).toHaveLength(1);
        expect(faults(head(), { ...aPage, tls: false })).toHaveLength(1);
    });
});

describe('[AUTH-5] of a cookie that is right nothing is missed', () => {
    const right = '__Host-tf=value; Max-Age=60; Path=/; HttpOnly; Secure; SameSite=Lax';

    it('and nothing is found wrong with it', () => {
        expect(faultsOfCookie(right)).toEqual([]);
    });

    it.each([
        right.replace('__Host-', ''),
        right.replace(' Path=/;', ''),
        right.replace(' HttpOnly;', ''),
        right.replace(' Secure;', ''),
        right.replace('; SameSite=Lax', ''),
        right.replace('Lax', 'None'),
        `${right}; Domain=example.co.uk`
    ])('%s is found wrong', (line) => {
        expect(faultsOfCookie(line)).toHaveLength(1);
    });
});
