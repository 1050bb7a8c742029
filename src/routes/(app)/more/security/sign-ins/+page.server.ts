import { personLoad } from '$lib/server/guard.ts';
import { mySignIns } from '$lib/server/sessions.ts';

const pageSize = 25;

export const load = personLoad(async ({ event, db }) => {
    const before = event.url.searchParams.get('before');
    return { ...(await mySignIns(db, pageSize, before)), isNewest: before === null };
});
