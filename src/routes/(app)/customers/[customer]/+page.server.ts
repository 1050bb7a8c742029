import { redirect } from '@sveltejs/kit';
import { addSite, getCustomer } from '$lib/server/customers.ts';
import { blankForm } from '$lib/server/forms.ts';
import { pathId, protectedAction, protectedLoad } from '$lib/server/guard.ts';
import { CustomerId } from '$lib/server/ids.ts';
import { listInvoices } from '$lib/server/invoices.ts';
import { listJobs } from '$lib/server/jobs.ts';
import { SiteForm, siteOf } from '../schemas.ts';

export const load = protectedLoad('customers.read', async ({ db, account, event }) => {
    const id = pathId(event, 'customer', CustomerId);
    const may = (permission: string): boolean => account.permissions.includes(permission);
    const [customer, jobs, invoices, form] = await Promise.all([
        getCustomer(db, account.id, id),
        may('jobs.read') ? listJobs(db, account.id, { customer: id }) : null,
        may('invoices.read') ? listInvoices(db, account.id, { customer: id }) : null,
        blankForm(SiteForm, {}, { id: 'site' })
    ]);
    return {
        customer,
        jobs,
        invoices,
        form,
        mayChange: may('customers.write'),
        mayAddJob: may('jobs.write')
    };
});

export const actions = {
    site: protectedAction('customers.write', SiteForm, async ({ db, account, event, input }) => {
        const id = pathId(event, 'customer', CustomerId);
        const site = siteOf(input);
        if (site) await addSite(db, account.id, id, site);
        redirect(303, `/customers/${id}`);
    })
};
