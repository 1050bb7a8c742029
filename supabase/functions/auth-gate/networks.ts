/** Addresses and networks of both versions, as numbers. Pure, so that Node can test it. */

/** An address as a number, with how many bits it has. */
export type Address = { readonly bits: 32 | 128; readonly value: bigint };
/** The addresses that begin with the same `length` bits. */
export type Network = Address & { readonly length: number };

/** The address behind a text, or null when it is none. One of version 4 in the form of 6 is one of version 4. */
export function addressOf(text: string): Address | null {
    const plain = text.trim().toLowerCase();
    if (!plain.includes(':')) {
        return versionFour(plain);
    }
    const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(plain)?.[1];
    return mapped === undefined ? versionSix(plain) : versionFour(mapped);
}

/** The network behind `address/length` or a bare address, or null when it is none. */
export function networkOf(text: string): Network | null {
    const [name = '', length, ...rest] = text.trim().split('/');
    const address = addressOf(name);
    if (address === null || rest.length > 0 || (length !== undefined && !/^\d{1,3}$/.test(length))) {
        return null;
    }
    const wanted = Number(length ?? address.bits);
    return wanted <= address.bits ? { ...address, length: wanted } : null;
}

/** Is the address one of the network's? */
export function isIn({ bits, value, length }: Network, address: Address): boolean {
    const rest = BigInt(bits - length);
    return address.bits === bits && address.value >> rest === value >> rest;
}

/**
 * A list of networks: one a line, `#` begins a comment, empty lines are nothing. Throws a sentence that names the first
 * line that is neither, because a list that is half read protects half as much as somebody believes.
 */
export function networksIn(list: string): readonly Network[] {
    return list.split('\n').flatMap((line, n) => {
        const text = line.replace(/#.*$/, '').trim();
        if (text === '') {
            return [];
        }
        const network = networkOf(text);
        if (network === null) {
            throw new Error(`Line ${n + 1} of the list of blocked addresses is no address and no network.`);
        }
        return [network];
    });
}

function versionFour(text: string): Address | null {
    if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) {
        return null;
    }
    const parts = text.split('.').map(Number);
    return parts.every((part) => part <= 255)
        ? { bits: 32, value: parts.reduce((sum, part) => sum * 256n + BigInt(part), 0n) }
        : null;
}

function versionSix(text: string): Address | null {
    const halves = text.split('::');
    const [head = [], tail = []] = halves.map((half) => (half === '' ? [] : half.split(':')));
    const missing = 8 - head.length - tail.length;
    const isWhole = halves.length === 1 ? missing === 0 : halves.length === 2 && missing > 0;
    const groups = [...head, ...Array<string>(Math.max(0, missing)).fill('0'), ...tail];
    return isWhole && groups.every((group) => /^[0-9a-f]{1,4}$/.test(group))
        ? { bits: 128, value: groups.reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n) }
        : null;
}
