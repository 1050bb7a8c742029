/**
 * Every way in which an edge function can fail, in one place: a stable code, the HTTP status it becomes and
 * a title in plain words. Functions throw a `Problem`; only `serve.ts` turns one into an answer
 * (problem+json, RFC 9457). This file knows nothing of Deno, so that Node can test it.
 */
const catalogue = {
    // What the caller sent
    request_not_understood: [400, 'The request could not be read'],
    signature_not_valid: [400, 'The signature is missing, wrong or too old'],
    context_required: [401, 'A signed request context is required'],
    sign_in_required: [401, 'Please sign in'],
    session_ended: [401, 'Your session has ended. Please sign in again'],
    worker_key_required: [401, 'This is for the project’s own workers'],
    not_allowed: [403, 'You are not allowed to do this'],
    owners_only: [403, 'Only an owner of the business can do that'],
    factor_needed: [403, 'Give your second factor to go on'],
    fresh_proof_needed: [403, 'Confirm that it is you, then do this again'],
    address_blocked: [403, 'Signing in does not work from this network'],
    captcha_needed: [403, 'Show that no program is asking, then try again'],
    account_suspended: [403, 'This account is suspended'],
    not_found: [404, 'Not found'],
    sso_not_set_up: [404, 'Nobody of this domain signs in by a provider of its own'],
    link_not_valid: [404, 'This link is not valid any more'],
    method_not_allowed: [405, 'This method is not allowed here'],
    body_too_large: [413, 'The request is too large'],
    validation_failed: [422, 'Something in the request is not right'],
    sso_provider_not_found: [422, 'There is no identity provider at this address'],
    sso_provider_unfit: [422, 'This identity provider does not tell who somebody is'],
    saml_metadata_not_found: [422, 'No metadata can be read at this address'],
    saml_metadata_unfit: [422, 'These are no metadata of an identity provider that can be used'],
    // What the state of things does not permit
    document_not_awaiting: [409, 'This file is not waiting for an upload'],
    document_expired: [409, 'The time for this upload has passed'],
    upload_not_found: [409, 'The uploaded file was not found'],
    nothing_to_pay: [409, 'There is nothing left to pay'],
    payments_not_set_up: [409, 'Card payments are not set up yet'],
    checkout_changed: [409, 'The invoice changed while the payment page was being made'],
    amount_not_payable_by_card: [409, 'This amount can’t be paid by card'],
    idempotency_key_reused: [409, 'This form was already sent with something else in it'],
    domain_taken: [409, 'Another business has proven this domain'],
    domain_first: [409, 'Prove a domain of your own first'],
    saml_idp_taken: [409, 'Another business uses this identity provider'],
    saml_other_provider: [409, 'These are the metadata of another identity provider'],
    sso_is_set_up: [409, 'Single sign-on is set up already'],
    domain_is_shared: [409, 'Anybody can have an address in this domain'],
    // What was asked too often
    too_many_tries: [429, 'Too many tries in a short time'],
    address_paused: [429, 'Too many sign-ins failed from this network'],
    password_paused: [429, 'Too many wrong passwords for this address'],
    factor_code_used: [429, 'This code was tried already'],
    too_many_mails: [429, 'Too many e-mails in a short time'],
    too_many_links: [429, 'Too many links that do not work were opened'],
    // What failed on our side or beyond
    internal_error: [500, 'Something went wrong on our side'],
    auth_unavailable: [503, 'Signing in is not available right now'],
    database_unavailable: [503, 'The database is not available right now'],
    storage_unavailable: [503, 'File storage is not available right now'],
    sso_is_full: [503, 'No more identity providers can be added'],
    dns_unavailable: [503, 'The DNS does not answer right now'],
    stripe_unavailable: [503, 'Stripe is not available right now']
} as const satisfies Record<string, readonly [status: number, title: string]>;

export type ProblemCode = keyof typeof catalogue;

/** The part of a Data API error that decides what became of a call (postgrest-js, PostgREST). */
export type DatabaseError = {
    readonly code?: string;
    readonly hint?: string | null;
    readonly details?: string | null;
    readonly message: string;
};

/** A failure with a stable code. `detail` is for people and must hold neither secrets nor other people's data. */
export class Problem extends Error {
    readonly code: ProblemCode;
    readonly detail: string | undefined;
    readonly headers: Readonly<Record<string, string>>;

    constructor(
        code: ProblemCode,
        options: { detail?: string; cause?: unknown; headers?: Record<string, string> } = {}
    ) {
        super(options.detail ?? catalogue[code][1], { cause: options.cause });
        this.name = 'Problem';
        this.code = code;
        this.detail = options.detail;
        this.headers = options.headers ?? {};
    }

    get status(): number {
        return catalogue[this.code][0];
    }

    /** The problem as an answer: `{type, title, status, code, detail?}` (RFC 9457). */
    toResponse(): Response {
        const [status, title] = catalogue[this.code];
        const body = {
            type: `urn:tradersflow:problem:${this.code}`,
            title,
            status,
            code: this.code,
            detail: this.detail
        };
        return new Response(JSON.stringify(body), {
            status,
            headers: { ...this.headers, 'content-type': 'application/problem+json' }
        });
    }
}

/**
 * What a refused or failed Data API call means. SQL raises with `hint` = one of our codes; everything else is
 * read from its SQLSTATE, never from PostgREST's own names, which change between versions.
 */
export function problemFromDatabase(error: DatabaseError, status: number): Problem {
    if (isProblemCode(error.hint)) {
        return new Problem(error.hint, {
            detail: error.message,
            headers: catalogue[error.hint][0] === 429 ? headersIn(error.details) : {}
        });
    }
    return new Problem(codeOfSqlState(error.code ?? '', status), { cause: error });
}

/** What a limit that refused says beside: `RateLimit`, `RateLimit-Policy` and `Retry-After`, as JSON. */
function headersIn(details: string | null | undefined): Record<string, string> {
    const said: unknown = JSON.parse(details ?? '{}');
    return Object.fromEntries(
        Object.entries(typeof said === 'object' && said !== null ? said : {}).map(([name, value]) => [
            name.toLowerCase(),
            String(value)
        ])
    );
}

function codeOfSqlState(sqlState: string, status: number): ProblemCode {
    if (sqlState === '42501') {
        return 'not_allowed';
    }
    // No such value, text that can't be kept (22021, 22P05 within JSON), or a rule of the table.
    if (['22P02', '22023', '22021', '22P05'].includes(sqlState) || sqlState.startsWith('23')) {
        return 'validation_failed';
    }
    // 08 connection, 53 out of resources, 55P03 and 57 locks and timeouts, 40 lost a race: all pass by themselves,
    // as does no answer at all (status 0) or a gateway without its database.
    const passing = ['08', '53', '40', '57'].includes(sqlState.slice(0, 2)) || sqlState === '55P03';
    if (passing || status === 0 || status === 502 || status === 503 || status === 504) {
        return 'database_unavailable';
    }
    if (status === 401) {
        return 'sign_in_required';
    }
    return 'internal_error';
}

function isProblemCode(value: unknown): value is ProblemCode {
    return typeof value === 'string' && Object.hasOwn(catalogue, value);
}
