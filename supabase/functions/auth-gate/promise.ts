/**
 * A mail that somebody asks for is promised before anything is done about it, and begun a little later, at a moment drawn
 * by lot: then neither the answer nor whatever is asked next tells how much there was to do, which for a forgotten
 * password is nothing where nobody has the address. That nobody can sign in just now is said before, the same to all.
 * Another address to sign in with is promised alike, whether somebody has it or not, and answered with the person as they
 * are: their address is the old one until both mailboxes agree.
 */
import { describeFailure } from '../_shared/log.ts';
import { Problem } from '../_shared/problem.ts';
import { afterAnswer } from '../_shared/serve.ts';
import { callAuthServer } from '../_shared/service.ts';
import { putBack } from './admit.ts';
import { fieldsOf } from './attempts.ts';
import { forward } from './forward.ts';
import { beginsIn, isChangeOfAddress, isMailAskedFor } from './unseen.ts';
import type { Body, Visit } from './visit.ts';

/** The promise, where a mail is asked for. Throws `auth_unavailable` when the auth server is not there to ask. */
export async function mailPromised(body: Body, visit: Visit): Promise<Body | Response> {
    if (isChangeOfAddress(visit.call.request.method, visit.path, body)) {
        return await addressPromised(body, visit);
    }
    if (!isMailAskedFor(visit.path, body)) {
        return body;
    }
    await demandAuthServer();
    afterAnswer(keep(visit, body));
    return Response.json({});
}

/** As the auth server answers where the address is free, but for the address that waits to be confirmed. */
async function addressPromised(body: Body, visit: Visit): Promise<Response> {
    const { password } = fieldsOf(new TextDecoder().decode(body ?? new Uint8Array()));
    if (password !== undefined) {
        throw new Problem('request_not_understood', {
            detail: 'Change the address or the password, one at a time.'
        });
    }
    const person = await forward(visit, null, 'GET');
    if (person.ok) {
        afterAnswer(keep(visit, body));
    }
    return person;
}

async function demandAuthServer(): Promise<void> {
    let answer: Response;
    try {
        answer = await callAuthServer('health', { method: 'GET', headers: {}, body: null });
        await answer.body?.cancel();
    } catch (failure) {
        throw new Problem('auth_unavailable', { cause: failure });
    }
    if (!answer.ok) {
        throw new Problem('auth_unavailable', { cause: `the auth server answered ${answer.status}` });
    }
}

/** Has the mail sent. What becomes of it only our log is told; what failed on our side does not count. */
async function keep(visit: Visit, body: Body): Promise<void> {
    const { log } = visit.call;
    const [lot = 0] = crypto.getRandomValues(new Uint32Array(1));
    await new Promise((resolve) => setTimeout(resolve, beginsIn(lot / 2 ** 32)));
    try {
        const answer = await forward(visit, body);
        await answer.body?.cancel();
        if (answer.status < 400) {
            return;
        }
        log.info('mail_refused', { status: answer.status, code: answer.headers.get('x-sb-error-code') });
        if (answer.status < 500) {
            return;
        }
    } catch (failure) {
        log.error('mail_not_asked_for', describeFailure(failure));
    }
    await putBack(visit, visit.wanted, false);
}
