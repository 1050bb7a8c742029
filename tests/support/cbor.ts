// The part of CBOR (RFC 8949) that an authenticator writes: whole numbers, texts, bytes, and maps of them.

export type Cbor = number | string | Uint8Array | Map<number | string, Cbor>;

const MAJOR = { positive: 0, negative: 1, bytes: 2, text: 3, map: 5 } as const;

export function encodeCbor(value: Cbor): Buffer {
    if (typeof value === 'number')
        return value < 0 ? head(MAJOR.negative, -1 - value) : head(MAJOR.positive, value);
    if (typeof value === 'string') {
        const text = Buffer.from(value);
        return Buffer.concat([head(MAJOR.text, text.length), text]);
    }
    if (value instanceof Uint8Array) return Buffer.concat([head(MAJOR.bytes, value.length), value]);
    const entries = [...value].flatMap(([key, inner]) => [encodeCbor(key), encodeCbor(inner)]);
    return Buffer.concat([head(MAJOR.map, value.size), ...entries]);
}

/** A major type with the shortest form of its number. */
function head(major: number, count: number): Buffer {
    const type = major << 5;
    if (count < 24) return Buffer.from([type | count]);
    if (count < 0x100) return Buffer.from([type | 24, count]);
    const long = Buffer.alloc(3);
    long.writeUInt8(type | 25);
    long.writeUInt16BE(count, 1);
    return long;
}
