/**
 * What our door asks beyond the auth server's before a second factor or a passkey comes or goes: a fresh proof of who is
 * there. Else an open session on an unattended phone would be enough to take the factor away, or to add a way in that
 * outlasts it. A challenge that somebody was given after their proof is good for five minutes more.
 */
import { clientOf, dataOf } from '../_shared/person.ts';
import { Problem } from '../_shared/problem.ts';
import { authRefusal } from './answers.ts';
import type { Body, Visit } from './visit.ts';

const adding = /^(?:factors|passkeys\/registration\/options)$/;
const removing = /^(?:factors|passkeys)\/[0-9a-f-]{36}$/;

/** Lets a call through that adds or removes nothing, and one of somebody whose proof is fresh. */
export async function freshForFactors(
    body: Body,
    { call, context, path, person }: Visit
): Promise<Body | Response> {
    const isAsked =
        (call.request.method === 'POST' && adding.test(path)) ||
        (call.request.method === 'DELETE' && removing.test(path));
    if (!isAsked || person === null) {
        return body;
    }
    const client = await clientOf(person, call, context);
    try {
        dataOf(await client.rpc('require_fresh'));
    } catch (failure) {
        if (failure instanceof Problem && failure.status === 403) {
            return authRefusal(failure.status, failure.code, failure.message);
        }
        throw failure;
    }
    return body;
}

/**
 * The auth server has no code for a security key's wrong answer and calls it a failure of its own (500). Here it is what it is,
 * so that it is counted and recorded like a wrong code.
 */
export async function withWrongKeySaid(answer: Response, { asked }: Visit): Promise<Response> {
    const isKey = asked?.kind === 'sign_in' && asked.attempt.factor?.code === null;
    if (!isKey || answer.status !== 500 || answer.headers.get('x-sb-error-code') !== 'unexpected_failure') {
        return answer;
    }
    await answer.body?.cancel();
    return authRefusal(422, 'mfa_verification_failed', 'The security key’s answer is not the right one');
}
