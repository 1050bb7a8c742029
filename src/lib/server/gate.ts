/**
 * What this tier and auth-gate say to each other beside the auth server's own words: the proof that this device has
 * signed in before, which the gate makes and the browser keeps, how long somebody who is refused must wait, whose code
 * is asked for where a sign-in looked unusual, and that the next attempt needs a captcha (captcha.ts). What the proof means is the gate's business; here it is carried, in a signed
 * context one way and in a cookie the other.
 */
import type { Cookies } from '@sveltejs/kit';
import { captchaActions, type CaptchaAction } from './captcha.ts';
import { limitHeadersOf, retryAfterOf } from './errors.ts';
import { cookieAttributes } from './session.ts';

const deviceCookie = '__Host-tf-device';
/** As long as browsers keep anything; each sign-in begins it anew. */
const deviceLifeSeconds = 400 * 24 * 60 * 60;
const proofForm = /^[\w.~-]{90,300}$/;

/** What the next attempts in this browser need a captcha for, so that the form shows it before it is sent in vain. */
const captchaCookie = '__Host-tf-captcha';
/** As long as the gate remembers failures. */
const captchaLifeSeconds = 60 * 60;

/** One request's talk with the gate. */
export type GateTalk = {
    /** The browser's proof, to be signed into the context; null when it has none. */
    device(): string | null;
    /** Takes up what the gate answered beside its body. */
    heard(answer: Response): void;
    /** The headers of the refusal that was heard; empty when there was none. */
    refusal(): Readonly<Record<string, string>>;
    /** Whose code the gate asked for, when it let nobody in without one. */
    codeFor(): string | null;
    /** What needs a captcha now, as far as this browser has been told. */
    captchas(): readonly CaptchaAction[];
    /** The token that the form brought, for the gate to judge. */
    captchaToken: string | undefined;
    /** Seconds until it is worth trying again, when the gate said so. */
    retryAfter(): number | undefined;
};

/** Begins the talk of one request. */
export function gateTalk(cookies: Cookies): GateTalk {
    let refused: Record<string, string> = {};
    let codeFor: string | null = null;
    const captchas = (): CaptchaAction[] => {
        const told = cookies.get(captchaCookie)?.split('.') ?? [];
        return captchaActions.filter((action) => told.includes(action));
    };
    return {
        captchas,
        captchaToken: undefined,
        device() {
            const proof = cookies.get(deviceCookie);
            return proof !== undefined && proofForm.test(proof) ? proof : null;
        },
        heard({ status, headers }) {
            const proof = headers.get('x-tf-device');
            if (proof !== null && proofForm.test(proof)) {
                cookies.set(deviceCookie, proof, { ...cookieAttributes, maxAge: deviceLifeSeconds });
            }
            const login = headers.get('x-tf-login');
            if (login !== null) codeFor = Buffer.from(login, 'base64url').toString();
            const captcha = captchaActions.find((action) => action === headers.get('x-tf-captcha'));
            if (captcha !== undefined) {
                const all = new Set([...captchas(), captcha]);
                cookies.set(captchaCookie, [...all].join('.'), {
                    ...cookieAttributes,
                    maxAge: captchaLifeSeconds
                });
            }
            if (status === 429) refused = limitHeadersOf(headers);
        },
        refusal: () => refused,
        codeFor: () => codeFor,
        retryAfter: () => retryAfterOf(refused)
    };
}
