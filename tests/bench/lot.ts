// Turns drawn by lot, so that whatever drifts while a bench runs touches all that it compares alike.
import { randomInt } from 'node:crypto';

/** The same pieces in an order that chance gave them (Fisher and Yates). */
export function shuffled<Piece>(pieces: readonly Piece[]): Piece[] {
    const all = [...pieces];
    for (let last = all.length - 1; last > 0; last -= 1) {
        const other = randomInt(last + 1);
        [all[last], all[other]] = [all[other] as Piece, all[last] as Piece];
    }
    return all;
}
