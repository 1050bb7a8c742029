// The last step of a whole run: holds the promise ledger against what the run found and against the live catalog, and
// writes promises-report.json, which the public security page reads. A part of a run writes none.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import postgres from 'postgres';
import { z } from 'zod';
import { sourceVersion, type SourceVersion } from '../../local/version.ts';
import type { StackInfo } from '../../local/stack.ts';
import { ledger } from '../../src/lib/promises/ledger.ts';
import { parseReport, type Report } from '../../src/lib/promises/report.ts';
import { KINDS, type Enforcement, type TestKind, type TestResult } from '../../src/lib/promises/types.ts';
import { catalog } from '../ledger/catalog.ts';
import { judge, type Looked, type LookUp } from '../ledger/judge.ts';
import { lookUpSource } from '../ledger/source.ts';
import { log, reports, root, seconds } from './commands.ts';
import type { Told } from './results.ts';

export const reportFile = join(root, 'promises-report.json');

/** When the run began, and on which source. */
export type Beginning = { at: string; version: SourceVersion };

export const beginning = (): Beginning => ({ at: new Date().toISOString(), version: sourceVersion(root) });

function lookUpOn(sql: postgres.Sql): LookUp {
    const inDatabase = catalog(sql);
    return async (object: Enforcement): Promise<Looked> => {
        switch (object.kind) {
            case 'code':
            case 'route guard':
            case 'every route guard':
            case 'header':
            case 'setting':
                return lookUpSource(root, object);
            default:
                return inDatabase(object);
        }
    };
}

function countsOf(results: readonly TestResult[]): Report['counts'] {
    const of = (kind: TestKind, outcome: TestResult['outcome']): number =>
        results.filter((test) => test.kind === kind && test.outcome === outcome).length;
    return Object.fromEntries(
        KINDS.map((kind) => [
            kind,
            { passed: of(kind, 'passed'), failed: of(kind, 'failed'), skipped: of(kind, 'skipped') }
        ])
    ) as Report['counts'];
}

const Build = z.object({ build: z.object({ commit: z.string().nullable(), dirty: z.boolean() }) });

/** What the app that was tested says it is made of. */
async function builtOf(appUrl: string): Promise<SourceVersion> {
    return Build.parse(await (await fetch(new URL('/security/promises.json', appUrl))).json()).build;
}

const same = (one: SourceVersion, other: SourceVersion): boolean =>
    one.commit === other.commit && one.dirty === other.dirty;

/** Judges the ledger, writes the report, and answers as one test. */
export async function ledgerCheck(
    told: readonly Told[],
    began: Beginning,
    on: { stack: StackInfo; appUrl: string }
): Promise<Told[]> {
    const since = Date.now();
    // What a failed test said is for whoever reads the run; the report is public and tells of no more than how each ended.
    const results = told.map(({ kind, file, title, outcome }): TestResult => ({
        kind,
        file,
        title,
        outcome
    }));
    const problems: string[] = [];
    writeFileSync(join(reports, 'results.json'), JSON.stringify(results, null, 1));
    const sql = postgres(on.stack.databaseUrl, { max: 1, onnotice: () => undefined });
    try {
        const { problems: false_, promises, definitions } = await judge(ledger, results, lookUpOn(sql));
        problems.push(...false_);
        const version = sourceVersion(root);
        if (!same(began.version, version)) problems.push('the source changed while its tests ran');
        if (!same(await builtOf(on.appUrl), version))
            problems.push('the app that was tested is another build');
        // Without a commit there is nothing that the report could be of.
        if (version.commit !== null && same(began.version, version)) {
            const report: Report = {
                format: 'tf-promises-1',
                commit: version.commit,
                dirty: version.dirty,
                began_at: began.at,
                ended_at: new Date().toISOString(),
                counts: countsOf(results),
                promises,
                definitions
            };
            const text = JSON.stringify(report, null, 1);
            if (parseReport(text) === null) problems.push('the report contradicts itself');
            else writeFileSync(reportFile, text);
        }
    } catch (error) {
        problems.push(`the ledger could not be held against the run: ${String(error)}`);
    } finally {
        await sql.end();
    }
    const title = 'every promise names what exists, and tests that ran and passed';
    const ok = problems.length === 0;
    log(`${ok ? 'ok' : 'not ok'} - ${title} (${seconds(since)} s)`);
    for (const problem of problems) log(`    ${problem}`);
    return [
        {
            kind: 'static',
            file: 'src/lib/promises/ledger.ts',
            title,
            outcome: ok ? 'passed' : 'failed',
            why: problems.join('\n')
        }
    ];
}
