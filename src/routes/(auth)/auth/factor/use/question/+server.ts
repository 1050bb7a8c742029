import { z } from 'zod';
import { halfwayEndpoint } from '$lib/server/guard.ts';
import { askForKey } from '$lib/server/security-keys.ts';

/** What one of the person's security keys is asked. */
export const POST = halfwayEndpoint(z.object({ factor_id: z.uuid() }), ({ event, person, input }) =>
    askForKey(event, person, input.factor_id)
);
