/**
 * The words in which the ledger speaks: what a promise is, what can enforce one, what can prove one. Imports nothing, so that
 * the site, the test runner and the tests mean the same by them.
 */

/** The kinds of test, in the order in which a whole run takes them. */
export const KINDS = ['static', 'unit', 'db', 'contract', 'integration', 'security', 'e2e'] as const;
export type TestKind = (typeof KINDS)[number];

/** One test as a run found it. Its title is the whole of it: pgTAP's description, or groups and title read as one sentence. */
export type TestResult = {
    kind: TestKind;
    file: string;
    title: string;
    outcome: 'passed' | 'failed' | 'skipped';
};

/** The areas of promises, as the first part of an id says them. */
export const AREAS = [
    'ISO',
    'ACC',
    'AUTH',
    'RATE',
    'FILE',
    'PAY',
    'HOOK',
    'ADM',
    'AUD',
    'MAIL',
    'API',
    'PART',
    'DATA',
    'APP',
    'HOST',
    'OPS'
] as const;
export type Area = (typeof AREAS)[number];
export type PromiseId = `${Area}-${number}`;

/** What the database holds itself to, looked up in the live catalog. Names are written with their schema. */
export type DatabaseObject =
    | { kind: 'policy'; on: string; name: string }
    | { kind: 'constraint'; on: string; name: string }
    | { kind: 'trigger'; on: string; name: string }
    | { kind: 'event trigger'; name: string }
    /** With the types of its arguments, or by its name alone where it is the only one: `private.accounts_with(text)`. */
    | { kind: 'function'; name: string }
    | { kind: 'table'; name: string }
    | { kind: 'index'; name: string }
    /** Exactly these rights on a table or function, for this role; none at all is a promise too. */
    | { kind: 'rights'; on: string; of: string; exactly: readonly string[] }
    /** A job of the scheduler. */
    | { kind: 'schedule'; name: string }
    /** All of a sort, of which there must be at least so many. */
    | { kind: 'every'; sort: EverySort; atLeast: number };

export type EverySort =
    | 'policy on our tables'
    | 'table with row-level security enabled and forced'
    | 'foreign key that carries the account'
    | 'trigger that records changes'
    | 'trigger that keeps records unchangeable';

/** What stands in the source. */
export type SourceObject =
    /** Something a file declares at its top level. */
    | { kind: 'code'; file: string; name: string }
    /** The guard that a route's load, action or endpoint declares. */
    | { kind: 'route guard'; route: string; what: string; permission: string }
    /** All routes under the protected folders, each with its guard. */
    | { kind: 'every route guard'; atLeast: number }
    | { kind: 'header'; name: string; value: string }
    /** A value in supabase/config.toml, which a hosted project is given too: `auth.minimum_password_length`. */
    | { kind: 'setting'; key: string; value: string | number | boolean };

export type Enforcement = DatabaseObject | SourceObject;

/** Which tests prove it: one by its exact title, or all that carry the promise's id, of which there must be so many. */
export type Proof = { kind: TestKind; title: string } | { kind: TestKind; tagged: true; atLeast: number };

type Row = {
    id: PromiseId;
    /** The promise in plain words. It never says more than the tests show. */
    sentence: string;
    enforcedBy: readonly Enforcement[];
    provedBy: readonly Proof[];
    /** Where the promise ends, said openly: who could still do what, and what would show it. */
    limits?: string;
    /** What anybody can look up for themselves. */
    links?: readonly { href: string; words: string }[];
    /** Where the app's own way in and the auth server's open endpoint differ, both are said. */
    doors?: { app: string; open: string };
};

/**
 * A row of the ledger. A kept one needs both enforcement and proof. One that is not kept yet says what is missing; `works`
 * says which part is there already, and then that part needs both as well.
 */
export type LedgerRow =
    | (Row & { state: 'kept' })
    | (Row & { state: 'hosting'; setting: string; checked: string })
    | (Row & { state: 'not_yet'; missing: string; works?: string });

/** How a promise stands in one run. `failed`: it was claimed, and this run did not bear it out. */
export type Stamp = LedgerRow['state'] | 'failed';
