/**
 * Signs `x-tf-context`: what this tier observed about a request, for edge functions and the database to record
 * and to limit by. The key opens no data; a caller without it can only be recorded as an unverified one.
 * Receivers refuse a context older than 60 s or of another session.
 */
import { createHmac } from 'node:crypto';

/** What the web tier vouches for. */
export type RequestContext = {
    /** The client's address, decided by this server. */
    ip: string;
    /** The browser's own description, cut to 512 characters. */
    ua: string;
    /** This server's id of the request. */
    rid: string;
    /** `session_id` claim of the person's token, or null when nobody is signed in. */
    sid: string | null;
    /** Unix seconds. */
    iat: number;
    via: 'app';
    /** What the browser's device cookie holds, where the receiver is auth-gate. */
    dev?: string;
};

/** Name of the header. */
export const contextHeader = 'x-tf-context';

/** `base64(JSON) . base64(HMAC-SHA256(key, first part))`; the key is 64 hexadecimal digits. */
export function signContext(context: RequestContext, keyHex: string): string {
    const body = Buffer.from(JSON.stringify(context), 'utf8').toString('base64');
    const mac = createHmac('sha256', Buffer.from(keyHex, 'hex')).update(body, 'ascii').digest('base64');
    return `${body}.${mac}`;
}
