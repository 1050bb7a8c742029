// Attacks by watch and by race: is the answer to another account's id more work than the answer to an id of nothing, and what
// does a removed member still manage to write? Work is counted here in pages; `npm run bench -- watch` holds a clock to it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { aBusiness, superuser } from '../../support/business.ts';
import { asSql, ask, nobodysId, theScene } from './scene.ts';
import type { Scene } from './scene.ts';

let scene: Scene;

beforeAll(async () => {
    scene = await theScene();
});
afterAll(() => scene.end());

/** Pages that a query reads, once everything is in memory and the plan's own catalogues are read. */
async function pagesRead(statement: string): Promise<number> {
    const explain = `explain (analyze, buffers, timing off, summary off, format json) ${statement}`;
    const said = await asSql(scene, scene.finch.owner, [explain, explain, explain]);
    expect(said.errors).toEqual([]);
    const [plan] = said.rows.at(-1) ?? [];
    const [root] = (plan?.['QUERY PLAN'] ?? []) as { Plan: Record<string, unknown> }[];
    return Number(root?.Plan['Shared Hit Blocks']) + Number(root?.Plan['Shared Read Blocks']);
}

describe('work in the database', () => {
    const lookup = (table: string, id: string): string => `select * from public.${table} where id = '${id}'`;

    test.each<[string, (of: Scene['bell']) => string]>([
        ['customers', (of) => of.customerId],
        ['jobs', (of) => of.jobId],
        ['invoices', (of) => of.invoiceId],
        ['documents', (of) => of.documentId]
    ])(
        '[ISO-1] looking up another account’s id in %s reads no page more than looking up nothing',
        async (table, idOf) => {
            const account = `and account_id = '${scene.finch.accountId}'`;
            const theirs = await pagesRead(`${lookup(table, idOf(scene.bell))} ${account}`);
            const nobodys = await pagesRead(`${lookup(table, nobodysId())} ${account}`);
            expect(Math.abs(theirs - nobodys)).toBeLessThanOrEqual(1);
        }
    );

    test('[ISO-1] looking up another account’s id alone is no more work than looking up one’s own', async () => {
        // It is more than looking up nothing, by the look at who is asking, which no row means no need for.
        const theirs = await pagesRead(lookup('jobs', scene.bell.jobId));
        const own = await pagesRead(lookup('jobs', scene.finch.jobId));
        expect(theirs).toBeLessThanOrEqual(own);
    });

    test('[ISO-1] looking up another account’s file reads no page more than looking up nothing', async () => {
        const file = (name: string): string =>
            `select * from storage.objects where bucket_id = '${scene.bell.accountId}' and name = '${name}'`;
        const theirs = await pagesRead(file(scene.bell.objectName));
        const nobodys = await pagesRead(file(`invoice_pdf/${nobodysId()}/1`));
        expect(Math.abs(theirs - nobodys)).toBeLessThanOrEqual(1);
    });
});

describe('races', () => {
    test('[ACC-4] of writes that run while their writer is removed none lands that began after', async () => {
        const staff = await scene.bell.withMember('staff');
        const write = async (name: string): Promise<{ name: string; began: number }> => {
            const began = performance.now();
            await staff.db.from('customers').insert({ account_id: scene.bell.accountId, name });
            return { name, began };
        };
        const early = Array.from({ length: 12 }, (_, i) => write(`racer ${i}`));
        await scene.sql`update public.members set removed_at = now() where user_id = ${staff.id}`;
        const removed = performance.now();
        const late = Array.from({ length: 12 }, (_, i) => write(`late ${i}`));
        const began = await Promise.all([...early, ...late]);
        const landed = await scene.sql<{ name: string }[]>`
            select name from public.customers where account_id = ${scene.bell.accountId} and created_by = ${staff.id}
        `;
        const names = new Set(landed.map(({ name }) => name));
        expect(began.filter((one) => one.began > removed)).toHaveLength(12);
        expect(began.filter((one) => one.began > removed && names.has(one.name))).toEqual([]);
    });

    test('[ACC-4] a removal in the middle of a person’s transaction ends it with its next statement', async () => {
        const staff = await scene.bell.withMember('staff');
        const write = `insert into public.customers (account_id, name) values ('${scene.bell.accountId}', 'in between')`;
        const said = await asSql(scene, staff, [write]);
        expect(said.errors).toEqual([]);
        const removed = await asSql(scene, staff, [write], 'authenticated', [
            `update public.members set removed_at = now() where user_id = '${staff.id}'`
        ]);
        expect(removed.errors).toEqual([expect.stringMatching(/^42501 /)]);
    });

    const REMOVED = 'update public.members set removed_at = now() where account_id = $1 and user_id = $2';
    const SUSPENDED = "update public.accounts set state = 'suspended' where id = $1 and $2::uuid is not null";
    const ROLE = 'select m.role_id from public.members as m where m.account_id = $1 and m.user_id = $2';
    const GAINS = `insert into public.role_permissions (account_id, role_id, permission) values ($1, (${ROLE}), 'payouts.manage')`;
    const LOSES = `delete from public.role_permissions where account_id = $1 and role_id = (${ROLE}) and permission = 'jobs.read'`;

    test.each([
        ['somebody is removed and their role gains a permission', REMOVED, GAINS, []],
        ['a role gains a permission and who has it is removed', GAINS, REMOVED, []],
        ['an account is suspended and a role gains a permission', SUSPENDED, GAINS, ['jobs.read']],
        ['a role loses a permission and the account is suspended', LOSES, SUSPENDED, []]
    ])('[ACC-4] when at the same moment %s, both count', async (_, first, second, left) => {
        const business = await aBusiness();
        const staff = await business.withMember('staff');
        const [one, other] = [superuser(), superuser()];
        const both = [business.accountId, staff.id];
        try {
            const [reserved] = await one<{ pid: number }[]>`select pg_backend_pid() as pid`;
            let later: Promise<unknown> = Promise.resolve();
            await one.begin(async (sql) => {
                await sql.unsafe(first, both);
                later = other.unsafe(second, both).execute();
                // It has begun when it waits for this one, which doesn't end before.
                let waiting = 0;
                while (waiting === 0)
                    [{ waiting = 0 } = {}] = await scene.sql<{ waiting: number }[]>`
                        select count(*)::int as waiting from pg_stat_activity where ${reserved?.pid ?? 0} = any (pg_blocking_pids(pid))
                    `;
            });
            await later;
        } finally {
            await Promise.all([one.end(), other.end()]);
        }
        const rights = ['jobs.read', 'jobs.write', 'payouts.manage'];
        const has = await Promise.all(
            rights.map(async (permission) => {
                const { data } = await staff.db.rpc('has_permission', {
                    account_id: business.accountId,
                    permission
                });
                return data === true;
            })
        );
        expect(rights.filter((__, i) => has[i])).toEqual(left);
    });

    test('[ISO-1] twenty tries at once to take the same row of another account fail alike', async () => {
        const before = await scene.holdings();
        const answers = await Promise.all(
            Array.from({ length: 20 }, () =>
                ask('/rest/v1/rpc/issue_invoice', {
                    ...{ as: scene.finch.owner, method: 'POST' },
                    body: {
                        ...{ account_id: scene.bell.accountId, invoice_id: scene.bell.draftId },
                        ...{ expected_total_pence: 50_400, idempotency_key: nobodysId() }
                    }
                })
            )
        );
        expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
        expect(answers[0]?.status).toBe(404);
        expect(await scene.holdings()).toBe(before);
    });
});
