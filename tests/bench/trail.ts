// `npm run bench -- trail`: how long an owner waits for a page of a trail of a million records, first, deep and searched, as the
// Data API asks for it. The records are written straight into the tables, without their links: what is measured is reading.
import { percentile } from './samples.ts';
import type { Judgement } from './targets.ts';
import { actAsOwner, aGround, connect, leave, type Business, type Ground } from './audit/arrange.ts';

export type TrailFigures = {
    rounds: number;
    records: number;
    pages: { what: string; p50_ms: number; p95_ms: number; found: number }[];
    targets: Judgement[];
};

const RECORDS = 1_000_000;
const CUSTOMERS = 5_000;
const P95_MS = 10;

/** A million acts of ten people and a webhook over a year, on five thousand customers; one in fifty was refused. */
async function aLongTrail({ sql }: Ground, { accountId, ownerId }: Business): Promise<void> {
    await sql`
        insert into public.customers (account_id, name)
        select ${accountId}, 'Customer ' || n from generate_series(1, ${CUSTOMERS}::integer) as n`;
    await sql.unsafe('alter table audit.records disable trigger all');
    await sql`
        with thing as (
            select array(select c.id from public.customers as c where c.account_id = ${accountId} order by c.id) as ids
        ),
        person as (
            select array[${ownerId}::uuid] || array(select gen_random_uuid() from generate_series(1, 9)) as ids
        ),
        entry as (
            insert into audit.records (
                chain_id, chain_kind, recorded_at, happened_at, actor_kind, actor_id, via, trusted, action, result,
                entity, entity_id, subject, subject_id, is_detail, commitments
            )
            select
                ${accountId}, 'account', at, at,
                case when n % 11 = 0 then 'webhook' else 'person' end,
                case when n % 11 <> 0 then person.ids[1 + n % 10] end,
                'app', true,
                'customer.' || case n % 7 when 0 then 'created' when 1 then 'archived' else 'updated' end,
                case when n % 50 = 0 then 'refused' else 'ok' end,
                'customer', thing.ids[1 + n * 7919::bigint % ${CUSTOMERS}::integer], 'customer',
                thing.ids[1 + n * 7919::bigint % ${CUSTOMERS}::integer],
                n % 3 = 0, 'name:00'
            from generate_series(1, ${RECORDS}::integer) as n
            cross join lateral (select now() - (${RECORDS} - n) * interval '30 seconds') as moment (at)
            cross join thing
            cross join person
            returning id
        )
        insert into audit.field_values (record_id, chain_id, fields)
        select entry.id, ${accountId}, '{"name": ["00", "[\\"Before\\", \\"After\\"]"]}' from entry`;
    await sql`vacuum analyze audit.records, audit.field_values, public.customers`;
}

/** Measures each page so many times, for a business of a million records. */
export async function trail(rounds: number, log: (line: string) => void): Promise<TrailFigures> {
    const ground = await aGround(true, 1);
    const [business] = ground.businesses as [Business];
    const owner = connect(ground.stack.info.databaseUrl, 1);
    try {
        await aLongTrail(ground, business);
        const [at] = await ground.sql<[{ deep: string; customer: string; day: string }]>`
            select
                (extract(epoch from r.happened_at) * 1000000)::bigint || '.' || r.id as deep,
                r.subject_id as customer,
                to_char(r.happened_at, 'YYYY-MM-DD') as day
            from audit.records as r
            where r.chain_id = ${business.accountId}
            order by r.id
            offset ${RECORDS / 2}
            limit 1`;
        await actAsOwner(owner, ground.stack.info, business);
        const asked: Record<string, Record<string, string>> = {
            'the first page': {},
            'a page half a million records deep': { before: at.deep },
            'what a person did': { actor: business.ownerId },
            'what a webhook did': { actor: 'webhook' },
            'what was refused': { result: 'refused' },
            'one customer': { entity: 'customer', entity_id: at.customer },
            'words in a name': { words: 'customer 4711' },
            'one day half a year ago': { since: at.day, until: at.day }
        };
        const pages: TrailFigures['pages'] = [];
        for (const [what, filter] of Object.entries(asked)) {
            const taken: number[] = [];
            let found = 0;
            for (let n = -5; n < rounds; n += 1) {
                const began = performance.now();
                const [page] = await owner<[{ rows: unknown[] }]>`
                    select public.audit_trail(
                        account_id => ${business.accountId}, entity => ${filter.entity ?? null},
                        entity_id => ${filter.entity_id ?? null}::uuid, actor => ${filter.actor ?? null},
                        result => ${filter.result ?? null}, since => ${filter.since ?? null}::date,
                        until => ${filter.until ?? null}::date, words => ${filter.words ?? null},
                        before => ${filter.before ?? null}
                    ) as rows`;
                if (n >= 0) taken.push(performance.now() - began);
                found = page.rows.length;
            }
            const [p50_ms, p95_ms] = [0.5, 0.95].map(
                (share) => Math.round(percentile(taken, share) * 100) / 100
            ) as [number, number];
            if (found === 0) throw new Error(`Nothing was found: ${what}.`);
            log(`${what}: p50 ${p50_ms} ms, p95 ${p95_ms} ms, ${found} records`);
            pages.push({ what, p50_ms, p95_ms, found });
        }
        const targets = pages.map(({ what, p95_ms }) => ({
            what: `${what}, p95 ms`,
            target: P95_MS,
            measured: p95_ms,
            met: p95_ms <= P95_MS
        }));
        return { rounds, records: RECORDS, pages, targets };
    } finally {
        await owner.end();
        await leave(ground);
    }
}
