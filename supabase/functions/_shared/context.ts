/**
 * `x-tf-context`: who really made a request, told by the tier that saw them and signed with a key that the
 * tiers and the database share. Headers alone prove nothing, since anyone with a login can call the Data API
 * and set any of them. Opens no data: it only says where a call came from.
 *
 * Form: base64(JSON) "." base64(HMAC-SHA256(key, first part as ASCII)). No I/O here, WebCrypto only.
 */
import { hmac, isHmac } from './mac.ts';

export const CONTEXT_HEADER = 'x-tf-context';

/** How old a context may be, and how far a clock may run ahead of ours, in seconds. */
const MAX_AGE_SECONDS = 60;
const MAX_SKEW_SECONDS = 5;
const MAX_HEADER_LENGTH = 4096;

export type RequestContext = {
    /** The person's address as a trusted proxy or socket showed it; null for work of our own. */
    readonly ip: string | null;
    readonly ua: string | null;
    /** Request id. */
    readonly rid: string;
    /** `session_id` claim of the person's token, null when nobody is signed in. */
    readonly sid: string | null;
    /** Issued at, seconds since 1970. */
    readonly iat: number;
    readonly via: 'app' | 'edge';
    /** Who acts when no person's token says so: 'customer', 'stripe', 'mailer', 'auth'. */
    readonly act?: string;
    /** What the browser's device cookie holds, for auth-gate alone. */
    readonly dev?: string;
};

/** The header's value for `context`, signed with the first of `keys` (hex). */
export async function signContext(context: RequestContext, keys: readonly string[]): Promise<string> {
    const [key] = keys;
    if (key === undefined) {
        throw new Error('No context key is set.');
    }
    const payload = toBase64(new TextEncoder().encode(JSON.stringify(context)));
    return `${payload}.${toBase64(await hmac(key, payload))}`;
}

/**
 * The context in a header's value, or null when it is absent, forged, older than 60 s, from the future, or
 * was made by an edge function (those are for the database alone and are worth nothing on the way in).
 * `crypto.subtle.verify` compares in constant time.
 */
export async function verifyContext(
    header: string | null,
    keys: readonly string[],
    nowSeconds: number = Date.now() / 1000
): Promise<RequestContext | null> {
    if (header === null || header.length > MAX_HEADER_LENGTH) {
        return null;
    }
    const [payload, mac, ...rest] = header.split('.');
    if (payload === undefined || mac === undefined || rest.length > 0) {
        return null;
    }
    const macBytes = fromBase64(mac);
    if (macBytes === null || !(await isHmac(keys, payload, macBytes))) {
        return null;
    }
    const context = parseContext(payload);
    if (context === null || context.via !== 'app') {
        return null;
    }
    const age = nowSeconds - context.iat;
    return age <= MAX_AGE_SECONDS && age >= -MAX_SKEW_SECONDS ? context : null;
}

function parseContext(payload: string): RequestContext | null {
    const bytes = fromBase64(payload);
    if (bytes === null) {
        return null;
    }
    let value: unknown;
    try {
        value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    } catch {
        return null;
    }
    if (typeof value !== 'object' || value === null) {
        return null;
    }
    const { ip, ua, rid, sid, iat, via, dev } = value as Record<string, unknown>;
    const wellFormed =
        isTextOrNull(ip) &&
        isTextOrNull(ua) &&
        isTextOrNull(sid) &&
        typeof rid === 'string' &&
        typeof iat === 'number' &&
        Number.isFinite(iat) &&
        (via === 'app' || via === 'edge');
    if (!wellFormed) {
        return null;
    }
    return { ip, ua, rid, sid, iat, via, ...(typeof dev === 'string' ? { dev } : {}) };
}

function isTextOrNull(value: unknown): value is string | null {
    return value === null || typeof value === 'string';
}

function toBase64(bytes: Uint8Array): string {
    return btoa(String.fromCharCode(...bytes));
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> | null {
    if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) {
        return null;
    }
    try {
        return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    } catch {
        return null;
    }
}
