/**
 * The way of an API request: key → version → account → parameters → idempotency → act → answer. Everything from
 * idempotency on is one transaction, so that an effect and the remembered answer to it are on the disk together.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { bodyLimit } from 'hono/body-limit';
import type { Context, Hono } from 'hono';
import { StripeFault, faults } from './errors.ts';
import { expanded } from './expand.ts';
import { readForm } from './form.ts';
import { API_VERSION, newId } from './objects.ts';
import { parse } from './parameters.ts';
import type { Form } from './form.ts';
import type { RequestLog } from './request_log.ts';
import type { Call, Route } from './routes.ts';
import type { World } from './world.ts';

const LARGEST_BODY = 1024 * 1024;
const LONGEST_KEY = 255;
/** Stripe keeps answers for at least 24 hours (https://docs.stripe.com/api/idempotent_requests). */
const KEEP_ANSWERS_MS = 24 * 60 * 60 * 1000;

/** Makes answers to POST requests slow, so that tests see what a hurried client does. */
export type Slowness = { milliseconds: number; requests: number };

type Outcome = { status: number; body: string; replayed?: string };

type Request = {
    id: string;
    method: string;
    path: string;
    key: string | null;
    account: string;
    connected: string | null;
};

type Saved = { fingerprint: string; request: string; status: number; body: string; at: number };

/** Mounts the endpoints and, for everything else under /v1, Stripe's "Unrecognized request URL". */
export function mountApi(
    app: Hono,
    world: World,
    options: { secretKey: string; routes: readonly Route[]; requests: RequestLog; slowness: Slowness }
): void {
    const running = new Set<string>();
    const limited = bodyLimit({
        maxSize: LARGEST_BODY,
        onError: (context) => answer(context, null, rendered(faults.bodyTooLarge()))
    });
    for (const route of options.routes) {
        app.on(route.method, route.path, limited, (context) => handle(context, route));
    }
    app.all('/v1/*', (context) => handle(context, null));
    app.all('/v2/*', (context) => handle(context, null));

    async function handle(context: Context, route: Route | null): Promise<Response> {
        const request: Request = {
            id: newId('req_', 14),
            method: context.req.method,
            path: context.req.path,
            key: context.req.header('idempotency-key') || null,
            account: world.platform,
            connected: null
        };
        const outcome = await judged(context, route, request);
        options.requests.note({
            id: request.id,
            at: world.clock.now().toISOString(),
            method: request.method,
            path: request.path,
            stripe_account: request.connected,
            idempotency_key: request.key,
            status: outcome.status,
            replayed: outcome.replayed !== undefined
        });
        return answer(context, request, outcome);
    }

    async function judged(context: Context, route: Route | null, request: Request): Promise<Outcome> {
        try {
            admit(context, request);
            if (!route) throw faults.unrecognisedUrl(request.method, request.path);
            const form = await formOf(context);
            return request.method === 'POST' && request.key !== null
                ? await once(route, request, request.key, form, context.req.param())
                : act(route, request, form, context.req.param());
        } catch (problem) {
            return rendered(asFault(problem, request));
        }
    }

    /** Checks the key, the version and the account, and writes the account into the request. */
    function admit(context: Context, request: Request): void {
        const key = keyOf(context.req.header('authorization'));
        if (!key) throw faults.noKey();
        if (!sameText(key, options.secretKey)) throw faults.badKey(key);
        const version = context.req.header('stripe-version') ?? API_VERSION;
        if (version !== API_VERSION) throw faults.unknownVersion(version, API_VERSION);
        const header = context.req.header('stripe-account') || null;
        const other = context.req.header('stripe-context') || null;
        if (header && other && header !== other) throw faults.twoAccounts();
        request.connected = header ?? other;
        if (request.connected === null) return;
        if (!world.state.find('account', request.connected)) {
            throw faults.noAccessToAccount(key, request.connected);
        }
        request.account = request.connected;
    }

    /** The first answer to an idempotency key is the answer to it. */
    async function once(
        route: Route,
        request: Request,
        key: string,
        form: Form,
        path: Record<string, string>
    ): Promise<Outcome> {
        if (key.length > LONGEST_KEY) throw faults.idempotencyKeyTooLong();
        const slot = `${request.account} ${key}`;
        if (running.has(slot)) throw faults.idempotencyKeyInUse(key);
        running.add(slot);
        try {
            await linger(options.slowness);
            return act(route, request, form, path, {
                key,
                fingerprint: createHash('sha256')
                    .update(JSON.stringify([request.method, request.path, form]))
                    .digest('hex')
            });
        } finally {
            running.delete(slot);
        }
    }

    function act(
        route: Route,
        request: Request,
        form: Form,
        path: Record<string, string>,
        remember?: { key: string; fingerprint: string }
    ): Outcome {
        if (request.method === 'GET') return perform(route, request, form, path);
        return world.state.transaction(() => {
            const saved = remember && savedAnswer(request.account, remember.key);
            if (saved) {
                if (saved.fingerprint !== remember.fingerprint)
                    throw faults.idempotencyMismatch(remember.key);
                return { status: saved.status, body: saved.body, replayed: saved.request };
            }
            const outcome = attempted(route, request, form, path);
            if (remember) saveAnswer(request, remember, outcome);
            return outcome;
        });
    }

    /** A refusal undoes what was begun, unless the refusal is the effect; early refusals are not remembered. */
    function attempted(route: Route, request: Request, form: Form, path: Record<string, string>): Outcome {
        try {
            return world.state.transaction(() => {
                try {
                    return perform(route, request, form, path);
                } catch (problem) {
                    if (problem instanceof StripeFault && problem.keepsEffects) return rendered(problem);
                    throw problem;
                }
            });
        } catch (problem) {
            const fault = asFault(problem, request);
            if (!fault.remembered) throw fault;
            return rendered(fault);
        }
    }

    function perform(route: Route, request: Request, form: Form, path: Record<string, string>): Outcome {
        const input = parse(route.parameters, form);
        const call: Call = {
            account: request.account,
            cause: { id: request.id, idempotency_key: request.key }
        };
        const result = route.run(call, input as never, path);
        return { status: 200, body: JSON.stringify(expanded(world, result, input.expand ?? []), null, 2) };
    }

    function savedAnswer(account: string, key: string): Saved | undefined {
        return world.state.row<Saved>(
            'select fingerprint, request, status, body, at from answers where account = ? and key = ? and at > ?',
            account,
            key,
            world.clock.now().getTime() - KEEP_ANSWERS_MS
        );
    }

    function saveAnswer(
        request: Request,
        remember: { key: string; fingerprint: string },
        outcome: Outcome
    ): void {
        world.state.run(
            `insert or replace into answers (account, key, fingerprint, request, status, body, at)
             values (?, ?, ?, ?, ?, ?, ?)`,
            request.account,
            remember.key,
            remember.fingerprint,
            request.id,
            outcome.status,
            outcome.body,
            world.clock.now().getTime()
        );
    }

    function asFault(problem: unknown, request: Request): StripeFault {
        if (problem instanceof StripeFault) {
            if (problem.body.code === 'parameter_unknown') {
                world.log(
                    `${request.method} ${request.path}: ${problem.message}. If Stripe knows it, the stand-in has yet to learn it.`
                );
            }
            return problem;
        }
        world.log(
            `${request.id} ${request.method} ${request.path} failed: ${problem instanceof Error ? (problem.stack ?? problem.message) : String(problem)}`
        );
        return faults.internal();
    }
}

