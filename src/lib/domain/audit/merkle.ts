/**
 * The Merkle tree over the heads of one anchor, as RFC 9162 section 2.1 defines it: a leaf is
 * `SHA-256(0x00 ‖ leaf bytes)`, a node `SHA-256(0x01 ‖ left ‖ right)`, and a list is split at the largest power of two
 * below its length. A path proves that a leaf is in the tree and tells nothing of the other leaves.
 *
 * Vector: the root over the leaves "a", "b" and "c" is
 *
 *     36642e73c2540ab121e3a6bf9545b0a24982cd830eb13d3cd19de3ce6c021ec1
 */
import { bytesOf, type Sha256 } from './chain.ts';

export type MerkleTree = {
    root: string;
    /** For each leaf its audit path, from the leaf upwards (RFC 9162 2.1.3.1). */
    paths: readonly (readonly string[])[];
};

/** The tree over texts, which are at least one. */
export function merkleTree(leaves: readonly string[], sha256: Sha256): MerkleTree {
    if (leaves.length === 0) throw new RangeError('A tree has at least one leaf.');
    const paths: string[][] = leaves.map(() => []);
    const rootOf = (from: number, to: number): string => {
        if (to - from === 1) return leafHash(leaves[from] ?? '', sha256);
        const middle = from + split(to - from);
        const left = rootOf(from, middle);
        const right = rootOf(middle, to);
        for (let index = from; index < to; index += 1) paths[index]?.push(index < middle ? right : left);
        return nodeHash(left, right, sha256);
    };
    return { root: rootOf(0, leaves.length), paths };
}

/**
 * The root that a leaf and its path lead to, or null when the path can't belong to that place in a tree of that size
 * (RFC 9162 2.1.3.2).
 */
export function rootOfPath(
    leaf: string,
    index: number,
    size: number,
    path: readonly string[],
    sha256: Sha256
): string | null {
    if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size)
        return null;
    let place = index;
    let last = size - 1;
    let hash = leafHash(leaf, sha256);
    for (const sibling of path) {
        if (last === 0) return null;
        if (place % 2 === 1 || place === last) {
            hash = nodeHash(sibling, hash, sha256);
            while (place % 2 === 0 && place !== 0) {
                place = Math.floor(place / 2);
                last = Math.floor(last / 2);
            }
        } else {
            hash = nodeHash(hash, sibling, sha256);
        }
        place = Math.floor(place / 2);
        last = Math.floor(last / 2);
    }
    return last === 0 ? hash : null;
}

/** The largest power of two that is smaller than `length`. */
function split(length: number): number {
    let power = 1;
    while (power * 2 < length) power *= 2;
    return power;
}

function leafHash(leaf: string, sha256: Sha256): string {
    const text = new TextEncoder().encode(leaf);
    const bytes = new Uint8Array(text.length + 1);
    bytes.set(text, 1);
    return sha256(bytes);
}

function nodeHash(left: string, right: string, sha256: Sha256): string {
    const bytes = new Uint8Array(65);
    bytes[0] = 1;
    bytes.set(bytesOf(left), 1);
    bytes.set(bytesOf(right), 33);
    return sha256(bytes);
}
