// Decides the value of every setting that config.toml names: what the person set, what a stand-in
// brings, what follows from the stack, or a secret made up once and kept.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { JWK } from 'jose';
import { newApiKey, newSigningKey } from './keys.ts';
import { endOfAppleSecret } from './oidc/apple-secret.ts';
import { readJson, writeAtomically } from './processes.ts';

/** What the stack made up for itself; kept in secrets.json, readable by its owner only. */
export type Secrets = {
    signingKey: JWK;
    publishableKey: string;
    secretKey: string;
    databasePassword: string;
    generated: Record<string, string>;
};

export async function openSecrets(stateDir: string): Promise<{ secrets: Secrets; save(): void }> {
    const file = join(stateDir, 'secrets.json');
    const secrets = readJson<Secrets>(file) ?? {
        signingKey: await newSigningKey(),
        publishableKey: newApiKey('publishable'),
        secretKey: newApiKey('secret'),
        databasePassword: randomBytes(18).toString('hex'),
        generated: {}
    };
    const save = () => writeAtomically(file, JSON.stringify(secrets, null, 4));
    save();
    return { secrets, save };
}

export type ProviderName =
    'google' | 'apple' | 'azure' | 'sso' | 'saml' | 'stripe' | 'mail' | 'passwords' | 'dns' | 'turnstile';

type Provider = {
    /** The setting whose presence says: use the real one. None where people bring their own beside it. */
    key: string | null;
    /** Others that the real one can't do without. */
    demands: string[];
    /** Its public addresses, unless set. */
    fixed: Record<string, string>;
    /** What can be read off the settings that were given; throws a sentence where they can't be right. */
    follows?: (given: NodeJS.ProcessEnv) => Record<string, string>;
};

const PROVIDERS: Record<ProviderName, Provider> = {
    google: {
        key: 'GOOGLE_CLIENT_ID',
        demands: ['GOOGLE_CLIENT_SECRET'],
        fixed: { GOOGLE_ISSUER: 'https://accounts.google.com' }
    },
    apple: {
        key: 'APPLE_CLIENT_ID',
        demands: ['APPLE_CLIENT_SECRET'],
        fixed: { APPLE_ISSUER: 'https://appleid.apple.com' },
        follows: ({ APPLE_CLIENT_SECRET: secret = '' }) => {
            const end = endOfAppleSecret(secret);
            if (end) return { APPLE_SECRET_ENDS_AT: end.toISOString() };
            throw new Error(
                'APPLE_CLIENT_SECRET must be a token signed with your key: npm run apple-secret makes one.'
            );
        }
    },
    azure: {
        key: 'AZURE_CLIENT_ID',
        demands: ['AZURE_CLIENT_SECRET'],
        fixed: { AZURE_URL: 'https://login.microsoftonline.com/common' }
    },
    sso: { key: null, demands: [], fixed: {} },
    saml: { key: null, demands: [], fixed: {} },
    stripe: {
        key: 'STRIPE_SECRET_KEY',
        demands: ['STRIPE_WEBHOOK_SECRETS'],
        fixed: { STRIPE_API_URL: 'https://api.stripe.com' }
    },
    mail: {
        key: 'RESEND_API_KEY',
        demands: ['MAIL_FROM'],
        fixed: { RESEND_API_URL: 'https://api.resend.com' }
    },
    passwords: { key: 'PWNED_PASSWORDS_URL', demands: [], fixed: {} },
    dns: { key: 'DNS_RESOLVER_URL', demands: [], fixed: {} },
    turnstile: {
        key: 'TURNSTILE_SECRET_KEY',
        demands: ['TURNSTILE_SITE_KEY'],
        fixed: {
            TURNSTILE_SCRIPT_URL: 'https://challenges.cloudflare.com/turnstile/v0/api.js',
            TURNSTILE_VERIFY_URL: 'https://challenges.cloudflare.com/turnstile/v0/siteverify'
        }
    }
};

/** The providers that need a stand-in because nobody set the real one up. */
export function standInsFor(given: NodeJS.ProcessEnv): Set<ProviderName> {
    const names = Object.keys(PROVIDERS) as ProviderName[];
    const isReal = (key: string | null): boolean => key !== null && Boolean(given[key]);
    return new Set(names.filter((name) => !isReal(PROVIDERS[name].key)));
}

export type EnvironmentSources = {
    names: string[];
    given: NodeJS.ProcessEnv;
    standIns: Record<ProviderName, Record<string, string>>;
    derived: Record<string, string>;
    generated: Record<string, string>;
};

/**
 * Resolves `names` in this order: set by the person; the stand-in's or the real provider's own value;
 * derived from the stack; made up (a setting named …_HOOK_SECRETS in the form of Standard Webhooks, …_SIGNING_KEY
 * an Ed25519 private key in PKCS#8 DER and base64, anything else 32 bytes in hex) and kept in `generated`.
 */
export function resolveEnvironment(sources: EnvironmentSources): Record<string, string> {
    const { names, given, derived, generated } = sources;
    const needed = standInsFor(given);
    const provided: Record<string, string> = {};
    const missing: string[] = [];
    for (const [name, provider] of Object.entries(PROVIDERS) as [ProviderName, Provider][]) {
        if (needed.has(name)) Object.assign(provided, sources.standIns[name]);
        else {
            const lacking = provider.demands.filter((setting) => names.includes(setting) && !given[setting]);
            Object.assign(provided, provider.fixed, lacking.length === 0 && provider.follows?.(given));
            missing.push(
                ...lacking.map((setting) => `${provider.key} is set, so ${setting} must be set too.`)
            );
        }
    }
    if (missing.length > 0) throw new Error(missing.join('\n'));
    const entries = names.map((name) => {
        const value = given[name] || provided[name] || derived[name];
        return [name, value ?? (generated[name] ??= makeUp(name))] as const;
    });
    return Object.fromEntries(entries);
}

function makeUp(name: string): string {
    if (name.endsWith('_HOOK_SECRETS')) return `v1,whsec_${randomBytes(32).toString('base64')}`;
    if (name.endsWith('_SIGNING_KEY')) {
        const { privateKey } = generateKeyPairSync('ed25519');
        return privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64');
    }
    return randomBytes(32).toString('hex');
}
