import { redirect } from '@sveltejs/kit';
import { getCustomer } from '$lib/server/customers.ts';
import { blankForm } from '$lib/server/forms.ts';
import { pathId, protectedAction, protectedLoad } from '$lib/server/guard.ts';
import { JobId } from '$lib/server/ids.ts';
import { getJob, updateJob } from '$lib/server/jobs.ts';
import { detailsOf, JobForm } from '../../schemas.ts';

export const load = protectedLoad('jobs.write', async ({ db, account, event }) => {
    const job = await getJob(db, account.id, pathId(event, 'job', JobId));
    const { sites } = await getCustomer(db, account.id, job.customer.id);
    const stored = {
        title: job.title,
        description: job.description ?? '',
        booked_on: job.booked_on ?? '',
        site_id: job.site?.id ?? ('' as const)
    };
    return { job, sites, form: await blankForm(JobForm, stored, { id: 'job' }) };
});

export const actions = {
    default: protectedAction('jobs.write', JobForm, async ({ db, account, event, input }) => {
        const id = pathId(event, 'job', JobId);
        await updateJob(db, account.id, id, {
            ...detailsOf(input),
            site_id: input.site_id === '' ? null : input.site_id
        });
        redirect(303, `/jobs/${id}`);
    })
};
