/** What anybody may read of the audit trail's anchors: signed statements and public keys. They name no account. */
import { z } from 'zod';
import { call, type Db } from './data.ts';

const Statement = z.object({
    format: z.literal('tf-anchor-1'),
    number: z.int(),
    at: z.string(),
    previous: z.string(),
    root: z.string(),
    size: z.int(),
    key: z.string(),
    signature: z.string()
});

const Key = z.object({
    kty: z.literal('OKP'),
    crv: z.literal('Ed25519'),
    x: z.string(),
    kid: z.string(),
    alg: z.literal('EdDSA'),
    use: z.literal('sig'),
    first_used_at: z.string()
});

const PublicAnchors = z.object({
    /** Newest first. */
    anchors: z.array(Statement),
    /** Number that the next page begins below; null at the end. */
    before: z.int().nullable(),
    keys: z.array(Key)
});

export type PublicAnchors = z.infer<typeof PublicAnchors>;

/** A page of at most 100 anchors, with every key that ever signed one. */
export function publicAnchors(db: Db, before: number | null): Promise<PublicAnchors> {
    return call(db, 'audit_anchors', { before_number: before }, PublicAnchors);
}

/** The keys alone, as a JWK set (RFC 7517). */
export async function publicKeys(db: Db): Promise<Pick<PublicAnchors, 'keys'>> {
    const { keys } = await call(db, 'audit_anchors', { page_size: 1 }, PublicAnchors);
    return { keys };
}
