/**
 * What a call through the gate uses up, and what becomes of that: which limits of `private.limits` it takes from,
 * which of them a success frees, and how a refusal is said. Pure, so that Node can test it.
 */
import { attemptOf, fieldsOf, type Attempt } from './attempts.ts';

/** One row to take from: a limit's name, and what it is counted by. */
export type Wanted = { readonly limit: string; readonly key: string };

/** What `private.take` says about one row. */
export type Standing = {
    readonly limit_name: string;
    readonly allowed: boolean;
    readonly quota: number;
    readonly remaining: number;
    readonly reset_at: string;
    /** Whole seconds until there is one more; 0 when allowed. */
    readonly retry_after: number;
    readonly first_refusal: boolean;
    /** Null where the wait grows. */
    readonly period_seconds: number | null;
};

/**
 * What somebody wants of the gate that is limited: to get in, to have a mail sent, to be asked for a passkey or for a second
 * factor, or to set something up that they get in with. `login` is what it is counted by: the address they sign in with, or,
 * of somebody who is signed in, their id. `person` is the id of whoever asks for another address to sign in with.
 */
export type Asked =
    | { readonly kind: 'sign_in'; readonly attempt: Attempt; readonly login: string | null }
    | { readonly kind: 'setup'; readonly login: string | null }
    | { readonly kind: 'question'; readonly login: string | null }
    | { readonly kind: 'passkey'; readonly login: null }
    | { readonly kind: 'mail'; readonly login: string | null; readonly person: string | null };

/** Calls that have the auth server send a mail to the address they name. */
const mailing = ['otp', 'recover', 'resend'];

/** What a call asks for, or null where nothing is limited: refreshing, reading oneself, signing out. */
export function askedOf(
    method: string,
    path: string,
    body: Uint8Array | null,
    person: string | null = null
): Asked | null {
    const attempt = attemptOf(path, body);
    if (attempt !== null) {
        return {
            kind: 'sign_in',
            attempt,
            login: attempt.method === 'factor' ? person : normal(attempt.email)
        };
    }
    const [name = ''] = path.split('?');
    if (name === 'passkeys/authentication/options') {
        return { kind: 'passkey', login: null };
    }
    if (/^factors\/[^/]+\/challenge$/.test(name)) {
        return { kind: 'question', login: person };
    }
    if (/^(?:factors|passkeys)(?:\/|$)/.test(name)) {
        return { kind: 'setup', login: person };
    }
    const email = emailIn(body);
    const changesAddress = name === 'user' && method === 'PUT' && email !== null;
    if (mailing.includes(name)) {
        return { kind: 'mail', login: normal(email), person: null };
    }
    return changesAddress ? { kind: 'mail', login: normal(email), person } : null;
}

/**
 * The rows that it takes from. Somebody at a device that signed in to this login before is counted for themselves,
 * by device and login: what strangers do to the login, or from the same address, is nothing to them. Of everybody
 * else both are counted, for known and unknown logins alike.
 */
export function wantedFor(asked: Asked, ip: string, knownDevice: string | null): readonly Wanted[] {
    const { login } = asked;
    const ofLogin = (limit: string): Wanted[] =>
        login === null ? [] : [{ limit, key: knownDevice === null ? login : `${knownDevice} ${login}` }];
    if (asked.kind === 'passkey') {
        return [{ limit: 'passkey_address', key: ip }];
    }
    if (asked.kind === 'setup' || asked.kind === 'question') {
        // By the person alone, whatever their device: a device of their own is what made them known.
        return login === null ? [] : [{ limit: `factor_${asked.kind}`, key: login }];
    }
    if (asked.kind === 'mail') {
        return [
            ...(knownDevice === null ? [{ limit: 'mail_address', key: ip }] : []),
            ...ofLogin('mail'),
            ...(asked.person === null ? [] : [{ limit: 'address_change', key: asked.person }])
        ];
    }
    const { method, factor } = asked.attempt;
    if (method === 'factor') {
        // By the person alone: whoever has their password has a device of their own that got in by it.
        return [
            ...(login === null ? [] : [{ limit: 'factor', key: login }]),
            ...(factor?.code ? [{ limit: 'factor_code', key: `${factor.id} ${factor.code}` }] : [])
        ];
    }
    return [
        knownDevice === null
            ? { limit: 'sign_in_address', key: ip }
            : { limit: 'sign_in_device', key: knownDevice },
        // Whoever comes from a provider, or holds a passkey, names no login before they are in; nobody guesses either.
        ...(method === 'provider' || method === 'passkey' ? [] : ofLogin(method))
    ];
}

