/** Short ways to write down what the ledger names, so that a row reads like a row. */
import type { Enforcement, EverySort, Proof, TestKind } from './types.ts';

type Named = (on: string, name: string) => Enforcement;

export const policy: Named = (on, name) => ({ kind: 'policy', on, name });
export const constraint: Named = (on, name) => ({ kind: 'constraint', on, name });
export const trigger: Named = (on, name) => ({ kind: 'trigger', on, name });
export const eventTrigger = (name: string): Enforcement => ({ kind: 'event trigger', name });
export const fn = (name: string): Enforcement => ({ kind: 'function', name });
export const table = (name: string): Enforcement => ({ kind: 'table', name });
export const schedule = (name: string): Enforcement => ({ kind: 'schedule', name });
export const every = (sort: EverySort, atLeast: number): Enforcement => ({ kind: 'every', sort, atLeast });
export const code = (file: string, name: string): Enforcement => ({ kind: 'code', file, name });
export const header = (name: string, value: string): Enforcement => ({ kind: 'header', name, value });

/** No right at all, for one role. */
export const nothing = (on: string, of: string): Enforcement => ({ kind: 'rights', on, of, exactly: [] });
export const rights = (on: string, of: string, ...exactly: string[]): Enforcement => ({
    kind: 'rights',
    on,
    of,
    exactly
});
export const everyRouteGuard = (atLeast: number): Enforcement => ({ kind: 'every route guard', atLeast });
export const setting = (key: string, value: string | number | boolean): Enforcement => ({
    kind: 'setting',
    key,
    value
});

/** A test by its exact title. */
export const test = (kind: TestKind, title: string): Proof => ({ kind, title });
/** Every test of a kind that carries the promise's id, of which there must be so many. */
export const tagged = (kind: TestKind, atLeast: number): Proof => ({ kind, tagged: true, atLeast });
