/**
 * Token buckets per client address, and one for the whole project's mails. They live in the memory of the one auth
 * process, like the real server's: a restart forgets them, and the app keeps limits of its own in the database.
 */
import type { Clock, Caller } from './contract.ts';
import { refusal } from './errors.ts';
import type { AuthSettings } from './settings.ts';

const BURST = 30;
const MINUTE = 60;
const FIVE_MINUTES = 300;
const HOUR = 3600;
const MAX_ADDRESSES = 100_000;

type Rates = AuthSettings['rate_limit'];
type LimitSetting = 'sign_in_sign_ups' | 'token_verifications' | 'token_refresh';

const inFiveMinutes = (setting: LimitSetting) => (rates: Rates) => rates[setting] / FIVE_MINUTES;
/** The server's own rates; config.toml has no names for them. */
const factorTries = () => 15 / MINUTE;
const passkeySignIns = () => 30 / FIVE_MINUTES;
const ssoSignIns = () => 30 / FIVE_MINUTES;
const samlAnswers = () => 15 / FIVE_MINUTES;

/** How many a second come back to each bucket. */
const PER_ADDRESS = {
    signup: inFiveMinutes('sign_in_sign_ups'),
    recover: inFiveMinutes('sign_in_sign_ups'),
    resend: inFiveMinutes('sign_in_sign_ups'),
    magiclink: inFiveMinutes('sign_in_sign_ups'),
    otp: inFiveMinutes('sign_in_sign_ups'),
    user: inFiveMinutes('sign_in_sign_ups'),
    verify: inFiveMinutes('token_verifications'),
    token: inFiveMinutes('token_refresh'),
    factor_challenge: factorTries,
    factor_verify: factorTries,
    passkey: passkeySignIns,
    sso: ssoSignIns,
    saml_assertion: samlAnswers
} as const satisfies Record<string, (rates: Rates) => number>;

export type LimitName = keyof typeof PER_ADDRESS;

export type Limits = {
    /** @throws AuthError over_request_rate_limit */
    request(name: LimitName, caller: Caller): void;
    /** @throws AuthError over_email_send_rate_limit */
    email(): void;
};

export function createLimits(settings: AuthSettings, clock: Clock): Limits {
    const buckets = new Map<LimitName, TokenBuckets>();
    for (const [name, perSecond] of Object.entries(PER_ADDRESS)) {
        buckets.set(name as LimitName, new TokenBuckets(BURST, perSecond(settings.rate_limit), clock));
    }
    const emails = new TokenBuckets(settings.emailsPerHour, settings.emailsPerHour / HOUR, clock);
    return {
        request(name, caller) {
            if (caller.address === null) return;
            if (!buckets.get(name)?.take(caller.address)) throw refusal('over_request_rate_limit');
        },
        email() {
            if (!emails.take('project')) throw refusal('over_email_send_rate_limit');
        }
    };
}

/** Buckets that fill at a steady rate, one for each key. */
class TokenBuckets {
    readonly #buckets = new Map<string, { tokens: number; at: number }>();
    readonly #capacity: number;
    readonly #perSecond: number;
    readonly #clock: Clock;

    constructor(capacity: number, perSecond: number, clock: Clock) {
        this.#capacity = capacity;
        this.#perSecond = perSecond;
        this.#clock = clock;
    }

    take(key: string): boolean {
        const now = this.#clock.now().getTime() / 1000;
        const bucket = this.#buckets.get(key) ?? { tokens: this.#capacity, at: now };
        const tokens = Math.min(
            this.#capacity,
            bucket.tokens + Math.max(0, now - bucket.at) * this.#perSecond
        );
        const allowed = tokens >= 1;
        // Set anew so that the map's order is the order of last use and the first key is the stalest.
        this.#buckets.delete(key);
        this.#buckets.set(key, { tokens: allowed ? tokens - 1 : tokens, at: now });
        if (this.#buckets.size > MAX_ADDRESSES) {
            const [stalest] = this.#buckets.keys();
            if (stalest !== undefined) this.#buckets.delete(stalest);
        }
        return allowed;
    }
}
