// Tokens in signed URLs. They are signed with a key of their own, so that none of them is a login, and no login is one
// of them; each is bound to one object, one action and an expiry.
import { randomBytes } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';
import { refusal } from './errors.ts';

/** The life of an upload token on hosted, in seconds: 2 h, and the caller has no say in it. */
const uploadLife = 2 * 60 * 60;

const Download = z.object({ url: z.string(), scope: z.literal('download'), exp: z.number() });
const Upload = z.object({
    url: z.string(),
    scope: z.literal('upload'),
    upsert: z.boolean(),
    owner: z.string().optional(),
    exp: z.number()
});
export type DownloadToken = z.infer<typeof Download>;
export type UploadToken = z.infer<typeof Upload>;
export type Tokens = ReturnType<typeof tokens>;

/** Reads the signing key from a folder; the first start makes it, readable by the owner alone. */
export async function signingKey(folder: string): Promise<Uint8Array> {
    const path = join(folder, 'url-signing.key');
    const stored = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
    });
    if (stored) return Buffer.from(stored, 'hex');
    const key = randomBytes(32);
    // Written beside and renamed, so that a crash never leaves half a key.
    await writeFile(`${path}.new`, key.toString('hex'), { mode: 0o600, flush: true });
    await rename(`${path}.new`, path);
    return key;
}

/** Signs and verifies with one key, by the given clock. */
export function tokens(key: Uint8Array, clock: { now(): Date }) {
    function sign(claims: Record<string, unknown>, life: number): Promise<string> {
        const now = Math.floor(clock.now().getTime() / 1000);
        return new SignJWT(claims)
            .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
            .setIssuedAt(now)
            .setExpirationTime(now + life)
            .sign(key);
    }

    async function verify<T extends { url: string; scope: string }>(
        token: string,
        scope: T['scope'],
        shape: z.ZodType<T>,
        url: string
    ): Promise<T> {
        const payload = await jwtVerify(token, key, { algorithms: ['HS256'], currentDate: clock.now() })
            .then((result) => result.payload)
            .catch((error: unknown) => {
                throw refusal('InvalidJWT', error instanceof Error ? error.message : undefined, error);
            });
        const claims = shape.safeParse(payload);
        if (!claims.success) throw refusal('InvalidSignature', `Token is not scoped for ${scope}`);
        if (claims.data.url !== url) throw refusal('InvalidSignature');
        return claims.data;
    }

    return {
        /** A token to read one object ("bucket/key") for `life` seconds. */
        signDownload: (url: string, life: number) => sign({ url, scope: 'download' }, life),
        /** A token to write one object in the name of its owner. */
        signUpload: (url: string, owner: string | undefined, upsert: boolean) =>
            sign({ owner, url, upsert, scope: 'upload' }, uploadLife),
        /** Refuses what is forged or expired (InvalidJWT), or made for another object or action (InvalidSignature). */
        verifyDownload: (token: string, url: string): Promise<DownloadToken> =>
            verify(token, 'download', Download, url),
        verifyUpload: (token: string, url: string): Promise<UploadToken> =>
            verify(token, 'upload', Upload, url)
    };
}
