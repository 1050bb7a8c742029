/**
 * Verifies an export of a chain line by line, without a database: the chain, the commitments to what may be erased, and
 * the anchors that were kept outside. Pure; holds one record at a time, so that any length passes through.
 *
 * An export is JSON Lines. The first line is the header
 * `{"format":"tf-audit-1","chain_kind","chain_id","exported_at","after_seq":0,"after_hash":"hex"}`; each further line is
 * `{"seq":n,"hash":"hex","record":[…],"values":{"name":["salt hex","value text"]}}`. `record` is the list of chain.ts,
 * or null when the link stands and its record is gone. A record that no link leads to comes last, with seq null. A name
 * in the record's commitments without a value has been erased, which is no fault.
 */
import {
    AT,
    AUDIT_FORMAT,
    canonical,
    chainHasher,
    isHex,
    RECORD_LENGTH,
    type Element,
    type Sha256
} from './chain.ts';
import type { Head } from './anchor.ts';

/** Why a record is bad. The codes are stable; audit.verify() in the database uses the same. */
export type Reason =
    /** The line isn't one of an export. */
    | 'unreadable'
    /** The record isn't the one that was chained. */
    | 'record_changed'
    /** The stored hash of the link isn't the one that was computed. */
    | 'link_changed'
    /** A number in the sequence is left out. */
    | 'link_missing'
    /** A number in the sequence comes again or late. */
    | 'link_out_of_order'
    /** The link is there and its record is gone. */
    | 'record_missing'
    /** The record is there and no link leads to it. */
    | 'record_unlinked'
    /** A value isn't the one that was committed to. */
    | 'value_changed'
    /** The chain has another hash where an anchor stands: rewritten since. */
    | 'head_differs'
    /** An anchor is not genuine: its root, its signature or its place among the anchors. */
    | 'anchor_differs'
    /** The chain ends before the record that was anchored. */
    | 'cut_tail';

/** The first thing that isn't as it was written. `seq` is null for a record that stands outside the chain. */
export type Bad = { seq: number | null; record_id: string | null; reason: Reason; detail: string };

/** A head that an anchor vouches for, and when it was signed (ISO 8601). */
export type AnchoredHead = Head & { number: number; at: string };

/**
 * Records stay for at least twelve months and are then dropped by whole months behind an anchor, which may be a little
 * younger than they are: what was anchored in the last eleven months must be there.
 */
const MUST_BE_THERE_MS = 334 * 86_400_000;

export type Report = {
    /** Records that were looked at. */
    checked: number;
    /** Committed values that are no longer there. */
    erased: number;
    /** Where the chain stands at the end of the export. */
    head: { seq: number; hash: string };
    /** The newest anchor that this export agrees with; null when none applies. */
    anchored: { number: number; seq: number } | null;
    /** Records after that anchor: nothing outside the database vouches for them yet. */
    unanchored: number;
    bad: Bad | null;
};

export type ExportHeader = {
    chain_kind: string;
    chain_id: string;
    exported_at: string;
    after_seq: number;
    after_hash: string;
};

type Values = Record<string, unknown>;
type Line = { seq: unknown; hash: unknown; record: unknown; values: unknown };

/** Reads the first line of an export; null when it is none. */
export function parseHeader(line: string): ExportHeader | null {
    const header = parseObject(line);
    if (header === null || header.format !== AUDIT_FORMAT) return null;
    const { chain_kind, chain_id, exported_at, after_seq, after_hash } = header;
    return typeof chain_kind === 'string' &&
        typeof chain_id === 'string' &&
        typeof exported_at === 'string' &&
        Number.isSafeInteger(after_seq) &&
        (after_seq as number) >= 0 &&
        isHex(after_hash, 32)
        ? { chain_kind, chain_id, exported_at, after_seq: after_seq as number, after_hash }
        : null;
}

export type Verifier = {
    /** Takes the next line. Answers false once something is bad: further lines change nothing. */
    take(line: string): boolean;
    /** The end of the export has come. */
    finish(): Report;
};

