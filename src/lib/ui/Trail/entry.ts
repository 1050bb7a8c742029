import type { ActRecord } from '$lib/domain/story.ts';

/** What the trail shows of an audit record. */
export type Entry = ActRecord & {
    readonly seq: number;
    readonly at: string;
    readonly entity_id: string | null;
    /** The job's title, the invoice's reference, the customer's name. */
    readonly subject_name: string | null;
    readonly via: string;
    readonly ip: string | null;
    readonly user_agent: string | null;
    readonly trusted: boolean;
    readonly request_id: string | null;
};
