// The list of the most common passwords that auth-gate ships, made from a dictionary that is kept by others:
// @zxcvbn-ts/language-common (MIT), whose list of passwords is in the order in which breaches show them.
//   node tests/common-passwords.ts          writes supabase/functions/auth-gate/common-passwords.ts
//   node tests/common-passwords.ts --check  says whether that file is what would be written; exit 1 when not
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { dictionary } from '@zxcvbn-ts/language-common';

const file = new URL('../supabase/functions/auth-gate/common-passwords.ts', import.meta.url);

/** How many are shipped, the most common first. With fewer letters than this an entry says nothing about a long password. */
const MOST = 20_000;
const SHORTEST = 4;
const WORDS_A_LINE = 12;

/** The text of the shipped file. */
export function commonPasswordsModule(): string {
    const require = createRequire(import.meta.url);
    const { version } = require('@zxcvbn-ts/language-common/package.json') as { version: string };
    const licence = new URL('../LICENSE.txt', pathToFileURL(require.resolve('@zxcvbn-ts/language-common')));
    const terms = readFileSync(licence, 'utf8').trim().split(/\r?\n/);
    const words = (dictionary['passwords-common'] as readonly string[])
        .filter((word) => word.length >= SHORTEST && /^[!-~]+$/.test(word) && !/[`\\]|\$\{/.test(word))
        .slice(0, MOST);
    const lines = Array.from({ length: Math.ceil(words.length / WORDS_A_LINE) }, (_, line) =>
        words.slice(line * WORDS_A_LINE, (line + 1) * WORDS_A_LINE).join(' ')
    );
    return `/**
 * The ${words.length.toLocaleString('en-GB')} most common passwords of at least ${SHORTEST} characters, in lower case. Written by tests/common-passwords.ts
 * from @zxcvbn-ts/language-common ${version}, whose licence (MIT) follows. Don't edit; write it anew.
 *
${terms.map((line) => ` * ${line}`.trimEnd()).join('\n')}
 */
const words = \`
${lines.join('\n')}
\`;

export const commonPasswords: ReadonlySet<string> = new Set(words.trim().split(/\\s+/));
`;
}

/** What is shipped now. */
export const shippedModule = (): string => readFileSync(file, 'utf8');

if (import.meta.main) {
    if (!process.argv.includes('--check')) writeFileSync(file, commonPasswordsModule());
    else if (shippedModule() !== commonPasswordsModule()) {
        console.error(
            'The shipped list is not the dictionary’s. Write it anew: node tests/common-passwords.ts'
        );
        process.exitCode = 1;
    }
}
