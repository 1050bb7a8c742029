// What the Stripe contract needs beside the client: a stand-in that can be stopped and killed, somebody who pays and
// onboards on its hosted pages, and an endpoint that webhooks arrive at.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { serve } from '@hono/node-server';
import Stripe from 'stripe';
import { createClock, type MovableClock } from '../../local/clock.ts';
import { createStripe } from '../../local/stripe/index.ts';

export type Endpoint = { url: string; secret: string; connect: boolean };

/** A client of the stand-in at this address. */
export function clientAt(baseUrl: string, key: string, config: Partial<Stripe.StripeConfig> = {}): Stripe {
    const url = new URL(baseUrl);
    return new Stripe(key, {
        host: url.hostname,
        port: url.port,
        protocol: 'http',
        telemetry: false,
        maxNetworkRetries: 0,
        ...config
    });
}

export type StandIn = {
    baseUrl: string;
    secretKey: string;
    clock: MovableClock;
    stateFile: string;
    client(config?: Partial<Stripe.StripeConfig>): Stripe;
    /** Calls one of the stand-in's own controls. */
    control<T>(method: 'GET' | 'POST', path: string, body?: object): Promise<T>;
    stop(): Promise<void>;
};

/** A stand-in in this process, on a free port, with a state of its own. */
export async function startStandIn(endpoints: readonly Endpoint[] = []): Promise<StandIn> {
    const folder = mkdtempSync(join(tmpdir(), 'stripe-'));
    const stateFile = join(folder, 'stripe.sqlite');
    const secretKey = `sk_test_${'contract'.repeat(3)}`;
    const clock = createClock();
    let handle: (request: Request) => Response | Promise<Response> = () =>
        new Response(null, { status: 503 });
    const server = serve({ fetch: (request) => handle(request), hostname: '127.0.0.1', port: 0 });
    await once(server, 'listening');
    const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const stripe = await createStripe({
        stateFile,
        publicUrl: baseUrl,
        secretKey,
        clock,
        webhookEndpoints: endpoints,
        log: () => {}
    });
    handle = stripe.fetch;
    return {
        baseUrl,
        secretKey,
        clock,
        stateFile,
        client: (config) => clientAt(baseUrl, secretKey, config),
        control: (method, path, body) => control(baseUrl, secretKey, method, path, body),
        async stop() {
            await stripe.close();
            await new Promise((resolve) => server.close(resolve));
            rmSync(folder, { recursive: true, force: true });
        }
    };
}

async function control<T>(
    baseUrl: string,
    key: string,
    method: 'GET' | 'POST',
    path: string,
    body?: object
): Promise<T> {
    const response = await fetch(`${baseUrl}/_stand_in${path}`, {
        method,
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        ...(body ? { body: JSON.stringify(body) } : {})
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
}

export type StandInProcess = { baseUrl: string; kill(): Promise<void> };

/** The stand-in as a process of its own, so that it can be killed in the middle of things. */
export async function spawnStandIn(settings: {
    stateFile: string;
    secretKey: string;
    webhookEndpoints: readonly Endpoint[];
}): Promise<StandInProcess> {
    const child: ChildProcess = spawn(
        process.execPath,
        [join(import.meta.dirname, 'stripe_process.ts'), JSON.stringify(settings)],
        { stdio: ['ignore', 'pipe', 'inherit'] }
    );
    const [line] = (await once(child.stdout!, 'data')) as [Buffer];
    return {
        baseUrl: line.toString().trim(),
        async kill() {
            child.kill('SIGKILL');
            await once(child, 'exit');
        }
    };
}

export type Arrival = { body: string; signature: string; event: Stripe.Event; path: string };

export type Receiver = {
    url: string;
    arrivals: Arrival[];
    /** What the next deliveries are answered with; 200 when it is used up. */
    answers: number[];
    /** The arrivals, once there are this many of them. */
    waitFor(count: number): Promise<Arrival[]>;
    forget(): void;
    stop(): Promise<void>;
};

/** An HTTP server that keeps the webhooks it is sent. */
export async function startReceiver(): Promise<Receiver> {
    const arrivals: Arrival[] = [];
    const answers: number[] = [];
    const server = createServer((request, response) => {
        let body = '';
        request.setEncoding('utf8');
        request.on('data', (chunk: string) => (body += chunk));
        request.on('end', () => {
            arrivals.push({
                body,
                signature: String(request.headers['stripe-signature']),
                event: JSON.parse(body) as Stripe.Event,
                path: request.url ?? ''
            });
            response.writeHead(answers.shift() ?? 200, { location: '/elsewhere' }).end();
        });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return {
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        arrivals,
        answers,
        async waitFor(count) {
            const deadline = Date.now() + 10_000;
            while (arrivals.length < count) {
                if (Date.now() > deadline) throw new Error(`${arrivals.length} of ${count} webhooks arrived`);
                await new Promise((resolve) => setTimeout(resolve, 10));
            }
            return arrivals;
        },
        forget: () => void arrivals.splice(0),
        async stop() {
            server.closeAllConnections();
            await new Promise((resolve) => server.close(resolve));
        }
    };
}

export const CARDS = {
    pays: '4242 4242 4242 4242',
    declined: '4000000000000002',
    noFunds: '4000000000009995',
    challenged: '4000002500003155'
} as const;

/** Fills in a hosted Checkout page and presses Pay; where the browser is sent, or what it is shown. */
export async function payAt(
    url: string,
    card: string,
    fields: Record<string, string> = {}
): Promise<{ status: number; to: string | null; page: string }> {
    return submit(url, {
        email: 'payer@example.com',
        cardNumber: card,
        cardExpiry: '12 / 34',
        cardCvc: '123',
        billingName: 'Jo Payer',
        billingPostalCode: 'AB1 2CD',
        ...fields
    });
}

/** Posts a form of a hosted page as a browser would. */
export async function submit(
    url: string,
    fields: Record<string, string>
): Promise<{ status: number; to: string | null; page: string }> {
    const response = await fetch(url, {
        method: 'POST',
        redirect: 'manual',
        headers: { origin: new URL(url).origin },
        body: new URLSearchParams(fields)
    });
    const location = response.headers.get('location');
    return {
        status: response.status,
        to: location === null ? null : new URL(location, url).href,
        page: await response.text()
    };
}

/** Opens an account link and ends the onboarding in one of its ways; where the browser is sent. */
export async function onboardAt(
    link: string,
    outcome: 'complete' | 'unfinished' | 'more_information'
): Promise<string | null> {
    const opened = await fetch(link, { redirect: 'manual' });
    const page = new URL(opened.headers.get('location') ?? '', link).href;
    return (await submit(page, { outcome })).to;
}
