// Every answer of the web server, whatever it is, carries its request id and the security headers.
import { connect } from 'node:net';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type RunningApp } from '../../support/app.ts';
import { freePort } from '../../support/port.ts';
import { stack } from '../../support/stack.ts';
import { aVisitor } from '../../support/visitor.ts';

const app = process.env.TF_APP_URL ?? '';

/** What every answer must carry; a page's own policy is looked at apart. */
function expectGuarded(headers: Headers): void {
    expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('referrer-policy')).toBe('same-origin');
    expect(headers.get('permissions-policy')).toContain('geolocation=()');
    expect(headers.get('cross-origin-opener-policy')).toBe('same-origin');
    expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toContain("base-uri 'none'");
    expect(policy).not.toContain('unsafe-inline');
    expect(policy).not.toContain('unsafe-eval');
}

describe('[APP-1] security headers stand on every answer', () => {
    it.each([
        ['a page', '/sign-in', 200],
        ['a page for customers', '/portal/link-not-valid', 200],
        ['a redirect', '/today', 303],
        ['a page that is not there', '/nothing/here', 404],
        ['a file', '/favicon.svg', 200],
        ['a file of the build', '/_app/version.json', 200],
        ['a file that is not there', '/_app/immutable/nothing.js', 404],
        ['an address that cannot be read', '/%E0%A4%A', 400],
        ['the health check', '/healthz', 200]
    ])('%s (%s)', async (_name, path, status) => {
        const response = await aVisitor(app).get(path);
        expect(response.status).toBe(status);
        expectGuarded(response.headers);
    });

    it('a script of the build, which is kept for a year', async () => {
        const page = await aVisitor(app).get('/nothing/here');
        const [, script] = /<[./]*(\/_app\/immutable\/[^>]+\.js)>/.exec(page.headers.get('link') ?? '') ?? [];
        const response = await aVisitor(app).get(script ?? '/no-script-found');
        expect(response.status).toBe(200);
        expect(response.headers.get('cache-control')).toContain('immutable');
        expectGuarded(response.headers);
    });

    it('a form from another site, which is refused', async () => {
        const response = await aVisitor(app).post(
            '/sign-in',
            { email: 'a@example.test' },
            { origin: 'https://evil.example' }
        );
        expect(response.status).toBe(403);
        expectGuarded(response.headers);
    });

    it.each([
        ['JSON from another site', { origin: 'https://evil.example', 'content-type': 'application/json' }],
        [
            'what a browser calls cross-site',
            { origin: app, 'sec-fetch-site': 'cross-site', 'content-type': 'application/json' }
        ],
        ['a form without an origin', { 'content-type': 'application/x-www-form-urlencoded' }]
    ])('%s, which is refused', async (_name, headers) => {
        const response = await fetch(`${app}/sign-in`, { method: 'POST', headers, body: '{}' });
        expect(response.status).toBe(403);
        expectGuarded(response.headers);
    });

    it('what is not even HTTP', async () => {
        const { hostname, port } = new URL(app);
        const answer = await new Promise<string>((resolve, reject) => {
            let said = '';
            const socket = connect(Number(port), hostname === 'localhost' ? '127.0.0.1' : hostname, () =>
                socket.write('THIS IS NOT HTTP\r\n\r\n')
            );
            socket.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
            socket.on('end', () => resolve(said)).on('error', reject);
        });
        expect(answer).toMatch(/^HTTP\/1\.1 400 /);
        const lines = answer
            .split('\r\n')
            .slice(1, -2)
            .map((line): [string, string] => {
                const at = line.indexOf(': ');
                return [line.slice(0, at), line.slice(at + 2)];
            });
        expectGuarded(new Headers(lines));
    });

    it('pages may load scripts and style from here only, and photos from storage', async () => {
        const { headers } = await aVisitor(app).get('/nothing/here');
        const policy = headers.get('content-security-policy') ?? '';
        const directive = (name: string) => policy.split('; ').find((part) => part.startsWith(`${name} `));
        expect(directive('script-src')).toMatch(/^script-src 'self'( '(sha256|nonce)-[^']+')*$/);
        expect(directive('style-src')).toMatch(/^style-src 'self'( '(sha256|nonce)-[^']+')*$/);
        expect(directive('form-action')).toBe("form-action 'self'");
        expect(directive('img-src')).toBe(`img-src 'self' data: blob: ${stack().apiUrl}`);
        expect(directive('connect-src')).toBe(`connect-src 'self' ${stack().apiUrl}`);
        expect(headers.get('cache-control')).toBe('private, no-store');
    });

    it('HSTS is not sent over http', async () => {
        const { headers } = await aVisitor(app).get('/sign-in');
        expect(headers.has('strict-transport-security')).toBe(false);
    });
});

describe('a server whose project answers nonsense', () => {
    let nonsense: Server;
    let broken: RunningApp;
    let port: number;

    beforeAll(async () => {
        nonsense = createServer((_request, response) => {
            response.setHeader('content-type', 'application/json').end('{"nonsense":true}');
        });
        await new Promise<void>((resolve) => nonsense.listen(0, '127.0.0.1', resolve));
        port = await freePort();
        const { port: nonsensePort } = nonsense.address() as AddressInfo;
        broken = await startApp(stack(), port, {
            origin: 'https://app.example.co.uk',
            env: { SUPABASE_URL: `http://127.0.0.1:${nonsensePort}`, STAND_INS: '' }
        });
    });
    afterAll(async () => {
        await broken.stop();
        nonsense.close();
    });

    it('answers 500 with the headers and the number that a person can quote', async () => {
        const response = await fetch(`http://127.0.0.1:${port}/portal/invoice`, {
            headers: { cookie: '__Host-tf-portal=0123456789abcdefghijkl', accept: 'text/html' }
        });
        expect(response.status).toBe(500);
        expectGuarded(response.headers);
        const page = await response.text();
        expect(page).toContain(response.headers.get('x-request-id'));
        expect(page).not.toContain('nonsense');
        expect(response.headers.has('server-timing')).toBe(false);
    });

    it('[APP-1] sends HSTS where people come over https', async () => {
        const response = await fetch(`http://127.0.0.1:${port}/sign-in`);
        expect(response.headers.get('strict-transport-security')).toMatch(/^max-age=63072000/);
    });
});
