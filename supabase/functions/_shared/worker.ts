/** The key by which the project's own workers (cron, the outbox's kick) prove themselves to a function. */
import { Problem } from './problem.ts';
import { readSettings } from './settings.ts';

const { SUPABASE_URL, TF_WORKER_KEY } = readSettings('SUPABASE_URL', 'TF_WORKER_KEY');
const WORKER_HEADER = 'x-tf-worker';

export function claimsToBeWorker(request: Request): boolean {
    return request.headers.has(WORKER_HEADER);
}

/** Throws `worker_key_required` unless the right key came. Digests are compared, so time tells nothing. */
export async function requireWorker(request: Request): Promise<void> {
    const [given, wanted] = await Promise.all([
        digest(request.headers.get(WORKER_HEADER) ?? ''),
        digest(TF_WORKER_KEY)
    ]);
    const difference = wanted.reduce((sum, byte, index) => sum | (byte ^ (given[index] ?? 0)), 0);
    if (difference !== 0) {
        throw new Problem('worker_key_required');
    }
}

/** Calls another of our functions as a worker. Its answer is of no interest: it does its work or is called again. */
export async function kick(functionName: string, requestId: string): Promise<void> {
    const answer = await fetch(`${SUPABASE_URL}/functions/v1/${functionName}`, {
        method: 'POST',
        headers: {
            [WORKER_HEADER]: TF_WORKER_KEY,
            'content-type': 'application/json',
            'x-request-id': requestId
        },
        body: '{}',
        signal: AbortSignal.timeout(30_000)
    });
    await answer.body?.cancel();
}

async function digest(text: string): Promise<Uint8Array> {
    return new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
}
