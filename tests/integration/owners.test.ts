// Two owners who remove each other at the same moment, as two transactions that really overlap.
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Sql } from 'postgres';
import { aBusiness, superuser, type Business, type Person } from '../support/business.ts';

const [one, other, watcher] = [superuser(), superuser(), superuser()];
let business: Business;
let second: Person;

beforeAll(async () => {
    business = await aBusiness();
    second = await business.withMember('owner');
});
afterAll(() => Promise.all([one, other, watcher].map((sql) => sql.end())));

/** Ends a membership by a bare statement, past every function: what is left is the rule itself. */
function remove(sql: Sql, person: Person, meanwhile: () => Promise<void> = async () => {}): Promise<unknown> {
    return sql.begin(async (inner) => {
        await inner`
            update public.members set removed_at = now()
            where account_id = ${business.accountId} and user_id = ${person.id}`;
        await meanwhile();
    });
}

/** Until the backend of a connection waits for a lock that another one holds. */
async function waits(pid: number): Promise<void> {
    for (;;) {
        const [row] = await watcher<{ blocked: boolean }[]>`
            select cardinality(pg_blocking_pids(${pid})) > 0 as blocked`;
        if (row?.blocked) return;
    }
}

it('[ACC-5] of two transactions that each remove the other owner the second one fails, whoever writes', async () => {
    const [backend] = await other<{ pid: number }[]>`select pg_backend_pid() as pid`;
    let late: Promise<unknown> = Promise.resolve();
    await remove(one, second, async () => {
        late = remove(other, business.owner).then(
            () => 'committed',
            (error: Error) => error.message
        );
        await waits(backend?.pid ?? 0);
    });
    expect(await late).toBe('A business always keeps at least one owner.');
    const left = await watcher`
        select user_id from public.members
        where account_id = ${business.accountId} and removed_at is null`;
    expect(left.map(({ user_id }) => user_id as string)).toEqual([business.owner.id]);
});
