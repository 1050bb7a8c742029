import { describe, expect, it } from 'vitest';
import { parseReport, type Report } from '../../src/lib/promises/report.ts';
import { aReport } from '../support/promises-report.ts';

const commit = 'a'.repeat(40);
const read = (report: unknown): Report | null => parseReport(JSON.stringify(report));
const first = (report: Report) => report.promises[0]!;

describe('a report', () => {
    it('is read when it is one', () => {
        expect(read(aReport(commit))).toEqual(aReport(commit));
    });

    const nonsense: Record<string, unknown> = {
        'an empty object': {},
        'another format': { ...aReport(commit), format: 'tf-promises-0' },
        'a commit that is none': aReport('main'),
        'a commit in short': aReport('abc1234'),
        'a word of its own': { ...aReport(commit), trusted: true },
        'one promise less': aReport(commit, { promises: aReport(commit).promises.slice(1) }),
        'one promise twice': aReport(commit, {
            promises: [first(aReport(commit)), ...aReport(commit).promises.slice(0, -1)]
        }),
        'an end before its beginning': aReport(commit, { ended_at: '2026-11-22T08:00:00.000Z' }),
        'fewer than no tests': aReport(commit, {
            counts: { ...aReport(commit).counts, db: { passed: -1, failed: 0, skipped: 0 } }
        }),
        'a promise that nobody made': {
            ...aReport(commit),
            promises: [{ ...first(aReport(commit)), id: 'ISO-99' }, ...aReport(commit).promises.slice(1)]
        }
    };
    it.each(Object.entries(nonsense))('is none with %s', (_, report) => {
        expect(read(report)).toBeNull();
    });

    it.each(['', 'null', '[]', '{"format":', '<html>'])('is none as the text %j', (text) => {
        expect(parseReport(text)).toBeNull();
    });

    const withFirst = (changes: Partial<Report['promises'][number]>): Report => {
        const [one, ...others] = aReport(commit).promises;
        return aReport(commit, { promises: [{ ...one!, ...changes }, ...others] });
    };
    it.each<[string, Partial<Report['promises'][number]>]>([
        ['no test', { named: [] }],
        ['nothing that enforces it', { enforcedBy: [] }],
        ['a test that failed', { others: [{ kind: 'db', file: '', title: 'one', outcome: 'failed' }] }],
        [
            'a test that was left out',
            { others: [{ kind: 'db', file: '', title: 'one', outcome: 'skipped' }] }
        ],
        ['a problem', { problems: ['the catalog has no such policy'] }]
    ])('contradicts itself where a kept promise has %s', (_, changes) => {
        expect(first(aReport(commit)).stamp).toBe('kept');
        expect(read(withFirst(changes))).toBeNull();
    });

    it('contradicts itself where a promise failed and nothing says why', () => {
        expect(read(withFirst({ stamp: 'failed' }))).toBeNull();
        expect(read(withFirst({ stamp: 'failed', problems: ['no such test ran'] }))).not.toBeNull();
    });
});