function rendered(fault: StripeFault): Outcome {
    return { status: fault.status, body: JSON.stringify({ error: fault.body }, null, 2) };
}

function answer(context: Context, request: Request | null, outcome: Outcome): Response {
    const headers = new Headers({
        'content-type': 'application/json',
        'cache-control': 'no-cache, no-store',
        'stripe-version': API_VERSION
    });
    if (request) headers.set('request-id', request.id);
    if (request?.connected) headers.set('stripe-account', request.connected);
    if (request?.key) headers.set('idempotency-key', request.key);
    if (outcome.replayed) {
        headers.set('idempotent-replayed', 'true');
        headers.set('original-request', outcome.replayed);
    }
    return context.body(outcome.body, outcome.status as 200, Object.fromEntries(headers));
}

/** Bearer, or the user name of Basic, which is how curl's `-u` sends it. */
function keyOf(authorization: string | undefined): string | null {
    const [scheme, value] = authorization?.split(' ') ?? [];
    if (!value) return null;
    if (scheme?.toLowerCase() === 'bearer') return value;
    if (scheme?.toLowerCase() !== 'basic') return null;
    return Buffer.from(value, 'base64').toString('utf8').split(':')[0] || null;
}

/** Compares two secrets in a time that tells nothing of where they differ. */
export function sameText(a: string, b: string): boolean {
    const digest = (text: string) => createHash('sha256').update(text).digest();
    return timingSafeEqual(digest(a), digest(b));
}

async function formOf(context: Context): Promise<Form> {
    if (context.req.method !== 'POST') return readForm(new URL(context.req.url).searchParams);
    const body = await context.req.text();
    const type = context.req.header('content-type')?.split(';')[0]?.trim() ?? '';
    if (body !== '' && type !== 'application/x-www-form-urlencoded') throw faults.bodyNotForm(type || 'none');
    return readForm(new URLSearchParams(body));
}

async function linger(slowness: Slowness): Promise<void> {
    if (slowness.requests <= 0) return;
    slowness.requests -= 1;
    await pause(slowness.milliseconds);
}
