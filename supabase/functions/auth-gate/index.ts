/**
 * The door to the auth server for the web tier.
 *
 * `<METHOD> auth-gate/auth/v1/<otp|verify|token|signup|recover|resend|user|logout>` takes the auth server's own
 * bodies and gives its own answers, so that supabase-js speaks to it as to the real one. Needs `x-tf-context`.
 * It calls on with the secret key and `Sb-Forwarded-For: <the person's address>`: the auth server then counts
 * its limits per person, where the web server's one address would make 400 people share one.
 *
 * Before that come our own limits (limits.ts): getting in, and having mails sent, is counted in the database by the
 * person's address, by login and by device, whether anybody has that login or not. What can't be counted is not let
 * through. Whoever got in is given a proof for their device (`x-tf-device`), which the web tier keeps in a cookie and
 * hands back inside the signed context.
 *
 * On what a session began is kept, its person is told of a device that is new to them, and can undo it (disown.ts).
 *
 * Who got in and who did not is recorded in the audit trail, at this door only; what happens at the auth server's
 * own door is recorded by triggers on its tables.
 *
 * Refusals of its own are problem+json: `context_required` 401, `not_found` 404, `method_not_allowed` 405,
 * `body_too_large` 413 (over 64 KiB), `too_many_tries`, `password_paused` and `too_many_mails` 429 with Retry-After,
 * `auth_unavailable` 503.
 */
import Bowser from 'npm:bowser@2.15.0';
import { z } from 'npm:zod@4.6.7';
import { personOf, requireContext } from '../_shared/caller.ts';
import { type RequestContext } from '../_shared/context.ts';
import { describeFailure } from '../_shared/log.ts';
import { openLink } from '../_shared/mail-link.ts';
import { Problem } from '../_shared/problem.ts';
import { readBody } from '../_shared/request.ts';
import { serve, type Call } from '../_shared/serve.ts';
import { callAuthServer, callService } from '../_shared/service.ts';
import { readSettings } from '../_shared/settings.ts';
import { deviceInWords } from './agent.ts';
import { fieldsOf, outcomeOf, type Attempt } from './attempts.ts';
import { deviceOf, knows, proofFor, type Device } from './device.ts';
import { disown } from './disown.ts';
import {
    askedOf,
    freedBy,
    limitHeaders,
    refusalIn,
    wantedFor,
    type Asked,
    type Standing,
    type Wanted
} from './limits.ts';
import { gatePath, isDisowning } from './routes.ts';

const { TF_CONTEXT_KEY } = readSettings('TF_CONTEXT_KEY');

const BODY_LIMIT_BYTES = 64 * 1024;
/** Whoever waits longer than this for being counted is better told that signing in does not work. */
const COUNT_TIMEOUT_MS = 3000;
const API_VERSION = { 'x-supabase-api-version': '2024-01-01' };

const agentNames = { browsers: Object.values(Bowser.BROWSER_MAP), systems: Object.values(Bowser.OS_MAP) };

const passedIn = ['content-type', 'x-supabase-api-version'];
const passedOut = [
    'content-type',
    'retry-after',
    'x-sb-error-code',
    'x-supabase-api-version',
    'sb-auth-user-id',
    'sb-auth-session-id',
    'sb-auth-refresh-token-prefix',
    'sb-auth-refresh-token-counter',
    'sb-auth-refresh-token-reuse',
    'sb-auth-refresh-token-reuse-cause'
];
/** Answers that have no body by definition; a Response with one can't even be built. */
const bodiless = [204, 205, 304];

