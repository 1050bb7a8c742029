// `npm run bench -- audit`: what the audit trail costs a write, how many writes one chain takes, whether any crowd can make it
// fork, and how fast it is checked. On Postgres of its own, at production's durability unless a figure says otherwise.
import type { Judgement } from './targets.ts';
import { aGround, leave, type Business, type Ground } from './audit/arrange.ts';
import { writeInACrowd, writesPerSecond, type Crowd } from './audit/crowd.ts';
import { measureWrites, type Writes } from './audit/writes.ts';

export type AuditFigures = {
    rounds: number;
    writes: Writes[];
    one_account: { writers: number; seconds: number; writes_per_second: number };
    crowds: Crowd[];
    verify: { records: number; fields: number; seconds: number; records_per_second: number };
    targets: Judgement[];
};

const WRITERS = 20;
const SECONDS = 5;
const CROWD = 50;
const ADDED_MS = 0.15;
const RATIO = 1.45;
const WRITES_PER_SECOND = 2_000;
const VERIFIED_PER_SECOND = 100_000;

/** The whole chain, page after page, as whoever runs the database does it. */
async function verifyWhole({ sql }: Ground, { accountId }: Business): Promise<AuditFigures['verify']> {
    const [held] = await sql<[{ fields: number }]>`
        select sum(length(r.commitments) - length(replace(r.commitments, ':', '')))::integer as fields
        from audit.records as r where r.chain_id = ${accountId}`;
    // A chain is checked in quiet times, not on the heels of a storm.
    await sql`vacuum analyze audit.records, audit.links, audit.field_values`;
    await sql`checkpoint`;
    let records = 0;
    let after: number | null = 0;
    const began = performance.now();
    while (after !== null) {
        // One call a page: taken apart in the same query, it would be made once for each part.
        const [page]: { verdict: { checked: number; next_seq: number | null; bad: unknown } }[] = await sql`
            select audit.verify(${accountId}, null, ${after}::bigint) as verdict`;
        if (!page || page.verdict.bad !== null) throw new Error(`The chain is bad: ${JSON.stringify(page)}`);
        records += page.verdict.checked;
        after = page.verdict.next_seq;
    }
    const seconds = (performance.now() - began) / 1000;
    return {
        records,
        fields: held.fields,
        seconds: Math.round(seconds * 1000) / 1000,
        records_per_second: Math.round(records / seconds)
    };
}

function targetsOf(figures: Omit<AuditFigures, 'targets'>): Judgement[] {
    const durable = figures.writes.find(({ fsync }) => fsync === 'on');
    const atMost = (what: string, target: number, measured: number): Judgement => ({
        what,
        target,
        measured,
        met: measured <= target
    });
    const atLeast = (what: string, target: number, measured: number): Judgement => ({
        what,
        target,
        measured,
        met: measured >= target
    });
    return [
        ...(['update', 'insert'] as const).flatMap((kind) => [
            atMost(`${kind}: audit adds, ms`, ADDED_MS, durable?.[kind].audit_adds_ms ?? Number.NaN),
            atMost(`${kind}: with audit over without`, RATIO, durable?.[kind].audit_ratio ?? Number.NaN)
        ]),
        atLeast('writes/s on one account', WRITES_PER_SECOND, figures.one_account.writes_per_second),
        ...figures.crowds.flatMap((crowd) => {
            const on = `on ${crowd.accounts} account${crowd.accounts === 1 ? '' : 's'}`;
            return [
                atMost(`forks ${on}`, 0, crowd.forks),
                atMost(`gaps ${on}`, 0, crowd.gaps + crowd.unlinked + crowd.bad_chains),
                atMost(`deadlocks ${on}`, 0, crowd.deadlocks)
            ];
        }),
        atLeast('records verified/s', VERIFIED_PER_SECOND, figures.verify.records_per_second)
    ];
}

/** Measures all of it; `rounds` is how many blocks of writes each way gets. */
export async function audit(rounds: number, log: (line: string) => void): Promise<AuditFigures> {
    const writes: Writes[] = [];
    for (const durable of [true, false]) {
        const measured = await measureWrites(durable, rounds);
        writes.push(measured);
        for (const kind of ['update', 'insert'] as const) {
            const { bare_p50_ms, audit_adds_ms, audit_ratio, plain_adds_ms, plain_ratio } = measured[kind];
            log(
                `fsync ${measured.fsync}, ${kind}: ${bare_p50_ms} ms without; audit +${audit_adds_ms} (${audit_ratio}x); ` +
                    `a plain JSON trigger +${plain_adds_ms} (${plain_ratio}x)`
            );
        }
    }
    const ground = await aGround(true, CROWD);
    try {
        const rate = await writesPerSecond(ground, WRITERS, SECONDS);
        log(`${WRITERS} writers on one account: ${rate} writes/s`);
        const crowds: Crowd[] = [];
        for (const accounts of [1, CROWD]) {
            const crowd = await writeInACrowd(ground, CROWD, accounts);
            crowds.push(crowd);
            log(
                `${crowd.writers} writers on ${accounts}: ${crowd.records} records, ${crowd.records_per_second}/s, ` +
                    `${crowd.forks} forks, ${crowd.gaps} gaps, ${crowd.deadlocks} deadlocks`
            );
        }
        const verify = await verifyWhole(ground, ground.businesses[0] as Business);
        log(
            `verified ${verify.records} records with ${verify.fields} fields: ${verify.records_per_second}/s`
        );
        const figures = {
            rounds,
            writes,
            one_account: { writers: WRITERS, seconds: SECONDS, writes_per_second: rate },
            crowds,
            verify
        };
        return { ...figures, targets: targetsOf(figures) };
    } finally {
        await leave(ground);
    }
}
