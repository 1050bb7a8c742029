/**
 * Webhook delivery (https://docs.stripe.com/webhooks): signed, in parallel, in no order, again and again until a
 * 2xx, at least once. What is owed stands in the state before anything is sent, so a killed process resumes it.
 */
import { createHmac } from 'node:crypto';
import { shownEvent } from './events.ts';
import { seconds } from './world.ts';
import type { EndpointSecret, StoredEvent } from './objects.ts';
import type { World } from './world.ts';

export type Attempt = { at: string; status: number | null; error: string | null; milliseconds: number };

export type Delivery = {
    id: string;
    event: string;
    endpoint: string;
    state: 'pending' | 'delivered' | 'failed' | 'abandoned';
    due: string;
    attempts: Attempt[];
};

type Row = Omit<Delivery, 'due' | 'attempts'> & { due: number; attempts: string };

const AT_ONCE = 32;
const ANSWER_WITHIN_MS = 20_000;

/**
 * Waits between tries, in seconds, growing to three days in all. Stripe publishes the three days and "exponential",
 * not the steps; the first ones are short because here a function host restarts in seconds.
 */
const WAITS = [2, 5, 15, 60, 300, 1800, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 16 * 3600, 24 * 3600];

/** Sends what is owed. One per state; `pump` is called whenever something may be due. */
export class Deliveries {
    readonly #world: World;
    readonly #sending = new Map<string, Promise<void>>();
    readonly #closing = new AbortController();
    #held = false;
    #idle: (() => void)[] = [];

    constructor(world: World) {
        this.#world = world;
    }

    /** Starts every delivery that is due, as far as there is room; returns at once. */
    pump(): void {
        if (this.#held || this.#closing.signal.aborted) return;
        const rows = this.#world.state.rows<Row>(
            `select * from deliveries where state = 'pending' and due <= ? order by random() limit ?`,
            this.#world.clock.now().getTime(),
            AT_ONCE + this.#sending.size
        );
        for (const row of rows) {
            if (this.#sending.size >= AT_ONCE) break;
            if (!this.#sending.has(row.id)) this.#sending.set(row.id, this.#deliver(row));
        }
    }

    /** Sends nothing until {@link release}; what is under way still arrives. */
    hold(): void {
        this.#held = true;
    }

    release(): void {
        this.#held = false;
        this.pump();
    }

    /** Tries everything that waits or was given up, now; returns how many that are. */
    retry(): number {
        const now = this.#world.clock.now().getTime();
        const waiting = this.#world.state.rows<{ id: string }>(
            `update deliveries set state = 'pending', due = ?
             where state = 'failed' or (state = 'pending' and due > ?) returning id`,
            now,
            now
        );
        this.pump();
        return waiting.length;
    }

    /** True once nothing is owed any more, false when `milliseconds` have passed before. */
    async idle(milliseconds: number): Promise<boolean> {
        if (this.owed() === 0) return true;
        return new Promise((resolve) => {
            const timer = setTimeout(() => finish(false), milliseconds);
            const done = () => finish(true);
            const finish = (isIdle: boolean) => {
                clearTimeout(timer);
                this.#idle = this.#idle.filter((waiter) => waiter !== done);
                resolve(isIdle);
            };
            this.#idle.push(done);
        });
    }

    /** How many deliveries have not been acknowledged and have not been given up. */
    owed(): number {
        const row = this.#world.state.row<{ owed: number }>(
            `select count(*) as owed from deliveries where state = 'pending'`
        );
        return row?.owed ?? 0;
    }

