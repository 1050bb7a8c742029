/** What comes along about addresses: the list of those that are blocked, and the table of countries. */
import { readSettings } from '../_shared/settings.ts';
import { countriesIn, countryOf, type Countries } from './countries.ts';
import { addressOf, isIn, networksIn } from './networks.ts';

const { BLOCKED_ADDRESSES_FILE } = readSettings('BLOCKED_ADDRESSES_FILE');

const blocked = networksIn(await Deno.readTextFile(new URL(`./${BLOCKED_ADDRESSES_FILE}`, import.meta.url)));

/** Is the address on the list of those that are blocked? */
export function isListed(ip: string): boolean {
    const address = addressOf(ip);
    return address !== null && blocked.some((network) => isIn(network, address));
}

let table: Promise<Countries> | null = null;

/** The country of an address, as a code of two letters; null when it has none. */
export async function countryAt(ip: string): Promise<string | null> {
    table ??= unpacked();
    return countryOf(await table, ip);
}

async function unpacked(): Promise<Countries> {
    const packed = await Deno.readFile(new URL('./countries.gz', import.meta.url));
    const plain = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
    return countriesIn(new Uint8Array(await new Response(plain).arrayBuffer()));
}
