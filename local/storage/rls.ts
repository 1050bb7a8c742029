// Who asks, and how every transaction tells the database. Row-level security decides; this file only states the facts
// that policies and triggers read: role, claims, headers, method, path and operation.
import type { JWTPayload } from 'jose';
import type { Sql, TransactionSql } from 'postgres';
import { refusal, refusalFrom } from './errors.ts';

/** Names as policies compare them through storage.operation(); two of them lack the prefix on hosted too. */
export type Operation =
    | `storage.object.${
          | 'upload'
          | 'upload_update'
          | 'upload_signed'
          | 'sign_upload_url'
          | 'sign'
          | 'sign_many'
          | 'get_authenticated'
          | 'get_public'
          | 'get_signed'
          | 'info_public'
          | 'list'
          | 'list_v2'
          | 'move'
          | 'copy'
          | 'delete'
          | 'delete_many'}`
    | `storage.bucket.${'create' | 'get' | 'list' | 'update' | 'delete' | 'empty'}`
    | 'object.get_authenticated_info'
    | 'object.head_authenticated_info';

/** The person behind a request; `verified` is false for somebody without a token, who is anon. */
export type Caller = { jwt: string; claims: JWTPayload; verified: boolean };

/** One request as its transactions describe it. */
export type Act = { sql: Sql; caller: Caller; operation: Operation; request: Request };

/** The rights the server writes final rows with: row-level security is passed over, triggers are not. */
const service: Caller = { jwt: '', claims: { role: 'service_role' }, verified: true };

/** A statement of the server that takes longer than this is given up (milliseconds). */
const statementTimeout = 30_000;

/** Verifies the bearer token; `optional` makes a request with none, or a bad one, anon instead of refused. */
export async function identify(
    request: Request,
    verify: (jwt: string) => Promise<JWTPayload>,
    { optional = false } = {}
): Promise<Caller> {
    const jwt = (request.headers.get('authorization') ?? '').replace(/^Bearer\s+/i, '');
    try {
        if (jwt === '') throw new Error('Missing authorization header');
        return { jwt, claims: await verify(jwt), verified: true };
    } catch (error) {
        if (optional) return { jwt: '', claims: { role: 'anon' }, verified: false };
        throw refusal('AccessDenied', error instanceof Error ? error.message : undefined, error);
    }
}

/** Runs a transaction as the caller's role, under the caller's policies. */
export function asCaller<T>(act: Act, work: (tx: TransactionSql) => Promise<T>): Promise<T> {
    return transaction(act, act.caller, work);
}

/** Runs a transaction with the service role's rights, after the caller has been judged. */
export function asService<T>(act: Act, work: (tx: TransactionSql) => Promise<T>): Promise<T> {
    return transaction(act, service, work);
}

/** Tries a change as the caller and takes it back: says what policies and triggers would say, and leaves nothing. */
export async function probe(act: Act, work: (tx: TransactionSql) => Promise<unknown>): Promise<void> {
    const undo = new Error('probe');
    try {
        await act.sql.begin(async (tx) => {
            await describe(tx, act, act.caller);
            await work(tx);
            throw undo;
        });
    } catch (error) {
        if (error !== undo) throw refusalFrom(error);
    }
}

/** The same act with service rights, for calls that a signed token has already judged. */
export function withServiceRights(act: Act): Act {
    return { ...act, caller: service };
}

async function transaction<T>(
    act: Act,
    caller: Caller,
    work: (tx: TransactionSql) => Promise<T>
): Promise<T> {
    try {
        const result = await act.sql.begin(async (tx) => {
            await describe(tx, act, caller);
            return { value: await work(tx) };
        });
        return result.value;
    } catch (error) {
        throw refusalFrom(error);
    }
}

async function describe(tx: TransactionSql, act: Act, caller: Caller): Promise<void> {
    const url = new URL(act.request.url);
    const role = typeof caller.claims.role === 'string' ? caller.claims.role : 'anon';
    await tx`
        select
            set_config('role', ${role}, true),
            set_config('request.jwt', ${caller.jwt}, true),
            set_config('request.jwt.claims', ${JSON.stringify(caller.claims)}, true),
            set_config('request.jwt.claim.role', ${role}, true),
            set_config('request.jwt.claim.sub', ${caller.claims.sub ?? ''}, true),
            set_config('request.headers', ${JSON.stringify(Object.fromEntries(act.request.headers))}, true),
            set_config('request.method', ${act.request.method}, true),
            set_config('request.path', ${url.pathname + url.search}, true),
            set_config('storage.operation', ${act.operation}, true),
            set_config('storage.allow_delete_query', 'true', true),
            set_config('statement_timeout', ${String(statementTimeout)}, true)
    `;
}
