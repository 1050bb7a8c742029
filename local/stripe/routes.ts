/** What a resource declares: a path, the schema of its parameters, and what to do. The pipeline is api.ts. */
import type { z } from 'zod';
import type { Cause } from './objects.ts';

export type Method = 'GET' | 'POST' | 'DELETE';

/** Who calls, and on whose account. */
export type Call = {
    /** The account acted on: the connected one when the header names it, else the platform's own. */
    readonly account: string;
    readonly cause: Cause;
};

type Names<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
    ? Name | Names<Rest>
    : Path extends `${string}:${infer Name}`
      ? Name
      : never;

/** The object an endpoint answers with; ids in it are expanded afterwards. */
export type Answer = { object: string };

export type Route = {
    readonly method: Method;
    readonly path: string;
    readonly parameters: z.ZodType<{ expand?: string[] }>;
    readonly run: (call: Call, input: never, path: Record<string, string>) => object;
};

/** Declares one endpoint; `path` has a value for every `:name` in the pattern. */
export function route<const Path extends string, Schema extends z.ZodType<{ expand?: string[] | undefined }>>(
    method: Method,
    path: Path,
    parameters: Schema,
    run: (call: Call, input: z.output<Schema>, path: Record<Names<Path>, string>) => object
): Route {
    return { method, path, parameters, run } as Route;
}
