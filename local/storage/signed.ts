// Making signed URLs. The caller's policies decide here; whoever holds the URL is asked nothing but the token.
import { z } from 'zod';
import { headerMetadata } from './body.ts';
import { readJson } from './input.ts';
import { checkKey } from './limits.ts';
import { findObject, mayWrite } from './objects.ts';
import { asCaller, type Act } from './rls.ts';
import type { Tokens } from './tokens.ts';

/** Seconds; the upper bound keeps the expiry a date that a token can carry. */
const ExpiresIn = z.number().int().min(1).max(10_000_000_000);
const Sign = z.object({ expiresIn: ExpiresIn });
const SignMany = z.object({ expiresIn: ExpiresIn, paths: z.array(z.string()).min(1).max(1000) });

/** A URL to read one object. A transform is passed over, as on a project that has none. */
export async function signOne(tokens: Tokens, act: Act, bucket: string, key: string) {
    const { expiresIn } = await readJson(act.request, Sign);
    checkKey(key);
    await asCaller(act, (tx) => findObject(tx, bucket, key));
    return { signedURL: await downloadUrl(tokens, `${bucket}/${key}`, expiresIn) };
}

/** URLs to read many, in the order asked; one that does not exist or is hidden gets a sentence instead. */
export async function signMany(tokens: Tokens, act: Act, bucket: string) {
    const { expiresIn, paths } = await readJson(act.request, SignMany);
    const rows = await asCaller(
        act,
        (tx) => tx<{ name: string }[]>`
            select name
            from storage.objects
            where bucket_id = ${bucket}
                and name = any (${paths})
        `
    );
    const visible = new Set(rows.map((row) => row.name));
    return Promise.all(
        paths.map(async (path) =>
            visible.has(path)
                ? { error: null, path, signedURL: await downloadUrl(tokens, `${bucket}/${path}`, expiresIn) }
                : {
                      error: 'Either the object does not exist or you do not have access to it',
                      path,
                      signedURL: null
                  }
        )
    );
}

/** A URL to write one object in the caller's name, when the caller's policies would take it now. */
export async function signUpload(tokens: Tokens, act: Act, bucket: string, key: string) {
    checkKey(key);
    const { headers } = act.request;
    const upsert = headers.get('x-upsert') === 'true';
    const owner = act.caller.claims.sub;
    const draft = {
        bucket,
        key,
        owner,
        metadata: {
            mimetype: headers.get('content-type') ?? undefined,
            contentLength: Number(headers.get('content-length') ?? 0)
        },
        userMetadata: headerMetadata(headers.get('x-metadata'))
    };
    await mayWrite(act, draft, upsert);
    const url = `${bucket}/${key}`;
    const token = await tokens.signUpload(url, owner, upsert);
    return { url: `/object/upload/sign/${url}?token=${token}`, token };
}

async function downloadUrl(tokens: Tokens, url: string, life: number): Promise<string> {
    return `/object/sign/${url}?token=${await tokens.signDownload(url, life)}`;
}
