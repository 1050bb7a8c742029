/**
 * The frame around every edge function: request id, one log line a request, failures as problem+json.
 * A failure nobody foresaw is `internal_error`: logged with its sentence, answered without it.
 */
import { createLog, describeFailure, type Log } from './log.ts';
import { Problem } from './problem.ts';

export type Call = {
    readonly request: Request;
    readonly url: URL;
    readonly requestId: string;
    readonly log: Log;
};

/** What every answer carries, so that one that is opened as a page runs nothing and stands in no frame. */
const securityHeaders = {
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY'
};

/** Serves `handler` as the edge function `name`. */
export function serve(name: string, handler: (call: Call) => Promise<Response>): void {
    Deno.serve(async (request) => {
        const startedAt = performance.now();
        const requestId = requestIdOf(request);
        const log = createLog({ function: name, request_id: requestId });
        const answer = await answerOrProblem(
            () => handler({ request, url: new URL(request.url), requestId, log }),
            log
        );
        answer.headers.set('x-request-id', requestId);
        for (const [name, value] of Object.entries(securityHeaders)) {
            answer.headers.set(name, value);
        }
        if (!answer.headers.has('cache-control')) {
            answer.headers.set('cache-control', 'no-store');
        }
        log.info('request', {
            method: request.method,
            status: answer.status,
            ms: Math.round(performance.now() - startedAt)
        });
        return answer;
    });
}

async function answerOrProblem(run: () => Promise<Response>, log: Log): Promise<Response> {
    try {
        return await run();
    } catch (failure) {
        const problem =
            failure instanceof Problem ? failure : new Problem('internal_error', { cause: failure });
        if (problem.status >= 500) {
            log.error(problem.code, describeFailure(failure));
        } else {
            log.info('refused', { code: problem.code });
        }
        return problem.toResponse();
    }
}

/** The gateway's or web tier's request id, which is a UUID; whatever else a caller sends is not repeated in logs. */
function requestIdOf(request: Request): string {
    const given = request.headers.get('x-request-id');
    return given !== null && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(given)
        ? given
        : crypto.randomUUID();
}

declare const EdgeRuntime: { waitUntil(work: Promise<unknown>): void } | undefined;

/**
 * Lets `work` go on after the answer. Hosted workers may be put to sleep once they have answered, unless the
 * runtime is told (`EdgeRuntime.waitUntil`); elsewhere a promise simply runs on.
 */
export function afterAnswer(work: Promise<unknown>): void {
    if (typeof EdgeRuntime !== 'undefined') {
        EdgeRuntime.waitUntil(work);
    }
}
