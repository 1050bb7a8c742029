import { redirect } from '@sveltejs/kit';
import { z } from 'zod';
import { anchorOf } from '$lib/server/audit.ts';
import { protectedEndpoint } from '$lib/server/guard.ts';

export const GET = protectedEndpoint('audit.read', z.object({}), async ({ db, account }) => {
    const anchor = await anchorOf(db, account.id);
    // Where it says that nothing is anchored yet.
    if (!anchor) redirect(303, '/more/audit/check');
    return new Response(`${JSON.stringify(anchor, null, 4)}\n`, {
        headers: {
            'content-type': 'application/json',
            'content-disposition': `attachment; filename="audit-anchor-${anchor.number}.json"`
        }
    });
});
