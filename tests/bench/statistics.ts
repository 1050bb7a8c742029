// Can two samples be told apart? Two tests that ask for no shape of what is measured, and what somebody who guesses would get.

/** Of two samples that are drawn from the same: how likely is a difference at least like theirs? */
export type Comparison = {
    /** Mann and Whitney's U, two-sided, by its normal approximation with ties corrected: does one tend to be larger? */
    mann_whitney_p: number;
    /** How often a value of the first is larger than one of the second: 0.5 says nothing, 1 says all. */
    auc: number;
    /** Kolmogorov and Smirnov's largest distance of the two distributions, and how likely it is: does anything differ? */
    ks_d: number;
    ks_p: number;
    /** How often one value is put to its right sample, by the best threshold that the other half of the values has. */
    guessed_right: number;
};

const round = (value: number): number => Math.round(value * 10_000) / 10_000;

/** The complementary error function (Abramowitz and Stegun, 7.1.26), right to 1.5e-7. */
function erfc(x: number): number {
    const t = 1 / (1 + 0.3275911 * Math.abs(x));
    const series =
        t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
    const tail = series * Math.exp(-x * x);
    return x >= 0 ? tail : 2 - tail;
}

type Marked = { value: number; first: boolean };

function sorted(one: readonly number[], other: readonly number[]): Marked[] {
    const all = [
        ...one.map((value) => ({ value, first: true })),
        ...other.map((value) => ({ value, first: false }))
    ];
    return all.sort((a, b) => a.value - b.value);
}

/** Neighbours of the same value. */
function* ties(all: readonly Marked[]): Generator<Marked[]> {
    for (let from = 0; from < all.length;) {
        let to = from;
        while (to < all.length && all[to]?.value === all[from]?.value) to += 1;
        yield all.slice(from, to);
        from = to;
    }
}

function mannWhitney(one: readonly number[], other: readonly number[]): { p: number; auc: number } {
    const all = sorted(one, other);
    const [n, m, total] = [one.length, other.length, all.length];
    let ranks = 0;
    let tied = 0;
    let before = 0;
    for (const group of ties(all)) {
        const rank = before + (group.length + 1) / 2;
        ranks += rank * group.filter(({ first }) => first).length;
        tied += group.length ** 3 - group.length;
        before += group.length;
    }
    const u = ranks - (n * (n + 1)) / 2;
    const spread = Math.sqrt(((n * m) / 12) * (total + 1 - tied / (total * (total - 1))));
    const z = Math.max(0, Math.abs(u - (n * m) / 2) - 0.5) / spread;
    return { p: erfc(z / Math.SQRT2), auc: u / (n * m) };
}

function kolmogorovSmirnov(one: readonly number[], other: readonly number[]): { d: number; p: number } {
    const [n, m] = [one.length, other.length];
    let [seenOne, seenOther, d] = [0, 0, 0];
    for (const group of ties(sorted(one, other))) {
        const firsts = group.filter(({ first }) => first).length;
        seenOne += firsts;
        seenOther += group.length - firsts;
        d = Math.max(d, Math.abs(seenOne / n - seenOther / m));
    }
    const root = Math.sqrt((n * m) / (n + m));
    const lambda = (root + 0.12 + 0.11 / root) * d;
    let p = 0;
    for (let k = 1; k <= 100; k += 1)
        p += 2 * (k % 2 === 1 ? 1 : -1) * Math.exp(-2 * k * k * lambda * lambda);
    return { d, p: lambda < 0.2 ? 1 : Math.min(1, Math.max(0, p)) };
}

/** Learns the best threshold from one half of the values and tries it on the other half, both ways round. */
function guessedRight(one: readonly number[], other: readonly number[]): number {
    const half = (values: readonly number[], odd: number): number[] => values.filter((_, n) => n % 2 === odd);
    const shares = [0, 1].map((odd) => {
        const learned = sorted(half(one, odd), half(other, odd));
        let best = { right: -1, threshold: 0, firstIsLarger: true };
        const firsts = half(one, odd).length;
        let [firstsBelow, othersBelow] = [0, 0];
        for (const { value, first } of learned) {
            if (first) firstsBelow += 1;
            else othersBelow += 1;
            const larger = othersBelow + firsts - firstsBelow;
            for (const [right, firstIsLarger] of [
                [larger, true],
                [learned.length - larger, false]
            ] as const)
                if (right > best.right) best = { right, threshold: value, firstIsLarger };
        }
        const tried = sorted(half(one, 1 - odd), half(other, 1 - odd));
        const right = tried.filter(
            ({ value, first }) => value > best.threshold === (best.firstIsLarger === first)
        );
        return right.length / tried.length;
    });
    return shares.reduce((sum, share) => sum + share, 0) / shares.length;
}

/** Compares two samples. */
export function compared(one: readonly number[], other: readonly number[]): Comparison {
    const { p, auc } = mannWhitney(one, other);
    const ks = kolmogorovSmirnov(one, other);
    return {
        mann_whitney_p: round(p),
        auc: round(auc),
        ks_d: round(ks.d),
        ks_p: round(ks.p),
        guessed_right: round(guessedRight(one, other))
    };
}
