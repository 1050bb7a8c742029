// What a rule over the live schema is: one file a rule, with an example that breaks it and one that keeps it, in SQL.
import type { ISql } from 'postgres';

/** A connection, or a transaction on one. */
export type Sql = ISql;

export type Rule = {
    /** How reports name it. */
    name: string;
    level: 'ERROR' | 'WARN';
    /** What it demands, as a sentence, after the id of the promise that it proves. */
    title: string;
    why: string;
    remedy: string;
    /** The objects that break the rule. */
    find(sql: Sql): Promise<string[]>;
    /** Objects that may break it, with the reason. One that doesn't any more is reported. */
    excused?: Readonly<Record<string, string>>;
    /** SQL after which the rule finds something that it did not find before. */
    bad: string;
    /** SQL of the same kind after which it finds nothing new. */
    good: string;
};

/** The schemas whose objects are ours. */
export const OURS = ['public', 'private', 'service', 'audit', 'billing', 'mail'];

/** The roles that the outside world takes on. */
export const API_ROLES = ['anon', 'authenticated', 'service_role'];

/** The first column of what a query finds. */
export async function column(rows: PromiseLike<readonly Record<string, unknown>[]>): Promise<string[]> {
    return (await rows).map((row) => String(Object.values(row)[0]));
}
