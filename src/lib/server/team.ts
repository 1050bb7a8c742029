/** Who works in a business, who is asked to, and how somebody comes and goes. */
import { z } from 'zod';
import { call, read, type Db } from './data.ts';
import { InvitationId, MemberId, RoleId, UserId, type AccountId } from './ids.ts';
import { Moment } from './shapes.ts';

const Member = z.object({
    id: MemberId,
    user_id: UserId,
    display_name: z.string(),
    email: z.string(),
    role_id: RoleId,
    created_at: Moment,
    role: z.object({ key: z.string().nullable(), name: z.string() })
});

/** A person in the team. */
export type Member = z.infer<typeof Member>;

const memberColumns =
    'id, user_id, display_name, email, role_id, created_at, role:roles!member_has_a_role_of_the_account (key, name)';

/** Everybody who is in the team now, those who came first first. */
export function listMembers(db: Db, account: AccountId): Promise<Member[]> {
    return read(
        db
            .from('members')
            .select(memberColumns)
            .eq('account_id', account)
            .is('removed_at', null)
            .order('created_at')
            .order('id'),
        z.array(Member)
    );
}

/** One person of the team, or `not_found`: who was removed stands in the trail. */
export function getMember(db: Db, account: AccountId, id: MemberId): Promise<Member> {
    return read(
        db
            .from('members')
            .select(memberColumns)
            .eq('account_id', account)
            .eq('id', id)
            .is('removed_at', null)
            .single(),
        Member
    );
}

const Former = z.object({ id: MemberId, name: z.string() });

/** Somebody who was removed from the team, or null. */
export function getFormerMember(
    db: Db,
    account: AccountId,
    id: MemberId
): Promise<z.infer<typeof Former> | null> {
    return read(
        db
            .from('members')
            .select('id, name:display_name')
            .eq('account_id', account)
            .eq('id', id)
            .not('removed_at', 'is', null)
            .maybeSingle(),
        Former.nullable()
    );
}

const Invitation = z.object({
    id: InvitationId,
    email: z.string(),
    expires_at: Moment,
    role: z.object({ name: z.string() })
});

/** Somebody who was asked to join and has not answered. */
export type Invitation = z.infer<typeof Invitation>;

/** Invitations that are open, also those that have run out: they can be sent again. Empty for whoever may not invite. */
export function listInvitations(db: Db, account: AccountId): Promise<Invitation[]> {
    return read(
        db
            .from('invitations')
            .select('id, email, expires_at, role:roles!invitation_gives_a_role_of_the_account (name)')
            .eq('account_id', account)
            .is('accepted_at', null)
            .is('withdrawn_at', null)
            .order('created_at')
            .order('id'),
        z.array(Invitation)
    );
}

/** How many seats are in use. */
export function seatsInUse(db: Db, account: AccountId): Promise<number> {
    return call(db, 'seats', { account_id: account }, z.int());
}

/** Asks somebody by e-mail to join. Same key, same invitation. */
export function inviteMember(
    db: Db,
    account: AccountId,
    invitation: { email: string; role_id: RoleId; idempotency_key: string }
): Promise<InvitationId> {
    return call(db, 'invite_member', { account_id: account, ...invitation }, InvitationId);
}

/** Sends an invitation again, with a new link; the one sent before ends. */
export function resendInvitation(
    db: Db,
    account: AccountId,
    id: InvitationId,
    key: string
): Promise<InvitationId> {
    const args = { account_id: account, invitation_id: id, idempotency_key: key };
    return call(db, 'resend_invitation', args, InvitationId);
}

/** Ends an invitation. False when it was over before. */
export function withdrawInvitation(db: Db, account: AccountId, id: InvitationId): Promise<boolean> {
    return call(db, 'withdraw_invitation', { account_id: account, invitation_id: id }, z.boolean());
}

/** Gives somebody another role, from their next request on. */
export function changeMemberRole(db: Db, account: AccountId, id: MemberId, role: RoleId): Promise<boolean> {
    const args = { account_id: account, member_id: id, role_id: role };
    return call(db, 'change_member_role', args, z.boolean());
}

/** Takes somebody out of the team, from their next request on; one's own membership: leaves. */
export function removeMember(db: Db, account: AccountId, id: MemberId): Promise<boolean> {
    return call(db, 'remove_member', { account_id: account, member_id: id }, z.boolean());
}

/** Undoes a removal. */
export function restoreMember(db: Db, account: AccountId, id: MemberId): Promise<boolean> {
    return call(db, 'restore_member', { account_id: account, member_id: id }, z.boolean());
}

/** Makes somebody else the owner, and oneself an admin. */
export function handOverOwnership(db: Db, account: AccountId, id: MemberId, key: string): Promise<boolean> {
    const args = { account_id: account, member_id: id, idempotency_key: key };
    return call(db, 'hand_over_ownership', args, z.boolean());
}
