// Supabase Storage's published HTTP interface over the real Postgres and a folder. This file is its table of contents:
// which call goes where, under which operation name. It expects the gateway's view of a request: path without
// /storage/v1, Authorization a JWT, CORS answered before.
import { Hono, type Context } from 'hono';
import type { JWTPayload } from 'jose';
import type { Sql } from 'postgres';
import { z } from 'zod';
import { createBucket, deleteBucket, emptyBucket, getBucket, listBuckets, updateBucket } from './buckets.ts';
import { refusal, refusalFrom } from './errors.ts';
import { fileStore } from './files.ts';
import { describeObject, publicObject, readable } from './info.ts';
import { locate } from './input.ts';
import { projectSizeLimit } from './limits.ts';
import { list, listV2 } from './list.ts';
import { findObject, type ObjectRow } from './objects.ts';
import { copyObject, moveObject } from './relocate.ts';
import { removeMany, removeOne } from './remove.ts';
import { asService, identify, withServiceRights, type Act, type Operation } from './rls.ts';
import { serve } from './serve.ts';
import { signingKey, tokens } from './tokens.ts';
import { signMany, signOne, signUpload } from './signed.ts';
import { upload } from './upload.ts';

export type StorageDeps = {
    /** Connected as supabase_storage_admin, which may become every role of the Data API. */
    sql: Sql;
    keys: { verify(jwt: string): Promise<JWTPayload> };
    /** The parsed config.toml, of which [storage] is read. */
    config: unknown;
    clock: { now(): Date };
    /** Where bytes and the URL signing key live; nothing else may write there. */
    filesDir: string;
    log: (line: string) => void;
};

const Config = z.object({
    storage: z.object({ file_size_limit: z.union([z.string(), z.number()]).optional() }).optional()
});
const Token = z.object({ token: z.string() });

/**
 * Starts the storage server: sweeps what a crash left on disk, then answers requests. The schema (schema.sql) must be
 * in place. `close` needs to do nothing: no timer runs, and the connection belongs to whoever gave it.
 */
