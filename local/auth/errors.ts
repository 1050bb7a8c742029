/**
 * The one catalogue of refusals, and the one place where they become HTTP. Codes and statuses are those of the
 * published Auth API; a code whose status depends on the place names its usual one here.
 */

const CATALOGUE = {
    anonymous_provider_disabled: [422, 'Anonymous sign-ins are disabled'],
    bad_code_verifier: [400, 'code challenge does not match previously saved code verifier'],
    bad_json: [400, 'Could not parse request body as JSON'],
    bad_jwt: [403, 'invalid JWT: unable to parse or verify signature'],
    bad_oauth_callback: [400, 'OAuth callback with missing authorization code missing'],
    bad_oauth_state: [400, 'OAuth state not found or expired'],
    captcha_failed: [400, 'The captcha was not passed'],
    conflict: [409, 'Too many concurrent token refresh requests on the same session or refresh token'],
    current_password_invalid: [400, 'The current password is not the right one'],
    current_password_required: [400, 'Setting a new password needs the current one'],
    custom_provider_not_found: [404, 'Custom OAuth provider not found'],
    email_exists: [422, 'A user with this email address has already been registered'],
    email_not_confirmed: [400, 'Email not confirmed'],
    email_provider_disabled: [422, 'Email logins are disabled'],
    flow_state_already_used: [400, 'State has already been used'],
    flow_state_expired: [422, 'invalid flow state, flow state has expired'],
    flow_state_not_found: [404, 'invalid flow state, no valid flow state found'],
    hook_payload_invalid_content_type: [400, 'Invalid Content-Type: Missing Content-Type header'],
    hook_payload_over_size_limit: [422, 'Payload size exceeded size limit'],
    hook_timeout: [422, 'Failed to reach hook within maximum time of 5.000000 seconds'],
    hook_timeout_after_retry: [422, 'Failed to reach hook after maximum retries'],
    insufficient_aal: [401, 'AAL2 session is required to update email or password when MFA is enabled.'],
    invalid_credentials: [400, 'Invalid login credentials'],
    manual_linking_disabled: [404, 'Manual linking is disabled'],
    mfa_challenge_expired: [422, 'The challenge is too old; ask for another one'],
    mfa_factor_name_conflict: [422, 'Another factor of this person has that friendly name'],
    mfa_factor_not_found: [404, 'Factor not found'],
    mfa_ip_address_mismatch: [422, 'The challenge was answered before, or asked for from another address'],
    mfa_phone_enroll_not_enabled: [422, 'Enrolling phones as factors is switched off'],
    mfa_phone_verify_not_enabled: [422, 'Verifying phones as factors is switched off'],
    mfa_recovery_codes_enroll_not_enabled: [422, 'Recovery codes are switched off'],
    mfa_recovery_codes_verify_not_enabled: [422, 'Recovery codes are switched off'],
    mfa_totp_enroll_not_enabled: [422, 'Enrolling authenticator apps is switched off'],
    mfa_totp_verify_not_enabled: [422, 'Verifying authenticator apps is switched off'],
    mfa_verification_failed: [422, 'The code is not the right one'],
    mfa_webauthn_enroll_not_enabled: [422, 'Enrolling security keys is switched off'],
    mfa_webauthn_verify_not_enabled: [422, 'Verifying security keys is switched off'],
    no_authorization: [401, 'This endpoint requires a valid Bearer token'],
    not_admin: [403, 'User not allowed'],
    otp_disabled: [422, 'Signups not allowed for otp'],
    otp_expired: [403, 'Token has expired or is invalid'],
    over_email_send_rate_limit: [429, 'email rate limit exceeded'],
    over_request_rate_limit: [429, 'Request rate limit reached'],
    passkey_disabled: [404, 'Passkeys are switched off'],
    phone_provider_disabled: [400, 'Unsupported phone provider'],
    provider_email_needs_verification: [422, 'Unverified email'],
    reauthentication_needed: [400, 'Password update requires reauthentication'],
    reauthentication_not_valid: [422, 'Nonce has expired or is invalid'],
    refresh_token_already_used: [400, 'Invalid Refresh Token: Already Used'],
    refresh_token_not_found: [400, 'Invalid Refresh Token: Refresh Token Not Found'],
    request_entity_too_large: [413, 'Request body too large (max 1048576 bytes)'],
    same_password: [422, 'New password should be different from the old password.'],
    saml_assertion_no_email: [400, 'SAML Assertion does not contain an email address'],
    saml_assertion_no_user_id: [
        400,
        'SAML Assertion did not contain a persistent Subject Identifier attribute or Subject NameID uniquely identifying this user'
    ],
    saml_entity_id_mismatch: [
        400,
        'SAML Metadata can be updated only if the EntityID matches for the provider'
    ],
    saml_idp_already_exists: [422, 'SAML Identity Provider with this EntityID already exists'],
    saml_idp_not_found: [404, 'A SAML connection has not been established with this Identity Provider'],
    saml_metadata_fetch_failed: [400, 'SAML Metadata could not be fetched'],
    saml_provider_disabled: [404, 'SAML 2.0 is disabled'],
    saml_relay_state_expired: [422, 'SAML RelayState has expired. Try logging in again?'],
    saml_relay_state_not_found: [404, 'SAML RelayState does not exist, try logging in again?'],
    session_expired: [400, 'Invalid Refresh Token: Session Expired'],
    session_not_found: [403, 'Session from session_id claim in JWT does not exist'],
    signup_disabled: [422, 'Signups not allowed for this instance'],
    sso_domain_already_exists: [400, 'SSO Domain is already assigned to an SSO identity provider'],
    sso_provider_disabled: [404, 'SSO Provider is currently disabled'],
    sso_provider_not_found: [404, 'No such SSO provider'],
    too_many_enrolled_mfa_factors: [422, 'This person has as many factors as are allowed'],
    too_many_passkeys: [422, 'This person has as many passkeys as are allowed'],
    unexpected_failure: [500, 'Unexpected failure, please check server logs for more information'],
    unknown: [400, 'Refused'],
    user_already_exists: [422, 'User already registered'],
    user_banned: [403, 'User is banned'],
    user_not_found: [403, 'User from sub claim in JWT does not exist'],
    user_sso_managed: [422, 'Updating email, phone, password of a SSO account only possible via SSO'],
    validation_failed: [400, 'The request is not valid'],
    weak_password: [422, 'Password is too weak'],
    webauthn_challenge_expired: [400, 'The challenge is too old; ask for another one'],
    webauthn_challenge_not_found: [400, 'No such challenge, or it was answered before'],
    webauthn_credential_exists: [422, 'This passkey is registered already'],
    webauthn_verification_failed: [400, 'The passkey’s answer is not the right one']
} as const satisfies Record<string, readonly [number, string]>;