serve('auth-gate', async (call) => {
    if (isDisowning(call.url)) {
        return await disown(call);
    }
    const target = gatePath(call.request.method, call.url);
    if (target.kind === 'unknown') {
        throw new Problem('not_found');
    }
    if (target.kind === 'wrong_method') {
        throw new Problem('method_not_allowed', { headers: { allow: target.allowed.join(', ') } });
    }
    const context = await requireContext(call);
    if (context.ip === null) {
        throw new Problem('context_required', { detail: 'The request context names no address.' });
    }
    const person = personOf(call.request);
    if (target.needsPerson && person === null) {
        return noAuthorization();
    }
    const headers: Record<string, string> = {
        ...pick(call.request.headers, passedIn),
        'sb-forwarded-for': context.ip
    };
    if (person !== null) {
        headers.authorization = `Bearer ${person.jwt}`;
    }
    const body = call.request.method === 'GET' ? null : await readBody(call.request, BODY_LIMIT_BYTES);
    const asked = askedOf(call.request.method, target.path, body);
    if (asked === null) {
        return await forward(call, target.path, headers, body);
    }
    const visit = await visitOf(call, context, asked, context.ip);
    const shown = await admitted(visit);
    const opened = await withLinkOpened(body);
    let answer: Response;
    try {
        answer =
            opened === 'no_link_of_ours' ? linkNotValid() : await forward(call, target.path, headers, opened);
    } catch (failure) {
        await putBack(visit, visit.wanted, false);
        throw failure;
    }
    for (const [name, value] of Object.entries(shown)) {
        answer.headers.set(name, value);
    }
    if (answer.status >= 500) {
        await putBack(visit, visit.wanted, false);
        return answer;
    }
    return asked.kind === 'mail' ? answer : await concluded(visit, asked, answer);
});

/** Somebody who wants something that is limited, and what it takes. */
type Visit = {
    readonly call: Call;
    readonly context: RequestContext;
    readonly asked: Asked;
    /** The device whose proof came along; it may be another login's. */
    readonly device: Device | null;
    /** The device's id, when this very login signed in from it before. */
    readonly knownDevice: string | null;
    readonly wanted: readonly Wanted[];
};

async function visitOf(call: Call, context: RequestContext, asked: Asked, ip: string): Promise<Visit> {
    const device = await deviceOf(context.dev ?? null, TF_CONTEXT_KEY);
    const isKnown = device !== null && (await knows(device, asked.login, TF_CONTEXT_KEY));
    const knownDevice = isKnown ? device.id : null;
    return { call, context, asked, device, knownDevice, wanted: wantedFor(asked, ip, knownDevice) };
}

const Standings = z
    .array(
        z.object({
            limit_name: z.string(),
            allowed: z.boolean(),
            quota: z.number(),
            remaining: z.number(),
            reset_at: z.string(),
            retry_after: z.number(),
            first_refusal: z.boolean()
        })
    )
    .min(1);

/**
 * Takes what the visit needs and answers with the headers that say how much is left. Throws the refusal, or
 * `auth_unavailable` when it can't be counted: signing in closes then, and nothing else does.
 */
async function admitted(visit: Visit): Promise<Record<string, string>> {
    const { call, asked } = visit;
    let standings: readonly Standing[];
    try {
        standings = await callService(
            act(visit),
            'take',
            { wanted: visit.wanted },
            Standings,
            COUNT_TIMEOUT_MS
        );
    } catch (failure) {
        throw new Problem('auth_unavailable', { cause: failure });
    }
    const headers = limitHeaders(standings, Date.now());
    const refusal = refusalIn(standings);
    if (refusal === null) {
        return headers;
    }
    if (refusal.first) {
        const method = asked.kind === 'mail' ? 'mail' : asked.attempt.method;
        await record(visit, {
            email: asked.login,
            userId: null,
            method,
            result: 'refused',
            code: refusal.code
        });
    }
    call.log.info('limited', { code: refusal.code, first: refusal.first });
    throw new Problem(refusal.code, {
        headers: {
            ...headers,
            ...API_VERSION,
            'retry-after': String(refusal.retryAfter),
            'x-sb-error-code': refusal.code
        }
    });
}

/**
 * Records who got in and who did not, for known and unknown logins alike, before the answer goes out. Who got in has
 * their failures forgotten and their device remembered.
 */
async function concluded(
    visit: Visit,
    asked: Asked & { kind: 'sign_in' },
    answer: Response
): Promise<Response> {
    const text = await answer.text();
    const outcome = outcomeOf(answer.status, text);
    if (outcome !== null) {
        await Promise.all([
            record(visit, {
                email: asked.attempt.email,
                userId: outcome.userId,
                method: asked.attempt.method,
                result: outcome.userId === null ? 'failed' : 'ok',
                code: outcome.code
            }),
            ...(outcome.userId === null
                ? []
                : [
                      keepSession(visit, answer, outcome.email),
                      putBack(
                          visit,
                          freedBy(asked.attempt.method, asked.login ?? outcome.email, visit.knownDevice),
                          true
                      )
                  ])
        ]);
    }
    const headers = new Headers(answer.headers);
    if (outcome !== null && outcome.email !== null) {
        headers.set('x-tf-device', await proofFor(visit.device, outcome.email, TF_CONTEXT_KEY));
    }
    return new Response(text, { status: answer.status, headers });
}

