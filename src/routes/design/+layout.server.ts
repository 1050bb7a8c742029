import { dev } from '$app/environment';
import { error } from '@sveltejs/kit';
import { sentenceOf } from '$lib/server/errors.ts';
import type { LayoutServerLoad } from './$types';

/** The workbench of the design language; it does not exist in a built app. */
export const load: LayoutServerLoad = ({ locals, url }) => {
    if (!dev)
        error(404, { message: sentenceOf('not_found'), code: 'not_found', requestId: locals.requestId });
    const asked = url.searchParams.get('theme');
    return { theme: asked === 'light' || asked === 'dark' ? asked : undefined };
};
