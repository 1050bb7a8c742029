/**
 * Failures. Whatever goes wrong on purpose is made by {@link problem} with a stable code;
 * the code decides status and sentence (error-catalogue.ts). This is also the one place where failures of the Data API, of edge
 * functions and of the auth server become ours, and where ours become HTTP.
 */
import { isHttpError, isRedirect } from '@sveltejs/kit';
import { weaknessInWords } from '../domain/passwords.ts';
import { catalogue } from './error-catalogue.ts';

export type ErrorCode = keyof typeof catalogue;

/** True for a code of the catalogue. */
export function isErrorCode(code: unknown): code is ErrorCode {
    return typeof code === 'string' && Object.hasOwn(catalogue, code);
}

/** A failure on purpose: what {@link problem} makes and the guards turn into HTTP. */
export class Problem extends Error {
    readonly code: ErrorCode;
    readonly status: number;
    /** Sentences for single fields of a form, by the field's name. */
    readonly fields: Readonly<Record<string, string>>;
    /** Seconds, when the other side said how long to wait. */
    readonly retryAfter: number | undefined;
    /** Of a limit that refused: how much there is of it, and when to come back. */
    readonly headers: Readonly<Record<string, string>>;

    constructor(code: ErrorCode, options: ProblemOptions) {
        super(options.detail ?? catalogue[code][1], { cause: options.cause });
        this.name = 'Problem';
        this.code = code;
        this.status = catalogue[code][0];
        this.fields = options.fields ?? {};
        this.retryAfter = options.retryAfter;
        this.headers = options.headers ?? {};
    }
}

type ProblemOptions = {
    /** A more exact sentence than the catalogue's. Shown to people. */
    detail?: string | undefined;
    fields?: Record<string, string>;
    retryAfter?: number | undefined;
    headers?: Readonly<Record<string, string>> | undefined;
    cause?: unknown;
};

/** Makes a failure to throw. Nothing else makes one. */
export function problem(code: ErrorCode, options: ProblemOptions = {}): Problem {
    return new Problem(code, options);
}

/** Status of a code. */
export function statusOf(code: ErrorCode): number {
    return catalogue[code][0];
}

/** Sentence of a code. */
export function sentenceOf(code: ErrorCode): string {
    return catalogue[code][1];
}

/** What the Data API says about a failure. */
export type DataError = { code?: string; hint?: string | null; message?: string; details?: string | null };

const bySqlState: Record<string, ErrorCode> = {
    '22021': 'character_not_kept', // text with a NUL in it, or that is no UTF-8
    '22P02': 'not_found', // text that is no uuid
    '22P05': 'character_not_kept', // the same within JSON
    '23503': 'not_found', // points at nothing of this account
    '23505': 'already_there',
    '23514': 'validation_failed',
    '28000': 'signed_out',
    '40001': 'changed_elsewhere',
    '40P01': 'unavailable',
    '42501': 'not_allowed',
    '53300': 'unavailable',
    '57014': 'took_too_long',
    P0002: 'not_found',
    PT404: 'not_found',
    PGRST116: 'not_found',
    PGRST301: 'signed_out',
    PGRST303: 'signed_out'
};

/**
 * A failure of the Data API as one of ours. The hint is the stable code when SQL raised on purpose; else the
 * SQLSTATE decides, since PostgREST's own codes differ between versions. A message of Postgres is never shown:
 * it can name another account's row.
 */
export function problemFromData(error: DataError, status: number): Problem {
    if (error.hint === 'session_ended') return problem('signed_out', { cause: error });
    if (error.hint === 'validation_failed') {
        // Raised by private.fail: the message is a sentence for people, the detail names the field.
        const sentence = error.message ?? sentenceOf('validation_failed');
        const fields = error.details ? { [error.details]: sentence } : {};
        return problem('validation_failed', { detail: sentence, fields, cause: error });
    }
    if (isErrorCode(error.hint)) {
        if (statusOf(error.hint) === 429) return refusedByLimit(error.hint, headersIn(error.details), error);
        return problem(error.hint, { cause: error });
    }
    const known = bySqlState[error.code ?? ''];
    if (known) return problem(known, { cause: error });
    if (status === 401) return problem('signed_out', { cause: error });
    if (status === 0 || status === 502 || status === 503) return problem('unavailable', { cause: error });
    return problem('unexpected', { cause: error });
}

/** How much is left, in the words of draft-ietf-httpapi-ratelimit-headers, and when to come back (RFC 9110, 10.2.3). */
export const limitHeaders = ['ratelimit-policy', 'ratelimit', 'retry-after'] as const;

/** Those of them that an answer carries. */
export function limitHeadersOf(headers: Headers): Record<string, string> {
    return Object.fromEntries(
        limitHeaders.flatMap((name) => {
            const value = headers.get(name);
            return value === null ? [] : [[name, value]];
        })
    );
}