/**
 * What is free again once `login` got in. A code or link that came by mail proves the address, so it frees the login
 * for everybody; a password frees what was counted for this device or this login, and no stranger's failures.
 */
export function freedBy(
    method: Attempt['method'],
    login: string | null,
    knownDevice: string | null
): readonly Wanted[] {
    if (login === null || method === 'provider' || method === 'passkey') {
        return [];
    }
    const ofDevice = knownDevice === null ? [] : [`${knownDevice} ${login}`];
    if (method === 'password') {
        return [{ limit: 'password', key: ofDevice[0] ?? login }];
    }
    if (method === 'factor') {
        return [{ limit: 'factor', key: login }];
    }
    return ['password', 'code', 'mail'].flatMap((limit) =>
        [login, ...ofDevice].map((key) => ({ limit, key }))
    );
}

export type Refusal = {
    readonly code: 'too_many_tries' | 'password_paused' | 'too_many_mails' | 'factor_code_used';
    readonly retryAfter: number;
    /** Is it the one to record? Those that follow while it lasts are not. */
    readonly first: boolean;
};

/** Why it is refused, or null when every row allows it: the one that lasts longest decides. */
export function refusalIn(standings: readonly Standing[]): Refusal | null {
    const [longest] = standings
        .filter(({ allowed }) => !allowed)
        .sort((one, other) => other.retry_after - one.retry_after);
    if (longest === undefined) {
        return null;
    }
    const codes: Readonly<Record<string, Refusal['code']>> = {
        password: 'password_paused',
        mail: 'too_many_mails',
        mail_address: 'too_many_mails',
        address_change: 'too_many_mails',
        factor_code: 'factor_code_used'
    };
    return {
        code: codes[longest.limit_name] ?? 'too_many_tries',
        retryAfter: Math.max(1, longest.retry_after),
        first: longest.first_refusal
    };
}

/**
 * `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11): of an address or a device always, of
 * a login only where it refuses, because what others did to a login is nobody's business.
 */
export function limitHeaders(standings: readonly Standing[], now: number): Record<string, string> {
    const shown = standings.filter(
        ({ limit_name: name, allowed }) => !allowed || name.endsWith('_address') || name.endsWith('_device')
    );
    if (shown.length === 0) {
        return {};
    }
    // To the nearest: a millisecond of another clock, or of the way here, is nothing to be told.
    const seconds = ({ allowed, retry_after, reset_at }: Standing): number =>
        allowed ? Math.max(0, Math.round((Date.parse(reset_at) - now) / 1000)) : Math.max(1, retry_after);
    return {
        'ratelimit-policy': shown
            .map(
                ({ limit_name, quota, period_seconds: period }) =>
                    `"${limit_name}";q=${quota}${period === null ? '' : `;w=${period}`}`
            )
            .join(', '),
        ratelimit: shown.map((one) => `"${one.limit_name}";r=${one.remaining};t=${seconds(one)}`).join(', ')
    };
}

/** As the auth server compares addresses. */
function normal(email: string | null): string | null {
    return email === null ? null : email.trim().toLowerCase();
}

function emailIn(body: Uint8Array | null): string | null {
    const { email } = fieldsOf(new TextDecoder().decode(body ?? new Uint8Array()));
    return typeof email === 'string' && email.length <= 254 ? email : null;
}
