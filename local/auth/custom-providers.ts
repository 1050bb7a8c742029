/**
 * Identity providers that the service key adds while the server runs, `custom:…`: kept in auth.custom_oauth_providers,
 * managed under /admin/custom-providers, signed in with under their identifier.
 *
 * Two kinds. `oidc` finds its endpoints by discovery and believes the ID token. `oauth2` is given them, and believes the
 * userinfo endpoint. Both stand in one pool with Google and the rest: whoever a provider says has a proven address is joined to
 * the person who has it. Nothing in an `oidc` provider keeps the address out of that; an `oauth2` one can be told to map it away.
 */
import { Hono, type Context } from 'hono';
import { z } from 'zod';
import type { Auth, Env } from './contract.ts';
import { refusal } from './errors.ts';
import { demandPublicUrl } from './public-url.ts';
import { discover } from './providers.ts';
import { readBody, requireService } from './request.ts';

const texts = z.array(z.string()).nullish();
const object = z.record(z.string(), z.json()).nullish();
const flag = z.boolean().nullish();
const text = z.string().nullish();

const Params = z.object({
    provider_type: text,
    identifier: text,
    name: text,
    client_id: text,
    client_secret: text,
    acceptable_client_ids: texts,
    scopes: texts,
    pkce_enabled: flag,
    attribute_mapping: object,
    custom_claims_allowlist: texts,
    authorization_params: object,
    enabled: flag,
    email_optional: flag,
    issuer: text,
    discovery_url: text,
    skip_nonce_check: flag,
    authorization_url: text,
    token_url: text,
    userinfo_url: text,
    jwks_uri: text
});
type Params = z.output<typeof Params>;

export type CustomProviderRow = {
    id: string;
    provider_type: 'oauth2' | 'oidc';
    identifier: string;
    name: string;
    client_id: string;
    client_secret: string;
    acceptable_client_ids: string[];
    scopes: string[];
    pkce_enabled: boolean;
    attribute_mapping: Record<string, unknown>;
    custom_claims_allowlist: string[];
    authorization_params: Record<string, string>;
    enabled: boolean;
    email_optional: boolean;
    issuer: string | null;
    discovery_url: string | null;
    skip_nonce_check: boolean;
    cached_discovery: unknown;
    discovery_cached_at: Date | null;
    authorization_url: string | null;
    token_url: string | null;
    userinfo_url: string | null;
    jwks_uri: string | null;
    created_at: Date;
    updated_at: Date;
};

export function customProviderRoutes(auth: Auth): Hono<Env> {
    const routes = new Hono<Env>();
    const path = '/admin/custom-providers';

    routes.get(path, async (c) => {
        await requireService(auth, c);
        const type = c.req.query('type') ?? '';
        if (!['', 'oauth2', 'oidc'].includes(type))
            throw refusal('validation_failed', "type must be either 'oauth2' or 'oidc'");
        const rows = await auth.sql<CustomProviderRow[]>`
            select * from auth.custom_oauth_providers
            where ${type} in ('', provider_type)
            order by created_at desc
        `;
        return c.json({ providers: rows.map(shown) });
    });
    routes.post(path, async (c) => {
        await requireService(auth, c);
        return c.json(shown(await create(auth, await readBody(c, Params))), 201);
    });
    routes.get(`${path}/:identifier`, async (c) => {
        await requireService(auth, c);
        return c.json(shown(await named(auth, c)));
    });
    routes.put(`${path}/:identifier`, async (c) => {
        await requireService(auth, c);
        const row = await named(auth, c);
        return c.json(shown(await change(auth, row, await readBody(c, Params))));
    });
    routes.delete(`${path}/:identifier`, async (c) => {
        await requireService(auth, c);
        const { id } = await named(auth, c);
        await auth.sql`delete from auth.custom_oauth_providers where id = ${id}`;
        return c.body(null, 204);
    });
    return routes;
}

/** The provider of that identifier, or null. */
export async function findCustomProvider(
    { sql }: Pick<Auth, 'sql'>,
    identifier: string
): Promise<CustomProviderRow | null> {
    const [row] = await sql<CustomProviderRow[]>`
        select * from auth.custom_oauth_providers where identifier = ${identifier}
    `;
    return row ?? null;
}

