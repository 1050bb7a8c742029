import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * A port that is free now and likely still is when it is taken a few seconds later: below the range out of which systems
 * give ports to connections and to whoever asks for any.
 */
export async function freePort(): Promise<number> {
    for (let attempt = 0; attempt < 100; attempt += 1) {
        const port = randomInt(12_000, 32_000);
        if (await isFree(port)) return port;
    }
    throw new Error('There is no free port between 12000 and 32000.');
}

function isFree(port: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
        const server = createServer();
        server.once('error', (error: NodeJS.ErrnoException) =>
            error.code === 'EADDRINUSE' ? resolve(false) : reject(error)
        );
        server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
}
