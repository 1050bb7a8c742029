/**
 * Our own limits at the gate: getting in, and having mails sent, is counted in the database by the person's address, by
 * login and by device, whether anybody has that login or not. What can't be counted is not let through. What is counted
 * and how is decided in limits.ts.
 */
import { z } from 'npm:zod@4.6.7';
import { describeFailure } from '../_shared/log.ts';
import { Problem } from '../_shared/problem.ts';
import { callService } from '../_shared/service.ts';
import { API_VERSION } from './answers.ts';
import { limitHeaders, refusalIn, type Asked, type Wanted } from './limits.ts';
import { record } from './record.ts';
import { namesLogin } from './unseen.ts';
import { act, type Visit } from './visit.ts';

/** Whoever waits longer than this for being counted is better told that signing in does not work. */
const COUNT_TIMEOUT_MS = 3000;

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

const Counted = z.object({ standings: Standings, is_known: z.boolean() });

/** What the gate knows of a visit that it admits. */
export type Admission = {
    /** Headers that say how much is left. */
    readonly shown: Readonly<Record<string, string>>;
    /** Has the auth server something to compare with what was typed? No answer may depend on it: see nobody.ts. */
    readonly isKnown: boolean;
};

/**
 * Takes what the visit needs. Throws the refusal, or `auth_unavailable` when it can't be counted: signing in closes
 * then, and nothing else does.
 */
export async function admitted(visit: Visit): Promise<Admission> {
    const { call, asked } = visit;
    if (asked === null) {
        return { shown: {}, isKnown: true };
    }
    let counted: z.output<typeof Counted>;
    try {
        counted = await count(visit, asked);
    } catch (failure) {
        throw new Problem('auth_unavailable', { cause: failure });
    }
    const { standings, is_known: isKnown } = counted;
    const shown = limitHeaders(standings, Date.now());
    const refusal = refusalIn(standings);
    if (refusal === null) {
        return { shown, isKnown };
    }
    if (refusal.first) {
        const isSignIn = asked.kind === 'sign_in';
        await record(visit, {
            email: isSignIn ? asked.attempt.email : asked.kind === 'mail' ? asked.login : null,
            userId: null,
            method: isSignIn ? asked.attempt.method : asked.kind,
            result: 'refused',
            code: refusal.code
        });
    }
    call.log.info('limited', { code: refusal.code, first: refusal.first });
    throw new Problem(refusal.code, {
        headers: {
            ...shown,
            ...API_VERSION,
            'retry-after': String(refusal.retryAfter),
            'x-sb-error-code': refusal.code
        }
    });
}

async function count(visit: Visit, asked: Asked): Promise<z.output<typeof Counted>> {
    const { wanted } = visit;
    if (!namesLogin(asked)) {
        const standings = await callService(act(visit), 'take', { wanted }, Standings, COUNT_TIMEOUT_MS);
        return { standings, is_known: true };
    }
    const args = { wanted, login: asked.login, method: asked.attempt.method };
    return await callService(act(visit), 'admit', args, Counted, COUNT_TIMEOUT_MS);
}

/** What is not given back is forgotten by and by; that it could not be is logged and keeps nobody out. */
export async function putBack(visit: Visit, wanted: readonly Wanted[], whole: boolean): Promise<void> {
    if (wanted.length === 0) {
        return;
    }
    await callService(act(visit), 'put_back', { wanted, whole }, z.null(), COUNT_TIMEOUT_MS).catch(
        (failure: unknown) => visit.call.log.error('limit_not_put_back', describeFailure(failure))
    );
}
