// Runs supabase/tests/*.sql with pgTAP: `npm run test:db`, or `node tests/database/run.ts [NAME…]` for the files whose name
// holds one of these words. Each file is one transaction that is rolled back. The last line is `N passed, N failed`.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import postgres from 'postgres';
import type { Sql } from 'postgres';
import { splitStatements } from '../../local/database/split.ts';
import { projectDir } from '../support/stack.ts';
import type { StackInfo } from '../support/stack.ts';
import { onAStack } from './cli.ts';
import { installTestTools, removeTestTools } from './pgtap.ts';

type Outcome = { passed: number; failed: number; lines: string[]; tests: Told[] };
/** One assertion as the whole run's report takes it up (TF_REPORT). */
type Told = { file: string; title: string; passed: boolean };

const folder = join(projectDir, 'supabase', 'tests');

/** Runs one file and reads what pgTAP says: results against the plan, and anything skipped or put off counts as failed. */
async function runFile(owner: Sql, file: string): Promise<Outcome> {
    const outcome: Outcome = { passed: 0, failed: 0, lines: [], tests: [] };
    const tell = (title: string, passed: boolean): void => {
        outcome.tests.push({ file: `supabase/tests/${basename(file)}`, title, passed });
    };
    const fail = (line: string): void => {
        outcome.failed += 1;
        outcome.lines.push(`not ok - ${line}`);
        tell(line, false);
    };
    let planned: number | undefined;
    const connection = await owner.reserve();
    try {
        await connection.unsafe('begin; set local search_path = public, extensions, tests, pgtap');
        // pgTAP and the files keep their own things in temporary tables, which people may not make: for now they may.
        await connection.unsafe(`
            do $$ begin execute format('grant temporary on database %I to public', current_database()); end $$
        `);
        for (const statement of splitStatements(readFileSync(file, 'utf8'))) {
            try {
                for (const line of tapLines(await connection.unsafe(statement.text))) {
                    const plan = /^1\.\.(\d+)$/.exec(line);
                    if (plan) planned = Number(plan[1]);
                    else if (/^ok \d+/.test(line) && !/# (todo|skip)/i.test(line)) {
                        outcome.passed += 1;
                        outcome.lines.push(line);
                        tell(line.replace(/^ok \d+ - /, ''), true);
                    } else if (/^(not )?ok \d+/.test(line)) fail(line.replace(/^(not )?ok \d+ - /, ''));
                    else outcome.lines.push(line);
                }
            } catch (error) {
                const { message, where } = error as Error & { where?: string };
                fail(`${basename(file)}:${statement.line}: ${message}${where ? `\n#   ${where}` : ''}`);
                break;
            }
        }
        const ran = outcome.passed + outcome.failed;
        if (planned === undefined) fail(`${basename(file)} has no plan`);
        else if (planned !== ran) fail(`${basename(file)} planned ${planned} tests and ran ${ran}`);
    } finally {
        await connection.unsafe('rollback');
        await connection.unsafe('reset role; reset all');
        connection.release();
    }
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

async function runAll(
    info: StackInfo,
    words: readonly string[]
): Promise<{ passed: number; failed: number; tests: Told[] }> {
    const owner = postgres(info.databaseUrl, { max: 1, onnotice: () => undefined });
    const sum = { passed: 0, failed: 0, tests: [] as Told[] };
    try {
        await installTestTools(owner);
        const files = readdirSync(folder)
            .filter((file) => file.endsWith('.sql'))
            .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
            .sort();
        for (const file of files) {
            const began = performance.now();
            const { passed, failed, lines, tests } = await runFile(owner, join(folder, file));
            console.log(`# ${file} (${Math.round(performance.now() - began)} ms)`);
            for (const line of lines) console.log(line);
            sum.passed += passed;
            sum.failed += failed;
            sum.tests.push(...tests);
        }
    } finally {
        await removeTestTools(owner);
        await owner.end();
    }
    return sum;
}

const words = process.argv.slice(2);
const { passed, failed, tests } = await onAStack((info) => runAll(info, words));
if (process.env.TF_REPORT) writeFileSync(process.env.TF_REPORT, JSON.stringify(tests, null, 4));
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
