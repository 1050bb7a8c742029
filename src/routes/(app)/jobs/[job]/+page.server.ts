import { redirect } from '@sveltejs/kit';
import { nextJobStates } from '$lib/domain/lifecycle.ts';
import { trailOf } from '$lib/server/audit.ts';
import { photosOfJob } from '$lib/server/documents.ts';
import { pathId, protectedAction, protectedLoad } from '$lib/server/guard.ts';
import { JobId } from '$lib/server/ids.ts';
import { getJob, moveJob } from '$lib/server/jobs.ts';
import { listMembers } from '$lib/server/team.ts';
import { MoveForm } from '../schemas.ts';

export const load = protectedLoad('jobs.read', async ({ db, account, me, event }) => {
    const id = pathId(event, 'job', JobId);
    const may = (permission: string): boolean => account.permissions.includes(permission);
    const [job, photos, trail, team] = await Promise.all([
        getJob(db, account.id, id),
        may('documents.read') ? photosOfJob(db, account.id, id) : [],
        may('audit.read') ? trailOf(db, account.id, { entity: 'job', id, pageSize: 20 }) : null,
        may('members.read') ? listMembers(db, account.id) : []
    ]);
    return {
        job,
        photos,
        trail,
        people: team
            .filter((member) => job.job_members.some(({ member_id }) => member_id === member.id))
            .map((member) => (member.user_id === me.user_id ? 'You' : member.display_name)),
        hasTeam: team.length > 1,
        next: may('jobs.write') ? nextJobStates(job.state) : [],
        mayChange: may('jobs.write'),
        mayPutOn: may('jobs.write') && may('jobs.all') && may('members.read'),
        mayPhotograph: may('documents.write'),
        mayInvoice: may('invoices.write')
    };
});

export const actions = {
    move: protectedAction('jobs.write', MoveForm, async ({ db, account, event, input }) => {
        const id = pathId(event, 'job', JobId);
        await moveJob(db, account.id, id, input.to);
        redirect(303, `/jobs/${id}`);
    })
};
