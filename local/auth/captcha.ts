/**
 * The captcha before sign-up, sign-in and mails, where config.toml switches it on: the token that the person's browser was
 * given is judged by the provider that gave it. Calls with the service role are never asked for one.
 */
import type { Context } from 'hono';
import { z } from 'zod';
import type { Auth, Env } from './contract.ts';
import { refusal } from './errors.ts';
import { readBody, requireService, text } from './request.ts';
import type { CaptchaProvider } from './settings.ts';

const TIMEOUT_MS = 10_000;

const JUDGES: Record<CaptchaProvider, string> = {
    hcaptcha: 'https://hcaptcha.com/siteverify',
    turnstile: 'https://challenges.cloudflare.com/turnstile/v0/siteverify'
};

const Carrier = z.looseObject({ gotrue_meta_security: z.looseObject({ captcha_token: text }).nullish() });
const Verdict = z.object({
    success: z.boolean().default(false),
    'error-codes': z.array(z.string()).nullish()
});

/** Grants that prove something stronger than a person in front of a browser. */
const EXEMPT_GRANTS = ['pkce', 'refresh_token', 'id_token'];

/**
 * @throws AuthError captcha_failed without a token or with one the provider refuses, unexpected_failure when the provider
 * can't be asked, bad_json
 */
export async function demandCaptcha(auth: Auth, c: Context<Env>): Promise<void> {
    const { captcha } = auth.settings;
    if (!captcha.enabled || (await isService(auth, c))) return;
    if (c.req.path === '/token' && EXEMPT_GRANTS.includes(c.req.query('grant_type') ?? '')) return;
    const { gotrue_meta_security: security } = await readBody(c, Carrier);
    const token = security?.captcha_token.trim();
    if (!token) throw refusal('captcha_failed', 'The request carries no captcha_token');
    const verdict = await judge(auth, token, c.get('caller').address);
    if (verdict.success) return;
    const reasons = verdict['error-codes'] ?? [];
    throw refusal('captcha_failed', `The captcha was refused (${reasons.join(', ')})`);
}

const isService = (auth: Auth, c: Context<Env>): Promise<boolean> =>
    requireService(auth, c).then(
        () => true,
        () => false
    );

async function judge(auth: Auth, token: string, address: string | null): Promise<z.output<typeof Verdict>> {
    const { provider, secret } = auth.settings.captcha;
    try {
        const answer = await auth.fetch(auth.captchaUrl ?? JUDGES[provider], {
            method: 'POST',
            body: new URLSearchParams({ secret: secret.trim(), response: token, remoteip: address ?? '' }),
            signal: AbortSignal.timeout(TIMEOUT_MS)
        });
        return Verdict.parse(await answer.json());
    } catch (error) {
        auth.log(`auth: the captcha’s provider did not judge: ${(error as Error).message}`);
        throw refusal('unexpected_failure', 'The captcha could not be judged');
    }
}
