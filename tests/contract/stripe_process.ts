// The Stripe stand-in as a program: settings as JSON in the first argument, its address as the first line out.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { createClock } from '../../local/clock.ts';
import { createStripe, type StripeDeps } from '../../local/stripe/index.ts';

type Settings = Pick<StripeDeps, 'stateFile' | 'secretKey' | 'webhookEndpoints'>;

const settings = JSON.parse(process.argv[2] ?? '') as Settings;
let handle: (request: Request) => Response | Promise<Response> = () => new Response(null, { status: 503 });
const server = serve({ fetch: (request) => handle(request), hostname: '127.0.0.1', port: 0 });
await once(server, 'listening');
const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const stripe = await createStripe({
    ...settings,
    publicUrl: baseUrl,
    clock: createClock(),
    log: () => {}
});
handle = stripe.fetch;
console.log(baseUrl);
