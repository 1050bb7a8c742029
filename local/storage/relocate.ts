// Moving and copying objects. The bytes are linked under a new version, never written again.
import { z } from 'zod';
import { headerMetadata } from './body.ts';
import { refusal } from './errors.ts';
import type { FileStore } from './files.ts';
import { readJson } from './input.ts';
import { checkKey } from './limits.ts';
import { findObject, lockName, mayWrite, writeObject } from './objects.ts';
import { asCaller, asService, probe, type Act } from './rls.ts';

const Places = {
    bucketId: z.string(),
    sourceKey: z.string(),
    destinationBucket: z.string().optional(),
    destinationKey: z.string()
};
const Move = z.object(Places);
const Copy = z.object({
    ...Places,
    copyMetadata: z.boolean().default(true),
    metadata: z.object({ cacheControl: z.string().optional(), mimetype: z.string().optional() }).optional()
});

/** Gives an object another name or bucket: the caller must see it and may update it there. */
export async function moveObject(files: FileStore, act: Act) {
    const { bucketId, sourceKey, destinationKey, ...input } = await readJson(act.request, Move);
    const bucket = input.destinationBucket ?? bucketId;
    checkKey(destinationKey);
    await probe(act, async (tx) => {
        const { id } = await findObject(tx, bucketId, sourceKey);
        const rows = await tx`
            update storage.objects
            set bucket_id = ${bucket}, name = ${destinationKey}
            where id = ${id}
            returning id
        `;
        if (rows.length === 0) throw refusal('NoSuchKey');
    });
    const source = await asService(act, (tx) => findObject(tx, bucketId, sourceKey));
    const version = await files.duplicate(source.version);
    try {
        await asService(act, async (tx) => {
            await lockName(tx, bucket, destinationKey);
            const rows = await tx`
                update storage.objects
                set bucket_id = ${bucket}, name = ${destinationKey}, version = ${version}
                where id = ${source.id}
                    and version = ${source.version}
                returning id
            `;
            if (rows.length === 0) throw refusal('NoSuchKey');
        });
    } catch (error) {
        await files.remove([version]);
        throw error;
    }
    await files.remove([source.version]);
    return { message: 'Successfully moved', Id: source.id, Key: destinationKey };
}

/** Copies an object that the caller sees to a name that the caller may write. */
export async function copyObject(files: FileStore, act: Act) {
    const { bucketId, sourceKey, destinationKey, ...input } = await readJson(act.request, Copy);
    const bucket = input.destinationBucket ?? bucketId;
    checkKey(destinationKey);
    const source = await asCaller(act, (tx) => findObject(tx, bucketId, sourceKey));
    const { headers } = act.request;
    const draft = {
        bucket,
        key: destinationKey,
        owner: act.caller.claims.sub,
        metadata: { ...source.metadata, ...(input.copyMetadata ? {} : input.metadata) },
        userMetadata: input.copyMetadata
            ? (source.user_metadata ?? undefined)
            : headerMetadata(headers.get('x-metadata'))
    };
    await mayWrite(act, draft, headers.get('x-upsert') === 'true');
    const version = await files.duplicate(source.version);
    const { row, replaced } = await writeObject(act, draft, version).catch(async (error: unknown) => {
        await files.remove([version]);
        throw error;
    });
    if (replaced) await files.remove([replaced]);
    return { Id: row.id, Key: `${bucket}/${destinationKey}`, ...row };
}
