/** Lines in an account's balance: what a charge or refund moved, and the fees taken off it. */
import { newId } from './objects.ts';
import { page } from './lists.ts';
import { created, paging, parameters, text } from './parameters.ts';
import { route } from './routes.ts';
import { need, seconds } from './world.ts';
import type { Shown } from './objects.ts';
import type { Route } from './routes.ts';
import type { World } from './world.ts';

/** A line in an account's balance. Fees are taken off its net. */
export function recordBalance(
    world: World,
    account: string,
    entry: {
        type: 'charge' | 'refund' | 'application_fee' | 'application_fee_refund';
        source: string;
        amount: number;
        currency: string;
        description: string | null;
        fees?: { type: string; amount: number; description: string }[];
    }
): Shown<'balance_transaction'> {
    const fees = entry.fees ?? [];
    const fee = fees.reduce((total, { amount }) => total + amount, 0);
    const balance: Shown<'balance_transaction'> = {
        id: newId('txn_3', 23),
        object: 'balance_transaction',
        amount: entry.amount,
        available_on: seconds(world) + 7 * 24 * 60 * 60,
        balance_type: 'payments',
        created: seconds(world),
        currency: entry.currency,
        description: entry.description,
        exchange_rate: null,
        fee,
        fee_details: fees.map((detail) => ({ ...detail, application: null, currency: entry.currency })),
        net: entry.amount - fee,
        reporting_category: entry.type === 'application_fee' ? 'platform_earning' : entry.type,
        source: entry.source,
        status: 'pending',
        type: entry.type
    };
    world.state.insert('balance_transaction', account, balance, null);
    return balance;
}

export function balanceRoutes(world: World): Route[] {
    return [
        route(
            'GET',
            '/v1/balance_transactions/:id',
            parameters({}),
            (call, _input, path) => need(world, 'balance_transaction', call.account, path.id).shown
        ),
        route(
            'GET',
            '/v1/balance_transactions',
            parameters({
                ...paging,
                created: created(),
                source: text().optional(),
                type: text().optional(),
                currency: text().optional()
            }),
            (call, input) =>
                page(world, 'balance_transaction', '/v1/balance_transactions', input, {
                    account: call.account,
                    created: input.created,
                    where: { source: input.source, type: input.type, currency: input.currency }
                })
        )
    ];
}
