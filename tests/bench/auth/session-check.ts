// What knowing who is asking costs: in calls of the web server, in time beside a bare round trip of the Data API, and alone in
// Postgres; and how long signing in takes, through the page that people use.
import type { Sql } from 'postgres';
import { startApp } from '../../support/app.ts';
import { aBusiness } from '../../support/business.ts';
import { freePort } from '../../support/port.ts';
import type { StackInfo } from '../../support/stack.ts';
import { aVisitor, signedIn, type Visitor } from '../../support/visitor.ts';
import { percentile, timed } from '../samples.ts';

const WARM_UP = 10;

/** Pages that read what the business holds, and one that reads nothing. */
const PAGES = {
    '/today': 'reads data',
    '/customers': 'reads data',
    '/jobs': 'reads data',
    '/money?show=all': 'reads data',
    '/more/security': 'reads data',
    '/customers/new': 'reads nothing'
} as const;

type Times = { p50_ms: number; p95_ms: number };

export type SessionFigures = {
    bare_round_trip: Times;
    /** The one call that says who is asking, where they belong and what they may. */
    who_is_asking: Times;
    /** The same call before somebody does something, which counts for person and business as well. */
    about_to_act: Times;
    /** One statement on one connection, with the question whether the session is alive and without. */
    in_postgres: { bare_statement_p50_ms: number; session_is_live_p50_ms: number };
    pages: (Times & {
        page: string;
        reads: string;
        /** Calls to the project for one page, that one included; none more checks the session (security/session-check.test.ts). */
        calls: number;
    })[];
    sign_in: Times & { n: number };
};

const two = (value: number): number => Math.round(value * 100) / 100;
const timesOf = (samples: readonly number[]): Times => ({
    p50_ms: two(percentile(samples, 0.5)),
    p95_ms: two(percentile(samples, 0.95))
});

async function measured(
    rounds: number,
    act: () => Promise<unknown>,
    before?: () => Promise<unknown>
): Promise<number[]> {
    const samples: number[] = [];
    for (let n = 0; n < rounds + WARM_UP; n += 1) {
        await before?.();
        const ms = await timed(act);
        if (n >= WARM_UP) samples.push(ms);
    }
    return samples;
}

/** How many calls the web server says that it made for an answer. */
async function callsOf(visitor: Visitor, page: string): Promise<number> {
    const answer = await visitor.get(page);
    await answer.arrayBuffer();
    if (answer.status !== 200) throw new Error(`${page} answered ${answer.status}.`);
    return Number(/desc="(\d+) calls"/.exec(answer.headers.get('server-timing') ?? '')?.[1]);
}

/** Measures on a stack that runs; starts the app beside it. */
export async function sessionCheck(
    info: StackInfo,
    sql: Sql,
    rounds: number,
    log: (line: string) => void
): Promise<SessionFigures> {
    const app = await startApp(info, await freePort());
    try {
        const { owner } = await aBusiness();
        const visitor = await signedIn(owner, app.url);
        const bare = await measured(
            rounds,
            async () => await owner.db.from('permissions').select('key').limit(1)
        );
        const asking = await measured(rounds, async () => await owner.db.rpc('me'));
        const acting = await measured(
            rounds,
            async () => {
                const { error } = await owner.db.rpc('enter');
                if (error) throw error;
            },
            // Nobody may act as often in so short a time as is measured here.
            () => sql`delete from private.limit_takes where limit_name like 'act_%'`
        );
        const pages: SessionFigures['pages'] = [];
        for (const [page, reads] of Object.entries(PAGES)) {
            const samples = await measured(rounds, async () => {
                await (await visitor.get(page)).arrayBuffer();
            });
            const calls = await callsOf(visitor, page);
            pages.push({ page, reads, calls, ...timesOf(samples) });
            log(`${page} ${reads}: ${calls} calls, ${JSON.stringify(timesOf(samples))}`);
        }
        const [, claims = ''] = owner.accessToken.split('.');
        const text = Buffer.from(claims, 'base64url').toString();
        await sql`select set_config('request.jwt.claims', ${text}, false)`;
        const alone = await measured(rounds, () => sql`select true`);
        const live = await measured(rounds, () => sql`select private.session_is_live()`);
        const entering = await measured(rounds, async () => {
            const answer = await aVisitor(app.url).post('/sign-in/password', {
                email: owner.email,
                password: owner.password
            });
            if (answer.status !== 303) throw new Error(`signing in answered ${answer.status}.`);
        });
        const figures: SessionFigures = {
            bare_round_trip: timesOf(bare),
            who_is_asking: timesOf(asking),
            about_to_act: timesOf(acting),
            in_postgres: {
                bare_statement_p50_ms: two(percentile(alone, 0.5)),
                session_is_live_p50_ms: two(percentile(live, 0.5))
            },
            pages,
            sign_in: { n: rounds, ...timesOf(entering) }
        };
        log(
            `bare ${JSON.stringify(figures.bare_round_trip)}, who is asking ${JSON.stringify(figures.who_is_asking)}, about to act ${JSON.stringify(figures.about_to_act)}`
        );
        log(
            `signing in ${JSON.stringify(figures.sign_in)}, in Postgres ${JSON.stringify(figures.in_postgres)}`
        );
        return figures;
    } finally {
        await app.stop();
    }
}
