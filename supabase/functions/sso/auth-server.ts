/** Asking the auth server, with the secret key, to keep or change a provider. Its own words name addresses and are not passed on. */
import { Problem } from '../_shared/problem.ts';
import type { Call } from '../_shared/serve.ts';
import { callAuthServer } from '../_shared/service.ts';

/** Its answer. Throws `auth_unavailable` where there is none. */
export async function ask(call: Call, method: string, path: string, body?: object): Promise<Response> {
    try {
        return await callAuthServer(path, {
            method,
            headers: { 'content-type': 'application/json', 'x-request-id': call.requestId },
            body: body === undefined ? null : new TextEncoder().encode(JSON.stringify(body))
        });
    } catch (failure) {
        throw new Problem('auth_unavailable', { cause: failure });
    }
}

/** That it took away what it was asked to, or had no such thing. Throws `auth_unavailable` else. */
export async function gone(answer: Response): Promise<void> {
    await answer.body?.cancel();
    if (!answer.ok && answer.status !== 404) {
        throw unavailable(answer);
    }
}

/** That it did what it was asked. Throws `auth_unavailable` else. */
export async function done(answer: Response): Promise<void> {
    await answer.body?.cancel();
    if (!answer.ok) {
        throw unavailable(answer);
    }
}

export const unavailable = ({ status }: Response): Problem =>
    new Problem('auth_unavailable', { cause: `the auth server answered ${status}` });
