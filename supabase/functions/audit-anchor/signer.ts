/** Signs anchors with the project's Ed25519 key, which exists in this function's settings only. WebCrypto, no I/O. */
import { hash } from 'node:crypto';
import {
    ANCHOR_FORMAT,
    base64url,
    headLeaf,
    keyId,
    statementText,
    type Head,
    type SignedStatement
} from '../../../src/lib/domain/audit/anchor.ts';
import { merkleTree } from '../../../src/lib/domain/audit/merkle.ts';

/** What the next anchor is to state, as the database tells it. */
export type Draft = {
    readonly number: number;
    readonly at: string;
    readonly previous: string;
    readonly heads: readonly Head[];
};

export type SignedAnchor = SignedStatement & {
    readonly heads: readonly (Head & { path: readonly string[] })[];
};

export type Signer = {
    /** The public key, base64url. */
    readonly publicKey: string;
    sign(draft: Draft): Promise<SignedAnchor>;
};

const sha256 = (bytes: Uint8Array): string => hash('sha256', bytes, 'hex');

/** The signer of a private key in PKCS#8 DER, base64. Throws without naming it when it isn't one of Ed25519. */
export async function openSigner(pkcs8: string): Promise<Signer> {
    const der = Uint8Array.from(atob(pkcs8), (character) => character.charCodeAt(0));
    const key = await crypto.subtle.importKey('pkcs8', der, 'Ed25519', true, ['sign']).catch(() => null);
    const x = key === null ? undefined : (await crypto.subtle.exportKey('jwk', key)).x;
    if (key === null || x === undefined) {
        throw new Error('Settings missing or not right: AUDIT_SIGNING_KEY.');
    }
    const id = keyId(x, sha256);
    return {
        publicKey: x,
        async sign({ number, at, previous, heads }) {
            const { root, paths } = merkleTree(heads.map(headLeaf), sha256);
            const statement = { number, at, previous, root, size: heads.length, key: id };
            const bytes = new TextEncoder().encode(statementText(statement));
            const signature = new Uint8Array(await crypto.subtle.sign('Ed25519', key, bytes));
            return {
                format: ANCHOR_FORMAT,
                ...statement,
                signature: base64url(signature),
                heads: heads.map((head, index) => ({ ...head, path: paths[index] ?? [] }))
            };
        }
    };
}
