// Rows of storage.objects: reading one, trying one, and writing the one that an upload ends in.
import type { JSONValue, TransactionSql } from 'postgres';
import type { Incoming } from './body.ts';
import { refusal, StorageError } from './errors.ts';
import type { Received } from './files.ts';
import { asService, probe, type Act } from './rls.ts';

/** What the server keeps about a version's bytes, in the row's `metadata`. */
export type Metadata = {
    eTag: string;
    size: number;
    mimetype: string;
    cacheControl: string;
    lastModified: string;
    contentLength: number;
    httpStatusCode: 200;
};

export type ObjectRow = {
    id: string;
    bucket_id: string;
    name: string;
    version: string;
    owner: string | null;
    owner_id: string | null;
    metadata: Metadata | null;
    user_metadata: Record<string, unknown> | null;
    created_at: Date;
    updated_at: Date;
    last_accessed_at: Date;
};

/** A row to write: where, in whose name, and with what said about it. */
export type Draft = {
    bucket: string;
    key: string;
    owner: string | undefined;
    metadata: Record<string, unknown>;
    userMetadata: Record<string, unknown> | undefined;
};

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-5][0-9a-f]{3}-[089ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/** The row under a name, as the transaction's role sees it; one that is hidden does not exist. */
export async function findObject(tx: TransactionSql, bucket: string, key: string): Promise<ObjectRow> {
    const [row] = await tx<ObjectRow[]>`
        select id, bucket_id, name, version, owner, owner_id, metadata, user_metadata,
            created_at, updated_at, last_accessed_at
        from storage.objects
        where bucket_id = ${bucket}
            and name = ${key}
    `;
    if (!row) throw refusal('NoSuchKey');
    return row;
}

/** Asks the policies and triggers whether the caller may write this row, before any byte is taken. */
export async function mayWrite(act: Act, draft: Draft, upsert: boolean): Promise<void> {
    try {
        await probe(act, (tx) => (upsert ? upsertObject(tx, draft, '1') : insertObject(tx, draft, '1')));
    } catch (error) {
        if (error instanceof StorageError && error.code === 'ResourceAlreadyExists') {
            throw refusal('KeyAlreadyExists', undefined, error);
        }
        throw error;
    }
}

/**
 * Writes the final row with service rights, over an older version if there is one. Answers with the row and the
 * version it replaced, whose bytes are the caller's to remove. Of uploads that finish at once, the later one stays.
 */
export function writeObject(
    act: Act,
    draft: Draft,
    version: string
): Promise<{ row: ObjectRow; replaced: string | undefined }> {
    return asService(act, async (tx) => {
        await lockName(tx, draft.bucket, draft.key);
        const [old] = await tx<{ version: string }[]>`
            select version
            from storage.objects
            where bucket_id = ${draft.bucket}
                and name = ${draft.key}
            for update
        `;
        return { row: await upsertObject(tx, draft, version), replaced: old?.version };
    });
}

/** Lets one transaction at a time decide about a name; waits five seconds at most. */
export async function lockName(tx: TransactionSql, bucket: string, key: string): Promise<void> {
    await tx`select set_config('lock_timeout', '5000', true)`;
    await tx`select pg_advisory_xact_lock(hashtextextended(${`${bucket}/${key}`}, 0))`;
}

/** What is kept about bytes that have arrived. */
export function metadataOf(incoming: Incoming, received: Received, now: Date): Metadata {
    return {
        eTag: `"${received.md5}"`,
        size: received.size,
        mimetype: incoming.mimeType,
        cacheControl: incoming.cacheControl,
        lastModified: now.toISOString(),
        contentLength: received.size,
        httpStatusCode: 200
    };
}

function columns(tx: TransactionSql, draft: Draft, version: string) {
    return {
        bucket_id: draft.bucket,
        name: draft.key,
        owner: draft.owner !== undefined && uuid.test(draft.owner) ? draft.owner : null,
        owner_id: draft.owner ?? null,
        metadata: tx.json(draft.metadata as JSONValue),
        user_metadata: draft.userMetadata ? tx.json(draft.userMetadata as JSONValue) : null,
        version
    };
}

async function insertObject(tx: TransactionSql, draft: Draft, version: string): Promise<void> {
    // Nothing is returned: returning would ask for the right to read as well.
    await tx`insert into storage.objects ${tx(columns(tx, draft, version))}`;
}

async function upsertObject(tx: TransactionSql, draft: Draft, version: string): Promise<ObjectRow> {
    const [row] = await tx<ObjectRow[]>`
        insert into storage.objects ${tx(columns(tx, draft, version))}
        on conflict (bucket_id, name) do update set
            metadata = excluded.metadata,
            user_metadata = excluded.user_metadata,
            version = excluded.version,
            owner = coalesce(excluded.owner, objects.owner),
            owner_id = coalesce(excluded.owner_id, objects.owner_id)
        returning *
    `;
    if (!row) throw refusal('InternalError');
    return row;
}
