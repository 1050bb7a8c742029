// The stack's one idea of "now". The doubles and the cron worker read it, so that a test moves time
// instead of sleeping. Postgres, PostgREST and Deno keep the machine's clock.

export type Clock = { now(): Date };

export type MovableClock = Clock & {
    /** Milliseconds between the machine's clock and this one; 0 unless a test moved it. */
    offset(): number;
    /** Moves the clock on (or back, with a negative number) by seconds. */
    advance(seconds: number): void;
    reset(): void;
};

export function createClock(): MovableClock {
    let offset = 0;
    return {
        now: () => new Date(Date.now() + offset),
        offset: () => offset,
        advance: (seconds) => {
            offset += seconds * 1000;
        },
        reset: () => {
            offset = 0;
        }
    };
}
