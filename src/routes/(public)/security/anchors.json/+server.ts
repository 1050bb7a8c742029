/**
 * The anchors of the audit trail, for anybody: `?before=NUMBER` asks for older ones. The format is described in
 * docs/audit-format.md.
 */
import { json } from '@sveltejs/kit';
import { z } from 'zod';
import { publicAnchors } from '$lib/server/anchors.ts';
import { problem, problemResponse } from '$lib/server/errors.ts';
import { noted } from '$lib/server/forms.ts';
import type { RequestHandler } from './$types';

const Before = z.coerce.number().int().positive().nullable();

export const GET: RequestHandler = async (event) => {
    const { locals, url } = event;
    try {
        const before = Before.safeParse(url.searchParams.get('before'));
        if (!before.success) throw problem('validation_failed');
        return json(await publicAnchors(locals.db, before.data));
    } catch (thrown) {
        return problemResponse(noted(event, thrown), locals.requestId);
    }
};
