import { JOB_STATES, type JobState } from '$lib/domain/lifecycle.ts';
import { pageOf } from '$lib/server/fields.ts';
import { protectedLoad } from '$lib/server/guard.ts';
import { listJobs } from '$lib/server/jobs.ts';
import { pageSize } from '$lib/server/shapes.ts';

/** The filters of the list, in the words that stand over it. */
const SHOWN: Record<string, readonly JobState[]> = {
    open: ['enquiry', 'quoted', 'booked', 'in_progress', 'done'],
    to_invoice: ['done'],
    invoiced: ['invoiced', 'paid'],
    closed: ['lost', 'cancelled'],
    all: JOB_STATES
};

export const load = protectedLoad('jobs.read', async ({ db, account, event }) => {
    const asked = event.url.searchParams.get('show') ?? 'open';
    const show = Object.hasOwn(SHOWN, asked) ? asked : 'open';
    const search = event.url.searchParams.get('search')?.trim() ?? '';
    const page = pageOf(event.url);
    // A search looks everywhere: who types a name wants that job, whatever became of it.
    const states = search === '' ? (SHOWN[show] ?? JOB_STATES) : JOB_STATES;
    return {
        jobs: await listJobs(db, account.id, { states, search, page }),
        show,
        search,
        page,
        pageSize,
        mayAdd: account.permissions.includes('jobs.write')
    };
});
