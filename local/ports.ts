// Addresses of the stack: Supabase's usual ports, the ones of the last start, or the next free ones.

import { createServer } from 'node:net';
import type { Server } from 'node:http';

export const USUAL_PORTS = {
    api: 54321,
    database: 54322,
    inbox: 54324,
    control: 54329,
    stripe: 54330,
    google: 54331,
    apple: 54332
} as const;

export type PortName = keyof typeof USUAL_PORTS;

/** The first free port from `wanted` upwards; any free one for 0. */
export async function freePort(wanted: number): Promise<number> {
    for (let port = wanted; port < wanted + 200 && port < 65_536; port += 1) {
        const free = await new Promise<number | null>((resolve, reject) => {
            const probe = createServer();
            probe.once('error', (error: NodeJS.ErrnoException) =>
                error.code === 'EADDRINUSE' || error.code === 'EACCES' ? resolve(null) : reject(error)
            );
            probe.listen(port, '127.0.0.1', () => {
                const address = probe.address();
                probe.close(() => resolve(typeof address === 'object' && address ? address.port : null));
            });
        });
        if (free !== null) return free;
        if (wanted === 0) port -= 1;
    }
    throw new Error(`No free port from ${wanted} upwards.`);
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
