// Supabase Storage's interface, through storage-js alone: what is allowed, and beside it what is refused.
import { randomBytes, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import type { StorageError } from '@supabase/storage-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hosted, startOwnStack, type OwnStack } from '../support/stack.ts';
import { aPerson, asOwner, clientWith, later, project, type Person } from './project.ts';

const run = randomBytes(4).toString('hex');
const bucket = `contract-${run}`;
const sql = asOwner();
const service = clientWith(project.secretKey);
const stranger = clientWith(project.publishableKey);
let ann: Person;
let bob: Person;

/** Where a refusal stands: the published code and the status in the body; the status line is nearly always 400. */
function refused(error: StorageError | null) {
    return (
        error && { status: error.status, statusCode: error.statusCode, code: 'code' in error && error.code }
    );
}
const accessDenied = { status: 400, statusCode: '403', code: 'AccessDenied' };
const noSuchKey = { status: 400, statusCode: '404', code: 'NoSuchKey' };
const noSuchBucket = { status: 400, statusCode: '404', code: 'NoSuchBucket' };
const tooLarge = { status: 400, statusCode: '413', code: 'EntityTooLarge' };
const invalidSignature = { status: 400, statusCode: '400', code: 'InvalidSignature' };
const invalidJwt = { status: 400, statusCode: '400', code: 'InvalidJWT' };
const taken = { status: 400, statusCode: '409', code: 'KeyAlreadyExists' };

const files = (person: Person, id = bucket) => person.client.storage.from(id);
const own = (person: Person, name: string = randomUUID()) => `${person.id}/${name}`;
const names = async (id = bucket) =>
    (await sql`select name from storage.objects where bucket_id = ${id} order by name`).map(
        (row) => row.name
    );

/** A policy that lives for the length of some work. */
async function withPolicy<T>(definition: string, work: () => Promise<T>): Promise<T> {
    const name = `contract ${run} ${randomUUID()}`;
    await sql.unsafe(`create policy "${name}" on storage.objects ${definition}`);
    try {
        return await work();
    } finally {
        await sql.unsafe(`drop policy "${name}" on storage.objects`);
    }
}

beforeAll(async () => {
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
});

afterAll(async () => {
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
});

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

describe('uploading', () => {
    it('takes bytes, a form and a stream, and gives the same bytes back', async () => {
        const bytes = randomBytes(200_000);
        const bodies = {
            bytes: () => bytes,
            form: () => new Blob([bytes], { type: 'image/png' }),
            stream: () => Readable.toWeb(Readable.from([bytes.subarray(0, 70_000), bytes.subarray(70_000)]))
        };
        for (const [kind, body] of Object.entries(bodies)) {
            const name = own(ann, `${kind} with spaces & (signs).png`);
            const { data, error } = await files(ann).upload(name, body() as Blob, {
                contentType: 'image/png'
            });
            expect(error).toBeNull();
            expect(data).toMatchObject({ path: name, fullPath: `${bucket}/${name}`, id: expect.any(String) });
            const got = await files(ann).download(name);
            expect(got.data?.type).toBe('image/png');
            expect(Buffer.from(await got.data!.arrayBuffer()).equals(bytes)).toBe(true);
        }
    });

    it('takes an empty file', async () => {
        const name = own(ann);
        expect((await files(ann).upload(name, Buffer.alloc(0))).error).toBeNull();
        expect((await files(ann).info(name)).data?.size).toBe(0);
    });

    it('keeps type, size, cache time, user metadata and the owner', async () => {
        const name = own(ann);
        for (const body of [new Blob(['hello'], { type: 'text/csv' }), Buffer.from('hello')]) {
            await files(ann).upload(name, body, {
                upsert: true,
                contentType: 'text/csv',
                cacheControl: '60',
                metadata: { room: 'kitchen' }
            });
            expect((await files(ann).info(name)).data).toMatchObject({
                name,
                bucketId: bucket,
                size: 5,
                contentType: 'text/csv',
                cacheControl: 'max-age=60',
                metadata: { room: 'kitchen' },
                etag: expect.stringMatching(/^".+"$/)
            });
        }
        const [row] = await sql`select owner, owner_id from storage.objects where name = ${name}`;
        expect(row).toEqual({ owner: ann.id, owner_id: ann.id });
    });

    it('[FILE-1] is refused in somebody else’s folder, without a token, and with a forged one', async () => {
        const name = own(ann);
        const forged = clientWith(project.publishableKey, { Authorization: 'Bearer ey.no.token' });
        for (const client of [bob.client, stranger, forged]) {
            const { error } = await client.storage.from(bucket).upload(name, 'x');
            expect(refused(error)).toEqual(accessDenied);
        }
        expect(await names()).not.toContain(name);
    });

    it('refuses a bucket that does not exist and a key with characters that storage does not take', async () => {
        expect(refused((await files(ann, `none-${run}`).upload(own(ann), 'x')).error)).toEqual(noSuchBucket);
        expect(refused((await files(ann).upload(own(ann, 'tilde~'), 'x')).error)?.code).toBe('InvalidKey');
        expect(refused((await files(ann).upload(own(ann, 'naïve'), 'x')).error)?.code).toBe('InvalidKey');
    });

    it('refuses a second file under a name, and replaces it by upsert or update', async () => {
        const name = own(ann);
        const text = async () => (await files(ann).download(name)).data?.text();
        expect((await files(ann).upload(name, 'one')).error).toBeNull();
        expect(refused((await files(ann).upload(name, 'two')).error)).toEqual(taken);
        expect(await text()).toBe('one');
        expect((await files(ann).upload(name, 'three', { upsert: true })).error).toBeNull();
        expect(await text()).toBe('three');
        expect((await files(ann).update(name, 'four')).error).toBeNull();
        expect(await text()).toBe('four');
        expect(refused((await files(bob).update(name, 'five')).error)).toEqual(accessDenied);
        expect(await text()).toBe('four');
    });

    it('cuts a file that is over the bucket’s limit, declared or not, and leaves no object', async () => {
        const big = randomBytes(1_000_001);
        const bodies = [
            big,
            new Blob([big]),
            Readable.toWeb(Readable.from([big.subarray(1), big.subarray(0, 1)]))
        ];
        for (const body of bodies) {
            const name = own(ann);
            expect(refused((await files(ann).upload(name, body as Blob)).error)).toEqual(tooLarge);
            expect(await names()).not.toContain(name);
        }
        expect((await files(ann).upload(own(ann), big.subarray(1))).error).toBeNull();
    });

    it('refuses a declared type that the bucket does not take', async () => {
        await service.storage.updateBucket(bucket, {
            public: false,
            allowedMimeTypes: ['image/*', 'text/csv']
        });
        try {
            const attempt = (contentType: string) => files(ann).upload(own(ann), 'x', { contentType });
            expect((await attempt('image/webp')).error).toBeNull();
            expect((await attempt('text/csv')).error).toBeNull();
            for (const type of ['text/plain', 'application/pdf']) {
                expect(refused((await attempt(type)).error)).toEqual({
                    status: 400,
                    statusCode: '415',
                    code: 'InvalidMimeType'
                });
            }
        } finally {
            await service.storage.updateBucket(bucket, { public: false, allowedMimeTypes: null });
        }
    });

    it('of two at once to one name leaves one whole file', async () => {
        const name = own(ann);
        const bodies = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(400_000));
        const answers = await Promise.all(bodies.map((body) => files(ann).upload(name, body)));
        const stored = await (await files(ann).download(name)).data?.text();
        const winners = bodies.filter((_body, index) => answers[index]?.error === null);
        expect(winners).toContain(stored);
        for (const { error } of answers) if (error) expect(refused(error)).toEqual(taken);
        expect((await names()).filter((found) => found === name)).toHaveLength(1);
    });
});

