// The score that Mozilla's HTTP Observatory would give, and that each header is what earns its part of it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ownCertificate } from '../../local/certificate.ts';
import { startApp, type RunningApp } from '../support/app.ts';
import { aBusiness } from '../support/business.ts';
import { freePort } from '../support/port.ts';
import { stack } from '../support/stack.ts';
import { aVisitor, signedIn } from '../support/visitor.ts';
import { MOST, observe, type Scan, type Score } from './observatory.ts';

const folder = mkdtempSync(join(tmpdir(), 'observatory-'));
let app: RunningApp;

beforeAll(async () => {
    const certificate = await ownCertificate(folder, 'localhost');
    // As on a host whose certificate browsers trust.
    setDefaultCACertificates([...getCACertificates('default'), certificate.cert]);
    const port = await freePort();
    app = await startApp(stack(), port, {
        origin: `https://localhost:${port}`,
        env: { TLS_CERT_FILE: certificate.certFile, TLS_KEY_FILE: certificate.keyFile, STAND_INS: '' }
    });
});
afterAll(async () => {
    await app?.stop();
    rmSync(folder, { recursive: true, force: true });
});

/** Asks for what the Observatory asks for; `cookie` is what the visitor's browser holds already. */
async function scanned(
    path: string,
    visitor = aVisitor(app.url),
    cookies: readonly string[] = []
): Promise<Scan> {
    const page = await visitor.get(path);
    expect(page.status).toBe(200);
    const robots = await visitor.get('/robots.txt');
    const preflight = await fetch(app.url + path, {
        method: 'OPTIONS',
        headers: { origin: 'https://observatory.example', 'access-control-request-method': 'GET' }
    });
    const plainly = await fetch(app.url.replace('https:', 'http:'), { redirect: 'manual' }).catch(() => null);
    // The stack's storage speaks HTTP on this machine; a project's speaks HTTPS.
    const headers = new Headers(page.headers);
    const policy = headers.get('content-security-policy') ?? '';
    headers.set('content-security-policy', policy.replaceAll(stack().apiUrl, 'https://project.example'));
    const set = [page, robots].flatMap(({ headers }) => headers.getSetCookie());
    return {
        headers,
        html: await page.text(),
        cookies: [...cookies, ...set],
        http: plainly === null ? 'no answer' : 'stays',
        certificate: true,
        preloaded: false,
        cors: preflight.headers
    };
}

/** Tests that gave less than they can. */
const missed = ({ verdicts }: Score): string[] =>
    verdicts.filter(({ test, points }) => points < (MOST[test] ?? 0)).map(({ result }) => result);

describe('[APP-1] the Observatory’s score', () => {
    it('of the front page is the highest that a page without script and cookies can have: 150, A+', async () => {
        const score = observe(await scanned('/'));
        expect(score).toMatchObject({ score: 150, grade: 'A+' });
        // 165 would take a domain on the browsers' preload list, a cookie on the front page and a script on it.
        expect(missed(score)).toEqual([
            'cookies-not-found',
            'hsts-implemented-max-age-at-least-six-months',
            'sri-not-implemented-but-no-scripts-loaded'
        ]);
    });

    it('of a page behind the sign-in, with its cookies and scripts, is 155, A+', async () => {
        const { owner: person } = await aBusiness();
        const signing = await aVisitor(app.url).post('/sign-in/password', {
            email: person.email,
            password: person.password
        });
        const scan = await scanned(
            '/more/security',
            await signedIn(person, app.url),
            signing.headers.getSetCookie()
        );
        expect(scan.html).toContain('<script');
        const score = observe(scan);
        expect(score).toMatchObject({ score: 155, grade: 'A+' });
        expect(missed(score)).toEqual([
            'hsts-implemented-max-age-at-least-six-months',
            'sri-not-implemented-but-all-scripts-loaded-from-secure-origin'
        ]);
    });

    it.each([
        ['content-security-policy', 100 - 25],
        // Without its header the frame denial stands in the policy still.
        ['x-frame-options', 150],
        ['strict-transport-security', 100 - 20],
        ['x-content-type-options', 150 - 5],
        ['referrer-policy', 150 - 5],
        ['cross-origin-resource-policy', 150 - 10],
        ['cross-origin-embedder-policy', 150 - 10],
        ['cross-origin-opener-policy', 150 - 10]
    ])('without %s is %i', async (name, score) => {
        const scan = await scanned('/');
        scan.headers = new Headers([...scan.headers].filter(([header]) => header !== name));
        expect(observe(scan).score).toBe(score);
    });
});

