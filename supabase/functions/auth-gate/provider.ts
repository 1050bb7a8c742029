/**
 * Whoever comes back from a provider, at the gate: the database looks at what the provider said of them before the auth
 * server is asked for a session. It closes: where the database can't be asked, nobody gets in this way.
 */
import { z } from 'npm:zod@4.6.7';
import { Problem } from '../_shared/problem.ts';
import { callService } from '../_shared/service.ts';
import { authRefusal } from './answers.ts';
import { fieldsOf } from './attempts.ts';
import { act, type Body, type Visit } from './visit.ts';

const TIMEOUT_MS = 3000;

/** The body as it came, or the refusal of somebody whom the provider does not vouch for. Throws `auth_unavailable`. */
export async function vouchedFor(body: Body, visit: Visit): Promise<Body | Response> {
    if (visit.asked?.kind !== 'sign_in' || visit.asked.attempt.method !== 'provider') {
        return body;
    }
    const { auth_code: code } = fieldsOf(new TextDecoder().decode(body ?? new Uint8Array()));
    if (typeof code !== 'string') {
        return body;
    }
    let refusal: string | null;
    try {
        const asked = { auth_code: code };
        refusal = await callService(act(visit), 'provider_entry', asked, z.string().nullable(), TIMEOUT_MS);
    } catch (failure) {
        throw new Problem('auth_unavailable', { cause: failure });
    }
    return refusal === null
        ? body
        : authRefusal(403, refusal, 'The provider does not vouch for this address');
}
