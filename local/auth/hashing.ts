/**
 * Runs bcrypt beside the server's own thread, as the real server does in its: one guess at a password must not hold up
 * everybody else's requests. This file is both: what asks, and what runs in the thread.
 */
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { compareSync, hashSync } from 'bcryptjs';

type Job = { password: string; cost: number } | { password: string; encrypted: string };
type Asked = { id: number; job: Job };
type Answered = { id: number; result: string | boolean };

const waiting = new Map<number, { resolve(result: string | boolean): void; reject(error: Error): void }>();
let thread: Worker | null = null;
let last = 0;

/** The hash of a password. */
export async function hash(password: string, cost: number): Promise<string> {
    return String(await inThread({ password, cost }));
}

/** Is it the password behind the hash? */
export async function compare(password: string, encrypted: string): Promise<boolean> {
    return (await inThread({ password, encrypted })) === true;
}

function inThread(job: Job): Promise<string | boolean> {
    const to = (thread ??= start());
    return new Promise((resolve, reject) => {
        last += 1;
        waiting.set(last, { resolve, reject });
        to.ref();
        to.postMessage({ id: last, job } satisfies Asked);
    });
}

function start(): Worker {
    const started = new Worker(new URL(import.meta.url));
    started.unref();
    started.on('message', ({ id, result }: Answered) => {
        waiting.get(id)?.resolve(result);
        waiting.delete(id);
        if (waiting.size === 0) started.unref();
    });
    started.on('error', (error: Error) => {
        thread = null;
        for (const { reject } of waiting.values()) reject(error);
        waiting.clear();
    });
    return started;
}

if (!isMainThread && parentPort) {
    const port = parentPort;
    port.on('message', ({ id, job }: Asked) => {
        const result =
            'cost' in job ? hashSync(job.password, job.cost) : compareSync(job.password, job.encrypted);
        port.postMessage({ id, result } satisfies Answered);
    });
}
