// What checking a chain found, in words: whole, or where it breaks and what that means.

/** The first thing that is wrong with a chain. */
export type Bad = {
    readonly seq: number | null;
    readonly record_id: number | null;
    readonly reason: string;
};

/** How far a check has come, and what it found. */
export type Outcome = {
    /** Records checked so far. */
    readonly checked: number;
    /** Records in the chain. */
    readonly total: number;
    /** Values that were erased; their commitments stand. */
    readonly erased: number;
    readonly bad: Bad | null;
    /** Where the next page begins; null when there is none. */
    readonly next: number | null;
    /** What the chain was compared with, from outside. */
    readonly outside: {
        readonly seq: number;
        readonly number: number | null;
        readonly at: string | null;
    } | null;
};

const REASONS: ReadonlyMap<string, (at: string) => string> = new Map([
    ['record_changed', (at: string) => `Record ${at} is not what it was when it was written.`],
    ['link_changed', (at: string) => `Link ${at} does not hold the record that it was made for.`],
    ['link_missing', (at: string) => `Link ${at} is missing: something was taken out.`],
    ['link_out_of_order', (at: string) => `Link ${at} is out of order.`],
    ['record_missing', (at: string) => `Record ${at} has been deleted.`],
    ['record_unlinked', (at: string) => `A record stands outside the chain: ${at}.`],
    ['value_changed', (at: string) => `What record ${at} tells of its fields is not what was committed to.`],
    ['head_differs', (at: string) => `The chain does not end in the hash that closes it, at ${at}.`],
    ['head_behind', (at: string) => `The chain goes on past its own head, at ${at}.`],
    ['anchor_differs', (at: string) => `At record ${at} the chain is not what the anchor says it was.`],
    ['cut_tail', (at: string) => `The chain ends before record ${at}: its end was cut off.`]
]);

/** Why the chain is broken, as a sentence. */
export function badInWords({ seq, record_id, reason }: Bad): string {
    const at = seq?.toLocaleString('en-GB') ?? (record_id === null ? 'unknown' : `number ${record_id}`);
    return REASONS.get(reason)?.(at) ?? `The chain breaks at ${at} (${reason.replaceAll('_', ' ')}).`;
}

const records = (count: number): string =>
    count === 1 ? '1 record' : `${count.toLocaleString('en-GB')} records`;

/** What the check found, in sentences. Null while it is under way. */
export function outcomeInWords(outcome: Outcome): readonly string[] | null {
    if (outcome.bad) return [badInWords(outcome.bad)];
    if (outcome.next !== null) return null;
    if (outcome.total === 0) return ['There is nothing in the chain yet.'];
    return [
        `All ${records(outcome.total)} are there, in their order, and each is what it was when it was written.`,
        outcome.erased > 0
            ? `${outcome.erased === 1 ? '1 value was' : `${outcome.erased.toLocaleString('en-GB')} values were`} erased on request; that they were there still checks.`
            : '',
        outcome.outside
            ? outcome.outside.seq >= outcome.total
                ? 'The anchor says the same of every one of them.'
                : `The anchor says the same of the first ${outcome.outside.seq.toLocaleString('en-GB')}.`
            : ''
    ].filter((sentence) => sentence !== '');
}

/** What cannot be claimed: the records after the last anchor. */
export function unanchoredInWords(anchored: number, total: number): string {
    const after = Math.max(0, total - anchored);
    if (anchored === 0) {
        return 'Nothing is anchored yet. Until the first anchor has left the house we can’t claim that nobody with the keys to our database rewrote the chain as a whole.';
    }
    if (after === 0) return 'Every record is anchored.';
    return `${after === 1 ? '1 record came' : `${after.toLocaleString('en-GB')} records came`} after it. Of those we can’t claim yet that nobody with the keys to our database rewrote them; the next anchor covers them.`;
}
