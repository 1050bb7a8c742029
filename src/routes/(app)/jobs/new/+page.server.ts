import { redirect } from '@sveltejs/kit';
import { getCustomer, listCustomers } from '$lib/server/customers.ts';
import { orNull } from '$lib/server/fields.ts';
import { blankForm } from '$lib/server/forms.ts';
import { protectedAction, protectedLoad } from '$lib/server/guard.ts';
import { CustomerId } from '$lib/server/ids.ts';
import { createJob } from '$lib/server/jobs.ts';
import { siteOf } from '../../customers/schemas.ts';
import { detailsOf, NewJobForm } from '../schemas.ts';

export const load = protectedLoad('jobs.write', async ({ db, account, event }) => {
    const asked = CustomerId.safeParse(event.url.searchParams.get('customer'));
    // The first page of customers fills the picker; one asked for by the address is always among them.
    const [{ rows }, chosen] = await Promise.all([
        listCustomers(db, account.id),
        asked.success ? getCustomer(db, account.id, asked.data) : null
    ]);
    const customers = chosen && !rows.some(({ id }) => id === chosen.id) ? [chosen, ...rows] : rows;
    const start = {
        idempotency_key: crypto.randomUUID(),
        customer_id: chosen?.id ?? ('new' as const),
        site_id: chosen?.sites[0]?.id ?? ('' as const)
    };
    return { customers, form: await blankForm(NewJobForm, start, { id: 'job' }) };
});

export const actions = {
    default: protectedAction('jobs.write', NewJobForm, async ({ db, account, input }) => {
        const site = siteOf(input);
        const whom =
            input.customer_id === 'new'
                ? {
                      customer: {
                          name: input.customer_name,
                          email: orNull(input.customer_email),
                          phone: orNull(input.customer_phone),
                          notes: null
                      },
                      site
                  }
                : {
                      customer_id: input.customer_id,
                      site_id: site || input.site_id === 'new' || input.site_id === '' ? null : input.site_id,
                      site
                  };
        const made = await createJob(db, account.id, input.idempotency_key, detailsOf(input), whom);
        redirect(303, `/jobs/${made.job_id}`);
    })
};
