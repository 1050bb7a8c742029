/**
 * The report of a whole run of the tests: what the security page's stamps rest on. Written by `npm test`, read by the
 * server. What is no report, or contradicts itself, is none: then no promise gets a tick.
 */
import { z } from 'zod';
import { IDS } from './ids.ts';
import { KINDS, type PromiseId, type Stamp } from './types.ts';

const kind = z.enum(KINDS);
const outcome = z.enum(['passed', 'failed', 'skipped']);
const stamp = z.enum(['kept', 'hosting', 'not_yet', 'failed'] satisfies Stamp[]);
const count = z.number().int().min(0);
const id = z.string().refine((text): text is PromiseId => IDS.some((known) => known === text));

const Test = z.strictObject({ kind, file: z.string(), title: z.string().min(1), outcome });

const Found = z.strictObject({
    id,
    stamp,
    /** Why a claim was not borne out; empty unless the stamp is `failed`. */
    problems: z.array(z.string().min(1)),
    /** What enforces it, in groups; each name has its text in `definitions`, if it has one. */
    enforcedBy: z.array(z.strictObject({ words: z.string().min(1), names: z.array(z.string()).min(1) })),
    /** The tests that the ledger names one by one, and the others that carry the id. */
    named: z.array(Test),
    others: z.array(Test)
});

const Report = z
    .strictObject({
        format: z.literal('tf-promises-1'),
        /** The source that was tested, to the commit. A dirty tree is nothing that anybody could look up. */
        commit: z.string().regex(/^[0-9a-f]{40}$/),
        dirty: z.boolean(),
        began_at: z.iso.datetime(),
        ended_at: z.iso.datetime(),
        counts: z.record(kind, z.strictObject({ passed: count, failed: count, skipped: count })),
        promises: z.array(Found),
        /** How the database itself prints each object that is named, while the tests ran. */
        definitions: z.record(z.string(), z.string())
    })
    .superRefine((report, context) => {
        const wrong = (message: string): void => context.addIssue({ code: 'custom', message });
        if (report.began_at > report.ended_at) wrong('it ended before it began');
        const told = report.promises.map((promise) => promise.id);
        if (told.length !== IDS.length || IDS.some((each) => !told.includes(each)))
            wrong('it does not tell of every promise once');
        for (const { id: name, stamp: given, problems, enforcedBy, named, others } of report.promises) {
            const tests = [...named, ...others];
            if ((given === 'failed') !== problems.length > 0) wrong(`${name}: stamp and problems differ`);
            if (given === 'kept' && (named.length === 0 || enforcedBy.length === 0))
                wrong(`${name} is stamped kept with nothing behind it`);
            if (given !== 'failed' && tests.some((test) => test.outcome !== 'passed'))
                wrong(`${name} rests on a test that did not pass`);
        }
    });

/** A whole run, as it was written down. */
export type Report = z.infer<typeof Report>;
/** How one promise stood in that run. */
export type Found = z.infer<typeof Found>;

/** Reads a report. Null for anything that is none, or that contradicts itself. */
export function parseReport(text: string): Report | null {
    let value: unknown;
    try {
        value = JSON.parse(text);
    } catch {
        return null;
    }
    return Report.safeParse(value).data ?? null;
}
