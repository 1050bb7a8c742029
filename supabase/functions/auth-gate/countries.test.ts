import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { countriesIn, countryOf } from './countries.ts';

/** 1.0.0.0–1.0.0.255 AB, then CD up to 1.0.2.255, then none; 2001:db8::/32 is CD. */
const small = countriesIn(
    new Uint8Array([
        ...new TextEncoder().encode('{"codes":"ABCD","four":4,"six":3}\n'),
        ...[0, 0, 128, 128, 128, 8, 1, 128, 2, 2, 128, 4, 0],
        ...[0, 0, 128, 128, 224, 237, 128, 128, 4, 2, 128, 128, 4, 0]
    ])
);

describe('[RATE-5] the table of countries', () => {
    it.each([
        ['0.255.255.255', null],
        ['1.0.0.0', 'AB'],
        ['1.0.0.255', 'AB'],
        ['1.0.1.0', 'CD'],
        ['1.0.2.255', 'CD'],
        ['1.0.3.0', null],
        ['255.255.255.255', null],
        ['::ffff:1.0.0.1', 'AB'],
        ['nowhere', null]
    ])('knows runs of addresses: %s is %s', (address, country) => {
        expect(countryOf(small, address)).toBe(country);
    });

    it('that we ship knows addresses of well-known services, of both versions', () => {
        const shipped = countriesIn(gunzipSync(readFileSync(new URL('./countries.gz', import.meta.url))));
        const places = [
            '212.58.244.20',
            '193.99.144.80',
            '2a02:2e0:3fe:1001::',
            '2001:ba8::1',
            '192.0.2.1',
            '10.0.0.1'
        ];
        expect(places.map((address) => countryOf(shipped, address))).toEqual([
            'GB',
            'DE',
            'DE',
            'GB',
            null,
            null
        ]);
    });
});
