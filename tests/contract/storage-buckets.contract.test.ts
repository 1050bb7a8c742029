// Storage's buckets, and what lies in them: making, changing, listing, removing and moving, through storage-js alone.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
    accessDenied,
    ann,
    bob,
    bucket,
    closeStorage,
    files,
    noSuchBucket,
    noSuchKey,
    openStorage,
    own,
    refused,
    run,
    service,
    sql,
    stranger,
    tooLarge
} from './storage_world.ts';

beforeAll(openStorage);
afterAll(closeStorage);

describe('buckets', () => {
    it('are made, read, listed, changed and removed with the secret key', async () => {
        const id = `made-${run}`;
        const made = await service.storage.createBucket(id, {
            public: false,
            fileSizeLimit: '5MB',
            allowedMimeTypes: ['image/*']
        });
        expect(made).toEqual({ data: { name: id }, error: null });
        const read = await service.storage.getBucket(id);
        expect(read.data).toMatchObject({
            id,
            name: id,
            public: false,
            type: 'STANDARD',
            file_size_limit: 5_000_000,
            allowed_mime_types: ['image/*']
        });
        const listed = await service.storage.listBuckets({
            search: run,
            sortColumn: 'name',
            sortOrder: 'desc'
        });
        expect(listed.data?.map((row) => row.id)).toEqual([id, bucket]);

        const changed = await service.storage.updateBucket(id, { public: true, fileSizeLimit: null });
        expect(changed.data).toEqual({ message: 'Successfully updated' });
        expect((await service.storage.getBucket(id)).data).toMatchObject({
            public: true,
            file_size_limit: null,
            allowed_mime_types: ['image/*']
        });

        expect((await service.storage.deleteBucket(id)).data).toEqual({ message: 'Successfully deleted' });
        expect(refused((await service.storage.getBucket(id)).error)).toEqual(noSuchBucket);
    });

    it('cannot be made, seen, changed or removed by people for whom there is no policy', async () => {
        for (const client of [ann.client, stranger]) {
            expect(refused((await client.storage.createBucket(`theirs-${run}`)).error)).toEqual(accessDenied);
            expect((await client.storage.listBuckets()).data).toEqual([]);
            expect(refused((await client.storage.getBucket(bucket)).error)).toEqual(noSuchBucket);
            expect(refused((await client.storage.updateBucket(bucket, { public: true })).error)).toEqual(
                noSuchBucket
            );
            expect(refused((await client.storage.deleteBucket(bucket)).error)?.statusCode).toBe('404');
        }
        expect((await service.storage.getBucket(bucket)).data?.public).toBe(false);
    });

    it('refuse a name that is taken, too long or has a slash, and a limit above the project’s', async () => {
        expect(refused((await service.storage.createBucket(bucket)).error)).toMatchObject({
            statusCode: '409'
        });
        for (const name of ['a/b', 'x'.repeat(101), ' edge']) {
            expect(refused((await service.storage.createBucket(name)).error)?.code).toBe('InvalidBucketName');
        }
        const huge = await service.storage.createBucket(`huge-${run}`, {
            public: false,
            fileSizeLimit: '500GB'
        });
        expect(refused(huge.error)).toEqual(tooLarge);
    });

    it('are not removed while something is in them', async () => {
        await files(ann).upload(own(ann), 'kept');
        expect(refused((await service.storage.deleteBucket(bucket)).error)).toEqual({
            status: 400,
            statusCode: '409',
            code: 'ResourceNotEmpty'
        });
    });
});

