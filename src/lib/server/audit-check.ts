/**
 * Checking the account's chain, a page at a time, against a head from outside: the one that the owner kept, or else the
 * newest anchor that we signed. What it means in words stands in lib/domain/story-check.ts.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { anchorFault, headIn, parseAnchor } from '$lib/domain/audit/anchor.ts';
import type { Bad, Outcome } from '$lib/domain/story-check.ts';
import { publicKeys } from './anchors.ts';
import { anchorOf, verifyPage, type Head } from './audit.ts';
import type { Db } from './data.ts';
import { problem } from './errors.ts';
import type { AccountId } from './ids.ts';

/** A head from outside, and where it comes from. */
export type Outside = Head & { number: number | null; at: string | null };

const Noted = z.object({ seq: z.int().positive(), hash: z.string().regex(/^[0-9a-f]{64}$/) });

/** “1190 c2f1…”, as somebody may have noted it down. */
const NOTED = /^\D*(\d{1,3}(?:,\d{3})+|\d{1,15})\D[^0-9a-f]*([0-9a-f]{64})\W*$/i;

function refuse(sentence: string): never {
    throw problem('validation_failed', { fields: { anchor: sentence } });
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/**
 * Reads what the owner pasted: an anchor file, whose signature and path must hold, or a number and a hash.
 * @throws {Problem} `validation_failed` at the field `anchor`.
 */
export async function outsideFrom(db: Db, pasted: string, account: AccountId): Promise<Outside> {
    const noted = NOTED.exec(pasted.trim());
    if (noted?.[1] && noted[2]) {
        return {
            seq: Number(noted[1].replaceAll(',', '')),
            hash: noted[2].toLowerCase(),
            number: null,
            at: null
        };
    }
    let json: unknown;
    try {
        json = JSON.parse(pasted);
    } catch {
        return refuse('This is no anchor. Paste the whole file, or the number of a record and its hash.');
    }
    const bare = Noted.safeParse(json);
    if (bare.success) return { ...bare.data, number: null, at: null };
    const anchor = parseAnchor(json);
    if (!anchor) return refuse('This file is no anchor: it names no record and hash.');
    const head = headIn(anchor, account);
    if (!head) return refuse('This anchor says nothing of this business’s chain.');
    const { keys } = await publicKeys(db);
    const fault = await anchorFault(anchor, keys, sha256);
    if (fault !== null) return refuse(`This anchor is not genuine: ${fault}.`);
    return { seq: head.seq, hash: head.hash, number: anchor.number, at: anchor.at };
}

/** What to compare with: what was pasted, else our newest anchor, else nothing. */
export async function outsideOf(db: Db, account: AccountId, pasted: string): Promise<Outside | null> {
    if (pasted.trim() !== '') return outsideFrom(db, pasted, account);
    const anchor = await anchorOf(db, account);
    return anchor && { seq: anchor.head.seq, hash: anchor.head.hash, number: anchor.number, at: anchor.at };
}

/** Records a page holds: some 50 ms of work, so that progress shows. */
const pageSize = 5_000;

/** The next page of a check that has come to `after`. `checked` and `erased` are of this page. */
export async function checkPage(
    db: Db,
    account: AccountId,
    after: number,
    outside: Outside | null
): Promise<Outcome> {
    const head = outside && { seq: outside.seq, hash: outside.hash };
    const page = await verifyPage(db, account, { after, outside: head, pageSize });
    return {
        checked: page.checked,
        total: page.head.seq,
        erased: page.erased,
        bad: page.bad satisfies Bad | null,
        next: page.next_seq,
        outside: outside && { seq: outside.seq, number: outside.number, at: outside.at }
    };
}

/** Goes on from `so far` for as long as a request may last; what is left to do stands in `next`. */
export async function checkFor(
    db: Db,
    account: AccountId,
    soFar: Pick<Outcome, 'checked' | 'erased'> & { next: number },
    outside: Outside | null,
    milliseconds: number
): Promise<Outcome> {
    const until = performance.now() + milliseconds;
    let { checked, erased, next } = soFar;
    for (;;) {
        const page = await checkPage(db, account, next, outside);
        checked += page.checked;
        erased += page.erased;
        if (page.next === null || performance.now() > until) return { ...page, checked, erased };
        next = page.next;
    }
}
