/**
 * The part of supabase/config.toml that concerns signing in, with the command line tool's defaults. What this double
 * can't do yet stops the start with a sentence: a setting that is silently ignored would make a hosted project behave
 * differently from what was tried here.
 */
import { z } from 'zod';

const DURATION_UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Reads a Go duration ("1s", "24h", "1h30m") as milliseconds; undefined when it is none. */
export function milliseconds(text: string): number | undefined {
    const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
    if (parts.length === 0 || parts.map((part) => part[0]).join('') !== text) return undefined;
    return parts.reduce(
        (sum, [, amount, unit]) => sum + Number(amount) * (DURATION_UNITS[unit ?? ''] ?? 0),
        0
    );
}

const duration = z.string().transform((text, context) => {
    const value = milliseconds(text);
    if (value !== undefined) return value;
    context.addIssue({ code: 'custom', message: `"${text}" is no duration such as "1s" or "24h"` });
    return z.NEVER;
});

const Provider = z.object({
    enabled: z.boolean().default(false),
    client_id: z.string().default(''),
    secret: z.string().default(''),
    url: z.string().default(''),
    redirect_uri: z.string().default('')
});

const Hook = z.object({
    enabled: z.boolean().default(false),
    uri: z.string().default(''),
    secrets: z.string().default('')
});

const FactorKind = z
    .looseObject({ enroll_enabled: z.boolean().default(false), verify_enabled: z.boolean().default(false) })
    .prefault({});

const Switch = z.looseObject({ enabled: z.boolean().default(false) });

const AuthSection = z.looseObject({
    enabled: z.boolean().default(true),
    site_url: z.string().default('http://127.0.0.1:3000'),
    additional_redirect_urls: z.array(z.string()).default([]),
    jwt_expiry: z.number().int().min(1).max(604_800).default(3600),
    enable_refresh_token_rotation: z.boolean().default(true),
    refresh_token_reuse_interval: z.number().int().min(0).default(10),
    enable_signup: z.boolean().default(true),
    enable_anonymous_sign_ins: z.boolean().default(false),
    enable_manual_linking: z.boolean().default(false),
    minimum_password_length: z.number().int().min(6).default(6),
    password_requirements: z.string().default(''),
    email: z
        .looseObject({
            enable_signup: z.boolean().default(true),
            enable_confirmations: z.boolean().default(false),
            double_confirm_changes: z.boolean().default(true),
            secure_password_change: z.boolean().default(false),
            require_current_password: z.boolean().default(false),
            notification: z.record(z.string(), Switch).default({}),
            max_frequency: duration.default(1000),
            otp_length: z.number().int().min(6).max(10).default(6),
            otp_expiry: z.number().int().min(1).default(3600),
            smtp: Switch.optional()
        })
        .prefault({}),
    sms: z.looseObject({ enable_signup: z.boolean().default(false) }).prefault({}),
    sessions: z
        .object({ timebox: duration.optional(), inactivity_timeout: duration.optional() })
        .prefault({}),
    rate_limit: z
        .looseObject({
            email_sent: z.number().int().min(0).optional(),
            token_refresh: z.number().positive().default(150),
            sign_in_sign_ups: z.number().positive().default(30),
            token_verifications: z.number().positive().default(30)
        })
        .prefault({}),
    captcha: z
        .looseObject({
            enabled: z.boolean().default(false),
            provider: z.enum(['hcaptcha', 'turnstile']).default('hcaptcha'),
            secret: z.string().default('')
        })
        .prefault({}),
    hook: z.record(z.string(), Hook).default({}),
    external: z.record(z.string(), Provider).default({}),
    mfa: z
        .looseObject({
            max_enrolled_factors: z.number().int().min(0).default(10),
            totp: FactorKind,
            phone: FactorKind,
            web_authn: FactorKind
        })
        .prefault({}),
    passkey: z.looseObject({ enabled: z.boolean().default(false) }).prefault({}),
    webauthn: z
        .looseObject({
            rp_display_name: z.string().default(''),
            rp_id: z.string().default(''),
            rp_origins: z.array(z.string()).default([])
        })
        .prefault({}),
    oauth_server: Switch.optional()
});

