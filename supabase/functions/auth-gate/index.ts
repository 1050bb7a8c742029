/**
 * The door to the auth server for the web tier.
 *
 * `<METHOD> auth-gate/auth/v1/<otp|verify|token|recover|resend|user|logout|factors…|passkeys…>` takes the auth server's
 * own bodies and gives its own answers, so that supabase-js speaks to it as to the real one. Needs `x-tf-context`.
 *
 * A call goes this way, a file each: is there such a path (routes.ts) → who comes and what do they want (visit.ts) → our
 * own limits (admit.ts, limits.ts) → what is looked at before it goes on (`before`, here) → the auth server (forward.ts) →
 * how an attempt to sign in ended, and what follows (conclude.ts, `whenIn` there). No answer tells whether somebody has a
 * login (nobody.ts, promise.ts); signing up is asking for a code, since the auth server's own answer to it would tell.
 *
 * Whoever got in is given a proof for their device (`x-tf-device`), which the web tier keeps in a cookie and hands back
 * inside the signed context (device.ts). What the gate does that the auth server has no path for stands in `ours`.
 *
 * Refusals of its own are problem+json: `context_required` 401, `not_found` 404, `method_not_allowed` 405,
 * `body_too_large` 413 (over 64 KiB), `too_many_tries`, `password_paused`, `too_many_mails` and `factor_code_used` 429 with
 * Retry-After, `captcha_needed` 403 (captcha.ts), `address_blocked` 403 and `address_paused` 429 for addresses that attack, `fresh_proof_needed` 403,
 * `auth_unavailable` 503; in the auth server's words `code_needed` 403, where a sign-in is so strange that a code by mail is
 * asked for (judge.ts).
 */
import { Problem } from '../_shared/problem.ts';
import { serve, type Call } from '../_shared/serve.ts';
import { admitted, putBack, type Admission } from './admit.ts';
import { authRefusal } from './answers.ts';
import { concluded } from './conclude.ts';
import { disown } from './disown.ts';
import { freshForFactors, withWrongKeySaid } from './factors.ts';
import { forward } from './forward.ts';
import { withLinkOpened } from './link.ts';
import { asManaged } from './managed.ts';
import { withGoodCredentials } from './new-credentials.ts';
import { asNobody } from './nobody.ts';
import { mailPromised } from './promise.ts';
import { vouchedFor } from './provider.ts';
import { gatePath, ownPath } from './routes.ts';
import { ssoOf } from './sso.ts';
import { visitOf, type Body, type Visit } from './visit.ts';

/** What the gate does itself, by the path after `auth-gate/`. */
const ours = new Map<string, (call: Call) => Promise<Response>>([
    ['not-me', disown],
    ['sso', ssoOf]
]);

/**
 * What is looked at before a call goes on, in this order. Each gives the body that goes on, or an answer in the auth
 * server's place, which counts like one of the auth server's; one that throws gives back what was taken.
 */
const before: readonly ((body: Body, visit: Visit, admission: Admission) => Promise<Body | Response>)[] = [
    withLinkOpened,
    asManaged,
    withGoodCredentials,
    freshForFactors,
    vouchedFor,
    asNobody,
    mailPromised
];

serve('auth-gate', async (call) => {
    const own = ours.get(ownPath(call.url) ?? '');
    return own === undefined ? await passedOn(call) : await own(call);
});

async function passedOn(call: Call): Promise<Response> {
    const target = gatePath(call.request.method, call.url);
    if (target.kind === 'unknown') {
        throw new Problem('not_found');
    }
    if (target.kind === 'wrong_method') {
        throw new Problem('method_not_allowed', { headers: { allow: target.allowed.join(', ') } });
    }
    const visit = await visitOf(call, target.path);
    if (target.needsPerson && visit.person === null) {
        // What the auth server answers to a missing token. Asked without one, the gateway would put the secret key's own
        // role in its place, so the question must not be passed on.
        return authRefusal(401, 'no_authorization', 'This endpoint requires a valid Bearer token');
    }
    const admission = await admitted(visit);
    let answer: Response;
    try {
        answer = await answered(visit, admission);
    } catch (failure) {
        await putBack(visit, visit.wanted, false);
        throw failure;
    }
    for (const [name, value] of Object.entries(admission.shown)) {
        answer.headers.set(name, value);
    }
    if (answer.status >= 500) {
        await putBack(visit, visit.wanted, false);
        return answer;
    }
    return visit.asked?.kind === 'sign_in' ? await concluded(visit, visit.asked.attempt, answer) : answer;
}

/** The auth server's answer, or that of whoever answers in its place. */
async function answered(visit: Visit, admission: Admission): Promise<Response> {
    let { body } = visit;
    for (const look of before) {
        const given = await look(body, visit, admission);
        if (given instanceof Response) {
            return given;
        }
        body = given;
    }
    return await withWrongKeySaid(await forward(visit, body), visit);
}
