/** Pages of a list, as Stripe cuts them (https://docs.stripe.com/api/pagination): newest first, by cursor. */
import { faults } from './errors.ts';
import type { Kind, Shown } from './objects.ts';
import type { Selection } from './state.ts';
import type { World } from './world.ts';

export type Paging = { limit?: number; starting_after?: string; ending_before?: string };

export type Page<T> = { object: 'list'; data: T[]; has_more: boolean; url: string };

const USUAL = 10;

/**
 * One page of the objects that `selection` names.
 * @throws StripeFault 400 for both cursors at once, 404 for a cursor that names nothing in this account.
 */
export function page<K extends Kind>(
    world: World,
    kind: K,
    url: string,
    paging: Paging,
    selection: Omit<Selection, 'limit' | 'olderThan' | 'newerThan'>
): Page<Shown<K>> {
    if (paging.starting_after && paging.ending_before) {
        throw faults.exclusiveParameters(['starting_after', 'ending_before']);
    }
    const limit = paging.limit ?? USUAL;
    const cursor = (name: 'starting_after' | 'ending_before') => {
        const id = paging[name];
        if (id === undefined) return undefined;
        const found = world.state.find(kind, id);
        const isOurs = selection.account === undefined || found?.account === selection.account;
        if (!found || !isOurs) throw faults.noSuch(kind, id, name);
        return found.seq;
    };
    const found = world.state.select(kind, {
        ...selection,
        olderThan: cursor('starting_after'),
        newerThan: cursor('ending_before'),
        limit: limit + 1
    });
    const has_more = found.length > limit;
    const kept = paging.ending_before ? found.slice(-limit) : found.slice(0, limit);
    return { object: 'list', data: kept.map(({ shown }) => shown), has_more, url };
}

/** A list that is part of another object, shown whole. */
export function wholeList<T>(url: string, data: T[]): Page<T> {
    return { object: 'list', data, has_more: false, url };
}
