/**
 * Decides which address a request came from. Believes a header only when the socket belongs to a proxy that
 * the settings name; then the right-most address that is no such proxy, because everything left of it was
 * written by whoever sent the request.
 */
import { isIP, type BlockList } from 'node:net';

const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** Writes an IPv4 address that arrived on an IPv6 socket as IPv4, and an IPv6 one without the name of our interface. */
export function plainAddress(address: string): string {
    return mapped.exec(address)?.[1] ?? address.replace(/%.*$/, '');
}

function isTrusted(address: string, trusted: BlockList): boolean {
    const family = isIP(address);
    return family !== 0 && trusted.check(address, family === 6 ? 'ipv6' : 'ipv4');
}

/** The client's address, out of the socket's and X-Forwarded-For. Never throws; an unreadable hop ends the walk. */
export function clientAddress(
    socketAddress: string | undefined,
    forwardedFor: string | undefined,
    trusted: BlockList
): string {
    let address = plainAddress(socketAddress ?? '0.0.0.0');
    const hops = (forwardedFor ?? '').split(',').map((hop) => plainAddress(hop.trim()));
    while (isTrusted(address, trusted)) {
        const hop = hops.pop();
        if (hop === undefined || isIP(hop) === 0) break;
        address = hop;
    }
    return address;
}
