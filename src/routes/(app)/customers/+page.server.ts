import { listCustomers } from '$lib/server/customers.ts';
import { pageOf } from '$lib/server/fields.ts';
import { protectedLoad } from '$lib/server/guard.ts';
import { pageSize } from '$lib/server/shapes.ts';

export const load = protectedLoad('customers.read', async ({ db, account, event }) => {
    const search = event.url.searchParams.get('search')?.trim() ?? '';
    const page = pageOf(event.url);
    return {
        customers: await listCustomers(db, account.id, { search, page }),
        search,
        page,
        pageSize,
        mayAdd: account.permissions.includes('customers.write')
    };
});
