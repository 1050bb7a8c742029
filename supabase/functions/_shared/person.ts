/**
 * A Supabase client that carries the person's own token, or only a customer's private link, so that row-level
 * security decides everything it does. It can never do more than that person could without us.
 */
import { createClient } from 'npm:@supabase/supabase-js@2.119.1';
import { signEdgeContext, type Person } from './caller.ts';
import { CONTEXT_HEADER, type RequestContext } from './context.ts';
import { problemFromDatabase, type DatabaseError } from './problem.ts';
import type { Call } from './serve.ts';
import { readSettings } from './settings.ts';

const { SUPABASE_URL, SUPABASE_PUBLISHABLE_KEYS } = readSettings('SUPABASE_URL', 'SUPABASE_PUBLISHABLE_KEYS');

/** Anything longer is a failure that the person should hear of. */
const TIMEOUT_MS = 8000;

/** A client for one call of `person`. */
export async function clientOf(person: Person, call: Call, context: RequestContext | null) {
    return createPlainClient({
        authorization: `Bearer ${person.jwt}`,
        ...(await originHeaders(call, context, person.sessionId))
    });
}

/** A client for the holder of a private link: role anon, and the link's token for the policies to look up. */
export async function clientOfLink(token: string, call: Call, context: RequestContext) {
    return createPlainClient({ 'x-tf-portal': token, ...(await originHeaders(call, context, null)) });
}

/** The rows or value of an answer; a refusal becomes its problem. */
export function dataOf<T>(answer: { data: T; error: DatabaseError | null; status: number }): NonNullable<T> {
    if (answer.error !== null || answer.data === null || answer.data === undefined) {
        throw problemFromDatabase(answer.error ?? { message: 'no data', code: '' }, answer.status);
    }
    return answer.data;
}

function createPlainClient(headers: Record<string, string>) {
    return createClient(SUPABASE_URL, SUPABASE_PUBLISHABLE_KEYS, {
        auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
        global: {
            headers,
            fetch: (input, init) =>
                fetch(input, { ...init, signal: init?.signal ?? AbortSignal.timeout(TIMEOUT_MS) })
        }
    });
}

/** Without a verified context the function vouches for nobody, and the database records what it observed itself. */
async function originHeaders(
    call: Call,
    context: RequestContext | null,
    sessionId: string | null
): Promise<Record<string, string>> {
    const requestId = call.requestId;
    return context === null
        ? { 'x-request-id': requestId }
        : {
              'x-request-id': requestId,
              [CONTEXT_HEADER]: await signEdgeContext(context, { requestId, sessionId })
          };
}
