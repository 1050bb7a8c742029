// The ground that the storage contract stands on: a bucket in which two people may do what they like in a folder of their
// own, somebody with the secret key and somebody with no rights at all. Each test file opens one of its own.
import { randomBytes, randomUUID } from 'node:crypto';
import type { StorageError } from '@supabase/storage-js';
import { expect } from 'vitest';
import { aPerson, asOwner, clientWith, project, type Person } from './project.ts';

export const run = randomBytes(4).toString('hex');
export const bucket = `contract-${run}`;
export const sql = asOwner();
export const service = clientWith(project.secretKey);
export const stranger = clientWith(project.publishableKey);
export let ann: Person;
export let bob: Person;

/** Where a refusal stands: the published code and the status in the body; the status line is nearly always 400. */
export function refused(error: StorageError | null) {
    return (
        error && { status: error.status, statusCode: error.statusCode, code: 'code' in error && error.code }
    );
}
export const accessDenied = { status: 400, statusCode: '403', code: 'AccessDenied' };
export const noSuchKey = { status: 400, statusCode: '404', code: 'NoSuchKey' };
export const noSuchBucket = { status: 400, statusCode: '404', code: 'NoSuchBucket' };
export const tooLarge = { status: 400, statusCode: '413', code: 'EntityTooLarge' };
export const invalidSignature = { status: 400, statusCode: '400', code: 'InvalidSignature' };
export const invalidJwt = { status: 400, statusCode: '400', code: 'InvalidJWT' };
export const taken = { status: 400, statusCode: '409', code: 'KeyAlreadyExists' };

export const files = (person: Person, id = bucket) => person.client.storage.from(id);
export const own = (person: Person, name: string = randomUUID()) => `${person.id}/${name}`;
export const names = async (id = bucket) =>
    (await sql`select name from storage.objects where bucket_id = ${id} order by name`).map(
        (row) => row.name
    );

/** A policy that lives for the length of some work. */
export async function withPolicy<T>(definition: string, work: () => Promise<T>): Promise<T> {
    const name = `contract ${run} ${randomUUID()}`;
    await sql.unsafe(`create policy "${name}" on storage.objects ${definition}`);
    try {
        return await work();
    } finally {
        await sql.unsafe(`drop policy "${name}" on storage.objects`);
    }
}

/** Makes people, bucket and policies; pass it to beforeAll. */
export async function openStorage(): Promise<void> {
    [ann, bob] = await Promise.all([aPerson(), aPerson()]);
    const { error } = await service.storage.createBucket(bucket, { public: false, fileSizeLimit: 1_000_000 });
    expect(error).toBeNull();
    for (const verb of ['insert', 'select', 'update', 'delete']) {
        const inOwnFolder = `(bucket_id = '${bucket}'
            and (storage.foldername(name))[1] = (select auth.uid())::text)`;
        await sql.unsafe(`
            create policy "contract ${run} people ${verb} in their own folder" on storage.objects
                for ${verb} to authenticated
                ${verb === 'insert' ? `with check ${inOwnFolder}` : `using ${inOwnFolder}`}
        `);
    }
}

/** Takes it all away again; pass it to afterAll. */
export async function closeStorage(): Promise<void> {
    for (const verb of ['insert', 'select', 'update', 'delete']) {
        await sql.unsafe(
            `drop policy if exists "contract ${run} people ${verb} in their own folder" on storage.objects`
        );
    }
    const left = await names();
    if (left.length > 0) await service.storage.from(bucket).remove(left);
    await service.storage.deleteBucket(bucket);
    await Promise.all([ann.forget(), bob.forget()]);
    await sql.end();
}