async function named(auth: Auth, c: Context<Env>): Promise<CustomProviderRow> {
    const identifier = c.req.param('identifier') ?? '';
    demandPrefix(identifier);
    const row = await findCustomProvider(auth, identifier);
    if (!row) throw refusal('custom_provider_not_found');
    return row;
}

/** The secret is written and never read out again. */
function shown({ client_secret: _, discovery_cached_at: __, cached_discovery, ...row }: CustomProviderRow) {
    const told = Object.entries(row).filter(([, value]) => value !== null);
    return {
        ...Object.fromEntries(told),
        ...(cached_discovery ? { discovery_document: cached_discovery } : {})
    };
}

async function create(auth: Auth, params: Params): Promise<CustomProviderRow> {
    const type = params.provider_type;
    if (type !== 'oauth2' && type !== 'oidc')
        throw refusal('validation_failed', "provider_type must be either 'oauth2' or 'oidc'");
    demand(params, ['identifier']);
    demandPrefix(params.identifier ?? '');
    demand(params, ['name', 'client_id', 'client_secret']);
    demand(params, type === 'oidc' ? ['issuer'] : ['authorization_url', 'token_url', 'userinfo_url']);
    demandSafe(params);
    for (const url of urlsOf(type, params)) await demandPublicUrl(url);
    if (await findCustomProvider(auth, params.identifier ?? ''))
        throw refusal('conflict', 'A custom OAuth provider with this identifier already exists', {
            status: 400
        });
    const found = type === 'oidc' ? await discovered(auth, params.issuer ?? '', params.discovery_url) : null;
    const { sql, clock } = auth;
    const now = clock.now();
    const [row] = await sql<CustomProviderRow[]>`
        insert into auth.custom_oauth_providers ${sql({
            provider_type: type,
            identifier: params.identifier ?? '',
            name: params.name ?? '',
            client_id: params.client_id ?? '',
            client_secret: params.client_secret ?? '',
            acceptable_client_ids: params.acceptable_client_ids ?? [],
            scopes: scopesOf(type, params.scopes ?? []),
            pkce_enabled: params.pkce_enabled ?? true,
            attribute_mapping: sql.json(params.attribute_mapping ?? {}),
            custom_claims_allowlist: params.custom_claims_allowlist ?? [],
            authorization_params: sql.json(params.authorization_params ?? {}),
            enabled: params.enabled ?? true,
            email_optional: params.email_optional ?? false,
            skip_nonce_check: params.skip_nonce_check ?? false,
            cached_discovery: found && sql.json(found),
            discovery_cached_at: found && now,
            issuer: type === 'oidc' ? (params.issuer ?? null) : null,
            discovery_url: type === 'oidc' ? (params.discovery_url ?? null) : null,
            authorization_url: type === 'oauth2' ? (params.authorization_url ?? null) : null,
            token_url: type === 'oauth2' ? (params.token_url ?? null) : null,
            userinfo_url: type === 'oauth2' ? (params.userinfo_url ?? null) : null,
            jwks_uri: type === 'oauth2' ? (params.jwks_uri ?? null) : null,
            created_at: now,
            updated_at: now
        })}
        returning *
    `;
    if (!row) throw refusal('unexpected_failure');
    return row;
}

async function change(auth: Auth, row: CustomProviderRow, params: Params): Promise<CustomProviderRow> {
    demandSafe(params);
    const type = row.provider_type;
    for (const url of urlsOf(type, params)) await demandPublicUrl(url);
    const own = type === 'oidc' ? OIDC : OAUTH2;
    const given = Object.fromEntries(
        [...COMMON, ...own].flatMap((name) => {
            const value = params[name];
            return value === undefined || value === null || value === '' ? [] : [[name, value] as const];
        })
    );
    const { sql, clock } = auth;
    const issuer = params.issuer || row.issuer || '';
    const found =
        type === 'oidc' && (params.issuer || params.discovery_url)
            ? await discovered(auth, issuer, params.discovery_url ?? row.discovery_url)
            : null;
    const { attribute_mapping, authorization_params, scopes } = params;
    const [changed] = await sql<CustomProviderRow[]>`
        update auth.custom_oauth_providers
        set ${sql({
            ...given,
            ...(attribute_mapping ? { attribute_mapping: sql.json(attribute_mapping) } : {}),
            ...(authorization_params ? { authorization_params: sql.json(authorization_params) } : {}),
            ...(scopes ? { scopes: scopesOf(type, scopes) } : {}),
            ...(found ? { cached_discovery: sql.json(found), discovery_cached_at: clock.now() } : {}),
            updated_at: clock.now()
        })}
        where id = ${row.id}
        returning *
    `;
    if (!changed) throw refusal('custom_provider_not_found');
    return changed;
}

