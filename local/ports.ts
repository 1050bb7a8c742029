// Addresses of the stack: Supabase's usual ports, the ones of the last start, or the next free ones.

import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import type { Server } from 'node:http';

export const USUAL_PORTS = {
    api: 54321,
    database: 54322,
    inbox: 54324,
    control: 54329,
    stripe: 54330,
    google: 54331,
    apple: 54332,
    passwords: 54333,
    dns: 54334,
    azure: 54335,
    sso: 54336,
    turnstile: 54337,
    saml: 54338
} as const;

export type PortName = keyof typeof USUAL_PORTS;

/** Any free port for every part. */
export const ANY_PORTS = Object.fromEntries(Object.keys(USUAL_PORTS).map((name) => [name, 0])) as Record<
    PortName,
    number
>;

/**
 * The first port from `wanted` upwards that is free on every one of `hosts`. For 0 any free one below the range out of which
 * systems give ports to connections and to whoever asks for any: there it likely still is free when a server takes it in a while.
 */
export async function freePort(wanted: number, hosts = ['127.0.0.1']): Promise<number> {
    for (let attempt = 0; attempt < 200; attempt += 1) {
        const port = wanted === 0 ? randomInt(12_000, 32_000) : wanted + attempt;
        if (port >= 65_536) break;
        const free = await Promise.all(hosts.map((host) => isFree(port, host)));
        if (!free.includes(false)) return port;
    }
    throw new Error(wanted === 0 ? 'There is no free port.' : `No free port from ${wanted} upwards.`);
}

function isFree(port: number, host: string): Promise<boolean> {
    return new Promise((resolve, reject) => {
        const server = createServer();
        server.once('error', (error: NodeJS.ErrnoException) => {
            if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false);
            // A machine without IPv6 can't have anybody there either.
            else if (error.code === 'EADDRNOTAVAIL' || error.code === 'EAFNOSUPPORT') resolve(true);
            else reject(error);
        });
        server.listen(port, host, () => server.close(() => resolve(true)));
    });
}

/** Listens on the first free port from `wanted` upwards (any for 0) and returns it. */
export async function listen(server: Server, wanted: number, host = '127.0.0.1'): Promise<number> {
    for (let port = wanted; port < wanted + 200 && port < 65_536; port += 1) {
        const taken = await new Promise<boolean>((resolve, reject) => {
            const onError = (error: NodeJS.ErrnoException) =>
                error.code === 'EADDRINUSE' || error.code === 'EACCES' ? resolve(true) : reject(error);
            server.once('error', onError);
            server.listen(port, host, () => {
                server.off('error', onError);
                resolve(false);
            });
        });
        if (taken) continue;
        const address = server.address();
        if (typeof address === 'object' && address) return address.port;
    }
    throw new Error(`No free port from ${wanted} upwards.`);
}
