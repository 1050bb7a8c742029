import { settings } from '$lib/server/settings.ts';
import type { LayoutServerLoad } from './$types';

export const load: LayoutServerLoad = () => ({ standIns: settings().STAND_INS });
