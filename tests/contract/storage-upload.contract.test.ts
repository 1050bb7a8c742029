// How files get into storage: with a person's own token and by signed upload URL, through storage-js alone.
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clientWith, project, type Person } from './project.ts';
import {
    accessDenied,
    ann,
    bob,
    bucket,
    closeStorage,
    files,
    invalidJwt,
    invalidSignature,
    names,
    noSuchBucket,
    openStorage,
    own,
    refused,
    run,
    service,
    sql,
    stranger,
    taken,
    tooLarge
} from './storage_world.ts';

beforeAll(openStorage);
afterAll(closeStorage);

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
