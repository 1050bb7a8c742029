/**
 * Anchors, format `tf-anchor-1`: signed statements over the heads of the chains that moved, kept outside the database.
 * Pure but for WebCrypto's Ed25519.
 *
 * - **Leaf** of a head: the canonical text (see chain.ts) of `["tf-head-1", chain_id, seq, hash]`, hash in hex.
 * - **Root**: the Merkle tree (see merkle.ts) over the leaves of all heads that moved since the last anchor, sorted by
 *   chain_id.
 * - **Statement**: the canonical text of `["tf-anchor-1", number, at, previous, root, size, key]`; number and size in
 *   decimal, at in ISO 8601 as the anchor has it, previous = SHA-256 of the previous anchor's statement in hex (64 zeros
 *   before the first), so that the anchors are a chain of their own.
 * - **Key**: the RFC 7638 thumbprint of the public key as JWK: base64url of SHA-256 of
 *   `{"crv":"Ed25519","kty":"OKP","x":"…"}`. A key's name can't be taken by another key.
 * - **Signature**: Ed25519 (RFC 8032) over the statement's UTF-8 bytes, base64url.
 *
 * An anchor is written down in two forms with the same statement: the file of one account, which has that account's
 * `head` with its `path` and `index`; and the operator's copy, which has all `heads`.
 *
 * Vectors, for the head of chain.ts's vectors (seq 1) alone in the tree and the first key of RFC 8032 section 7.1:
 *
 *     leaf       ["tf-head-1", "00000000-0000-7000-8000-000000000001", "1", "66eb8f26…18da7211"]
 *     root       c76675afb3ace1085eef8b090fb7aa4d79b98674f45e3b70bb695cc28da2e53e
 *     key        kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k
 *     statement  ["tf-anchor-1", "1", "2026-11-22T10:00:00.000Z", "0000…0000", "c76675af…8da2e53e", "1", "kPrK_qmx…BygrS4k"]
 *     its hash   ca9586800af168ecbf2de7b963c052e895d904f72a8fca2fb302cc745cdd8b07
 *     signature  maTW0JFuqwDMTne9I_DqZnkCR3XDG5yhEkYYKhQVSqMNS_b6XZ5rhQJz_xrs3tLtGSuvg1Rp7CzdEJazxidDAg
 */
import { bytesOf, canonical, isHex, type Sha256 } from './chain.ts';
import { merkleTree, rootOfPath } from './merkle.ts';

export const ANCHOR_FORMAT = 'tf-anchor-1';

/** `previous` of the first anchor. */
export const NO_ANCHOR = '0'.repeat(64);

/** Where a chain stood: the hash at its newest record. */
export type Head = { chain_id: string; seq: number; hash: string };

/** What is signed. */
export type Statement = {
    number: number;
    /** ISO 8601. */
    at: string;
    previous: string;
    root: string;
    size: number;
    key: string;
};

export type SignedStatement = Statement & { format: typeof ANCHOR_FORMAT; signature: string };

/** The anchor file of one chain. */
export type AnchorFile = SignedStatement & { head: Head; path: string[]; index: number };

/** The operator's copy: every head of the tree, in order. */
export type AnchorCopy = SignedStatement & { heads: Head[] };

/** A published key, as in a JWK set. */
export type PublicKey = { kty: 'OKP'; crv: 'Ed25519'; x: string; kid: string };

export function headLeaf({ chain_id, seq, hash }: Head): string {
    return canonical(['tf-head-1', chain_id, String(seq), hash]);
}

export function statementText({ number, at, previous, root, size, key }: Statement): string {
    return canonical([ANCHOR_FORMAT, String(number), at, previous, root, String(size), key]);
}

/** What the next anchor names as `previous`. */
export function statementHash(statement: Statement, sha256: Sha256): string {
    return sha256(new TextEncoder().encode(statementText(statement)));
}

