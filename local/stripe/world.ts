/** What every part of the stand-in shares: the state, the clock, and how it is reached. */
import { faults } from './errors.ts';
import { idOf } from './objects.ts';
import type { Clock } from '../clock.ts';
import type { Kind, Shown } from './objects.ts';
import type { Kept, State } from './state.ts';

export type World = {
    readonly state: State;
    readonly clock: Clock;
    /** Where browsers reach the hosted pages, without a slash at the end. */
    readonly publicUrl: string;
    /** The id of the account whose secret key this is. */
    readonly platform: string;
    readonly log: (line: string) => void;
    /** Tells the worker that something may be due. */
    readonly wake: () => void;
};

/** Now, in Stripe's unit. */
export function seconds(world: World): number {
    return Math.floor(world.clock.now().getTime() / 1000);
}

/** How an object's kind reads in "No such …". */
const IN_MESSAGES: Partial<Record<Kind, string>> = { payment_method: 'PaymentMethod' };

/**
 * The object with this id in this account.
 * @throws StripeFault 404 resource_missing, also for an object of another account.
 */
export function need<K extends Kind>(
    world: World,
    kind: K,
    account: string,
    id: string,
    param = 'id'
): Kept<K> {
    const found = world.state.find(kind, id);
    if (!found || found.account !== account) throw faults.noSuch(IN_MESSAGES[kind] ?? kind, id, param);
    return found;
}

/** What another stored object points at; a missing one is a fault of the stand-in itself. */
export function follow<K extends Kind>(
    world: World,
    kind: K,
    reference: string | { id: string } | null | undefined
): Shown<K> {
    const id = idOf(reference);
    const found = id === null ? undefined : world.state.find(kind, id);
    if (!found) throw new Error(`The state holds no ${kind} ${String(id)}.`);
    return found.shown;
}

/** Things that happen by themselves after a while. */
export type Errand = 'settle_charge' | 'expire_session';

/** Notes an errand; the worker runs it once the clock has passed that second. */
export function later(world: World, at: number, kind: Errand, subject: string): void {
    world.state.run('insert into errands (due, kind, subject) values (?, ?, ?)', at * 1000, kind, subject);
    world.state.afterCommit(world.wake);
}
