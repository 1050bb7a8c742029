// What a mutant is: one thing taken out of the database, or let in, that a test should miss.

/** The kinds, in the order in which they are tried. */
export const KINDS = [
    'policy',
    'row-level security',
    'trigger',
    'event trigger',
    'key',
    'reference',
    'check',
    'not null',
    'table grant',
    'column grant',
    'sequence grant',
    'function grant',
    'schema grant',
    'default privileges',
    'function settings',
    'view settings',
    'classification',
    'account state',
    'role',
    'function guard',
    'function condition',
    'function answer',
    'route'
] as const;
export type Kind = (typeof KINDS)[number];

export type Mutant = {
    kind: Kind;
    /** `public.invoices: Members who may …`, `private.require(uuid,text)`. */
    object: string;
    /** What is done to it, in words: the second half of its name. */
    what: string;
    /** Run as superuser, with event triggers silent, at the beginning of the transaction in which tests then run. */
    sql: string;
    /** The table that it concerns, when it is one: its rows of the matrix are tried. */
    table: string | null;
    /** Names by which tests would mention it, the most telling first. */
    words: string[];
};

/** Names a mutant in a list, in a report and for a random choice. */
export const nameOf = ({ kind, object, what }: Pick<Mutant, 'kind' | 'object' | 'what'>): string =>
    `${kind}: ${object}: ${what}`;

/** Our schemas. What Supabase keeps in its own is its own affair, but for our policies and triggers on its tables. */
export const OURS = ['public', 'private', 'service', 'audit', 'billing', 'mail'];

/** The roles that a request can come as. */
export const ROLES = ['anon', 'authenticated', 'service_role'];
