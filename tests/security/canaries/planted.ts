// Words that are found nowhere else in the world, and where to look for them afterwards.
import { randomBytes, randomInt } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Sql } from 'postgres';

const hex = (bytes: number): string => randomBytes(bytes).toString('hex');

/** A number that has the form of a card of Visa, its check digit last (ISO/IEC 7812-1, annex B). */
export function aCardNumber(): string {
    const body = `4${Array.from({ length: 14 }, () => randomInt(10)).join('')}`;
    const sum = [...body].reverse().reduce((all, digit, place) => {
        const weighed = Number(digit) * (place % 2 === 0 ? 2 : 1);
        return all + Math.floor(weighed / 10) + (weighed % 10);
    }, 0);
    return body + String((10 - (sum % 10)) % 10);
}

/** A signed token as anybody could paste one. */
const aToken = (): string =>
    [{ alg: 'HS256' }, { sub: hex(8) }]
        .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
        .concat(randomBytes(24).toString('base64url'))
        .join('.');

/** What has a form of its own, by what it would be. Somebody may type any of it anywhere. */
export const withAForm = (): Record<string, string> => ({
    'a card number': aCardNumber(),
    'a key of Stripe': `sk_live_${hex(12)}`,
    'a key of our API': `tf_live_${hex(12)}`,
    'a webhook secret': `whsec_${randomBytes(18).toString('base64')}`,
    'a secret key of the project': `sb_secret_${hex(11)}_${hex(4)}`,
    'a key of the mail provider': `re_${hex(12)}`,
    'a signed token': aToken()
});

/** The same card as people write it. */
export const inGroups = (card: string): string => card.replace(/(\d{4})(?=\d)/g, '$1 ');

export type Find = { where: string; what: string };

/** Which words stand in a text. Empty words are nobody's. */
export function found(where: string, text: string, words: Readonly<Record<string, string>>): Find[] {
    return Object.entries(words)
        .filter(([, word]) => word !== '' && text.includes(word))
        .map(([what]) => ({ where, what }));
}

/** Looks through every row of every table of the schemas that `which` takes. */
export async function searchRows(
    sql: Sql,
    words: Readonly<Record<string, string>>,
    which: (table: string) => boolean = () => true
): Promise<{ rows: number; finds: Find[] }> {
    const tables = await sql<{ name: string }[]>`
        select format('%I.%I', schemaname, tablename) as name from pg_tables
        where schemaname not in ('pg_catalog', 'information_schema') order by 1`;
    let rows = 0;
    const finds: Find[] = [];
    for (const { name } of tables.filter((table) => which(table.name))) {
        const texts = await sql.unsafe<{ row: string }[]>(`select t::text as row from ${name} as t`);
        rows += texts.length;
        finds.push(...texts.flatMap(({ row }) => found(name, row, words)));
    }
    return { rows, finds };
}

/** Looks through every file of a folder, as bytes. */
export function searchFiles(
    folder: string,
    words: Readonly<Record<string, string>>,
    which: (path: string) => boolean = () => true
): { files: number; finds: Find[] } {
    const files = readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .filter((path) => which(relative(folder, path)));
    const finds = files.flatMap((path) => found(relative(folder, path), readFileSync(path, 'latin1'), words));
    return { files: files.length, finds };
}

/** The titles of every process that runs here, as `ps` shows them to everybody on the machine. */
export function processTitles(): string {
    return readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name))
        .map((pid) => {
            try {
                return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
            } catch {
                return ''; // ended meanwhile
            }
        })
        .join('\n');
}
