// Attacks through the tables of the Data API: finch's owner, with a good token of their own, goes for bell's rows.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stack } from '../../support/stack.ts';
import { ask, nobodysId, repelled, theScene } from './scene.ts';
import type { Answer, Scene } from './scene.ts';

let scene: Scene;

beforeAll(async () => {
    scene = await theScene();
});
afterAll(() => scene.end());

/** As finch's owner. */
const get = (path: string, headers: Record<string, string> = {}): Promise<Answer> =>
    ask(`/rest/v1/${path}`, { as: scene.finch.owner, headers });
const send = (
    method: string,
    path: string,
    body?: unknown,
    prefer = 'return=representation'
): Promise<Answer> => ask(`/rest/v1/${path}`, { as: scene.finch.owner, method, body, headers: { prefer } });

/** The same as bell's own owner, which proves that the attack is aimed right. */
const asBell = (path: string, headers: Record<string, string> = {}): Promise<Answer> =>
    ask(`/rest/v1/${path}`, { as: scene.bell.owner, headers });

describe('reading', () => {
    test('[ISO-1] another account’s id in a filter finds nothing', async () => {
        const path = `customers?account_id=eq.${scene.bell.accountId}`;
        expect((await asBell(path)).text).toContain(scene.mark);
        await repelled(scene, async () => {
            const answer = await get(path);
            expect(answer.text).toBe('[]');
            return answer;
        });
    });

    test('[ISO-1] another account’s row asked for by its own id is as if it were not there', async () => {
        const path = (id: string): string => `jobs?id=eq.${id}`;
        expect((await asBell(path(scene.bell.jobId))).text).toContain(scene.mark);
        await repelled(scene, async () => {
            const [real, missing] = await Promise.all([get(path(scene.bell.jobId)), get(path(nobodysId()))]);
            expect(real.text).toBe(missing.text);
            return [real, missing];
        });
    });

    test.each([
        ['or', () => `or=(account_id.eq.${scene.finch.accountId},account_id.eq.${scene.bell.accountId})`],
        ['not', () => `account_id=neq.${scene.finch.accountId}`],
        ['not.and', () => `not.and=(account_id.eq.${scene.finch.accountId},name.eq.x)`],
        ['in', () => `account_id=in.(${scene.bell.accountId},${scene.finch.accountId})`],
        ['not.in', () => `account_id=not.in.(${scene.finch.accountId})`],
        ['not.is.null', () => 'id=not.is.null'],
        ['nothing at all', () => 'select=*'],
        ['like', () => `name=like.*${scene.mark}*`],
        ['a regular expression', () => `name=match.${scene.mark}`],
        ['full text', () => `name=fts.${scene.mark}`],
        ['any of a list', () => `name=like(any).{*${scene.mark}*,x}`]
    ])('[ISO-1] a filter by “%s” shows no row of another account', async (_, filter) => {
        expect((await asBell(`customers?account_id=eq.${scene.bell.accountId}`)).text).toContain(scene.mark);
        await repelled(scene, () => get(`customers?${filter()}`), [scene.bell.accountId]);
    });

    test('[ISO-1] an embed reaches no row of another account, from either side', async () => {
        const embeds = [
            `customers?select=*,jobs(*,invoices(*,invoice_lines(*)))`,
            `jobs?select=*,customers!inner(*)&customers.account_id=eq.${scene.bell.accountId}`,
            `invoices?select=*,...customers(owned_by:account_id,known_as:name)`,
            `accounts?select=*,members(*),customers(*),invoices(*)`,
            `permissions?select=*,role_permissions(*,roles(*,members(*)))`,
            `jobs?select=*,invoices(payments(*),portal_links(id,sent_to))&or=(account_id.eq.${scene.bell.accountId},id.not.is.null)`
        ];
        const whole = await asBell(embeds[0] ?? '');
        expect(whole.text).toContain(scene.mark);
        await repelled(scene, () => Promise.all(embeds.map((path) => get(path))), [scene.bell.accountId]);
    });

    test('[ISO-1] ordering and filtering by an embedded row of another account tells nothing', async () => {
        await repelled(scene, async () => {
            const answers = await Promise.all([
                get(`jobs?select=id,customers(name)&order=customers(name).desc`),
                get(`jobs?select=id,customers!inner()&customers.name=like.*${scene.mark}*`),
                get(`invoices?select=id&customers.email=not.is.null&account_id=eq.${scene.bell.accountId}`)
            ]);
            expect(answers[1]?.text).toBe('[]');
            return answers;
        }, [scene.bell.jobId, scene.bell.accountId]);
    });

    test('[ISO-1] an exact count over another account’s rows is nought', async () => {
        const path = `invoices?account_id=eq.${scene.bell.accountId}&select=id`;
        const own = await asBell(path, { prefer: 'count=exact' });
        expect(own.headers['content-range']).toMatch(/\/2$/);
        const other = await get(path, { prefer: 'count=exact' });
        expect(other.headers['content-range']).toBe('*/0');
        const head = await ask(`/rest/v1/${path}`, {
            as: scene.finch.owner,
            method: 'HEAD',
            headers: { prefer: 'count=exact' }
        });
        expect(head.headers['content-range']).toBe('*/0');
    });

    test.each(['planned', 'estimated'])(
        '[ISO-1] a %s count, which the planner would guess from everybody’s rows, is not to be had',
        async (kind) => {
            for (const headers of [
                { prefer: `count=${kind}` },
                { prefer: `return=representation, count=${kind}` },
                { prefer: `x="y", count=${kind}` }
            ]) {
                const answer = await get(`customers?account_id=eq.${scene.bell.accountId}`, headers);
                expect(answer.headers['content-range']).toBeUndefined();
                expect(answer).toMatchObject({
                    status: 400,
                    text: expect.stringContaining('count_not_offered')
                });
            }
        }
    );

    test('[ISO-1] a range far beyond one’s own rows holds none of another account', async () => {
        await repelled(
            scene,
            () =>
                Promise.all([
                    get('customers', { range: '0-100000' }),
                    get('customers?limit=100000&offset=0'),
                    get('customers?limit=1000&offset=1&order=account_id.desc')
                ]),
            [scene.bell.accountId]
        );
    });

    test.each([
        'text/csv',
        'application/vnd.pgrst.object+json',
        'application/geo+json',
        'application/octet-stream',
        '*/*'
    ])('[ISO-1] answered as %s, another account’s rows are no nearer', async (accept) => {
        await repelled(scene, () => get(`customers?account_id=eq.${scene.bell.accountId}`, { accept }));
    });

    test('[ISO-1] the plan of a query is not shown to anybody', async () => {
        for (const accept of [
            'application/vnd.pgrst.plan',
            'application/vnd.pgrst.plan+json; options=analyze|verbose|buffers',
            'application/vnd.pgrst.plan+text; for="application/json"'
        ]) {
            const answer = await get(`customers?account_id=eq.${scene.bell.accountId}`, { accept });
            expect(answer.status).toBeGreaterThanOrEqual(400);
            expect(answer.text).not.toMatch(/Seq Scan|Index|Rows Removed|Plan Rows/);
        }
    });

    test.each([
        ...['private', 'audit', 'billing', 'mail', 'auth', 'storage', 'vault', 'cron', 'net', 'extensions'],
        ...[
            'pg_catalog',
            'information_schema',
            'pg_temp',
            'supabase_migrations',
            'graphql_public',
            'PUBLIC',
            'public,audit'
        ]
    ])('[ISO-4] switching to the schema %s is refused, to read, to write and to call', async (schema) => {
        const answers = await Promise.all([
            get('records', { 'accept-profile': schema }),
            ask('/rest/v1/records', {
                ...{ as: scene.finch.owner, method: 'POST', body: {} },
                headers: { 'content-profile': schema }
            }),
            ask('/rest/v1/rpc/version', {
                ...{ as: scene.finch.owner, method: 'POST', body: {} },
                headers: { 'content-profile': schema }
            })
        ]);
        for (const { status, text } of answers) {
            expect(status).toBe(406);
            expect(text).toContain('The schema must be one of the following');
        }
    });

    test('[ISO-1] a column that is kept back shows in no list, filter, order, cast or embed', async () => {
        const asked = [
            'portal_links?select=token_hash',
            'portal_links?select=id,h:token_hash::text',
            'portal_links?select=id&token_hash=not.is.null',
            'portal_links?select=id&order=token_hash',
            'invoices?select=id,portal_links(token_hash)'
        ];
        for (const path of asked) expect((await asBell(path)).status, path).toBe(403);
    });

    test('[ISO-1] an error by a cast in a query names no value of another account', async () => {
        await repelled(scene, () =>
            Promise.all([
                get('customers?select=name::int'),
                get('jobs?select=title::uuid,customers(name::int)'),
                get(`customers?select=id&name=eq.${scene.mark}&created_at=lt.nonsense`)
            ])
        );
    });

    test('[ISO-1] sums and averages over another account’s rows are not to be had', async () => {
        for (const select of ['total_pence.sum()', 'count()', 'account_id,total_pence.max()']) {
            await repelled(scene, () => get(`invoices?select=${select}`), [scene.bell.accountId]);
            await repelled(scene, () =>
                get(`invoices?select=${select}&account_id=eq.${scene.bell.accountId}`)
            );
        }
    });

    test('[ISO-1] a path into a JSON column of another account’s invoice leads nowhere', async () => {
        const path = `invoices?select=id,customer->>name,supplier->>email&customer->>name=like.*${scene.mark}*`;
        expect((await asBell(path)).text).toContain(scene.mark);
        await repelled(scene, async () => {
            const answer = await get(path);
            expect(answer.text).toBe('[]');
            return answer;
        });
    });
});

