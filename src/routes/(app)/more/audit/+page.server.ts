import { trailOf } from '$lib/server/audit.ts';
import { protectedLoad } from '$lib/server/guard.ts';

export const load = protectedLoad('audit.read', async ({ db, account, event }) => {
    const asked = event.url.searchParams.get('before') ?? '';
    const before = /^\d{1,15}$/.test(asked) ? Number(asked) : null;
    return { trail: await trailOf(db, account.id, { before, pageSize: 50 }), isFirstPage: before === null };
});
