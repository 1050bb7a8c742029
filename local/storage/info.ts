// Finding an object for reading, and describing it.
import { refusal } from './errors.ts';
import { findObject, type ObjectRow } from './objects.ts';
import { asCaller, asService, type Act } from './rls.ts';

/**
 * The row that a caller may read: by policy in a private bucket, by anybody in a public one. For somebody without a
 * token a private bucket does not exist.
 */
export async function readable(act: Act, bucket: string, key: string): Promise<ObjectRow> {
    const found = await asService(act, async (tx) => {
        const [row] = await tx<{ public: boolean }[]>`
            select public
            from storage.buckets
            where id = ${bucket}
        `;
        return row;
    });
    if (!found || (!act.caller.verified && !found.public)) throw refusal('NoSuchBucket');
    const run = found.public ? asService : asCaller;
    return run(act, (tx) => findObject(tx, bucket, key));
}

/** The row of an object in a public bucket; a private bucket does not exist here, whoever asks. */
export function publicObject(act: Act, bucket: string, key: string): Promise<ObjectRow> {
    return asService(act, async (tx) => {
        const [row] = await tx`
            select 1
            from storage.buckets
            where id = ${bucket}
                and public
        `;
        if (!row) throw refusal('NoSuchBucket');
        return findObject(tx, bucket, key);
    });
}

/** An object's description as the clients read it. */
export function describeObject(row: ObjectRow) {
    return {
        id: row.id,
        name: row.name,
        version: row.version,
        bucket_id: row.bucket_id,
        size: row.metadata?.size ?? null,
        content_type: row.metadata?.mimetype ?? null,
        cache_control: row.metadata?.cacheControl ?? null,
        etag: row.metadata?.eTag ?? null,
        metadata: row.user_metadata,
        last_modified: row.updated_at,
        created_at: row.created_at
    };
}
