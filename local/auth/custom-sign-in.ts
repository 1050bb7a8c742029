/** Signing in with a `custom:…` provider: where its endpoints are, and what is believed of what it says. */
import { createRemoteJWKSet, customFetch } from 'jose';
import { z } from 'zod';
import type { Auth } from './contract.ts';
import { findCustomProvider, type CustomProviderRow } from './custom-providers.ts';
import { refusal } from './errors.ts';
import {
    discover,
    exchange,
    pageOf,
    verifiedClaims,
    type Provider,
    type ProviderPerson
} from './providers.ts';
import type { JsonObject } from './request.ts';

const TIMEOUT_MS = 10_000;

/** What is kept of a person, with the types that the published server reads; another type is no answer at all. */
const Claims = z.object({
    iss: z.string().optional(),
    sub: z.string().optional(),
    name: z.string().optional(),
    family_name: z.string().optional(),
    given_name: z.string().optional(),
    nickname: z.string().optional(),
    preferred_username: z.string().optional(),
    picture: z.string().optional(),
    email: z.string().nullish(),
    email_verified: z.boolean().nullish(),
    full_name: z.string().optional(),
    avatar_url: z.string().optional(),
    custom_claims: z.record(z.string(), z.json()).optional()
});

const Raw = z.record(z.string(), z.json());

/** @throws AuthError validation_failed for an unknown or disabled one */
export async function customProvider(auth: Auth, identifier: string): Promise<Provider> {
    const row = await findCustomProvider(auth, identifier.toLowerCase());
    if (!row?.enabled) {
        const why = row
            ? `custom provider ${identifier} is disabled`
            : `custom provider ${identifier} not found`;
        throw refusal('validation_failed', `Unsupported provider: ${why}`);
    }
    const redirectUri = `${auth.externalUrl}/callback`;
    const ends = () => endpointsOf(auth, row);
    return {
        name: row.identifier,
        usesVerifier: row.pkce_enabled,
        emailOptional: row.email_optional,
        async authorizeUrl(state, scopes, extra, challenge) {
            const wanted = scopes.split(/\s+/).filter(Boolean);
            const { authorization } = await ends();
            return pageOf(authorization, extra, {
                ...row.authorization_params,
                client_id: row.client_id,
                redirect_uri: redirectUri,
                scope: (wanted.length > 0 ? wanted : row.scopes).join(' '),
                state,
                ...(challenge ? { code_challenge: challenge, code_challenge_method: 'S256' } : {})
            }).href;
        },
        async redeem(code, _userField, verifier) {
            const { token, userinfo } = await ends();
            const client = { client_id: row.client_id, secret: row.client_secret };
            const tokens = await exchange(auth, {
                endpoint: token,
                inBody: false,
                client,
                code,
                redirectUri,
                verifier
            });
            const raw =
                row.provider_type === 'oidc' && tokens.id_token
                    ? await fromIdToken(auth, row, tokens.id_token)
                    : await fromUserInfo(auth, userinfo, tokens.access_token);
            return {
                accessToken: tokens.access_token,
                refreshToken: tokens.refresh_token,
                person: personOf(row, raw)
            };
        }
    };
}

type Ends = { authorization: string; token: string; userinfo: string };

async function endpointsOf(auth: Auth, row: CustomProviderRow): Promise<Ends> {
    if (row.provider_type === 'oauth2') {
        const { authorization_url, token_url, userinfo_url } = row;
        return {
            authorization: authorization_url ?? '',
            token: token_url ?? '',
            userinfo: userinfo_url ?? ''
        };
    }
    const found = await discover((row.issuer ?? '').replace(/\/$/, ''), auth, row.discovery_url ?? undefined);
    const userinfo = typeof found.userinfo_endpoint === 'string' ? found.userinfo_endpoint : '';
    return { authorization: found.authorization_endpoint, token: found.token_endpoint, userinfo };
}

async function fromIdToken(auth: Auth, row: CustomProviderRow, idToken: string) {
    const issuer = (row.issuer ?? '').replace(/\/$/, '');
    const found = await discover(issuer, auth, row.discovery_url ?? undefined);
    const keys = createRemoteJWKSet(new URL(found.jwks_uri), { [customFetch]: auth.fetch });
    const audiences = [row.client_id, ...row.acceptable_client_ids];
    return Raw.parse(await verifiedClaims(auth, idToken, keys, found.issuer, audiences));
}

async function fromUserInfo(auth: Auth, endpoint: string, accessToken: string) {
    try {
        const response = await auth.fetch(endpoint, {
            headers: { authorization: `Bearer ${accessToken}`, accept: 'application/json' },
            signal: AbortSignal.timeout(TIMEOUT_MS)
        });
        if (!response.ok) throw new Error(`answered ${response.status}`);
        return Raw.parse(await response.json());
    } catch (error) {
        auth.log(`auth: userinfo at ${endpoint} failed: ${(error as Error).message}`);
        throw refusal('unexpected_failure', 'Error getting user profile from external provider');
    }
}

/**
 * What is kept of the claims: those of the list as they are, then the others as the mapping says. The address that decides
 * whom somebody is joined to is taken after the mapping from an `oauth2` provider, before it from an `oidc` one.
 */
function personOf(row: CustomProviderRow, raw: z.output<typeof Raw>): ProviderPerson {
    const listed = row.custom_claims_allowlist.filter((name) => Object.hasOwn(raw, name));
    const read = Claims.safeParse(raw);
    if (!read.success)
        throw refusal('unexpected_failure', 'Error getting user profile from external provider');
    const custom = {
        ...read.data.custom_claims,
        ...Object.fromEntries(listed.map((name) => [name, raw[name]]))
    };
    const said = { ...read.data, ...(listed.length > 0 ? { custom_claims: custom } : {}) };
    const mapped = Claims.safeParse({ ...said, ...mappedFrom(said, row.attribute_mapping) });
    // A mapping that leads to nonsense is not applied.
    const kept = mapped.success ? mapped.data : said;
    const heard = row.provider_type === 'oidc' ? said : kept;
    if (!kept.sub) throw refusal('unexpected_failure', 'error missing provider id');
    const { email: _, email_verified: __, ...rest } = kept;
    const email = heard.email?.toLowerCase() ?? '';
    const proven = email !== '' && heard.email_verified === true;
    return {
        subject: kept.sub,
        email,
        emailVerified: proven,
        claims: {
            ...(Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== '')) as JsonObject),
            ...(email ? { email } : {}),
            email_verified: proven,
            phone_verified: false
        }
    };
}

/** A text names the claim whose value is taken; anything else is the value. */
function mappedFrom(
    claims: Record<string, unknown>,
    mapping: Record<string, unknown>
): Record<string, unknown> {
    return Object.fromEntries(
        Object.entries(mapping).flatMap(([to, from]) => {
            if (typeof from !== 'string') return [[to, from]];
            return claims[from] === undefined ? [] : [[to, claims[from]]];
        })
    );
}
