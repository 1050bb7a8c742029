// A software authenticator, and the browser in front of it: what navigator.credentials would bring back, for tests that
// have no browser. Keys are ES256 (P-256); attestation is "none". It can be made to lie, one lie at a time.
import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { encodeCbor, type Cbor } from './cbor.ts';

type Bytes = string | ArrayBuffer | Uint8Array | { buffer: ArrayBufferLike };

/** Options in either form: JSON (base64url) or as a client library hands them to the browser. */
export type CreationOptions = {
    rp: { id?: string };
    user: { id: Bytes };
    challenge: Bytes;
    excludeCredentials?: { id: Bytes }[];
};
export type RequestOptions = {
    rpId?: string;
    challenge: Bytes;
    allowCredentials?: { id: Bytes }[];
};

/** What an attacker would change of an answer. */
export type Lies = {
    origin?: string;
    rpId?: string;
    challenge?: string;
    /** The ceremony that the client data names. */
    type?: string;
    /** The uuid in the user handle. */
    userId?: string;
    credentialId?: string;
    counter?: number;
    /** Nobody touched the key. */
    absent?: boolean;
    signature?: (signature: Buffer) => Buffer;
};

/** A signature with one bit of it turned. */
export function tampered(signature: Buffer): Buffer {
    const changed = Buffer.from(signature);
    const last = changed.length - 1;
    changed.writeUInt8(changed.readUInt8(last) ^ 1, last);
    return changed;
}

type Resident = { id: string; rpId: string; userHandle: string; privateKey: KeyObject; counter: number };

const USER_PRESENT = 0x01;
const USER_VERIFIED = 0x04;
const ATTESTED = 0x40;
const BACKED_UP = 0x18;

const ES256 = -7;
const NO_MODEL = Buffer.alloc(16);

export type Authenticator = ReturnType<typeof anAuthenticator>;

/**
 * An authenticator used in a browser at `origin`. `synced` makes its keys multi-device ones; `counting` false keeps the
 * counter at nought, as those of phones do.
 */
export function anAuthenticator(
    origin: string,
    { synced = false, counting = true }: { synced?: boolean; counting?: boolean } = {}
) {
    const residents: Resident[] = [];
    const flagsOf = (lies: Lies) =>
        (lies.absent ? 0 : USER_PRESENT) | USER_VERIFIED | (synced ? BACKED_UP : 0);

    const clientData = (type: string, challenge: Bytes, lies: Lies): Buffer =>
        Buffer.from(
            JSON.stringify({
                type: lies.type ?? type,
                challenge: lies.challenge ?? base64url(challenge),
                origin: lies.origin ?? origin,
                crossOrigin: false
            })
        );

    const create = (options: CreationOptions, lies: Lies = {}) => {
        const rpId = options.rp.id ?? new URL(origin).hostname;
        const excluded = (options.excludeCredentials ?? []).map(({ id }) => base64url(id));
        if (residents.some(({ id }) => excluded.includes(id)))
            throw new Error('InvalidStateError: this authenticator holds a key of that account already');
        const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
        const id = lies.credentialId ?? randomBytes(32).toString('base64url');
        const resident = { id, rpId, userHandle: base64url(options.user.id), privateKey, counter: 0 };
        residents.push(resident);
        const rawId = Buffer.from(id, 'base64url');
        const authData = Buffer.concat([
            authenticatorData(lies.rpId ?? rpId, flagsOf(lies) | ATTESTED, lies.counter ?? 0),
            NO_MODEL,
            uint16(rawId.length),
            rawId,
            encodeCbor(coseKey(publicKey))
        ]);
        const attestation: Cbor = new Map<string, Cbor>([
            ['fmt', 'none'],
            ['attStmt', new Map()],
            ['authData', authData]
        ]);
        return withToJSON({
            id,
            rawId: id,
            type: 'public-key' as const,
            authenticatorAttachment: 'platform' as const,
            clientExtensionResults: {},
            response: {
                clientDataJSON: clientData('webauthn.create', options.challenge, lies).toString('base64url'),
                attestationObject: encodeCbor(attestation).toString('base64url'),
                transports: ['internal'] as 'internal'[]
            }
        });
    };

    const get = (options: RequestOptions, lies: Lies = {}) => {
        const rpId = options.rpId ?? new URL(origin).hostname;
        const allowed = (options.allowCredentials ?? []).map(({ id }) => base64url(id));
        const resident = residents.findLast(
            (each) => each.rpId === rpId && (allowed.length === 0 || allowed.includes(each.id))
        );
        if (!resident) throw new Error('NotAllowedError: this authenticator holds no such key');
        if (counting) resident.counter += 1;
        const authData = authenticatorData(
            lies.rpId ?? rpId,
            flagsOf(lies),
            lies.counter ?? resident.counter
        );
        const data = clientData('webauthn.get', options.challenge, lies);
        const signature = sign('sha256', Buffer.concat([authData, sha256(data)]), resident.privateKey);
        const handle = lies.userId ? Buffer.from(lies.userId).toString('base64url') : resident.userHandle;
        const id = lies.credentialId ?? resident.id;
        return withToJSON({
            id,
            rawId: id,
            type: 'public-key' as const,
            authenticatorAttachment: 'platform' as const,
            clientExtensionResults: {},
            response: {
                clientDataJSON: data.toString('base64url'),
                authenticatorData: authData.toString('base64url'),
                signature: (lies.signature?.(signature) ?? signature).toString('base64url'),
                userHandle: handle
            }
        });
    };

    return { create, get, keys: () => residents.map(({ id }) => id) };
}

/** Browsers' credentials turn themselves into JSON; the official client asks them to. */
function withToJSON<T extends object>(json: T): T & { toJSON(): T } {
    return Object.defineProperty({ ...json }, 'toJSON', { value: () => json }) as T & { toJSON(): T };
}

const sha256 = (data: Uint8Array | string): Buffer => createHash('sha256').update(data).digest();

function authenticatorData(rpId: string, flags: number, counter: number): Buffer {
    const tail = Buffer.alloc(5);
    tail.writeUInt8(flags);
    tail.writeUInt32BE(counter, 1);
    return Buffer.concat([sha256(rpId), tail]);
}

function uint16(value: number): Buffer {
    const bytes = Buffer.alloc(2);
    bytes.writeUInt16BE(value);
    return bytes;
}

/** A public key in COSE form (RFC 9053, 7.1.1). */
function coseKey(publicKey: KeyObject): Map<number, Cbor> {
    const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
    return new Map<number, Cbor>([
        [1, 2],
        [3, ES256],
        [-1, 1],
        [-2, Buffer.from(x, 'base64url')],
        [-3, Buffer.from(y, 'base64url')]
    ]);
}

function base64url(bytes: Bytes): string {
    if (typeof bytes === 'string') return bytes;
    if (bytes instanceof ArrayBuffer) return Buffer.from(bytes).toString('base64url');
    if (bytes instanceof Uint8Array) return Buffer.from(bytes).toString('base64url');
    return Buffer.from(bytes.buffer as ArrayBuffer).toString('base64url');
}
