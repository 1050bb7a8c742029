/**
 * A call's body as the gate reads it is the body that the auth server gets: one JSON object, each name in it once and in
 * small letters. The auth server is written in Go, whose JSON takes `PASSWORD` and `paſſword` for `password`; a name that
 * the gate does not see would pass by its limits, its rules and its question for a fresh proof. Pure, so that Node can
 * test it.
 */
const plainName = /^[a-z][a-z0-9_]*$/;
/** What auth-js says a second time of a factor whose id stands in the path. The auth server reads no such name: left out. */
const saidTwice = 'factorId';

/** The body anew, as bytes; null when it is none that anybody honest sends. No body at all stays none. */
export function plainBody(body: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> | null {
    if (body.byteLength === 0) {
        return body;
    }
    let value: unknown;
    try {
        value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
    } catch {
        return null;
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        return null;
    }
    const fields = Object.entries(value).filter(([name]) => name !== saidTwice);
    return fields.every(([name]) => plainName.test(name))
        ? new TextEncoder().encode(JSON.stringify(Object.fromEntries(fields)))
        : null;
}