const COMMON = [
    ...(['name', 'client_id', 'client_secret', 'acceptable_client_ids', 'pkce_enabled'] as const),
    ...(['custom_claims_allowlist', 'enabled', 'email_optional'] as const)
];
const OIDC = ['issuer', 'discovery_url', 'skip_nonce_check'] as const;
const OAUTH2 = ['authorization_url', 'token_url', 'userinfo_url', 'jwks_uri'] as const;

function demand(params: Params, names: readonly (keyof Params)[]): void {
    for (const name of names) if (!params[name]) throw refusal('validation_failed', `${name} is required`);
}

function demandPrefix(identifier: string): void {
    if (!identifier.startsWith('custom:'))
        throw refusal(
            'validation_failed',
            `identifier must start with 'custom:' prefix, not "${identifier}"`
        );
    if (!/^[a-z0-9][a-z0-9:-]{0,48}[a-z0-9]$/.test(identifier))
        throw refusal('unexpected_failure', 'the identifier has a form that the database refuses');
}

/** What this server decides itself, and no provider's settings. */
const RESERVED = [
    ...['client_id', 'client_secret', 'redirect_uri', 'response_type', 'state', 'nonce'],
    ...['code_challenge', 'code_challenge_method', 'code_verifier']
];
/** What no provider may say of a person. */
const PROTECTED = [
    ...['id', 'aud', 'role', 'app_metadata', 'created_at', 'updated_at', 'confirmed_at', 'banned_until'],
    ...['email_confirmed_at', 'phone_confirmed_at', 'email_verified', 'phone_verified', 'is_super_admin']
];

function demandSafe({ authorization_params, attribute_mapping, custom_claims_allowlist }: Params): void {
    for (const [name, value] of Object.entries(authorization_params ?? {})) {
        if (RESERVED.includes(name))
            throw refusal('validation_failed', `Cannot override reserved OAuth parameter: ${name}`);
        if (typeof value !== 'string')
            throw refusal('validation_failed', `Authorization parameter "${name}" must be a string`);
    }
    for (const name of Object.keys(attribute_mapping ?? {})) {
        if (PROTECTED.includes(name))
            throw refusal('validation_failed', `Cannot map to protected system field: ${name}`);
    }
    if (custom_claims_allowlist?.some((name) => name.trim() === ''))
        throw refusal('validation_failed', 'custom_claims_allowlist entries must be non-empty strings');
}

const urlsOf = (type: 'oauth2' | 'oidc', params: Params): string[] =>
    (type === 'oidc'
        ? [params.issuer, params.discovery_url]
        : [params.authorization_url, params.token_url, params.userinfo_url, params.jwks_uri]
    ).filter((url) => typeof url === 'string' && url !== '') as string[];

const scopesOf = (type: 'oauth2' | 'oidc', scopes: readonly string[]): string[] =>
    type === 'oidc' && !scopes.includes('openid') ? ['openid', ...scopes] : [...scopes];

/** What the provider says of itself, as it is kept. @throws AuthError validation_failed */
async function discovered(auth: Auth, issuer: string, at?: string | null): Promise<Record<string, string>> {
    try {
        const { keys: _, ...found } = await discover(issuer.replace(/\/$/, ''), auth, at ?? undefined);
        const told = ['issuer', 'authorization_endpoint', 'token_endpoint', 'userinfo_endpoint', 'jwks_uri'];
        return Object.fromEntries(
            Object.entries(found).filter(([name, value]) => told.includes(name) && typeof value === 'string')
        ) as Record<string, string>;
    } catch (error) {
        throw refusal(
            'validation_failed',
            `OIDC discovery from "${issuer}" failed: ${(error as Error).message}`
        );
    }
}
