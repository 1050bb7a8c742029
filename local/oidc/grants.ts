/** Authorisation codes and the tokens they buy (OpenID Connect Core 1.0, section 3.1). */
import { createHash, randomBytes } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose';
import { tenantOf, type ProviderName } from './people.ts';
import type { State } from './state.ts';

const CODE_LIFE_MS = 5 * 60_000;
const TOKEN_LIFE_S = 3600;

export type Grant = {
    subject: string;
    email: string;
    emailVerified: boolean;
    privateRelay: boolean;
    name: string;
    redirectUri: string;
    scope: string;
    nonce: string | undefined;
    challenge: { value: string; method: 'S256' | 'plain' } | undefined;
    /** Microsoft does not tell this app whether it vouches for the address. */
    proofUnsaid: boolean;
    addressMissing: boolean;
};

type Options = { provider: ProviderName; issuer: string; clientId: string; state: State };

export type Grants = {
    issueCode(grant: Grant): string;
    /** The grant behind a code, once; or a sentence that says why not. */
    redeem(code: string, redirectUri: string, verifier: string): Grant | string;
    tokens(grant: Grant): Promise<Record<string, unknown>>;
    /** The claims an access token opens, or null. */
    userInfo(accessToken: string): Promise<Record<string, unknown> | null>;
};

export function createGrants({ provider, issuer, clientId, state }: Options): Grants {
    const codes = new Map<string, { grant: Grant; until: number }>();

    /** Microsoft's tokens are each directory's own. */
    const issuerFor = ({ email }: Grant) =>
        provider === 'azure' ? `${issuer}/${tenantOf(email)}/v2.0` : issuer;
    const signed = (claims: Record<string, unknown>, audience: string, by = issuer) =>
        new SignJWT(claims)
            .setProtectedHeader({ alg: 'RS256', kid: state.kid, typ: 'JWT' })
            .setIssuer(by)
            .setAudience(audience)
            .setIssuedAt()
            .setExpirationTime(`${TOKEN_LIFE_S}s`)
            .sign(state.privateKey);

    return {
        issueCode(grant) {
            for (const [code, { until }] of codes) if (until < Date.now()) codes.delete(code);
            const code = randomBytes(24).toString('base64url');
            codes.set(code, { grant, until: Date.now() + CODE_LIFE_MS });
            return code;
        },
        redeem(code, redirectUri, verifier) {
            const kept = codes.get(code);
            codes.delete(code);
            if (!kept || kept.until < Date.now()) return 'The code is unknown, used or has expired.';
            if (kept.grant.redirectUri !== redirectUri)
                return 'redirect_uri differs from the one of the request.';
            if (kept.grant.challenge && !matches(kept.grant.challenge, verifier)) {
                return 'The code verifier does not match.';
            }
            return kept.grant;
        },
        async tokens(grant) {
            const profile = claimsOf(provider, grant);
            const accessToken = await signed({ sub: grant.subject, profile }, `${issuer}/userinfo`);
            const half = createHash('sha256')
                .update(accessToken)
                .digest()
                .subarray(0, 16)
                .toString('base64url');
            const idToken = await signed(
                {
                    sub: grant.subject,
                    ...profile,
                    ...(grant.nonce === undefined ? {} : { nonce: grant.nonce }),
                    at_hash: half,
                    ...(provider === 'apple'
                        ? { auth_time: Math.floor(Date.now() / 1000), nonce_supported: true }
                        : provider !== 'azure'
                          ? { azp: clientId }
                          : { tid: tenantOf(grant.email), oid: objectOf(grant), ver: '2.0' })
                },
                clientId,
                issuerFor(grant)
            );
            return {
                access_token: accessToken,
                token_type: 'Bearer',
                expires_in: TOKEN_LIFE_S,
                id_token: idToken,
                ...(provider === 'google' || provider === 'sso' ? { scope: grant.scope } : {})
            };
        },
        async userInfo(accessToken) {
            try {
                const options = { issuer, audience: `${issuer}/userinfo` };
                const { payload } = await jwtVerify(accessToken, state.publicKey, options);
                return { sub: payload.sub, ...(payload.profile as Record<string, unknown>) };
            } catch {
                return null;
            }
        }
    };
}

/** Google tells the name each time it is asked for; Apple never puts it into a token. */
function claimsOf(provider: ProviderName, grant: Grant): Record<string, unknown> {
    const asked = grant.scope.split(' ');
    const [givenName, ...rest] = grant.name.split(/\s+/);
    return {
        ...(asked.includes('email') ? addressClaims(provider, grant) : {}),
        ...(provider === 'apple' && grant.privateRelay ? { is_private_email: true } : {}),
        ...(provider === 'azure' && asked.includes('profile')
            ? { name: grant.name, preferred_username: grant.email }
            : {}),
        ...((provider === 'google' || provider === 'sso') && asked.includes('profile')
            ? { name: grant.name, given_name: givenName, family_name: rest.join(' ') }
            : {})
    };
}

/**
 * Microsoft never says email_verified. An address in its tokens may be whatever a directory's administrator typed; only the
 * optional claim xms_edov, which an app asks for, tells whether the owner of the domain stands behind it.
 */
function addressClaims(provider: ProviderName, grant: Grant): Record<string, unknown> {
    if (grant.addressMissing) return {};
    if (provider === 'sso' && grant.proofUnsaid) return { email: grant.email };
    if (provider !== 'azure') return { email: grant.email, email_verified: grant.emailVerified };
    return { email: grant.email, ...(grant.proofUnsaid ? {} : { xms_edov: grant.emailVerified }) };
}

/** The person's id in their directory. */
function objectOf({ email }: Grant): string {
    return tenantOf(`object@${email.toLowerCase()}`);
}

/** RFC 7636, 4.6. */
function matches(challenge: { value: string; method: 'S256' | 'plain' }, verifier: string): boolean {
    if (challenge.method === 'plain') return verifier === challenge.value;
    return createHash('sha256').update(verifier).digest('base64url') === challenge.value;
}