/** Character sets a password must draw from, by the names config.toml uses. */
const PASSWORD_REQUIREMENTS: Record<string, readonly string[]> = {
    '': [],
    letters_digits: ['abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ', '0123456789'],
    lower_upper_letters_digits: ['abcdefghijklmnopqrstuvwxyz', 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', '0123456789'],
    lower_upper_letters_digits_symbols: [
        'abcdefghijklmnopqrstuvwxyz',
        'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
        '0123456789',
        '!@#$%^&*()_+-=[]{};\'\\:"|<>?,./`~'
    ]
};

export type CaptchaProvider = z.infer<typeof AuthSection>['captcha']['provider'];
export type HookSettings = z.infer<typeof Hook>;
export type ProviderSettings = z.infer<typeof Provider>;
export type AuthSettings = z.infer<typeof AuthSection> & {
    passwordCharacterSets: readonly string[];
    /** Sign-ups are confirmed without a mail. */
    autoconfirm: boolean;
    /** Mails per hour for the whole project. */
    emailsPerHour: number;
};

export const AUDIENCE = 'authenticated';

/** Without SMTP settings of its own the command line tool lifts the hourly limit of mails to this. */
const EMAILS_PER_HOUR_UNSET = 360_000;

const SUPPORTED_NOTICES = [
    'password_changed',
    'email_changed',
    'mfa_factor_enrolled',
    'mfa_factor_unenrolled'
] as const;
/** What a mail without a code tells of, by the names config.toml uses. */
export type Notice = (typeof SUPPORTED_NOTICES)[number];

const SUPPORTED_HOOKS = ['send_email', 'custom_access_token'];
const SUPPORTED_PROVIDERS = ['google', 'apple', 'azure'];

/**
 * Reads and checks the settings.
 * @throws Error with one sentence a person can act on.
 */
export function readSettings(config: unknown): AuthSettings {
    const parsed = z.looseObject({ auth: AuthSection.prefault({}) }).safeParse(config);
    if (!parsed.success) throw new Error(`supabase/config.toml: ${z.prettifyError(parsed.error)}`);
    const section = parsed.data.auth;
    for (const sentence of unsupported(section)) throw new Error(`supabase/config.toml: ${sentence}`);
    return {
        ...section,
        passwordCharacterSets: PASSWORD_REQUIREMENTS[section.password_requirements] ?? [],
        autoconfirm: !section.email.enable_confirmations,
        emailsPerHour: section.rate_limit.email_sent ?? EMAILS_PER_HOUR_UNSET
    };
}

function* unsupported(section: z.infer<typeof AuthSection>): Generator<string> {
    const notYet = (setting: string) => `the embedded Auth server can't do ${setting} yet; switch it off.`;
    if (!URL.canParse(section.site_url)) yield `[auth] site_url "${section.site_url}" is no URL.`;
    if (!(section.password_requirements in PASSWORD_REQUIREMENTS)) {
        yield `[auth] password_requirements "${section.password_requirements}" is not one of the known sets.`;
    }
    if (section.email.smtp?.enabled) {
        yield 'the embedded stack has no SMTP; switch [auth.email.smtp] off and use [auth.hook.send_email].';
    }
    if (!section.hook.send_email?.enabled) {
        yield 'mail leaves the embedded Auth server only through [auth.hook.send_email]; enable it.';
    }
    for (const [name, { enabled }] of Object.entries(section.email.notification)) {
        if (enabled && !SUPPORTED_NOTICES.some((known) => known === name))
            yield notYet(`[auth.email.notification.${name}]`);
    }
    if (section.enable_anonymous_sign_ins) yield notYet('[auth] enable_anonymous_sign_ins');
    if (section.enable_manual_linking) yield notYet('[auth] enable_manual_linking');
    if (section.sms.enable_signup) yield notYet('[auth.sms] enable_signup');
    if (section.captcha.enabled && !section.captcha.secret) yield '[auth.captcha] needs a secret.';
    if (section.oauth_server?.enabled) yield notYet('[auth.oauth_server]');
    if (isOn(section.mfa.phone)) yield notYet('[auth.mfa.phone]');
    if (section.passkey.enabled || isOn(section.mfa.web_authn)) yield* relyingPartyProblems(section.webauthn);
    if ('recovery_codes' in section.mfa) {
        yield 'no project can switch [auth.mfa.recovery_codes] on yet; leave it out.';
    }
    for (const [name, hook] of Object.entries(section.hook)) {
        if (!hook.enabled) continue;
        if (!SUPPORTED_HOOKS.includes(name)) yield notYet(`[auth.hook.${name}]`);
        yield* hookProblems(name, hook);
    }
    for (const [name, provider] of Object.entries(section.external)) {
        if (!provider.enabled) continue;
        if (!SUPPORTED_PROVIDERS.includes(name)) yield notYet(`[auth.external.${name}]`);
        if (!provider.client_id || !provider.secret)
            yield `[auth.external.${name}] needs client_id and secret.`;
        if (provider.url && !URL.canParse(provider.url)) yield `[auth.external.${name}] url is no URL.`;
    }
}

const isOn = (kind: z.infer<typeof FactorKind>): boolean => kind.enroll_enabled || kind.verify_enabled;

function* relyingPartyProblems(party: z.infer<typeof AuthSection>['webauthn']): Generator<string> {
    if (!party.rp_display_name || !party.rp_id || party.rp_origins.length === 0) {
        yield '[auth.webauthn] needs rp_display_name, rp_id and rp_origins.';
    }
    for (const origin of party.rp_origins) {
        const host = URL.canParse(origin) ? new URL(origin).hostname : '';
        if (host !== party.rp_id && !host.endsWith(`.${party.rp_id}`)) {
            yield `[auth.webauthn] rp_origins "${origin}" is no address of rp_id "${party.rp_id}".`;
        }
    }
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

function* hookProblems(name: string, hook: HookSettings): Generator<string> {
    const uri = URL.canParse(hook.uri) ? new URL(hook.uri) : undefined;
    if (uri?.protocol === 'pg-functions:') {
        if (!/^pg-functions:\/\/postgres\/[a-z_][a-z0-9_]*\/[a-z_][a-z0-9_]*$/i.test(hook.uri)) {
            yield `[auth.hook.${name}] uri must look like pg-functions://postgres/schema/function.`;
        }
        return;
    }
    if (uri?.protocol !== 'https:' && !(uri?.protocol === 'http:' && LOOPBACK.test(uri.hostname))) {
        yield `[auth.hook.${name}] uri must be https, http on this machine, or pg-functions.`;
        return;
    }
    if (!hook.secrets.split('|').every((secret) => /^v1,whsec_[A-Za-z0-9+/=]{32,}$/.test(secret))) {
        yield `[auth.hook.${name}] secrets must look like v1,whsec_… in base64, several of them parted by "|".`;
    }
}
