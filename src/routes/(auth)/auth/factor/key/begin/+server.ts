import { z } from 'zod';
import { personEndpoint } from '$lib/server/guard.ts';
import { beginKey } from '$lib/server/security-keys.ts';
import { factorName } from '../../fields.ts';

/** Begins a security key: what the browser is asked to make it of. */
export const POST = personEndpoint(z.object({ name: factorName }), ({ event, person, input }) =>
    beginKey(event, person, input.name)
);
