// The tests that a mutant must get past, and the order in which it meets them. Every judge runs in one transaction: the
// mutation first, then the test as the owner of the database, then rollback.
//
// Why that is sound: Postgres runs DDL inside transactions, and a statement sees every earlier change of its own
// transaction, catalogs, cached plans and deferred triggers included, just as if it had been committed. Rolling back leaves
// nothing, so that the next mutant meets an unharmed database. What needs a second transaction to show (a lock, say) can't
// be judged here and is no mutant here. The mutation runs as the superuser with event triggers silent, as whoever could
// change the schema might; the tests run as `postgres` with event triggers on, just as they do in `npm run test:db`.
import type { Sql, TransactionSql } from 'postgres';
import { findings, RULES } from '../database/lints/index.ts';
import { runStatements, tapFiles, TEST_PATH } from '../database/tap.ts';
import type { TapFile } from '../database/tap.ts';
import { said, TRIALS } from '../security/logins.ts';
import { expectedFunctions, expectedTables, runMatrix } from '../security/matrix.ts';
import type { Clone } from './ground.ts';
import type { Kind, Mutant } from './mutant.ts';

/** What a judge may want to know of a mutant. */
export type About = Pick<Mutant, 'table' | 'object' | 'words'>;

/** A test that may kill: says which of its assertions failed first, or null when the mutant got past. */
export type Judge = {
    name: string;
    /** How good its chances are: judges are asked in this order. */
    chance(mutant: Mutant): number;
    judge(clone: Clone, mutation: string | null, about: About | null): Promise<string | null>;
};

/**
 * Assertions that only compare the catalog with a list of names. They keep such a list whole, but that something is missing
 * from the catalog proves no rule: what the thing does has to be missed as well.
 */
const LISTS = ['every constraint in the catalog is tried here'];
const proves = (failure: string): boolean => !LISTS.some((title) => failure.startsWith(title));

/** Runs `work` in a transaction that begins with the mutation and is rolled back. */
export async function mutated<T>(
    sql: Sql,
    mutation: string | null,
    work: (sql: TransactionSql) => Promise<T>
): Promise<T> {
    const undo = new Error('undo');
    let result: { is: T } | undefined;
    await sql
        .begin(async (transaction) => {
            await transaction.unsafe(`set local search_path = ''`);
            if (mutation !== null) await mutate(transaction, mutation);
            await transaction.unsafe(`
                set local event_triggers = on;
                set local session authorization postgres;
                set local search_path = ${TEST_PATH};
            `);
            result = { is: await work(transaction) };
            throw undo;
        })
        .catch((error: unknown) => {
            if (error !== undo) throw error;
        });
    if (!result) throw new Error('The work of a transaction has no result.');
    return result.is;
}

/** A mutation that can't be made kills nothing and proves nothing: it stops the run. */
async function mutate(sql: TransactionSql, mutation: string): Promise<void> {
    try {
        await sql.unsafe(mutation);
    } catch (error) {
        throw new Error(`This mutation can't be made: ${(error as Error).message}\n${mutation}`, {
            cause: error
        });
    }
}

/** Files that try every thing of one kind, whatever it is called. */
const BY_TRADE: Partial<Record<Kind, string>> = {
    'table grant': '16_rights.sql',
    'sequence grant': '16_rights.sql',
    'function grant': '16_rights.sql',
    'schema grant': '16_rights.sql',
    'default privileges': '16_rights.sql',
    check: '13_constraints.sql',
    key: '17_keys.sql',
    reference: '17_keys.sql',
    'not null': '17_keys.sql'
};

/** Each pgTAP file is a judge; its chance is how much of all that is said about the mutant's object is said there. */
function fileJudge(file: TapFile, files: readonly TapFile[]): Judge {
    return {
        name: file.name,
        chance: (mutant) => (BY_TRADE[mutant.kind] === file.name ? 1000 : share(file, files, mutant.words)),
        judge: (clone, mutation) =>
            mutated(clone.empty, mutation, async (sql) => {
                const { lines } = await runStatements(sql, file, proves);
                const failures = lines
                    .filter((line) => line.startsWith('not ok - '))
                    .map((line) => line.slice(9));
                return failures.find(proves) ?? null;
            })
    };
}

/** How much of what all files say about the words is said here. The first word counts most. */
function share(file: TapFile, files: readonly TapFile[], words: readonly string[]): number {
    const count = (text: string, word: string): number => text.split(word).length - 1;
    return words.reduce((sum, word, i) => {
        const everywhere = files.reduce((all, { text }) => all + count(text, word), 0);
        return everywhere === 0 ? sum : sum + count(file.text, word) / everywhere / (i + 1);
    }, 0);
}

/** The matrix, of the table or function that the mutant is about, or of the functions that call it. */
function matrixJudge(): Judge {
    const functions = expectedFunctions();
    const { tables } = expectedTables();
    const exposed = ({ table, object, words }: About): string[] => {
        const itself = table ?? object.replace(/\(.*$/, '');
        const callers = words.flatMap((word) =>
            [`public.${word}`, `service.${word}`].filter((name) => functions.has(name))
        );
        const storage = words.map((word) => `storage.${word}`);
        const about = [itself, ...(object.endsWith(')') ? [...callers, ...storage] : [])];
        return [...new Set(about)].filter((name) => functions.has(name) || tables.has(name));
    };
    return {
        name: 'matrix',
        chance: (mutant) => {
            const count = exposed(mutant).length;
            if (mutant.kind === 'function settings' || count === 0 || count > 3) return -2;
            return mutant.table !== null || functions.has(mutant.object.replace(/\(.*$/, '')) ? 100 : 0.4;
        },
        judge: async (clone, mutation, about) =>
            mutated(await clone.scene(), mutation, async (sql) => {
                const { failures } = await runMatrix(sql, about === null ? {} : { only: exposed(about) });
                return failures[0] ?? null;
            })
    };
}

/** What depends on who logged in, which no pgTAP file can try. */
function loginJudge(): Judge {
    const text = JSON.stringify(TRIALS);
    return {
        name: 'logins',
        chance: ({ kind, words }) =>
            kind.startsWith('function') && words.some((word) => text.includes(`.${word}`)) ? 0.4 : -1,
        judge: (clone, mutation) =>
            mutated(clone.empty, mutation, async (sql) => {
                for (const trial of TRIALS) {
                    const answer = await said(sql, trial).catch((error: unknown) => String(error));
                    if (answer !== trial.answer) return `${trial.title}: ${answer}`;
                }
                return null;
            })
    };
}

/** The rules over the schema. They state what must be so, of whatever is there; none compares it with what was there before. */
function lintJudge(): Judge {
    return {
        name: 'lints',
        chance: ({ kind }) => (BY_RULE.includes(kind) ? 2000 : -1),
        judge: (clone, mutation) =>
            mutated(clone.empty, mutation, async (sql) => {
                for (const rule of RULES) {
                    const [finding] = await findings(sql, rule);
                    if (finding) return `${finding.rule}: ${finding.object}`;
                }
                return null;
            })
    };
}

/** Where no behaviour shows what is wrong, or only long afterwards. */
const BY_RULE: readonly Kind[] = [
    ...(['row-level security', 'table grant', 'column grant', 'sequence grant', 'function grant'] as const),
    ...([
        'schema grant',
        'default privileges',
        'function settings',
        'view settings',
        'classification'
    ] as const)
];

export function judges(): Judge[] {
    const files = tapFiles();
    return [lintJudge(), matrixJudge(), loginJudge(), ...files.map((file) => fileJudge(file, files))];
}
