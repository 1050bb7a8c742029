/** Events: what happened, to which account, and to which endpoints it must be told. */
import { API_VERSION, newId } from './objects.ts';
import { created, list, paging, parameters, text } from './parameters.ts';
import { need, seconds } from './world.ts';
import { page } from './lists.ts';
import { route } from './routes.ts';
import type { Cause, StoredEvent } from './objects.ts';
import type { Route } from './routes.ts';
import type { World } from './world.ts';

/**
 * Records that something happened and queues it for every endpoint that listens, in the caller's transaction.
 * `previous` holds the old values of what an `*.updated` event changed.
 */
export function announce(
    world: World,
    account: string,
    type: string,
    object: object,
    cause: Cause,
    previous?: object
): void {
    const connected = account !== world.platform;
    const event: StoredEvent = {
        id: newId('evt_'),
        object: 'event',
        ...(connected ? { account } : {}),
        api_version: API_VERSION,
        created: seconds(world),
        data: { object, ...(previous ? { previous_attributes: previous } : {}) },
        livemode: false,
        pending_webhooks: 0,
        request: cause,
        type
    };
    world.state.insert('event', account, event, null);
    for (const endpoint of listeners(world, account, type)) {
        world.state.run(
            `insert into deliveries (id, event, endpoint, state, due, attempts) values (?, ?, ?, 'pending', ?, '[]')`,
            newId('whd_'),
            event.id,
            endpoint,
            world.clock.now().getTime()
        );
    }
    world.state.afterCommit(world.wake);
}

/** Ids of the endpoints an event goes to: Connect endpoints of the platform, or the account's own. */
export function listeners(world: World, account: string, type: string): string[] {
    const connected = account !== world.platform;
    return world.state
        .select('webhook_endpoint', { limit: 100 })
        .filter(({ shown, hidden, account: owner }) => {
            const listens = hidden.connect ? connected && owner === world.platform : owner === account;
            const wanted = shown.enabled_events.includes('*') || shown.enabled_events.includes(type);
            return shown.status === 'enabled' && listens && wanted;
        })
        .map(({ shown }) => shown.id);
}

/** The event as the API shows it now: with the number of deliveries still owed. */
export function shownEvent(world: World, event: StoredEvent): StoredEvent {
    const owed = world.state.row<{ owed: number }>(
        `select count(*) as owed from deliveries where event = ? and state = 'pending'`,
        event.id
    );
    return { ...event, pending_webhooks: owed?.owed ?? 0 };
}

export function eventRoutes(world: World): Route[] {
    return [
        route('GET', '/v1/events/:id', parameters({}), (call, _input, path) =>
            shownEvent(world, need(world, 'event', call.account, path.id).shown)
        ),
        route(
            'GET',
            '/v1/events',
            parameters({
                ...paging,
                created: created(),
                type: text(200).optional(),
                types: list(text(200), 20).optional()
            }),
            (call, input) => {
                const found = page(world, 'event', '/v1/events', input, {
                    account: call.account,
                    types: input.types ?? (input.type ? [input.type] : undefined),
                    created: input.created
                });
                return { ...found, data: found.data.map((event) => shownEvent(world, event)) };
            }
        )
    ];
}
