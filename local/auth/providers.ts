/**
 * Google, Apple and Microsoft, as an OpenID Connect client sees them. Issuer and endpoints come from discovery, so the same
 * code serves the real ones and the stand-ins (Microsoft's own ways stand in microsoft.ts); what a token says is believed
 * only after its signature, issuer, audience and life are checked.
 */
import { createRemoteJWKSet, customFetch, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose';
import { z } from 'zod';
import type { AuthDeps } from './contract.ts';
import { refusal } from './errors.ts';
import { directoryEndpoints, issuerOfDirectory, microsoftPerson } from './microsoft.ts';
import type { JsonObject } from './request.ts';
import type { AuthSettings, ProviderSettings } from './settings.ts';

export type ProviderName = 'google' | 'apple' | 'azure';

/** What a provider vouches for. `claims` is what the person's metadata and identity keep of it. */
export type ProviderPerson = {
    subject: string;
    email: string;
    emailVerified: boolean;
    claims: JsonObject;
};

export type ProviderTokens = { accessToken: string; refreshToken: string; person: ProviderPerson };

export type Provider = {
    name: string;
    /** This server proves itself to the provider by a verifier of its own (RFC 7636). */
    usesVerifier: boolean;
    /** Somebody without an address is let in too. */
    emailOptional: boolean;
    /** Where the browser goes. `extra` are parameters of the app's that concern only the provider. */
    authorizeUrl(
        state: string,
        scopes: string,
        extra: Record<string, string>,
        challenge: string | null
    ): Promise<string>;
    /** Exchanges the code. `userField` is what Apple posts beside it at the first consent. */
    redeem(code: string, userField: string | undefined, verifier: string | null): Promise<ProviderTokens>;
};

export type Providers = {
    /** @throws AuthError validation_failed for an unknown or disabled one */
    get(name: string): Provider;
};

const ISSUERS: Record<ProviderName, string> = {
    google: 'https://accounts.google.com',
    apple: 'https://appleid.apple.com',
    azure: 'https://login.microsoftonline.com/common'
};

/** What is asked for in any case. Microsoft's address comes only when the app asks for the scope email. */
const SCOPES: Record<ProviderName, string> = {
    google: 'openid email profile',
    apple: 'openid email name',
    azure: 'openid'
};

/** What this server decides itself and no app may override through the query. */
const RESERVED = new Set([
    'provider',
    'scopes',
    'redirect_to',
    'client_id',
    'client_secret',
    'redirect_uri',
    'response_type',
    'response_mode',
    'state',
    'scope',
    'code',
    'code_challenge',
    'code_challenge_method',
    'code_verifier',
    'grant_type',
    'invite_token',
    'skip_http_redirect',
    'apikey',
    'request',
    'request_uri'
]);

const DISCOVERY_LIFE_MS = 3_600_000;
const TIMEOUT_MS = 10_000;

const Discovery = z.looseObject({
    issuer: z.string(),
    authorization_endpoint: z.url(),
    token_endpoint: z.url(),
    jwks_uri: z.url(),
    token_endpoint_auth_methods_supported: z.array(z.string()).default(['client_secret_basic'])
});

const Tokens = z.looseObject({
    access_token: z.string().default(''),
    refresh_token: z.string().default(''),
    id_token: z.string().default('')
});

const AppleUser = z.object({
    name: z.object({ firstName: z.string().default(''), lastName: z.string().default('') }).prefault({})
});

export type Endpoints = z.output<typeof Discovery> & { keys: JWTVerifyGetKey };

export type Deps = Pick<AuthDeps, 'externalUrl' | 'fetch' | 'log'>;

export function createProviders(settings: AuthSettings, deps: Deps): Providers {
    const enabled = new Map<string, Provider>();
    for (const name of ['google', 'apple', 'azure'] as const) {
        const provider = settings.external[name];
        if (provider?.enabled) enabled.set(name, createProvider(name, provider, deps));
    }
    return {
        get(name) {
            const provider = enabled.get(name.toLowerCase());
            if (provider) return provider;
            const known = Object.hasOwn(ISSUERS, name.toLowerCase());
            const why = known ? 'provider is not enabled' : `Provider ${name} could not be found`;
            throw refusal('validation_failed', `Unsupported provider: ${why}`);
        }
    };
}

function createProvider(name: ProviderName, settings: ProviderSettings, deps: Deps): Provider {
    const issuer = (settings.url || ISSUERS[name]).replace(/\/$/, '');
    const redirectUri = settings.redirect_uri || `${deps.externalUrl}/callback`;
    const discovered = cachedDiscovery(issuer, deps);
    const isMicrosoft = name === 'azure';
    const entrance = isMicrosoft ? async () => directoryEndpoints(issuer) : discovered;
    const directories = new Map<string, () => Promise<Endpoints>>();
    /** Keys of whoever issued a token: the provider itself, or at Microsoft the directory that the token names. */
    const issuerOf = async (idToken: string): Promise<Pick<Endpoints, 'issuer' | 'keys'>> => {
        if (!isMicrosoft) return discovered();
        const named = issuerOfDirectory(issuer, idToken);
        const known = directories.get(named) ?? cachedDiscovery(named, deps);
        directories.set(named, known);
        return known();
    };
    return {
        name,
        usesVerifier: false,
        emailOptional: false,
        async authorizeUrl(state, scopes, extra) {
            const { authorization_endpoint } = await entrance();
            const wanted = [...SCOPES[name].split(' '), ...scopes.split(/[\s,]+/)].filter(Boolean);
            const url = pageOf(authorization_endpoint, extra, {
                client_id: settings.client_id,
                redirect_uri: redirectUri,
                scope: [...new Set(wanted)].join(' '),
                state
            });
            if (name === 'apple') url.searchParams.set('response_mode', 'form_post');
            return url.href;
        },
        async redeem(code, userField) {
            const { token_endpoint, token_endpoint_auth_methods_supported } = await entrance();
            const tokens = await exchange(deps, {
                endpoint: token_endpoint,
                inBody: token_endpoint_auth_methods_supported.includes('client_secret_post'),
                client: settings,
                code,
                redirectUri
            });
            const by = await issuerOf(tokens.id_token);
            const { client_id } = settings;
            const claims = await verifiedClaims(deps, tokens.id_token, by.keys, by.issuer, client_id);
            const person = personAt(name, claims, userField);
            return { accessToken: tokens.access_token, refreshToken: tokens.refresh_token, person };
        }
    };
}

/** A provider's page with what it is asked; nothing that the app adds replaces what this server decides. */
export function pageOf(endpoint: string, extra: Record<string, string>, asked: Record<string, string>): URL {
    const url = new URL(endpoint);
    for (const [name, value] of Object.entries(extra)) {
        if (!RESERVED.has(name.toLowerCase())) url.searchParams.set(name, value);
    }
    for (const [name, value] of Object.entries({ response_type: 'code', ...asked })) {
        url.searchParams.set(name, value);
    }
    return url;
}

function cachedDiscovery(issuer: string, deps: Deps): () => Promise<Endpoints> {
    let kept: { endpoints: Promise<Endpoints>; until: number } | undefined;
    return () => {
        if (!kept || kept.until < Date.now()) {
            const endpoints = discover(issuer, deps);
            const entry = { endpoints, until: Date.now() + DISCOVERY_LIFE_MS };
            kept = entry;
            // A provider that was away must be asked again, not remembered as being away.
            endpoints.catch(() => kept === entry && (kept = undefined));
        }
        return kept.endpoints;
    };
}

/** What a provider says of itself. @throws AuthError unexpected_failure */
export async function discover(
    issuer: string,
    deps: Deps,
    at = `${issuer}/.well-known/openid-configuration`
): Promise<Endpoints> {
    try {
        const response = await deps.fetch(at, {
            signal: AbortSignal.timeout(TIMEOUT_MS)
        });
        if (!response.ok) throw new Error(`answered ${response.status}`);
        const found = Discovery.parse(await response.json());
        if (found.issuer.replace(/\/$/, '') !== issuer) throw new Error(`calls itself ${found.issuer}`);
        const keys = createRemoteJWKSet(new URL(found.jwks_uri), { [customFetch]: deps.fetch });
        return { ...found, keys };
    } catch (error) {
        deps.log(`auth: discovery at ${issuer} failed: ${(error as Error).message}`);
        throw refusal('unexpected_failure', 'The identity provider could not be reached');
    }
}

type Exchange = {
    endpoint: string;
    inBody: boolean;
    client: Pick<ProviderSettings, 'client_id' | 'secret'>;
    code: string;
    redirectUri: string;
    verifier?: string | null;
};

/** Buys the tokens with the code. @throws AuthError unexpected_failure */
export async function exchange(
    deps: Deps,
    { endpoint, inBody, client, code, redirectUri, verifier }: Exchange
): Promise<z.output<typeof Tokens>> {
    const form = new URLSearchParams({ grant_type: 'authorization_code', code, redirect_uri: redirectUri });
    if (verifier) form.set('code_verifier', verifier);
    const headers = new Headers({ accept: 'application/json' });
    if (inBody) {
        form.set('client_id', client.client_id);
        form.set('client_secret', client.secret);
    } else {
        const pair = [client.client_id, client.secret].map(encodeURIComponent).join(':');
        headers.set('authorization', `Basic ${Buffer.from(pair).toString('base64')}`);
    }
    try {
        const response = await deps.fetch(endpoint, {
            method: 'POST',
            headers,
            body: form,
            signal: AbortSignal.timeout(TIMEOUT_MS)
        });
        if (!response.ok) throw new Error(`answered ${response.status}`);
        return Tokens.parse(await response.json());
    } catch (error) {
        deps.log(`auth: code exchange at ${endpoint} failed: ${(error as Error).message}`);
        throw refusal('unexpected_failure', `Unable to exchange external code: ${code.slice(0, 4)}`);
    }
}

/** Providers keep the real time, so the movable clock has no say here. @throws AuthError unexpected_failure */
export async function verifiedClaims(
    deps: Deps,
    idToken: string,
    keys: JWTVerifyGetKey,
    issuer: string,
    audience: string | string[]
): Promise<JWTPayload> {
    try {
        const options = { issuer, audience, requiredClaims: ['sub', 'exp'], clockTolerance: 30 };
        return (await jwtVerify(idToken, keys, options)).payload;
    } catch (error) {
        deps.log(`auth: an id_token of ${issuer} was refused: ${(error as Error).message}`);
        throw refusal('unexpected_failure', 'Error getting user profile from external provider');
    }
}

function personAt(name: ProviderName, claims: JWTPayload, userField: string | undefined): ProviderPerson {
    if (name === 'google') return googlePerson(claims);
    if (name === 'apple') return applePerson(claims, userField);
    const { proven, more } = microsoftPerson(claims);
    return describe(claims, proven, more);
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
const isTrue = (value: unknown): boolean => value === true || value === 'true';

function googlePerson(claims: JWTPayload): ProviderPerson {
    const name = textOf(claims.name);
    const picture = textOf(claims.picture);
    return describe(claims, isTrue(claims.email_verified), {
        ...(name ? { name, full_name: name } : {}),
        ...(picture ? { picture, avatar_url: picture } : {}),
        ...(textOf(claims.hd) ? { custom_claims: { hd: textOf(claims.hd) } } : {})
    });
}

/** Apple proves every address it hands out, and tells the name only once, beside the code. */
function applePerson(claims: JWTPayload, userField: string | undefined): ProviderPerson {
    const name = userField ? appleName(userField) : '';
    const custom: JsonObject = {};
    if (claims.is_private_email !== undefined) custom.is_private_email = isTrue(claims.is_private_email);
    if (typeof claims.auth_time === 'number') custom.auth_time = claims.auth_time;
    return describe(claims, true, {
        ...(name ? { name, full_name: name } : {}),
        ...(Object.keys(custom).length > 0 ? { custom_claims: custom } : {})
    });
}

function appleName(userField: string): string {
    try {
        const { name } = AppleUser.parse(JSON.parse(userField));
        return `${name.firstName} ${name.lastName}`.trim();
    } catch {
        throw refusal('bad_oauth_callback', 'The user field of the callback is not readable');
    }
}

function describe(claims: JWTPayload, emailVerified: boolean, more: JsonObject): ProviderPerson {
    const subject = textOf(claims.sub);
    const email = textOf(claims.email).toLowerCase();
    return {
        subject,
        email,
        emailVerified,
        claims: {
            iss: textOf(claims.iss),
            sub: subject,
            provider_id: subject,
            email,
            email_verified: emailVerified,
            phone_verified: false,
            ...more
        }
    };
}
