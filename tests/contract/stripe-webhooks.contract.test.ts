// Webhooks as the stand-in delivers them, verified by stripe-node: signed, at least once, in no order, until a 2xx.
// Stripe cannot reach a test's own address, so with CONTRACT_STRIPE_SECRET_KEY these are skipped.
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Stripe from 'stripe';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
    clientAt,
    spawnStandIn,
    startReceiver,
    startStandIn,
    type Receiver,
    type StandIn
} from './stripe_stand_in.ts';

const secrets = { account: `whsec_account_${randomUUID()}`, connect: `whsec_connect_${randomUUID()}` };
const open = { amount: 4_200, currency: 'gbp' } as const;
const account = { type: 'express', country: 'GB' } as const;

type Sent = { deliveries: { status: number; endpoint: string }[] };
type Delivery = { state: string; event: string; due: string; attempts: { status: number | null }[] };
type History = { deliveries: Delivery[] };

describe.skipIf(process.env.CONTRACT_STRIPE_SECRET_KEY)('a webhook', () => {
    let receiver: Receiver;
    let standIn: StandIn;
    let stripe: Stripe;

    beforeAll(async () => {
        receiver = await startReceiver();
        standIn = await startStandIn([
            { url: `${receiver.url}/account`, secret: secrets.account, connect: false },
            { url: `${receiver.url}/connect`, secret: secrets.connect, connect: true }
        ]);
        stripe = standIn.client();
    });
    afterEach(async () => {
        await idle();
        receiver.forget();
    });
    afterAll(async () => {
        await standIn.stop();
        await receiver.stop();
    });

    const idle = () => standIn.control<{ idle: boolean; owed: number }>('GET', '/idle?timeout_ms=5000');
    /** The one delivery of an event, once it has been tried this often. */
    async function tried(event: string, times: number): Promise<Delivery> {
        for (;;) {
            const { deliveries } = await standIn.control<History>('GET', `/deliveries?event=${event}`);
            if (deliveries[0] && deliveries[0].attempts.length >= times) return deliveries[0];
            await new Promise((resolve) => setTimeout(resolve, 5));
        }
    }

    /** Moves the clock to the moment when a delivery is tried again. */
    function moveTo({ due }: Delivery): number {
        const seconds = Math.ceil((Date.parse(due) - standIn.clock.now().getTime()) / 1000);
        standIn.clock.advance(seconds);
        return seconds;
    }

    it('is signed so that the client accepts it, and nothing else', async () => {
        const intent = await stripe.paymentIntents.create(open);
        const [arrival] = await receiver.waitFor(1);
        const { body, signature } = arrival!;
        const event = stripe.webhooks.constructEvent(body, signature, secrets.account);
        expect(event).toMatchObject({
            type: 'payment_intent.created',
            api_version: Stripe.API_VERSION,
            livemode: false,
            pending_webhooks: 1,
            data: { object: { id: intent.id, object: 'payment_intent' } }
        });
        const verify = (text: string, secret: string) => () =>
            stripe.webhooks.constructEvent(text, signature, secret);
        expect(verify(body.replace('4200', '4300'), secrets.account)).toThrow(/signature/);
        expect(verify(body, secrets.connect)).toThrow(/signature/);
    });

    it('of a connected account goes to Connect endpoints alone and names the account', async () => {
        const { id } = await stripe.accounts.create(account);
        await stripe.accounts.update(id, { metadata: { known: 'yes' } });
        await stripe.paymentIntents.create(open);
        await receiver.waitFor(2);
        await idle();
        const byPath = (path: string) => receiver.arrivals.filter((arrival) => arrival.path === path);
        expect(byPath('/connect').map(({ event }) => [event.type, event.account])).toEqual([
            ['account.updated', id]
        ]);
        expect(byPath('/account').map(({ event }) => [event.type, event.account])).toEqual([
            ['payment_intent.created', undefined]
        ]);
        const { body, signature } = byPath('/connect')[0]!;
        expect(stripe.webhooks.constructEvent(body, signature, secrets.connect).account).toBe(id);
    });

    it('is sent again and again until it is acknowledged, signed anew each time', async () => {
        receiver.answers.push(500, 302);
        await stripe.paymentIntents.create(open);
        const [first] = await receiver.waitFor(1);
        const { id } = first!.event;
        moveTo(await tried(id, 1));
        moveTo(await tried(id, 2));
        expect(await tried(id, 3)).toMatchObject({
            state: 'delivered',
            attempts: [{ status: 500 }, { status: 302 }, { status: 200 }]
        });
        expect(new Set(receiver.arrivals.map(({ event }) => event.id)).size).toBe(1);
        expect(new Set(receiver.arrivals.map(({ signature }) => signature)).size).toBe(3);
        expect((await stripe.events.retrieve(id)).pending_webhooks).toBe(0);
    });

    it('is given up after three days of refusals, and sent once more when asked', async () => {
        receiver.answers.push(...Array.from({ length: 40 }, () => 503));
        await stripe.paymentIntents.create(open);
        const [first] = await receiver.waitFor(1);
        const { id } = first!.event;
        let waited = 0;
        let delivery = await tried(id, 1);
        while (delivery.state === 'pending') {
            waited += moveTo(delivery);
            delivery = await tried(id, delivery.attempts.length + 1);
        }
        expect(delivery.state).toBe('failed');
        expect(waited / 3600).toBeGreaterThan(70);
        expect(waited / 3600).toBeLessThanOrEqual(72);
        receiver.answers.splice(0);
        expect(await standIn.control('POST', '/retry')).toEqual({ retried: 1 });
        expect(await tried(id, delivery.attempts.length + 1)).toMatchObject({ state: 'delivered' });
    });

    it('waits while deliveries are held, and comes when they are released', async () => {
        await standIn.control('POST', '/hold');
        await stripe.paymentIntents.create(open);
        expect(await standIn.control('GET', '/idle?timeout_ms=400')).toEqual({ idle: false, owed: 1 });
        expect(receiver.arrivals).toEqual([]);
        await standIn.control('POST', '/release');
        await receiver.waitFor(1);
    });

    it('is delivered twenty times at once when asked', async () => {
        await stripe.paymentIntents.create(open);
        const [first] = await receiver.waitFor(1);
        const { deliveries } = await standIn.control<Sent>('POST', '/deliver', {
            event: first!.event.id,
            times: 20,
            parallel: true
        });
        expect(deliveries.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
        const arrivals = await receiver.waitFor(21);
        expect(new Set(arrivals.map(({ event }) => event.id)).size).toBe(1);
    });

    it('carries two signatures while a secret is rolled, and one when the old one has run out', async () => {
        const endpoint = await stripe.webhookEndpoints.create({
            url: `${receiver.url}/rolled`,
            enabled_events: ['payment_intent.canceled']
        });
        const before = endpoint.secret ?? '';
        const { secret: after } = await standIn.control<{ secret: string }>('POST', '/roll', {
            endpoint: endpoint.id,
            overlap_seconds: 3600
        });
        const arrive = async () => {
            receiver.forget();
            const { id } = await stripe.paymentIntents.create(open);
            await stripe.paymentIntents.cancel(id);
            await idle();
            return receiver.arrivals.find(({ path }) => path === '/rolled')!;
        };
        const during = await arrive();
        for (const secret of [before, after]) {
            expect(stripe.webhooks.constructEvent(during.body, during.signature, secret).type).toBe(
                'payment_intent.canceled'
            );
        }
        standIn.clock.advance(3601);
        const later = await arrive();
        expect(() => stripe.webhooks.constructEvent(later.body, later.signature, before)).toThrow(
            /signature/
        );
        expect(stripe.webhooks.constructEvent(later.body, later.signature, after).id).toBe(later.event.id);
        await stripe.webhookEndpoints.del(endpoint.id);
    });

    it('goes to no endpoint that listens for something else, is disabled, or is gone', async () => {
        const listen = (events: Stripe.WebhookEndpointCreateParams.EnabledEvent[]) =>
            stripe.webhookEndpoints.create({ url: `${receiver.url}/other`, enabled_events: events });
        const other = await listen(['charge.refunded']);
        const disabled = await listen(['*']);
        await stripe.webhookEndpoints.update(disabled.id, { disabled: true });
        const gone = await listen(['*']);
        await stripe.webhookEndpoints.del(gone.id);
        await stripe.paymentIntents.create(open);
        await idle();
        expect(receiver.arrivals.map(({ path }) => path)).toEqual(['/account']);
        for (const { id } of [other, disabled]) await stripe.webhookEndpoints.del(id);
    });

    it('a key in use answers 409, which the client waits for and then gets the one answer', async () => {
        await standIn.control('POST', '/slow', { milliseconds: 300, requests: 1 });
        const idempotencyKey = randomUUID();
        const first = stripe.paymentIntents.create(open, { idempotencyKey });
        await new Promise((resolve) => setTimeout(resolve, 100));
        await expect(stripe.paymentIntents.create(open, { idempotencyKey })).rejects.toMatchObject({
            statusCode: 409,
            code: 'idempotency_key_in_use'
        });
        const patient = standIn.client({ maxNetworkRetries: 2 });
        const second = await patient.paymentIntents.create(open, { idempotencyKey });
        expect(second.id).toBe((await first).id);
    });
});

describe.skipIf(process.env.CONTRACT_STRIPE_SECRET_KEY)('after kill -9', () => {
    it('nothing that was acknowledged is lost, and what was owed is delivered to where the endpoint is now', async () => {
        const folder = mkdtempSync(join(tmpdir(), 'stripe-killed-'));
        const settings = { stateFile: join(folder, 'stripe.sqlite'), secretKey: 'sk_test_killed_and_back' };
        const nobody = await startReceiver();
        await nobody.stop();
        const idempotencyKey = randomUUID();
        const first = await spawnStandIn({
            ...settings,
            webhookEndpoints: [{ url: `${nobody.url}/hook`, secret: secrets.account, connect: false }]
        });
        const before = clientAt(first.baseUrl, settings.secretKey);
        const paid = await before.paymentIntents.create(
            {
                ...open,
                confirm: true,
                payment_method: 'pm_card_visa',
                automatic_payment_methods: { enabled: true, allow_redirects: 'never' }
            },
            { idempotencyKey }
        );
        const made: string[] = [];
        const busy = Promise.allSettled(
            Array.from({ length: 40 }, async () => made.push((await before.paymentIntents.create(open)).id))
        );
        while (made.length < 10) await new Promise((resolve) => setTimeout(resolve, 1));
        await first.kill();
        await busy;

        const receiver = await startReceiver();
        const second = await spawnStandIn({
            ...settings,
            webhookEndpoints: [{ url: `${receiver.url}/hook`, secret: secrets.account, connect: false }]
        });
        try {
            const stripe = clientAt(second.baseUrl, settings.secretKey);
            for (const id of made) expect((await stripe.paymentIntents.retrieve(id)).id).toBe(id);
            expect(await stripe.paymentIntents.retrieve(paid.id)).toMatchObject({ status: 'succeeded' });
            const charge = await stripe.charges.retrieve(String(paid.latest_charge));
            expect(charge.receipt_url).toContain(second.baseUrl);
            const deadline = Date.now() + 15_000;
            const arrived = () =>
                new Set(
                    receiver.arrivals
                        .map(({ event }) => event.data.object as { id: string })
                        .map(({ id }) => id)
                );
            while (![paid.id, ...made].every((id) => arrived().has(id)) && Date.now() < deadline) {
                await new Promise((resolve) => setTimeout(resolve, 50));
            }
            expect([paid.id, ...made].filter((id) => !arrived().has(id))).toEqual([]);
            const types = receiver.arrivals
                .map(({ event }) => event)
                .filter(({ data }) => (data.object as { id: string }).id === paid.id)
                .map(({ type }) => type);
            expect(new Set(types)).toEqual(new Set(['payment_intent.created', 'payment_intent.succeeded']));
            const replay = await stripe.rawRequest(
                'POST',
                '/v1/payment_intents',
                {
                    ...open,
                    confirm: true,
                    payment_method: 'pm_card_visa',
                    automatic_payment_methods: { enabled: true, allow_redirects: 'never' }
                },
                { idempotencyKey }
            );
            expect(replay).toMatchObject({ id: paid.id });
        } finally {
            await second.kill();
            await receiver.stop();
            rmSync(folder, { recursive: true, force: true });
        }
    });
});