/** The same where SQL refused: as JSON in the error's details. */
function headersIn(details: string | null | undefined): Record<string, string> {
    try {
        return limitHeadersOf(new Headers(JSON.parse(details ?? '{}') as Record<string, string>));
    } catch {
        return {};
    }
}

/** Whole seconds of `Retry-After`, when it says any. */
export function retryAfterOf(headers: Readonly<Record<string, string>>): number | undefined {
    const seconds = Number(headers['retry-after']);
    return Number.isInteger(seconds) && seconds > 0 ? seconds : undefined;
}

/** A limit's refusal: with the time in its sentence, where that was said. */
export function refusedByLimit(
    code: ErrorCode,
    headers: Readonly<Record<string, string>>,
    cause?: unknown
): Problem {
    const retryAfter = retryAfterOf(headers);
    const detail = retryAfter === undefined ? undefined : whenToComeBack[code]?.(inWords(retryAfter));
    return problem(code, { detail, retryAfter, headers, cause });
}

/** A problem+json body of an edge function as one of ours. */
export function problemFromFunction(
    status: number,
    body: unknown,
    headers: Readonly<Record<string, string>> = {}
): Problem {
    const code = typeof body === 'object' && body !== null && 'code' in body ? body.code : undefined;
    if (isErrorCode(code))
        return statusOf(code) === 429
            ? refusedByLimit(code, headers, body)
            : problem(code, { cause: body, retryAfter: retryAfterOf(headers) });
    // A refused context is our own misconfiguration: the keys of the two tiers differ.
    if (code === 'context_required') return problem('unexpected', { cause: body });
    if (status === 401) return problem('signed_out', { cause: body });
    if (status === 403) return problem('not_allowed', { cause: body });
    if (status === 404) return problem('not_found', { cause: body });
    if (status === 429) return refusedByLimit('too_many_tries', headers, body);
    if (status === 502 || status === 503 || status === 504) return problem('unavailable', { cause: body });
    return problem('unexpected', { cause: body });
}

/** What auth-js says about a failure. */
export type AuthFailure = {
    status?: number | undefined;
    code?: string | undefined;
    name?: string;
    /** Why a password is too weak. */
    reasons?: readonly string[];
};

const byAuthCode: Record<string, ErrorCode> = {
    otp_expired: 'code_wrong',
    otp_disabled: 'sign_in_failed',
    invalid_credentials: 'credentials_wrong',
    email_not_confirmed: 'email_not_confirmed',
    email_address_invalid: 'email_not_valid',
    email_address_not_authorized: 'email_not_valid',
    same_password: 'password_same',
    user_banned: 'person_blocked',
    user_sso_managed: 'managed_by_business',
    fresh_proof_needed: 'fresh_proof_needed',
    insufficient_aal: 'fresh_proof_needed',
    reauthentication_needed: 'signed_in_long_ago',
    session_ended: 'signed_out',
    over_email_send_rate_limit: 'too_soon',
    over_request_rate_limit: 'too_many_tries',
    code_needed: 'code_needed',
    captcha_needed: 'captcha_needed',
    address_blocked: 'address_blocked',
    address_paused: 'address_paused',
    too_many_tries: 'too_many_tries',
    password_paused: 'password_paused',
    too_many_mails: 'too_many_mails',
    flow_state_not_found: 'sign_in_started_elsewhere',
    flow_state_expired: 'sign_in_started_elsewhere',
    bad_code_verifier: 'sign_in_started_elsewhere',
    pkce_code_verifier_not_found: 'sign_in_started_elsewhere',
    access_denied: 'sign_in_cancelled',
    provider_email_needs_verification: 'address_not_vouched_for',
    sso_not_set_up: 'sso_not_set_up',
    sso_provider_not_found: 'sso_not_set_up',
    sso_provider_disabled: 'sso_not_set_up',
    saml_idp_not_found: 'sso_not_set_up',
    saml_relay_state_not_found: 'sso_took_too_long',
    saml_relay_state_expired: 'sso_took_too_long',
    saml_assertion_no_email: 'sso_tells_too_little',
    saml_assertion_no_user_id: 'sso_tells_too_little',
    sso_other_domain: 'sso_other_domain',
    no_longer_a_member: 'no_longer_a_member',
    account_suspended: 'account_suspended',
    mfa_verification_failed: 'factor_code_wrong',
    factor_code_used: 'factor_code_used',
    mfa_challenge_expired: 'factor_gone',
    mfa_ip_address_mismatch: 'factor_gone',
    mfa_factor_not_found: 'factor_gone',
    mfa_factor_name_conflict: 'factor_name_taken',
    too_many_enrolled_mfa_factors: 'too_many_factors',
    webauthn_verification_failed: 'passkey_unknown',
    webauthn_challenge_not_found: 'factor_gone',
    webauthn_challenge_expired: 'factor_gone',
    webauthn_credential_exists: 'passkey_exists',
    too_many_passkeys: 'too_many_factors',
    session_not_found: 'signed_out',
    session_expired: 'signed_out',
    refresh_token_not_found: 'signed_out',
    refresh_token_already_used: 'signed_out',
    bad_jwt: 'signed_out',
    no_authorization: 'signed_out',
    user_not_found: 'signed_out'
};

