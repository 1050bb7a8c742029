import { redirect } from '@sveltejs/kit';
import { z } from 'zod';
import { blankForm } from '$lib/server/forms.ts';
import { pathId, protectedAction, protectedLoad } from '$lib/server/guard.ts';
import { JobId, MemberId } from '$lib/server/ids.ts';
import { changeJobMembers, getJob } from '$lib/server/jobs.ts';
import { listMembers } from '$lib/server/team.ts';

const People = z.array(MemberId).max(500).default([]);
/** `were` is who was on the job when the page was opened: only what was ticked or unticked since then changes. */
const PeopleForm = z.object({ were: People, are: People });

export const load = protectedLoad('jobs.all', async ({ db, account, event }) => {
    const id = pathId(event, 'job', JobId);
    const [job, members] = await Promise.all([getJob(db, account.id, id), listMembers(db, account.id)]);
    const on = job.job_members.map(({ member_id }) => member_id);
    const were = members.map(({ id }) => id).filter((id) => on.includes(id));
    return {
        job: { id: job.id, title: job.title },
        members: members.map((member) => ({
            id: member.id,
            name: member.display_name,
            role: member.role.name
        })),
        form: await blankForm(PeopleForm, { were, are: were })
    };
});

export const actions = {
    default: protectedAction('jobs.all', PeopleForm, async ({ db, account, input, event }) => {
        const id = pathId(event, 'job', JobId);
        await changeJobMembers(db, account.id, id, {
            putOn: input.are.filter((member) => !input.were.includes(member)),
            takeOff: input.were.filter((member) => !input.are.includes(member))
        });
        redirect(303, `/jobs/${id}`);
    })
};
