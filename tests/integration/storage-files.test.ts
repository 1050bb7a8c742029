// The bytes behind the embedded storage server: for every object one file, and for nothing else a file. A server of
// our own over the stack's database, so that its folder can be looked into.
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { getRequestListener } from '@hono/node-server';
import { StorageClient } from '@supabase/storage-js';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { createStorage } from '../../local/storage/index.ts';
import { stack } from '../support/stack.ts';

const run = randomBytes(4).toString('hex');
const bucket = `files-${run}`;
const sql = postgres(stack().superuserUrl, { max: 8, onnotice: () => {} });
let filesDir: string;
let server: Awaited<ReturnType<typeof serve>>;
let objects: ReturnType<StorageClient['from']>;

/** Tokens of this server are their claims, readable: who may do what is not what these tests are about. */
const keys = {
    verify: async (jwt: string) =>
        JSON.parse(Buffer.from(jwt, 'base64url').toString()) as Record<string, unknown>
};
const token = Buffer.from(JSON.stringify({ role: 'service_role' })).toString('base64url');

async function serve() {
    const storage = await createStorage({
        sql,
        keys,
        config: { storage: { file_size_limit: '1MiB' } },
        clock: { now: () => new Date() },
        filesDir,
        log: () => {}
    });
    const http = createServer(getRequestListener(storage.fetch, { overrideGlobalObjects: false }));
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
    return {
        url,
        client: new StorageClient(url, { authorization: `Bearer ${token}` }),
        async stop() {
            http.closeAllConnections();
            http.close();
            await once(http, 'close');
        }
    };
}

async function filesOnDisk(): Promise<string[]> {
    const entries = await readdir(filesDir, { recursive: true, withFileTypes: true });
    return entries
        .filter((entry) => entry.isFile() && !entry.name.endsWith('.key'))
        .map((entry) => entry.name)
        .sort();
}

async function versions(): Promise<string[]> {
    const rows = await sql`select version from storage.objects where bucket_id = ${bucket}`;
    return rows.map((row) => String(row.version)).sort();
}

beforeAll(async () => {
    filesDir = await mkdtemp(join(tmpdir(), 'storage-files-'));
    server = await serve();
    await server.client.createBucket(bucket, { public: false });
    objects = server.client.from(bucket);
});

afterAll(async () => {
    await server.client.emptyBucket(bucket);
    await server.client.deleteBucket(bucket);
    await server.stop();
    await sql.end();
    await rm(filesDir, { recursive: true });
});

it('every object has one file; replaced and removed ones have none', async () => {
    await objects.upload('one', 'first');
    await objects.upload('one', 'second', { upsert: true });
    await objects.upload('two', 'third');
    await objects.copy('two', 'three');
    await objects.move('two', 'four');
    expect(await versions()).toHaveLength(3);
    expect(await filesOnDisk()).toEqual(await versions());
    await objects.remove(['one', 'three', 'four']);
    expect(await filesOnDisk()).toEqual([]);
});

it('a stream that passes the limit is cut, with nothing left on disk', async () => {
    const chunk = Buffer.alloc(65_536, 1);
    const stream = Readable.from(
        (function* () {
            for (let sent = 0; sent < 60 * 16; sent += 1) yield chunk;
        })()
    );
    const { error } = await objects.upload('endless', Readable.toWeb(stream) as ReadableStream<Uint8Array>);
    expect(error).toMatchObject({ code: 'EntityTooLarge', statusCode: '413' });
    expect(await filesOnDisk()).toEqual([]);
    expect(await versions()).toEqual([]);
});

it('an upload that its sender gives up leaves nothing on disk', async () => {
    const upload = httpRequest(`${server.url}/object/${bucket}/given-up`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-length': 500_000 }
    });
    upload.on('error', () => {});
    upload.write(Buffer.alloc(100_000));
    await vi.waitFor(async () => expect(await filesOnDisk()).toHaveLength(1), {
        timeout: 5000,
        interval: 10
    });
    upload.destroy();
    await vi.waitFor(async () => expect(await filesOnDisk()).toEqual([]), { timeout: 5000, interval: 10 });
    expect(await versions()).toEqual([]);
});

it('[FILE-2] a trigger that refuses the final row of a signed upload leaves no file', async () => {
    const { data } = await objects.createSignedUploadUrl('refused');
    // The probe before the bytes has no eTag yet: this refuses only what has already arrived.
    await sql.unsafe(`
        create function public.refuse_${run}() returns trigger language plpgsql as $$
        begin
            if new.bucket_id = '${bucket}' and new.metadata ? 'eTag' then
                raise exception 'no longer awaited' using errcode = '42501';
            end if;
            return new;
        end;
        $$;
        create trigger refuse_${run} before insert or update on storage.objects
            for each row execute function public.refuse_${run}();
    `);
    try {
        const put = await objects.uploadToSignedUrl('refused', data!.token, new Blob([randomBytes(300_000)]));
        expect(put.error).toMatchObject({ code: 'AccessDenied', message: 'no longer awaited' });
        expect(await filesOnDisk()).toEqual([]);
        expect(await versions()).toEqual([]);
    } finally {
        await sql.unsafe(`drop trigger refuse_${run} on storage.objects; drop function public.refuse_${run}`);
    }
});

it('of many uploads at once to one name exactly one file stays, whole and the row’s own', async () => {
    const bodies = Array.from({ length: 8 }, (_, index) => Buffer.alloc(200_000, index));
    await Promise.all(bodies.map((body) => objects.upload('contested', body)));
    expect(await filesOnDisk()).toEqual(await versions());
    expect(await versions()).toHaveLength(1);
    const stored = Buffer.from(await (await objects.download('contested')).data!.arrayBuffer());
    expect(bodies.some((body) => body.equals(stored))).toBe(true);
    await objects.remove(['contested']);
});

it('a start after a crash removes what no object has, and keeps the rest', async () => {
    await objects.upload('kept', 'kept');
    const kept = await versions();
    const orphan = randomUUID();
    await mkdir(join(filesDir, orphan.slice(0, 2)), { recursive: true });
    await writeFile(join(filesDir, orphan.slice(0, 2), orphan), 'finished, but its row never came');
    await writeFile(join(filesDir, 'incoming', randomUUID()), 'half a fi');
    expect(await filesOnDisk()).toHaveLength(3);

    const { data } = await objects.createSignedUrl('kept', 60);
    const port = new URL(server.url).port;
    await server.stop();
    server = await serve();
    objects = server.client.from(bucket);

    expect(await filesOnDisk()).toEqual(kept);
    // URLs signed before the crash are still good: the key that signed them was kept.
    const response = await fetch(data!.signedUrl.replace(`:${port}`, `:${new URL(server.url).port}`));
    expect(await response.text()).toBe('kept');
});