/**
 * Keeps on what the session began, so that its person can tell it from their others, and has them told of a device that
 * is new to them. That it can't be kept is logged; it keeps nobody out.
 */
async function keepSession(visit: Visit, answer: Response, login: string | null): Promise<void> {
    const agent = visit.context.ua ?? '';
    const known =
        visit.device !== null && login !== null && (await knows(visit.device, login, TF_CONTEXT_KEY));
    const session = {
        session_id: answer.headers.get('sb-auth-session-id'),
        device: agent === '' ? null : deviceInWords(Bowser.parse(agent), agentNames),
        known
    };
    await callService(act(visit), 'record_session', session, z.boolean(), COUNT_TIMEOUT_MS).catch(
        (failure: unknown) => visit.call.log.error('session_not_recorded', describeFailure(failure))
    );
}

const act = ({ call, context }: Visit) => ({ actor: 'auth', requestId: call.requestId, context }) as const;

type Told = {
    readonly email: string | null;
    readonly userId: string | null;
    readonly method: Attempt['method'] | 'mail';
    readonly result: 'ok' | 'failed' | 'refused';
    readonly code: string | null;
};

/** That the trail can't be written is logged; it keeps nobody out. */
async function record(visit: Visit, { email, userId, method, result, code }: Told): Promise<void> {
    const told = { email, user_id: userId, method, result, code };
    await callService(act(visit), 'record_sign_in', told, z.null()).catch((failure: unknown) =>
        visit.call.log.error('sign_in_not_recorded', describeFailure(failure))
    );
}

/** What is not given back is forgotten by and by; that it could not be is logged and keeps nobody out. */
async function putBack(visit: Visit, wanted: readonly Wanted[], whole: boolean): Promise<void> {
    if (wanted.length === 0) {
        return;
    }
    await callService(act(visit), 'put_back', { wanted, whole }, z.null(), COUNT_TIMEOUT_MS).catch(
        (failure: unknown) => visit.call.log.error('limit_not_put_back', describeFailure(failure))
    );
}

async function forward(
    call: Call,
    path: string,
    headers: Record<string, string>,
    body: Uint8Array<ArrayBuffer> | null
): Promise<Response> {
    const { method } = call.request;
    let answer: Response;
    try {
        answer = await callAuthServer(path, {
            method,
            headers: { ...headers, 'x-request-id': call.requestId },
            body
        });
    } catch (failure) {
        throw new Problem('auth_unavailable', { cause: failure });
    }
    return new Response(bodiless.includes(answer.status) ? null : answer.body, {
        status: answer.status,
        headers: pick(answer.headers, passedOut)
    });
}

/** The body with the link of a mail of ours opened, where it holds one. */
async function withLinkOpened(
    body: Uint8Array<ArrayBuffer> | null
): Promise<Uint8Array<ArrayBuffer> | null | 'no_link_of_ours'> {
    const fields = fieldsOf(new TextDecoder().decode(body ?? new Uint8Array()));
    if (fields.token_hash === undefined) {
        return body;
    }
    const link = typeof fields.token_hash === 'string' ? fields.token_hash : '';
    const tokenHash = await openLink(link, TF_CONTEXT_KEY);
    return tokenHash === null
        ? 'no_link_of_ours'
        : new TextEncoder().encode(JSON.stringify({ ...fields, token_hash: tokenHash }));
}

/** What the auth server answers to a link that was used or is too old. */
function linkNotValid(): Response {
    return Response.json(
        { code: 'otp_expired', message: 'Email link is invalid or has expired' },
        { status: 403, headers: { 'x-sb-error-code': 'otp_expired', ...API_VERSION } }
    );
}

/**
 * What the auth server answers to a missing token. Asked without one, the gateway would put the secret key's
 * own role in its place, so the question must not be passed on.
 */
function noAuthorization(): Response {
    return Response.json(
        { code: 'no_authorization', message: 'This endpoint requires a valid Bearer token' },
        {
            status: 401,
            headers: { 'x-sb-error-code': 'no_authorization', ...API_VERSION }
        }
    );
}

function pick(headers: Headers, names: readonly string[]): Record<string, string> {
    return Object.fromEntries(
        names.flatMap((name) => {
            const value = headers.get(name);
            return value === null ? [] : [[name, value]];
        })
    );
}
