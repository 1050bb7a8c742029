/**
 * One JSON line a request, and the record it is written from. The record is made by the server, travels with
 * the request through the framework and gathers what is learnt on the way. It never holds a path (a portal
 * link's token is part of one), a body, a header or an e-mail address.
 */
import { randomUUID } from 'node:crypto';

/** What is known about one request. Times in milliseconds. */
export type RequestRecord = {
    readonly id: string;
    /** The client's address, as decided from the socket and the trusted proxies. */
    readonly address: string;
    readonly startedAt: number;
    routeId: string | null;
    accountId: string | null;
    userId: string | null;
    /** The permission that the route asked for. */
    permission: string | null;
    /** Time in which at least one call to the gateway was under way; calls side by side count once. */
    upstreamMs: number;
    upstreamCalls: number;
    /** Stable code of the failure, when there was one. */
    code: string | null;
};

/** A fresh record. The id is chosen here and never taken from the caller. */
export function newRecord(address: string): RequestRecord {
    return {
        id: randomUUID(),
        address,
        startedAt: performance.now(),
        routeId: null,
        accountId: null,
        userId: null,
        permission: null,
        upstreamMs: 0,
        upstreamCalls: 0,
        code: null
    };
}

// A registered symbol: the server runs from source and the framework from a bundle, each with its own copy of this module.
const slot = Symbol.for('tradersflow.request');

/** Lets the record travel with node's request object. */
export function attachRecord(carrier: object, record: RequestRecord): void {
    Object.defineProperty(carrier, slot, { value: record });
}

/** The record that {@link attachRecord} put there, or undefined (in development there is no server of ours). */
export function recordOf(carrier: object | undefined): RequestRecord | undefined {
    return carrier && (Reflect.get(carrier, slot) as RequestRecord | undefined);
}

/** Value of `Server-Timing`: how much of the time so far went by waiting for the gateway, and for how many answers. */
export function serverTiming(record: RequestRecord): string {
    const total = performance.now() - record.startedAt;
    const entry = (name: string, ms: number): string => `${name};dur=${ms.toFixed(1)}`;
    return `${entry('gateway', record.upstreamMs)};desc="${record.upstreamCalls} calls", ${entry('total', total)}`;
}

type Line = { level: 'info' | 'error'; event: string } & Record<string, unknown>;

/** Writes one line to standard output. */
export function writeLine(line: Line): void {
    process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), ...line })}\n`);
}

/** The line of a finished request. */
export function logRequest(record: RequestRecord, request: { method: string; status: number }): void {
    writeLine({
        level: request.status >= 500 ? 'error' : 'info',
        event: 'request',
        id: record.id,
        method: request.method,
        route: record.routeId,
        status: request.status,
        ms: Math.round(performance.now() - record.startedAt),
        upstream_ms: Math.round(record.upstreamMs),
        upstream_calls: record.upstreamCalls,
        account: record.accountId,
        user: record.userId,
        ip: record.address,
        code: record.code
    });
}

/** What can be told of a failure: its name, code and message, never the values it was about. */
function told(failure: unknown): Record<string, unknown> {
    if (typeof failure !== 'object' || failure === null) return { message: String(failure) };
    const { name, code, hint, status, title, message, stack } = failure as Record<string, unknown>;
    return { name, code, hint, status, title, message, stack };
}

/** The line of a failure that nobody foresaw. The stack stays in the log; people see the request id. */
export function logFailure(record: RequestRecord | undefined, failure: unknown): void {
    const cause =
        failure instanceof Error && failure.cause !== undefined ? { cause: told(failure.cause) } : {};
    writeLine({
        level: 'error',
        event: 'failure',
        id: record?.id ?? null,
        route: record?.routeId ?? null,
        ...told(failure),
        ...cause
    });
}
