// Runs under vitest in Node; the module has no I/O.
import { describe, expect, it } from 'vitest';
import { addressesOf, isPublic, question } from './names.ts';

describe('what a name stands for', () => {
    it('is asked of the resolver by name and type', () => {
        expect(question('https://resolver.example/dns-query?key=1', 'login.example', 'AAAA').href).toBe(
            'https://resolver.example/dns-query?key=1&name=login.example&type=AAAA'
        );
    });

    it('is the addresses of that type, without the names on the way to them', () => {
        const body = {
            Status: 0,
            Answer: [
                { type: 5, data: 'cdn.example.' },
                { type: 1, data: '93.184.215.14' }
            ]
        };
        expect(addressesOf(body, 'A')).toEqual(['93.184.215.14']);
        expect(addressesOf(body, 'AAAA')).toEqual([]);
        expect(addressesOf({ Status: 3 }, 'A')).toEqual([]);
    });

    it.each([{ Status: 2 }, { Status: 0, Answer: 'none' }, null])(
        'is not known where the resolver says %j',
        (body) => {
            expect(() => addressesOf(body, 'A')).toThrow();
        }
    );
});

describe('[AUTH-7] an address of the public internet', () => {
    it.each(['93.184.215.14', '8.8.8.8', '2606:2800:21f:cb07:6820:80da:af6b:8b2c'])('is %s', (address) => {
        expect(isPublic(address)).toBe(true);
    });

    it.each([
        ...['127.0.0.1', '10.1.2.3', '172.31.0.1', '192.168.1.1', '169.254.169.254', '100.64.0.1', '0.0.0.0'],
        ...['198.18.0.1', '203.0.113.9', '224.0.0.1', '255.255.255.255', '192.0.0.8'],
        ...[
            '::1',
            '::',
            'fe80::1',
            'fd00::1',
            'ff02::1',
            '::ffff:10.0.0.1',
            '::ffff:8.8.8.8',
            '64:ff9b::a00:1'
        ],
        ...['2001:db8::1', '2002:a00:1::', '2001::1', 'nothing', '']
    ])('is not %s', (address) => {
        expect(isPublic(address)).toBe(false);
    });
});
