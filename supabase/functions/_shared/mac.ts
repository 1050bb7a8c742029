/**
 * HMAC-SHA256 under the context key: what our tiers tell each other of a request, and what we hand out and get back,
 * such as proofs in cookies and seals in links. WebCrypto only.
 */

/** The MAC of a text under a key (hex). */
export async function hmac(key: string, text: string): Promise<Uint8Array> {
    return new Uint8Array(await crypto.subtle.sign('HMAC', await importKey(key, 'sign'), utf8(text)));
}

/** Is it the MAC of the text under one of the keys (hex)? Compared in constant time. */
export async function isHmac(
    keys: readonly string[],
    text: string,
    mac: Uint8Array<ArrayBuffer>
): Promise<boolean> {
    for (const key of keys) {
        if (await crypto.subtle.verify('HMAC', await importKey(key, 'verify'), mac, utf8(text))) {
            return true;
        }
    }
    return false;
}

/** Base64url without padding (RFC 4648, section 5). */
export function toBase64Url(bytes: Uint8Array): string {
    return btoa(String.fromCharCode(...bytes))
        .replaceAll('+', '-')
        .replaceAll('/', '_')
        .replace(/=+$/, '');
}

/** The bytes behind unpadded base64url, or null when it is none. */
export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> | null {
    if (!/^[A-Za-z0-9_-]*$/.test(text)) {
        return null;
    }
    try {
        const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
        return Uint8Array.from(binary, (character) => character.charCodeAt(0));
    } catch {
        return null;
    }
}

function importKey(hex: string, usage: 'sign' | 'verify'): Promise<CryptoKey> {
    const bytes = new Uint8Array((hex.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16)));
    return crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, [usage]);
}

function utf8(text: string): Uint8Array<ArrayBuffer> {
    return new TextEncoder().encode(text);
}
