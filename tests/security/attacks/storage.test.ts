// Attacks on files: names that climb, other buckets, copies across accounts, and signed addresses bent to another object.
import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call } from '../../support/business.ts';
import type { Business } from '../../support/business.ts';
import { stack } from '../../support/stack.ts';
import { ask, repelled, theScene } from './scene.ts';
import type { Answer, Scene, Things } from './scene.ts';

let scene: Scene;
const pdf = new Blob(['%PDF-1.4\n%%EOF\n'], { type: 'application/pdf' });

beforeAll(async () => {
    scene = await theScene();
});
afterAll(() => scene.end());

/** A path byte by byte as it stands: fetch would clean it up. */
function untidied(
    path: string,
    options: { method?: string; headers?: Record<string, string>; body?: string } = {}
): Promise<Answer> {
    const { hostname, port } = new URL(stack().apiUrl);
    return new Promise((resolve, reject) => {
        const sent = request(
            {
                ...{ hostname, port, path, method: options.method ?? 'GET' },
                headers: {
                    apikey: stack().publishableKey,
                    authorization: `Bearer ${scene.finch.owner.accessToken}`,
                    ...options.headers
                }
            },
            (answer) => {
                const chunks: Buffer[] = [];
                answer.on('data', (chunk: Buffer) => chunks.push(chunk));
                answer.on('end', () =>
                    resolve({
                        status: answer.statusCode ?? 0,
                        headers: {},
                        text: Buffer.concat(chunks).toString('latin1')
                    })
                );
            }
        );
        sent.on('error', reject);
        sent.end(options.body);
    });
}

const isPdf = ({ text }: Answer): boolean => text.startsWith('%PDF');
const store = (business: Business): ReturnType<Business['owner']['db']['storage']['from']> =>
    scene.finch.owner.db.storage.from(business.accountId);

/** A photo that somebody has begun, with the name it may be uploaded under. */
async function begun(business: Business & Things): Promise<{ documentId: string; uploadName: string }> {
    const started = await call<{ document_id: string; upload_name: string }>(
        business.owner.db,
        'start_document',
        {
            ...{ account_id: business.accountId, job_id: business.jobId, kind: 'photo' },
            ...{ file_name: 'IMG.jpg', idempotency_key: randomUUID() }
        }
    );
    return { documentId: started.document_id, uploadName: started.upload_name };
}

