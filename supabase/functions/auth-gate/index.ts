/**
 * The door to the auth server for the web tier.
 *
 * `<METHOD> auth-gate/auth/v1/<otp|verify|token|signup|recover|resend|user|logout>` takes the auth server's own
 * bodies and gives its own answers, so that supabase-js speaks to it as to the real one. Needs `x-tf-context`.
 * It calls on with the secret key and `Sb-Forwarded-For: <the person's address>`: the auth server then counts
 * its limits per person, where the web server's one address would make 400 people share one.
 *
 * Who got in and who did not is recorded in the audit trail, at this door only; what happens at the auth server's
 * own door is recorded by triggers on its tables.
 *
 * Refusals of its own are problem+json: `context_required` 401, `not_found` 404, `method_not_allowed` 405,
 * `body_too_large` 413 (over 64 KiB), `auth_unavailable` 503.
 */
import { z } from 'npm:zod@4.6.7';
import { personOf, requireContext } from '../_shared/caller.ts';
import { type RequestContext } from '../_shared/context.ts';
import { describeFailure } from '../_shared/log.ts';
import { Problem } from '../_shared/problem.ts';
import { readBody } from '../_shared/request.ts';
import { serve, type Call } from '../_shared/serve.ts';
import { callAuthServer, callService } from '../_shared/service.ts';
import { attemptOf, outcomeOf, type Attempt } from './attempts.ts';
import { gatePath } from './routes.ts';

const BODY_LIMIT_BYTES = 64 * 1024;

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
    const answer = await forward(call, target.path, headers, body);
    const attempt = attemptOf(target.path, body);
    return attempt === null ? answer : await recorded(call, context, attempt, answer);
});

/**
 * Records who got in and who did not, for known and unknown logins alike, before the answer goes out. That the
 * trail can't be written is logged; it keeps nobody out.
 */
async function recorded(
    call: Call,
    context: RequestContext,
    attempt: Attempt,
    answer: Response
): Promise<Response> {
    const text = await answer.text();
    const outcome = outcomeOf(answer.status, text);
    if (outcome !== null) {
        await callService(
            { actor: 'auth', requestId: call.requestId, context },
            'record_sign_in',
            {
                email: attempt.email,
                user_id: outcome.userId,
                method: attempt.method,
                result: outcome.userId === null ? 'failed' : 'ok',
                code: outcome.code
            },
            z.null()
        ).catch((failure: unknown) => call.log.error('sign_in_not_recorded', describeFailure(failure)));
    }
    return new Response(text, answer);
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

/**
 * What the auth server answers to a missing token. Asked without one, the gateway would put the secret key's
 * own role in its place, so the question must not be passed on.
 */
function noAuthorization(): Response {
    return Response.json(
        { code: 'no_authorization', message: 'This endpoint requires a valid Bearer token' },
        {
            status: 401,
            headers: { 'x-sb-error-code': 'no_authorization', 'x-supabase-api-version': '2024-01-01' }
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
