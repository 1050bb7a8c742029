// The mail provider's refusals, in its published shape: {statusCode, name, message}.

const statuses = {
    missing_api_key: 401,
    restricted_api_key: 401,
    invalid_api_key: 403,
    validation_error: 422,
    missing_required_field: 422,
    invalid_parameter: 422,
    invalid_from_address: 422,
    invalid_attachment: 422,
    invalid_idempotency_key: 400,
    invalid_idempotent_request: 409,
    concurrent_idempotent_requests: 409,
    not_found: 404,
    rate_limit_exceeded: 429,
    daily_quota_exceeded: 429,
    monthly_quota_exceeded: 429,
    security_error: 451,
    application_error: 500,
    internal_server_error: 500,
    // Not the provider's: what this stand-in does not have must not look like a success.
    not_implemented: 501
} as const;

export type MailErrorName = keyof typeof statuses;
export const errorNames = Object.keys(statuses) as [MailErrorName, ...MailErrorName[]];

/** A refusal with one of the provider's names. Made by {@link refusal} only. */
export class MailError extends Error {
    override readonly name: MailErrorName;
    readonly statusCode: number;

    constructor(name: MailErrorName, message: string, statusCode: number) {
        super(message);
        this.name = name;
        this.statusCode = statusCode;
    }
}

/** The only way to make a refusal; a status is given only where a test asked for that one. */
export function refusal(
    name: MailErrorName,
    message: string,
    statusCode: number = statuses[name]
): MailError {
    return new MailError(name, message, statusCode);
}

/** The name that goes with a status, for failures that a test orders by status alone. */
export function nameOfStatus(statusCode: number): MailErrorName {
    if (statusCode === 429) return 'rate_limit_exceeded';
    return statusCode >= 500 ? 'internal_server_error' : 'validation_error';
}
