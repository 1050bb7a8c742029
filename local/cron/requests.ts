// Does what pg_net's background worker does: takes requests off the queue once they are committed, sends
// them side by side, and records the answers for six hours. A request is sent at most once.

import type { Sql } from 'postgres';

const BATCH = 100;
const PURGE_EVERY_MS = 60_000;

export type Requests = {
    /** Sends what is queued; called when a transaction that queued something has committed. */
    wake(): void;
    /** Waits until nothing is queued or under way. */
    drain(): Promise<void>;
    stop(): Promise<void>;
};

type Queued = {
    id: string;
    method: string;
    url: string;
    headers: Record<string, string>;
    body: Buffer | null;
    timeout_milliseconds: number;
};

type Outcome = {
    status_code: number | null;
    content_type: string | null;
    headers: Record<string, string> | null;
    content: string | null;
    timed_out: boolean;
    error_msg: string | null;
};

export function startRequests({ sql, log }: { sql: Sql; log: (line: string) => void }): Requests {
    const underWay = new Set<Promise<void>>();
    let taking: Promise<void> | undefined;
    let again = false;
    let stopped = false;

    const take = async () => {
        do {
            again = false;
            const batch = await sql<Queued[]>`
                delete from net.http_request_queue
                where id in (
                    select id from net.http_request_queue order by id limit ${BATCH} for update skip locked
                )
                returning id, method, url, headers, body, timeout_milliseconds
            `;
            for (const request of batch) {
                const work = send(request)
                    .then((outcome) => record(request.id, outcome))
                    .catch((error: Error) => log(`net: request ${request.id}: ${error.message}`))
                    .finally(() => underWay.delete(work));
                underWay.add(work);
            }
            if (batch.length === BATCH) again = true;
        } while (again && !stopped);
    };

    const wake = () => {
        if (stopped) return;
        again = true;
        taking ??= take()
            .catch((error: Error) => log(`net: ${error.message}`))
            .finally(() => {
                taking = undefined;
            });
    };

    const record = async (id: string, outcome: Outcome) => {
        await sql`
            insert into net._http_response (id, status_code, content_type, headers, content, timed_out, error_msg)
            values (
                ${id}, ${outcome.status_code}, ${outcome.content_type},
                ${outcome.headers === null ? null : sql.json(outcome.headers)},
                ${outcome.content}, ${outcome.timed_out}, ${outcome.error_msg}
            )
        `;
    };

    const purge = setInterval(() => {
        sql`delete from net._http_response where created < now() - interval '6 hours'`.catch(() => undefined);
    }, PURGE_EVERY_MS);

    return {
        wake,
        drain: async () => {
            do {
                wake();
                await taking;
                await Promise.all(underWay);
            } while (await hasQueued(sql));
        },
        stop: async () => {
            stopped = true;
            clearInterval(purge);
            await taking;
            await Promise.race([
                Promise.all(underWay),
                new Promise((done) => setTimeout(done, 1000).unref())
            ]);
        }
    };
}

async function hasQueued(sql: Sql): Promise<boolean> {
    const [row] = await sql<
        { queued: boolean }[]
    >`select exists (select from net.http_request_queue) as queued`;
    return row?.queued ?? false;
}

async function send(request: Queued): Promise<Outcome> {
    const nothing = { status_code: null, content_type: null, headers: null, content: null };
    try {
        const answer = await fetch(request.url, {
            method: request.method,
            headers: { 'user-agent': 'pg_net/0.14.0', ...request.headers },
            body: request.body ? new Uint8Array(request.body) : undefined,
            signal: AbortSignal.timeout(request.timeout_milliseconds)
        });
        return {
            status_code: answer.status,
            content_type: answer.headers.get('content-type'),
            headers: Object.fromEntries(answer.headers),
            // Postgres text holds no zero byte.
            content: (await answer.text()).replaceAll('\0', ''),
            timed_out: false,
            error_msg: null
        };
    } catch (error) {
        const { name, message, cause } = error as Error & { cause?: Error };
        if (name === 'TimeoutError')
            return {
                ...nothing,
                timed_out: true,
                error_msg: `Timeout of ${request.timeout_milliseconds} ms reached`
            };
        return { ...nothing, timed_out: false, error_msg: cause?.message || message };
    }
}
