/**
 * What addresses a name stands for, asked of a resolver over HTTPS in the JSON form that the large public ones speak; and which
 * addresses are anybody's to ask. No I/O here.
 */
import { BlockList, isIP } from 'node:net';

const TYPES = { A: 1, AAAA: 28 } as const;
const NO_ERROR = 0;
const NO_SUCH_NAME = 3;
export type AddressType = keyof typeof TYPES;

/** Where the resolver is asked for a name's addresses. */
export function question(resolver: string, name: string, type: AddressType): URL {
    const asked = new URL(resolver);
    asked.searchParams.set('name', name);
    asked.searchParams.set('type', type);
    return asked;
}

/** The addresses of an answer; none for a name that nobody knows. Throws for an answer that is none: then nothing is known. */
export function addressesOf(body: unknown, type: AddressType): string[] {
    if (!isFields(body)) {
        throw new Error('the resolver answered with no object');
    }
    const { Status: status, Answer: records = [] } = body;
    if ((status !== NO_ERROR && status !== NO_SUCH_NAME) || !Array.isArray(records)) {
        throw new Error(`the resolver answered ${String(status)}`);
    }
    return records
        .filter(isFields)
        .filter((record) => record.type === TYPES[type])
        .map(({ data }) => String(data));
}

const isFields = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null;

const notPublic = new BlockList();
for (const [network, bits] of [
    ['0.0.0.0', 8],
    ['10.0.0.0', 8],
    ['100.64.0.0', 10],
    ['127.0.0.0', 8],
    ['169.254.0.0', 16],
    ['172.16.0.0', 12],
    ['192.0.0.0', 24],
    ['192.0.2.0', 24],
    ['192.168.0.0', 16],
    ['198.18.0.0', 15],
    ['198.51.100.0', 24],
    ['203.0.113.0', 24],
    ['224.0.0.0', 3]
] as const) {
    notPublic.addSubnet(network, bits);
}

const given = new BlockList();
given.addSubnet('2000::', 3, 'ipv6');
const tunnels = new BlockList();
tunnels.addSubnet('2001::', 32, 'ipv6');
tunnels.addSubnet('2001:db8::', 32, 'ipv6');
tunnels.addSubnet('2002::', 16, 'ipv6');

/** An address that anybody on the internet has: of IPv6 only what is given out (2000::/3), and there no tunnels into IPv4. */
export function isPublic(address: string): boolean {
    if (isIP(address) === 4) {
        return !notPublic.check(address);
    }
    return isIP(address) === 6 && given.check(address, 'ipv6') && !tunnels.check(address, 'ipv6');
}
