// Many writers at once on one chain and on fifty, and what the chains look like afterwards.
import type { Sql } from 'postgres';
import { actAsOwner, connect, type Business, type Ground } from './arrange.ts';

export type Crowd = {
    writers: number;
    accounts: number;
    records: number;
    seconds: number;
    records_per_second: number;
    forks: number;
    gaps: number;
    unlinked: number;
    bad_chains: number;
    deadlocks: number;
};

/** Twenty members write single rows of their own for some seconds; answers how many were committed each second. */
export async function writesPerSecond(ground: Ground, writers: number, seconds: number): Promise<number> {
    const [business] = ground.businesses as [Business];
    const rows = await customersOf(ground.sql, business, writers);
    const pools = await Promise.all(
        rows.map(async () => {
            const member = connect(ground.stack.info.databaseUrl, 1);
            await actAsOwner(member, ground.stack.info, business);
            return member;
        })
    );
    let written = 0;
    const began = performance.now();
    const until = began + seconds * 1000;
    await Promise.all(
        pools.map(async (member, index) => {
            for (let n = 0; performance.now() < until; n += 1) {
                await member`
                    update public.customers set phone = ${String(n)}
                    where account_id = ${business.accountId} and id = ${rows[index] ?? ''}`;
                written += 1;
            }
        })
    );
    const rate = written / ((performance.now() - began) / 1000);
    await Promise.all(pools.map((member) => member.end()));
    return Math.round(rate);
}

/**
 * Each writer makes 1,000 records in transactions of 1, 5 or 20; on several accounts every third transaction touches three of
 * them in an order of its own, so that opposite orders meet all the time.
 */
export async function writeInACrowd(ground: Ground, writers: number, accounts: number): Promise<Crowd> {
    const businesses = ground.businesses.slice(0, accounts);
    const chains = businesses.map(({ accountId }) => accountId);
    const rows = new Map<string, string[]>();
    for (const business of businesses)
        rows.set(business.accountId, await customersOf(ground.sql, business, writers));
    const before = await countRecords(ground.sql, chains);
    const deadlocksBefore = await deadlocks(ground.sql);
    const pool = connect(ground.stack.info.databaseUrl, writers);
    const began = performance.now();
    await Promise.all(
        Array.from({ length: writers }, async (_, writer) => {
            const connection = await pool.reserve();
            let left = 1000;
            for (let n = 0; left > 0; n += 1) {
                const several = accounts > 1 && n % 3 === 0;
                const size = Math.min(left, [1, 5, 20][n % 3] ?? 1);
                const touched = several
                    ? [n + writer, writer * 7 + n * 3 + 1, accounts - 1 - ((n + writer) % accounts)]
                    : [writer];
                await connection`begin`;
                for (let k = 0; k < size; k += 1) {
                    const chain = chains[(touched[k % touched.length] ?? 0) % accounts] ?? '';
                    await connection`
                        update public.customers set phone = ${`${n}-${k}`}
                        where account_id = ${chain} and id = ${rows.get(chain)?.[writer] ?? ''}`;
                }
                await connection`commit`;
                left -= size;
            }
            connection.release();
        })
    );
    const seconds = (performance.now() - began) / 1000;
    await pool.end();
    const records = (await countRecords(ground.sql, chains)) - before;
    return {
        writers,
        accounts,
        records,
        seconds: Math.round(seconds * 10) / 10,
        records_per_second: Math.round(records / seconds),
        ...(await looks(ground.sql, chains)),
        deadlocks: (await deadlocks(ground.sql)) - deadlocksBefore
    };
}

/** A customer for each writer, so that nobody waits for a row but for the chain. */
async function customersOf(sql: Sql, business: Business, count: number): Promise<string[]> {
    const made = await sql<{ id: string }[]>`
        insert into public.customers (account_id, name)
        select ${business.accountId}, 'Customer ' || n from generate_series(1, ${count}::integer) as n
        returning id`;
    return made.map(({ id }) => id);
}

async function countRecords(sql: Sql, chains: readonly string[]): Promise<number> {
    const [row] = await sql<{ n: number }[]>`
        select count(*)::integer as n from audit.records where chain_id = any (${sql.array([...chains])}::uuid[])`;
    return row?.n ?? 0;
}

async function deadlocks(sql: Sql): Promise<number> {
    await sql`select pg_stat_force_next_flush()`;
    const [row] = await sql<{ n: number }[]>`
        select deadlocks::integer as n from pg_stat_database where datname = current_database()`;
    return row?.n ?? 0;
}

async function looks(
    sql: Sql,
    chains: readonly string[]
): Promise<Pick<Crowd, 'forks' | 'gaps' | 'unlinked' | 'bad_chains'>> {
    const [row] = await sql<[Pick<Crowd, 'forks' | 'gaps' | 'unlinked' | 'bad_chains'>]>`
        with chain as (select unnest(${sql.array([...chains])}::uuid[]) as id),
        link as (select l.* from audit.links as l join chain on chain.id = l.chain_id)
        select
            (select count(*) from (select from link group by chain_id, seq having count(*) > 1) as twice)::integer as forks,
            (select coalesce(sum(last - n), 0) from (select max(seq) as last, count(*) as n from link group by chain_id) as each)::integer as gaps,
            (
                select count(*)
                from audit.records as r
                join chain on chain.id = r.chain_id
                where not exists (select from audit.links as l where l.record_id = r.id)
            )::integer as unlinked,
            (select count(*) from chain where audit.verify(chain.id, page_size => 1000000) -> 'bad' <> 'null')::integer as bad_chains`;
    return row;
}
