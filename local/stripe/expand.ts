/** `expand[]`: ids in an answer become the objects they name (https://docs.stripe.com/api/expanding_objects). */
import { faults } from './errors.ts';
import { wholeList } from './lists.ts';
import type { Kind } from './objects.ts';
import type { World } from './world.ts';

const DEEPEST = 4;

type Json = Record<string, unknown>;

/** Fields that hold the id of another object. */
const REFERENCES: Readonly<Record<string, Readonly<Record<string, Kind>>>> = {
    'checkout.session': { payment_intent: 'payment_intent' },
    payment_intent: { latest_charge: 'charge', payment_method: 'payment_method' },
    charge: {
        payment_intent: 'payment_intent',
        balance_transaction: 'balance_transaction',
        application_fee: 'application_fee'
    },
    refund: {
        payment_intent: 'payment_intent',
        charge: 'charge',
        balance_transaction: 'balance_transaction',
        payment_method: 'payment_method'
    },
    application_fee: { account: 'account', charge: 'charge', balance_transaction: 'balance_transaction' }
};

/** Lists that are left out of an object until they are asked for. */
const LISTS: Readonly<Record<string, (world: World, owner: Json) => object>> = {
    'checkout.session.line_items': (world, { id }) => {
        const session = world.state.find('checkout.session', String(id));
        return wholeList(`/v1/checkout/sessions/${String(id)}/line_items`, session?.hidden.lineItems ?? []);
    },
    'charge.refunds': (world, { id }) => {
        const refunds = world.state.select('refund', { where: { charge: String(id) }, limit: 100 });
        return wholeList(
            `/v1/charges/${String(id)}/refunds`,
            refunds.map(({ shown }) => shown)
        );
    }
};

/** Fields that may be expanded and are always empty here: asking for them is right, and changes nothing. */
const ALWAYS_EMPTY: Readonly<Record<string, readonly string[]>> = {
    'checkout.session': ['customer', 'invoice', 'payment_link', 'setup_intent', 'subscription'],
    payment_intent: ['application', 'customer', 'on_behalf_of', 'review', 'source'],
    charge: ['application', 'customer', 'on_behalf_of', 'review', 'source_transfer', 'transfer'],
    refund: ['customer', 'source_transfer_reversal', 'transfer_reversal']
};

/**
 * A copy of the answer with every path of `paths` expanded.
 * @throws StripeFault 400 for a path that cannot be expanded or goes deeper than four levels.
 */
export function expanded(world: World, answer: object, paths: readonly string[]): object {
    const copy = structuredClone(answer) as Json;
    for (const path of paths) {
        const steps = path.split('.');
        if (steps.length > DEEPEST) throw faults.expandTooDeep();
        walk(world, copy, steps, path);
    }
    return copy;
}

function walk(world: World, owner: Json, [step, ...rest]: string[], path: string): void {
    if (step === undefined) return;
    if (owner.object === 'list') {
        if (step !== 'data') throw faults.notExpandable(path);
        for (const item of owner.data as Json[]) walk(world, item, rest, path);
        return;
    }
    const kind = String(owner.object);
    const reference = REFERENCES[kind]?.[step];
    const listed = LISTS[`${kind}.${step}`];
    if (listed) {
        owner[step] ??= listed(world, owner);
    } else if (reference) {
        if (typeof owner[step] === 'string')
            owner[step] = world.state.find(reference, owner[step])?.shown ?? null;
    } else if (!ALWAYS_EMPTY[kind]?.includes(step)) {
        throw faults.notExpandable(path);
    }
    const child = owner[step];
    if (rest.length > 0 && typeof child === 'object' && child !== null)
        walk(world, child as Json, rest, path);
}
