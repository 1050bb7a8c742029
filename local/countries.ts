// `node local/countries.ts IPV4.csv IPV6.csv`: makes supabase/functions/auth-gate/countries.gz, the table of countries by
// address. Lines are `first address as a number,last address,code of the country`, in order, as the npm package
// @ip-location-db/asn-country has them (asn-country-ipv4-num.csv, asn-country-ipv6-num.csv). Neighbours of one country become one.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

type Range = { from: number; to: number; code: string };
const HEAD_OF_SIX = 80n;

function rangesIn(file: string, keyOf: (address: bigint) => number): Range[] {
    return readFileSync(file, 'utf8')
        .trim()
        .split('\n')
        .map((line) => {
            const [from = '', to = '', code = ''] = line.trim().split(',');
            if (!/^[A-Z]{2}$/.test(code)) throw new Error(`${file} has no country here: ${line}`);
            return { from: keyOf(BigInt(from)), to: keyOf(BigInt(to)), code };
        });
}

/** Where each run of one country begins, 0 being none, as distance and number. */
function packed(ranges: readonly Range[], codes: readonly string[]): { count: number; bytes: number[] } {
    const bytes: number[] = [];
    let [at, country, count, free] = [0, -1, 0, 0];
    const begin = (start: number, number: number): void => {
        if (number === country) return;
        let distance = start - at;
        [at, country, count] = [start, number, count + 1];
        while (distance >= 128) {
            bytes.push(128 + (distance % 128));
            distance = Math.floor(distance / 128);
        }
        bytes.push(distance, number);
    };
    for (const { from, to, code } of ranges) {
        if (from > free) begin(free, 0);
        // Two countries within one block of 48 bits: the first has it.
        begin(Math.max(from, free), codes.indexOf(code) + 1);
        free = Math.max(free, to + 1);
    }
    begin(free, 0);
    return { count, bytes };
}

const [ipv4, ipv6] = process.argv.slice(2);
if (ipv4 === undefined || ipv6 === undefined) {
    console.error('node local/countries.ts IPV4.csv IPV6.csv');
    process.exit(1);
}
const fourRanges = rangesIn(ipv4, Number);
const sixRanges = rangesIn(ipv6, (address) => Number(address >> HEAD_OF_SIX));
const codes = [...new Set([...fourRanges, ...sixRanges].map(({ code }) => code))].sort();
const [four, six] = [packed(fourRanges, codes), packed(sixRanges, codes)];
const head = JSON.stringify({ codes: codes.join(''), four: four.count, six: six.count });
const target = join(import.meta.dirname, '..', 'supabase', 'functions', 'auth-gate', 'countries.gz');
const bytes = gzipSync(
    Buffer.concat([Buffer.from(`${head}\n`), Buffer.from([...four.bytes, ...six.bytes])]),
    {
        level: 9
    }
);
writeFileSync(target, bytes);
console.log(`${target}: ${codes.length} countries, ${four.count} + ${six.count} runs, ${bytes.length} bytes`);
