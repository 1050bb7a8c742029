// What was measured and how it is summed up: times as the visitor sees them, and what went into them by the web server's own
// account and by Postgres'.

/** How long one request took for whoever waited, and the web server's account of it. Milliseconds. */
export type Sample = {
    ms: number;
    /** Until the web server had its answer ready. */
    total: number;
    /** The part of it in which the web server waited for the gateway. */
    gateway: number;
    /** Requests to the gateway. */
    calls: number;
};

export type Step = {
    n: number;
    p50_ms: number;
    p95_ms: number;
    /** Requests from the web server to the gateway for one answer. */
    upstream_calls?: number;
    /**
     * Of the web server's total: Postgres' own time for all statements meanwhile; the rest of what the web server waited
     * for (gateway, Data API, functions, auth server, storage, and the ways between); what is left is the web server's.
     */
    share?: { postgres: number; gateway: number; web: number };
    /** What the figures can't tell by themselves. */
    note?: string;
};

const one = (value: number): number => Math.round(value * 10) / 10;
const two = (value: number): number => Math.round(value * 100) / 100;
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** The smallest value that this share of the values does not exceed (nearest rank). */
export function percentile(values: readonly number[], share: number): number {
    const sorted = [...values].sort((a, b) => a - b);
    return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

/** Milliseconds that some work took. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
    const began = performance.now();
    await work();
    return performance.now() - began;
}

/** Sends a request, reads the answer to its end, and notes both clocks. */
export async function sampled(
    send: () => Promise<Response>,
    expected: number
): Promise<{ sample: Sample; response: Response; body: string }> {
    const began = performance.now();
    const response = await send();
    const body = await response.text();
    const ms = performance.now() - began;
    if (response.status !== expected)
        throw new Error(
            `${response.url} answered ${response.status} instead of ${expected}: ${body.slice(0, 2000)}`
        );
    const told = response.headers.get('server-timing') ?? '';
    const [, gateway, calls, total] =
        /gateway;dur=([\d.]+);desc="(\d+) calls", total;dur=([\d.]+)/.exec(told) ?? [];
    if (total === undefined) throw new Error(`${response.url} tells no Server-Timing that we know: ${told}`);
    const sample = { ms, total: Number(total), gateway: Number(gateway), calls: Number(calls) };
    return { sample, response, body };
}

/** Sums up the samples of one step, with the time that Postgres took for all of them. */
export function step(samples: readonly Sample[], postgresMs: number, note?: string): Step {
    const total = sum(samples.map((sample) => sample.total));
    const waited = sum(samples.map((sample) => sample.gateway));
    return {
        ...times(samples.map((sample) => sample.ms)),
        upstream_calls: one(sum(samples.map((sample) => sample.calls)) / samples.length),
        share: {
            postgres: two(postgresMs / total),
            gateway: two((waited - postgresMs) / total),
            web: two((total - waited) / total)
        },
        ...(note === undefined ? {} : { note })
    };
}

/** Sums up times that are not split. */
export function times(values: readonly number[]): Pick<Step, 'n' | 'p50_ms' | 'p95_ms'> {
    return {
        n: values.length,
        p50_ms: one(percentile(values, 0.5)),
        p95_ms: one(percentile(values, 0.95))
    };
}
