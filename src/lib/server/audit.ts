/**
 * The audit trail as the owner reads, checks and exports it. It is written by the database alone, and the database
 * says who may read it; nothing here decides that.
 */
import { z } from 'zod';
import { ACTOR_KINDS, RESULTS, type ActResult } from '$lib/domain/story.ts';
import { call, type Db } from './data.ts';
import type { AccountId } from './ids.ts';
import { Moment } from './shapes.ts';

const Fields = z.record(z.string(), z.unknown()).nullable();

/** A place in the trail: when it happened, to the microsecond, and the record's number. */
export const Cursor = z.string().regex(/^\d{1,17}\.\d{1,19}$/);

const AuditRecord = z.object({
    id: z.int(),
    cursor: Cursor,
    /** Place and hash in the chain; null until the transaction that wrote it is linked. */
    seq: z.int().nullable(),
    hash: z.string().nullable(),
    chain_kind: z.enum(['account', 'person', 'platform']),
    at: Moment,
    recorded_at: Moment,
    action: z.string(),
    result: z.enum(RESULTS),
    entity: z.string(),
    entity_id: z.uuid().nullable(),
    subject: z.string(),
    subject_id: z.uuid().nullable(),
    /** The job's title, the invoice's reference, the customer's name; null when it is gone or has none. */
    subject_name: z.string().nullable(),
    before: Fields,
    after: Fields,
    detail: Fields,
    /** Fields whose values were erased; `@from` and `@actor` are where from and by what name. */
    erased: z.array(z.string()),
    /** What ids among the values stand for. */
    names: z.record(z.string(), z.string()),
    /** `name:hex name:hex`: what the chain holds of each changed field. */
    commitments: z.string(),
    actor_kind: z.enum(ACTOR_KINDS),
    actor_id: z.uuid().nullable(),
    actor_name: z.string().nullable(),
    session_id: z.uuid().nullable(),
    via: z.string(),
    ip: z.string().nullable(),
    user_agent: z.string().nullable(),
    /** Did our own tiers vouch for address, user agent and request id? */
    trusted: z.boolean(),
    request_id: z.string().nullable()
});

/** One act: who, what, when, from where, and the changed fields before and after. */
export type AuditRecord = z.infer<typeof AuditRecord>;

/** What to look for; all of it together. */
export type TrailQuery = {
    /** A thing with its parts: `invoice` and its id. Without an id every thing of that kind. */
    entity?: string | null;
    id?: string | null;
    /** A person's id, or a kind of actor. */
    actor?: string | null;
    actions?: readonly string[] | null;
    result?: ActResult | null;
    /** Days in London, both included. */
    since?: string | null;
    until?: string | null;
    /** Part of the name of a person, a customer, a job, or an invoice's number. */
    words?: string | null;
    /** Older than this place, or newer. */
    before?: string | null;
    after?: string | null;
    pageSize?: number;
};

/** A page of the trail, newest first. At most 200. */
export function trailOf(db: Db, account: AccountId, query: TrailQuery = {}): Promise<AuditRecord[]> {
    return call(
        db,
        'audit_trail',
        {
            account_id: account,
            entity: query.entity ?? null,
            entity_id: query.id ?? null,
            actor: query.actor ?? null,
            actions: query.actions ?? null,
            result: query.result ?? null,
            since: query.since ?? null,
            until: query.until ?? null,
            words: query.words ?? null,
            before: query.before ?? null,
            after: query.after ?? null,
            page_size: query.pageSize ?? 50
        },
        z.array(AuditRecord)
    );
}

/** A page of the trail and the places where its neighbours begin. */
export type TrailPage = { records: AuditRecord[]; older: string | null; newer: string | null };

/** A page together with the ways on from it. Asks for one record more than it shows, and never counts. */
export async function trailPage(
    db: Db,
    account: AccountId,
    query: TrailQuery,
    pageSize: number
): Promise<TrailPage> {
    const found = await trailOf(db, account, { ...query, pageSize: pageSize + 1 });
    const more = found.length > pageSize;
    const isBackwards = Boolean(query.after);
    const records = more ? (isBackwards ? found.slice(1) : found.slice(0, pageSize)) : found;
    const hasOlder = isBackwards || more;
    const hasNewer = isBackwards ? more : Boolean(query.before);
    return {
        records,
        older: hasOlder ? (records.at(-1)?.cursor ?? null) : null,
        newer: hasNewer ? (records[0]?.cursor ?? null) : null
    };
}

const Choices = z.object({
    people: z.array(z.object({ id: z.uuid(), name: z.string(), has_left: z.boolean() })),
    /** Kinds of actors, other than people, that have acted here. */
    kinds: z.array(z.enum(ACTOR_KINDS)),
    actions: z.array(z.string())
});

/** What the filter offers: who has been in the team, who else acted, and what was ever done. */
export type Choices = z.infer<typeof Choices>;

export function choicesOf(db: Db, account: AccountId): Promise<Choices> {
    return call(db, 'audit_choices', { account_id: account }, Choices);
}

const Head = z.object({ seq: z.int(), hash: z.string().regex(/^[0-9a-f]{64}$/) });

/** Where a chain stands: how many records it holds, and the hash that closes it. */
export type Head = z.infer<typeof Head>;

/** Where the account's chain stands now. */
export function chainHead(db: Db, account: AccountId): Promise<Head> {
    return call(db, 'audit_head', { account_id: account }, Head);
}

/** Why a chain is not whole, as the database names it. */
const Bad = z.object({ seq: z.int().nullable(), record_id: z.int().nullable(), reason: z.string() });

const Verified = z.object({
    checked: z.int(),
    next_seq: z.int().nullable(),
    head: Head,
    erased: z.int(),
    bad: Bad.nullable()
});

/** One page of checking the chain. `next_seq` is where the next page begins; null at the end. */
export type Verified = z.infer<typeof Verified>;

/**
 * Checks a page of the account's chain: every hash, every commitment, nothing missing and nothing between. With a head
 * from outside (of an anchor) the chain must hold just that hash there. Recorded once, when it begins.
 */
export function verifyPage(
    db: Db,
    account: AccountId,
    options: { after: number; outside: Head | null; pageSize: number }
): Promise<Verified> {
    return call(
        db,
        'audit_verify',
        {
            account_id: account,
            after_seq: options.after,
            outside_head: options.outside,
            page_size: options.pageSize
        },
        Verified
    );
}

const Anchor = z
    .looseObject({ number: z.int(), at: z.string(), head: z.object({ chain_id: z.uuid(), ...Head.shape }) })
    .nullable();

/** The newest signed statement about the account's chain, as the file that leaves the house; null before the first. */
export type Anchor = z.infer<typeof Anchor>;

export function anchorOf(db: Db, account: AccountId): Promise<Anchor> {
    return call(db, 'audit_anchor', { account_id: account }, Anchor);
}
