// How files get out of storage: reading with a token, signed view URLs and their end, through storage-js alone.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hosted, startOwnStack, type OwnStack } from '../support/stack.ts';
import { clientWith, later, project } from './project.ts';
import {
    ann,
    bob,
    bucket,
    closeStorage,
    files,
    invalidJwt,
    noSuchKey,
    openStorage,
    own,
    refused,
    run,
    service,
    stranger,
    withPolicy
} from './storage_world.ts';

beforeAll(openStorage);
afterAll(closeStorage);

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