/** A public key's name: its RFC 7638 thumbprint. */
export function keyId(x: string, sha256: Sha256): string {
    const thumbprint = sha256(new TextEncoder().encode(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`));
    return base64url(bytesOf(thumbprint));
}

/** Takes an anchor in either form out of parsed JSON; null when it is neither. */
export function parseAnchor(value: unknown): AnchorFile | AnchorCopy | null {
    if (!isObject(value)) return null;
    const { format, number, at, previous, root, size, key, signature, head, heads, path, index } = value;
    if (
        format !== ANCHOR_FORMAT ||
        !isCount(number) ||
        typeof at !== 'string' ||
        !isHex(previous, 32) ||
        !isHex(root, 32) ||
        !isCount(size) ||
        typeof key !== 'string' ||
        typeof signature !== 'string'
    ) {
        return null;
    }
    const signed: SignedStatement = { format, number, at, previous, root, size, key, signature };
    if (Array.isArray(heads)) {
        return heads.every(isHead) ? { ...signed, heads: heads as Head[] } : null;
    }
    if (!isHead(head) || !Number.isSafeInteger(index) || !Array.isArray(path)) return null;
    if (!path.every((hash) => isHex(hash, 32))) return null;
    return { ...signed, head, index: index as number, path: path as string[] };
}

/** Takes the keys out of a parsed JWK set; null when it is none. Keys of other kinds are passed over. */
export function parseKeys(value: unknown): PublicKey[] | null {
    if (!isObject(value) || !Array.isArray(value.keys)) return null;
    return value.keys.filter(
        (key): key is PublicKey =>
            isObject(key) &&
            key.kty === 'OKP' &&
            key.crv === 'Ed25519' &&
            typeof key.x === 'string' &&
            typeof key.kid === 'string'
    );
}

/** The head that an anchor vouches for, of that chain; null when it says nothing of the chain. */
export function headIn(anchor: AnchorFile | AnchorCopy, chainId: string): Head | null {
    if ('head' in anchor) return anchor.head.chain_id === chainId ? anchor.head : null;
    return anchor.heads.find((head) => head.chain_id === chainId) ?? null;
}

/**
 * Checks an anchor by itself: do its heads lead to its root, and is the statement signed by one of the keys? Answers
 * what is wrong with it as a sentence, or null. Without keys the signature isn't looked at.
 */
export async function anchorFault(
    anchor: AnchorFile | AnchorCopy,
    keys: readonly PublicKey[] | null,
    sha256: Sha256
): Promise<string | null> {
    const root =
        'head' in anchor
            ? rootOfPath(headLeaf(anchor.head), anchor.index, anchor.size, anchor.path, sha256)
            : anchor.heads.length === anchor.size
              ? merkleTree(anchor.heads.map(headLeaf), sha256).root
              : null;
    if (root !== anchor.root) return 'its heads do not lead to the root that was signed';
    return keys === null ? null : await signatureFault(anchor, keys, sha256);
}

/** What is wrong with the signature of a statement, as a sentence, or null. */
export async function signatureFault(
    signed: SignedStatement,
    keys: readonly PublicKey[],
    sha256: Sha256
): Promise<string | null> {
    const key = keys.find(({ x, kid }) => kid === signed.key && keyId(x, sha256) === kid);
    if (!key) return `its key ${signed.key} is not one of the published keys`;
    const publicKey = bytesFromBase64url(key.x);
    const signature = bytesFromBase64url(signed.signature);
    if (publicKey?.length !== 32 || signature?.length !== 64) return 'its signature is not one of Ed25519';
    const imported = await crypto.subtle.importKey('raw', publicKey, 'Ed25519', false, ['verify']);
    const statement = new TextEncoder().encode(statementText(signed));
    const isGood = await crypto.subtle.verify('Ed25519', imported, signature, statement);
    return isGood ? null : 'its signature does not belong to its statement';
}

/**
 * Do anchors continue each other? Of two with neighbouring numbers, the later must name the earlier's statement, and one
 * number has one statement. Answers the first that doesn't fit, or null. Gaps between numbers are no fault.
 */
export function forkIn<Anchor extends Statement>(anchors: readonly Anchor[], sha256: Sha256): Anchor | null {
    const known = new Map<number, string>();
    for (const anchor of anchors) {
        const hash = statementHash(anchor, sha256);
        if ((known.get(anchor.number) ?? hash) !== hash) return anchor;
        known.set(anchor.number, hash);
    }
    const breaks = (anchor: Anchor) =>
        (anchor.number === 1 ? NO_ANCHOR : (known.get(anchor.number - 1) ?? anchor.previous)) !==
        anchor.previous;
    return anchors.find(breaks) ?? null;
}

export function base64url(bytes: Uint8Array): string {
    return btoa(String.fromCharCode(...bytes))
        .replaceAll('+', '-')
        .replaceAll('/', '_')
        .replace(/=+$/, '');
}

/** The bytes, or null when the text isn't the one way to write them in base64url without padding. */
export function bytesFromBase64url(text: string): Uint8Array<ArrayBuffer> | null {
    if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) return null;
    const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    return base64url(bytes) === text ? bytes : null;
}

function isObject(value: unknown): value is Record<string, unknown> {
    return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
    return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}

function isHead(value: unknown): value is Head {
    return (
        isObject(value) && typeof value.chain_id === 'string' && isCount(value.seq) && isHex(value.hash, 32)
    );
}
