// Every answer of the web server, over TLS as people reach it, carries the security headers, each of them right: every route
// as nobody, as an owner and as a member without rights, every file, every way to be refused or to fail.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { connect as connectPlainly, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ownCertificate, type Certificate } from '../../local/certificate.ts';
import { startApp, type RunningApp } from '../support/app.ts';
import { aBusiness, type Business } from '../support/business.ts';
import { aRequestToJoin } from '../support/dns.ts';
import { freePort } from '../support/port.ts';
import { projectDir, stack } from '../support/stack.ts';
import { aVisitor, signedIn, type Visitor } from '../support/visitor.ts';
import { doors } from './doors/doors.ts';
import { aDomain, aDomainName } from './doors/examples/team.ts';
import { fileAddresses, routeAddresses, type Ids } from './headers/addresses.ts';
import { faults, faultsOfCookie, type Kind } from './headers/faults.ts';

// Hundreds of requests in one test: seconds by itself, a minute where many share the machine.
vi.setConfig({ testTimeout: 180_000 });

/** Every edge function there is. */
const edgeFunctions = readdirSync(join(projectDir, 'supabase/functions'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== '_shared')
    .map(({ name }) => name);

const folder = mkdtempSync(join(tmpdir(), 'headers-'));
const storage = stack().apiUrl;
let certificate: Certificate;
let app: RunningApp;
let business: Business;
let owner: Visitor;
let agent: Visitor;
let ids: Ids;
let token: string;

/** Pages behind a private link, which know no members. */
const isCustomers = (address: string): boolean => /^\/(p|portal)\//.test(address);
const membersAddresses = (): string[] => routeAddresses(ids).filter((address) => !isCustomers(address));

const aPage: Kind = { tls: true, kept: 'never', storage };

/** Fails with all that is wrong at once, and where. */
function expectGuarded(response: Response, kind: Partial<Kind> = {}): void {
    expect(faults(response.headers, { ...aPage, ...kind }), `${response.status} ${response.url}`).toEqual([]);
}

beforeAll(async () => {
    certificate = await ownCertificate(folder, 'localhost');
    setDefaultCACertificates([...getCACertificates('default'), certificate.cert]);
    const port = await freePort();
    app = await startApp(stack(), port, {
        origin: `https://localhost:${port}`,
        env: { TLS_CERT_FILE: certificate.certFile, TLS_KEY_FILE: certificate.keyFile }
    });
    business = await aBusiness();
    const { invoiceId } = await business.anInvoice();
    const { jobId, customerId } = await business.aJob();
    token = await business.aLink(invoiceId);
    const colleague = await business.owner.db
        .from('members')
        .select('id, role_id')
        .eq('account_id', business.accountId)
        .single<{ id: string; role_id: string }>();
    if (colleague.error) throw colleague.error;
    const { id: member, role_id: role } = colleague.data;
    const request = await aRequestToJoin(business, await aDomainName(business));
    const domain = await aDomain(business);
    ids = { invoice: invoiceId, job: jobId, customer: customerId, token, member, role, domain, request };
    owner = await signedIn(business.owner, app.url);
    agent = await signedIn(await business.withMember('agent'), app.url);
});
afterAll(async () => {
    await app?.stop();
    rmSync(folder, { recursive: true, force: true });
});

describe('[APP-1] every route, read off the routes', () => {
    /** The pages themselves and what their scripts fetch instead; a customer's pages have no script. */
    const crawl = async (visitor: Visitor, addresses: readonly string[]): Promise<number[]> => {
        const statuses: number[] = [];
        for (const address of addresses) {
            const data = isCustomers(address) ? [] : [`${address.replace(/\/$/, '')}/__data.json`];
            for (const path of [address, ...data]) {
                const response = await visitor.get(path);
                await response.arrayBuffer();
                expectGuarded(response);
                expect(response.status, path).toBeLessThan(500);
                statuses.push(response.status);
            }
        }
        return statuses;
    };

    it('is guarded for somebody who is not signed in', async () => {
        const statuses = await crawl(aVisitor(app.url), routeAddresses(ids));
        expect(statuses.filter((status) => status === 303).length).toBeGreaterThan(15);
    });

    it('is guarded for the owner of a business', async () => {
        const statuses = await crawl(owner, membersAddresses());
        expect(statuses.filter((status) => status === 200).length).toBeGreaterThan(30);
    });

    it('is guarded for a member who is refused', async () => {
        const statuses = await crawl(agent, membersAddresses());
        expect(statuses.filter((status) => status === 403).length).toBeGreaterThan(10);
    });

    it('is guarded for every method, known to it or not', async () => {
        const met = new Set<number>();
        for (const address of routeAddresses(ids)) {
            for (const method of ['HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE']) {
                const response = await fetch(`${app.url}${address}`, {
                    method,
                    redirect: 'manual',
                    headers: { origin: app.url, accept: 'text/html' }
                });
                await response.arrayBuffer();
                expectGuarded(response);
                met.add(response.status);
            }
        }
        expect(met).toContain(405);
    });

    it('is not there in a built app when it is the workbench of the design language', async () => {
        for (const path of ['/design', '/design/app', '/design/plain']) {
            expect((await owner.get(path)).status, path).toBe(404);
        }
    });
});

it('[APP-1] every form and every script’s request is answered with the headers, right and wrong alike', async () => {
    let moved = 0;
    for (const door of doors().filter(({ what, example }) => what !== 'load' && !example.endsSession)) {
        const { path, fields, json } = await door.example.request(business);
        const named = { account_id: business.accountId };
        for (const visitor of [owner, agent, aVisitor(app.url)]) {
            const answers = json
                ? [await visitor.json(path, { ...named, ...json }), await visitor.json(path, {})]
                : [await visitor.post(path, { ...named, ...fields }), await visitor.post(path, {})];
            for (const response of answers) {
                await response.arrayBuffer();
                expectGuarded(response);
                if (response.status === 303) moved += 1;
            }
        }
    }
    expect(moved).toBeGreaterThan(20);
});

describe('[APP-1] files', () => {
    it('every file of the build and of static/ carries them, and is kept as long as its name means its content', async () => {
        const files = fileAddresses();
        expect(files.length).toBeGreaterThan(100);
        const kinds = new Set<string>();
        for (const path of files) {
            const response = await fetch(`${app.url}${path}`);
            await response.arrayBuffer();
            expect(response.status, path).toBe(200);
            const kept = path.startsWith('/_app/immutable/') ? 'for ever' : 'asked again';
            expectGuarded(response, { kept });
            const type = response.headers.get('content-type') ?? '';
            expect(type, path).toMatch(/^(text|image|font|application)\/[\w.+-]+/);
            kinds.add(type.split(';')[0] ?? '');
        }
        expect([...kinds]).toEqual(expect.arrayContaining(['text/javascript', 'text/css', 'font/woff2']));
    });

    it('one that has not changed, a part of one, a packed one and one that is not there', async () => {
        const whole = await fetch(`${app.url}/plain.css`);
        const seen = { 'if-none-match': whole.headers.get('etag') ?? '' };
        for (const [headers, status] of [
            [seen, 304],
            [{ range: 'bytes=0-9' }, 206],
            [{ range: 'bytes=900000-' }, 416],
            [{ 'accept-encoding': 'br' }, 200]
        ] as const) {
            const response = await fetch(`${app.url}/plain.css`, { headers });
            expect(response.status).toBe(status);
            expectGuarded(response, { kept: 'any' });
        }
        const gone = await fetch(`${app.url}/_app/immutable/nothing.js`);
        expect(gone.status).toBe(404);
        expectGuarded(gone, { kept: 'any' });
        expect(gone.headers.get('cache-control')).not.toContain('immutable');
    });
});

describe('[APP-1] what is refused', () => {
    const post = (path: string, headers: Record<string, string>, body: string): Promise<Response> =>
        fetch(`${app.url}${path}`, { method: 'POST', redirect: 'manual', headers, body });

    it.each([
        ['a form from another site', 403, { origin: 'https://evil.example' }],
        ['a form without an origin', 403, {}],
        ['what a browser calls cross-site', 403, { 'sec-fetch-site': 'cross-site' }]
    ])('%s', async (_what, status, headers) => {
        const form = { 'content-type': 'application/x-www-form-urlencoded', ...headers };
        const response = await post('/sign-in', form, 'email=a@example.test');
        expect(response.status).toBe(status);
        expectGuarded(response);
    });

    it('a form that is too large, sent with its length and without', async () => {
        const headers = { origin: app.url, 'content-type': 'application/x-www-form-urlencoded' };
        const large = `email=${'a'.repeat(600_000)}`;
        const told = await post('/sign-in', { ...headers, accept: 'text/html' }, large);
        expect(told.status).toBe(413);
        expect(await told.text()).toContain('more than we take at once');
        expectGuarded(told);
        const untold = await fetch(`${app.url}/sign-in`, {
            method: 'POST',
            headers,
            body: new Blob([large]).stream(),
            duplex: 'half'
        } as RequestInit);
        expect(untold.status).toBe(413);
        expectGuarded(untold);
    });

    it('a form that breaks off, and JSON that is none', async () => {
        const broken = await post(
            '/sign-in',
            { origin: app.url, 'content-type': 'multipart/form-data; boundary=x' },
            '--x\r\nbroken'
        );
        expect(broken.status).toBe(400);
        expectGuarded(broken);
        const nonsense = await owner.post(
            `/jobs/${ids.job}/photos`,
            {},
            { 'content-type': 'application/json' }
        );
        expect(nonsense.status).toBe(422);
        expectGuarded(nonsense);
    });

    it.each([
        '/%E0%A4%A',
        '/nothing/here',
        '/..%2f..%2fetc/passwd',
        '/_app/..%2f..%2fpackage.json',
        '//evil.example/'
    ])('the address %s', async (path) => {
        const response = await fetch(app.url + path, { redirect: 'manual' });
        expect([400, 403, 404, 308]).toContain(response.status);
        expectGuarded(response, { kept: 'any' });
        expect(response.headers.get('location') ?? '').not.toContain('evil');
    });

    it('an address with a slash too many, which is led to the right one', async () => {
        const response = await fetch(`${app.url}/sign-in/`, { redirect: 'manual' });
        expect(response.status).toBe(308);
        expectGuarded(response, { kept: 'any' });
    });

    it.each([
        ['what is not even HTTP', 'THIS IS NOT HTTP\r\n\r\n', 400],
        ['a head that never ends', `GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(17_000)}\r\n\r\n`, 431]
    ])('%s', async (_what, words, status) => {
        const answer = await saySomething(app.url, words);
        expect(answer.status).toBe(status);
        expect(faults(answer.headers, { ...aPage, kept: 'any' })).toEqual([]);
    });

    it('plain HTTP on the port of TLS, which gets no answer at all', async () => {
        await expect(fetch(app.url.replace('https:', 'http:'))).rejects.toThrow('fetch failed');
    });
});

describe('[APP-1] customers with a private link', () => {
    it('from the link over the invoice to the PDF', async () => {
        const customer = aVisitor(app.url);
        for (const [path, status] of [
            [`/p/${token}`, 303],
            ['/portal/invoice', 200],
            ['/portal/invoice.pdf', 302],
            ['/p/not-a-token', 303]
        ] as const) {
            const response = await customer.get(path);
            expect(response.status, path).toBe(status);
            expectGuarded(response);
        }
    });
});

it('[AUTH-5] every cookie is __Host-, Secure, HttpOnly, SameSite and for this host alone', async () => {
    const visitor = aVisitor(app.url);
    const signing = await visitor.post('/sign-in/password', {
        email: business.owner.email,
        password: business.owner.password
    });
    const answers = [
        signing,
        await visitor.post('/auth/sign-out', {}),
        await visitor.get(`/p/${token}`),
        await visitor.get('/auth/start?provider=google'),
        await visitor.post('/sign-in', { email: 'somebody@example.test' })
    ];
    const lines = answers.flatMap(({ headers }) => headers.getSetCookie());
    expect(new Set(lines.map((line) => line.split('=')[0])).size).toBeGreaterThan(3);
    expect(lines.flatMap(faultsOfCookie)).toEqual([]);
});

it('[APP-1] HSTS is not sent where people come by http', async () => {
    const response = await fetch(`${process.env.TF_APP_URL}/sign-in`);
    expect(faults(response.headers, { ...aPage, tls: false })).toEqual([]);
});

describe('[APP-1] what an edge function answers runs nothing, stands in no frame and is kept by nobody', () => {
    it.each(edgeFunctions)('%s', async (name) => {
        for (const method of ['POST', 'GET']) {
            const response = await fetch(`${storage}/functions/v1/${name}`, {
                method,
                headers: {
                    apikey: stack().publishableKey,
                    authorization: `Bearer ${business.owner.accessToken}`,
                    'content-type': 'application/json'
                },
                ...(method === 'POST' ? { body: '{}' } : {})
            });
            const { headers } = response;
            expect(headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'");
            expect(headers.get('x-content-type-options')).toBe('nosniff');
            expect(headers.get('x-frame-options')).toBe('DENY');
            expect(headers.get('referrer-policy')).toBe('no-referrer');
            expect(headers.get('cache-control')).toBe('no-store');
            expect(headers.get('x-request-id')).toMatch(/^[\w-]{8,64}$/);
            expect(headers.has('x-powered-by')).toBe(false);
        }
    });
});

describe('[APP-1] a server whose project answers nonsense', () => {
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
        await broken?.stop();
        nonsense?.close();
    });

    it('answers 500 with the headers and the number that a person can quote', async () => {
        const response = await fetch(`http://127.0.0.1:${port}/portal/invoice`, {
            headers: { cookie: '__Host-tf-portal=0123456789abcdefghijkl', accept: 'text/html' }
        });
        expect(response.status).toBe(500);
        const { port: nonsensePort } = nonsense.address() as AddressInfo;
        expectGuarded(response, { storage: `http://127.0.0.1:${nonsensePort}` });
        const page = await response.text();
        expect(page).toContain(response.headers.get('x-request-id'));
        expect(page).not.toContain('nonsense');
        expect(response.headers.has('server-timing')).toBe(false);
    });
});

/** Says something to a server that no client would, and reads the head of what it answers. */
async function saySomething(url: string, words: string): Promise<{ status: number; headers: Headers }> {
    const { hostname, port, protocol } = new URL(url);
    const said = await new Promise<string>((resolve, reject) => {
        let answer = '';
        const socket =
            protocol === 'https:'
                ? connect({ host: hostname, port: Number(port) }, () => socket.write(words))
                : connectPlainly(Number(port), hostname, () => socket.write(words));
        socket.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
        socket.on('end', () => resolve(answer)).on('error', reject);
    });
    const [first = '', ...lines] = said.split('\r\n\r\n', 1)[0]!.split('\r\n');
    const pairs = lines.map((line): [string, string] => {
        const at = line.indexOf(': ');
        return [line.slice(0, at), line.slice(at + 2)];
    });
    return { status: Number(first.split(' ')[1]), headers: new Headers(pairs) };
}
