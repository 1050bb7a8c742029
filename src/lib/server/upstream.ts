/**
 * The one fetch through which this tier speaks to the Supabase project. It signs every call with
 * `x-tf-context`, sends sign-in calls through the function `auth-gate` (which limits by the person's address
 * instead of ours) and listens to what that says beside, gives up after a while, and notes how long the request waited for it.
 */
import { contextHeader, signContext } from './context.ts';
import type { GateTalk } from './gate.ts';
import type { RequestRecord } from './log.ts';
import type { Settings } from './settings.ts';

/** Sign-in calls that the gate takes. JWKS and settings are public and go straight to the auth server. */
const gated =
    /^\/auth\/v1\/(otp|verify|token|signup|recover|resend|user|logout|factors(\/[0-9a-f-]{36}(\/(challenge|verify))?)?|passkeys(\/.+)?)$/;

const patienceMs = 15_000;

/** What a call is signed with. */
export type Caller = {
    settings: Settings;
    record: RequestRecord;
    userAgent: string;
    /** `session_id` of the person's token as it stands when the call is made. */
    sessionId: () => string | null;
    gate: GateTalk;
};

/** Calls that a request has under way, and since when there is one. */
type Waiting = { calls: number; since: number };

function begin(waiting: Waiting): void {
    if (waiting.calls === 0) waiting.since = performance.now();
    waiting.calls += 1;
}

function end(waiting: Waiting, record: RequestRecord): void {
    waiting.calls -= 1;
    record.upstreamCalls += 1;
    if (waiting.calls === 0) record.upstreamMs += performance.now() - waiting.since;
}

/** A fetch for one request of one person, for supabase-js and for our own calls. */
export function upstreamFetch(caller: Caller): typeof fetch {
    const { settings, record, gate } = caller;
    const waiting: Waiting = { calls: 0, since: 0 };
    return async (input, init) => {
        const original = input instanceof Request ? input : undefined;
        const url = new URL(original ? original.url : String(input));
        const toGate = url.origin === settings.SUPABASE_URL && gated.test(url.pathname);
        if (toGate) url.pathname = `/functions/v1/auth-gate${url.pathname}`;
        const device = toGate ? gate.device() : null;
        const headers = new Headers(init?.headers ?? original?.headers);
        headers.set('x-request-id', record.id);
        headers.set(
            contextHeader,
            signContext(
                {
                    ip: record.address,
                    ua: caller.userAgent.slice(0, 512),
                    rid: record.id,
                    sid: caller.sessionId(),
                    iat: Math.floor(Date.now() / 1000),
                    via: 'app',
                    ...(device === null ? {} : { dev: device })
                },
                settings.TF_CONTEXT_KEY
            )
        );
        const limit = AbortSignal.timeout(patienceMs);
        const signal = init?.signal ? AbortSignal.any([init.signal, limit]) : limit;
        begin(waiting);
        try {
            const answer = await fetch(original ? new Request(url, original) : url, {
                ...init,
                headers,
                signal
            });
            if (toGate) gate.heard(answer);
            return answer;
        } finally {
            end(waiting, record);
        }
    };
}