describe('names', () => {
    /** Ways from one's own bucket to bell's file, or from a folder of bell's one may not enter. */
    const ways: [string, () => string][] = [
        ['..', () => `${scene.finch.accountId}/../${scene.bell.accountId}/${scene.bell.objectName}`],
        ['%2e%2e', () => `${scene.finch.accountId}/%2e%2e/${scene.bell.accountId}/${scene.bell.objectName}`],
        [
            '%2e%2e%2f',
            () => `${scene.finch.accountId}/%2e%2e%2f${scene.bell.accountId}%2f${scene.bell.objectName}`
        ],
        [
            '%252e%252e',
            () => `${scene.finch.accountId}/%252e%252e/${scene.bell.accountId}/${scene.bell.objectName}`
        ],
        ['%2f', () => `${scene.finch.accountId}%2f..%2f${scene.bell.accountId}/${scene.bell.objectName}`],
        [
            '%5c',
            () =>
                `${scene.finch.accountId}/..%5c${scene.bell.accountId}%5c${scene.bell.objectName.replaceAll('/', '%5c')}`
        ],
        [
            'a backslash',
            () => `${scene.finch.accountId}\\..\\${scene.bell.accountId}/${scene.bell.objectName}`
        ],
        ['double slashes', () => `/${scene.bell.accountId}//${scene.bell.objectName.replaceAll('/', '//')}`],
        ['a trailing slash', () => `${scene.bell.accountId}/${scene.bell.objectName}/`],
        ['a trailing dot', () => `${scene.bell.accountId}/${scene.bell.objectName}.`],
        ['a NUL', () => `${scene.finch.accountId}/x%00/../${scene.bell.accountId}/${scene.bell.objectName}`],
        [
            'a full-width stop',
            () =>
                `${scene.finch.accountId}/%EF%BC%8E%EF%BC%8E/${scene.bell.accountId}/${scene.bell.objectName}`
        ],
        [
            'a division slash',
            () =>
                `${scene.finch.accountId}%E2%88%95..%E2%88%95${scene.bell.accountId}/${scene.bell.objectName}`
        ],
        [
            'overlong UTF-8',
            () => `${scene.finch.accountId}/%c0%ae%c0%ae/${scene.bell.accountId}/${scene.bell.objectName}`
        ],
        ['the bucket in capitals', () => `${scene.bell.accountId.toUpperCase()}/${scene.bell.objectName}`],
        ['the plain way', () => `${scene.bell.accountId}/${scene.bell.objectName}`]
    ];

    test.each(ways)('[ISO-1] no file of another account is read by a name with %s', async (_, way) => {
        const own = await ask(
            `/storage/v1/object/authenticated/${scene.bell.accountId}/${scene.bell.objectName}`,
            {
                as: scene.bell.owner
            }
        );
        expect(isPdf(own)).toBe(true);
        await repelled(scene, async () => {
            const answers = await Promise.all(
                [
                    'object',
                    'object/authenticated',
                    'object/public',
                    'object/info',
                    'object/info/authenticated',
                    'render/image/authenticated'
                ].map((door) => untidied(`/storage/v1/${door}/${way()}`))
            );
            for (const answer of answers) {
                expect(answer.status).toBeGreaterThanOrEqual(400);
                expect(isPdf(answer)).toBe(false);
            }
            return answers;
        });
    });

    test.each(ways)(
        '[ISO-1] nothing of another account is written, signed or removed by a name with %s',
        async (_, way) => {
            const headers = { 'content-type': 'application/pdf', 'x-upsert': 'true' };
            await repelled(scene, async () => {
                const answers = [
                    await untidied(`/storage/v1/object/${way()}`, {
                        method: 'POST',
                        headers,
                        body: '%PDF forged'
                    }),
                    await untidied(`/storage/v1/object/${way()}`, {
                        method: 'PUT',
                        headers,
                        body: '%PDF forged'
                    }),
                    await untidied(`/storage/v1/object/upload/sign/${way()}`, { method: 'POST', headers }),
                    await untidied(`/storage/v1/object/sign/${way()}`, {
                        ...{ method: 'POST', body: '{"expiresIn":60}' },
                        headers: { 'content-type': 'application/json' }
                    }),
                    await untidied(`/storage/v1/object/${way()}`, { method: 'DELETE' })
                ];
                for (const { status, text } of answers) {
                    expect(status, text).toBeGreaterThanOrEqual(400);
                    expect(text).not.toMatch(/token=/);
                }
                return answers;
            });
        }
    );

    test('[ISO-1] a name that climbs can’t be kept in one’s own bucket either', async () => {
        const { uploadName } = await begun(scene.finch);
        await repelled(scene, async () => {
            const answers = await Promise.all(
                [
                    `../${scene.bell.accountId}/x`,
                    `${uploadName}/../../x`,
                    `${uploadName}%20`,
                    uploadName.toUpperCase()
                ].map((name) => store(scene.finch).upload(name, pdf, { contentType: 'image/jpeg' }))
            );
            for (const { error } of answers) expect(error).not.toBeNull();
            return answers;
        });
        const [kept] = await scene.sql`
            select count(*)::int as objects from storage.objects
            where bucket_id = ${scene.finch.accountId} and name <> ${scene.finch.objectName}
        `;
        expect(kept?.objects).toBe(0);
    });
});

