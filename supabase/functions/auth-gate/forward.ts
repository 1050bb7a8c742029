/**
 * Calling on: the auth server is asked with the secret key and `Sb-Forwarded-For: <the person's address>`, so that it
 * counts its own limits per person, where the web server's one address would make 400 people share one.
 */
import { Problem } from '../_shared/problem.ts';
import { callAuthServer } from '../_shared/service.ts';
import type { Body, Visit } from './visit.ts';

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

/**
 * What the auth server answers to the visit with this body, or to the same path asked by another method. Throws
 * `auth_unavailable` when nothing answers.
 */
export async function forward(
    { call, ip, path, person }: Visit,
    body: Body,
    method = call.request.method
): Promise<Response> {
    const { headers } = call.request;
    let answer: Response;
    try {
        answer = await callAuthServer(path, {
            method,
            headers: {
                ...pick(headers, passedIn),
                'sb-forwarded-for': ip,
                ...(person === null ? {} : { authorization: `Bearer ${person.jwt}` }),
                'x-request-id': call.requestId
            },
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

function pick(headers: Headers, names: readonly string[]): Record<string, string> {
    return Object.fromEntries(
        names.flatMap((name) => {
            const value = headers.get(name);
            return value === null ? [] : [[name, value]];
        })
    );
}
