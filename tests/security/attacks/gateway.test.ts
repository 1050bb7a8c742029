// Attacks on the project's door itself: keys and headers mixed, verbs disguised, requests smuggled, addresses that are not
// there.
import { connect } from 'node:net';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stack } from '../../support/stack.ts';
import { expectedFunctions } from '../matrix.ts';
import { ask, repelled, theScene } from './scene.ts';
import type { Scene } from './scene.ts';

let scene: Scene;

beforeAll(async () => {
    scene = await theScene();
});
afterAll(() => scene.end());

const rows = (): string => `/rest/v1/customers?account_id=eq.${scene.bell.accountId}`;

/** Bytes as they are, and all that comes back. */
function raw(lines: readonly string[], body = ''): Promise<string> {
    const { hostname, port } = new URL(stack().apiUrl);
    return new Promise((resolve, reject) => {
        let said = '';
        const socket = connect(Number(port), hostname, () =>
            socket.write([...lines, '', body].join('\r\n'), () => undefined)
        );
        socket.setTimeout(5_000, () => socket.destroy());
        socket.on('data', (chunk: Buffer) => (said += chunk.toString('latin1')));
        socket.on('close', () => resolve(said));
        socket.on('error', (error: NodeJS.ErrnoException) =>
            error.code === 'ECONNRESET' ? resolve(said) : reject(error)
        );
    });
}

const keyed = (): string[] => [
    `Host: ${new URL(stack().apiUrl).host}`,
    `apikey: ${stack().publishableKey}`,
    `Authorization: Bearer ${scene.finch.owner.accessToken}`
];

describe('keys', () => {
    test.each([
        ['none', () => ''],
        [
            'a guess',
            () =>
                `sb_secret_${randomBytes(17).toString('base64url').slice(0, 22)}_${randomBytes(6).toString('base64url')}`
        ],
        ['the secret’s name alone', () => 'sb_secret_'],
        ['the secret key cut', () => stack().secretKey.slice(0, -1)],
        ['the secret key grown', () => `${stack().secretKey}x`],
        ['the secret key in capitals', () => stack().secretKey.toUpperCase()],
        ['the publishable key called secret', () => stack().publishableKey.replace('publishable', 'secret')],
        ['a list', () => `${stack().publishableKey}, service_role`]
    ])('[ISO-1] %s is no key', async (_, key) => {
        await repelled(scene, async () => {
            const answer = await ask(rows(), { headers: { apikey: key() } });
            expect(answer.status).toBe(401);
            return answer;
        });
    });

    test('[ISO-1] the publishable key together with a guessed secret key is the publishable key', async () => {
        await repelled(scene, async () => {
            const answers = await Promise.all(
                ['sb_secret_guess', 'sb_publishable_x', 'SB_SECRET_X'].map((bearer) =>
                    ask(rows(), { headers: { authorization: `Bearer ${bearer}` } })
                )
            );
            for (const { status } of answers) expect(status).toBeGreaterThanOrEqual(400);
            return answers;
        });
    });

    test('[ISO-1] a key in the address, in a cookie or in another header is no key', async () => {
        const hidden: [string, Record<string, string>][] = [
            [`${rows()}&apikey=${stack().secretKey}`, {}],
            [rows(), { cookie: `apikey=${stack().secretKey}; sb-access-token=x` }],
            [rows(), { 'x-api-key': stack().secretKey }]
        ];
        await repelled(scene, () =>
            Promise.all(
                hidden.map(async ([path, headers]) => {
                    const answer = await ask(path, { headers: { apikey: '', ...headers } });
                    expect(answer.status).toBe(401);
                    return answer;
                })
            )
        );
    });

    test('[ISO-1] of two Authorization headers none makes somebody else of the asker', async () => {
        await repelled(scene, async () => {
            const answer = await raw([
                `GET ${rows()} HTTP/1.1`,
                ...keyed(),
                `Authorization: Bearer ${stack().secretKey}x`,
                'Connection: close'
            ]);
            expect(answer).not.toMatch(/HTTP\/1\.1 200[\s\S]*"account_id"/);
            return answer;
        });
    });

    test('[ISO-1] Basic, Digest and a bare token are no bearer’s token', async () => {
        await repelled(scene, () =>
            Promise.all(
                [
                    'Basic c3VwYWJhc2VfYWRtaW46eA==',
                    'Digest username="postgres"',
                    scene.bell.owner.accessToken,
                    'Bearer'
                ].map(async (authorization) => {
                    const answer = await ask(rows(), { headers: { authorization } });
                    expect(answer.status).toBeGreaterThanOrEqual(400);
                    return answer;
                })
            )
        );
    });
});