describe('across accounts', () => {
    test('[ISO-1] a file is copied neither out of another account nor into it', async () => {
        const { bell, finch } = scene;
        await repelled(scene, async () => {
            const out = await store(bell).copy(bell.objectName, 'photo/x/0', {
                destinationBucket: finch.accountId
            });
            const into = await store(finch).copy(finch.objectName, 'photo/x/0', {
                destinationBucket: bell.accountId
            });
            const over = await store(finch).copy(finch.objectName, bell.objectName, {
                destinationBucket: bell.accountId
            });
            for (const { error } of [out, into, over]) expect(error).not.toBeNull();
            return [out, into, over];
        });
    });

    test('[ISO-1] a file is moved neither out of another account nor into it, nor within it', async () => {
        const { bell, finch } = scene;
        await repelled(scene, async () => {
            const answers = [
                await store(bell).move(bell.objectName, 'photo/x/0', { destinationBucket: finch.accountId }),
                await store(finch).move(finch.objectName, 'photo/x/0', { destinationBucket: bell.accountId }),
                await store(finch).move(finch.objectName, bell.objectName, {
                    destinationBucket: bell.accountId
                }),
                await store(bell).move(bell.objectName, `${bell.objectName}.gone`)
            ];
            for (const { error } of answers) expect(error).not.toBeNull();
            return answers;
        });
        expect(
            (await finch.owner.db.storage.from(finch.accountId).download(finch.objectName)).error
        ).toBeNull();
    });

    test('[ISO-1] a file is copied into another account’s waiting place by nobody', async () => {
        const { uploadName } = await begun(scene.bell);
        await repelled(scene, async () => {
            const copied = await store(scene.finch).copy(scene.finch.objectName, uploadName, {
                destinationBucket: scene.bell.accountId
            });
            const put = await store(scene.bell).upload(uploadName, pdf, { contentType: 'image/jpeg' });
            const signed = await store(scene.bell).createSignedUploadUrl(uploadName);
            for (const { error } of [copied, put, signed]) expect(error).not.toBeNull();
            return [copied, put, signed];
        });
    });

    test.each(['', '/', '.', '..', '%', '_', 'invoice_pdf', 'photo', '*', '../'])(
        '[ISO-1] a list of another account’s files by the prefix “%s” is empty',
        async (prefix) => {
            await repelled(scene, async () => {
                const body = {
                    prefix,
                    limit: 1000,
                    offset: 0,
                    search: '',
                    sortBy: { column: 'name', order: 'asc' }
                };
                const answers = await Promise.all([
                    ask(`/storage/v1/object/list/${scene.bell.accountId}`, {
                        as: scene.finch.owner,
                        method: 'POST',
                        body
                    }),
                    ask(`/storage/v1/object/list-v2/${scene.bell.accountId}`, {
                        as: scene.finch.owner,
                        method: 'POST',
                        body: { prefix, limit: 1000, with_delimiter: false }
                    })
                ]);
                return answers;
            }, [scene.bell.objectName, scene.bell.documentId]);
        }
    );

    test('[ISO-1] many files signed or removed at once include none of another account’s', async () => {
        const { bell, finch } = scene;
        await repelled(scene, async () => {
            const names = [bell.objectName, `../${bell.accountId}/${bell.objectName}`, finch.objectName];
            const signed = await store(bell).createSignedUrls(names, 60);
            for (const { signedUrl } of signed.data ?? []) expect(signedUrl ?? '').toBe('');
            const removed = await store(bell).remove(names);
            expect(removed.data ?? []).toEqual([]);
            return [signed, removed];
        });
    });

    test('[FILE-1] a person makes, changes, empties, opens and lists no bucket', async () => {
        const { storage } = scene.finch.owner.db;
        const { accountId } = scene.bell;
        await repelled(scene, async () => {
            const answers = [
                await storage.createBucket(`bucket-${randomUUID()}`, { public: true }),
                await storage.updateBucket(accountId, { public: true }),
                await storage.updateBucket(scene.finch.accountId, { public: true }),
                await storage.emptyBucket(accountId),
                await storage.deleteBucket(accountId),
                await storage.getBucket(accountId)
            ];
            for (const { error } of answers) expect(error).not.toBeNull();
            const listed = await storage.listBuckets();
            expect(listed.data ?? []).toEqual([]);
            return [answers, listed];
        });
    });
});

