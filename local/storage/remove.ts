// Removing objects: the row first, as the caller, then the bytes. A crash between the two leaves bytes for the sweeper.
import { z } from 'zod';
import { refusal } from './errors.ts';
import type { FileStore } from './files.ts';
import { readJson } from './input.ts';
import { findObject, type ObjectRow } from './objects.ts';
import { asCaller, asService, type Act } from './rls.ts';

const RemoveMany = z.object({ prefixes: z.array(z.string()).min(1).max(1000) });

/** Removes one object. One that does not exist is NoSuchKey, one that policies keep is AccessDenied. */
export async function removeOne(files: FileStore, act: Act, bucket: string, key: string) {
    await asService(act, (tx) => findObject(tx, bucket, key));
    const [removed] = await removeRows(act, bucket, [key]);
    if (!removed) throw refusal('AccessDenied');
    await files.remove([removed.version]);
    return { message: 'Successfully deleted' };
}

/** Removes those of the named objects that the caller may remove, and answers with their rows; others are left out. */
export async function removeMany(files: FileStore, act: Act, bucket: string) {
    const { prefixes } = await readJson(act.request, RemoveMany);
    const removed = await removeRows(act, bucket, prefixes);
    await files.remove(removed.map((row) => row.version));
    return removed;
}

function removeRows(act: Act, bucket: string, keys: string[]): Promise<ObjectRow[]> {
    return asCaller(
        act,
        (tx) => tx<ObjectRow[]>`
            delete from storage.objects
            where bucket_id = ${bucket}
                and name = any (${keys})
            returning id, bucket_id, name, version, owner, owner_id, metadata, user_metadata,
                created_at, updated_at, last_accessed_at
        `
    );
}
