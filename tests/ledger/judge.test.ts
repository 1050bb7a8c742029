import { describe, expect, it } from 'vitest';
import { ledger } from '../../src/lib/promises/ledger.ts';
import type { Enforcement, LedgerRow, PromiseId, TestResult } from '../../src/lib/promises/types.ts';
import { judge, type LookUp } from './judge.ts';

const title = 'nobody reads it';
const passed: TestResult = { kind: 'db', file: 'one.sql', title, outcome: 'passed' };
const policy: Enforcement = { kind: 'policy', on: 'public.jobs', name: 'Members read their own' };

const there: LookUp = (object) =>
    Promise.resolve(
        object.kind === 'policy' && object.name === policy.name
            ? { found: [{ name: object.name, text: 'create policy …' }] }
            : { problem: `the catalog has no ${object.kind}` }
    );

/** The whole ledger with one row of ours in it; the others claim nothing. */
function withRow(row: LedgerRow): LedgerRow[] {
    return ledger.map((each): LedgerRow =>
        each.id === row.id
            ? row
            : {
                  id: each.id,
                  sentence: each.sentence,
                  state: 'not_yet',
                  missing: 'All.',
                  enforcedBy: [],
                  provedBy: []
              }
    );
}

const id: PromiseId = 'ISO-1';
const mark = `[${id}]`;
const claim: LedgerRow = {
    id,
    sentence: 'Nobody reads it.',
    state: 'kept',
    enforcedBy: [policy],
    provedBy: [{ kind: 'db', title }]
};

const problemsOf = async (row: LedgerRow, results: TestResult[] = [passed]): Promise<string[]> =>
    (await judge(withRow(row), results, there)).problems;

describe('a claim', () => {
    it('that names what is there and what passed is borne out, with the text of the policy', async () => {
        const verdict = await judge(withRow(claim), [passed], there);
        expect(verdict.problems).toEqual([]);
        expect(verdict.promises.find((each) => each.id === id)).toMatchObject({
            stamp: 'kept',
            named: [passed],
            enforcedBy: [{ words: 'Policy on public.jobs', names: [policy.name] }]
        });
        expect(verdict.definitions).toEqual({ [policy.name]: 'create policy …' });
    });

    const false_: [string, LedgerRow, TestResult[], RegExp][] = [
        ['names a test that does not exist', claim, [], /no db test “nobody reads it” ran/],
        ['names a test of another kind', claim, [{ ...passed, kind: 'unit' }], /no db test/],
        ['names a test that failed', claim, [{ ...passed, outcome: 'failed' }], /failed/],
        ['names a test that was left out', claim, [{ ...passed, outcome: 'skipped' }], /skipped/],
        [
            'names a test of which one of two failed',
            claim,
            [passed, { ...passed, outcome: 'failed' }],
            /failed/
        ],
        [
            'names an object that does not exist',
            { ...claim, enforcedBy: [policy, { kind: 'constraint', on: 'public.jobs', name: 'gone' }] },
            [passed],
            /the catalog has no constraint/
        ],
        [
            'names nothing that enforces it',
            { ...claim, enforcedBy: [] },
            [passed],
            /nothing that enforces it/
        ],
        ['names no test', { ...claim, provedBy: [] }, [], /no test that proves it/],
        [
            'rests on a count of tests alone',
            { ...claim, provedBy: [{ kind: 'db', tagged: true, atLeast: 1 }] },
            [{ ...passed, title: `${mark} one` }],
            /no test that proves it/
        ],
        [
            'counts more tests than there are',
            { ...claim, provedBy: [...claim.provedBy, { kind: 'db', tagged: true, atLeast: 2 }] },
            [passed, { ...passed, title: `${mark} one` }],
            /1 db tests carry its id, and there must be 2/
        ],
        [
            'counts a test that failed',
            { ...claim, provedBy: [...claim.provedBy, { kind: 'db', tagged: true, atLeast: 1 }] },
            [passed, { ...passed, title: `${mark} one`, outcome: 'failed' }],
            /failed/
        ],
        [
            'does not know of a test that carries its id',
            claim,
            [passed, { ...passed, title: `a group ${mark} one` }],
            /carries its id, and the ledger does not name it/
        ]
    ];
    it.each(false_)('that %s is refused, and the promise not stamped', async (_, row, results, sentence) => {
        const verdict = await judge(withRow(row), results, there);
        expect(verdict.problems).toHaveLength(1);
        expect(verdict.problems[0]).toMatch(sentence);
        expect(verdict.promises.find((each) => each.id === id)?.stamp).toBe('failed');
    });

    it('that only a part works needs proof of that part', async () => {
        const part: LedgerRow = {
            ...claim,
            state: 'not_yet',
            works: 'Nobody reads it.',
            missing: 'The rest.'
        };
        expect(await problemsOf(part)).toEqual([]);
        expect(await problemsOf({ ...part, provedBy: [] })).toHaveLength(1);
    });
});

describe('the ledger as a whole', () => {
    it('is refused with a promise missing, or there twice', async () => {
        const all = withRow(claim);
        expect((await judge(all.slice(1), [passed], there)).problems).toEqual([
            'ISO-1: stands in the ledger 0 times'
        ]);
        expect((await judge([...all, claim], [passed], there)).problems).toEqual([
            'ISO-1: stands in the ledger 2 times'
        ]);
    });

    it('is refused when a test carries the id of a promise that nobody made', async () => {
        const stray = { ...passed, title: `[${'ISO'}-77] something` };
        expect(await problemsOf(claim, [passed, stray])).toEqual([
            'ISO-77: a test carries this id, and there is no such promise'
        ]);
    });
});
