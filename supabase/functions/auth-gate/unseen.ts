/**
 * What must not show in an answer: whether somebody has a login (nobody.ts, promise.ts). Which calls could tell, and what
 * they are turned into. Pure, so that Node can test it.
 */
import { fieldsOf } from './attempts.ts';
import type { Asked } from './limits.ts';

/** Calls that have a mail sent to an address, whoever asks, and that are answered with nothing but "done". */
const mailing = ['otp', 'recover', 'resend'];

/** As the auth server reads addresses (HTML, 4.10.5.1.5). What it can't read it refuses by itself, whoever has a login. */
const ADDRESS =
    /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/;

const EARLIEST_MS = 20;
const LATEST_MS = 220;

/** Is a mail asked for of which the answer says nothing, for an address that can be one? */
export function isMailAskedFor(path: string, body: Uint8Array | null): boolean {
    const [name = ''] = path.split('?');
    return mailing.includes(name) && canBeAddress(fieldsIn(body).email);
}

/** Does somebody ask for another address to sign in with? Then mails go to both. */
export function isChangeOfAddress(method: string, path: string, body: Uint8Array | null): boolean {
    const [name = ''] = path.split('?');
    return name === 'user' && method === 'PUT' && canBeAddress(fieldsIn(body).email);
}

function canBeAddress(email: unknown): boolean {
    return typeof email === 'string' && email.length <= 254 && ADDRESS.test(email);
}

/** When to begin with it, in milliseconds from the answer; `lot` is at least 0 and less than 1. */
export function beginsIn(lot: number): number {
    return EARLIEST_MS + Math.floor(lot * (LATEST_MS - EARLIEST_MS));
}

/** An attempt by a login that somebody may have, or nobody. */
type ByLogin = Extract<Asked, { kind: 'sign_in' }> & { readonly login: string };

/** Is it one? A link names no login, nor does a provider's code; whoever gives a second factor is signed in already. */
export function namesLogin(asked: Asked | null): asked is ByLogin {
    return (
        asked?.kind === 'sign_in' &&
        (asked.attempt.method === 'password' || asked.attempt.method === 'code') &&
        asked.login !== null
    );
}

/** The same attempt at another login. */
export function attemptAt(login: string, body: Uint8Array | null): Uint8Array<ArrayBuffer> {
    return new TextEncoder().encode(JSON.stringify({ ...fieldsIn(body), email: login }));
}

function fieldsIn(body: Uint8Array | null): Readonly<Record<string, unknown>> {
    return fieldsOf(new TextDecoder().decode(body ?? new Uint8Array()));
}
