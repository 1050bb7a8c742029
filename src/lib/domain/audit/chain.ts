/**
 * The hash chain of the audit trail, format `tf-audit-1`, written down so that a reader in any language can check
 * an export without our code and without the database. Pure: SHA-256 is handed in, nothing is read or written.
 *
 * - **Canonical text** of a list: a JSON array of strings, whole numbers, booleans and nulls in UTF-8 whose elements are
 *   joined by `, `. In strings only `"` `\` and control characters below U+0020 are escaped, as `\" \\ \b \f \n \r \t` or
 *   `\u00xx` (lower case). It is what Python's `json.dumps(list, ensure_ascii=False)` and Postgres's
 *   `json_build_array(…)::text` write.
 * - **Record**: the list `["tf-audit-1", chain_kind, chain_id, id, recorded_at, happened_at, transaction_id,
 *   actor_kind, actor_id, session_id, via, trusted, request_id, action, result, entity, entity_id, subject,
 *   subject_id, is_detail, commitments]`. `id` is a number, `trusted` and `is_detail` are booleans, all else is a string or
 *   null. Times are in UTC as `2026-11-22T09:00:00.000001`, without zeros at the end of the fraction and without the
 *   point when there is none; UUIDs are in lower case.
 * - **Digest** of a record: SHA-256 of its canonical text.
 * - **Chain**: `hash(0) = SHA-256("tf-audit-1 " + chain_id)`, and
 *   `hash(seq) = SHA-256(hash(seq - 1) ‖ seq as 8 bytes, big-endian ‖ digest)`, with seq = 1, 2, 3 … without a gap.
 * - **Commitments** of a record: `name:hex name:hex …`, names sorted by their bytes. Each is
 *   `HMAC-SHA256(key = salt, message = value text)`. Salt and value text may be erased; the chain stays whole, since it
 *   holds the commitment only. Value text of a field is the JSON array `[before, after]` as Postgres writes it.
 *
 * Vectors:
 *
 *     list          ["tf-audit-1", null, "é \"\\\n\u0001"]   (also its canonical text; é is one character)
 *     digest        cd4c58cf353981237bab58d13d5e9a5f394cf44a23f12cb37d3f5ab503b5a58c
 *     chain_id      00000000-0000-7000-8000-000000000001
 *     hash(0)       4b14e2892843f1dc0415db3d73149a284408ebc5b5ca902bcd6d1f81fdeff1b3
 *     hash(1)       66eb8f2606d6ba98d5256c143dbef1f296ffb16bd71ba1c7401afbec18da7211   (over that digest)
 *     salt          000102030405060708090a0b0c0d0e0f
 *     value text    ["Ann", "Anna"]
 *     commitment    75fa2095eb71be51d4a68cc34a9d612a59192bd216f283b96c0b2da91daec44e
 */

/** SHA-256 of bytes as 64 lower-case hex digits. */
export type Sha256 = (bytes: Uint8Array) => string;

/** Name of this format: the first element of each record, and the beginning of each chain. */
export const AUDIT_FORMAT = 'tf-audit-1';

/** How many elements a record's list has. */
export const RECORD_LENGTH = 21;

/** Where the elements that a verifier looks at stand in a record's list. */
export const AT = { format: 0, chainKind: 1, chainId: 2, id: 3, commitments: 20 } as const;

/** What a list is made of. */
export type Element = string | number | boolean | null;

/** A list as one text, the same for every writer. See the top of this file. Numbers are whole and safe. */
export function canonical(list: readonly Element[]): string {
    let text = '[';
    let plain = '';
    for (let index = 0; index < list.length; index += 1) {
        const element = list[index] ?? null;
        if (index > 0) text += ', ';
        if (typeof element === 'string') {
            text += `"${element}"`;
            plain += element;
        } else text += String(element);
    }
    // Hardly any record needs an escape, and asking once costs less than writing each element with care.
    if (!NEEDS_ESCAPE.test(plain)) return `${text}]`;
    return `[${list.map((element) => JSON.stringify(element)).join(', ')}]`;
}

// eslint-disable-next-line no-control-regex -- control characters are what JSON escapes
const NEEDS_ESCAPE = /["\\\u0000-\u001f\ud800-\udfff]/;

/** The steps of the chain over one SHA-256. Keeps buffers of its own, so that a million records make no garbage. */
export type ChainHasher = {
    /** SHA-256 of a text's UTF-8 bytes. */
    digest(text: string): string;
    /** The hash before the first record of a chain. */
    genesis(chainId: string): string;
    /** The hash of a chain at `seq`, from the one before and the record's digest. */
    step(previous: string, seq: number, digest: string): string;
    /** The commitment to a value under its salt. */
    commitment(salt: string, value: string): string;
};

const BLOCK = 64;

export function chainHasher(sha256: Sha256): ChainHasher {
    const encoder = new TextEncoder();
    const link = new Uint8Array(72);
    const linkView = new DataView(link.buffer);
    const outer = new Uint8Array(BLOCK + 32);
    let inner = new Uint8Array(4096);

    /** Writes UTF-8 into `inner` behind `offset`; says where it ends. A UTF-16 unit takes three bytes at most. */
    const write = (text: string, offset: number): number => {
        const most = offset + text.length * 3;
        if (most > inner.length) {
            const larger = new Uint8Array(most * 2);
            larger.set(inner.subarray(0, offset));
            inner = larger;
        }
        return offset + encoder.encodeInto(text, inner.subarray(offset)).written;
    };
    const digest = (text: string): string => {
        const end = write(text, 0);
        return sha256(inner.subarray(0, end));
    };
    return {
        digest,
        genesis: (chainId) => digest(`${AUDIT_FORMAT} ${chainId}`),
        step(previous, seq, recordDigest) {
            writeHex(previous, link, 0);
            linkView.setUint32(32, Math.floor(seq / 2 ** 32));
            linkView.setUint32(36, seq >>> 0);
            writeHex(recordDigest, link, 40);
            return sha256(link);
        },
        commitment(salt, value) {
            // HMAC as in RFC 2104, spelt out, because two one-shot hashes cost a tenth of a platform's HMAC object.
            const key = salt.length > BLOCK * 2 ? bytesOf(sha256(bytesOf(salt))) : bytesOf(salt);
            for (let index = 0; index < BLOCK; index += 1) {
                const byte = key[index] ?? 0;
                inner[index] = byte ^ 0x36;
                outer[index] = byte ^ 0x5c;
            }
            const end = write(value, BLOCK);
            writeHex(sha256(inner.subarray(0, end)), outer, BLOCK);
            return sha256(outer);
        }
    };
}

/** Is this `bytes` bytes in lower-case hex? Without a length, any whole number of bytes. */
export function isHex(value: unknown, bytes?: number): value is string {
    return (
        typeof value === 'string' &&
        (bytes === undefined ? value.length % 2 === 0 : value.length === bytes * 2) &&
        HEX.test(value)
    );
}

const HEX = /^[0-9a-f]*$/;

/** The bytes that hex digits stand for. */
export function bytesOf(hex: string): Uint8Array {
    const bytes = new Uint8Array(hex.length / 2);
    writeHex(hex, bytes, 0);
    return bytes;
}

function writeHex(hex: string, into: Uint8Array, offset: number): void {
    for (let index = 0; index < hex.length; index += 2) {
        into[offset + index / 2] = (nibble(hex.charCodeAt(index)) << 4) | nibble(hex.charCodeAt(index + 1));
    }
}

/** `0`-`9` and `a`-`f` only: callers have asked {@link isHex}. */
function nibble(code: number): number {
    return code < 58 ? code - 48 : code - 87;
}