export type ErrorCode = keyof typeof CATALOGUE;

/** A refusal with a stable code; `extra` is merged into the body. */
export class AuthError extends Error {
    readonly code: ErrorCode;
    readonly status: number;
    readonly extra: Record<string, unknown>;

    constructor(code: ErrorCode, status: number, message: string, extra: Record<string, unknown>) {
        super(message);
        this.code = code;
        this.status = status;
        this.extra = extra;
    }
}

/** An OAuth 2 error (RFC 6749, 5.2), which keeps its own body shape whatever the API version. */
export class OAuthError extends Error {
    readonly error: string;

    constructor(error: string, description: string) {
        super(description);
        this.error = error;
    }
}

/** The factory: every refusal of this server is made here. */
export function refusal(
    code: ErrorCode,
    message?: string,
    options: { status?: number; extra?: Record<string, unknown> } = {}
): AuthError {
    const [status, sentence] = CATALOGUE[code];
    return new AuthError(code, options.status ?? status, message ?? sentence, options.extra ?? {});
}

export const API_VERSION_HEADER = 'x-supabase-api-version';
const API_VERSION = '2024-01-01';

/** Says a refusal in the shape the caller's API version expects. */
export function errorResponse(error: AuthError | OAuthError, request: Request): Response {
    const headers = new Headers({ 'content-type': 'application/json' });
    const asked = request.headers.get(API_VERSION_HEADER) ?? '';
    const dated = /^\d{4}-\d{2}-\d{2}$/.test(asked) && asked >= API_VERSION;
    if (dated) headers.set(API_VERSION_HEADER, API_VERSION);
    if (error instanceof OAuthError) {
        return new Response(JSON.stringify({ error: error.error, error_description: error.message }), {
            status: 400,
            headers
        });
    }
    headers.set('x-sb-error-code', error.code);
    const requestId = request.headers.get('x-request-id');
    const body = dated
        ? { code: error.code, message: error.message, ...error.extra }
        : {
              code: error.status,
              error_code: error.code,
              msg: error.message,
              ...(error.status >= 500 && requestId ? { error_id: requestId } : {}),
              ...error.extra
          };
    return new Response(JSON.stringify(body), { status: error.status, headers });
}

const OAUTH_NAMES: Record<number, string> = {
    400: 'invalid_request',
    401: 'unauthorized_client',
    403: 'access_denied',
    500: 'server_error',
    503: 'temporarily_unavailable'
};

const DENIED: readonly ErrorCode[] = ['signup_disabled', 'user_banned', 'provider_email_needs_verification'];

/** How a refusal is spelt in the query or fragment of a redirect. */
export function errorParameters(error: unknown): Record<string, string> {
    if (error instanceof OAuthError) return { error: error.error, error_description: error.message };
    if (error instanceof AuthError) {
        return {
            error: DENIED.includes(error.code)
                ? 'access_denied'
                : (OAUTH_NAMES[error.status] ?? 'server_error'),
            error_code: error.code,
            error_description: error.message
        };
    }
    const [, message] = CATALOGUE.unexpected_failure;
    return { error: 'server_error', error_code: 'unexpected_failure', error_description: message };
}