describe('signed upload URLs', () => {
    const sign = async (person: Person, name: string, upsert = false) => {
        const { data, error } = await files(person).createSignedUploadUrl(name, { upsert });
        if (error) throw error;
        return data.token;
    };

    it('let somebody without a login write exactly this object, in the signer’s name', async () => {
        const name = own(ann);
        const token = await sign(ann, name);
        const put = await stranger.storage.from(bucket).uploadToSignedUrl(name, token, new Blob(['photo']));
        expect(put).toMatchObject({ data: { path: name, fullPath: `${bucket}/${name}` }, error: null });
        const [row] = await sql`select owner_id from storage.objects where name = ${name}`;
        expect(row?.owner_id).toBe(ann.id);
    });

    it('[FILE-2] are refused to those whose policies would refuse the upload', async () => {
        for (const client of [bob.client, stranger]) {
            const { error } = await client.storage.from(bucket).createSignedUploadUrl(own(ann));
            expect(refused(error)).toEqual(accessDenied);
        }
    });

    it('[FILE-2] are worth nothing for another object, another action, or once changed', async () => {
        const [name, other] = [own(ann), own(ann)];
        await files(ann).upload(other, 'untouched');
        const token = await sign(ann, name);
        const view = new URL((await files(ann).createSignedUrl(other, 60)).data!.signedUrl);
        const put = async (path: string, with_: string) =>
            refused((await stranger.storage.from(bucket).uploadToSignedUrl(path, with_, 'x')).error);

        expect(await put(own(ann), token)).toEqual(invalidSignature);
        expect(await put(other, view.searchParams.get('token')!)).toEqual(invalidSignature);
        expect(await put(name, `${token.slice(0, -6)}AAAAAA`)).toEqual(invalidJwt);
        const [head, , signature] = token.split('.');
        const claims = Buffer.from(
            JSON.stringify({ url: `${bucket}/${name}`, scope: 'upload', upsert: true, exp: 9e9 })
        );
        expect(await put(name, `${head}.${claims.toString('base64url')}.${signature}`)).toEqual(invalidJwt);

        view.searchParams.set('token', token);
        view.pathname = view.pathname.replace(other, name);
        expect((await fetch(view)).status).toBe(400);
        expect(await names()).not.toContain(name);
    });

    it('take one file only, unless signed for upsert; the header cannot change that', async () => {
        const name = own(ann);
        const put = (token: string, body: string, upsert: boolean) =>
            stranger.storage.from(bucket).uploadToSignedUrl(name, token, body, { upsert });
        const once = await sign(ann, name);
        expect((await put(once, 'one', false)).error).toBeNull();
        expect(refused((await put(once, 'two', true)).error)).toEqual(taken);
        const often = await sign(ann, name, true);
        expect((await put(often, 'three', false)).error).toBeNull();
        expect(await (await files(ann).download(name)).data?.text()).toBe('three');
    });

    it('[FILE-2] are subject to triggers on storage.objects, though not to policies', async () => {
        const [name, free] = [own(ann, 'refused'), own(ann, 'taken')];
        const tokens = { [name]: await sign(ann, name), [free]: await sign(ann, free) };
        await sql.unsafe(`
            create function public.contract_${run}() returns trigger language plpgsql as $$
            begin
                if new.bucket_id = '${bucket}' and new.name like '%/refused' then
                    raise exception 'too late for this document' using errcode = '42501';
                end if;
                return new;
            end;
            $$;
            create trigger contract_${run} before insert or update on storage.objects
                for each row execute function public.contract_${run}();
        `);
        try {
            const put = (path: string) =>
                stranger.storage.from(bucket).uploadToSignedUrl(path, tokens[path]!, new Blob(['x']));
            const { error } = await put(name);
            expect(refused(error)).toEqual(accessDenied);
            expect(error?.message).toBe('too late for this document');
            expect((await put(free)).error).toBeNull();
            expect(await names()).not.toContain(name);
        } finally {
            await sql.unsafe(`
                drop trigger contract_${run} on storage.objects;
                drop function public.contract_${run};
            `);
        }
    });
});

