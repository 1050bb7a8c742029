import { openEndpoint } from '$lib/server/open-endpoint.ts';
import { askForPasskey } from '$lib/server/passkeys.ts';

/** What a browser asks a passkey. It tells nobody who has one. */
export const POST = openEndpoint(askForPasskey);
