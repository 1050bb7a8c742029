/**
 * Which provider signs in the people of a domain. Whoever is sent there sees that the business uses one; that is all there is to
 * learn, and one address learns it of sixty domains in 15 minutes. Counting closes: what can't be counted is not answered.
 *
 * `POST auth-gate/sso` {domain} → 200 {identifier, name}; `sso_not_set_up` 404, `too_many_tries` 429.
 */
import { z } from 'npm:zod@4.6.7';
import { requireContext } from '../_shared/caller.ts';
import { Problem } from '../_shared/problem.ts';
import { allowMethods, readJson } from '../_shared/request.ts';
import type { Call } from '../_shared/serve.ts';
import { callService, type Act } from '../_shared/service.ts';
import { Blocked, Taken, type Standings } from './admit.ts';
import { limitHeaders, refusalIn } from './limits.ts';

const Asked = z.object({ domain: z.string().min(1).max(253) });
const Found = z.object({ identifier: z.string(), name: z.string() }).nullable();
const Counted = z.union([Taken, Blocked]);
const TIMEOUT_MS = 3000;

export async function ssoOf(call: Call): Promise<Response> {
    allowMethods(call.request, 'POST');
    const context = await requireContext(call);
    if (context.ip === null) {
        throw new Problem('context_required', { detail: 'The request context names no address.' });
    }
    const asked = await readJson(call.request, Asked);
    const act: Act = { actor: 'auth', requestId: call.requestId, context };
    const standings = await counted(act, context.ip);
    const headers = limitHeaders(standings, Date.now());
    const refusal = refusalIn(standings);
    if (refusal !== null) {
        throw new Problem(refusal.code, {
            headers: { ...headers, 'retry-after': String(refusal.retryAfter) }
        });
    }
    const found = await callService(act, 'sso_of_domain', asked, Found, TIMEOUT_MS);
    if (found === null) {
        throw new Problem('sso_not_set_up', { headers });
    }
    return Response.json(found, { headers });
}

/** Takes one of what the address may ask. Throws `address_paused` where it is blocked, `auth_unavailable` where nothing counts. */
async function counted(act: Act, ip: string): Promise<z.output<typeof Standings>> {
    const asked = {
        wanted: [{ limit: 'sso_address', key: ip }],
        login: null,
        method: 'sso',
        address: ip,
        at_known_device: false,
        captcha: null
    };
    let answer: z.output<typeof Counted>;
    try {
        answer = await callService(act, 'admit', asked, Counted, TIMEOUT_MS);
    } catch (failure) {
        throw new Problem('auth_unavailable', { cause: failure });
    }
    if ('blocked_for' in answer) {
        throw new Problem('address_paused', {
            headers: { 'retry-after': String(Math.max(1, answer.blocked_for)) }
        });
    }
    return answer.standings;
}
