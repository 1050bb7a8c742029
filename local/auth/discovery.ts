/** What anybody may know of this server: its settings, its health, its public keys, its endpoints. */
import { Hono } from 'hono';
import type { Auth, Env } from './contract.ts';

const CACHEABLE = { 'cache-control': 'public, max-age=600' };

/** The published list of providers; the client's types name them all, whether on or off. */
const PROVIDERS = [
    'apple',
    'azure',
    'bitbucket',
    'discord',
    'facebook',
    'figma',
    'fly',
    'github',
    'gitlab',
    'google',
    'kakao',
    'keycloak',
    'linkedin',
    'linkedin_oidc',
    'notion',
    'slack',
    'slack_oidc',
    'snapchat',
    'spotify',
    'twitch',
    'twitter',
    'workos',
    'zoom'
];

export function discoveryRoutes({ settings, keys, externalUrl, saml }: Auth): Hono<Env> {
    const routes = new Hono<Env>();

    routes.get('/settings', (c) =>
        c.json({
            external: {
                anonymous_users: false,
                ...Object.fromEntries(
                    PROVIDERS.map((name) => [name, settings.external[name]?.enabled ?? false])
                ),
                email: settings.email.enable_signup,
                phone: false
            },
            disable_signup: !settings.enable_signup,
            mailer_autoconfirm: settings.autoconfirm,
            phone_autoconfirm: false,
            sms_provider: '',
            saml_enabled: saml !== null,
            saml_private_key_next_configured: false,
            passkeys_enabled: settings.passkey.enabled
        })
    );

    routes.get('/health', (c) =>
        c.json({
            version: 'embedded',
            name: 'GoTrue',
            description: 'The embedded Auth server, which speaks the interface of GoTrue'
        })
    );

    routes.get('/.well-known/jwks.json', (c) => c.json(keys.jwks(), 200, CACHEABLE));

    routes.get('/.well-known/openid-configuration', (c) =>
        c.json(
            {
                issuer: keys.issuer,
                authorization_endpoint: `${externalUrl}/oauth/authorize`,
                token_endpoint: `${externalUrl}/oauth/token`,
                jwks_uri: `${externalUrl}/.well-known/jwks.json`,
                userinfo_endpoint: `${externalUrl}/oauth/userinfo`,
                scopes_supported: ['openid', 'profile', 'email', 'phone'],
                response_types_supported: ['code'],
                response_modes_supported: ['query'],
                grant_types_supported: ['authorization_code', 'refresh_token'],
                subject_types_supported: ['public'],
                id_token_signing_alg_values_supported: ['RS256', 'HS256', 'ES256'],
                token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'none'],
                code_challenge_methods_supported: ['S256', 'plain']
            },
            200,
            CACHEABLE
        )
    );

    return routes;
}
