/** The platform's share of direct charges, as the platform reads it. */
import { page } from './lists.ts';
import { created, paging, parameters, text } from './parameters.ts';
import { route } from './routes.ts';
import { need } from './world.ts';
import type { Route } from './routes.ts';
import type { World } from './world.ts';

export function applicationFeeRoutes(world: World): Route[] {
    return [
        route(
            'GET',
            '/v1/application_fees/:id',
            parameters({}),
            (call, _input, path) => need(world, 'application_fee', call.account, path.id).shown
        ),
        route(
            'GET',
            '/v1/application_fees',
            parameters({ ...paging, charge: text().optional(), created: created() }),
            (call, input) =>
                page(world, 'application_fee', '/v1/application_fees', input, {
                    account: call.account,
                    created: input.created,
                    where: { charge: input.charge }
                })
        )
    ];
}
