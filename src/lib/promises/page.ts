/**
 * What the security page shows: the ledger, stamped by a run of the tests. A tick is only ever given by a report of the very
 * commit that this build was made of; without one, what the ledger calls kept reads "not run on this build".
 */
import { areas, type AreaWords } from './areas.ts';
import type { Found, Report } from './report.ts';
import type { LedgerRow, PromiseId, Stamp, TestKind, TestResult } from './types.ts';
import { nameOf, wordsFor } from './words.ts';

/** The source of a build: its commit, if it knows one, and whether anything differed from it. */
export type Build = { commit: string | null; dirty: boolean };

export type ShownStamp = Stamp | 'not_run';

/** Why there are no ticks. */
export type NotRun = 'no_report' | 'other_commit' | 'changed_source' | 'unknown_source';

export type Run =
    | {
          state: 'ran';
          commit: string;
          endedAt: string;
          passed: number;
          failed: number;
          counts: Report['counts'];
      }
    | { state: 'not_run'; why: NotRun };

/** A thing that enforces a promise, as the database prints it; null for code, and where no run has shown it. */
export type ShownObject = { name: string; text: string | null; under?: PromiseId };

export type ShownTest = {
    kind: TestKind;
    file: string | null;
    title: string;
    outcome: TestResult['outcome'] | 'not_run';
};

/** Objects of one sort, under what the sort is called. */
export type ShownGroup = { words: string; objects: readonly ShownObject[] };

export type ShownPromise = {
    row: LedgerRow;
    stamp: ShownStamp;
    problems: readonly string[];
    enforcedBy: readonly ShownGroup[];
    /** The tests that the ledger names one by one, and the others that carry the promise's id. */
    named: readonly ShownTest[];
    others: readonly ShownTest[];
};

export type TrustPage = {
    build: Build;
    run: Run;
    promises: readonly ShownPromise[];
    counts: Readonly<Record<ShownStamp, number>>;
};

/** May this report speak for this build? */
export function runOf(report: Report | null, build: Build): Run {
    if (build.commit === null) return { state: 'not_run', why: 'unknown_source' };
    if (build.dirty) return { state: 'not_run', why: 'changed_source' };
    if (report === null) return { state: 'not_run', why: 'no_report' };
    if (report.dirty || report.commit !== build.commit) return { state: 'not_run', why: 'other_commit' };
    const counts = Object.values(report.counts);
    return {
        state: 'ran',
        commit: report.commit,
        endedAt: report.ended_at,
        passed: counts.reduce((sum, { passed }) => sum + passed, 0),
        failed: counts.reduce((sum, { failed }) => sum + failed, 0),
        counts: report.counts
    };
}

/** Puts what is called the same under one heading. */
function grouped(groups: readonly ShownGroup[]): ShownGroup[] {
    const byWords = new Map<string, ShownObject[]>();
    for (const { words, objects } of groups) byWords.set(words, [...(byWords.get(words) ?? []), ...objects]);
    return [...byWords].map(([words, objects]) => ({ words, objects }));
}

function shown(row: LedgerRow, found: Found | undefined, definitions: Report['definitions']): ShownPromise {
    if (!found) {
        return {
            row,
            stamp: row.state === 'kept' ? 'not_run' : row.state,
            problems: [],
            enforcedBy: grouped(
                row.enforcedBy.map((enforcement) => ({
                    words: wordsFor(enforcement),
                    objects: [{ name: nameOf(enforcement), text: null }]
                }))
            ),
            named: row.provedBy.flatMap((proof) =>
                'title' in proof
                    ? [{ kind: proof.kind, file: null, title: proof.title, outcome: 'not_run' as const }]
                    : []
            ),
            others: []
        };
    }
    return {
        row,
        // What the run says may take a stamp away, never give one that the ledger doesn't claim.
        stamp: found.stamp === row.state ? row.state : 'failed',
        problems: found.problems,
        enforcedBy: grouped(
            found.enforcedBy.map(({ words, names }) => ({
                words,
                objects: names.map((name) => ({ name, text: definitions[name] ?? null }))
            }))
        ),
        named: found.named,
        others: found.others
    };
}

/** Puts the page together. */
export function trustPage(ledger: readonly LedgerRow[], report: Report | null, build: Build): TrustPage {
    const run = runOf(report, build);
    const speaks = run.state === 'ran' ? report : null;
    const promises = ledger.map((row) =>
        shown(
            row,
            speaks?.promises.find(({ id }) => id === row.id),
            speaks?.definitions ?? {}
        )
    );
    const counts = { kept: 0, hosting: 0, not_yet: 0, failed: 0, not_run: 0 };
    for (const { stamp } of promises) counts[stamp] += 1;
    return { build, run, promises, counts };
}

export type ShownArea = AreaWords & { promises: readonly ShownPromise[] };

/** The promises by area, in the page's order; areas in which none is left after filtering are left out. */
export function byArea(promises: readonly ShownPromise[]): ShownArea[] {
    return areas
        .map((words) => ({
            ...words,
            promises: promises.filter(({ row }) => row.id.startsWith(`${words.area}-`))
        }))
        .filter((area) => area.promises.length > 0);
}

/** Prints each object once, where it stands first, and sends the reader there from everywhere else. */
export function printedOnce(promises: readonly ShownPromise[]): ShownPromise[] {
    const first = new Map<string, PromiseId>();
    return promises.map((promise) => ({
        ...promise,
        enforcedBy: promise.enforcedBy.map(({ words, objects }) => ({
            words,
            objects: objects.map((object): ShownObject => {
                if (object.text === null) return object;
                const under = first.get(object.name);
                if (under === undefined) first.set(object.name, promise.row.id);
                return under === undefined || under === promise.row.id
                    ? object
                    : { name: object.name, text: null, under };
            })
        }))
    }));
}
