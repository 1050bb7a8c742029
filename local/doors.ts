// The ports that the stack's own servers listen on. A port is taken first and gets its service later, because
// the parts know each other by their addresses.

import { getRequestListener } from '@hono/node-server';
import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Certificate } from './certificate.ts';
import { listen } from './ports.ts';

export type Service = (request: Request) => Response | Promise<Response>;

export type Door = {
    port: number;
    serve(service: Service): void;
    /** Lets a server of its own answer on this port. */
    handOver(listener: RequestListener): void;
    close(): Promise<void>;
};

/** Takes a port, over TLS with a certificate, and answers 503 until the service behind it is there. */
export async function openDoor(wanted: number, tls?: Certificate): Promise<Door> {
    const wait: RequestListener = (_, outgoing) => {
        outgoing.writeHead(503, { 'content-type': 'application/json', 'retry-after': '1' });
        outgoing.end(JSON.stringify({ message: 'The stack is starting.' }));
    };
    const server = tls ? createTlsServer({ cert: tls.cert, key: tls.key }, wait) : createServer(wait);
    // Uploads over slow lines take their time; an idle connection does not.
    server.requestTimeout = 0;
    server.headersTimeout = 30_000;
    server.keepAliveTimeout = 65_000;
    const port = await listen(server, wanted, tls && tls.host !== 'localhost' ? '0.0.0.0' : '127.0.0.1');
    const handOver = (listener: RequestListener) => {
        server.removeAllListeners('request');
        server.on('request', listener);
    };
    return {
        port,
        handOver,
        serve: (service) => {
            const listener = getRequestListener(service, { overrideGlobalObjects: false });
            handOver((incoming, outgoing) => void listener(incoming, outgoing));
        },
        close: () => closeServer(server)
    };
}

function closeServer(server: Server): Promise<void> {
    return new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
    });
}