describe('signed addresses', () => {
    /** finch's own signed address, with another path behind the same token. */
    async function bent(bend: (path: string) => string): Promise<Answer> {
        const { data } = await store(scene.finch).createSignedUrl(scene.finch.objectName, 60);
        const url = new URL(data?.signedUrl ?? '');
        expect(isPdf(await ask(`${url.pathname}${url.search}`))).toBe(true);
        return untidied(`${bend(url.pathname)}${url.search}`, { headers: { authorization: '' } });
    }

    test.each<[string, (path: string) => string]>([
        ['another bucket', (path) => path.replace(scene.finch.accountId, scene.bell.accountId)],
        ['another object', () => `/storage/v1/object/sign/${scene.bell.accountId}/${scene.bell.objectName}`],
        ['a way out of it', (path) => `${path}/../../../../${scene.bell.accountId}/${scene.bell.objectName}`],
        [
            'an encoded way out',
            (path) => `${path}%2f..%2f..%2f..%2f..%2f${scene.bell.accountId}/${scene.bell.objectName}`
        ],
        ['another door', (path) => path.replace('/object/sign/', '/object/authenticated/')],
        ['the door of images', (path) => path.replace('/object/sign/', '/render/image/sign/')]
    ])('[FILE-2] a signed address with %s opens nothing', async (_, bend) => {
        await repelled(scene, async () => {
            const answer = await bent(bend);
            expect(answer.status).toBeGreaterThanOrEqual(400);
            expect(isPdf(answer)).toBe(false);
            return answer;
        });
    });

    test('[FILE-2] an address to view is none to upload or delete, and one to upload none to view', async () => {
        const viewing = await store(scene.finch).createSignedUrl(scene.finch.objectName, 60);
        const token = new URL(viewing.data?.signedUrl ?? '').searchParams.get('token') ?? '';
        const { uploadName } = await begun(scene.finch);
        const uploading = await store(scene.finch).createSignedUploadUrl(uploadName);
        await repelled(scene, async () => {
            const answers = [
                await store(scene.finch).uploadToSignedUrl(uploadName, token, pdf),
                await store(scene.bell).uploadToSignedUrl(
                    scene.bell.objectName,
                    uploading.data?.token ?? '',
                    pdf
                )
            ];
            for (const { error } of answers) expect(error).not.toBeNull();
            const viewed = await ask(
                `/storage/v1/object/sign/${scene.finch.accountId}/${uploadName}?token=${uploading.data?.token ?? ''}`
            );
            expect(viewed.status).toBeGreaterThanOrEqual(400);
            return [answers, viewed];
        });
    });

    test('[FILE-2] a signed address with its claims changed, unsigned, or signed by another is refused', async () => {
        const { data } = await store(scene.finch).createSignedUrl(scene.finch.objectName, 60);
        const [head = '', body = '', signature = ''] = (
            new URL(data?.signedUrl ?? '').searchParams.get('token') ?? ''
        ).split('.');
        const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as object;
        const forged = Buffer.from(
            JSON.stringify({ ...claims, url: `${scene.bell.accountId}/${scene.bell.objectName}` })
        ).toString('base64url');
        const none = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url');
        await repelled(scene, () =>
            Promise.all(
                [
                    `${head}.${forged}.${signature}`,
                    `${none}.${forged}.`,
                    scene.finch.owner.accessToken,
                    'x'
                ].map(async (token) => {
                    const answer = await ask(
                        `/storage/v1/object/sign/${scene.bell.accountId}/${scene.bell.objectName}?token=${token}`
                    );
                    expect(answer.status).toBeGreaterThanOrEqual(400);
                    return answer;
                })
            )
        );
    });
});

describe('a link’s header', () => {
    const door = (): string => `/storage/v1/object/authenticated/${scene.bell.accountId}/`;

    test('[ISO-1] opens the one PDF of its invoice and nothing beside it', async () => {
        const token = await scene.bell.aLink(scene.bell.invoiceId);
        const other = await scene.bell.anInvoice();
        const [row] = await scene.sql<{ name: string }[]>`
            select object_name as name from public.documents where id = ${other.documentId}
        `;
        const headers = { 'x-tf-portal': token };
        expect(isPdf(await ask(`${door()}${scene.bell.objectName}`, { headers }))).toBe(true);
        expect(isPdf(await ask(`${door()}${row?.name ?? ''}`, { headers }))).toBe(false);
        expect(isPdf(await ask(`${door()}${row?.name ?? ''}`, { as: scene.bell.owner }))).toBe(true);
        const listed = await ask(`/storage/v1/object/list/${scene.bell.accountId}`, {
            ...{ method: 'POST', headers },
            body: { prefix: '', limit: 100, offset: 0 }
        });
        expect(listed.text).not.toContain(other.documentId);
    });

    test('[ISO-1] opens nothing once the link is revoked, spoiled, or the person is somebody else', async () => {
        const token = await scene.bell.aLink(scene.bell.invoiceId);
        const path = `${door()}${scene.bell.objectName}`;
        for (const bad of [`${token}x`, token.slice(1), '', '%'])
            expect(isPdf(await ask(path, { headers: { 'x-tf-portal': bad } }))).toBe(false);
        expect(isPdf(await ask(path, { as: scene.finch.owner, headers: { 'x-tf-portal': token } }))).toBe(
            false
        );
        await call(scene.bell.owner.db, 'revoke_portal_links', {
            account_id: scene.bell.accountId,
            invoice_id: scene.bell.invoiceId
        });
        expect(isPdf(await ask(path, { headers: { 'x-tf-portal': token } }))).toBe(false);
    });
});
