/**
 * What Microsoft does its own way (Microsoft identity platform, OAuth 2.0 code flow and ID token claims): its endpoints stand
 * below the directory's address, every directory signs tokens in its own name, and no token says email_verified.
 */
import { decodeJwt, type JWTPayload } from 'jose';
import { refusal } from './errors.ts';
import type { JsonObject } from './request.ts';

/** Where any person of any directory signs in; no token is ever issued in these names. */
const EVERYBODY = /\/(common|organizations)$/;

/** The endpoints of a directory's address, `https://login.microsoftonline.com/<tenant>`. */
export function directoryEndpoints(directory: string): {
    authorization_endpoint: string;
    token_endpoint: string;
    token_endpoint_auth_methods_supported: string[];
} {
    return {
        authorization_endpoint: `${directory}/oauth2/v2.0/authorize`,
        token_endpoint: `${directory}/oauth2/v2.0/token`,
        token_endpoint_auth_methods_supported: ['client_secret_post']
    };
}

/**
 * Who says that they issued a token; only whether their keys fit tells whether they did. Where one directory is configured,
 * it must be that one; else any, as the published server takes it.
 * @throws AuthError unexpected_failure
 */
export function issuerOfDirectory(directory: string, idToken: string): string {
    const named = claimedIssuer(idToken);
    const expected = `${directory}/v2.0`;
    if (!named || (!EVERYBODY.test(directory) && named !== expected)) {
        throw refusal('unexpected_failure', `azure: ID token issuer "${named}" does not match "${expected}"`);
    }
    return named;
}

function claimedIssuer(idToken: string): string {
    try {
        return decodeJwt(idToken).iss?.replace(/\/$/, '') ?? '';
    } catch {
        return '';
    }
}

/** What the token says of itself, and what is told under a name of its own. */
const NOT_CUSTOM = new Set([
    ...[
        'aud',
        'iss',
        'iat',
        'nbf',
        'exp',
        'c_hash',
        'at_hash',
        'aio',
        'nonce',
        'rh',
        'uti',
        'jti',
        'ver',
        'sub'
    ],
    ...['name', 'preferred_username']
]);

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/**
 * Whether the address counts as proven, and what is kept of the rest. Microsoft says it in the optional claim xms_edov, as a
 * boolean or as a text. The auth server takes an address for proven when the claim is not there at all: an app that does not
 * ask for it believes whatever an administrator of any directory typed.
 */
export function microsoftPerson(claims: JWTPayload): { proven: boolean; more: JsonObject } {
    const { xms_edov: said } = claims;
    const isSaid = said !== undefined && said !== null;
    const custom = Object.entries(claims).filter(([name]) => !NOT_CUSTOM.has(name));
    return {
        proven: textOf(claims.email) !== '' && (!isSaid || said === true || said === '1' || said === 'true'),
        more: {
            ...(textOf(claims.name) ? { full_name: textOf(claims.name) } : {}),
            ...(textOf(claims.preferred_username)
                ? { preferred_username: textOf(claims.preferred_username) }
                : {}),
            custom_claims: Object.fromEntries(custom) as JsonObject
        }
    };
}