export async function createStorage(deps: StorageDeps) {
    const files = await fileStore(deps.filesDir);
    const signer = tokens(await signingKey(deps.filesDir), deps.clock);
    const sizeLimit = projectSizeLimit(Config.parse(deps.config).storage?.file_size_limit);
    const uploads = { files, clock: deps.clock, sizeLimit };

    const swept = await files.sweep(async (versions) => {
        // The connection's own role owns the table, so that no policy can hide a row from this question.
        const rows = await deps.sql<{ version: string }[]>`
            select version from storage.objects where version = any (${versions})
        `;
        return new Set(rows.map((row) => row.version));
    });
    if (swept > 0) deps.log(`storage: removed ${swept} files that no object has`);

    const app = new Hono();
    app.onError((error) => {
        const refused = refusalFrom(error);
        if (refused.http >= 500) deps.log(`storage: ${refused.message}: ${String(refused.cause ?? error)}`);
        return Response.json(refused.body(), { status: refused.http });
    });
    app.notFound((c) => {
        throw refusal(
            'NotImplemented',
            `The embedded storage server does not have ${c.req.method} ${c.req.path}; it has buckets, objects, ` +
                'lists and signed URLs. Image transforms, resumable uploads, S3, analytics and vectors are hosted only.'
        );
    });

    /** Identifies the caller and names the operation for the policies. */
    async function act(c: Context, operation: Operation, { optional = false } = {}): Promise<Act> {
        const request = c.req.raw;
        if (new URL(request.url).searchParams.has('versionId')) throw refusal('FeatureNotEnabled');
        const caller = await identify(request, deps.keys.verify, { optional });
        return { sql: deps.sql, caller, operation, request };
    }
    /** An act that a signed token or a public bucket stands for: nobody is identified. */
    function unidentified(c: Context, operation: Operation): Act {
        const caller = { jwt: '', claims: { role: 'anon' }, verified: false };
        return { sql: deps.sql, caller, operation, request: c.req.raw };
    }
    function tokenOf(c: Context): string {
        const query = Token.safeParse(c.req.query());
        if (!query.success)
            throw refusal('InvalidRequest', "querystring must have required property 'token'");
        return query.data.token;
    }

    // Buckets
    app.post('/bucket', async (c) =>
        c.json(await createBucket(await act(c, 'storage.bucket.create'), sizeLimit))
    );
    app.get('/bucket', async (c) => c.json(await listBuckets(await act(c, 'storage.bucket.list'))));
    app.get('/bucket/:id', async (c) =>
        c.json(await getBucket(await act(c, 'storage.bucket.get'), c.req.param('id')))
    );
    app.put('/bucket/:id', async (c) =>
        c.json(await updateBucket(await act(c, 'storage.bucket.update'), c.req.param('id'), sizeLimit))
    );
    app.delete('/bucket/:id', async (c) =>
        c.json(await deleteBucket(await act(c, 'storage.bucket.delete'), c.req.param('id')))
    );
    app.post('/bucket/:id/empty', async (c) =>
        c.json(await emptyBucket(files, await act(c, 'storage.bucket.empty'), c.req.param('id')))
    );

    // Signed URLs
    app.post('/object/upload/sign/*', async (c) => {
        const { bucket, key } = locate(c.req.raw, '/object/upload/sign/');
        return c.json(await signUpload(signer, await act(c, 'storage.object.sign_upload_url'), bucket, key));
    });
    app.put('/object/upload/sign/*', async (c) => {
        const { bucket, key } = locate(c.req.raw, '/object/upload/sign/');
        const { owner, upsert } = await signer.verifyUpload(tokenOf(c), `${bucket}/${key}`);
        const judged = withServiceRights(unidentified(c, 'storage.object.upload_signed'));
        await upload(uploads, judged, { bucket, key, owner, upsert });
        return c.json({ Key: `${bucket}/${key}` });
    });
    app.post('/object/sign/*', async (c) => {
        const { bucket, key } = locate(c.req.raw, '/object/sign/');
        return key === ''
            ? c.json(await signMany(signer, await act(c, 'storage.object.sign_many'), bucket))
            : c.json(await signOne(signer, await act(c, 'storage.object.sign'), bucket, key));
    });
    app.get('/object/sign/*', async (c) => {
        const { bucket, key } = locate(c.req.raw, '/object/sign/');
        const { exp } = await signer.verifyDownload(tokenOf(c), `${bucket}/${key}`);
        const judged = unidentified(c, 'storage.object.get_signed');
        const row = await asService(judged, (tx) => findObject(tx, bucket, key));
        return serve(files, c.req.raw, row, { expires: new Date(exp * 1000) });
    });

    // Reading
    app.get('/object/public/*', async (c) => {
        const { bucket, key } = locate(c.req.raw, '/object/public/');
        return serve(
            files,
            c.req.raw,
            await publicObject(unidentified(c, 'storage.object.get_public'), bucket, key)
        );
    });
    app.get('/object/info/public/*', async (c) => {
        const { bucket, key } = locate(c.req.raw, '/object/info/public/');
        return c.json(
            describeObject(await publicObject(unidentified(c, 'storage.object.info_public'), bucket, key))
        );
    });
    for (const prefix of ['/object/info/authenticated/', '/object/info/'] as const) {
        app.get(`${prefix}*`, async (c) => {
            const optional = prefix === '/object/info/';
            const { bucket, key } = locate(c.req.raw, prefix);
            const asked = await act(c, 'object.get_authenticated_info', { optional });
            return c.json(describeObject(await readable(asked, bucket, key)));
        });
    }
    app.get('/object/authenticated/*', async (c) => download(c, '/object/authenticated/'));

    // Listing, moving
    app.post('/object/list/:bucket', async (c) =>
        c.json(await list(await act(c, 'storage.object.list'), c.req.param('bucket')))
    );
    app.post('/object/list-v2/:bucket', async (c) =>
        c.json(await listV2(await act(c, 'storage.object.list_v2'), c.req.param('bucket')))
    );
    app.post('/object/move', async (c) =>
        c.json(await moveObject(files, await act(c, 'storage.object.move')))
    );
    app.post('/object/copy', async (c) =>
        c.json(await copyObject(files, await act(c, 'storage.object.copy')))
    );

    // Objects by name: after every path above, since a bucket may have any name but theirs
    app.get('/object/*', async (c) => download(c, '/object/', { optional: true }));
    app.post('/object/*', async (c) =>
        store(c, 'storage.object.upload', c.req.header('x-upsert') === 'true')
    );
    app.put('/object/*', async (c) => store(c, 'storage.object.upload_update', true));
    app.delete('/object/*', async (c) => {
        const { bucket, key } = locate(c.req.raw, '/object/');
        return key === ''
            ? c.json(await removeMany(files, await act(c, 'storage.object.delete_many'), bucket))
            : c.json(await removeOne(files, await act(c, 'storage.object.delete'), bucket, key));
    });

    async function download(c: Context, prefix: string, { optional = false } = {}): Promise<Response> {
        const { bucket, key } = locate(c.req.raw, prefix);
        const operation =
            c.req.raw.method === 'HEAD'
                ? 'object.head_authenticated_info'
                : 'storage.object.get_authenticated';
        const row: ObjectRow = await readable(await act(c, operation, { optional }), bucket, key);
        return serve(files, c.req.raw, row);
    }
    async function store(c: Context, operation: Operation, upsert: boolean): Promise<Response> {
        const { bucket, key } = locate(c.req.raw, '/object/');
        const asked = await act(c, operation);
        const row = await upload(uploads, asked, { bucket, key, owner: asked.caller.claims.sub, upsert });
        return c.json({ Id: row.id, Key: `${bucket}/${key}` });
    }

    return { fetch: (request: Request) => app.fetch(request), close: async () => {} };
}
