/**
 * The captcha at the gate (Cloudflare Turnstile): after failures a stranger shows that no program asks, before any limit
 * pauses them. The auth server's own captcha can't do this: it is asked at every sign-in, and not of the secret key that the
 * gate holds. Unset, nobody is asked.
 *
 * It opens when nobody can judge: the judge does not answer, fails, or does not know our secret. It comes on top of the
 * limits, the pauses, the blocked addresses and the score, which all hold without it and close (admit.ts, judge.ts); were it to close as well,
 * an outage of somebody else's service would keep everybody out who is on a new device and mistyped three times, and
 * the widget comes from the same service, so they could not even answer. An attacker cannot bring the outage about by
 * what they send. Each time is logged.
 */
import { describeFailure } from '../_shared/log.ts';
import { Problem } from '../_shared/problem.ts';
import { readSettings } from '../_shared/settings.ts';
import { API_VERSION } from './answers.ts';
import {
    canBeToken,
    captchaAsked,
    verdictIn,
    type CaptchaAction,
    type CaptchaAsked,
    type Expected,
    type Verdict
} from './captcha-asked.ts';
import type { Visit } from './visit.ts';

const { APP_ORIGIN, TURNSTILE_SECRET_KEY, TURNSTILE_VERIFY_URL } = readSettings(
    'APP_ORIGIN',
    'TURNSTILE_SECRET_KEY',
    'TURNSTILE_VERIFY_URL'
);

/** A person waits for this; a judge that takes longer counts as out of reach. */
const TIMEOUT_MS = 2500;
/** How long it is believed that nobody judges, or that somebody does, before it is asked again. */
const REMEMBERED_MS = 10_000;

/** For the web tier: the next attempt needs the widget, and for what. */
export const CAPTCHA_HEADER = 'x-tf-captcha';

/** What this visit is asked for, where a captcha is due; null where none ever is. */
export function captchaOf(visit: Omit<Visit, 'captcha'>): CaptchaAsked | null {
    if (TURNSTILE_SECRET_KEY === '') {
        return null;
    }
    const isStranger = visit.knownDevice === null && visit.person === null;
    return captchaAsked(visit.asked, isStranger, visit.body);
}

/** The refusal of whoever has not answered it. */
export function captchaNeeded(action: CaptchaAction): Problem {
    return new Problem('captcha_needed', {
        headers: { ...API_VERSION, 'x-sb-error-code': 'captcha_needed', [CAPTCHA_HEADER]: action }
    });
}

/** Was the captcha answered, on our own page, for this, and not used before? */
export async function isAnswered(visit: Visit, { action, token }: CaptchaAsked): Promise<boolean> {
    if (token === null || !canBeToken(token)) {
        return false;
    }
    return (await asked(visit, token, action)) !== 'refused';
}

/** What the last question showed, whoever it was about. */
let believed = { until: 0, judges: true };

/** Is anybody there to judge? Asked without a token, which whoever judges refuses. */
export async function somebodyJudges(visit: Visit, action: CaptchaAction): Promise<boolean> {
    if (Date.now() >= believed.until) {
        await asked(visit, '', action);
    }
    return believed.judges;
}

async function asked(visit: Visit, token: string, action: CaptchaAction): Promise<Verdict> {
    const expected: Expected = { hostname: new URL(APP_ORIGIN).hostname, action };
    let verdict: Verdict = 'unknown';
    try {
        const { status, said } = await siteverify(token, visit.ip);
        verdict = status < 500 ? verdictIn(said, expected) : 'unknown';
        if (verdict === 'unknown') {
            visit.call.log.error('captcha_not_judged', { status, said: reasonsIn(said) });
        }
    } catch (failure) {
        visit.call.log.error('captcha_not_judged', describeFailure(failure));
    }
    believed = { until: Date.now() + REMEMBERED_MS, judges: verdict !== 'unknown' };
    return verdict;
}

async function siteverify(token: string, ip: string): Promise<{ status: number; said: unknown }> {
    const question = {
        secret: TURNSTILE_SECRET_KEY,
        response: token,
        remoteip: ip,
        // Ours alone and never said again: whoever sends the same token once more is refused.
        idempotency_key: crypto.randomUUID()
    };
    const answer = await fetch(TURNSTILE_VERIFY_URL, {
        method: 'POST',
        body: new URLSearchParams(question),
        redirect: 'error',
        signal: AbortSignal.timeout(TIMEOUT_MS)
    });
    return { status: answer.status, said: await answer.json() };
}

/** The judge's reasons, which name a setting of ours and no secret. */
function reasonsIn(said: unknown): string {
    const reasons =
        typeof said === 'object' && said !== null && 'error-codes' in said ? said['error-codes'] : [];
    return Array.isArray(reasons) ? reasons.join(' ').slice(0, 200) : '';
}
