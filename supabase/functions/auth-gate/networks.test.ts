import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { addressOf, isIn, networkOf, networksIn, type Network } from './networks.ts';

const holds = (network: string, address: string): boolean => {
    const [found, at] = [networkOf(network), addressOf(address)];
    return found !== null && at !== null && isIn(found, at);
};

describe('[RATE-5] a network', () => {
    it.each([
        ['192.0.2.0/24', '192.0.2.255', true],
        ['192.0.2.0/24', '192.0.3.0', false],
        ['192.0.2.77/24', '192.0.2.1', true],
        ['192.0.2.7', '192.0.2.7', true],
        ['192.0.2.7', '192.0.2.8', false],
        ['0.0.0.0/0', '203.0.113.1', true],
        ['0.0.0.0/0', '2001:db8::1', false],
        ['2001:db8:bad::/48', '2001:DB8:BAD:ffff::1', true],
        ['2001:db8:bad::/48', '2001:db8:bae::', false],
        ['2001:db8::1', '2001:db8:0:0:0:0:0:1', true],
        ['::/0', '1:2:3:4:5:6:7:8', true],
        ['192.0.2.0/24', '::ffff:192.0.2.9', true]
    ])('%s and %s: %s', (network, address, held) => {
        expect(holds(network, address)).toBe(held);
    });

    it.each([
        '',
        'localhost',
        '192.0.2',
        '192.0.2.256',
        '192.0.2.1/33',
        '192.0.2.1/',
        '192.0.2.1/8/8',
        '1::2::3',
        '1:2:3:4:5:6:7',
        '1:2:3:4:5:6:7:8:9',
        '1:2:3:4::5:6:7:8',
        '12345::',
        'g::',
        '::1/129'
    ])('%j is none', (text) => {
        expect(networkOf(text)).toBeNull();
    });
});

describe('[RATE-5] the list of blocked addresses', () => {
    it('holds networks, comments and empty lines', () => {
        const list = '# known to attack\n\n192.0.2.0/24 # TEST-NET-1\n  2001:db8:bad::/48\r\n';
        expect(networksIn(list).map(({ bits, length }: Network) => `${bits}/${length}`)).toEqual([
            '32/24',
            '128/48'
        ]);
    });

    it('that is wrong anywhere is not read at all', () => {
        expect(() => networksIn('192.0.2.0/24\nsomewhere\n')).toThrow(
            'Line 2 of the list of blocked addresses is no address and no network.'
        );
    });

    it('that we ship is right', () => {
        const list = readFileSync(new URL('./blocked-addresses.txt', import.meta.url), 'utf8');
        expect(networksIn(list)).toHaveLength(2);
    });
});
