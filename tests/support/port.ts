import { createServer } from 'node:net';

/** A port that is free now. */
export function freePort(): Promise<number> {
    return new Promise((resolve, reject) => {
        const server = createServer().on('error', reject);
        server.listen(0, '127.0.0.1', () => {
            const address = server.address();
            server.close(() => {
                if (address && typeof address === 'object') resolve(address.port);
                else reject(new Error('no port'));
            });
        });
    });
}