describe('signed view URLs', () => {
    const body = 'abcdefghij';
    let name: string;
    beforeAll(async () => {
        name = own(ann, 'view me.txt');
        await files(ann).upload(name, body, { contentType: 'text/plain' });
    });
    const sign = async (options?: { download?: string | boolean }) => {
        const { data, error } = await files(ann).createSignedUrl(name, 60, options);
        if (error) throw error;
        return data.signedUrl;
    };

    it('open for anybody who has them, until they expire', async () => {
        const response = await fetch(await sign());
        expect(response.status).toBe(200);
        expect(await response.text()).toBe(body);
        expect(response.headers.get('content-type')).toContain('text/plain');
        expect(response.headers.get('accept-ranges')).toBe('bytes');
        expect(response.headers.get('x-robots-tag')).toBe('none');
        const expires = Date.parse(response.headers.get('expires') ?? '');
        expect(expires).toBeGreaterThan(Date.now() + 50_000);
        expect(expires).toBeLessThan(Date.now() + 70_000);
    });

    it('[FILE-2] are not made for those who cannot read, nor for what does not exist', async () => {
        for (const client of [bob.client, stranger]) {
            const { error } = await client.storage.from(bucket).createSignedUrl(name, 60);
            expect(refused(error)).toEqual(noSuchKey);
        }
        expect(refused((await files(ann).createSignedUrl(own(ann), 60)).error)).toEqual(noSuchKey);
        expect(refused((await files(ann).createSignedUrl(name, 0)).error)?.status).toBe(400);
    });

    it('[FILE-2] open nothing else and nothing once changed', async () => {
        const url = new URL(await sign());
        const other = own(ann);
        await files(ann).upload(other, 'private');
        const elsewhere = new URL(url);
        elsewhere.pathname = url.pathname.replace(encodeURI(name), other);
        expect(await (await fetch(elsewhere)).json()).toMatchObject({
            code: 'InvalidSignature',
            statusCode: '400'
        });
        const changed = new URL(url);
        changed.searchParams.set('token', `${url.searchParams.get('token')!.slice(0, -6)}AAAAAA`);
        expect(await (await fetch(changed)).json()).toMatchObject({ code: 'InvalidJWT' });
        changed.searchParams.delete('token');
        expect((await fetch(changed)).status).toBe(400);
    });

    it('send a file to be saved when asked to, under the name asked for', async () => {
        const disposition = async (download: string | boolean) =>
            (await fetch(await sign({ download }))).headers.get('content-disposition');
        expect(await disposition(true)).toBe('attachment;');
        expect(await disposition('Job 12 photo.txt')).toBe(
            "attachment; filename=Job%2012%20photo.txt; filename*=UTF-8''Job%2012%20photo.txt"
        );
        // The client encodes a name twice; whoever adds the parameter to the URL gets other scripts right.
        const { headers } = await fetch(`${await sign()}&download=K%C3%BCche.txt`);
        expect(headers.get('content-disposition')).toContain("filename*=UTF-8''K%C3%BCche.txt");
    });

    it('answer ranges, conditions and HEAD', async () => {
        const url = await sign();
        const get = (headers: Record<string, string>, method = 'GET') => fetch(url, { method, headers });
        const part = await get({ range: 'bytes=2-4' });
        expect([part.status, await part.text(), part.headers.get('content-range')]).toEqual([
            206,
            'cde',
            'bytes 2-4/10'
        ]);
        expect(await (await get({ range: 'bytes=7-' })).text()).toBe('hij');
        expect(await (await get({ range: 'bytes=-2' })).text()).toBe('ij');
        expect((await get({ range: 'bytes=10-' })).ok).toBe(false);
        const head = await get({}, 'HEAD');
        expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '10', '']);
        const tag = head.headers.get('etag')!;
        expect((await get({ 'if-none-match': tag })).status).toBe(304);
        expect((await get({ 'if-none-match': '"other"' })).status).toBe(200);
    });

    it('come in the order asked, with a sentence for what cannot be seen', async () => {
        const { data } = await files(ann).createSignedUrls([own(bob), name], 60);
        expect(data?.map(({ path, signedUrl }) => [path === name, signedUrl !== null])).toEqual([
            [false, false],
            [true, true]
        ]);
        expect(data?.[0]?.error).toMatch(/does not exist or you do not have access/);
        expect(await (await fetch(data![1]!.signedUrl!)).text()).toBe(body);
    });

    it('never serve HTML as a page', async () => {
        const page = own(ann, 'page.html');
        await files(ann).upload(page, '<script>alert(1)</script>', { contentType: 'text/html' });
        const { data } = await files(ann).createSignedUrl(page, 60);
        expect((await fetch(data!.signedUrl)).headers.get('content-type')).toContain('text/plain');
    });
});

