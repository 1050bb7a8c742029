import { platformLoad } from '$lib/server/platform-guard.ts';
import { overview } from '$lib/server/platform.ts';

export const load = platformLoad(async ({ event: { url }, db }) => ({
    platform: await overview(db),
    unblocked: url.searchParams.has('unblocked')
}));