/**
 * A verifier for the export with that header, read at `now`. `anchors` have been found genuine by themselves (see
 * anchor.ts); those of other chains are passed over, and so are those over months that may have been dropped.
 */
export function exportVerifier(
    header: ExportHeader,
    anchors: readonly AnchoredHead[],
    sha256: Sha256,
    now: Date
): Verifier {
    const hasher = chainHasher(sha256);
    const anchoredAt = new Map<number, AnchoredHead[]>();
    for (const anchor of anchors) {
        if (anchor.chain_id !== header.chain_id || anchor.seq < header.after_seq) continue;
        anchoredAt.set(anchor.seq, [...(anchoredAt.get(anchor.seq) ?? []), anchor]);
    }

    const head = {
        seq: header.after_seq,
        hash: header.after_seq === 0 ? hasher.genesis(header.chain_id) : header.after_hash
    };
    let checked = 0;
    let erased = 0;
    let anchored: Report['anchored'] = null;
    let bad: Bad | null = null;
    /** The first record that no link leads to. */
    let loose: Bad | null = null;
    /** A link whose hash doesn't follow; the next one tells whether the record or the hash was changed. */
    let doubt: { bad: Bad; computed: string } | null = null;

    const compareAnchors = (): void => {
        for (const anchor of anchoredAt.get(head.seq) ?? []) {
            if (anchor.hash !== head.hash) {
                const since = anchored === null ? header.after_seq : anchored.seq;
                bad ??= {
                    seq: head.seq,
                    record_id: null,
                    reason: 'head_differs',
                    detail: `the chain was rewritten: anchor ${anchor.number} was signed over another record ${head.seq}; records ${since + 1} to ${head.seq} can't be trusted`
                };
                return;
            }
            if (anchored === null || anchor.number > anchored.number) {
                anchored = { number: anchor.number, seq: anchor.seq };
            }
        }
    };
    const settleDoubt = (isHashOnly: boolean): void => {
        if (doubt === null) return;
        bad = isHashOnly
            ? {
                  ...doubt.bad,
                  reason: 'link_changed',
                  detail: 'the stored hash is not the one that its record gives'
              }
            : doubt.bad;
        doubt = null;
    };

    /** The first fault of a line, or null. */
    const check = (line: string): Bad | null => {
        const next = head.seq + 1;
        const parsed = parseObject(line) as Line | null;
        if (parsed === null)
            return { seq: next, record_id: null, reason: 'unreadable', detail: 'the line is no JSON object' };
        const { seq, hash, record, values } = parsed;
        const list = isRecord(record) ? record : null;
        const fault = (reason: Reason, detail: string, at: number | null = next): Bad => ({
            seq: at,
            record_id: list === null ? null : String(list[AT.id]),
            reason,
            detail
        });

        if (seq === null && list !== null) {
            // Known at the end only, as the database does it: what was cut off leaves such records behind.
            loose ??= fault('record_unlinked', 'the record stands outside the chain', null);
            return null;
        }
        if (!Number.isSafeInteger(seq) || !isHex(hash, 32)) {
            return fault('unreadable', 'the line has no number and hash in the form of an export');
        }
        if (seq !== next) {
            return (seq as number) > next
                ? fault('link_missing', `record ${seq as number} follows on record ${head.seq}`)
                : fault('link_out_of_order', `record ${seq as number} comes after record ${head.seq}`);
        }
        if (record === null) return fault('record_missing', 'the chain has a link whose record is gone');
        if (list === null)
            return fault('unreadable', `the record is no list of ${RECORD_LENGTH} elements in their form`);

        const digest = hasher.digest(canonical(list));
        const computed = hasher.step(head.hash, next, digest);
        if (doubt !== null) {
            settleDoubt(hash === hasher.step(doubt.computed, next, digest));
            return bad;
        }
        if (list[AT.chainId] !== header.chain_id || list[AT.chainKind] !== header.chain_kind) {
            return fault('record_changed', 'the record belongs to another chain');
        }
        const changed = changedValue(list[AT.commitments], isObject(values) ? values : {});
        if (changed !== null && computed === hash) {
            return fault('value_changed', `the value of ${changed} is not the one that was committed to`);
        }
        if (computed !== hash) {
            doubt = {
                bad: fault('record_changed', 'the record is not the one that was chained here'),
                computed
            };
        }
        head.seq = next;
        head.hash = hash;
        return null;
    };

    /** Name of the first value that doesn't match its commitment; counts those that are gone. */
    const changedValue = (commitments: string, values: Values): string | null => {
        let present = 0;
        if (commitments !== '') {
            for (const part of commitments.split(' ')) {
                const colon = part.lastIndexOf(':');
                const name = part.slice(0, colon);
                if (!Object.hasOwn(values, name)) {
                    erased += 1;
                    continue;
                }
                present += 1;
                const value = values[name];
                if (!isSaltAndText(value)) return name;
                if (hasher.commitment(value[0], value[1]) !== part.slice(colon + 1)) return name;
            }
        }
        const names = Object.keys(values);
        if (names.length === present) return null;
        const committed = new Set(commitments.split(' ').map((part) => part.slice(0, part.lastIndexOf(':'))));
        return names.find((name) => !committed.has(name)) ?? names[0] ?? null;
    };

    const tooYoung = anchors.find(
        ({ chain_id, seq, at }) =>
            chain_id === header.chain_id &&
            header.after_seq > 0 &&
            seq <= header.after_seq &&
            now.getTime() - Date.parse(at) < MUST_BE_THERE_MS
    );
    if (tooYoung !== undefined) {
        bad = {
            seq: 1,
            record_id: null,
            reason: 'link_missing',
            detail: `records 1 to ${header.after_seq} are left out, though anchor ${tooYoung.number} of ${tooYoung.at} was signed over record ${tooYoung.seq} and records are kept for twelve months`
        };
    }
    compareAnchors();
    return {
        take(line) {
            if (bad !== null) return false;
            const before = doubt;
            const found = check(line);
            // What was wrong with the line before comes first.
            if (before !== null && doubt === before) settleDoubt(false);
            bad ??= found;
            if (bad !== null) return false;
            if (loose !== null) return true;
            checked += 1;
            if (doubt === null && anchoredAt.size > 0) compareAnchors();
            return bad === null;
        },
        finish() {
            if (doubt !== null) {
                const { computed } = doubt;
                settleDoubt((anchoredAt.get(head.seq) ?? []).some(({ hash }) => hash === computed));
            }
            const lost = [...anchoredAt.values()]
                .flat()
                .filter(({ seq }) => seq > head.seq)
                .sort((a, b) => a.seq - b.seq)[0];
            if (bad === null && lost !== undefined) {
                bad = {
                    seq: head.seq + 1,
                    record_id: null,
                    reason: 'cut_tail',
                    detail: `the export ends at record ${head.seq}, but anchor ${lost.number} was signed over record ${lost.seq}; take a newer export if this one is older than the anchor`
                };
            }
            bad ??= loose;
            return {
                checked,
                erased,
                head: { ...head },
                anchored,
                unanchored: head.seq - (anchored?.seq ?? header.after_seq),
                bad
            };
        }
    };
}

function parseObject(line: string): Record<string, unknown> | null {
    try {
        const value: unknown = JSON.parse(line);
        return isObject(value) ? value : null;
    } catch {
        return null;
    }
}

function isObject(value: unknown): value is Record<string, unknown> {
    return typeof value === 'object' && value !== null && !Array.isArray(value);
}

type RecordList = readonly Element[] & { readonly [AT.commitments]: string };

function isRecord(value: unknown): value is RecordList {
    return (
        Array.isArray(value) &&
        value.length === RECORD_LENGTH &&
        value[AT.format] === AUDIT_FORMAT &&
        typeof value[AT.commitments] === 'string' &&
        value.every(
            (element) =>
                element === null ||
                typeof element === 'string' ||
                typeof element === 'boolean' ||
                Number.isSafeInteger(element)
        )
    );
}

function isSaltAndText(value: unknown): value is [salt: string, text: string] {
    return Array.isArray(value) && value.length === 2 && isHex(value[0]) && typeof value[1] === 'string';
}
