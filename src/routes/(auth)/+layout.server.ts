import { settings } from '$lib/server/settings.ts';
import type { LayoutServerLoad } from './$types';

/** Which providers have a button. */
export const load: LayoutServerLoad = () => ({ providers: settings().SIGN_IN_WITH });
