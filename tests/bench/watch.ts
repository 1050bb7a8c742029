// `npm run bench -- watch`: does time tell whether another business has something? Its own row, account and file are asked for
// by a stranger, in turns drawn by lot with ids of nothing, and the times are compared. What the database reads for either is
// counted in tests/security/attacks/timing.test.ts; a clock shows the rest, and no clock belongs in a test.
import { randomUUID } from 'node:crypto';
import { aBusiness, superuser, type Business } from '../support/business.ts';
import { startOwnStack, type StackInfo } from '../support/stack.ts';
import { shuffled } from './lot.ts';
import { percentile } from './samples.ts';
import { compared, type Comparison } from './statistics.ts';
import type { Judgement } from './targets.ts';

const WARM_UP = 50;
/** So unlikely may the least likely of all tests be, where all of it is chance (Bonferroni, 1 in 100). */
const LEAST_P = 0.01;

type Asked = { path: string; body?: object };
type Way = { name: string; theirs: Asked; nobodys(): Asked };
type Watched = {
    way: string;
    theirs_p50_ms: number;
    nobodys_p50_ms: number;
} & Comparison;

export type WatchFigures = { asked_per_way: number; ways: Watched[]; targets: Judgement[] };

const round = (value: number): number => Math.round(value * 1000) / 1000;

async function ms(info: StackInfo, token: string, { path, body }: Asked): Promise<number> {
    const began = performance.now();
    const answer = await fetch(`${info.apiUrl}${path}`, {
        headers: {
            apikey: info.publishableKey,
            authorization: `Bearer ${token}`,
            ...(body ? { 'content-type': 'application/json' } : {})
        },
        ...(body ? { method: 'POST', body: JSON.stringify(body) } : {})
    });
    await answer.arrayBuffer();
    return performance.now() - began;
}

async function watched(info: StackInfo, token: string, way: Way, rounds: number): Promise<Watched> {
    for (let n = 0; n < WARM_UP; n += 1) {
        await ms(info, token, way.theirs);
        await ms(info, token, way.nobodys());
    }
    const theirs: number[] = [];
    const nobodys: number[] = [];
    const turns = shuffled(Array.from({ length: 2 * rounds }, (_, n) => n % 2 === 0));
    for (const isTheirs of turns) {
        const took = await ms(info, token, isTheirs ? way.theirs : way.nobodys());
        (isTheirs ? theirs : nobodys).push(took);
    }
    return {
        way: way.name,
        theirs_p50_ms: round(percentile(theirs, 0.5)),
        nobodys_p50_ms: round(percentile(nobodys, 0.5)),
        ...compared(theirs, nobodys)
    };
}

async function waysTo(bell: Business): Promise<Way[]> {
    const { jobId } = await bell.aJob();
    const { documentId } = await bell.anInvoice();
    const sql = superuser();
    const [document] = await sql<{ object_name: string }[]>`
        select object_name from public.documents where id = ${documentId}`;
    await sql.end();
    const row = (id: string): Asked => ({ path: `/rest/v1/jobs?id=eq.${id}` });
    const today = (id: string): Asked => ({ path: '/rest/v1/rpc/today', body: { account_id: id } });
    const file = (name: string): Asked => ({
        path: `/storage/v1/object/authenticated/${bell.accountId}/${name}`
    });
    return [
        { name: 'a row', theirs: row(jobId), nobodys: () => row(randomUUID()) },
        { name: 'an account', theirs: today(bell.accountId), nobodys: () => today(randomUUID()) },
        {
            name: 'a file',
            theirs: file(document?.object_name ?? ''),
            nobodys: () => file(`invoice_pdf/${randomUUID()}/1`)
        }
    ];
}

/** Watches; `rounds` is how often each of the two is asked for by each way. */
export async function watch(rounds: number, log: (line: string) => void): Promise<WatchFigures> {
    const stack = await startOwnStack();
    process.env.TF_STACK = JSON.stringify(stack.info);
    try {
        const finch = await aBusiness({ name: 'Finch & Co' });
        const ways: Watched[] = [];
        for (const way of await waysTo(await aBusiness({ name: 'Bell Lane' }))) {
            const found = await watched(stack.info, finch.owner.accessToken, way, rounds);
            ways.push(found);
            log(
                `${way.name.padEnd(12)}${found.theirs_p50_ms}/${found.nobodys_p50_ms} ms  U p=${found.mann_whitney_p} ` +
                    `AUC ${found.auc}  KS p=${found.ks_p}  guessed right ${found.guessed_right}`
            );
        }
        const ps = ways.flatMap((way) => [way.mann_whitney_p, way.ks_p]);
        const least = round(Math.min(1, Math.min(...ps) * ps.length));
        const what = 'least p of all tests, corrected';
        return {
            asked_per_way: 2 * rounds,
            ways,
            targets: [{ what, target: LEAST_P, measured: least, met: least >= LEAST_P }]
        };
    } finally {
        await stack.stopAndForget();
    }
}
