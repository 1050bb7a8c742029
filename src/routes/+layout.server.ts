import { settings } from '$lib/server/settings.ts';
import type { LayoutServerLoad } from './$types';

/** Every page, an error's too, says which providers are stand-ins. */
export const load: LayoutServerLoad = () => ({ standIns: settings().STAND_INS });
