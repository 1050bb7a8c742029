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
import { captchaNeeded, isAnswered, somebodyJudges } from './captcha.ts';
import { limitHeaders, refusalIn, type Asked, type Wanted } from './limits.ts';
import { isListed } from './place.ts';
import { record } from './record.ts';
import { act, type Visit } from './visit.ts';

/** Whoever waits longer than this for being counted is better told that signing in does not work. */
const COUNT_TIMEOUT_MS = 3000;

/** What `service.take` answers, a row each. */
export const Standings = z
    .array(
        z.object({
            limit_name: z.string(),
            allowed: z.boolean(),
            quota: z.number(),
            remaining: z.number(),
            reset_at: z.string(),
            retry_after: z.number(),
            first_refusal: z.boolean(),
            period_seconds: z.int().nullable()
        })
    )
    .min(1);

/** What `service.admit` answers: what was taken, or that the address is blocked, or that a captcha is due and none came. */
export const Taken = z.object({ standings: Standings, is_known: z.boolean(), captcha_due: z.boolean() });
export const Blocked = z.object({ blocked_for: z.int() });
const CaptchaMissing = z.object({ captcha_missing: z.literal(true) });
const Counted = z.union([Taken, Blocked, CaptchaMissing]);
type Counted = z.output<typeof Counted>;

/** Whoever signed in here before, or is signed in, is kept out by nothing that others do at their address. */
const isNoStranger = ({ knownDevice, person }: Visit): boolean => knownDevice !== null || person !== null;

/** What the gate knows of a visit that it admits. */
export type Admission = {
    /** Headers that say how much is left. */
    readonly shown: Readonly<Record<string, string>>;
    /** Has the auth server something to compare with what was typed? No answer may depend on it: see nobody.ts. */
    readonly isKnown: boolean;
};

/**
 * Takes what the visit needs, unless its address is blocked, which is nothing to a device that signed in before or to
 * whoever is signed in, or a captcha is due (captcha.ts). Throws the refusal, or `auth_unavailable` when it can't be counted: signing
 * in closes then, and nothing else does.
 */
export async function admitted(visit: Visit): Promise<Admission> {
    const { call, asked } = visit;
    if (asked === null) {
        return { shown: {}, isKnown: true };
    }
    if (!isNoStranger(visit) && isListed(visit.ip)) {
        throw new Problem('address_blocked', {
            headers: { ...API_VERSION, 'x-sb-error-code': 'address_blocked' }
        });
    }
    const counted = await count(visit, asked);
    if ('blocked_for' in counted) {
        throw new Problem('address_paused', {
            headers: {
                ...API_VERSION,
                'retry-after': String(Math.max(1, counted.blocked_for)),
                'x-sb-error-code': 'address_paused'
            }
        });
    }
    const { standings, is_known: isKnown, captcha_due: isDue } = counted;
    const shown = limitHeaders(standings, Date.now());
    const refusal = refusalIn(standings);
    if (refusal === null) {
        if (isDue && visit.captcha !== null && !(await isAnswered(visit, visit.captcha))) {
            // It counts for the address, so that nobody has tokens tried by the thousand, and not for the login: programs
            // keep nobody waiting any more.
            await putBack(
                visit,
                visit.wanted.filter(({ limit }) => !limit.endsWith('_address')),
                false
            );
            throw captchaNeeded(visit.captcha.action);
        }
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

/** Counts it, unless a captcha is due and none came. Throws `captcha_needed`, `auth_unavailable`. */
async function count(visit: Visit, asked: Asked): Promise<Exclude<Counted, z.output<typeof CaptchaMissing>>> {
    const { captcha } = visit;
    const counted = await admit(
        visit,
        asked,
        captcha === null ? null : captcha.token === null ? 'none' : 'given'
    );
    if (!('captcha_missing' in counted)) {
        return counted;
    }
    if (captcha === null || (await somebodyJudges(visit, captcha.action))) {
        throw captchaNeeded(captcha?.action ?? 'sign_in');
    }
    const again = await admit(visit, asked, null);
    if ('captcha_missing' in again) {
        throw new Problem('auth_unavailable', { cause: 'a captcha was asked for where none is' });
    }
    return again;
}

async function admit(visit: Visit, asked: Asked, captcha: 'none' | 'given' | null): Promise<Counted> {
    const admission = {
        wanted: visit.wanted,
        login: asked.login,
        method: asked.kind === 'sign_in' ? asked.attempt.method : asked.kind,
        address: visit.ip,
        at_known_device: isNoStranger(visit),
        captcha
    };
    try {
        return await callService(act(visit), 'admit', admission, Counted, COUNT_TIMEOUT_MS);
    } catch (failure) {
        throw new Problem('auth_unavailable', { cause: failure });
    }
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
