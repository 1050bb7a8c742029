// Reading requests: the bucket and key in a path, and JSON bodies by schema.
import type { z } from 'zod';
import { refusal } from './errors.ts';

/** The bucket and key behind a prefix: "/object/sign/" + "bucket/some/key". The key is empty when there is none. */
export function locate(request: Request, prefix: string): { bucket: string; key: string } {
    const rest = new URL(request.url).pathname.slice(prefix.length);
    const slash = rest.indexOf('/');
    try {
        return slash < 0
            ? { bucket: decodeURIComponent(rest), key: '' }
            : {
                  bucket: decodeURIComponent(rest.slice(0, slash)),
                  key: decodeURIComponent(rest.slice(slash + 1))
              };
    } catch (error) {
        throw refusal('InvalidRequest', 'The path is not properly encoded', error);
    }
}

/** The JSON body of a request, or InvalidRequest with the first fault. */
export async function readJson<T>(request: Request, schema: z.ZodType<T>): Promise<T> {
    const text = await request.text();
    let value: unknown;
    try {
        value = text === '' ? {} : JSON.parse(text);
    } catch (error) {
        throw refusal('InvalidRequest', 'Body is not valid JSON', error);
    }
    return parse('body', value, schema);
}

/** The query of a request, or InvalidRequest with the first fault. */
export function readQuery<T>(request: Request, schema: z.ZodType<T>): T {
    return parse('querystring', Object.fromEntries(new URL(request.url).searchParams), schema);
}

function parse<T>(where: string, value: unknown, schema: z.ZodType<T>): T {
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    const issue = result.error.issues[0];
    throw refusal(
        'InvalidRequest',
        `${[where, ...(issue?.path ?? [])].join('/')}: ${issue?.message ?? 'invalid'}`
    );
}
