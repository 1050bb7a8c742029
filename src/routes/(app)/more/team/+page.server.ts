import { redirect } from '@sveltejs/kit';
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { listJoinRequests } from '$lib/server/domains.ts';
import { blankForm } from '$lib/server/forms.ts';
import { protectedAction, protectedLoad } from '$lib/server/guard.ts';
import { IdempotencyKey, InvitationId, MemberId } from '$lib/server/ids.ts';
import {
    getFormerMember,
    listInvitations,
    listMembers,
    resendInvitation,
    restoreMember,
    seatsInUse,
    withdrawInvitation
} from '$lib/server/team.ts';

const Resend = z.object({ invitation_id: InvitationId, idempotency_key: IdempotencyKey });
const Withdraw = z.object({ invitation_id: InvitationId });
const Restore = z.object({ member_id: MemberId });

/** What has just been done, of which only the kind and an id stand in the address. */
const Done = z.object({
    invited: InvitationId.optional().catch(undefined),
    resent: InvitationId.optional().catch(undefined),
    removed: MemberId.optional().catch(undefined),
    restored: MemberId.optional().catch(undefined)
});

export const load = protectedLoad('members.read', async ({ db, account, me, event }) => {
    const query = event.url.searchParams;
    const done = Done.parse(Object.fromEntries(query));
    const [members, invitations, requests, seats, removed] = await Promise.all([
        listMembers(db, account.id),
        listInvitations(db, account.id),
        listJoinRequests(db, account.id),
        seatsInUse(db, account.id),
        done.removed ? getFormerMember(db, account.id, done.removed) : null
    ]);
    return {
        members: members.map((member) => ({ ...member, isYou: member.user_id === me.user_id })),
        invitations: invitations.map((invitation) => ({
            ...invitation,
            isOver: Date.parse(invitation.expires_at) <= Date.now()
        })),
        requests,
        seats,
        removed,
        restored: members.find(({ id }) => id === done.restored)?.display_name ?? null,
        sentTo: invitations.find(({ id }) => id === (done.invited ?? done.resent))?.email ?? null,
        withdrawn: query.has('withdrawn'),
        letIn: query.has('let-in'),
        refused: query.has('refused'),
        mayChange: account.permissions.includes('members.write'),
        key: randomUUID(),
        resend: await blankForm(Resend, undefined, { id: 'resend' }),
        withdraw: await blankForm(Withdraw, undefined, { id: 'withdraw' }),
        restore: await blankForm(Restore, undefined, { id: 'restore' })
    };
});

export const actions = {
    resend: protectedAction('members.write', Resend, async ({ db, account, input }) => {
        const id = await resendInvitation(db, account.id, input.invitation_id, input.idempotency_key);
        redirect(303, `/more/team?resent=${id}`);
    }),
    withdraw: protectedAction('members.write', Withdraw, async ({ db, account, input }) => {
        await withdrawInvitation(db, account.id, input.invitation_id);
        redirect(303, '/more/team?withdrawn');
    }),
    restore: protectedAction('members.write', Restore, async ({ db, account, input }) => {
        await restoreMember(db, account.id, input.member_id);
        redirect(303, `/more/team?restored=${input.member_id}`);
    })
};