describe('reading', () => {
    it('[FILE-1] shows a file to whom a policy shows it, and to nobody else', async () => {
        const name = own(ann);
        await files(ann).upload(name, 'mine');
        expect(await (await files(ann).download(name)).data?.text()).toBe('mine');
        expect((await files(ann).exists(name)).data).toBe(true);
        expect((await files(ann).exists(own(ann))).data).toBe(false);
        expect((await files(bob).exists(name)).data).toBe(false);
        expect(refused((await files(bob).info(name)).error)).toEqual(noSuchKey);
        for (const client of [bob.client, stranger]) {
            expect((await client.storage.from(bucket).download(name)).error).not.toBeNull();
        }
    });

    it('follows the policies of the moment: one more, one less, another outcome', async () => {
        const name = own(ann, `shared-${run}`);
        await files(ann).upload(name, 'shared');
        const seen = async () => (await files(bob).download(name)).error === null;
        expect(await seen()).toBe(false);
        await withPolicy(`for select to authenticated using (name = '${name}')`, async () => {
            expect(await seen()).toBe(true);
        });
        expect(await seen()).toBe(false);
    });

    it('tells policies the headers, the operation and the caller', async () => {
        const name = own(ann, `portal-${run}`);
        await files(ann).upload(name, 'invoice');
        const rule = `for select to anon using (
            name = '${name}'
            and current_setting('request.headers', true)::json ->> 'x-tf-portal' = 'let me in'
            and storage.allow_any_operation(array['object.get_authenticated', 'storage.object.sign'])
        )`;
        await withPolicy(rule, async () => {
            const visitor = (header: string) =>
                clientWith(project.publishableKey, { 'X-TF-Portal': header }).storage.from(bucket);
            expect(await (await visitor('let me in').download(name)).data?.text()).toBe('invoice');
            expect((await visitor('let me in').createSignedUrl(name, 60)).error).toBeNull();
            expect((await visitor('wrong').download(name)).error).not.toBeNull();
            // Another operation: the same visitor may not list.
            expect((await visitor('let me in').list(ann.id)).data).toEqual([]);
        });
    });

    it('is open to all in a public bucket, and a private one has no public address', async () => {
        const id = `public-${run}`;
        await service.storage.createBucket(id, { public: true });
        const open = service.storage.from(id);
        await open.upload('logo.svg', '<svg xmlns="http://www.w3.org/2000/svg"/>', {
            contentType: 'image/svg+xml'
        });
        const response = await fetch(open.getPublicUrl('logo.svg').data.publicUrl);
        expect([response.status, response.headers.get('content-type')]).toEqual([200, 'image/svg+xml']);
        const name = own(ann);
        await files(ann).upload(name, 'x');
        const closed = await fetch(files(ann).getPublicUrl(name).data.publicUrl);
        expect([closed.status, await closed.json()]).toMatchObject([
            400,
            { code: 'NoSuchBucket', statusCode: '404' }
        ]);
        await open.remove(['logo.svg']);
        await service.storage.deleteBucket(id);
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

describe.skipIf(hosted)('by the clock', () => {
    let clocked: OwnStack;
    beforeAll(async () => {
        clocked = await startOwnStack({ migrate: false });
    });
    afterAll(() => clocked?.stopAndForget());

    it('[FILE-2] a view URL ends when it said it would, an upload URL after two hours', async () => {
        const { info } = clocked;
        const storage = clientWith(info.secretKey, {}, info).storage;
        await storage.createBucket('clock', { public: false });
        const objects = storage.from('clock');
        await objects.upload('seen', 'x');
        const view = (await objects.createSignedUrl('seen', 60)).data!.signedUrl;
        expect(await later(info, 58, async () => (await fetch(view)).status)).toBe(200);
        const answer = await later(info, 62, async () => (await fetch(view)).json());
        expect(answer).toMatchObject({ code: 'InvalidJWT', statusCode: '400' });

        const { token } = (await objects.createSignedUploadUrl('late')).data!;
        const put = async () => (await objects.uploadToSignedUrl('late', token, 'x')).error;
        expect(refused(await later(info, 7202, put))).toEqual(invalidJwt);
        expect(await later(info, 7190, put)).toBeNull();
    });
});
