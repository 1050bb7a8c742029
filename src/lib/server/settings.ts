/**
 * The one schema of the web tier's settings. Everything else receives the parsed value; a wrong or missing
 * setting stops the start with a sentence that names it. Reads the environment and nothing else.
 */
import { BlockList, isIP } from 'node:net';
import { z } from 'zod';

const standIns = [
    ...(['supabase', 'google', 'apple', 'azure', 'sso', 'saml', 'stripe', 'mail'] as const),
    ...(['passwords', 'dns', 'turnstile'] as const)
] as const;

/** Providers that people can sign in with. */
export const signInProviders = ['google', 'apple', 'azure'] as const;

/** A provider that is played by the embedded stack, as people are told on every page. */
export type StandIn = (typeof standIns)[number];

const list = (value: string): string[] =>
    value
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== '');

const webOrigin = z
    .string({ error: 'is not set' })
    .refine((value) => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol), {
        error: 'must be an address that begins with http:// or https://'
    })
    .transform((value) => new URL(value).origin);

const proxies = z
    .string()
    .default('')
    .transform((value, context) => {
        const trusted = new BlockList();
        for (const entry of list(value)) {
            const [address = '', prefix] = entry.split('/');
            const family = isIP(address);
            const bits = prefix === undefined ? (family === 6 ? 128 : 32) : Number(prefix);
            if (family === 0 || !Number.isInteger(bits) || bits < 0 || bits > (family === 6 ? 128 : 32)) {
                context.addIssue(`must be a comma list of networks such as 10.0.0.0/8; "${entry}" is none`);
                return z.NEVER;
            }
            trusted.addSubnet(address, bits, family === 6 ? 'ipv6' : 'ipv4');
        }
        return trusted;
    });

const Settings = z.object({
    /** The Supabase project, hosted or embedded. */
    SUPABASE_URL: webOrigin,
    /** Names the project to its gateway and opens nothing by itself. A secret key here is a mistake. */
    SUPABASE_PUBLISHABLE_KEY: z
        .string({ error: 'is not set' })
        .min(1, { error: 'is empty' })
        .refine((key) => !key.startsWith('sb_secret_'), {
            error: 'holds a secret key; the web tier must hold none, give it the publishable one'
        }),
    /** HMAC key of x-tf-context. */
    TF_CONTEXT_KEY: z
        .string({ error: 'is not set' })
        .regex(/^[0-9a-f]{64}$/i, { error: 'must be 64 hexadecimal digits' }),
    /** The address people type. Sign-in, forms and cookies work at this one only. */
    ORIGIN: webOrigin,
    /** Networks whose X-Forwarded-For is believed. Empty: the socket's own address counts. */
    TRUSTED_PROXIES: proxies,
    STAND_INS: z
        .string()
        .default('')
        .transform(list)
        .pipe(z.array(z.enum(standIns, { error: `must be a comma list out of ${standIns.join(', ')}` }))),
    /** Which of them this project's auth server has set up: those have their button. */
    SIGN_IN_WITH: z
        .string()
        .default(signInProviders.join(','))
        .transform(list)
        .pipe(
            z.array(
                z.enum(signInProviders, {
                    error: `must be a comma list out of ${signInProviders.join(', ')}`
                })
            )
        ),
    /** Who may open the admin area, by address; the database has a list of its own, and both must name them. */
    PLATFORM_OWNERS: z
        .string()
        .default('')
        .transform((value) => list(value.toLowerCase()))
        .pipe(z.array(z.email({ error: 'must be a comma list of e-mail addresses' }))),
    /** Public key of the widget that is shown after failures (Cloudflare Turnstile). Empty: none is shown. */
    TURNSTILE_SITE_KEY: z.string().default(''),
    /** The script that shows it; its origin is let into the pages that do, and into no other. */
    TURNSTILE_SCRIPT_URL: z
        .string()
        .default('')
        .transform((value) => value || 'https://challenges.cloudflare.com/turnstile/v0/api.js')
        .refine((value) => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol), {
            error: 'must be an address that begins with http:// or https://'
        }),
    /** What the last whole run of the tests found, for the public security page. Need not be there. */
    PROMISES_REPORT: z.string().default('promises-report.json'),
    HOST: z.string().default('0.0.0.0'),
    PORT: z.coerce.number({ error: 'must be a number' }).int().min(0).max(65535).default(3000),
    /** PEM files; both or none. With them the server speaks TLS itself. */
    TLS_CERT_FILE: z.string().optional(),
    TLS_KEY_FILE: z.string().optional()
});

/** The web tier's settings, parsed. */
export type Settings = z.infer<typeof Settings>;

/** Thrown by {@link readSettings}; its message is for the person who starts the server. */
export class WrongSettings extends Error {}

/**
 * Parses the environment.
 * @throws {WrongSettings} with one sentence per wrong setting; never with a setting's value that may be secret.
 */
export function readSettings(environment: Record<string, string | undefined>): Settings {
    const parsed = Settings.safeParse(environment);
    const sentences = parsed.success
        ? []
        : parsed.error.issues.map((issue) => `${String(issue.path[0])} ${issue.message}.`);
    const tls = [environment.TLS_CERT_FILE, environment.TLS_KEY_FILE].filter(Boolean);
    if (tls.length === 1) sentences.push('TLS_CERT_FILE and TLS_KEY_FILE belong together; only one is set.');
    if (!parsed.success || sentences.length > 0) {
        throw new WrongSettings(`TradersFlow cannot start: ${sentences.join(' ')}`);
    }
    return parsed.data;
}

let current: Settings | undefined;

/** The settings of this process, read once. A function, because a build imports modules without any settings. */
export function settings(): Settings {
    return (current ??= readSettings(process.env));
}
