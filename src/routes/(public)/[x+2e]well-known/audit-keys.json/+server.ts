/** The public keys that anchors of the audit trail are signed with, as a JWK set (RFC 7517). */
import { json } from '@sveltejs/kit';
import { publicKeys } from '$lib/server/anchors.ts';
import { problemResponse } from '$lib/server/errors.ts';
import { noted } from '$lib/server/forms.ts';
import type { RequestHandler } from './$types';

export const GET: RequestHandler = async (event) => {
    try {
        return json(await publicKeys(event.locals.db), {
            headers: { 'content-type': 'application/jwk-set+json' }
        });
    } catch (thrown) {
        return problemResponse(noted(event, thrown), event.locals.requestId);
    }
};
