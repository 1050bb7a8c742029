import { redirect } from '@sveltejs/kit';
import { noted } from '$lib/server/forms.ts';
import { refuse } from '$lib/server/guard.ts';
import { portalPdfUrl } from '$lib/server/portal.ts';
import { keyOrLeave, leaveIfEnded } from '$lib/server/portal-page.ts';
import type { RequestHandler } from './$types';

export const GET: RequestHandler = async (event) => {
    const key = keyOrLeave(event.cookies);
    let url: string;
    try {
        url = await portalPdfUrl(event.locals.db, key);
    } catch (thrown) {
        leaveIfEnded(event.cookies, thrown);
        refuse(event, noted(event, thrown));
    }
    redirect(302, url);
};
