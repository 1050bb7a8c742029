// A door between the edge functions and Stripe: passes everything on until a test shuts it, cuts some calls, or keeps an
// answer back for a while. Give its address to the stack as STRIPE_API_URL.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type Call = { method: string; path: string };

export type StripeDoor = {
    url: string;
    /** Where calls are passed on to. Until this is said, every call is cut. */
    leadTo(url: string): void;
    /** Cuts the connection of every call that matches, until the function it returns is called. */
    cut(which?: RegExp): () => void;
    /** Lets calls that match through and cuts the connection instead of answering. */
    cutAnswers(which: RegExp): () => void;
    /** Keeps back the answer to the next call that matches, which Stripe has dealt with by then. */
    keepBack(which: RegExp): { reached: Promise<void>; letGo(): void };
    close(): Promise<void>;
};

/** Calls are matched as `GET /v1/payment_intents/pi_…`. */
export async function openStripeDoor(): Promise<StripeDoor> {
    let target: string | undefined;
    const cuts = new Set<RegExp>();
    const lost = new Set<RegExp>();
    const kept: { which: RegExp; arrived: () => void; released: Promise<void> }[] = [];

    const pass = async ({ method, path }: Call, request: IncomingMessage, response: ServerResponse) => {
        const body = Buffer.concat(await request.toArray());
        const headers = new Headers();
        for (const [name, value] of Object.entries(request.headers)) {
            if (!['host', 'connection', 'content-length', 'transfer-encoding'].includes(name))
                headers.set(name, String(value));
        }
        const answer = await fetch(target + path, {
            method,
            headers,
            ...(body.byteLength > 0 ? { body } : {})
        });
        const bytes = Buffer.from(await answer.arrayBuffer());
        const at = kept.findIndex(({ which }) => which.test(`${method} ${path}`));
        if (at >= 0) {
            const [held] = kept.splice(at, 1);
            held?.arrived();
            await held?.released;
        }
        if ([...lost].some((which) => which.test(`${method} ${path}`))) return void request.socket.destroy();
        const passed = [...answer.headers].filter(([name]) => !/^(content-|transfer-|connection)/.test(name));
        response
            .writeHead(answer.status, { ...Object.fromEntries(passed), 'content-type': 'application/json' })
            .end(bytes);
    };

    const server = createServer((request, response) => {
        const call = { method: request.method ?? 'GET', path: request.url ?? '/' };
        const isCut = [...cuts].some((which) => which.test(`${call.method} ${call.path}`));
        if (target === undefined || isCut) request.socket.destroy();
        else pass(call, request, response).catch(() => request.socket.destroy());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');

    return {
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        leadTo: (url) => void (target = url),
        cut(which = /./) {
            cuts.add(which);
            return () => void cuts.delete(which);
        },
        cutAnswers(which) {
            lost.add(which);
            return () => void lost.delete(which);
        },
        keepBack(which) {
            const reached = Promise.withResolvers<void>();
            const released = Promise.withResolvers<void>();
            kept.push({ which, arrived: reached.resolve, released: released.promise });
            return { reached: reached.promise, letGo: released.resolve };
        },
        async close() {
            server.closeAllConnections();
            server.close();
            await once(server, 'close');
        }
    };
}
