// `npm run bench -- auth`: what the limiter costs, by as many callers at once as come, beside a bare round trip of the Data API,
// and what it leaves behind in its table; what knowing who is asking costs a page; and how long signing in takes.
import { randomUUID } from 'node:crypto';
import postgres, { type Sql } from 'postgres';
import { aPerson } from '../support/business.ts';
import { startOwnStack, type StackInfo } from '../support/stack.ts';
import { anyAddress, inParallel } from './auth/door.ts';
import { sessionCheck, type SessionFigures } from './auth/session-check.ts';
import { percentile, timed } from './samples.ts';
import type { Judgement } from './targets.ts';

const CALLERS = [1, 10, 100] as const;
const WARM_UP = 50;
const AT_ONCE = 200;
const QUOTA = 10;
const SEVERAL_MS = 3;

type Wanted = { limit: string; key: string }[];
type Rate = { callers: number; calls: number; per_second: number; p50_ms: number; p95_ms: number };

export type AuthFigures = {
    rounds: number;
    limiter: {
        /** Each call for an address and a login that nobody asked about before, as an attempt to sign in makes it. */
        fresh: Rate[];
        /** Each call for one address that is refused already: what a flood costs. */
        refused: Rate[];
        /** A read of one row by somebody signed in, for comparison. */
        bare_round_trip: Rate[];
        /** The function alone, on one connection. */
        in_postgres: {
            fresh_p50_ms: number;
            fresh_p95_ms: number;
            refused_p50_ms: number;
            refused_p95_ms: number;
        };
        exact: { at_once: number; passed: number };
        table: { rows: number; bytes_per_row: number; updates: number; heap_only_share: number };
    };
    session: SessionFigures;
    targets: Judgement[];
};

const two = (value: number): number => Math.round(value * 100) / 100;

const signInOf = (ip: string, login: string): Wanted => [
    { limit: 'sign_in_address', key: ip },
    { limit: 'password', key: login }
];
const anySignIn = (): Wanted => signInOf(anyAddress(), `${randomUUID()}@example.test`);

const admission = (wanted: Wanted) => ({
    wanted,
    login: wanted[1]?.key ?? null,
    method: 'password',
    address: wanted[0]?.key ?? null,
    at_known_device: false,
    captcha: null
});

/** One call of the limiter over HTTP, as an edge function makes it. Was it allowed? */
async function take({ apiUrl, secretKey }: StackInfo, wanted: Wanted): Promise<boolean> {
    const answer = await fetch(`${apiUrl}/rest/v1/rpc/admit`, {
        method: 'POST',
        headers: { apikey: secretKey, 'content-type': 'application/json', 'content-profile': 'service' },
        body: JSON.stringify(admission(wanted))
    });
    const said = (await answer.json()) as { standings: { allowed: boolean }[] };
    if (!answer.ok) throw new Error(`admit answered ${answer.status}: ${JSON.stringify(said)}`);
    return said.standings.every(({ allowed }) => allowed);
}

async function rate(callers: number, calls: number, act: () => Promise<unknown>): Promise<Rate> {
    for (let n = 0; n < WARM_UP; n += 1) await act();
    const samples: number[] = [];
    const wall = await timed(() =>
        inParallel(
            callers,
            Array.from({ length: calls }, (_, n) => n),
            async () => {
                samples.push(await timed(act));
            }
        )
    );
    return {
        callers,
        calls,
        per_second: Math.round((calls / wall) * 1000),
        p50_ms: two(percentile(samples, 0.5)),
        p95_ms: two(percentile(samples, 0.95))
    };
}

/** The function's own time, without HTTP: one connection, each call a transaction. */
async function inPostgres(sql: Sql, calls: number): Promise<AuthFigures['limiter']['in_postgres']> {
    const times = async (wanted: () => Wanted): Promise<number[]> => {
        const samples: number[] = [];
        for (let n = 0; n < calls + WARM_UP; n += 1) {
            const { wanted: rows, login, method, address } = admission(wanted());
            const text = JSON.stringify(rows);
            const ms = await timed(
                () =>
                    sql`select service.admit(${text}::text::jsonb, ${login}, ${method}, ${address}, false, null)`
            );
            if (n >= WARM_UP) samples.push(ms);
        }
        return samples;
    };
    const fresh = await times(anySignIn);
    const [ip, login] = [anyAddress(), `${randomUUID()}@example.test`];
    const refused = await times(() => signInOf(ip, login));
    return {
        fresh_p50_ms: two(percentile(fresh, 0.5)),
        fresh_p95_ms: two(percentile(fresh, 0.95)),
        refused_p50_ms: two(percentile(refused, 0.5)),
        refused_p95_ms: two(percentile(refused, 0.95))
    };
}

