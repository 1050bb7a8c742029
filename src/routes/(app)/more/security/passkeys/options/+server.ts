import { z } from 'zod';
import { personEndpoint } from '$lib/server/guard.ts';
import { askForNewPasskey } from '$lib/server/passkeys.ts';

/** What a browser is asked to make a passkey of. */
export const POST = personEndpoint(z.object({}), ({ event }) => askForNewPasskey(event));
