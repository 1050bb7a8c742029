import { redirect } from '@sveltejs/kit';
import { getCustomer, updateCustomer } from '$lib/server/customers.ts';
import { blankForm } from '$lib/server/forms.ts';
import { pathId, protectedAction, protectedLoad } from '$lib/server/guard.ts';
import { CustomerId } from '$lib/server/ids.ts';
import { CustomerForm, customerOf } from '../../schemas.ts';

export const load = protectedLoad('customers.write', async ({ db, account, event }) => {
    const customer = await getCustomer(db, account.id, pathId(event, 'customer', CustomerId));
    const { name, email, phone, notes } = customer;
    const stored = { name, email: email ?? '', phone: phone ?? '', notes: notes ?? '' };
    return { customer, form: await blankForm(CustomerForm, stored, { id: 'customer' }) };
});

export const actions = {
    default: protectedAction('customers.write', CustomerForm, async ({ db, account, event, input }) => {
        const id = pathId(event, 'customer', CustomerId);
        await updateCustomer(db, account.id, id, customerOf(input));
        redirect(303, `/customers/${id}`);
    })
};
