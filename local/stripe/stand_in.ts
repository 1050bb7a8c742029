/**
 * What a stand-in has and Stripe has not: levers for tests and looks inside, under /_stand_in/, for whoever holds
 * the secret key. Redelivering an event is the one thing here that Stripe's Dashboard offers too.
 */
import { Hono } from 'hono';
import { z } from 'zod';
import { sameText } from './api.ts';
import { listeners } from './events.ts';
import { rollSecret } from './webhook_endpoints.ts';
import type { Slowness } from './api.ts';
import type { Deliveries } from './deliveries.ts';
import type { RequestLog } from './request_log.ts';
import type { World } from './world.ts';

const Deliver = z.strictObject({
    event: z.string(),
    times: z.int().min(1).max(1000).default(1),
    parallel: z.boolean().default(true),
    endpoint: z.string().optional()
});
const Slow = z.strictObject({
    milliseconds: z.int().min(0).max(60_000),
    requests: z.int().min(0).default(1)
});
const Roll = z.strictObject({
    endpoint: z.string(),
    secret: z.string().min(1).optional(),
    overlap_seconds: z
        .int()
        .min(0)
        .default(24 * 60 * 60)
});
const Idle = z.strictObject({ timeout_ms: z.coerce.number().int().min(0).max(60_000).default(10_000) });
const Requests = z.strictObject({
    method: z.string().optional(),
    path: z.string().optional(),
    stripe_account: z.string().optional(),
    limit: z.coerce.number().int().min(1).max(10_000).default(1000)
});
const History = z.strictObject({
    event: z.string().optional(),
    limit: z.coerce.number().int().min(1).max(10_000).default(1000)
});

export function standInControls(
    world: World,
    parts: { secretKey: string; deliveries: Deliveries; requests: RequestLog; slowness: Slowness }
): Hono {
    const { deliveries, requests, slowness } = parts;
    const controls = new Hono();

    controls.use(async (context, next) => {
        const given = context.req.header('authorization')?.replace(/^Bearer /i, '') ?? '';
        if (!sameText(given, parts.secretKey)) {
            return context.json({ error: 'Send the secret key as a Bearer token.' }, 401);
        }
        return next();
    });
    controls.onError((problem, context) => {
        if (problem instanceof z.ZodError) return context.json({ error: z.prettifyError(problem) }, 400);
        world.log(`stand-in control failed: ${problem.stack ?? problem.message}`);
        return context.json({ error: problem.message }, 500);
    });

    /** Sends an event again, `times` times, at once or one after the other, held or not. */
    controls.post('/deliver', async (context) => {
        const wanted = Deliver.parse(await context.req.json());
        const kept = world.state.find('event', wanted.event);
        if (!kept) return context.json({ error: `There is no event ${wanted.event}.` }, 404);
        const endpoints = listeners(world, kept.account, kept.shown.type).filter(
            (endpoint) => wanted.endpoint === undefined || wanted.endpoint === endpoint
        );
        const sends = Array.from({ length: wanted.times }, () => endpoints).flat();
        if (wanted.parallel) {
            const results = await Promise.all(sends.map((endpoint) => deliveries.send(kept.shown, endpoint)));
            return context.json({ deliveries: results });
        }
        const results = [];
        for (const endpoint of sends) results.push(await deliveries.send(kept.shown, endpoint));
        return context.json({ deliveries: results });
    });

    controls.post('/hold', (context) => {
        deliveries.hold();
        return context.json({ held: true });
    });
    controls.post('/release', (context) => {
        deliveries.release();
        return context.json({ held: false });
    });
    controls.post('/retry', (context) => context.json({ retried: deliveries.retry() }));
    controls.get('/idle', async (context) => {
        const { timeout_ms } = Idle.parse(context.req.query());
        const idle = await deliveries.idle(timeout_ms);
        return context.json({ idle, owed: deliveries.owed() });
    });
    controls.get('/deliveries', (context) => {
        const { event, limit } = History.parse(context.req.query());
        return context.json({ deliveries: deliveries.history(event ?? null, limit) });
    });
    controls.get('/requests', (context) => {
        const { limit, ...wanted } = Requests.parse(context.req.query());
        return context.json({ requests: requests.entries(wanted, limit) });
    });

    /** Makes the next answers to POST requests under /v1 slow. */
    controls.post('/slow', async (context) => {
        Object.assign(slowness, Slow.parse(await context.req.json()));
        return context.json(slowness);
    });

    /** Gives an endpoint a new secret while the old one stays valid for a time. */
    controls.post('/roll', async (context) => {
        const wanted = Roll.parse(await context.req.json());
        const secret = rollSecret(world, wanted.endpoint, wanted.overlap_seconds, wanted.secret);
        return secret === null
            ? context.json({ error: `There is no endpoint ${wanted.endpoint}.` }, 404)
            : context.json({ secret });
    });
    controls.all('*', (context) => context.json({ error: 'There is no such control.' }, 404));
    return controls;
}
