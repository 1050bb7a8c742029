// Attacks by what refers and what must be unique: rows pointed at another account's, errors that would tell of one, and
// columns that the database keeps to itself.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask, nobodysId, repelled, theScene } from './scene.ts';
import type { Answer, Scene } from './scene.ts';

let scene: Scene;

beforeAll(async () => {
    scene = await theScene();
});
afterAll(() => scene.end());

const get = (path: string): Promise<Answer> => ask(`/rest/v1/${path}`, { as: scene.finch.owner });
const send = (method: string, path: string, body: unknown): Promise<Answer> =>
    ask(`/rest/v1/${path}`, {
        ...{ as: scene.finch.owner, method, body },
        headers: { prefer: 'return=representation' }
    });

describe('references and errors', () => {
    const job = (customerId: string, siteId: string | null = null): object => ({
        account_id: scene.finch.accountId,
        customer_id: customerId,
        site_id: siteId,
        title: 'Rewire'
    });
    /** An error without the ids that were asked for. */
    const bare = ({ status, text }: Answer, ...ids: string[]): unknown => ({
        status,
        text: ids.reduce((sum, id) => sum.replaceAll(id, '…'), text)
    });

    test('[ISO-3] a row can’t point at another account’s customer, and the refusal tells not whether there is one', async () => {
        const missing = nobodysId();
        await repelled(scene, async () => {
            const [theirs, nobodys] = [
                await send('POST', 'jobs', job(scene.bell.customerId)),
                await send('POST', 'jobs', job(missing))
            ];
            expect(theirs.text).toContain('23503');
            expect(bare(theirs, scene.bell.customerId)).toEqual(bare(nobodys, missing));
            return [theirs, nobodys];
        });
    });

    test('[ISO-3] nor at another account’s site, job or invoice, by adding or by changing', async () => {
        const attempts = (ids: { site: string; customer: string; job: string; invoice: string }) => [
            () => send('POST', 'jobs', job(scene.finch.customerId, ids.site)),
            () => send('PATCH', `jobs?id=eq.${scene.finch.jobId}`, { customer_id: ids.customer }),
            () => send('PATCH', `jobs?id=eq.${scene.finch.jobId}`, { site_id: ids.site }),
            () => send('PATCH', `invoices?id=eq.${scene.finch.draftId}`, { customer_id: ids.customer }),
            () =>
                send('POST', 'sites', {
                    account_id: scene.finch.accountId,
                    customer_id: ids.customer,
                    address_line_1: '1 High Street'
                }),
            () =>
                send('POST', 'documents', {
                    account_id: scene.finch.accountId,
                    job_id: ids.job,
                    kind: 'photo',
                    file_name: 'x.jpg'
                }),
            () =>
                send('POST', 'invoice_lines', {
                    ...{ account_id: scene.finch.accountId, invoice_id: ids.invoice, position: 9 },
                    ...{ description: 'x', quantity_milli: 1000, unit_pence: 1, vat_rate_bp: 2000 }
                })
        ];
        const { bell } = scene;
        const theirs = {
            site: bell.siteId,
            customer: bell.customerId,
            job: bell.jobId,
            invoice: bell.draftId
        };
        const nobodys = { site: nobodysId(), customer: nobodysId(), job: nobodysId(), invoice: nobodysId() };
        await repelled(scene, async () => {
            const answers: Answer[] = [];
            for (const [i, attempt] of attempts(theirs).entries()) {
                const twin = attempts(nobodys)[i];
                const [real, missing] = [await attempt(), await twin?.()];
                expect(real.status).toBeGreaterThanOrEqual(400);
                expect(missing && bare(missing, ...Object.values(nobodys))).toEqual(
                    bare(real, ...Object.values(theirs))
                );
                answers.push(real);
            }
            return answers;
        });
    });

    test('[ISO-1] no unique key that a person can write into spans accounts, so that none can tell of another’s row', async () => {
        const spanning = await scene.sql`
            select c.oid::regclass::text as on_table, i.indexrelid::regclass::text as key
            from pg_index as i
            join pg_class as c on c.oid = i.indrelid
            where i.indisunique
              and c.relnamespace = 'public'::regnamespace
              and c.oid <> 'public.accounts'::regclass
              and (select attname from pg_attribute where attrelid = c.oid and attnum = i.indkey[0]) <> 'account_id'
              and exists (
                  select
                  from unnest(i.indkey::int2[]) as k (attnum)
                  where has_column_privilege('authenticated', c.oid, k.attnum, 'insert, update')
              )
        `;
        expect(spanning).toEqual([]);
    });

    test('[ISO-1] giving a new row another account’s id is refused before anything could be compared', async () => {
        const [theirs, nobodys] = [scene.bell.customerId, nobodysId()];
        await repelled(scene, async () => {
            const answers = await Promise.all(
                [theirs, nobodys].map((id) =>
                    send('POST', 'customers', { account_id: scene.finch.accountId, id, name: 'x' })
                )
            );
            expect(bare(answers[0] as Answer, theirs)).toEqual(bare(answers[1] as Answer, nobodys));
            expect(answers[0]?.status).toBe(403);
            return answers;
        });
    });

    test('[ISO-1] what an error says of a key speaks of the asker’s own account only', async () => {
        await repelled(scene, async () => {
            const answer = await send('POST', 'invoice_lines', {
                ...{ account_id: scene.finch.accountId, invoice_id: scene.finch.draftId, position: 1 },
                ...{ description: 'x', quantity_milli: 1000, unit_pence: 1, vat_rate_bp: 2000 }
            });
            expect(answer.text).toContain('23505');
            return answer;
        }, [scene.bell.accountId]);
    });
});

describe('columns that are not for writing', () => {
    test.each([
        ['invoices', 'state', 'paid'],
        ['invoices', 'paid_pence', 100],
        ['invoices', 'total_pence', 1],
        ['invoices', 'net_pence', 1],
        ['invoices', 'number', 7],
        ['invoices', 'job_id', '00000000-0000-7000-8000-000000000000'],
        ['invoices', 'document_id', '00000000-0000-7000-8000-000000000000'],
        ['invoices', 'created_by', '00000000-0000-7000-8000-000000000000'],
        ['invoices', 'issued_at', '2020-01-01'],
        ['accounts', 'state', 'active'],
        ['accounts', 'id', '00000000-0000-7000-8000-000000000000'],
        ['jobs', 'number', 7],
        ['jobs', 'account_id', '00000000-0000-7000-8000-000000000000'],
        ['documents', 'state', 'ready'],
        ['documents', 'created_by', '00000000-0000-7000-8000-000000000000'],
        ['documents', 'upload_until', '2099-01-01'],
        ['members', 'role_id', '00000000-0000-7000-8000-000000000000'],
        ['members', 'user_id', '00000000-0000-7000-8000-000000000000'],
        ['role_permissions', 'permission', 'payouts.manage'],
        ['payments', 'amount_pence', 1],
        ['portal_links', 'expires_at', '2099-01-01']
    ])('[ISO-1] %s.%s can’t be assigned along with what may be', async (table, column, value) => {
        const digest = (): Promise<Answer> => get(`${table}?order=created_at`);
        const before = (await digest()).text;
        const answer = await send('PATCH', `${table}?created_at=not.is.null`, { [column]: value });
        expect(answer).toMatchObject({ status: 403, text: expect.stringContaining('42501') });
        expect((await digest()).text).toBe(before);
    });
});
