/**
 * Whom the gate asks for a captcha, and what becomes of the answer (captcha.ts asks whoever judges it). Pure, so that Node
 * can test it.
 *
 * It is asked of strangers alone: never at a device that this login signed in from, never of whoever is signed in. A link
 * out of a mail, a passkey and a provider's word ask for none, since nobody guesses those; so whoever can't answer a captcha
 * gets in by the link in a mail.
 */
import { fieldsOf } from './attempts.ts';
import type { Asked } from './limits.ts';

/** What the widget was shown for. A token of the one is worth nothing at the other. */
export type CaptchaAction = 'sign_in' | 'mail';

/** What the gate asks, and what came with the call. */
export type CaptchaAsked = { readonly action: CaptchaAction; readonly token: string | null };

/** The longest token there is (Turnstile, "Server-side validation"). */
const LONGEST_TOKEN = 2048;

/** What a call is asked for, where a captcha is due; null where none ever is. */
export function captchaAsked(
    asked: Asked | null,
    isStranger: boolean,
    body: Uint8Array | null
): CaptchaAsked | null {
    const action = isStranger ? actionOf(asked) : null;
    return action === null ? null : { action, token: tokenIn(body) };
}

function actionOf(asked: Asked | null): CaptchaAction | null {
    if (asked?.kind === 'mail') {
        return 'mail';
    }
    const isGuess = asked?.kind === 'sign_in' && ['password', 'code'].includes(asked.attempt.method);
    return isGuess && asked.login !== null ? 'sign_in' : null;
}

/** The token as supabase-js sends it (auth-js, `options.captchaToken`). One that can be none is one that is refused. */
function tokenIn(body: Uint8Array | null): string | null {
    const { gotrue_meta_security: security } = fieldsOf(new TextDecoder().decode(body ?? new Uint8Array()));
    const token =
        typeof security === 'object' && security !== null && 'captcha_token' in security
            ? security.captcha_token
            : null;
    return typeof token === 'string' && token !== '' ? token : null;
}

/** What is said about a token: it was answered; it was not; or nobody could say. */
export type Verdict = 'passed' | 'refused' | 'unknown';

/** What a judge's answer must say: the right page, and what the widget there was for. */
export type Expected = { readonly hostname: string; readonly action: CaptchaAction };

/**
 * The verdict in an answer of siteverify. What is wrong with our own settings, or at the judge, says nothing about whoever
 * asked; a token that was made for another page or another act is none.
 */
export function verdictIn(answer: unknown, expected: Expected): Verdict {
    const fields: Readonly<Record<string, unknown>> =
        typeof answer === 'object' && answer !== null ? { ...answer } : {};
    if (fields.success === true) {
        return fields.hostname === expected.hostname && fields.action === expected.action
            ? 'passed'
            : 'refused';
    }
    const reasons: unknown = fields['error-codes'];
    if (fields.success !== false || !Array.isArray(reasons)) {
        return 'unknown';
    }
    const ours = ['missing-input-secret', 'invalid-input-secret', 'bad-request', 'internal-error'];
    return reasons.some((reason) => ours.includes(String(reason))) ? 'unknown' : 'refused';
}

/** Could what came be a token at all? What can't is not worth a question. */
export const canBeToken = (token: string): boolean => token.length <= LONGEST_TOKEN;
