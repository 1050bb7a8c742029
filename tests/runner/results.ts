// What a run found, test by test, whichever tool ran it: read from the reports that vitest, Playwright and the pgTAP
// runner write. A report that is missing or of another shape is no result at all, never a good one.
import { readFileSync } from 'node:fs';
import { basename, relative } from 'node:path';
import { z } from 'zod';
import type { TestKind, TestResult } from '../../src/lib/promises/types.ts';
import { root } from './commands.ts';

/** A test's result and, where it failed, what it said. */
export type Told = TestResult & { why?: string | undefined };

const Vitest = z.object({
    testResults: z.array(
        z.object({
            name: z.string(),
            status: z.string(),
            message: z.string().nullish(),
            assertionResults: z.array(
                z.object({
                    ancestorTitles: z.array(z.string()),
                    title: z.string(),
                    status: z.string(),
                    failureMessages: z.array(z.string()).nullish()
                })
            )
        })
    )
});

const Spec = z.object({
    title: z.string(),
    file: z.string(),
    tests: z.array(
        z.object({
            status: z.string(),
            results: z.array(z.object({ error: z.object({ message: z.string() }).optional() }))
        })
    )
});
type Suite = { title: string; specs: z.infer<typeof Spec>[]; suites?: Suite[] | undefined };
const Suite: z.ZodType<Suite> = z.object({
    title: z.string(),
    specs: z.array(Spec),
    suites: z.lazy(() => z.array(Suite)).optional()
});
const Playwright = z.object({ suites: z.array(Suite) });

const PgTap = z.array(z.object({ file: z.string(), title: z.string(), passed: z.boolean() }));

/** A report's tests, or none when it is missing or is no such report. */
function parsed<T>(file: string, shape: z.ZodType<T>): T | undefined {
    try {
        return shape.parse(JSON.parse(readFileSync(file, 'utf8')));
    } catch {
        return undefined;
    }
}

/**
 * Vitest's JSON report. A test's title is those of its groups and its own, read as one sentence. A file that failed though none
 * of its tests did, since it could not be loaded or got ready, is a failure of its own.
 */
export function vitestResults(kind: TestKind, report: string): Told[] {
    return (parsed(report, Vitest)?.testResults ?? []).flatMap(
        ({ name, status, message, assertionResults }) => {
            const file = relative(root, name);
            const tests = assertionResults.map(
                ({ ancestorTitles, title, status, failureMessages }): Told => ({
                    kind,
                    file,
                    title: [...ancestorTitles, title].join(' '),
                    outcome: status === 'passed' ? 'passed' : status === 'failed' ? 'failed' : 'skipped',
                    why: failureMessages?.join('\n')
                })
            );
            if (status !== 'failed' || tests.some(({ outcome }) => outcome === 'failed')) return tests;
            return [
                ...tests,
                { kind, file, title: 'the file gets ready', outcome: 'failed', why: message ?? '' }
            ];
        }
    );
}

/** Playwright's JSON report. A test that passed only when tried again has failed. */
export function playwrightResults(kind: TestKind, report: string): Told[] {
    const ofSuite = (suite: Suite, groups: readonly string[]): Told[] => [
        ...suite.specs.map(({ title, file, tests }): Told => ({
            kind,
            file: `tests/e2e/${basename(file)}`,
            title: [...groups, title].join(' '),
            outcome: tests.every(({ status }) => status === 'skipped')
                ? 'skipped'
                : tests.every(({ status }) => status === 'expected')
                  ? 'passed'
                  : 'failed',
            why: tests.flatMap(({ results }) => results.map(({ error }) => error?.message ?? '')).join('\n')
        })),
        ...(suite.suites ?? []).flatMap((inner) => ofSuite(inner, [...groups, inner.title]))
    ];
    return (parsed(report, Playwright)?.suites ?? []).flatMap((suite) => ofSuite(suite, []));
}

/** The report of tests/database/run.ts. */
export function pgtapResults(report: string): Told[] {
    return (parsed(report, PgTap) ?? []).map(({ file, title, passed }) => ({
        kind: 'db',
        file,
        title,
        outcome: passed ? 'passed' : 'failed'
    }));
}
