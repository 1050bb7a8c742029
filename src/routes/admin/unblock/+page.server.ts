import { redirect } from '@sveltejs/kit';
import { z } from 'zod';
import { words } from '$lib/server/fields.ts';
import { blankForm } from '$lib/server/forms.ts';
import { askFresh } from '$lib/server/fresh.ts';
import { platformAction, platformLoad } from '$lib/server/platform-guard.ts';
import { blockedNetwork, unblockNetwork } from '$lib/server/platform.ts';

const Unblock = z.object({
    network: z.string().max(50),
    reason: words('Say why, in a few words.', 300).refine(
        (reason) => reason.length >= 3,
        'Say why, in a few words.'
    )
});

export const load = platformLoad(async ({ event, db }) => {
    const network = await blockedNetwork(db, event.url.searchParams.get('network') ?? '');
    askFresh(await event.locals.me());
    return { network, form: await blankForm(Unblock, { network: network.network }) };
});

export const actions = {
    default: platformAction(Unblock, async ({ db, input }) => {
        await unblockNetwork(db, input.network, input.reason);
        redirect(303, '/admin?unblocked');
    })
};
