// One run over the mutants: what is chosen, what must hold before any of them says anything, and what came of it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Sql } from 'postgres';
import { openGround } from './ground.ts';
import { baseline, hunt } from './hunt.ts';
import type { Verdict } from './hunt.ts';
import { judges } from './judges.ts';
import { nameOf } from './mutant.ts';
import type { Kind } from './mutant.ts';
import { mutantsOf } from './mutants/index.ts';
import { routeMutants, tryRoutes } from './routes.ts';

export type Choice = {
    /** These kinds alone. */
    only?: readonly Kind[];
    /** Those whose object's name holds this. */
    object?: string;
    /** So many of them, chosen at random by `seed`. */
    sample?: number;
    /** Those whose object's name holds this come along in any case, beside the sample. */
    always?: string;
    seed?: number;
    workers?: number;
    /** Run as the owner before the database is cloned. */
    prepare?: (owner: Sql) => Promise<void>;
    tell?: (line: string) => void;
};

export type Report = {
    total: number;
    killed: number;
    survivors: { kind: Kind; object: string; what: string }[];
    equivalent: number;
    /** Entries of equivalent.txt that are no mutant any more, or that a test does kill. */
    stale: string[];
    by_kind: Partial<Record<Kind, { total: number; killed: number }>>;
    /** Which test killed how many. */
    by_test: Record<string, number>;
    verdicts: Verdict[];
};

/** Runs the mutants that are chosen, after the tests have passed without any. Throws when they do not. */
export async function campaign(choice: Choice = {}): Promise<Report> {
    const { tell = () => undefined, workers = 2 } = choice;
    const excused = equivalents();
    const ground = await openGround(choice.prepare);
    try {
        const inDatabase = await mutantsOf(ground.template);
        const inRoutes = routeMutants();
        const all = new Set([...inDatabase, ...inRoutes].map(nameOf));
        const stale = [...excused.keys()]
            .filter((name) => !all.has(name))
            .map((name) => `${name}: is no mutant`);
        const chosen = new Set(choose([...inDatabase, ...inRoutes], choice).map(nameOf));
        tell(`${all.size} mutants, ${chosen.size} of them chosen`);

        const clones = await Promise.all(Array.from({ length: workers }, () => ground.clone()));
        const jury = judges();
        const [first] = clones;
        const failures = first ? await baseline(first, jury) : [];
        if (failures.length > 0)
            throw new Error(
                `Without a mutant these fail, so that mutants prove nothing:\n${failures.join('\n')}`
            );
        tell(`without a mutant all ${jury.length} judges pass`);

        const wanted = inDatabase.filter((mutant) => chosen.has(nameOf(mutant)));
        const verdicts = [
            ...(await hunt(wanted, clones, jury, (verdict, done) =>
                tell(progress(verdict, done, chosen.size))
            )),
            ...tryRoutes(inRoutes.filter((mutant) => chosen.has(nameOf(mutant))))
        ];
        return reportOf(verdicts, excused, stale);
    } finally {
        await ground.close();
    }
}

function progress({ mutant, killedBy }: Verdict, done: number, total: number): string {
    if (killedBy === null) return `${done}/${total} survives: ${nameOf(mutant)}`;
    return done % 100 === 0 ? `${done}/${total}` : '';
}

function reportOf(verdicts: Verdict[], excused: Map<string, string>, stale: string[]): Report {
    const report: Report = {
        total: verdicts.length,
        killed: 0,
        survivors: [],
        equivalent: 0,
        stale: [...stale],
        by_kind: {},
        by_test: {},
        verdicts
    };
    for (const { mutant, killedBy } of verdicts) {
        const { kind, object, what } = mutant;
        const name = nameOf(mutant);
        const sum = (report.by_kind[kind] ??= { total: 0, killed: 0 });
        sum.total += 1;
        if (killedBy !== null) {
            sum.killed += 1;
            report.killed += 1;
            report.by_test[killedBy] = (report.by_test[killedBy] ?? 0) + 1;
            if (excused.has(name)) report.stale.push(`${name}: ${killedBy} kills it`);
        } else if (excused.has(name)) report.equivalent += 1;
        else report.survivors.push({ kind, object, what });
    }
    return report;
}

function choose<M extends { kind: Kind; object: string; what: string }>(all: M[], choice: Choice): M[] {
    const { only, object, sample, always, seed = 1 } = choice;
    const invited = always === undefined ? [] : all.filter((mutant) => mutant.object.includes(always));
    const fitting = all
        .filter((mutant) => !invited.includes(mutant))
        .filter(({ kind }) => only?.includes(kind) ?? true)
        .filter((mutant) => object === undefined || mutant.object.includes(object));
    if (sample === undefined || sample >= fitting.length) return [...invited, ...fitting];
    const random = numbersFrom(seed);
    const drawn = fitting
        .map((mutant) => ({ mutant, at: random() }))
        .sort((a, b) => a.at - b.at)
        .slice(0, sample)
        .map(({ mutant }) => mutant);
    return [...invited, ...drawn];
}

/** The same numbers for the same seed (mulberry32). */
function numbersFrom(seed: number): () => number {
    let state = seed >>> 0;
    return () => {
        state = (state + 0x6d2b79f5) >>> 0;
        let mixed = Math.imul(state ^ (state >>> 15), state | 1);
        mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
        return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
}

/** Mutants that change nothing anybody could observe: a name at the beginning of a line, the reason indented below it. */
export function equivalents(): Map<string, string> {
    const found = new Map<string, string>();
    let name = '';
    for (const line of readFileSync(join(import.meta.dirname, 'equivalent.txt'), 'utf8').split('\n')) {
        if (line === '' || line.startsWith('#')) continue;
        if (!line.startsWith(' ')) {
            name = line;
            found.set(name, '');
        } else found.set(name, `${found.get(name) ?? ''} ${line.trim()}`.trim());
    }
    const bare = [...found].filter(([, reason]) => reason === '').map(([entry]) => entry);
    if (bare.length > 0) throw new Error(`equivalent.txt gives no reason for ${bare.join('; ')}.`);
    return found;
}
