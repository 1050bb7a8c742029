// Buckets: kept in storage.buckets, whose policies decide about each call as the caller.
import type { TransactionSql } from 'postgres';
import { z } from 'zod';
import { refusal, StorageError } from './errors.ts';
import type { FileStore } from './files.ts';
import { readJson, readQuery } from './input.ts';
import { bucketSizeLimit, checkBucketName, checkMimeTypes } from './limits.ts';
import { asCaller, asService, type Act } from './rls.ts';

const Settings = {
    public: z.boolean().optional(),
    file_size_limit: z.union([z.number().int().min(0), z.string()]).nullish(),
    allowed_mime_types: z.array(z.string()).nullish()
};
const Create = z.object({
    id: z.string().optional(),
    name: z.string(),
    type: z.enum(['STANDARD', 'ANALYTICS', 'VECTOR']).optional(),
    versioning_status: z.enum(['DISABLED', 'ENABLED', 'SUSPENDED']).optional(),
    ...Settings
});
const Update = z.object(Settings);
const List = z.object({
    limit: z.coerce.number().int().min(1).optional(),
    offset: z.coerce.number().int().min(0).optional(),
    sortColumn: z.enum(['id', 'name', 'created_at', 'updated_at']).optional(),
    sortOrder: z.enum(['asc', 'desc']).optional(),
    search: z.string().optional()
});

type BucketRow = {
    id: string;
    name: string;
    owner: string;
    public: boolean;
    type: string;
    file_size_limit: string | null;
    allowed_mime_types: string[] | null;
    created_at: Date;
    updated_at: Date;
};

/** Makes a bucket in the caller's name. */
export async function createBucket(act: Act, sizeLimit: number) {
    const input = await readJson(act.request, Create);
    checkBucketName(input.name);
    const id = input.id ?? input.name;
    checkBucketName(id);
    if ((input.type ?? 'STANDARD') !== 'STANDARD') throw refusal('FeatureNotEnabled');
    if ((input.versioning_status ?? 'DISABLED') !== 'DISABLED') throw refusal('FeatureNotEnabled');
    const { sub } = act.caller.claims;
    const row = { id, name: input.name, owner_id: sub ?? null, public: false, ...settings(input, sizeLimit) };
    try {
        await asCaller(act, async (tx) => {
            await tx`insert into storage.buckets ${tx(row)}`;
        });
    } catch (error) {
        if (error instanceof StorageError && error.code === 'ResourceAlreadyExists') {
            throw refusal('BucketAlreadyExists', undefined, error);
        }
        throw error;
    }
    return { name: input.name };
}

/** The buckets that the caller sees. */
export async function listBuckets(act: Act) {
    const { limit, offset, sortColumn, sortOrder, search } = readQuery(act.request, List);
    const rows = await asCaller(
        act,
        (tx) => tx<BucketRow[]>`
            ${selectBuckets(tx)}
            where position(lower(${search ?? ''}) in lower(name)) > 0
            order by ${tx(sortColumn ?? 'name')} ${sortOrder === 'desc' ? tx`desc` : tx`asc`}
            limit ${limit ?? null}
            offset ${offset ?? 0}
        `
    );
    return rows.map(present);
}

/** One bucket; one that is hidden does not exist. */
export async function getBucket(act: Act, id: string) {
    return asCaller(act, async (tx) => {
        const [row] = await tx<BucketRow[]>`${selectBuckets(tx)} where id = ${id}`;
        if (!row) throw refusal('NoSuchBucket');
        return present(row);
    });
}

/** Changes what is given and leaves the rest. */
export async function updateBucket(act: Act, id: string, sizeLimit: number) {
    const changes = settings(await readJson(act.request, Update), sizeLimit);
    if (Object.keys(changes).length === 0) throw refusal('InvalidRequest', 'No content provided');
    await asCaller(act, async (tx) => {
        const rows = await tx`
            update storage.buckets
            set ${tx(changes)}, updated_at = now()
            where id = ${id}
            returning id
        `;
        if (rows.length === 0) throw refusal('NoSuchBucket');
    });
    return { message: 'Successfully updated' };
}

/** Removes an empty bucket. */
export async function deleteBucket(act: Act, id: string) {
    const objects = await asService(act, async (tx) => {
        const [bucket] = await tx`select id from storage.buckets where id = ${id}`;
        if (!bucket) throw refusal('NoSuchBucket');
        return tx`select id from storage.objects where bucket_id = ${id} limit 1`;
    });
    if (objects.length > 0) throw refusal('ResourceNotEmpty');
    await asCaller(act, async (tx) => {
        const rows = await tx`delete from storage.buckets where id = ${id} returning id`;
        if (rows.length === 0) throw refusal('NoSuchBucket');
    });
    return { message: 'Successfully deleted' };
}

/** Removes every object of a bucket: the service role alone may. Hosted queues this; here it is done at once. */
export async function emptyBucket(files: FileStore, act: Act, id: string) {
    if (act.caller.claims.role !== 'service_role') throw refusal('WrongRole');
    const removed = await asService(act, async (tx) => {
        const [bucket] = await tx`select id from storage.buckets where id = ${id}`;
        if (!bucket) throw refusal('NoSuchBucket');
        return tx<
            { version: string }[]
        >`delete from storage.objects where bucket_id = ${id} returning version`;
    });
    await files.remove(removed.map((row) => row.version));
    return { message: 'Empty bucket has been queued. Completion may take up to an hour.' };
}

function settings(input: z.infer<typeof Update>, sizeLimit: number) {
    const changes: {
        public?: boolean;
        file_size_limit?: number | null;
        allowed_mime_types?: string[] | null;
    } = {};
    if (input.public !== undefined) changes.public = input.public;
    if (input.file_size_limit !== undefined) {
        changes.file_size_limit =
            input.file_size_limit === null ? null : bucketSizeLimit(input.file_size_limit, sizeLimit);
    }
    if (input.allowed_mime_types !== undefined) {
        const types = input.allowed_mime_types?.filter((type) => type !== '') ?? null;
        if (types) checkMimeTypes(types);
        changes.allowed_mime_types = types;
    }
    return changes;
}

function selectBuckets(tx: TransactionSql) {
    return tx`
        select id, name, coalesce(owner_id, owner::text, '') as owner, public, type, file_size_limit,
            allowed_mime_types, created_at, updated_at
        from storage.buckets
    `;
}

function present(row: BucketRow) {
    return { ...row, file_size_limit: row.file_size_limit === null ? null : Number(row.file_size_limit) };
}
