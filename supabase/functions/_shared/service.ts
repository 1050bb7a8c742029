/**
 * The only file that holds the secret key. What it offers is narrow: call a function of the schema `service`
 * (each granted to service_role alone and on the reviewed list), fetch a stored document for the mailer, remove
 * abandoned uploads, and reach the auth server for auth-gate. Every call says who acts and for which request.
 */
import { createClient } from 'npm:@supabase/supabase-js@2.119.1';
import { type z } from 'npm:zod@4.6.7';
import { signEdgeContext } from './caller.ts';
import { CONTEXT_HEADER, type RequestContext } from './context.ts';
import { Problem, problemFromDatabase } from './problem.ts';
import { keyNamedDefault, readSettings } from './settings.ts';

const { SUPABASE_URL } = readSettings('SUPABASE_URL');
const secretKey = keyNamedDefault(Deno.env.get('SUPABASE_SECRET_KEYS') ?? '');
if (secretKey === null) {
    throw new Error('Settings missing or not right: SUPABASE_SECRET_KEYS.');
}
const SECRET_KEY: string = secretKey;

const client = createClient(SUPABASE_URL, SECRET_KEY, {
    db: { schema: 'service' },
    auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false }
});

/** Who acts (a user id, or 'customer', 'stripe', 'mailer', 'auth'), in which request, seen from where. */
export type Act = {
    readonly actor: string;
    readonly requestId: string;
    readonly context: RequestContext | null;
};

/**
 * Calls `service.<name>(args)` and checks what comes back by `schema`. Throws the database's own code as a
 * problem, `database_unavailable` when nothing answers within `timeoutMs`.
 */
export async function callService<T>(
    act: Act,
    name: string,
    args: Record<string, unknown>,
    schema: z.ZodType<T>,
    timeoutMs: number = 8000
): Promise<T> {
    const context = await signEdgeContext(act.context, {
        requestId: act.requestId,
        sessionId: null,
        actor: act.actor
    });
    const answer = await client
        .rpc(name, args)
        .setHeader(CONTEXT_HEADER, context)
        .setHeader('x-request-id', act.requestId)
        .abortSignal(AbortSignal.timeout(timeoutMs));
    if (answer.error !== null) {
        throw problemFromDatabase(answer.error, answer.status);
    }
    const parsed = schema.safeParse(answer.data);
    if (!parsed.success) {
        const fields = parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.code}`).join(', ');
        throw new Error(`service.${name} answered in an unknown form: ${fields}`);
    }
    return parsed.data;
}

/** The bytes of a stored object, for attaching to a mail. Null when it does not exist. */
export async function downloadObject(bucket: string, name: string): Promise<Uint8Array<ArrayBuffer> | null> {
    const { data, error } = await client.storage.from(bucket).download(name, undefined, {
        signal: AbortSignal.timeout(10_000)
    });
    if (error !== null) {
        const code: unknown = 'code' in error ? error.code : undefined;
        if (code === 'NoSuchKey' || code === 'NoSuchBucket') {
            return null;
        }
        throw new Problem('storage_unavailable', { cause: error });
    }
    return new Uint8Array(await data.arrayBuffer());
}

/** Removes stored objects; those that do not exist are fine. */
export async function removeObjects(bucket: string, names: readonly string[]): Promise<void> {
    const { error } = await client.storage.from(bucket).remove([...names]);
    if (error !== null) {
        throw new Problem('storage_unavailable', { cause: error });
    }
}

/**
 * Calls the auth server with the secret key, which makes it believe `Sb-Forwarded-For` and count its limits
 * per person instead of per web server. The agent is ours: Supabase refuses a secret key with a browser's.
 */
export function callAuthServer(
    path: string,
    request: { method: string; headers: Record<string, string>; body: Uint8Array<ArrayBuffer> | null }
): Promise<Response> {
    return fetch(`${SUPABASE_URL}/auth/v1/${path}`, {
        method: request.method,
        headers: { ...request.headers, apikey: SECRET_KEY, 'user-agent': 'tradersflow-auth-gate/1' },
        body: request.body,
        redirect: 'manual',
        signal: AbortSignal.timeout(10_000)
    });
}