/** How large the table is, and how many of its updates left its index alone: takes of keys that are asked about often. */
async function tableAfter(sql: Sql, calls: number): Promise<AuthFigures['limiter']['table']> {
    const logins = Array.from({ length: 50 }, () => `${randomUUID()}@example.test`);
    for (let n = 0; n < calls; n += 1) {
        const wanted = JSON.stringify([{ limit: 'password', key: logins[n % logins.length] }]);
        await sql`select * from private.take(${wanted}::text::jsonb)`;
        await sql`select service.put_back(${wanted}::text::jsonb, true)`;
    }
    await sql`select pg_stat_force_next_flush()`;
    const [told] = await sql<AuthFigures['limiter']['table'][]>`
        select
            (select count(*)::integer from private.limit_takes) as rows,
            (pg_total_relation_size('private.limit_takes') / (select count(*) from private.limit_takes))::integer as bytes_per_row,
            n_tup_upd::integer as updates,
            round(n_tup_hot_upd::numeric / n_tup_upd, 4)::float8 as heap_only_share
        from pg_stat_user_tables
        where relid = 'private.limit_takes'::regclass`;
    if (!told) throw new Error('Postgres tells nothing of private.limit_takes.');
    return told;
}

function targetsOf({ limiter, session }: Omit<AuthFigures, 'targets'>): Judgement[] {
    const p95 = (rates: readonly Rate[], callers: number): number =>
        rates.find((one) => one.callers === callers)?.p95_ms ?? Number.NaN;
    const over = two(p95(limiter.fresh, 1) / p95(limiter.bare_round_trip, 1));
    const { passed } = limiter.exact;
    const { heap_only_share: share } = limiter.table;
    const inside = limiter.in_postgres.fresh_p95_ms;
    const alone = Math.max(
        ...session.pages.filter(({ reads }) => reads === 'reads nothing').map(({ calls }) => calls)
    );
    return [
        { what: 'calls of a page that reads nothing', target: 1, measured: alone, met: alone <= 1 },
        { what: `${AT_ONCE} at once, ${QUOTA} pass`, target: QUOTA, measured: passed, met: passed === QUOTA },
        { what: 'in Postgres p95, ms', target: SEVERAL_MS, measured: inside, met: inside <= SEVERAL_MS },
        { what: 'p95 over a bare round trip', target: 2, measured: over, met: over <= 2 },
        { what: 'updates that are heap-only, share', target: 0.95, measured: share, met: share >= 0.95 }
    ];
}

/** Measures all of it; `rounds` is how many calls each figure gets for each caller of the crowd of ten. */
export async function auth(rounds: number, log: (line: string) => void): Promise<AuthFigures> {
    const stack = await startOwnStack({ durable: true });
    process.env.TF_STACK = JSON.stringify(stack.info);
    const sql = postgres(stack.info.superuserUrl, { max: 1, onnotice: () => undefined });
    try {
        const { info } = stack;
        const person = await aPerson();
        const bare = async () => await person.db.from('permissions').select('key').limit(1);
        const flooded = signInOf(anyAddress(), `${randomUUID()}@example.test`);
        while (await take(info, flooded)) continue;

        const limiter: Pick<AuthFigures['limiter'], 'fresh' | 'refused' | 'bare_round_trip'> = {
            fresh: [],
            refused: [],
            bare_round_trip: []
        };
        for (const callers of CALLERS) {
            const calls = rounds * 10;
            limiter.bare_round_trip.push(await rate(callers, calls, bare));
            limiter.fresh.push(await rate(callers, calls, () => take(info, anySignIn())));
            limiter.refused.push(await rate(callers, calls, () => take(info, flooded)));
            for (const [name, rates] of Object.entries(limiter)) {
                const { per_second, p50_ms, p95_ms } = rates.at(-1) as Rate;
                log(`${callers} at once, ${name}: ${per_second}/s, p50 ${p50_ms} ms, p95 ${p95_ms} ms`);
            }
        }
        const one = signInOf(anyAddress(), '');
        const asked = await Promise.all(
            Array.from({ length: AT_ONCE }, () =>
                take(info, [one[0] as Wanted[number], { limit: 'password', key: randomUUID() }])
            )
        );
        const exact = { at_once: AT_ONCE, passed: asked.filter(Boolean).length };
        log(`${AT_ONCE} at once at a limit of ${QUOTA}: ${exact.passed} pass`);
        const in_postgres = await inPostgres(sql, rounds);
        const table = await tableAfter(sql, rounds);
        log(`in Postgres: ${JSON.stringify(in_postgres)}; table: ${JSON.stringify(table)}`);
        const session = await sessionCheck(info, sql, rounds, log);
        const figures = { rounds, limiter: { ...limiter, in_postgres, exact, table }, session };
        return { ...figures, targets: targetsOf(figures) };
    } finally {
        await sql.end();
        await stack.stopAndForget();
    }
}