/** Sentences that can say how long to wait. */
const whenToComeBack: Partial<Record<ErrorCode, (wait: string) => string>> = {
    address_paused: (wait) =>
        `Too many sign-ins failed from this network, so nobody new can sign in from it. Try again in ${wait}, use a device that you signed in on before, or another network, like your phone’s own connection.`,
    too_many_tries: (wait) => `Too many tries in a short time. Try again in ${wait}.`,
    password_paused: (wait) =>
        `Too many wrong passwords for this address. Try again in ${wait}, or use a code by e-mail: that works right away.`,
    too_many_mails: (wait) =>
        `That was a lot of e-mails in a short time. Use the newest one, or ask for another in ${wait}.`,
    too_many_invitations: (wait) =>
        `That is as many invitations as can go out in a day. Send the next one in ${wait}.`,
    too_many_invoice_mails: (wait) =>
        `That is a lot of e-mails to customers in a short time. Send the next one in ${wait}, or give them a link.`,
    too_many_links: (wait) =>
        `Too many links that don’t work were opened from your network, so we open none there for a while. Yours may be fine: try it again in ${wait}, or on another network, like your phone’s own connection.`
};

/** A wait as people say it: in whole minutes, from an hour and a half on in whole hours. */
function inWords(seconds: number): string {
    const minutes = Math.max(1, Math.ceil(seconds / 60));
    if (minutes > 90) return `${Math.ceil(minutes / 60)} hours`;
    return minutes === 1 ? 'a minute' : `${minutes} minutes`;
}

/** Reasons of the gate and of the auth server for refusing a password, as the sentence beside the field. */
const weaknesses: Readonly<Record<string, string>> = {
    ...weaknessInWords,
    length: weaknessInWords.too_short,
    pwned: weaknessInWords.breached
};

function weakPassword(error: AuthFailure): Problem {
    const [reason = ''] = error.reasons ?? [];
    const sentence = weaknesses[reason] ?? sentenceOf('password_weak');
    return problem('password_weak', { detail: sentence, fields: { password: sentence }, cause: error });
}

/** A failure of the auth server, or of our gate before it, as one of ours; `retryAfter` in seconds, when it said so. */
export function problemFromAuth(error: AuthFailure, retryAfter?: number): Problem {
    if (error.code === 'weak_password') return weakPassword(error);
    const known = byAuthCode[error.code ?? ''];
    if (known) {
        const detail = retryAfter === undefined ? undefined : whenToComeBack[known]?.(inWords(retryAfter));
        const fields: Record<string, string> =
            known === 'password_same' ? { password: sentenceOf(known) } : {};
        return problem(known, { cause: error, detail, retryAfter, fields });
    }
    switch (error.name) {
        case 'AuthPKCECodeVerifierMissingError':
        case 'AuthPKCEGrantCodeExchangeError':
            return problem('sign_in_started_elsewhere', { cause: error });
        case 'AuthSessionMissingError':
            return problem('signed_out', { cause: error });
        case 'AuthRetryableFetchError':
            return problem('unavailable', { cause: error });
        case 'AuthWeakPasswordError':
            return weakPassword(error);
    }
    if (error.status === 429) return problem('too_many_tries', { cause: error });
    if (error.code === 'validation_failed' || error.status === 422)
        return problem('validation_failed', { cause: error });
    return problem('sign_in_failed', { cause: error });
}

/**
 * Anything thrown as one of ours. The framework's own redirects and errors are passed on by throwing them
 * again; what nobody foresaw becomes `unexpected` with its cause kept for the log.
 */
export function asProblem(thrown: unknown): Problem {
    if (isRedirect(thrown) || isHttpError(thrown)) throw thrown;
    return thrown instanceof Problem ? thrown : problem('unexpected', { cause: thrown });
}

/** RFC 9457 body and headers of a failure, for endpoints that answer JSON. */
export function problemResponse(failure: Problem, requestId: string): Response {
    const headers = new Headers({ 'content-type': 'application/problem+json', 'cache-control': 'no-store' });
    if (failure.retryAfter !== undefined) headers.set('retry-after', String(failure.retryAfter));
    const body = {
        type: `urn:tradersflow:problem:${failure.code}`,
        title: failure.message,
        status: failure.status,
        code: failure.code,
        request_id: requestId,
        ...(Object.keys(failure.fields).length > 0 ? { fields: failure.fields } : {})
    };
    return new Response(JSON.stringify(body), { status: failure.status, headers });
}