    /** Newest last, of one event or of all. */
    history(event: string | null, limit: number): Delivery[] {
        const rows = this.#world.state.rows<Row>(
            'select * from deliveries where ? is null or event = ? order by rowid desc limit ?',
            event,
            event,
            limit
        );
        return rows
            .reverse()
            .map((row) => ({ ...row, due: new Date(row.due).toISOString(), attempts: attemptsOf(row) }));
    }

    /** One signed POST of an event to an endpoint, outside the queue. */
    async send(event: StoredEvent, endpoint: string): Promise<Attempt & { endpoint: string; url: string }> {
        const found = this.#world.state.find('webhook_endpoint', endpoint);
        if (!found) throw new Error(`There is no endpoint ${endpoint}.`);
        const attempt = await this.#post(event, found.shown.url, found.hidden.secrets);
        return { endpoint, url: found.shown.url, ...attempt };
    }

    /** Stops sending. What was under way stays owed and is sent again at the next start. */
    async close(): Promise<void> {
        this.#closing.abort();
        await Promise.allSettled(this.#sending.values());
    }

    async #deliver(row: Row): Promise<void> {
        try {
            const endpoint = this.#world.state.find('webhook_endpoint', row.endpoint);
            const event = this.#world.state.find('event', row.event)?.shown;
            if (!event || endpoint?.shown.status !== 'enabled') {
                this.#record(row, 'abandoned', row.due, attemptsOf(row));
                return;
            }
            const attempt = await this.#post(event, endpoint.shown.url, endpoint.hidden.secrets);
            if (this.#closing.signal.aborted) return;
            const attempts = [...attemptsOf(row), attempt];
            if (attempt.status !== null && attempt.status >= 200 && attempt.status < 300) {
                this.#record(row, 'delivered', row.due, attempts);
                return;
            }
            const wait = WAITS[attempts.length - 1];
            const due = this.#world.clock.now().getTime() + (wait ?? 0) * 1000;
            this.#record(row, wait === undefined ? 'failed' : 'pending', due, attempts);
            this.#world.log(
                `webhook ${event.type} to ${endpoint.shown.url}: ${attempt.error ?? attempt.status}, ${
                    wait === undefined ? 'given up' : `again in ${wait} s`
                }`
            );
        } catch (problem) {
            this.#world.log(`webhook delivery ${row.id} stumbled: ${String(problem)}`);
        } finally {
            this.#sending.delete(row.id);
            if (!this.#closing.signal.aborted) {
                this.pump();
                if (this.owed() === 0) for (const waiter of [...this.#idle]) waiter();
            }
        }
    }

    #record(row: Row, state: Delivery['state'], due: number, attempts: Attempt[]): void {
        this.#world.state.run(
            'update deliveries set state = ?, due = ?, attempts = ? where id = ?',
            state,
            due,
            JSON.stringify(attempts),
            row.id
        );
    }

    async #post(event: StoredEvent, url: string, secrets: EndpointSecret[]): Promise<Attempt> {
        const body = JSON.stringify(shownEvent(this.#world, event), null, 2);
        const began = performance.now();
        const at = this.#world.clock.now().toISOString();
        const finished = (status: number | null, error: string | null): Attempt => ({
            at,
            status,
            error,
            milliseconds: Math.round(performance.now() - began)
        });
        try {
            const response = await fetch(url, {
                method: 'POST',
                redirect: 'manual',
                headers: {
                    'content-type': 'application/json; charset=utf-8',
                    'user-agent': 'Stripe/1.0 (+https://stripe.com/docs/webhooks)',
                    'stripe-signature': signature(body, seconds(this.#world), secrets)
                },
                body,
                signal: AbortSignal.any([AbortSignal.timeout(ANSWER_WITHIN_MS), this.#closing.signal])
            });
            await response.arrayBuffer();
            return finished(response.status, null);
        } catch (problem) {
            const cause = problem instanceof Error ? (problem.cause ?? problem) : problem;
            return finished(null, cause instanceof Error ? cause.message || cause.name : String(cause));
        }
    }
}

function attemptsOf(row: Row): Attempt[] {
    return JSON.parse(row.attempts) as Attempt[];
}

/**
 * The `Stripe-Signature` header: HMAC-SHA256 of `t.body` under every secret that is valid at `at`, newest first
 * (https://docs.stripe.com/webhooks#verify-manually).
 */
export function signature(body: string, at: number, secrets: readonly EndpointSecret[]): string {
    const valid = secrets.filter(({ until }) => until === null || until > at);
    const parts = valid.map(
        ({ secret }) => `v1=${createHmac('sha256', secret).update(`${at}.${body}`).digest('hex')}`
    );
    return [`t=${at}`, ...parts].join(',');
}
