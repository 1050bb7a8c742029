// Every protected load, action and endpoint, read off the routes, and a knock at each: the smallest request that meets its
// guard. The guard stands before what is behind the id and before what was typed, so neither needs to be right.
import { join } from 'node:path';
import { routeGuards, type RouteGuard } from '../../src/lib/server/route-guards.ts';
import { projectDir } from './stack.ts';
import type { Visitor } from './visitor.ts';

/** All of them. */
export const guards: readonly RouteGuard[] = routeGuards(join(projectDir, 'src/routes')).filter(
    // Those of the platform are nobody's in a business, and turn everybody else away: platform.test.ts.
    ({ permission }) => permission !== 'platform'
);

/** The address of a route, with an id of nothing in it. */
const addressOf = (route: string): string =>
    route.replace(/\/\([a-z]+\)/g, '').replace(/\[[a-z_]+\]/g, '01900000-0000-7000-8000-000000000000');

/** Sends what a route takes. */
export async function knock(visitor: Visitor, { route, what }: RouteGuard): Promise<Response> {
    const address = addressOf(route);
    if (what === 'load' || what === 'GET') return visitor.get(address);
    if (what.startsWith('action:')) {
        const name = what.slice('action:'.length);
        return visitor.post(`${address}${name === 'default' ? '' : `?/${name}`}`, {});
    }
    return visitor.json(address, {});
}
