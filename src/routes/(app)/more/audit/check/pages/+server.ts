import { z } from 'zod';
import { checkPage, outsideOf } from '$lib/server/audit-check.ts';
import { protectedEndpoint } from '$lib/server/guard.ts';

const Page = z.object({ after: z.int().min(0), anchor: z.string().max(100_000) });

export const POST = protectedEndpoint('audit.read', Page, async ({ db, account, input }) =>
    checkPage(db, account.id, input.after, await outsideOf(db, account.id, input.anchor))
);
