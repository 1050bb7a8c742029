/**
 * The web server: `node src/server.ts` after `npm run build`. Wraps the built app so that every answer, files,
 * refusals and crashes included, carries its request id and the security headers; decides the client's address;
 * writes one log line a request; and stops without cutting anybody off.
 */
import { readFileSync } from 'node:fs';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { clientAddress } from './lib/server/address.ts';
import { securityHeaders } from './lib/server/headers.ts';
import { attachRecord, logFailure, logRequest, newRecord, writeLine } from './lib/server/log.ts';
import { readSettings, WrongSettings, type Settings } from './lib/server/settings.ts';

type Handler = (request: IncomingMessage, response: ServerResponse, next: () => void) => unknown;

const shutdownPatienceMs = 10_000;
let stopping = false;

function settingsOrExit(): Settings {
    try {
        return readSettings(process.env);
    } catch (failure) {
        if (!(failure instanceof WrongSettings)) throw failure;
        process.stderr.write(`${failure.message}\n`);
        process.exit(1);
    }
}

const settings = settingsOrExit();
const overTls = settings.TLS_CERT_FILE !== undefined || settings.ORIGIN.startsWith('https:');

// The built app reads its origin from here. The other names would let a header decide what only we decide.
process.env.ORIGIN = settings.ORIGIN;
for (const name of ['ADDRESS_HEADER', 'PROTOCOL_HEADER', 'HOST_HEADER', 'PORT_HEADER']) {
    process.env[name] = '';
}

// `npm test` leaves its report beside the build, wherever the server is started from.
process.env.PROMISES_REPORT ??= fileURLToPath(new URL('../promises-report.json', import.meta.url));

const built = new URL('../build/handler.js', import.meta.url);
const { handler } = (await import(built.href).catch((failure: unknown) => {
    if (!(failure instanceof Error && 'code' in failure && failure.code === 'ERR_MODULE_NOT_FOUND'))
        throw failure;
    process.stderr.write(`TradersFlow cannot start: ${failure.message}. Build it first: npm run build.\n`);
    process.exit(1);
})) as { handler: Handler };

function answerPlainly(response: ServerResponse, status: number, sentence: string): void {
    if (response.headersSent) {
        response.destroy();
        return;
    }
    response.statusCode = status;
    response.setHeader('content-type', 'text/plain; charset=utf-8');
    response.setHeader('cache-control', 'no-store');
    response.end(`${sentence}\n`);
}

const unnamed = (part: unknown): boolean =>
    typeof part === 'object' && part !== null && 'Content-Type' in part && part['Content-Type'] === '';

/** The file server knows no media type for `.ico` and says an empty one, which under `nosniff` is none at all. */
function nameIcons(response: ServerResponse): void {
    const writeHead = response.writeHead.bind(response) as (...given: unknown[]) => ServerResponse;
    const named = (part: unknown): unknown =>
        unnamed(part) ? { ...(part as object), 'Content-Type': 'image/vnd.microsoft.icon' } : part;
    response.writeHead = ((...given: unknown[]) =>
        writeHead(...given.map(named))) as typeof response.writeHead;
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const forwarded = request.headers['x-forwarded-for'];
    const record = newRecord(
        clientAddress(
            request.socket.remoteAddress,
            Array.isArray(forwarded) ? forwarded.join(',') : forwarded,
            settings.TRUSTED_PROXIES
        )
    );
    attachRecord(request, record);
    for (const [name, value] of securityHeaders({ requestId: record.id, overTls })) {
        response.setHeader(name, value);
    }
    if (request.method !== 'GET' && request.method !== 'HEAD')
        response.setHeader('cache-control', 'no-store');
    if (stopping) response.setHeader('connection', 'close');
    nameIcons(response);

    const path = request.url?.split('?', 1)[0] ?? '/';
    if (path === '/healthz') {
        // Not ready while stopping, so that a balancer sends nobody here any more.
        answerPlainly(response, stopping ? 503 : 200, stopping ? 'stopping' : 'ok');
        return;
    }
    response.once('close', () => {
        // A page brings a dozen of these, none of which tells anything.
        if (path.startsWith('/_app/immutable/') && response.statusCode < 400) return;
        logRequest(record, { method: request.method ?? '', status: response.statusCode });
    });
    try {
        await handler(request, response, () => answerPlainly(response, 404, 'There is nothing here.'));
    } catch (failure) {
        logFailure(record, failure);
        record.code = 'unexpected';
        answerPlainly(
            response,
            500,
            `Something went wrong on our side. Our record of it has the number ${record.id}.`
        );
    }
}

/** What is not even HTTP never reaches {@link serve}; it gets the headers all the same. */
function refuseUnreadable(failure: NodeJS.ErrnoException, socket: Socket): void {
    if (failure.code === 'ECONNRESET' || !socket.writable) {
        socket.destroy();
        return;
    }
    const record = newRecord(clientAddress(socket.remoteAddress, undefined, settings.TRUSTED_PROXIES));
    const status =
        failure.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request';
    const headers = securityHeaders({ requestId: record.id, overTls }).map(
        ([name, value]) => `${name}: ${value}`
    );
    logRequest(record, { method: '', status: Number.parseInt(status, 10) });
    socket.end(
        [`HTTP/1.1 ${status}`, ...headers, 'connection: close', 'content-length: 0', '', ''].join('\r\n')
    );
}

const onRequest = (request: IncomingMessage, response: ServerResponse): void => void serve(request, response);
const server =
    settings.TLS_CERT_FILE && settings.TLS_KEY_FILE
        ? https.createServer(
              { cert: readFileSync(settings.TLS_CERT_FILE), key: readFileSync(settings.TLS_KEY_FILE) },
              onRequest
          )
        : http.createServer(onRequest);
server.on('clientError', refuseUnreadable);

/** Takes nothing new, finishes what runs, then ends; a second signal or ten seconds end it at once. */
function stop(reason: string): void {
    if (stopping) process.exit(1);
    stopping = true;
    writeLine({ level: 'info', event: 'stopping', reason });
    server.close(() => process.exit(0));
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), shutdownPatienceMs).unref();
}

process.on('SIGTERM', stop);
process.on('SIGINT', stop);
process.on('unhandledRejection', (failure) => logFailure(undefined, failure));
process.on('uncaughtException', (failure) => {
    // The state is unknown from here on: finish what can be finished and let the supervisor start a fresh one.
    logFailure(undefined, failure);
    process.exitCode = 1;
    if (!stopping) stop('failure');
});

server.on('error', (failure: NodeJS.ErrnoException) => {
    const why = failure.code === 'EADDRINUSE' ? `port ${settings.PORT} is taken` : failure.message;
    process.stderr.write(`TradersFlow cannot start: ${why}.\n`);
    process.exit(1);
});
server.listen(settings.PORT, settings.HOST, () => {
    const { port } = server.address() as AddressInfo;
    writeLine({ level: 'info', event: 'listening', port, origin: settings.ORIGIN });
});
