/**
 * A device that signed in before, told by a proof that only this gate makes and that the web tier keeps in a cookie
 * (OWASP, "Slow down online guessing attacks with device cookies"). Nothing of it is stored here or can be read there:
 * `<id>.<login tag>~<login tag>….<mac>`, where a tag is an HMAC over the device and a login, and the mac is over all
 * of it. WebCrypto only, so that Node can test it.
 */
import { fromBase64Url, hmac, isHmac, toBase64Url } from '../_shared/mac.ts';

/** How many people's logins one device may know; the one that was not used for longest is forgotten first. */
const MOST_LOGINS = 7;
const TAG_BYTES = 16;
const FORM = /^([0-9a-f]{32})\.([\w-]{22}(?:~[\w-]{22}){0,6})\.([\w-]{43})$/;

/** A device whose proof is ours. */
export type Device = { readonly id: string; readonly tags: readonly string[] };

/** The device behind a proof, or null when there is none or it is not ours, by any of the keys (hex). */
export async function deviceOf(proof: string | null, keys: readonly string[]): Promise<Device | null> {
    const [, id = '', tags = '', mac = ''] = FORM.exec(proof ?? '') ?? [];
    const bytes = fromBase64Url(mac);
    if (id === '' || bytes === null || !(await isHmac(keys, macText(id, tags), bytes))) {
        return null;
    }
    return { id, tags: tags.split('~') };
}

/** Did this login sign in from it? Asked without one, by whoever proves themselves by something else: did anybody? */
export async function knows(device: Device, login: string | null, keys: readonly string[]): Promise<boolean> {
    if (login === null) {
        return true;
    }
    for (const key of keys) {
        if (device.tags.includes(await tagOf(key, device.id, login))) {
            return true;
        }
    }
    return false;
}

/** The proof for a device from which `login` has just signed in; a new device where there was none. */
export async function proofFor(
    device: Device | null,
    login: string,
    keys: readonly string[]
): Promise<string> {
    const [key] = keys;
    if (key === undefined) {
        throw new Error('No context key is set.');
    }
    const id = device?.id ?? crypto.randomUUID().replaceAll('-', '');
    const tag = await tagOf(key, id, login);
    const others = (device?.tags ?? []).filter((known) => known !== tag);
    const tags = [...others, tag].slice(-MOST_LOGINS).join('~');
    return `${id}.${tags}.${toBase64Url(await hmac(key, macText(id, tags)))}`;
}

// Texts with a space in them, which a context has not: what is signed here is never taken for one, nor the other way.
const macText = (id: string, tags: string): string => `tf-device-1 ${id}.${tags}`;

async function tagOf(key: string, id: string, login: string): Promise<string> {
    return toBase64Url((await hmac(key, `tf-device-login-1 ${id} ${login}`)).slice(0, TAG_BYTES));
}
