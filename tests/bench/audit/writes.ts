// What the trail adds to one write of a member: a statement in a transaction of its own, from when it is sent until it is
// committed. Three ways in turn within one run: without any trail, with a plain trigger that keeps the row as JSON in one
// table, and with ours.
import type { Sql } from 'postgres';
import { percentile } from '../samples.ts';
import { actAsOwner, aGround, connect, leave, type Business } from './arrange.ts';

const WAYS = ['bare', 'plain', 'audited'] as const;
type Way = (typeof WAYS)[number];

export type Added = {
    bare_p50_ms: number;
    plain_p50_ms: number;
    audited_p50_ms: number;
    plain_adds_ms: number;
    plain_ratio: number;
    audit_adds_ms: number;
    audit_ratio: number;
};
export type Writes = { fsync: 'on' | 'off'; writes_each: number; update: Added; insert: Added };

const PER_BLOCK = 100;
const WARM_UP = 30;

const PLAIN = `
    create table public.plain_trail (
        id bigint generated always as identity primary key,
        at timestamptz not null default clock_timestamp(),
        actor uuid default auth.uid(),
        table_name text not null,
        verb text not null,
        old_row jsonb,
        new_row jsonb
    );
    create function private.plain_trail() returns trigger
        language plpgsql
        security definer
        set search_path = ''
    as $$
    begin
        insert into public.plain_trail (table_name, verb, old_row, new_row)
        values (
            tg_table_name, tg_op,
            case when tg_op <> 'INSERT' then to_jsonb(old) end,
            case when tg_op <> 'DELETE' then to_jsonb(new) end
        );
        return null;
    end
    $$;
    create trigger plain_trail after insert or update or delete on public.customers
        for each row execute function private.plain_trail();`;

/** Lets only the triggers of one way fire. */
async function goThe(way: Way, sql: Sql): Promise<void> {
    const audit = way === 'audited' ? 'enable always' : 'disable';
    await sql.unsafe(`
        alter table public.customers ${audit} trigger audit_changed;
        alter table public.customers ${audit} trigger audit_added_and_deleted;
        alter table public.customers ${way === 'plain' ? 'enable' : 'disable'} trigger plain_trail`);
}

async function block(member: Sql, kind: 'update' | 'insert', business: Business): Promise<number[]> {
    const taken: number[] = [];
    for (let n = -WARM_UP; n < PER_BLOCK; n += 1) {
        const phone = `07700 ${Math.floor(Math.random() * 1e6)}`;
        const began = performance.now();
        if (kind === 'update')
            await member`
                update public.customers set phone = ${phone}
                where account_id = ${business.accountId} and id = ${business.customerId}`;
        else
            await member`
                insert into public.customers (account_id, name, email, phone)
                values (${business.accountId}, 'Priya Raman', 'priya@mail.example', ${phone})`;
        if (n >= 0) taken.push(performance.now() - began);
    }
    return taken;
}

const three = (value: number): number => Math.round(value * 1000) / 1000;

function summedUp(times: Record<Way, number[]>): Added {
    const [bare, plain, audited] = WAYS.map((way) => percentile(times[way], 0.5)) as [number, number, number];
    return {
        bare_p50_ms: three(bare),
        plain_p50_ms: three(plain),
        audited_p50_ms: three(audited),
        plain_adds_ms: three(plain - bare),
        plain_ratio: three(plain / bare),
        audit_adds_ms: three(audited - bare),
        audit_ratio: three(audited / bare)
    };
}

/** Each way so many blocks of writes, the ways in turn. */
export async function measureWrites(durable: boolean, blocks: number): Promise<Writes> {
    const ground = await aGround(durable, 1);
    const [business] = ground.businesses as [Business];
    const member = connect(ground.stack.info.databaseUrl, 1);
    try {
        await ground.sql.unsafe(PLAIN);
        const none = (): Record<Way, number[]> => ({ bare: [], plain: [], audited: [] });
        const times = { update: none(), insert: none() };
        for (let n = 0; n < blocks; n += 1) {
            for (const way of n % 2 === 0 ? WAYS : WAYS.toReversed()) {
                await goThe(way, ground.sql);
                await actAsOwner(member, ground.stack.info, business);
                for (const kind of ['update', 'insert'] as const)
                    times[kind][way].push(...(await block(member, kind, business)));
                await member`reset role`;
            }
        }
        const [trusted] = await ground.sql`
            select count(*)::integer as n from audit.records where not trusted and actor_id = ${business.ownerId} and action like 'customer.%'`;
        if (trusted?.n !== 0)
            throw new Error('The context of a request was not believed: this is no fair run.');
        return {
            fsync: durable ? 'on' : 'off',
            writes_each: blocks * PER_BLOCK,
            update: summedUp(times.update),
            insert: summedUp(times.insert)
        };
    } finally {
        await member.end();
        await leave(ground);
    }
}
