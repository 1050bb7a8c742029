/** The audit trail as it is told to the owner. It is written by the database alone. */
import { z } from 'zod';
import { call, type Db } from './data.ts';
import type { AccountId } from './ids.ts';
import { Moment } from './shapes.ts';

const Fields = z.record(z.string(), z.unknown()).nullable();

const AuditRecord = z.object({
    seq: z.int(),
    at: Moment,
    action: z.string(),
    entity: z.string(),
    entity_id: z.uuid().nullable(),
    subject: z.string(),
    subject_id: z.uuid().nullable(),
    /** The job's title, the invoice's reference, the customer's name; null when it is gone or has none. */
    subject_name: z.string().nullable(),
    before: Fields,
    after: Fields,
    detail: Fields,
    actor_kind: z.enum(['person', 'customer', 'webhook', 'worker', 'system']),
    actor_id: z.uuid().nullable(),
    actor_name: z.string().nullable(),
    via: z.string(),
    ip: z.string().nullable(),
    user_agent: z.string().nullable(),
    /** Did our own tiers vouch for address, user agent and request id? */
    trusted: z.boolean(),
    request_id: z.string().nullable()
});

/** One act: who, what, when, from where, and the changed fields before and after. */
export type AuditRecord = z.infer<typeof AuditRecord>;

/** A page of the trail, newest first. `before` is the `seq` of the last record of the page before. */
export function trailOf(
    db: Db,
    account: AccountId,
    options: { entity?: string; id?: string; before?: number | null; pageSize?: number } = {}
): Promise<AuditRecord[]> {
    return call(
        db,
        'audit_trail',
        {
            account_id: account,
            before_seq: options.before ?? null,
            entity: options.entity ?? null,
            entity_id: options.id ?? null,
            page_size: options.pageSize ?? 50
        },
        z.array(AuditRecord)
    );
}
