// Taking a file: limits, policies, bytes, row, in that order. Whatever fails leaves neither bytes nor row.
import { openBody, type Incoming } from './body.ts';
import { refusal, refusalFrom } from './errors.ts';
import { discard, TooLarge, type FileStore } from './files.ts';
import { checkDeclaredType, checkKey, isFolderPlaceholder } from './limits.ts';
import { mayWrite, metadataOf, writeObject, type Draft, type ObjectRow } from './objects.ts';
import { asService, type Act } from './rls.ts';

/** What an upload needs from the server. */
export type UploadDeps = { files: FileStore; clock: { now(): Date }; sizeLimit: number };

/** Where a file goes, in whose name, and whether it may replace one. */
export type Target = { bucket: string; key: string; owner: string | undefined; upsert: boolean };

/** Takes the file in a request's body. The row returned has been written with service rights. */
export async function upload(deps: UploadDeps, act: Act, target: Target): Promise<ObjectRow> {
    const bucket = await bucketLimits(act, target.bucket);
    const incoming = await openBody(act.request);
    const limit = isFolderPlaceholder(target.key)
        ? 0
        : Math.min(deps.sizeLimit, bucket.size ?? deps.sizeLimit);
    try {
        await judge(act, target, incoming, limit, bucket.types);
    } catch (error) {
        await discard(incoming.bytes);
        throw error;
    }
    const received = await deps.files.receive(incoming.bytes, limit).catch((error: unknown) => {
        throw error instanceof TooLarge
            ? refusal('EntityTooLarge', undefined, error)
            : refusal('InvalidRequest', 'The request ended before the whole file had arrived', error);
    });
    try {
        const metadata = metadataOf(incoming, received, deps.clock.now());
        const { row, replaced } = await writeObject(
            act,
            draftOf(target, incoming, metadata),
            received.version
        );
        if (replaced) await deps.files.remove([replaced]);
        return row;
    } catch (error) {
        // A row that could not be written, by a trigger's word or a lost connection: the bytes go as well. Where the
        // connection broke after the commit, the row is asked for, since a row without bytes must never be.
        if (!(await isKept(act, target, received.version))) await deps.files.remove([received.version]);
        throw refusalFrom(error);
    }
}

/** All that can be said before the first byte is read. */
async function judge(act: Act, target: Target, incoming: Incoming, limit: number, types: readonly string[]) {
    if (types.length > 0 && !isFolderPlaceholder(target.key)) checkDeclaredType(incoming.mimeType, types);
    if (incoming.lengthIsExact && (incoming.declaredLength ?? 0) > limit) throw refusal('EntityTooLarge');
    checkKey(target.key);
    const declared = { mimetype: incoming.mimeType, contentLength: incoming.declaredLength };
    await mayWrite(act, draftOf(target, incoming, declared), target.upsert);
}

function draftOf(target: Target, incoming: Incoming, metadata: Record<string, unknown>): Draft {
    return { ...target, metadata, userMetadata: incoming.userMetadata };
}

/** True when the row has this version, and when nobody can say: the sweeper of the next start decides then. */
async function isKept(act: Act, target: Target, version: string): Promise<boolean> {
    try {
        return await asService(act, async (tx) => {
            const rows = await tx`
                select 1
                from storage.objects
                where bucket_id = ${target.bucket}
                    and name = ${target.key}
                    and version = ${version}
            `;
            return rows.length > 0;
        });
    } catch {
        return true;
    }
}

/** A bucket's own limits, read with service rights: whoever may write into a bucket need not see it. */
async function bucketLimits(
    act: Act,
    id: string
): Promise<{ size: number | null; types: readonly string[] }> {
    const [bucket] = await asService(
        act,
        (tx) => tx<{ file_size_limit: string | null; allowed_mime_types: string[] | null }[]>`
            select file_size_limit, allowed_mime_types
            from storage.buckets
            where id = ${id}
        `
    );
    if (!bucket) throw refusal('NoSuchBucket');
    return {
        size: bucket.file_size_limit === null ? null : Number(bucket.file_size_limit),
        types: bucket.allowed_mime_types ?? []
    };
}