describe('listing', () => {
    const tree = ['a.txt', 'B.txt', 'photos/1.jpg', 'photos/2.jpg', 'photos/old/3.jpg', 'quotes/1.pdf'];
    beforeAll(async () => {
        for (const name of tree) await files(ann).upload(own(ann, `tree/${name}`), name);
    });

    it('shows one level, folders and files, with paging, order and search', async () => {
        const listed = async (path: string, options = {}) =>
            (await files(ann).list(own(ann, path), options)).data?.map(({ name, id }) =>
                id ? name : `${name}/`
            );
        expect(await listed('tree')).toEqual(['a.txt', 'B.txt', 'photos/', 'quotes/']);
        expect(await listed('tree/photos')).toEqual(['1.jpg', '2.jpg', 'old/']);
        expect(await listed('tree', { limit: 2, offset: 1 })).toEqual(['B.txt', 'photos/']);
        expect(await listed('tree', { search: 'PHO' })).toEqual(['photos/']);
        expect(await listed('tree', { sortBy: { column: 'name', order: 'desc' } })).toEqual([
            'quotes/',
            'photos/',
            'B.txt',
            'a.txt'
        ]);
        expect(await listed('tree', { sortBy: { column: 'created_at', order: 'desc' } })).toEqual([
            'quotes/',
            'photos/',
            'B.txt',
            'a.txt'
        ]);
    });

    it('by cursor meets every object once', async () => {
        const prefix = own(ann, 'tree/');
        const found: string[] = [];
        let cursor: string | undefined;
        do {
            const { data } = await files(ann).listV2({ prefix, limit: 4, ...(cursor ? { cursor } : {}) });
            found.push(...data!.objects.map((row) => row.name));
            cursor = data!.nextCursor;
        } while (cursor);
        expect(found).toEqual(tree.map((name) => prefix + name).sort());
        const { data } = await files(ann).listV2({ prefix, with_delimiter: true });
        expect(data?.folders.map((row) => row.name)).toEqual([`${prefix}photos/`, `${prefix}quotes/`]);
        expect(data?.objects).toHaveLength(2);
    });

    it('[FILE-1] shows nothing of somebody else', async () => {
        expect((await files(bob).list(own(ann, 'tree'))).data).toEqual([]);
        expect((await files(bob).list('')).data?.map((row) => row.name)).not.toContain(ann.id);
        expect((await files(bob).listV2({ prefix: ann.id })).data?.objects).toEqual([]);
    });
});

describe('removing and moving', () => {
    it('removes what the caller may remove and passes silently over the rest', async () => {
        const [mine, theirs] = [own(ann), own(bob)];
        await files(ann).upload(mine, 'x');
        await files(bob).upload(theirs, 'x');
        const { data } = await files(ann).remove([mine, theirs, own(ann, 'never')]);
        expect(data?.map((row) => row.name)).toEqual([mine]);
        expect(refused((await files(ann).info(mine)).error)).toEqual(noSuchKey);
        expect((await files(bob).exists(theirs)).data).toBe(true);
    });

    it('cannot be done by SQL, not even by the owner of the project and for no row at all', async () => {
        for (const table of ['objects', 'buckets']) {
            await expect(sql`delete from ${sql(`storage.${table}`)} where id is null`).rejects.toMatchObject({
                code: '42501'
            });
        }
    });

    it('moves and copies within what the caller may write', async () => {
        const [from, to, copy] = [own(ann), own(ann), own(ann)];
        await files(ann).upload(from, 'wanders');
        expect((await files(ann).move(from, to)).error).toBeNull();
        expect((await files(ann).exists(from)).data).toBe(false);
        expect((await files(ann).copy(to, copy)).data).toEqual({ path: `${bucket}/${copy}` });
        await files(ann).remove([to]);
        expect(await (await files(ann).download(copy)).data?.text()).toBe('wanders');
        expect(refused((await files(ann).move(copy, own(bob))).error)).toEqual(accessDenied);
        expect(refused((await files(ann).copy(copy, own(bob))).error)).toEqual(accessDenied);
        expect(refused((await files(bob).copy(copy, own(bob))).error)).toEqual(noSuchKey);
        expect(refused((await files(bob).move(copy, own(bob))).error)).toEqual(noSuchKey);
    });
});
