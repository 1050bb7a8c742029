/**
 * Whether this server may be sent to an address that somebody typed. The published one takes https addresses of the public
 * internet and refuses its own machine; here the stand-ins are on this machine, and speak plain http.
 */
import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { refusal } from './errors.ts';

const inside = new BlockList();
for (const [network, bits] of [
    ['0.0.0.0', 8],
    ['10.0.0.0', 8],
    ['100.64.0.0', 10],
    ['127.0.0.0', 8],
    ['169.254.0.0', 16],
    ['172.16.0.0', 12],
    ['192.168.0.0', 16],
    ['224.0.0.0', 3]
] as const)
    inside.addSubnet(network, bits);
for (const [network, bits] of [
    ['::', 127],
    ['fc00::', 7],
    ['fe80::', 10],
    ['ff00::', 8]
] as const)
    inside.addSubnet(network, bits, 'ipv6');

/** @throws AuthError validation_failed */
export async function demandPublicUrl(text: string): Promise<void> {
    if (!URL.canParse(text)) throw refusal('validation_failed', 'Invalid URL format');
    const { protocol, hostname } = new URL(text);
    if (isThisMachine(hostname) && /^https?:$/.test(protocol)) return;
    if (protocol !== 'https:') throw refusal('validation_failed', 'URL must use HTTPS');
    const host = hostname.replace(/^\[|\]$/g, '');
    const addresses = await lookup(host, { all: true }).catch(() => {
        throw refusal('validation_failed', 'Unable to resolve hostname');
    });
    for (const { address } of addresses) {
        if (inside.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4'))
            throw refusal('validation_failed', 'URL cannot resolve to private network addresses');
    }
}

const isThisMachine = (hostname: string): boolean => hostname === 'localhost' || hostname === '127.0.0.1';
