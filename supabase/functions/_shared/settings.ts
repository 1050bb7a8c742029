/**
 * The one schema of the edge functions' settings. A function asks for the names it uses and no other, so it
 * can run with the right to read just those; a missing or wrong one stops its start with a sentence that
 * names the setting and never shows the value. The secret key is not here: see service.ts.
 */
import { z } from 'npm:zod@4.6.7';

const url = z.url().transform((value) => value.replace(/\/+$/, ''));
const commaList = z.string().transform((value) =>
    value
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== '')
);

const schema = {
    SUPABASE_URL: url,
    SUPABASE_PUBLISHABLE_KEYS: z
        .string()
        .transform(
            (value, context) => keyNamedDefault(value) ?? refuse(context, 'holds no key named "default"')
        ),
    /** Where people meet the app, without a slash at the end. */
    APP_ORIGIN: url,
    /** 64 hex digits; `new,old` while the key is being changed: the first one signs, each one verifies. */
    TF_CONTEXT_KEY: commaList.pipe(
        z
            .array(z.string().regex(/^[0-9a-f]{64}$/i))
            .min(1)
            .max(2)
    ),
    TF_WORKER_KEY: z.string().min(32),
    /** `v1,whsec_…`, several separated by `|`, as the auth server's own setting has them. */
    SEND_EMAIL_HOOK_SECRETS: z
        .string()
        .transform((value) => value.split('|').map((secret) => secret.trim().replace(/^v1,/, '')))
        .pipe(z.array(z.string().regex(/^whsec_[A-Za-z0-9+/=]+$/)).min(1)),
    STRIPE_SECRET_KEY: z.string().min(1),
    STRIPE_API_URL: url.default('https://api.stripe.com'),
    /** Comma list of `whsec_…`; several are valid while one is being changed. */
    STRIPE_WEBHOOK_SECRETS: commaList.pipe(z.array(z.string().min(1)).min(1)),
    /** Where passwords known from break-ins are looked up by range; empty: nowhere. */
    PWNED_PASSWORDS_URL: z.union([z.literal(''), url]).default(''),
    /** Of the widget (Cloudflare Turnstile) that is shown after failures; empty: nobody is asked for a captcha. */
    TURNSTILE_SECRET_KEY: z.string().default(''),
    /** Where its answers are judged. */
    TURNSTILE_VERIFY_URL: z
        .union([z.literal(''), url])
        .default('')
        .transform((value) => value || 'https://challenges.cloudflare.com/turnstile/v0/siteverify'),
    /** Addresses that nobody signs in from: a file in the folder of auth-gate. */
    BLOCKED_ADDRESSES_FILE: z
        .string()
        .regex(/^[\w-]+\.txt$/)
        .default('blocked-addresses.txt'),
    RESEND_API_KEY: z.string().min(1),
    RESEND_API_URL: url.default('https://api.resend.com'),
    /** Ed25519 private key, PKCS#8 DER in base64. It signs the audit trail's anchors and is nowhere else. */
    AUDIT_SIGNING_KEY: z.base64().min(64),
    /** Comma list of addresses that get each anchor by POST, outside this project. */
    AUDIT_ANCHOR_SINKS: z.string().default('').pipe(commaList).pipe(z.array(url)),
    /** A resolver that answers DNS over HTTPS in JSON. */
    DNS_RESOLVER_URL: url.default('https://cloudflare-dns.com/dns-query'),
    /** Origins of identity providers whose SAML metadata are read although they stand inside or without TLS; none, outside of tests. */
    SAML_METADATA_INSIDE: z.string().default('').pipe(commaList).pipe(z.array(url)),
    /** `no-reply@example.com` or `Name <no-reply@example.com>`. */
    MAIL_FROM: z.string().regex(/^(?:[^<>\r\n]*<[^<>@\s]+@[^<>@\s]+>|[^<>@\s]+@[^<>@\s]+)$/)
};

type Schema = typeof schema;
export type SettingName = keyof Schema;
export type Settings<Name extends SettingName> = { readonly [K in Name]: z.output<Schema[K]> };

/** Reads and checks the named settings. Throws one sentence that lists every wrong one. */
export function readSettings<Name extends SettingName>(...names: readonly Name[]): Settings<Name> {
    const wanted = z.object(Object.fromEntries(names.map((name) => [name, schema[name]])));
    const given = Object.fromEntries(names.map((name) => [name, Deno.env.get(name)]));
    const parsed = wanted.safeParse(given);
    if (!parsed.success) {
        const wrong = parsed.error.issues.map((issue) => issue.path[0] ?? issue.message);
        throw new Error(`Settings missing or not right: ${[...new Set(wrong)].join(', ')}.`);
    }
    return parsed.data as Settings<Name>;
}

/** The key named `default` in Supabase's JSON object of keys, or null. */
export function keyNamedDefault(json: string): string | null {
    try {
        const parsed = z.object({ default: z.string().min(1) }).safeParse(JSON.parse(json));
        return parsed.success ? parsed.data.default : null;
    } catch {
        return null;
    }
}

function refuse(context: z.RefinementCtx, message: string): never {
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
}