describe('the rules of the Observatory, as we apply them', () => {
    const bare: Scan = {
        headers: new Headers(),
        html: '<p>Hello</p>',
        cookies: [],
        http: 'stays',
        certificate: true,
        preloaded: false,
        cors: new Headers()
    };
    const pointsOf = (test: string, scan: Partial<Scan>): number | undefined =>
        observe({ ...bare, ...scan }).verdicts.find((verdict) => verdict.test === test)?.points;
    const withHeader = (name: string, value: string): Partial<Scan> => ({
        headers: new Headers({ [name]: value })
    });

    it('give a site that does nothing 10 points and an F', () => {
        expect(observe(bare)).toMatchObject({ score: 10, grade: 'F' });
    });

    it('can give 165 points and no more', () => {
        expect(100 + Object.values(MOST).reduce((sum, points) => sum + points, 0)).toBe(165);
    });

    it('add no bonus to what lost more than ten points', () => {
        const headers = new Headers({
            'content-security-policy': "default-src 'none'; frame-ancestors 'none'"
        });
        expect(observe({ ...bare, headers, http: 'no answer' }).score).toBe(100 - 20 - 5);
    });

    it.each([
        ["default-src 'none'; script-src 'self'", 10],
        ["default-src 'self'", 5],
        ["default-src 'self'; style-src 'unsafe-inline'", 0],
        ["default-src 'self'; img-src http://pictures.example", -10],
        ["default-src 'self'; script-src 'self' 'unsafe-eval'", -10],
        ["default-src 'self'; script-src 'unsafe-inline'", -20],
        ["default-src 'self'; script-src https:", -20],
        ["default-src 'self'; connect-src http://there.example", -20],
        ["img-src 'self'", -20],
        ["default-src 'none'; default-src 'self'", -25]
    ])('give the policy %s %i', (policy, points) => {
        expect(pointsOf('content-security-policy', withHeader('content-security-policy', policy))).toBe(
            points
        );
    });

    it.each([
        ['__Host-tf=a; Path=/; Secure; HttpOnly; SameSite=Lax', 5],
        ['a=b; Secure', 0],
        ['a=b', -20],
        ['a=b; SameSite=Anything; Secure', -20],
        ['csrf=b; Secure', -20],
        ['session=b; Secure; SameSite=Lax', -30],
        ['session=b; HttpOnly', -40]
    ])('give the cookie %s %i', (cookie, points) => {
        expect(pointsOf('cookies', { cookies: [cookie] })).toBe(points);
    });

    it.each([
        ['<script src="/a.js" integrity="sha384-x"></script>', 5],
        ['<script src="/a.js"></script>', 0],
        ['<script src="https://there.example/a.js" integrity="sha384-x"></script>', 5],
        ['<script src="https://there.example/a.js"></script>', -5],
        ['<script src="http://there.example/a.js" integrity="sha384-x"></script>', -20],
        ['<script src="//there.example/a.js"></script>', -50]
    ])('give the script %s %i', (html, points) => {
        expect(pointsOf('subresource-integrity', { html })).toBe(points);
    });

    it.each([
        ['strict-transport-security', 'max-age=63072000; includeSubDomains', 0],
        ['strict-transport-security', 'max-age=86400', -10],
        ['strict-transport-security', 'includeSubDomains', -20],
        ['referrer-policy', 'same-origin', 5],
        ['referrer-policy', 'unsafe-url', -5],
        ['referrer-policy', 'whatever', -5],
        ['x-frame-options', 'DENY', 5],
        ['x-frame-options', 'ALLOWALL', -20],
        ['x-content-type-options', 'sniff', -5],
        ['cross-origin-opener-policy', 'unsafe-none', 0],
        ['cross-origin-embedder-policy', 'require-corp', 10],
        ['cross-origin-resource-policy', 'anything', -5]
    ])('give %s: %s %i', (name, value, points) => {
        expect(pointsOf(name, withHeader(name, value))).toBe(points);
    });

    it('take 50 points for cookies that any site may use by CORS', () => {
        const cors = new Headers({
            'access-control-allow-origin': 'https://observatory.example',
            'access-control-allow-credentials': 'true'
        });
        expect(pointsOf('cross-origin-resource-sharing', { cors })).toBe(-50);
    });
});
