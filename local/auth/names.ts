/**
 * The names in a request's body. The published server reads them in any case (its language's JSON does, by Unicode's
 * simple case folding), and of two spellings the later one counts. Whoever stands in front of it must know that, so this
 * double reads no stricter.
 */
import { z } from 'zod';

/** The body with every name that the schema knows spelt as the schema spells it; what is inside a free map stays. */
export function withKnownNames(schema: z.ZodType, body: unknown): unknown {
    const shape = shapeOf(schema);
    if (!shape || typeof body !== 'object' || body === null || Array.isArray(body)) return body;
    const known = Object.keys(shape).map((name) => ({ name, spelling: new RegExp(`^${name}$`, 'iu') }));
    const read: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(body)) {
        const name = known.find(({ spelling }) => spelling.test(key))?.name ?? key;
        // A null says nothing: it leaves what another spelling has said.
        if (value === null && read[name] !== undefined) continue;
        const inner = shape[name];
        read[name] = inner ? withKnownNames(inner, value) : value;
    }
    return read;
}

function shapeOf(schema: z.core.$ZodType): Record<string, z.ZodType> | undefined {
    if (schema instanceof z.ZodObject) return schema.shape as Record<string, z.ZodType>;
    if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) return shapeOf(schema.unwrap());
    return undefined;
}
