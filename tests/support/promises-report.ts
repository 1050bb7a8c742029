// A report of a run that bears out everything the ledger claims, for tests of what reads reports.
import { ledger } from '../../src/lib/promises/ledger.ts';
import type { Found, Report } from '../../src/lib/promises/report.ts';
import { KINDS } from '../../src/lib/promises/types.ts';
import { nameOf, wordsFor } from '../../src/lib/promises/words.ts';

export const POLICY_TEXT =
    'create policy "Made for this test"\n    on public.jobs\n    using (account_id = any (…));';

/** A whole run on `commit`, in which every named object was found and every named test passed. */
export function aReport(commit: string, changes: Partial<Report> = {}): Report {
    const promises = ledger.map((row): Found => ({
        id: row.id,
        stamp: row.state,
        problems: [],
        enforcedBy: row.enforcedBy.map((enforcement) => ({
            words: wordsFor(enforcement),
            names: [nameOf(enforcement)]
        })),
        named: row.provedBy.flatMap((proof) =>
            'title' in proof
                ? [
                      {
                          kind: proof.kind,
                          file: 'tests/made.test.ts',
                          title: proof.title,
                          outcome: 'passed' as const
                      }
                  ]
                : []
        ),
        others: []
    }));
    return {
        format: 'tf-promises-1',
        commit,
        dirty: false,
        began_at: '2026-11-22T09:00:00.000Z',
        ended_at: '2026-11-22T09:05:00.000Z',
        counts: Object.fromEntries(
            KINDS.map((kind) => [kind, { passed: 100, failed: 0, skipped: 0 }])
        ) as Report['counts'],
        promises,
        definitions: { 'private.close_new_tables()': POLICY_TEXT },
        ...changes
    };
}
