/**
 * How strange is it that somebody got in? What is weighed and how much is decided in the database (private.suspicions);
 * here is what only the gate knows: where the address is, and which device it is. From a certain weight on the way in was
 * not enough: the session has ended, and a code by mail is asked for. What can't be weighed is not let in.
 */
import { z } from 'npm:zod@4.6.7';
import { describeFailure } from '../_shared/log.ts';
import { toBase64Url } from '../_shared/mac.ts';
import { Problem } from '../_shared/problem.ts';
import { callService } from '../_shared/service.ts';
import { authRefusal } from './answers.ts';
import type { Attempt, Entry } from './attempts.ts';
import { deviceWords, isAtKnownDevice } from './keep-session.ts';
import { countryAt, isListed } from './place.ts';
import { act, type Visit } from './visit.ts';

const TIMEOUT_MS = 3000;
const Noted = z.object({ captcha_due: z.boolean() });
const Verdict = z.object({ trace_id: z.uuid(), decision: z.enum(['allowed', 'code_asked']) });

/** Whose code is asked for, for the web tier alone: the person proved to be them, and has not typed it if a provider did. */
const LOGIN_HEADER = 'x-tf-login';

/**
 * The refusal where a code is asked for, else null. A second factor is a step of a sign-in that was weighed at its first.
 * Throws `auth_unavailable`.
 */
export async function suspected(visit: Visit, entry: Entry): Promise<Response | null> {
    if (entry.attempt.method === 'factor') {
        return null;
    }
    let verdict: z.output<typeof Verdict>;
    try {
        const seen = {
            session_id: entry.sessionId,
            method: entry.attempt.method,
            device: deviceWords(visit),
            address: visit.ip,
            country: await countryAt(visit.ip),
            at_known_device: await isAtKnownDevice(visit, entry.login),
            on_a_list: isListed(visit.ip)
        };
        verdict = await callService(act(visit), 'judge_sign_in', seen, Verdict, TIMEOUT_MS);
    } catch (failure) {
        throw new Problem('auth_unavailable', { cause: failure });
    }
    visit.call.log.info('judged', verdict);
    if (verdict.decision === 'allowed') {
        return null;
    }
    const refusal = authRefusal(403, 'code_needed', 'A code by e-mail is needed as well');
    refusal.headers.set(LOGIN_HEADER, toBase64Url(new TextEncoder().encode(entry.login ?? '')));
    return refusal;
}

/**
 * Notes an attempt that failed from a device that its login does not know; one at a second factor comes from whoever has
 * got that far. Answers whether the next one needs a captcha. That it can't be noted is logged.
 */
export async function noteFailure(visit: Visit, { method }: Attempt): Promise<boolean> {
    if (visit.knownDevice !== null || method === 'factor') {
        return false;
    }
    const failure = { login: visit.asked?.login ?? null, address: visit.ip };
    try {
        return (await callService(act(visit), 'note_failure', failure, Noted, TIMEOUT_MS)).captcha_due;
    } catch (thrown) {
        visit.call.log.error('failure_not_noted', describeFailure(thrown));
        return false;
    }
}
