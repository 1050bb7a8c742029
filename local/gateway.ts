// The one door of the stack: checks API keys, turns them into tokens, says who is calling from where, and
// hands the request to the service behind its path. It holds no state and decides nothing about rows.

import { getRequestListener } from '@hono/node-server';
import { timingSafeEqual, createHash, randomUUID } from 'node:crypto';
import { Agent, request as httpRequest } from 'node:http';
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { MovableClock } from './clock.ts';
import type { Service } from './doors.ts';
import type { Keys } from './keys.ts';

export type GatewayOptions = {
    publishableKey: string;
    secretKey: string;
    keys: Keys;
    clock: MovableClock;
    auth: Service;
    storage: Service;
    /** Where PostgREST listens; read per request, because it may be started again elsewhere. */
    restPort: () => number;
    functionsPort: () => number;
    /** Which functions exist, and whether each demands a token; undefined for an unknown name. */
    verifyJwt: (name: string) => boolean | undefined;
    log: (line: string) => void;
};

/** Paths that a browser or a provider opens without an API key. */
const OPEN_PATHS: { method: RegExp; path: RegExp }[] = [
    { method: /^(GET|POST)$/, path: /^\/auth\/v1\/(verify|callback|authorize)$/ },
    { method: /^GET$/, path: /^\/auth\/v1\/sso\/saml\/metadata$/ },
    { method: /^POST$/, path: /^\/auth\/v1\/sso\/saml\/acs$/ },
    { method: /^GET$/, path: /^\/auth\/v1\/\.well-known\/[\w.-]+$/ },
    { method: /^(GET|HEAD)$/, path: /^\/storage\/v1\/object\/(info\/)?public\// },
    { method: /^(GET|HEAD)$/, path: /^\/storage\/v1\/(object|render\/image)\/sign\// },
    { method: /^(GET|HEAD)$/, path: /^\/storage\/v1\/render\/image\/public\// },
    { method: /^PUT$/, path: /^\/storage\/v1\/object\/upload\/sign\// }
];

/** What a caller could claim about its own address; only the gateway may say it. */
const CLAIMED_ADDRESS =
    /^(x-forwarded-.*|forwarded|x-real-ip|x-client-ip|client-ip|cf-connecting-ip|true-client-ip|fastly-client-ip|x-cluster-client-ip)$/;

const HOP_BY_HOP = new Set([
    ...['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization'],
    ...['te', 'trailer', 'transfer-encoding', 'upgrade', 'proxy-connection']
]);

const REQUEST_ID = /^[\w.:-]{8,128}$/;

type Role = 'anon' | 'service_role';
type Refusal = { status: number; body: Record<string, unknown> };
type Admitted = { role: Role | undefined; headers: Headers };

export type Gateway = (incoming: IncomingMessage, outgoing: ServerResponse) => Promise<void>;

export function createGateway(options: GatewayOptions): Gateway {
    // Idle connections go before PostgREST ends them (30 s), or a request could meet one that is just closing.
    const agent = new Agent({ keepAlive: true, maxSockets: 128, timeout: 10_000 });
    const mint = tokenMint(options.keys, options.clock);

    const services = getRequestListener(
        async (request: Request) => {
            const url = new URL(request.url);
            const [, name = ''] = url.pathname.split('/');
            const service = name === 'auth' ? options.auth : options.storage;
            url.pathname = url.pathname.slice(`/${name}/v1`.length) || '/';
            const hasBody = request.method !== 'GET' && request.method !== 'HEAD';
            const inner = new Request(url, {
                method: request.method,
                headers: request.headers,
                signal: request.signal,
                ...(hasBody ? { body: request.body, duplex: 'half' as const } : {})
            });
            const answer = await service(inner);
            const headers = new Headers(answer.headers);
            if (!headers.has('access-control-allow-origin')) headers.set('access-control-allow-origin', '*');
            headers.set('x-request-id', request.headers.get('x-request-id') ?? '');
            return new Response(answer.body, {
                status: answer.status,
                statusText: answer.statusText,
                headers
            });
        },
        {
            overrideGlobalObjects: false,
            errorHandler: (error) => {
                const refusal = describeFailure(error);
                if (refusal.status === 500)
                    options.log(`gateway: ${(error as Error).stack ?? String(error)}`);
                return Response.json(refusal.body, { status: refusal.status, headers: CORS });
            }
        }
    );

    return async (incoming, outgoing) => {
        try {
            await handle(incoming, outgoing);
        } catch (error) {
            options.log(`gateway: ${(error as Error).stack ?? String(error)}`);
            refuse(outgoing, { status: 500, body: { message: 'The gateway failed; its log says why.' } });
        }
    };

    async function handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
        const url = new URL(incoming.url ?? '/', 'http://gateway');
        const id = header(incoming, 'x-request-id');
        const requestId = id && REQUEST_ID.test(id) ? id : randomUUID();
        outgoing.setHeader('x-request-id', requestId);
        const service = /^\/(auth|rest|storage|functions)\/v1(?=\/|$)/.exec(url.pathname)?.[1];
        if (service === undefined) {
            const known = /^\/(realtime|graphql|pg|analytics)\/v1/.exec(url.pathname)?.[1];
            return refuse(
                outgoing,
                known
                    ? { status: 501, body: { message: `The embedded stack has no ${known} service.` } }
                    : { status: 404, body: { message: 'no Route matched with those values' } }
            );
        }
        if (incoming.method === 'OPTIONS' && service !== 'functions') return preflight(incoming, outgoing);

        const admitted = await admit(incoming, url, service, requestId);
        if ('status' in admitted) return refuse(outgoing, admitted);
        const { headers } = admitted;

        if (service === 'rest') {
            const refusal = refuseUnfiltered(incoming.method ?? 'GET', url);
            if (refusal) return refuse(outgoing, refusal);
            const path = url.pathname.slice('/rest/v1'.length) || '/';
            return forward(incoming, outgoing, options.restPort(), path + url.search, headers, true);
        }
        if (service === 'functions') {
            const refusal = await checkFunction(incoming, url);
            if (refusal) return refuse(outgoing, refusal);
            const path = url.pathname.slice('/functions/v1'.length) + url.search;
            return forward(incoming, outgoing, options.functionsPort(), path, headers, false);
        }
        incoming.rawHeaders = [...headers].flat();
        await services(incoming, outgoing);
    }

    /** Checks the API key and rewrites the headers; the answer is what the service will see. */
    async function admit(
        incoming: IncomingMessage,
        url: URL,
        service: string,
        requestId: string
    ): Promise<Admitted | Refusal> {
        const headers = cleanHeaders(incoming);
        const apiKey = headers.get('apikey') ?? '';
        const role = apiKey === '' ? undefined : await roleOf(apiKey);
        const open =
            service === 'functions' ||
            OPEN_PATHS.some(
                ({ method, path }) => method.test(incoming.method ?? '') && path.test(url.pathname)
            );
        if (role === undefined && !(open && apiKey === ''))
            return apiKey === ''
                ? unauthorised('No API key found in request', 'No `apikey` request header was found.')
                : unauthorised(
                      'Invalid API key',
                      'Double check your project’s publishable or secret API key.'
                  );

        const bearer = /^bearer\s+(.*)$/i.exec(headers.get('authorization') ?? '')?.[1]?.trim();
        const isToken = headers.has('authorization') && !bearer?.startsWith('sb_');
        if (!isToken && role) headers.set('authorization', `Bearer ${await mint(role)}`);
        else if (!isToken) headers.delete('authorization');
        else if (service === 'rest' && bearer && options.clock.offset() !== 0) {
            const moved = await inMachineTime(bearer);
            if (moved) headers.set('authorization', `Bearer ${moved}`);
        }

        if (apiKey !== options.secretKey) headers.delete('sb-forwarded-for');
        headers.set('x-forwarded-for', (incoming.socket.remoteAddress ?? '').replace(/^::ffff:/, ''));
        headers.set('x-forwarded-proto', 'encrypted' in incoming.socket ? 'https' : 'http');
        headers.set('x-request-id', requestId);
        return { role, headers };
    }

    async function roleOf(apiKey: string): Promise<Role | undefined> {
        if (sameText(apiKey, options.publishableKey)) return 'anon';
        if (sameText(apiKey, options.secretKey)) return 'service_role';
        if (apiKey.split('.').length !== 3) return undefined;
        // The older form of a key: a token of this project for one of the two roles.
        const { role } = await options.keys.verify(apiKey).catch(() => ({ role: undefined }));
        return role === 'anon' || role === 'service_role' ? role : undefined;
    }

    /**
     * PostgREST checks times against the machine's clock. While a test has moved ours, a token that is good
     * by our clock is handed on with its times shifted; one that is not is left for PostgREST to refuse.
     */
    async function inMachineTime(jwt: string): Promise<string | undefined> {
        const claims = await options.keys.verify(jwt).catch(() => undefined);
        if (!claims) return mint.expired();
        const shift = Math.round(options.clock.offset() / 1000);
        const shifted = { ...claims };
        for (const name of ['iat', 'nbf', 'exp'] as const) {
            const value = claims[name];
            if (typeof value === 'number') shifted[name] = value - shift;
        }
        return options.keys.sign(shifted);
    }

    async function checkFunction(incoming: IncomingMessage, url: URL): Promise<Refusal | undefined> {
        const name = url.pathname.split('/')[3] ?? '';
        const demands = options.verifyJwt(name);
        if (demands === undefined)
            return { status: 404, body: { code: 'NOT_FOUND', message: 'Requested function was not found' } };
        if (!demands || incoming.method === 'OPTIONS') return undefined;
        const authorization = header(incoming, 'authorization');
        if (!authorization)
            return {
                status: 401,
                body: { code: 'UNAUTHORIZED_NO_AUTH_HEADER', message: 'Missing authorization header' }
            };
        const token = /^bearer\s+(.+)$/i.exec(authorization)?.[1];
        const valid =
            token !== undefined &&
            (await options.keys
                .verify(token)
                .then(() => true)
                .catch(() => false));
        return valid
            ? undefined
            : { status: 401, body: { code: 'UNAUTHORIZED_INVALID_JWT_FORMAT', message: 'Invalid JWT' } };
    }

    /** Streams both ways without reading; a client that goes away takes the inner request with it. */
    function forward(
        incoming: IncomingMessage,
        outgoing: ServerResponse,
        port: number,
        path: string,
        headers: Headers,
        cors: boolean
    ): void {
        const onward: OutgoingHttpHeaders = Object.fromEntries(headers);
        onward.host = incoming.headers.host ?? '127.0.0.1';
        const inner = httpRequest({
            host: '127.0.0.1',
            port,
            path,
            method: incoming.method,
            headers: onward,
            agent
        });
        inner.on('response', (answer) => {
            const reply: OutgoingHttpHeaders = {};
            for (const [name, value] of Object.entries(answer.headers))
                if (!HOP_BY_HOP.has(name)) reply[name] = value;
            if (cors) reply['access-control-allow-origin'] ??= '*';
            if (!inner.writableFinished) {
                // Refused before it was read to its end: nothing else may come over these two connections, where the
                // rest of the body would be taken for it, or waited for.
                reply.connection = 'close';
                answer.on('end', () => inner.destroy());
            }
            outgoing.writeHead(answer.statusCode ?? 502, reply);
            answer.pipe(outgoing);
            answer.on('error', () => outgoing.destroy());
        });
        inner.on('error', (error: NodeJS.ErrnoException) => {
            if (outgoing.headersSent || outgoing.destroyed) return void outgoing.destroy();
            refuse(outgoing, {
                status: error.code === 'ECONNREFUSED' || error.code === 'ECONNRESET' ? 503 : 502,
                body: {
                    code: error.code,
                    message: 'The service behind the gateway is not available; try again.'
                }
            });
        });
        outgoing.on('close', () => {
            if (!outgoing.writableEnded) inner.destroy();
        });
        incoming.on('error', () => inner.destroy());
        incoming.pipe(inner);
    }
}

/** Tokens of the two key roles, good by the machine's clock and by ours, minted anew before they run out. */
function tokenMint(keys: Keys, clock: MovableClock) {
    const cached = new Map<Role, { token: string; until: number; offset: number }>();
    const mint = async (role: Role): Promise<string> => {
        const now = Date.now();
        const offset = clock.offset();
        const known = cached.get(role);
        if (known && known.until > now && known.offset === offset) return known.token;
        const seconds = [now, now + offset].map((time) => Math.floor(time / 1000));
        const token = await keys.sign({
            role,
            iat: Math.min(...seconds) - 5,
            exp: Math.max(...seconds) + 3600
        });
        cached.set(role, { token, until: now + 3_000_000, offset });
        return token;
    };
    return Object.assign(mint, { expired: () => keys.sign({ role: 'anon', iat: 0, exp: 1 }) });
}

/** The headers a service may see: none of the connection's, none about the caller's address. */
function cleanHeaders(incoming: IncomingMessage): Headers {
    const headers = new Headers();
    const dropped = new Set((header(incoming, 'connection') ?? '').toLowerCase().split(/\s*,\s*/));
    for (let index = 0; index < incoming.rawHeaders.length; index += 2) {
        const name = (incoming.rawHeaders[index] ?? '').toLowerCase();
        if (HOP_BY_HOP.has(name) || dropped.has(name) || CLAIMED_ADDRESS.test(name)) continue;
        headers.append(name, incoming.rawHeaders[index + 1] ?? '');
    }
    return headers;
}

/**
 * On a hosted project `safeupdate` refuses an update or delete without a condition. The stack's Postgres has
 * no such module, so the door does it: a parameter that is no filter on the table itself does not count.
 */
function refuseUnfiltered(method: string, url: URL): Refusal | undefined {
    if (method !== 'PATCH' && method !== 'DELETE') return undefined;
    if (url.pathname.startsWith('/rest/v1/rpc/')) return undefined;
    const noFilter = new Set(['select', 'columns', 'order', 'offset', 'on_conflict', 'apikey']);
    const filtered = [...url.searchParams.keys()].some((key) => {
        const embedded = key.includes('.') && !/^not\.(and|or)$/.test(key) && !key.includes('->');
        return !noFilter.has(key) && !embedded;
    });
    if (filtered) return undefined;
    const verb = method === 'PATCH' ? 'UPDATE' : 'DELETE';
    return {
        status: 400,
        body: { code: '21000', details: null, hint: null, message: `${verb} requires a WHERE clause` }
    };
}

const CORS = { 'access-control-allow-origin': '*' };

function preflight(incoming: IncomingMessage, outgoing: ServerResponse): void {
    outgoing.writeHead(200, {
        ...CORS,
        'access-control-allow-methods': 'GET,HEAD,PUT,PATCH,POST,DELETE,OPTIONS',
        'access-control-allow-headers':
            header(incoming, 'access-control-request-headers') ??
            'authorization, x-client-info, apikey, content-type',
        'access-control-max-age': '3600',
        'content-length': '0'
    });
    outgoing.end();
}

function unauthorised(message: string, hint: string): Refusal {
    return { status: 401, body: { message, hint } };
}

function refuse(outgoing: ServerResponse, { status, body }: Refusal): void {
    if (outgoing.headersSent) return void outgoing.destroy();
    const text = JSON.stringify(body);
    // The request's body may still be on its way: the answer goes out, then the connection closes.
    outgoing.writeHead(status, {
        ...CORS,
        'content-type': 'application/json; charset=utf-8',
        'content-length': Buffer.byteLength(text),
        connection: 'close'
    });
    outgoing.end(text);
}

const DATABASE_IS_AWAY =
    /^(ECONNREFUSED|ECONNRESET|EPIPE|CONNECTION_(CLOSED|ENDED|DESTROYED)|CONNECT_TIMEOUT|57P0[123]|53300|08\d{3})$/;

function describeFailure(error: unknown): Refusal {
    const code = String((error as { code?: unknown }).code ?? '');
    if (DATABASE_IS_AWAY.test(code))
        return { status: 503, body: { code, message: 'The database is not available; try again.' } };
    return { status: 500, body: { message: 'Internal server error' } };
}

function header(incoming: IncomingMessage, name: string): string | undefined {
    const value = incoming.headers[name];
    return Array.isArray(value) ? value[0] : value;
}

function sameText(a: string, b: string): boolean {
    const digest = (text: string) => createHash('sha256').update(text).digest();
    return timingSafeEqual(digest(a), digest(b));
}
