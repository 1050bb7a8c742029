/**
 * The captcha on our pages (Cloudflare Turnstile): shown where the gate has said that the next attempt needs one, and nowhere
 * else. Who needs it, and whether it was answered, the gate decides; here is what the page must know to show the widget, and
 * what the page's policy must let in for that.
 */
import { settings } from './settings.ts';

/** What a widget can be shown for: to type a password or a code, or to have a mail sent. */
export const captchaActions = ['sign_in', 'mail'] as const;
export type CaptchaAction = (typeof captchaActions)[number];

/** The field that the widget puts its token in. */
export const captchaField = 'cf-turnstile-response';

/** What a page shows the widget by. */
export type Captcha = { siteKey: string; script: string; actions: CaptchaAction[] };

/** The captcha of a page whose forms do `offered`, or null where none is asked for. The page's policy lets it in then. */
export function offerCaptcha(
    locals: Pick<App.Locals, 'gate' | 'showsCaptcha'>,
    ...offered: readonly CaptchaAction[]
): Captcha | null {
    const { TURNSTILE_SITE_KEY: siteKey, TURNSTILE_SCRIPT_URL: script } = settings();
    const actions = locals.gate.captchas().filter((action) => offered.includes(action));
    if (siteKey === '' || actions.length === 0) return null;
    locals.showsCaptcha = true;
    return { siteKey, script, actions };
}

/**
 * A page's policy with the widget's origin in it: its script, its frame, and nothing else ("Content Security Policy" in
 * Turnstile's documentation).
 */
export function withCaptchaAllowed(policy: string): string {
    const { origin } = new URL(settings().TURNSTILE_SCRIPT_URL);
    return policy
        .split('; ')
        .map((directive) => (directive.startsWith('script-src ') ? `${directive} ${origin}` : directive))
        .concat(`frame-src ${origin}`)
        .join('; ');
}
