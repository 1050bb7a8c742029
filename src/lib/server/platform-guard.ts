/**
 * The door of the admin area: for the few who run TradersFlow, by two lists that know nothing of each other. This server's is
 * the setting PLATFORM_OWNERS, the database's private.platform_owners; who is on one only is turned away. The database asks
 * besides for a second factor, given in this very session, and for a visit within half an hour (private.require_platform_owner),
 * at every request, before a handler runs, and again in each function of theirs.
 *
 * Everybody else gets 403, whoever they are and whatever they ask for; so does whoever is not signed in.
 */
import type { RequestEvent, ServerLoadEvent } from '@sveltejs/kit';
import { problem } from './errors.ts';
import type { FormSchema } from './forms.ts';
import {
    guardedAction,
    guardedLoad,
    halfway,
    type Action,
    type HalfwayGround,
    type Load,
    type WithForm
} from './guard.ts';
import { requirePlatformOwner } from './platform.ts';
import { settings } from './settings.ts';

/** What a handler gets of one of them. */
export type PlatformGround<Event> = HalfwayGround<Event>;

async function platformOwner<Event extends RequestEvent>(event: Event): Promise<PlatformGround<Event>> {
    const { standing } = event.locals;
    if (standing.state === 'unreachable') throw problem('unavailable');
    event.locals.record.permission = 'platform';
    if (standing.state !== 'person') throw problem('platform_signed_out');
    const isListed =
        !standing.person.isManaged &&
        settings().PLATFORM_OWNERS.includes(standing.person.email.toLowerCase());
    if (!isListed) throw problem('platform_only');
    const ground = halfway(event);
    await requirePlatformOwner(ground.db);
    return ground;
}

/** A load for those who run TradersFlow. */
export function platformLoad<Out>(
    handler: (ground: PlatformGround<ServerLoadEvent>) => Promise<Out> | Out
): Load<Out> {
    return guardedLoad(platformOwner, handler);
}

/** An action for those who run TradersFlow. */
export function platformAction<Schema extends FormSchema, Out>(
    schema: Schema,
    handler: (ground: PlatformGround<RequestEvent> & WithForm<Schema>) => Promise<Out> | Out
): Action<Schema, Out> {
    return guardedAction(schema, platformOwner, handler);
}
