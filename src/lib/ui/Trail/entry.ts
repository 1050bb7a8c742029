import type { ActRecord } from '$lib/domain/story.ts';

/** What the trail shows of an audit record. */
export type Entry = ActRecord & {
    readonly id: number;
    /** Place and hash in the chain. */
    readonly seq: number | null;
    readonly hash: string | null;
    readonly chain_kind: 'account' | 'person' | 'platform';
    readonly at: string;
    readonly recorded_at: string;
    readonly entity: string;
    readonly entity_id: string | null;
    readonly subject: string;
    readonly subject_id: string | null;
    /** The job's title, the invoice's reference, the customer's name. */
    readonly subject_name: string | null;
    /** `name:hex name:hex`. */
    readonly commitments: string;
    readonly actor_id: string | null;
    readonly session_id: string | null;
    readonly via: string;
    readonly ip: string | null;
    readonly user_agent: string | null;
    readonly trusted: boolean;
    readonly request_id: string | null;
};
