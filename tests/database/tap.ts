// One pgTAP file as one transaction's statements, and what pgTAP says to them.
import { readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { splitStatements } from '../../local/database/split.ts';
import type { Statement } from '../../local/database/split.ts';
import { projectDir } from '../support/stack.ts';

/** One assertion as the whole run's report takes it up (TF_REPORT). */
export type Told = { file: string; title: string; passed: boolean };

export type Outcome = { passed: number; failed: number; lines: string[]; tests: Told[] };

/** What runs a statement: a reserved connection, or a transaction. */
type Connection = { unsafe(statement: string): PromiseLike<readonly Record<string, unknown>[]> };

/** A pgTAP file, read and cut into its statements. */
export type TapFile = { name: string; text: string; statements: Statement[] };

/** Where the builders and pgTAP itself are found by a test's statements. */
export const TEST_PATH = 'public, extensions, tests, pgtap';

const folder = join(projectDir, 'supabase', 'tests');

/** Every file of supabase/tests whose name holds one of the words, in order; all of them without words. */
export function tapFiles(words: readonly string[] = []): TapFile[] {
    return readdirSync(folder)
        .filter((file) => file.endsWith('.sql'))
        .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
        .sort()
        .map((file) => {
            const text = readFileSync(join(folder, file), 'utf8');
            return { name: basename(file), text, statements: splitStatements(text) };
        });
}

/**
 * Runs a file's statements inside a transaction that the caller has begun and will roll back, and reads what pgTAP says:
 * results against the plan; anything skipped or put off counts as failed. `enough` may end it early, at a line that failed.
 */
export async function runStatements(
    connection: Connection,
    { name, statements }: TapFile,
    enough: (failure: string) => boolean = () => false
): Promise<Outcome> {
    const outcome: Outcome = { passed: 0, failed: 0, lines: [], tests: [] };
    const tell = (title: string, passed: boolean): void => {
        outcome.tests.push({ file: `supabase/tests/${name}`, title, passed });
    };
    const fail = (line: string): boolean => {
        outcome.failed += 1;
        outcome.lines.push(`not ok - ${line}`);
        tell(line, false);
        return enough(line);
    };
    let planned: number | undefined;
    // pgTAP and the files keep their own things in temporary tables, which people may not make: for now they may.
    await connection.unsafe(`
        do $$ begin execute format('grant temporary on database %I to public', current_database()); end $$
    `);
    for (const statement of statements) {
        let stop = false;
        try {
            for (const line of tapLines(await connection.unsafe(statement.text))) {
                const plan = /^1\.\.(\d+)$/.exec(line);
                if (plan) planned = Number(plan[1]);
                else if (/^ok \d+/.test(line) && !/# (todo|skip)/i.test(line)) {
                    outcome.passed += 1;
                    outcome.lines.push(line);
                    tell(line.replace(/^ok \d+ - /, ''), true);
                } else if (/^(not )?ok \d+/.test(line))
                    stop = fail(line.replace(/^(not )?ok \d+ - /, '')) || stop;
                else outcome.lines.push(line);
            }
        } catch (error) {
            const { message, where } = error as Error & { where?: string };
            fail(`${name}:${statement.line}: ${message}${where ? `\n#   ${where}` : ''}`);
            break;
        }
        if (stop) return outcome;
    }
    const ran = outcome.passed + outcome.failed;
    if (planned === undefined) fail(`${name} has no plan`);
    else if (planned !== ran) fail(`${name} planned ${planned} tests and ran ${ran}`);
    return outcome;
}

function tapLines(rows: readonly Record<string, unknown>[]): string[] {
    return rows
        .flatMap((row) => Object.values(row))
        .filter((value) => typeof value === 'string')
        .flatMap((value) => value.split('\n'))
        .filter((line) => /^((not )?ok \d+|1\.\.\d+$|#)/.test(line.trim()))
        .map((line) => line.trim())
        .filter((line) => !/^# Looks like you (planned|failed)/.test(line));
}
