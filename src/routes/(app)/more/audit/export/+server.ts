import { z } from 'zod';
import { EXPORT_FORMATS, exportTrail } from '$lib/server/audit-export.ts';
import { problem } from '$lib/server/errors.ts';
import { protectedEndpoint } from '$lib/server/guard.ts';

const Export = z.object({ format: z.enum(EXPORT_FORMATS, 'Choose CSV or JSONL.') });

const TYPES = { csv: 'text/csv; charset=utf-8', jsonl: 'application/x-ndjson; charset=utf-8' } as const;

export const POST = protectedEndpoint('export.run', Export, async ({ db, account, input }) => {
    if (!account.permissions.includes('audit.read')) throw problem('not_allowed');
    const day = new Date().toISOString().slice(0, 10);
    return new Response(await exportTrail(db, account.id, input.format), {
        headers: {
            'content-type': TYPES[input.format],
            'content-disposition': `attachment; filename="audit-trail-${day}.${input.format}"`
        }
    });
});
