import { redirect } from '@sveltejs/kit';
import { createCustomer } from '$lib/server/customers.ts';
import { problem } from '$lib/server/errors.ts';
import { blankForm } from '$lib/server/forms.ts';
import { protectedAction, protectedLoad } from '$lib/server/guard.ts';
import { customerOf, NewCustomerForm, siteIsWhole, siteOf } from '../schemas.ts';

export const load = protectedLoad('customers.write', async () => ({
    form: await blankForm(NewCustomerForm, { idempotency_key: crypto.randomUUID() }, { id: 'customer' })
}));

export const actions = {
    default: protectedAction('customers.write', NewCustomerForm, async ({ db, account, input }) => {
        if (!siteIsWhole(input)) {
            throw problem('validation_failed', {
                fields: { address_line_1: 'Give the first line of the address.' }
            });
        }
        const made = await createCustomer(
            db,
            account.id,
            input.idempotency_key,
            customerOf(input),
            siteOf(input)
        );
        redirect(303, `/customers/${made.customer_id}`);
    })
};
