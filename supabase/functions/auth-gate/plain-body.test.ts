import { describe, expect, it } from 'vitest';
import { plainBody } from './plain-body.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const passed = (text: string) => {
    const body = plainBody(bytes(text));
    return body === null ? null : new TextDecoder().decode(body);
};

describe('[AUTH-3] what the gate reads is what the auth server gets', () => {
    it('an object with names in small letters passes, each name once: the last, as the auth server takes it', () => {
        expect(passed('{"email":"a@b.example","data":{"Full Name":"Kim"}}')).toBe(
            '{"email":"a@b.example","data":{"Full Name":"Kim"}}'
        );
        expect(passed('{"password":"one", "password":"two"}')).toBe('{"password":"two"}');
        expect(passed('{}')).toBe('{}');
        expect(passed('')).toBe('');
    });

    it.each([
        '{"PASSWORD":"x"}',
        '{"Email":"x"}',
        '{"pa\u017f\u017fword":"x"}',
        '{"\\u0070assword ":"x"}',
        '{"__proto__":{"password":"x"}}',
        '[{"password":"x"}]',
        '"password"',
        'null',
        '{"password":"x"',
        'password=x'
    ])('nothing else does: %s', (text) => {
        expect(passed(text)).toBeNull();
    });

    it('a name that is written with escapes is the name that it is', () => {
        expect(passed('{"\\u0070assword":"x"}')).toBe('{"password":"x"}');
    });

    it('bytes that are no text do not pass', () => {
        expect(plainBody(new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))).toBeNull();
    });
});
