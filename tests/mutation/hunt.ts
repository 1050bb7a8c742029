// The hunt: each mutant meets the judges one after the other until one kills it; two workers, each with its own clone.
import type { Clone } from './ground.ts';
import type { Judge } from './judges.ts';
import { nameOf } from './mutant.ts';
import type { Mutant } from './mutant.ts';

export type Verdict = {
    mutant: Pick<Mutant, 'kind' | 'object' | 'what'>;
    killedBy: string | null;
    failure: string | null;
    milliseconds: number;
};

/** Does every judge pass without a mutant? Says what fails; while anything does, the mutants prove nothing. */
export async function baseline(clone: Clone, judges: readonly Judge[]): Promise<string[]> {
    const failures: string[] = [];
    for (const judge of judges) {
        const failure = await judge.judge(clone, null, null);
        if (failure !== null) failures.push(`${judge.name}: ${failure}`);
    }
    return failures;
}

/** Tries every mutant and tells each verdict as it falls. */
export async function hunt(
    mutants: readonly Mutant[],
    clones: readonly Clone[],
    judges: readonly Judge[],
    tell: (verdict: Verdict, done: number) => void = () => undefined
): Promise<Verdict[]> {
    const order = new Order(judges);
    const queue = [...mutants];
    const verdicts: Verdict[] = [];
    await Promise.all(
        clones.map(async (clone) => {
            for (let mutant = queue.shift(); mutant; mutant = queue.shift()) {
                const began = performance.now();
                const verdict: Verdict = { mutant, killedBy: null, failure: null, milliseconds: 0 };
                for (const judge of order.for(mutant)) {
                    verdict.failure = await judge.judge(clone, mutant.sql, mutant);
                    if (verdict.failure === null) continue;
                    verdict.killedBy = judge.name;
                    order.learn(mutant, judge);
                    break;
                }
                verdict.milliseconds = performance.now() - began;
                verdicts.push(verdict);
                tell(verdict, verdicts.length);
            }
        })
    );
    const place = new Map(mutants.map((mutant, i) => [nameOf(mutant), i]));
    return verdicts.sort((a, b) => (place.get(nameOf(a.mutant)) ?? 0) - (place.get(nameOf(b.mutant)) ?? 0));
}

/** Who most probably kills goes first: whoever killed the last mutant like it, then whoever speaks of it most. */
class Order {
    readonly #judges: readonly Judge[];
    readonly #last = new Map<string, Judge>();

    constructor(judges: readonly Judge[]) {
        this.#judges = judges;
    }

    for(mutant: Mutant): Judge[] {
        const known = this.#likes(mutant)
            .map((like) => this.#last.get(like))
            .filter((judge) => judge !== undefined);
        const ranked = this.#judges
            .map((judge) => ({ judge, chance: judge.chance(mutant) }))
            .sort((a, b) => b.chance - a.chance)
            .map(({ judge }) => judge);
        return [...new Set([...known.filter((judge) => ranked.includes(judge)), ...ranked])];
    }

    learn(mutant: Mutant, judge: Judge): void {
        for (const like of this.#likes(mutant)) this.#last.set(like, judge);
    }

    /** What makes two mutants alike, the closest first. */
    #likes({ kind, object, what }: Mutant): string[] {
        return kind.includes('grant') || kind.includes('settings') || kind === 'default privileges'
            ? [`${kind} ${what}`]
            : [`${kind} ${object}`, `${object}`];
    }
}
