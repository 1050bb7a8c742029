import { redirect } from '@sveltejs/kit';
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { problem } from '$lib/server/errors.ts';
import { blankForm } from '$lib/server/forms.ts';
import { askFresh } from '$lib/server/fresh.ts';
import { pathId, protectedAction, protectedLoad } from '$lib/server/guard.ts';
import { IdempotencyKey, MemberId } from '$lib/server/ids.ts';
import { getMember, handOverOwnership } from '$lib/server/team.ts';

const HandOver = z.object({ idempotency_key: IdempotencyKey });

export const load = protectedLoad('members.write', async ({ db, account, me, event }) => {
    const id = pathId(event, 'member', MemberId);
    const member = await getMember(db, account.id, id);
    if (member.user_id === me.user_id) throw problem('not_found');
    if (account.role.key !== 'owner') throw problem('owners_only');
    askFresh(me);
    return { member, form: await blankForm(HandOver, { idempotency_key: randomUUID() }) };
});

export const actions = {
    default: protectedAction('members.write', HandOver, async ({ db, account, input, event }) => {
        const id = pathId(event, 'member', MemberId);
        await handOverOwnership(db, account.id, id, input.idempotency_key);
        redirect(303, `/more/team/${id}?saved`);
    })
};
