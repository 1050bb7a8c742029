/**
 * Which API requests came in. Entries reach the file a moment later, or with the next acknowledged write: reading
 * costs no flush to the disk, and no acknowledged effect depends on them.
 */
import type { State } from './state.ts';

export type RequestEntry = {
    id: string;
    at: string;
    method: string;
    path: string;
    /** The connected account the request acted on; null on the platform's own. */
    stripe_account: string | null;
    idempotency_key: string | null;
    status: number;
    replayed: boolean;
};

const FLUSH_AFTER_MS = 200;
const KEPT = 10_000;

export class RequestLog {
    readonly #state: State;
    #waiting: RequestEntry[] = [];
    #isClosed = false;
    #timer: NodeJS.Timeout | undefined;

    constructor(state: State) {
        this.#state = state;
    }

    note(entry: RequestEntry): void {
        if (this.#isClosed) return;
        this.#waiting.push(entry);
        this.#timer ??= setTimeout(() => this.flush(), FLUSH_AFTER_MS);
    }

    /** Writes what waits and takes no more. */
    close(): void {
        this.flush();
        this.#isClosed = true;
    }

    flush(): void {
        clearTimeout(this.#timer);
        this.#timer = undefined;
        const entries = this.#waiting;
        if (entries.length === 0) return;
        this.#waiting = [];
        this.#state.transaction(() => {
            for (const entry of entries) {
                this.#state.run('insert into requests (entry) values (?)', JSON.stringify(entry));
            }
            this.#state.run('delete from requests where seq <= (select max(seq) from requests) - ?', KEPT);
        });
    }

    /** Oldest first; the newest `limit` of those whose fields equal what is asked for. */
    entries(
        wanted: Partial<Record<'method' | 'path' | 'stripe_account', string>>,
        limit: number
    ): RequestEntry[] {
        this.flush();
        const fields = ['method', 'path', 'stripe_account'] as const;
        const rows = this.#state.rows<{ entry: string }>(
            `select entry from requests where ${fields
                .map((field) => `(? is null or json_extract(entry, '$.${field}') = ?)`)
                .join(' and ')} order by seq desc limit ?`,
            ...fields.flatMap((field) => [wanted[field] ?? null, wanted[field] ?? null]),
            limit
        );
        return rows.reverse().map((row) => JSON.parse(row.entry) as RequestEntry);
    }
}
