/**
 * The seal of the links in our mails. The auth server's `token_hash` is a plain hash of address and code, so whoever
 * knows an address could try its codes by links, which name no login that a limit could count. Links of ours carry an
 * HMAC as well, and the gate opens no other: what it refuses never reaches the auth server. WebCrypto only.
 */
import { fromBase64Url, hmac, isHmac, toBase64Url } from './mac.ts';

// A space, which no context and no other signed text of ours begins with.
const sealed = (tokenHash: string): string => `tf-mail-link-1 ${tokenHash}`;

/** The `token_hash` as our mails carry it: `<hash>.<mac>`, by the first of the keys (hex). */
export async function sealLink(tokenHash: string, keys: readonly string[]): Promise<string> {
    const [key] = keys;
    if (key === undefined) {
        throw new Error('No context key is set.');
    }
    return `${tokenHash}.${toBase64Url(await hmac(key, sealed(tokenHash)))}`;
}

/** The auth server's `token_hash` out of one of ours, or null when none of the keys sealed it. */
export async function openLink(value: string, keys: readonly string[]): Promise<string | null> {
    const [, tokenHash = '', mac = ''] = /^([\w-]+)\.([\w-]{43})$/.exec(value) ?? [];
    const bytes = fromBase64Url(mac);
    return bytes !== null && (await isHmac(keys, sealed(tokenHash), bytes)) ? tokenHash : null;
}
