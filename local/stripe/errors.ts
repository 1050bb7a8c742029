/**
 * Every refusal of the stand-in, in Stripe's shape (https://docs.stripe.com/api/errors). Nothing else in this
 * folder writes a status or a code by hand.
 */

export type ErrorType = 'api_error' | 'card_error' | 'idempotency_error' | 'invalid_request_error';

export type ErrorBody = {
    type: ErrorType;
    message: string;
    code?: string;
    param?: string;
    decline_code?: string;
    doc_url?: string;
    charge?: string;
    payment_intent?: object;
    payment_method?: object;
};

type FaultOptions = {
    /** False for refusals made before the request began to run: a retry with the same key is then judged anew. */
    remembered?: boolean;
    /** True when what the request did must stay although it is answered with an error (a declined card). */
    keepsEffects?: boolean;
};

/** A refusal that is answered to the caller as it stands. */
export class StripeFault extends Error {
    readonly status: number;
    readonly body: ErrorBody;
    readonly remembered: boolean;
    readonly keepsEffects: boolean;

    constructor(status: number, body: ErrorBody, options: FaultOptions = {}) {
        super(body.message);
        this.status = status;
        this.body = body.code
            ? { ...body, doc_url: `https://docs.stripe.com/error-codes#${slug(body.code)}` }
            : body;
        this.remembered = options.remembered ?? true;
        this.keepsEffects = options.keepsEffects ?? false;
    }
}

function slug(code: string): string {
    return code.replaceAll('_', '-');
}

function invalid(status: number, message: string, extra: Partial<ErrorBody> = {}): StripeFault {
    return new StripeFault(status, { type: 'invalid_request_error', message, ...extra });
}

function refusedEarly(status: number, message: string, extra: Partial<ErrorBody> = {}): StripeFault {
    return new StripeFault(
        status,
        { type: 'invalid_request_error', message, ...extra },
        { remembered: false }
    );
}

/** The catalogue. One entry for each way of being refused. */
export const faults = {
    // Who is asking
    noKey: () =>
        refusedEarly(
            401,
            'You did not provide an API key. Send it in the Authorization header, as a Bearer token or as the Basic user name.'
        ),
    badKey: (key: string) => refusedEarly(401, `Invalid API Key provided: ${masked(key)}`),
    noAccessToAccount: (key: string, account: string) =>
        refusedEarly(
            403,
            `The provided key '${masked(key)}' does not have access to account '${account}', or there is no such account.`,
            { code: 'account_invalid' }
        ),
    twoAccounts: () =>
        refusedEarly(
            400,
            'The Stripe-Account and Stripe-Context headers name different accounts. Send one of them.'
        ),
    unknownVersion: (version: string, spoken: string) =>
        refusedEarly(400, `Invalid Stripe API version: ${version}. This stand-in speaks ${spoken} only.`),

    // What is being asked
    unrecognisedUrl: (method: string, path: string) =>
        refusedEarly(
            404,
            `Unrecognized request URL (${method}: ${path}). The stand-in for Stripe knows no such address.`
        ),
    bodyTooLarge: () => refusedEarly(413, 'The request body is too large.'),
    bodyNotForm: (type: string) =>
        refusedEarly(
            400,
            `Invalid request: the body must be application/x-www-form-urlencoded, not ${type}.`
        ),
    unknownParameters: (names: readonly string[]) =>
        refusedEarly(400, `Received unknown parameter${names.length > 1 ? 's' : ''}: ${names.join(', ')}`, {
            code: 'parameter_unknown',
            param: names[0]
        }),
    missingParameter: (name: string) =>
        refusedEarly(400, `Missing required param: ${name}.`, { code: 'parameter_missing', param: name }),
    emptyParameter: (name: string) =>
        refusedEarly(
            400,
            `An empty string takes a parameter away, and '${name}' cannot be taken away: leave it out or give it a value.`,
            { code: 'parameter_invalid_empty', param: name }
        ),
    invalidParameter: (name: string, message: string, code?: string) =>
        refusedEarly(400, message, { ...(code ? { code } : {}), param: name }),
    exclusiveParameters: (names: readonly string[]) =>
        refusedEarly(400, `You may only specify one of these parameters: ${names.join(', ')}.`, {
            code: 'parameters_exclusive'
        }),
    notExpandable: (path: string) =>
        refusedEarly(400, `This property cannot be expanded (${path}).`, { param: 'expand' }),
    expandTooDeep: () =>
        refusedEarly(400, 'You cannot expand more than 4 levels of a property.', { param: 'expand' }),

    // Idempotency (https://docs.stripe.com/api/idempotent_requests)
    idempotencyKeyTooLong: () =>
        refusedEarly(400, 'The Idempotency-Key header must be at most 255 characters long.'),
    idempotencyMismatch: (key: string) =>
        new StripeFault(
            400,
            {
                type: 'idempotency_error',
                message: `The idempotency key '${key}' was first used with other parameters. Use another key for another request.`
            },
            { remembered: false }
        ),
    idempotencyKeyInUse: (key: string) =>
        new StripeFault(
            409,
            {
                type: 'idempotency_error',
                code: 'idempotency_key_in_use',
                message: `Another request with the idempotency key '${key}' is still under way. Try again in a moment.`
            },
            { remembered: false }
        ),

    // What the world says to it
    noSuch: (kind: string, id: string, param: string) =>
        invalid(404, `No such ${kind}: '${id}'`, { code: 'resource_missing', param }),
    refused: (message: string, extra: Partial<ErrorBody> = {}) => invalid(400, message, extra),
    card: (body: Omit<ErrorBody, 'type'>) =>
        new StripeFault(402, { type: 'card_error', ...body }, { keepsEffects: true }),
    internal: () =>
        new StripeFault(500, {
            type: 'api_error',
            message: 'Something went wrong in the stand-in for Stripe; its log says what.'
        })
} as const;

/** The key as Stripe repeats it: enough to recognise it, not enough to use it. */
function masked(key: string): string {
    if (key.length <= 12) return '*'.repeat(key.length);
    return `${key.slice(0, 8)}${'*'.repeat(key.length - 12)}${key.slice(-4)}`;
}
