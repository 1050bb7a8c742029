// Runs supabase/tests/*.sql with pgTAP: `npm run test:db`, or `node tests/database/run.ts [NAME…]` for the files whose name
// holds one of these words. Each file is one transaction that is rolled back. The last line is `N passed, N failed`.
import { writeFileSync } from 'node:fs';
import postgres from 'postgres';
import type { Sql } from 'postgres';
import type { StackInfo } from '../support/stack.ts';
import { onAStack } from './cli.ts';
import { installTestTools, removeTestTools } from './pgtap.ts';
import { runStatements, tapFiles, TEST_PATH } from './tap.ts';
import type { Outcome, TapFile, Told } from './tap.ts';

async function runFile(owner: Sql, file: TapFile): Promise<Outcome> {
    const connection = await owner.reserve();
    try {
        await connection.unsafe(`begin; set local search_path = ${TEST_PATH}`);
        return await runStatements(connection, file);
    } finally {
        await connection.unsafe('rollback');
        await connection.unsafe('reset role; reset all');
        connection.release();
    }
}

async function runAll(
    info: StackInfo,
    words: readonly string[]
): Promise<{ passed: number; failed: number; tests: Told[] }> {
    const owner = postgres(info.databaseUrl, { max: 1, onnotice: () => undefined });
    const sum = { passed: 0, failed: 0, tests: [] as Told[] };
    try {
        await installTestTools(owner);
        for (const file of tapFiles(words)) {
            const began = performance.now();
            const { passed, failed, lines, tests } = await runFile(owner, file);
            console.log(`# ${file.name} (${Math.round(performance.now() - began)} ms)`);
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
