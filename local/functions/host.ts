// Runs under Deno: one process that serves every edge function of the project, the way the hosted runtime
// would. It takes the place of `Deno.serve`, keeps each function's handler, and answers for the ones that
// could not start. It is told what to load by its arguments and ends when its standard input does.

type Handler = (request: Request, info: Deno.ServeHandlerInfo) => Response | Promise<Response>;
type Loaded = { handler: Handler } | { failure: unknown };

const READY = '\u0001ready';
const BOOT_PATIENCE_MS = 10_000;
const IDLE_LIMIT_MS = 150_000;

const [port = '0', ...entries] = Deno.args;
const loaded = new Map<string, Loaded>();

const serve = Deno.serve;
let captured: Handler | undefined;

/** Both published forms: `Deno.serve(handler)` and `Deno.serve(options, handler)`, or `{ handler }` in options. */
function capture(...given: unknown[]): Deno.HttpServer {
    const options = given.find((part) => typeof part === 'object' && part !== null) as
        { handler?: Handler } | undefined;
    captured = (given.find((part) => typeof part === 'function') as Handler | undefined) ?? options?.handler;
    const address: Deno.NetAddr = { transport: 'tcp', hostname: '0.0.0.0', port: 8000 };
    return {
        addr: address,
        finished: new Promise(() => undefined),
        ref: () => undefined,
        unref: () => undefined,
        shutdown: () => Promise.resolve(),
        [Symbol.asyncDispose]: () => Promise.resolve()
    } as Deno.HttpServer;
}
Object.defineProperty(Deno, 'serve', { value: capture, configurable: true });

Object.defineProperty(globalThis, 'EdgeRuntime', {
    value: {
        /** Work that goes on after the answer; its failure is nobody's answer, only a line in the log. */
        waitUntil: (work: Promise<unknown>) => {
            work.catch((error: unknown) => console.error('waitUntil:', error));
        }
    }
});

// Work that nobody awaits must not take the other functions down with it.
globalThis.addEventListener('unhandledrejection', (event) => {
    event.preventDefault();
    console.error('unhandled rejection:', event.reason);
});
globalThis.addEventListener('error', (event) => {
    event.preventDefault();
    console.error('uncaught error:', event.error);
});

for (const entry of entries) {
    const name = entry.split(/[\\/]/).at(-2) ?? '';
    loaded.set(name, await load(entry));
}

async function load(entry: string): Promise<Loaded> {
    captured = undefined;
    try {
        const module = (await within(import(entry), BOOT_PATIENCE_MS)) as { default?: { fetch?: Handler } };
        const handler = captured ?? module.default?.fetch;
        if (handler) return { handler };
        throw new Error('it calls no Deno.serve and exports no default { fetch }');
    } catch (failure) {
        console.error(`${entry} could not start:`, failure);
        return { failure };
    }
}

async function answer(request: Request, info: Deno.ServeHandlerInfo): Promise<Response> {
    const name = new URL(request.url).pathname.split('/')[1] ?? '';
    const found = loaded.get(name);
    if (!found) return new Response('Function not found', { status: 404 });
    if ('failure' in found) return refusal(503, 'BOOT_ERROR', 'Function failed to start (please check logs)');
    try {
        return await within(Promise.resolve(found.handler(request, info)), IDLE_LIMIT_MS);
    } catch (error) {
        if (error instanceof TooLong)
            return refusal(504, 'IDLE_TIMEOUT', 'The function did not answer in time');
        console.error(`${name}:`, error);
        return refusal(500, 'WORKER_ERROR', 'Function exited due to an error (please check logs)');
    }
}

function refusal(status: number, code: string, message: string): Response {
    return Response.json({ code, message }, { status });
}

class TooLong extends Error {}

async function within<T>(work: Promise<T>, milliseconds: number): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const limit = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new TooLong(`took longer than ${milliseconds} ms`)), milliseconds);
    });
    try {
        return await Promise.race([work, limit]);
    } finally {
        clearTimeout(timer);
    }
}

serve({ hostname: '127.0.0.1', port: Number(port), onListen: () => console.log(READY) }, answer);

// The stack holds the other end of this pipe: when it goes, for whatever cause, so do we.
for await (const _ of Deno.stdin.readable);
Deno.exit(0);