describe('writing', () => {
    const customer = (account: string): object => ({ account_id: account, name: 'Taken over' });

    test('[ISO-1] a row added with another account’s id in its body is refused', async () => {
        expect((await send('POST', 'customers', customer(scene.finch.accountId))).status).toBe(201);
        await repelled(scene, async () => {
            const answer = await send('POST', 'customers', customer(scene.bell.accountId));
            expect(answer.status).toBe(403);
            return answer;
        });
    });

    test('[ISO-1] of many rows one with another account’s id stops them all', async () => {
        const before = await get('customers?select=id');
        await repelled(scene, async () => {
            const answer = await send('POST', 'customers', [
                customer(scene.finch.accountId),
                customer(scene.bell.accountId)
            ]);
            expect(answer.status).toBe(403);
            return answer;
        });
        expect((await get('customers?select=id')).text).toBe(before.text);
    });

    test('[ISO-1] rows as CSV, and columns named apart from them, carry no other account in', async () => {
        await repelled(scene, async () => {
            const csv = await ask('/rest/v1/customers', {
                as: scene.finch.owner,
                method: 'POST',
                headers: { 'content-type': 'text/csv' },
                body: `account_id,name\n${scene.bell.accountId},Taken over\n`
            });
            const columns = await send('POST', 'customers?columns=account_id,name', {
                ...customer(scene.bell.accountId),
                id: randomUUID()
            });
            expect([csv.status, columns.status]).toEqual([403, 403]);
            return [csv, columns];
        });
    });

    test('[ISO-1] a row of one’s own can’t be given to another account', async () => {
        await repelled(scene, async () => {
            const answer = await send('PATCH', `customers?id=eq.${scene.finch.customerId}`, {
                account_id: scene.bell.accountId
            });
            expect(answer).toMatchObject({ status: 403, text: expect.stringContaining('42501') });
            return answer;
        });
    });

    test('[ISO-1] another account’s row can’t be taken into one’s own', async () => {
        await repelled(scene, async () => {
            const answers = await Promise.all([
                send('PATCH', `customers?id=eq.${scene.bell.customerId}`, {
                    account_id: scene.finch.accountId
                }),
                send('PATCH', `customers?id=eq.${scene.bell.customerId}`, { name: 'Taken over' }),
                send('PATCH', `customers?or=(id.eq.${scene.bell.customerId},id.eq.${nobodysId()})`, {
                    notes: 'x'
                })
            ]);
            expect(answers.map(({ text }) => text).slice(1)).toEqual(['[]', '[]']);
            return answers;
        });
    });

    test.each(['merge-duplicates', 'ignore-duplicates'])(
        '[ISO-1] an upsert (%s) upon another account’s row neither writes it nor tells of it',
        async (resolution) => {
            await repelled(scene, async () => {
                const row = {
                    account_id: scene.bell.accountId,
                    id: scene.bell.customerId,
                    name: 'Taken over'
                };
                const answers = await Promise.all([
                    send('POST', 'customers', row, `resolution=${resolution},return=representation`),
                    send('POST', 'customers?on_conflict=account_id,id', row, `resolution=${resolution}`),
                    send(
                        'PUT',
                        `customers?id=eq.${scene.bell.customerId}&account_id=eq.${scene.bell.accountId}`,
                        row
                    )
                ]);
                for (const { status } of answers) expect(status).toBeGreaterThanOrEqual(400);
                return answers;
            });
        }
    );

    test('[ISO-1] a change without a filter is refused, and with one that is always true stays at home', async () => {
        await repelled(scene, async () => {
            const bare = await send('PATCH', 'customers', { notes: 'x' });
            expect(bare.status).toBe(400);
            const all = await send('PATCH', 'customers?id=not.is.null', { notes: 'x' });
            expect(all.status).toBe(200);
            return [bare, all];
        }, [scene.bell.accountId]);
    });

    test('[ISO-1] a deletion without a filter is refused, and with one that is always true stays at home', async () => {
        await repelled(scene, async () => {
            const bare = await send('DELETE', 'invoice_lines');
            expect(bare.status).toBe(400);
            const all = await send('DELETE', 'invoice_lines?id=not.is.null&position=gt.9000');
            const theirs = await send('DELETE', `invoice_lines?account_id=eq.${scene.bell.accountId}`);
            expect([all.text, theirs.text]).toEqual(['[]', '[]']);
            return [bare, all, theirs];
        });
    });

    test.each([
        'return=representation',
        'return=headers-only',
        'return=minimal',
        'return=representation,count=exact'
    ])('[ISO-1] what “%s” hands back after a write holds nothing of another account', async (prefer) => {
        await repelled(scene, async () => {
            const answers = [
                await send(
                    'PATCH',
                    `jobs?account_id=eq.${scene.bell.accountId}&select=*,customers(*)`,
                    { title: 'x' },
                    prefer
                ),
                await send('DELETE', `invoices?account_id=eq.${scene.bell.accountId}`, undefined, prefer)
            ];
            for (const { headers } of answers) {
                expect(headers.location ?? '').not.toContain(scene.bell.accountId);
                expect(headers['content-range'] ?? '*/*').toMatch(/^\*\/(\*|0)$/);
            }
            return answers;
        });
    });

    test('[ISO-1] a preference to undo, to raise a limit or to change the time zone gets nobody further', async () => {
        await repelled(scene, () =>
            Promise.all(
                [
                    'tx=rollback',
                    'tx=commit',
                    'timezone=Pacific/Auckland',
                    'max-affected=100000',
                    'handling=lenient'
                ].map((prefer) =>
                    send('PATCH', `customers?account_id=eq.${scene.bell.accountId}`, { notes: 'x' }, prefer)
                )
            )
        );
    });
});

test('[ISO-1] without a person, a table is closed, whichever key is shown', async () => {
    for (const key of [stack().publishableKey, stack().secretKey]) {
        const answer = await ask('/rest/v1/customers', { headers: { apikey: key } });
        expect(answer.text).toContain('42501');
    }
});
