// The doubles of the outside world: which settings they bring, and the servers that play them.

import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import type { Clock } from './clock.ts';
import type { StackManifest } from './config.ts';
import type { Service } from './doors.ts';
import type { ProviderName } from './environment.ts';
import { createDns } from './dns/index.ts';
import { createMail } from './mail/index.ts';
import { endOfAppleSecret, signAppleSecret } from './oidc/apple-secret.ts';
import type { AppleKey } from './oidc/clients.ts';
import { createOidc } from './oidc/index.ts';
import { createSamlIdp } from './saml/index.ts';
import { createPasswords } from './passwords/index.ts';
import { createStripe } from './stripe/index.ts';
import { createTurnstile } from './turnstile/index.ts';

export type Closable = { fetch: Service; close(): Promise<void> };

export type StandInUrls = Record<ProviderName, string>;

export type StandInSecrets = {
    stripeSecretKey: string;
    stripeWebhookSecret: string;
    mailApiKey: string;
    appleKey: AppleKey;
    /** What the app is registered with at the stand-in for a business's own identity provider. */
    sso: { clientId: string; clientSecret: string };
    turnstile: { siteKey: string; secretKey: string };
};

const APPLE_CLIENT_ID = 'stand-in.apple';

/**
 * The stand-ins' keys, made up once and kept in `generated`, and the settings that follow from them. Apple's client secret
 * is signed anew at each start, since it ends after half a year.
 */
export async function standInSettings(
    urls: StandInUrls,
    generated: Record<string, string>
): Promise<{ secrets: StandInSecrets; settings: Record<ProviderName, Record<string, string>> }> {
    const kept = (name: string, prefix: string) =>
        (generated[`stand-in: ${name}`] ??= prefix + randomBytes(24).toString('hex'));
    const privateKeyPem = (generated['stand-in: APPLE_KEY'] ??= newAppleKey());
    const signer = { teamId: 'STANDIN123', keyId: 'STANDINKEY' };
    const appleSecret = await signAppleSecret({ ...signer, privateKeyPem }, APPLE_CLIENT_ID, {
        issuer: urls.apple
    });
    const secrets = {
        appleKey: { ...signer, publicKeyPem: publicPartOf(privateKeyPem) },
        stripeSecretKey: kept('STRIPE_SECRET_KEY', 'sk_test_'),
        stripeWebhookSecret: kept('STRIPE_WEBHOOK_SECRET', 'whsec_'),
        mailApiKey: kept('RESEND_API_KEY', 're_'),
        sso: { clientId: 'stand-in-sso', clientSecret: kept('SSO_CLIENT_SECRET', '') },
        turnstile: { siteKey: '0x4AAAAAAAstandin', secretKey: kept('TURNSTILE_SECRET_KEY', '0x4AAAAAAA') }
    };
    return {
        secrets,
        settings: {
            stripe: {
                STRIPE_SECRET_KEY: secrets.stripeSecretKey,
                STRIPE_API_URL: urls.stripe,
                STRIPE_WEBHOOK_SECRETS: secrets.stripeWebhookSecret
            },
            mail: { RESEND_API_KEY: secrets.mailApiKey, RESEND_API_URL: urls.mail },
            passwords: { PWNED_PASSWORDS_URL: urls.passwords },
            google: {
                GOOGLE_CLIENT_ID: 'stand-in-google',
                GOOGLE_CLIENT_SECRET: kept('GOOGLE_CLIENT_SECRET', ''),
                GOOGLE_ISSUER: urls.google
            },
            apple: {
                APPLE_CLIENT_ID,
                APPLE_CLIENT_SECRET: appleSecret,
                APPLE_SECRET_ENDS_AT: endOfAppleSecret(appleSecret)?.toISOString() ?? '',
                APPLE_ISSUER: urls.apple
            },
            azure: {
                AZURE_CLIENT_ID: 'stand-in-azure',
                AZURE_CLIENT_SECRET: kept('AZURE_CLIENT_SECRET', ''),
                AZURE_URL: `${urls.azure}/common`
            },
            sso: {},
            // The one provider whose metadata are read although they stand on this machine.
            saml: { SAML_METADATA_INSIDE: urls.saml },
            dns: { DNS_RESOLVER_URL: `${urls.dns}/dns-query` },
            turnstile: {
                TURNSTILE_SITE_KEY: secrets.turnstile.siteKey,
                TURNSTILE_SECRET_KEY: secrets.turnstile.secretKey,
                TURNSTILE_SCRIPT_URL: `${urls.turnstile}/turnstile/v0/api.js`,
                TURNSTILE_VERIFY_URL: `${urls.turnstile}/turnstile/v0/siteverify`
            }
        }
    };
}

function newAppleKey(): string {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function publicPartOf(privateKeyPem: string): string {
    return createPublicKey(privateKeyPem).export({ type: 'spki', format: 'pem' }).toString();
}

export type StandInOptions = {
    urls: StandInUrls;
    secrets: StandInSecrets;
    env: Record<string, string>;
    apiUrl: string;
    manifest: StackManifest;
    /** Path of a file in the state folder. */
    state: (name: string) => string;
    clock: Clock;
    log: (line: string) => void;
};

/** Starts the double of one provider. */
export async function startStandIn(name: ProviderName, options: StandInOptions): Promise<Closable> {
    const { urls, secrets, env, apiUrl, manifest, state, clock, log } = options;
    if (name === 'mail')
        return createMail({ stateFile: state('mail.sqlite'), apiKey: secrets.mailApiKey, clock, log });
    if (name === 'passwords') return createPasswords({ log });
    if (name === 'dns') return createDns({ stateFile: state('dns.json') });
    if (name === 'turnstile') {
        // As people register a widget that they try on their own machine too.
        const hostnames = [env.APP_HOST ?? '', 'localhost', '127.0.0.1'];
        return createTurnstile({ own: { ...secrets.turnstile, hostnames }, clock, log });
    }
    if (name === 'stripe') {
        const endpoint = (connect: boolean) => (path: string) => ({
            url: apiUrl + path,
            secret: secrets.stripeWebhookSecret,
            connect
        });
        return createStripe({
            stateFile: state('stripe.sqlite'),
            publicUrl: urls.stripe,
            secretKey: secrets.stripeSecretKey,
            webhookEndpoints: [
                ...manifest.stripeWebhooks.map(endpoint(false)),
                ...manifest.connectWebhooks.map(endpoint(true))
            ],
            clock,
            log
        });
    }
    if (name === 'saml')
        return createSamlIdp({
            url: urls.saml,
            keysFile: state('saml-people.json'),
            signingFile: state('saml-key.json'),
            appName: manifest.title ?? 'the app on this computer',
            clock,
            log
        });
    const prefix = name.toUpperCase();
    return createOidc({
        provider: name,
        issuer: urls[name],
        ...(name === 'sso'
            ? secrets.sso
            : {
                  clientId: env[`${prefix}_CLIENT_ID`] ?? '',
                  clientSecret: env[`${prefix}_CLIENT_SECRET`] ?? ''
              }),
        ...(name === 'apple' ? { appleKey: secrets.appleKey } : {}),
        keysFile: state(`${name}-keys.json`),
        appName: manifest.title,
        redirectUris: [`${apiUrl}/auth/v1/callback`],
        log
    });
}
