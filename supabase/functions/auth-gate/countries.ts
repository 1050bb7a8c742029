/**
 * In which country an address is, from a table that comes along (countries.gz, made by local/countries.ts from what the
 * five regional registries publish; data by the NRO, CC BY 4.0). Nobody outside is asked, and nobody learns who signs in.
 * Pure, so that Node can test it.
 */
import { addressOf, type Address } from './networks.ts';

type Ranges = { readonly starts: Float64Array; readonly countries: Uint8Array };
/** Where each run of addresses of one country begins: version 4 by address, version 6 by its first 48 bits. */
export type Countries = { readonly codes: readonly string[]; readonly four: Ranges; readonly six: Ranges };

const HEAD_OF_SIX = 80n;

/**
 * The table behind its bytes: a line of JSON, {codes, four, six} (codes in one text; how many runs), then for each run the
 * distance from the one before in groups of seven bits, lowest first, and the number of its country, 0 for none.
 */
export function countriesIn(bytes: Uint8Array): Countries {
    const end = bytes.indexOf(10);
    const head = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end))) as {
        codes: string;
        four: number;
        six: number;
    };
    let at = end + 1;
    const ranges = (count: number): Ranges => {
        const starts = new Float64Array(count);
        const countries = new Uint8Array(count);
        let start = 0;
        for (let n = 0; n < count; n += 1) {
            let unit = 1;
            let byte = bytes[at++] ?? 0;
            while (byte >= 128) {
                start += (byte - 128) * unit;
                unit *= 128;
                byte = bytes[at++] ?? 0;
            }
            start += byte * unit;
            starts[n] = start;
            countries[n] = bytes[at++] ?? 0;
        }
        return { starts, countries };
    };
    const four = ranges(head.four);
    return { codes: head.codes.match(/../g) ?? [], four, six: ranges(head.six) };
}

/** The country as a code of two letters (ISO 3166-1), or null: for an address of no country, or that is none. */
export function countryOf({ codes, four, six }: Countries, text: string): string | null {
    const address = addressOf(text);
    if (address === null) {
        return null;
    }
    const { starts, countries } = address.bits === 32 ? four : six;
    const number = countries[lastUpTo(starts, Number(keyOf(address)))] ?? 0;
    return codes[number - 1] ?? null;
}

const keyOf = ({ bits, value }: Address): bigint => (bits === 32 ? value : value >> HEAD_OF_SIX);

function lastUpTo(starts: Float64Array, wanted: number): number {
    let [from, to] = [0, starts.length];
    while (from < to) {
        const middle = (from + to) >> 1;
        if ((starts[middle] ?? 0) <= wanted) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from - 1;
}
