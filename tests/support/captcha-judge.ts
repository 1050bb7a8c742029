// Who judges captchas in the tests: the verify endpoint of Turnstile and hCaptcha, with tokens that are good once.
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { randomBytes } from 'node:crypto';

export type CaptchaJudge = {
    url: string;
    /** A token as a browser gets it when somebody has passed. */
    passed(): string;
    /** The addresses that the judged came from. */
    addresses: string[];
    /** The next answer is no verdict. */
    breakNext(): void;
    close(): Promise<void>;
};

export async function startCaptchaJudge(secret: string): Promise<CaptchaJudge> {
    const good = new Set<string>();
    const addresses: string[] = [];
    let broken = false;
    const reasonAgainst = (form: URLSearchParams): string | undefined => {
        if (form.get('secret') !== secret) return 'invalid-input-secret';
        return good.delete(form.get('response') ?? '') ? undefined : 'invalid-input-response';
    };
    const server = createServer(async (request, response) => {
        const form = new URLSearchParams(await text(request));
        if (broken) {
            broken = false;
            response.writeHead(502).end('<html>');
            return;
        }
        addresses.push(form.get('remoteip') ?? '');
        const reason = reasonAgainst(form);
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ success: !reason, 'error-codes': reason ? [reason] : [] }));
    });
    const port = await new Promise<number>((resolve) => {
        server.listen(0, '127.0.0.1', () => {
            const address = server.address();
            resolve(typeof address === 'object' && address ? address.port : 0);
        });
    });
    return {
        url: `http://127.0.0.1:${port}/siteverify`,
        passed: () => {
            const token = randomBytes(12).toString('hex');
            good.add(token);
            return token;
        },
        addresses,
        breakNext: () => void (broken = true),
        close: () =>
            new Promise((resolve) => {
                server.close(() => resolve());
                server.closeAllConnections();
            })
    };
}
