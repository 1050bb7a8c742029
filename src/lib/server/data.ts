/**
 * How verbs speak to the Data API and to edge functions: as the person whose token the client carries, with
 * every answer parsed and every failure turned into one of the catalogue.
 */
import { createClient, FunctionsHttpError, type SupabaseClient } from '@supabase/supabase-js';
import type { z } from 'zod';
import { limitHeadersOf, problem, problemFromData, problemFromFunction, type DataError } from './errors.ts';
import type { Settings } from './settings.ts';

/** A client that acts as one person, or as nobody (role anon). It cannot sign anybody in or out. */
export type Db = SupabaseClient;

/** Makes the client of a request. `accessToken` answers null when nobody is signed in. */
export function dataClient(
    settings: Settings,
    fetch: typeof globalThis.fetch,
    accessToken: () => string | null
): Db {
    return createClient(settings.SUPABASE_URL, settings.SUPABASE_PUBLISHABLE_KEY, {
        accessToken: () => Promise.resolve(accessToken()),
        global: { fetch }
    });
}

type Answer = { data: unknown; error: DataError | null; status: number };

/** What the database answered, parsed. A shape we did not expect is our own failure, never the person's. */
function parsed<Schema extends z.ZodType>(answer: Answer, schema: Schema): z.output<Schema> {
    if (answer.error) throw problemFromData(answer.error, answer.status);
    const value = schema.safeParse(answer.data);
    if (!value.success) throw problem('unexpected', { cause: value.error });
    return value.data;
}

/**
 * Calls an exposed function of the database by POST.
 * @throws {Problem} with the code that SQL gave as its hint.
 */
export async function call<Schema extends z.ZodType>(
    db: Db,
    name: string,
    args: Record<string, unknown>,
    schema: Schema
): Promise<z.output<Schema>> {
    return parsed(await db.rpc(name, args), schema);
}

/** Runs a query and parses its rows, or its row after `.single()`. */
export async function read<Schema extends z.ZodType>(
    query: PromiseLike<Answer>,
    schema: Schema
): Promise<z.output<Schema>> {
    return parsed(await query, schema);
}

/** Runs a query and parses a page of rows together with how many there are in all (`count: 'exact'`). */
export async function readPage<Schema extends z.ZodType>(
    query: PromiseLike<Answer & { count: number | null }>,
    schema: Schema
): Promise<{ rows: z.output<Schema>; total: number }> {
    const answer = await query;
    return { rows: parsed(answer, schema), total: answer.count ?? 0 };
}

/**
 * Calls an edge function with a JSON body.
 * @throws {Problem} with the code of its problem+json answer.
 */
export async function invoke<Schema extends z.ZodType>(
    db: Db,
    name: string,
    body: Record<string, unknown>,
    schema: Schema
): Promise<z.output<Schema>> {
    const { data, error } = await db.functions.invoke<unknown>(name, { body });
    if (error instanceof FunctionsHttpError) {
        const response = error.context as Response;
        const details: unknown = await response.json().catch(() => null);
        throw problemFromFunction(response.status, details, limitHeadersOf(response.headers));
    }
    if (error) throw problem('unavailable', { cause: error });
    return parsed({ data, error: null, status: 200 }, schema);
}