describe('headers', () => {
    test.each([
        ...[
            'x-supabase-role',
            'x-role',
            'role',
            'request.jwt.claims',
            'x-user-id',
            'x-account-id',
            'x-real-user'
        ],
        ...['x-postgrest-role', 'pgrst.jwt_role', 'x-forwarded-user', 'remote-user', 'x-original-user']
    ])('[ISO-1] a header named %s makes nobody of anybody', async (name) => {
        await repelled(scene, async () => {
            const values = [
                'service_role',
                scene.bell.owner.id,
                JSON.stringify({ sub: scene.bell.owner.id })
            ];
            const answers = await Promise.all(
                values.map((value) => ask(rows(), { as: scene.finch.owner, headers: { [name]: value } }))
            );
            for (const { text } of answers) expect(text).toBe('[]');
            return answers;
        });
    });

    test.each(['x-http-method-override', 'x-method-override', 'x-http-method', '_method'])(
        '[ISO-1] a verb disguised by %s stays what it is',
        async (name) => {
            const own = `/rest/v1/invoice_lines?account_id=eq.${scene.finch.accountId}`;
            const before = (await ask(own, { as: scene.finch.owner })).text;
            await repelled(scene, async () => [
                await ask(rows(), { as: scene.finch.owner, headers: { [name]: 'DELETE' } }),
                await ask(own, { as: scene.finch.owner, headers: { [name]: 'DELETE' } }),
                await ask(`${rows()}&_method=DELETE`, { as: scene.finch.owner })
            ]);
            expect((await ask(own, { as: scene.finch.owner })).text).toBe(before);
        }
    );

    test.each([
        'x-original-url',
        'x-rewrite-url',
        'x-forwarded-path',
        'x-forwarded-prefix',
        'x-forwarded-host'
    ])('[ISO-1] an address given by %s is not gone to', async (name) => {
        await repelled(scene, async () => {
            const answer = await ask('/rest/v1/permissions?select=key&limit=1', {
                as: scene.finch.owner,
                headers: { [name]: '/auth/v1/admin/users' }
            });
            expect(JSON.parse(answer.text)).toHaveLength(1);
            return answer;
        });
    });

    test('[ISO-1] a request smuggled in the body of another is not answered', async () => {
        await repelled(scene, async () => {
            const smuggled = `GET ${rows()} HTTP/1.1\r\nHost: x\r\napikey: ${stack().secretKey}x\r\n\r\n`;
            const both = await raw(
                [
                    'POST /rest/v1/rpc/me HTTP/1.1',
                    ...keyed(),
                    'Content-Type: application/json',
                    `Content-Length: ${6 + smuggled.length}`,
                    'Transfer-Encoding: chunked',
                    'Connection: close'
                ],
                `0\r\n\r\n${smuggled}`
            );
            expect(both).toMatch(/^HTTP\/1\.1 400/);
            expect(both.match(/HTTP\/1\.1 \d/g)).toHaveLength(1);
            const lengths = await raw(
                [
                    'POST /rest/v1/rpc/me HTTP/1.1',
                    ...keyed(),
                    'Content-Length: 2',
                    `Content-Length: ${smuggled.length}`
                ],
                `{}${smuggled}`
            );
            expect(lengths).toMatch(/^HTTP\/1\.1 400/);
            return [both, lengths];
        });
    });

    test('[ISO-1] a header with a line’s end in it is refused', async () => {
        const answer = await raw([
            `GET ${rows()} HTTP/1.1`,
            `Host: x`,
            `apikey: ${stack().publishableKey}`,
            'X-A: b\n\rAuthorization: Bearer x',
            ': nothing',
            'Connection: close'
        ]);
        expect(answer).toMatch(/^HTTP\/1\.1 400/);
    });
});

describe('addresses', () => {
    test.each([
        '/graphql/v1',
        '/pg/v1/query',
        '/pg/query',
        '/realtime/v1/websocket',
        '/analytics/v1',
        '/rest/v1/../../auth/v1/admin/users',
        '/rest/v1/..%2f..%2fauth/v1/admin/users',
        '/rest/v1/%2e%2e/%2e%2e/auth/v1/admin/users',
        '//auth/v1/admin/users',
        '/REST/V1/customers',
        '/rest/v2/customers',
        '/auth/v1/admin/users',
        '/auth/v1/admin/generate_link',
        '/storage/v1/s3/bucket',
        '/storage/v1/upload/resumable',
        '/storage/v1/admin/tenants',
        '/metrics',
        '/live',
        '/config',
        '/schema_cache',
        '/.env',
        '/'
    ])('[ISO-1] there is nothing for a person at %s', async (path) => {
        await repelled(scene, async () => {
            const answers = [
                await raw([`GET ${path} HTTP/1.1`, ...keyed(), 'Connection: close']),
                await raw(
                    [`POST ${path} HTTP/1.1`, ...keyed(), 'Content-Length: 2', 'Connection: close'],
                    '{}'
                )
            ];
            for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 [45]\d\d/);
            return answers;
        }, [scene.bell.owner.email]);
    });

    test('[ISO-4] the list of addresses names to each role what that role may use, and no more', async () => {
        const listed = async (as?: string): Promise<string[]> => {
            const answer = await ask('/rest/v1/', as ? { as } : {});
            const { paths = {} } = JSON.parse(answer.text) as { paths?: Record<string, unknown> };
            return Object.keys(paths).filter((path) => path !== '/');
        };
        const nobody = await listed();
        const forAnybody = [...expectedFunctions()]
            .filter(([name, [granted = '']]) => name.startsWith('public.') && granted.includes('anon'))
            .map(([name]) => name.replace('public.', '/rpc/'));
        expect(nobody.toSorted()).toEqual(forAnybody.toSorted());
        const person = await listed(scene.finch.owner.accessToken);
        expect(person).toContain('/customers');
        expect(
            person.filter((path) => /audit\.|private|mail|billing|claim_|vault|before_request/.test(path))
        ).toEqual([]);
    });

    test('[ISO-4] an edge function for workers or mail does nothing for a person', async () => {
        await repelled(scene, async () => {
            const answers = await Promise.all(
                ['send-mail', 'storage-sweep', 'stripe-webhook', 'auth-mail'].map((name) =>
                    ask(`/functions/v1/${name}`, {
                        as: scene.finch.owner,
                        method: 'POST',
                        body: { action: 'sweep' },
                        headers: { 'x-tf-worker': 'a'.repeat(64) }
                    })
                )
            );
            for (const { status } of answers) expect(status).toBeGreaterThanOrEqual(400);
            return answers;
        });
    });
});
