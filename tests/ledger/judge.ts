// Does a run bear out what the ledger claims? Pure: it is given the ledger, the run's tests and a way to look objects up, and
// answers with what is wrong and with how each promise stands. A claim that names what is not there is wrong, and so is
// a test that carries a promise's id while the promise doesn't know of it.
import type { Found } from '../../src/lib/promises/report.ts';
import type { Enforcement, LedgerRow, Proof, TestResult } from '../../src/lib/promises/types.ts';
import { IDS } from '../../src/lib/promises/ids.ts';
import { wordsFor } from '../../src/lib/promises/words.ts';

/** What stands behind a named object: each with the text in which the database prints it ('' where it has none). */
export type Looked = { found: { name: string; text: string }[] } | { problem: string };
export type LookUp = (enforcement: Enforcement) => Promise<Looked>;

export type Verdict = {
    /** One sentence for each false claim; the run fails when there is any. */
    problems: string[];
    promises: Found[];
    definitions: Record<string, string>;
};

const carried = (title: string): string[] =>
    [...title.matchAll(/\[([A-Z]+-\d+)\]/g)].map(([, id = '']) => id);

function missingIn(row: LedgerRow): string[] {
    const problems: string[] = [];
    const nothing = row.enforcedBy.length === 0 && row.provedBy.length === 0;
    const claims = row.state === 'kept' || (row.state === 'not_yet' && row.works !== undefined);
    if (row.sentence.trim() === '') problems.push('has no sentence');
    if (claims && row.enforcedBy.length === 0)
        problems.push('claims something and names nothing that enforces it');
    if (claims && !row.provedBy.some((proof) => 'title' in proof))
        problems.push('claims something and names no test that proves it');
    if (!claims && row.state === 'not_yet' && !nothing)
        problems.push('names what enforces or proves it, and does not say what works');
    return problems;
}

/** The first few of many alike. */
function inShort(problems: readonly string[]): string[] {
    const few = 3;
    const more = problems.length - few;
    return more > 0 ? [...problems.slice(0, few), `and ${more} more like that`] : [...problems];
}

const told = ({ kind, title }: TestResult): string => `the ${kind} test “${title}”`;

/** Which tests a row's proofs mean, and what is wrong with them. */
function evidence(row: LedgerRow, results: readonly TestResult[]) {
    const problems: string[] = [];
    const named: TestResult[] = [];
    const mine = results.filter(({ title }) => carried(title).includes(row.id));
    for (const proof of row.provedBy) {
        if ('title' in proof) {
            const ran = results.filter(({ kind, title }) => kind === proof.kind && title === proof.title);
            if (ran.length === 0) problems.push(`no ${proof.kind} test “${proof.title}” ran`);
            named.push(...ran);
        } else {
            const ran = mine.filter(({ kind }) => kind === proof.kind);
            if (ran.length < proof.atLeast)
                problems.push(
                    `${ran.length} ${proof.kind} tests carry its id, and there must be ${proof.atLeast}`
                );
        }
    }
    const others = mine.filter((test) => !named.includes(test));
    const known = (test: TestResult): boolean =>
        row.provedBy.some((proof: Proof) => proof.kind === test.kind && 'tagged' in proof);
    const unknown = others.filter((each) => !known(each));
    const wrong = [...named, ...others].filter(({ outcome }) => outcome !== 'passed');
    problems.push(
        ...inShort(unknown.map((test) => `${told(test)} carries its id, and the ledger does not name it`)),
        ...inShort(wrong.map((test) => `${told(test)} ${test.outcome}`))
    );
    return { problems, named, others };
}

/** Holds every row of the ledger against what the run found. */
export async function judge(
    ledger: readonly LedgerRow[],
    results: readonly TestResult[],
    lookUp: LookUp
): Promise<Verdict> {
    const verdict: Verdict = { problems: [], promises: [], definitions: {} };
    for (const row of ledger) {
        const { problems, named, others } = evidence(row, results);
        problems.push(...missingIn(row));
        const enforcedBy: Found['enforcedBy'] = [];
        for (const enforcement of row.enforcedBy) {
            const looked = await lookUp(enforcement);
            if ('problem' in looked) problems.push(looked.problem);
            else {
                enforcedBy.push({
                    words: wordsFor(enforcement),
                    names: looked.found.map(({ name }) => name)
                });
                for (const { name, text } of looked.found) if (text !== '') verdict.definitions[name] = text;
            }
        }
        verdict.problems.push(...problems.map((problem) => `${row.id}: ${problem}`));
        verdict.promises.push({
            id: row.id,
            stamp: problems.length > 0 ? 'failed' : row.state,
            problems,
            enforcedBy,
            named,
            others
        });
    }
    const ids = ledger.map(({ id }) => id);
    for (const id of IDS) {
        const times = ids.filter((each) => each === id).length;
        if (times !== 1) verdict.problems.push(`${id}: stands in the ledger ${times} times`);
    }
    const strange = new Set(
        results.flatMap(({ title }) => carried(title)).filter((id) => !IDS.some((known) => known === id))
    );
    for (const id of strange)
        verdict.problems.push(`${id}: a test carries this id, and there is no such promise`);
    return verdict;
}
