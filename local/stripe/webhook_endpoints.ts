/** Webhook endpoints: those made over the API and those given when the stand-in starts. */
import { faults } from './errors.ts';
import { page } from './lists.ts';
import { API_VERSION, newId } from './objects.ts';
import * as take from './parameters.ts';
import { route } from './routes.ts';
import { need, seconds } from './world.ts';
import type { Shown } from './objects.ts';
import type { Route } from './routes.ts';
import type { World } from './world.ts';

type Endpoint = Shown<'webhook_endpoint'>;

/** An endpoint the operator set up beforehand, as one would in Stripe's Dashboard. */
export type StartupEndpoint = { url: string; secret: string; connect: boolean };

const MOST = 16;
const secret = () => newId('whsec_', 32);

function newEndpoint(
    world: World,
    fields: Pick<Endpoint, 'url' | 'enabled_events'> & Partial<Endpoint>
): Endpoint {
    return {
        id: newId('we_1', 23),
        object: 'webhook_endpoint',
        api_version: null,
        application: null,
        created: seconds(world),
        description: null,
        livemode: false,
        metadata: {},
        status: 'enabled',
        ...fields
    };
}

/**
 * Makes the endpoints given at the start be the ones there are. One whose path is known keeps its id, so that what
 * is owed to it follows it to another port; one that is no longer given is removed.
 */
export function setUpEndpoints(world: World, given: readonly StartupEndpoint[]): void {
    world.state.transaction(() => {
        const names = given.map(
            ({ url, connect }) => `${connect ? 'connect' : 'account'} ${new URL(url).pathname}`
        );
        const known = world.state
            .select('webhook_endpoint', { account: world.platform, limit: 100 })
            .filter(({ hidden }) => hidden.startup !== null);
        for (const { shown, hidden } of known) {
            if (!names.includes(hidden.startup ?? '')) world.state.remove('webhook_endpoint', shown.id);
        }
        given.forEach(({ url, secret, connect }, index) => {
            const startup = names[index] ?? url;
            const hidden = { connect, secrets: [{ secret, until: null }], startup };
            const same = known.find((endpoint) => endpoint.hidden.startup === startup);
            if (same) {
                world.state.save('webhook_endpoint', { ...same.shown, url, status: 'enabled' }, hidden);
            } else {
                const endpoint = newEndpoint(world, { url, enabled_events: ['*'] });
                world.state.insert('webhook_endpoint', world.platform, endpoint, hidden);
            }
        });
    });
}

/**
 * Gives an endpoint a new secret; the old one signs as well for `overlap` more seconds, as when a secret is rolled
 * in the Dashboard. Returns the new one.
 */
export function rollSecret(world: World, id: string, overlap: number, chosen?: string): string | null {
    const kept = world.state.find('webhook_endpoint', id);
    if (!kept) return null;
    const now = seconds(world);
    const fresh = chosen ?? secret();
    const before = kept.hidden.secrets
        .filter(({ until }) => until === null || until > now)
        .map((old) => ({ secret: old.secret, until: Math.min(old.until ?? Infinity, now + overlap) }));
    world.state.save('webhook_endpoint', kept.shown, {
        ...kept.hidden,
        secrets: [{ secret: fresh, until: null }, ...before]
    });
    return fresh;
}

const events = take.list(take.text(100), 200);
const opening = take.parameters({
    api_version: take.oneOf([API_VERSION]).optional(),
    connect: take.flag().optional(),
    description: take.unsettable().optional(),
    enabled_events: events,
    metadata: take.metadata().optional(),
    url: take.address()
});
const change = take.parameters({
    description: take.unsettable().optional(),
    disabled: take.flag().optional(),
    enabled_events: events.optional(),
    metadata: take.metadata().optional(),
    url: take.address().optional()
});

export function webhookEndpointRoutes(world: World): Route[] {
    return [
        route('POST', '/v1/webhook_endpoints', opening, (call, input) => {
            const there = world.state.select('webhook_endpoint', { account: call.account, limit: MOST });
            if (there.length >= MOST) {
                throw faults.refused(`You have reached the maximum of ${MOST} test webhook endpoints.`);
            }
            if (input.enabled_events.length === 0) throw faults.missingParameter('enabled_events');
            const endpoint = newEndpoint(world, {
                url: input.url,
                enabled_events: input.enabled_events,
                api_version: input.api_version ?? null,
                description: input.description ?? null,
                metadata: take.mergedMetadata({}, input.metadata)
            });
            const first = secret();
            world.state.insert('webhook_endpoint', call.account, endpoint, {
                connect: input.connect ?? false,
                secrets: [{ secret: first, until: null }],
                startup: null
            });
            // The secret is shown this once.
            return { ...endpoint, secret: first };
        }),
        route(
            'GET',
            '/v1/webhook_endpoints/:id',
            take.parameters({}),
            (call, _input, path) =>
                need(world, 'webhook_endpoint', call.account, path.id, 'webhook_endpoint').shown
        ),
        route('GET', '/v1/webhook_endpoints', take.parameters(take.paging), (call, input) =>
            page(world, 'webhook_endpoint', '/v1/webhook_endpoints', input, { account: call.account })
        ),
        route('POST', '/v1/webhook_endpoints/:id', change, (call, input, path) => {
            const { shown } = need(world, 'webhook_endpoint', call.account, path.id, 'webhook_endpoint');
            const endpoint: Endpoint = {
                ...shown,
                description: input.description === undefined ? shown.description : input.description,
                enabled_events: input.enabled_events ?? shown.enabled_events,
                metadata: take.mergedMetadata(shown.metadata, input.metadata),
                status: input.disabled === undefined ? shown.status : input.disabled ? 'disabled' : 'enabled',
                url: input.url ?? shown.url
            };
            world.state.save('webhook_endpoint', endpoint);
            return endpoint;
        }),
        route('DELETE', '/v1/webhook_endpoints/:id', take.parameters({}), (call, _input, path) => {
            const { shown } = need(world, 'webhook_endpoint', call.account, path.id, 'webhook_endpoint');
            world.state.remove('webhook_endpoint', shown.id);
            return { id: shown.id, object: 'webhook_endpoint', deleted: true };
        })
    ];
}
