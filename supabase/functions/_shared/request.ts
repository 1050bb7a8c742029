/** Reading what a caller sent: bounded, parsed, and refused with a clear code. Knows nothing of who calls. */
import { type z } from 'npm:zod@4.6.7';
import { Problem } from './problem.ts';

const JSON_LIMIT_BYTES = 64 * 1024;

/** Refuses every other method with 405 and `Allow`. */
export function allowMethods(request: Request, ...methods: readonly string[]): void {
    if (!methods.includes(request.method)) {
        throw new Problem('method_not_allowed', { headers: { allow: methods.join(', ') } });
    }
}

/** The body's bytes. Stops reading at the limit, whatever content-length claimed, and throws `body_too_large`. */
export async function readBody(request: Request, limitBytes: number): Promise<Uint8Array<ArrayBuffer>> {
    if (Number(request.headers.get('content-length') ?? 0) > limitBytes) {
        throw new Problem('body_too_large');
    }
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of request.body ?? []) {
        size += chunk.byteLength;
        if (size > limitBytes) {
            throw new Problem('body_too_large');
        }
        chunks.push(chunk);
    }
    const body = new Uint8Array(size);
    let offset = 0;
    for (const chunk of chunks) {
        body.set(chunk, offset);
        offset += chunk.byteLength;
    }
    return body;
}

/** The JSON body, checked by `schema`; at most 64 KiB. Throws `request_not_understood` or `validation_failed`. */
export async function readJson<T>(request: Request, schema: z.ZodType<T>): Promise<T> {
    const bytes = await readBody(request, JSON_LIMIT_BYTES);
    return parseJson(new TextDecoder().decode(bytes), schema);
}

/** As `readJson`, for a text that is already here. */
export function parseJson<T>(text: string, schema: z.ZodType<T>): T {
    let value: unknown;
    try {
        value = JSON.parse(text);
    } catch {
        throw new Problem('request_not_understood', { detail: 'The body must be JSON.' });
    }
    const parsed = schema.safeParse(value);
    if (!parsed.success) {
        // Names of fields only: what was typed doesn't belong in an answer that may get logged on the way.
        const fields = parsed.error.issues.map((issue) => issue.path.join('.') || issue.code);
        throw new Problem('validation_failed', { detail: `Not right: ${[...new Set(fields)].join(', ')}.` });
    }
    return parsed.data;
}
