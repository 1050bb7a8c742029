/**
 * What the Auth double is given by the stack and hands on to its parts. Nothing here knows who calls it: the
 * gateway in front has checked the API key and says in headers which address the request came from.
 */
import type { JWK, JWTPayload } from 'jose';
import type { ISql, Sql } from 'postgres';
import type { Hooks } from './hooks.ts';
import type { Limits } from './limits.ts';
import type { Providers } from './providers.ts';
import type { ServiceProvider } from './saml/service-provider.ts';
import type { AuthSettings } from './settings.ts';

export type Clock = { now(): Date };

/** The project's signing keys. `verify` throws when signature, expiry or form is wrong. */
export type Keys = {
    issuer: string;
    sign(claims: Record<string, unknown>): Promise<string>;
    verify(jwt: string): Promise<JWTPayload>;
    jwks(): { keys: JWK[] };
};

export type AuthDeps = {
    /** Connected as supabase_auth_admin. */
    sql: Sql;
    keys: Keys;
    /** supabase/config.toml, parsed, with every env(NAME) resolved. */
    config: unknown;
    clock: Clock;
    /** Where the outside reaches this server, for instance http://127.0.0.1:54321/auth/v1. */
    externalUrl: string;
    fetch: typeof globalThis.fetch;
    /** Who judges captchas in the provider's stead; its own address by default. */
    captchaUrl?: string;
    /** GOTRUE_SAML_PRIVATE_KEY: RSA, PKCS#1, DER in base64. Without it there is no SAML. */
    samlPrivateKey?: string;
    log: (line: string) => void;
};

/** Everything a handler may use. */
export type Auth = Omit<AuthDeps, 'config' | 'samlPrivateKey'> & {
    settings: AuthSettings;
    limits: Limits;
    hooks: Hooks;
    providers: Providers;
    /** This server as a SAML service provider; null where that is off. */
    saml: ServiceProvider | null;
};

/** Who sent the request, as far as the gateway vouches for it. */
export type Caller = {
    /** Null when nothing in front told us, which turns per-address limits off, as on the real server. */
    address: string | null;
    userAgent: string | null;
    /** Where links and redirects of this request lead, already checked against the allow-list. */
    redirectTo: string;
    path: string;
};

export type Database = ISql;

/** One unit of work: a transaction, the moment it began, and the request it serves. */
export type Work = { auth: Auth; db: Database; now: Date; caller: Caller };

export type Env = { Variables: { caller: Caller } };
