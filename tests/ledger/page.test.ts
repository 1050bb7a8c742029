import { describe, expect, it } from 'vitest';
import { ledger } from '../../src/lib/promises/ledger.ts';
import { byArea, printedOnce, trustPage, type Build } from '../../src/lib/promises/page.ts';
import type { Report } from '../../src/lib/promises/report.ts';
import { aReport, POLICY_TEXT } from '../support/promises-report.ts';

const commit = 'a'.repeat(40);
const build: Build = { commit, dirty: false };
const kept = ledger.filter(({ state }) => state === 'kept').length;

describe('the security page', () => {
    it('stamps what is kept when a run on this very commit says so', () => {
        const page = trustPage(ledger, aReport(commit), build);
        expect(page.run).toMatchObject({ state: 'ran', commit, passed: 700, failed: 0 });
        expect(page.counts).toMatchObject({ kept, not_run: 0, failed: 0, hosting: 8 });
    });

    it.each<[string, Report | null, Build, string]>([
        ['no report', null, build, 'no_report'],
        ['a report of another commit', aReport('b'.repeat(40)), build, 'other_commit'],
        ['a report of changed source', aReport(commit, { dirty: true }), build, 'other_commit'],
        ['a build of changed source', aReport(commit), { commit, dirty: true }, 'changed_source'],
        ['a build that knows no commit', aReport(commit), { commit: null, dirty: false }, 'unknown_source']
    ])('has no tick anywhere with %s', (_, report, of, why) => {
        const page = trustPage(ledger, report, of);
        expect(page.run).toEqual({ state: 'not_run', why });
        expect(page.counts).toMatchObject({ kept: 0, failed: 0, not_run: kept, hosting: 8 });
        const outcomes = page.promises.flatMap(({ named, others }) =>
            [...named, ...others].map(({ outcome }) => outcome)
        );
        expect(new Set(outcomes)).toEqual(new Set(['not_run']));
    });

    it('believes a report that takes a stamp away, and none that gives one', () => {
        const report = aReport(commit);
        const [first, ...others] = report.promises;
        const notYet = others.find(({ stamp }) => stamp === 'not_yet')!;
        const page = trustPage(
            ledger,
            {
                ...report,
                promises: [
                    { ...first!, stamp: 'failed', problems: ['no such test ran'] },
                    ...others.map((each) => (each === notYet ? { ...each, stamp: 'kept' as const } : each))
                ]
            },
            build
        );
        const stampOf = (id: string) => page.promises.find(({ row }) => row.id === id)?.stamp;
        expect(stampOf(first!.id)).toBe('failed');
        expect(stampOf(notYet.id)).toBe('failed');
        expect(page.counts.kept).toBe(kept - 1);
    });

    it('prints an object once and sends its other readers there', () => {
        const report = aReport(commit);
        const [one, two, ...others] = report.promises;
        const enforcedBy = [{ words: 'Function', names: ['private.close_new_tables()'] }];
        const page = trustPage(
            ledger,
            { ...report, promises: [{ ...one!, enforcedBy }, { ...two!, enforcedBy }, ...others] },
            build
        );
        const [first, second] = printedOnce(page.promises).map(
            (promise) => promise.enforcedBy[0]?.objects[0]
        );
        expect(first).toEqual({ name: 'private.close_new_tables()', text: POLICY_TEXT });
        expect(second).toEqual({ name: 'private.close_new_tables()', text: null, under: one!.id });
    });

    it('leaves no promise out of its areas', () => {
        const page = trustPage(ledger, null, build);
        expect(byArea(page.promises).flatMap(({ promises }) => promises)).toEqual(page.promises);
    });
});
