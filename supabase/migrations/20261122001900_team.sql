-- Team: who is asked to join a business, who joins, what they may do there, and how they leave. Nobody gives what they do
-- not have, only an owner makes or unmakes an owner, and somebody who is removed is out with their next statement.

------------------------------------------------------------------------------------------------------
-- Tables
------------------------------------------------------------------------------------------------------

create table public.invitations (
    account_id uuid not null references public.accounts,
    id uuid not null default private.uuidv7(),
    email text not null,
    role_id uuid,
    token_hash bytea not null,
    expires_at timestamptz not null default now() + interval '7 days',
    accepted_at timestamptz,
    withdrawn_at timestamptz,
    invited_by uuid not null default auth.uid(),
    created_at timestamptz not null default private.moment(),
    updated_at timestamptz not null default private.moment(),
    created_by uuid default auth.uid(),
    primary key (account_id, id),
    constraint invitation_token_is_unique unique (token_hash),
    constraint invitation_token_is_kept_as_a_hash check (length(token_hash) = 32),
    constraint invitation_gives_a_role_of_the_account
        foreign key (account_id, role_id) references public.roles (account_id, id) on delete set null (role_id),
    constraint open_invitation_gives_a_role check (role_id is not null or accepted_at is not null or withdrawn_at is not null),
    constraint invitation_address_looks_like_one check (
        email ~ '^[^@\s]+@[^@\s]+\.[^@\s]+$' and email = lower(email) and length(email) <= 254
    ),
    constraint invitation_is_accepted_or_withdrawn check (accepted_at is null or withdrawn_at is null)
);
comment on table public.invitations is
    'Who was asked to join an account, by e-mail: 256 random bits, of which only the SHA-256 is kept, good once and for 7 '
    'days, for whoever proves to be that address (ACC-4).';
comment on column public.invitations.email is 'In lower case. Only a person whose own confirmed address it is may accept.';
comment on column public.invitations.invited_by is
    'The person who sent it last. Once they may no longer invite, it is worth nothing.';
create index invitations_by_role on public.invitations (account_id, role_id);
create unique index address_is_invited_once on public.invitations (account_id, email)
    where accepted_at is null and withdrawn_at is null;

create trigger touch before update on public.invitations for each row execute function private.touch();

select audit.watch(
    'public.invitations', 'invitation',
    secret => array['token_hash'],
    personal => array['email'],
    business => array[
        'account_id', 'id', 'role_id', 'expires_at', 'accepted_at', 'withdrawn_at', 'invited_by', 'created_at', 'updated_at',
        'created_by'
    ]
);
select private.collect_no_telling_statistics('public.invitations');

create function private.keep_the_owner_role_whole() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    if exists (
        select
        from public.roles as r
        where r.account_id = old.account_id
          and r.id = old.role_id
          and r.key = 'owner'
    ) then
        perform private.fail('role_is_built_in', 'An owner may do everything. Make a role of your own instead.');
    end if;
    return coalesce(new, old);
end
$$;
comment on function private.keep_the_owner_role_whole() is
    'Nobody takes anything away from the owner''s role, so that no business locks itself out (ACC-5).';

create trigger owner_role_stays_whole
    before update or delete on public.role_permissions
    for each row execute function private.keep_the_owner_role_whole();

------------------------------------------------------------------------------------------------------
-- Policies
------------------------------------------------------------------------------------------------------

create policy "Members who may invite see whom their account has invited"
    on public.invitations for select to authenticated
    using (nullif(account_id = any ((select private.accounts_with('members.write'))::uuid[]), false) is not unknown);
comment on policy "Members who may invite see whom their account has invited" on public.invitations is
    'Addresses of people who have not joined: for those who wrote to them. All but the token''s hash, which the grant leaves out.';

grant select (
    account_id, id, email, role_id, expires_at, accepted_at, withdrawn_at, invited_by, created_at, updated_at, created_by
) on public.invitations to authenticated;

------------------------------------------------------------------------------------------------------
-- Who may give what
------------------------------------------------------------------------------------------------------

create function private.is_owner(for_account uuid) returns boolean
    language sql
    stable
    set search_path = ''
as $$
    select exists (
        select
        from public.members as m
        join public.roles as r on r.account_id = m.account_id and r.id = m.role_id
        where m.account_id = for_account
          and m.user_id = auth.uid()
          and m.removed_at is null
          and r.key = 'owner'
    )
$$;
comment on function private.is_owner(uuid) is 'Is the signed-in person an owner of the account now?';

create function private.require_own(for_account uuid, permissions text[]) returns void
    language plpgsql
    set search_path = ''
as $$
begin
    if exists (
        select
        from unnest(permissions) as wanted
        where not for_account = any (private.accounts_with(wanted))
    ) then
        perform private.fail('more_than_yours', 'You can only give or take away what your own role allows.');
    end if;
end
$$;
comment on function private.require_own(uuid, text[]) is
    'Raises unless the signed-in person holds each of the permissions in the account: nobody gives what they do not have.';

create function private.require_giveable(for_account uuid, for_role uuid) returns public.roles
    language plpgsql
    set search_path = ''
as $$
declare
    role public.roles;
begin
    select *
    into role
    from public.roles as r
    where r.account_id = for_account
      and r.id = for_role;
    if not found then
        perform private.fail('not_found', 'There is no such role.');
    end if;
    if role.key = 'owner' and not private.is_owner(for_account) then
        perform private.fail('owners_only', 'Only an owner can do that.');
    end if;
    perform private.require_own(
        for_account,
        array(
            select rp.permission
            from public.role_permissions as rp
            where rp.account_id = for_account
              and rp.role_id = for_role
        )
    );
    return role;
end
$$;
comment on function private.require_giveable(uuid, uuid) is
    'The role of the account, if the signed-in person may give it and take it away: they hold all it allows, and for an '
    'owner''s they are one.';

create function private.active_member(for_account uuid, for_member uuid) returns public.members
    language plpgsql
    set search_path = ''
as $$
declare
    member public.members;
begin
    select *
    into member
    from public.members as m
    where m.account_id = for_account
      and m.id = for_member
      and m.removed_at is null
    for no key update;
    if not found then
        perform private.fail('not_found', 'There is no such person in the team.');
    end if;
    return member;
end
$$;
comment on function private.active_member(uuid, uuid) is 'Locks a member who has not been removed. Whoever calls has checked who asks.';

------------------------------------------------------------------------------------------------------
-- Invitations
------------------------------------------------------------------------------------------------------

create function private.invitation_is_open(invitation public.invitations) returns boolean
    language sql
    stable
    set search_path = ''
as $$
    select invitation.accepted_at is null
        and invitation.withdrawn_at is null
        and invitation.expires_at > now()
        and private.account_allows(invitation.account_id, 'member_writes')
        and exists (
            select
            from public.members as m
            join public.role_permissions as rp on rp.account_id = m.account_id and rp.role_id = m.role_id
            where m.account_id = invitation.account_id
              and m.user_id = invitation.invited_by
              and m.removed_at is null
              and rp.permission = 'members.write'
        )
$$;
comment on function private.invitation_is_open(public.invitations) is
    'Can an invitation be accepted now? It was neither used nor withdrawn, is not a week old, and whoever sent it may still invite.';

insert into private.limits (name, quota, period, longest, by_address, protects)
values
    ('invitation_account', 20, '1 day', null, false, 'Strangers'' mailboxes, against a business that invites without end.'),
    ('invitation_person', 40, '1 day', null, false, 'The same against a person who opens one business after the other for it.');

create function private.mail_invitation(invitation public.invitations, token text, role_name text, idempotency_key uuid) returns void
    language plpgsql
    set search_path = ''
as $$
begin
    perform private.spend(
        jsonb_build_array(
            jsonb_build_object('limit', 'invitation_account', 'key', invitation.account_id),
            jsonb_build_object('limit', 'invitation_person', 'key', invitation.invited_by)
        ),
        'too_many_invitations'
    );
    insert into mail.outbox (account_id, dedupe_key, template, to_address, data, has_secret)
    select
        a.id,
        'invitation:' || a.id || ':' || idempotency_key,
        'invitation',
        invitation.email,
        jsonb_build_object(
            'business_name', a.name,
            'inviter_name', m.display_name,
            'role_name', role_name,
            'link_token', token,
            'expires_at', invitation.expires_at
        ),
        true
    from public.accounts as a
    join public.members as m on m.account_id = a.id and m.user_id = invitation.invited_by
    where a.id = invitation.account_id;
end
$$;
comment on function private.mail_invitation(public.invitations, text, text, uuid) is
    'Queues an invitation, at most 20 a day for an account and 40 for a person, sent again or not.';

create function private.invite_member(for_account uuid, email text, for_role uuid, idempotency_key uuid) returns uuid
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    address text := lower(private.clean(email));
    token text := private.base64url(extensions.gen_random_bytes(32));
    earlier jsonb;
    role public.roles;
    invitation public.invitations;
begin
    perform private.require(for_account, 'members.write');
    perform private.require_fresh();
    perform private.take_turns(for_account);
    earlier := private.replay(for_account, idempotency_key, 'invite_member', jsonb_build_array(email, for_role));
    if earlier is not null then
        return earlier #>> '{}';
    end if;
    if address is null or address !~ '^[^@\s]+@[^@\s]+\.[^@\s]+$' or length(address) > 254 then
        perform private.fail('validation_failed', 'Give an e-mail address to send the invitation to.', 'email');
    end if;
    role := private.require_giveable(for_account, for_role);
    if exists (
        select
        from public.members as m
        join auth.users as u on u.id = m.user_id
        where m.account_id = for_account
          and m.removed_at is null
          and lower(u.email) = address
    ) then
        perform private.fail('already_a_member', 'Whoever has this address is in the team already.');
    end if;

    insert into public.invitations as i (account_id, email, role_id, token_hash)
    values (for_account, address, role.id, sha256(convert_to(token, 'utf8')))
    on conflict do nothing
    returning i.* into invitation;
    if invitation.id is null then
        perform private.fail('already_invited', 'This address is invited already. Send that invitation again, or withdraw it.');
    end if;
    perform private.mail_invitation(invitation, token, role.name, idempotency_key);
    return private.remember(for_account, idempotency_key, to_jsonb(invitation.id)) #>> '{}';
end
$$;
comment on function private.invite_member(uuid, text, uuid, uuid) is 'See public.invite_member.';
grant execute on function private.invite_member(uuid, text, uuid, uuid) to authenticated;

create function public.invite_member(account_id uuid, email text, role_id uuid, idempotency_key uuid) returns uuid
    language sql
    set search_path = ''
as $$
    select private.invite_member(account_id, email, role_id, idempotency_key)
$$;
comment on function public.invite_member(uuid, text, uuid, uuid) is
    'Asks somebody by e-mail to join with a role that the caller could hold themselves. Answers the invitation''s id; '
    'already_a_member, already_invited, more_than_yours, owners_only, too_many_invitations, fresh_proof_needed.';
grant execute on function public.invite_member(uuid, text, uuid, uuid) to authenticated;

create function private.resend_invitation(for_account uuid, for_invitation uuid, idempotency_key uuid) returns uuid
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    token text := private.base64url(extensions.gen_random_bytes(32));
    earlier jsonb;
    role public.roles;
    invitation public.invitations;
begin
    perform private.require(for_account, 'members.write');
    perform private.take_turns(for_account);
    earlier := private.replay(for_account, idempotency_key, 'resend_invitation', to_jsonb(for_invitation));
    if earlier is not null then
        return earlier #>> '{}';
    end if;
    update public.invitations as i
    set token_hash = sha256(convert_to(token, 'utf8')),
        expires_at = now() + interval '7 days',
        invited_by = auth.uid()
    where i.account_id = for_account
      and i.id = for_invitation
      and i.accepted_at is null
      and i.withdrawn_at is null
    returning i.* into invitation;
    if invitation.id is null then
        perform private.fail('not_found', 'There is no such invitation, or it is over.');
    end if;
    role := private.require_giveable(for_account, invitation.role_id);
    perform private.mail_invitation(invitation, token, role.name, idempotency_key);
    return private.remember(for_account, idempotency_key, to_jsonb(invitation.id)) #>> '{}';
end
$$;
comment on function private.resend_invitation(uuid, uuid, uuid) is 'See public.resend_invitation.';
grant execute on function private.resend_invitation(uuid, uuid, uuid) to authenticated;

create function public.resend_invitation(account_id uuid, invitation_id uuid, idempotency_key uuid) returns uuid
    language sql
    set search_path = ''
as $$
    select private.resend_invitation(account_id, invitation_id, idempotency_key)
$$;
comment on function public.resend_invitation(uuid, uuid, uuid) is
    'Sends an open invitation again, with a new link and seven new days; the link sent before ends. Answers its id.';
grant execute on function public.resend_invitation(uuid, uuid, uuid) to authenticated;

create function private.withdraw_invitation(for_account uuid, for_invitation uuid) returns boolean
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    perform private.require(for_account, 'members.write');
    perform private.take_turns(for_account);
    update public.invitations as i
    set withdrawn_at = private.moment()
    where i.account_id = for_account
      and i.id = for_invitation
      and i.accepted_at is null
      and i.withdrawn_at is null;
    if found then
        return true;
    end if;
    if not exists (
        select
        from public.invitations as i
        where i.account_id = for_account
          and i.id = for_invitation
    ) then
        perform private.fail('not_found', 'There is no such invitation.');
    end if;
    return false;
end
$$;
comment on function private.withdraw_invitation(uuid, uuid) is 'See public.withdraw_invitation.';
grant execute on function private.withdraw_invitation(uuid, uuid) to authenticated;

create function public.withdraw_invitation(account_id uuid, invitation_id uuid) returns boolean
    language sql
    set search_path = ''
as $$
    select private.withdraw_invitation(account_id, invitation_id)
$$;
comment on function public.withdraw_invitation(uuid, uuid) is
    'Ends an open invitation: its link is worth nothing from now on. False when it was accepted or withdrawn before.';
grant execute on function public.withdraw_invitation(uuid, uuid) to authenticated;

create function private.invitation(token text) returns jsonb
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    guess record := private.take_guess();
    shown jsonb;
begin
    if guess.headers ? 'Retry-After' then
        return private.refuse_guess(guess.headers);
    end if;
    shown := (
        select jsonb_build_object(
            'business', a.name,
            'role', r.name,
            'invited_by', m.display_name,
            'email', i.email,
            'expires_at', i.expires_at
        )
        from public.invitations as i
        join public.accounts as a on a.id = i.account_id
        join public.roles as r on r.account_id = i.account_id and r.id = i.role_id
        join public.members as m on m.account_id = i.account_id and m.user_id = i.invited_by
        where i.token_hash = sha256(convert_to(token, 'utf8'))
          and private.invitation_is_open(i)
    );
    if shown is null then
        return private.refuse_guess(guess.headers);
    end if;
    perform private.give_back(guess.wanted, false);
    return shown;
end
$$;
comment on function private.invitation(text) is 'See public.invitation.';
grant execute on function private.invitation(text) to anon, authenticated;

create function public.invitation(token text) returns jsonb
    language sql
    set search_path = ''
as $$
    select private.invitation(token)
$$;
comment on function public.invitation(text) is
    'What the holder of an invitation sees before they join: {business, role, invited_by, email, expires_at}. link_not_valid '
    'when it is unknown, used, withdrawn or too old; too_many_links at an address that opened many such ones.';
grant execute on function public.invitation(text) to anon, authenticated;

create function private.accept_invitation(token text, person_name text, idempotency_key uuid) returns uuid
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    person auth.users;
    earlier jsonb;
    invitation public.invitations;
begin
    perform private.require_session();
    select * into strict person from auth.users as u where u.id = auth.uid();
    earlier := private.replay(person.id, idempotency_key, 'accept_invitation', jsonb_build_array(token, person_name));
    if earlier is not null then
        return earlier #>> '{}';
    end if;

    -- Whoever comes second, to accept or to withdraw, waits here and then finds it used.
    perform private.take_turns(
        (select i.account_id from public.invitations as i where i.token_hash = sha256(convert_to(token, 'utf8')))
    );
    select *
    into invitation
    from public.invitations as i
    where i.token_hash = sha256(convert_to(token, 'utf8'));
    if not found or not private.invitation_is_open(invitation) then
        perform private.fail('link_not_valid', 'This link does not work any more. Ask for a new one.');
    end if;
    -- What a company's own sign-in says of an address was never proved to us.
    if lower(person.email) is distinct from invitation.email or person.email_confirmed_at is null or person.is_sso_user then
        perform private.fail('invitation_not_yours', 'This invitation is for another e-mail address. Sign in with that one.');
    end if;

    insert into public.members as m (account_id, user_id, role_id, display_name, email)
    values (
        invitation.account_id, person.id, invitation.role_id, coalesce(private.clean(person_name), person.email), person.email
    )
    on conflict on constraint member_is_unique_in_account do update
    set role_id = excluded.role_id,
        display_name = excluded.display_name,
        email = excluded.email,
        removed_at = null,
        removed_by = null
    where m.removed_at is not null;
    if not found then
        perform private.fail('already_a_member', 'You are in the team already.');
    end if;
    update public.invitations as i
    set accepted_at = private.moment()
    where i.account_id = invitation.account_id
      and i.id = invitation.id;
    return private.remember(person.id, idempotency_key, to_jsonb(invitation.account_id)) #>> '{}';
end
$$;
comment on function private.accept_invitation(text, text, uuid) is 'See public.accept_invitation.';
grant execute on function private.accept_invitation(text, text, uuid) to authenticated;

create function public.accept_invitation(token text, person_name text, idempotency_key uuid) returns uuid
    language sql
    set search_path = ''
as $$
    select private.accept_invitation(token, person_name, idempotency_key)
$$;
comment on function public.accept_invitation(text, text, uuid) is
    'Joins the account that sent the invitation, once, if the signed-in person''s confirmed address is the invited one. Answers '
    'the account''s id; link_not_valid, invitation_not_yours, already_a_member.';
grant execute on function public.accept_invitation(text, text, uuid) to authenticated;

------------------------------------------------------------------------------------------------------
-- Members
------------------------------------------------------------------------------------------------------

create function private.change_member_role(for_account uuid, for_member uuid, for_role uuid) returns boolean
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    member public.members;
begin
    perform private.require(for_account, 'members.write');
    perform private.require_fresh();
    perform private.take_turns(for_account);
    member := private.active_member(for_account, for_member);
    perform private.require_giveable(for_account, member.role_id);
    perform private.require_giveable(for_account, for_role);
    update public.members as m
    set role_id = for_role
    where m.account_id = for_account
      and m.id = for_member
      and m.role_id <> for_role;
    if not found then
        return false;
    end if;
    set constraints public.account_keeps_an_owner immediate;
    return true;
end
$$;
comment on function private.change_member_role(uuid, uuid, uuid) is 'See public.change_member_role.';
grant execute on function private.change_member_role(uuid, uuid, uuid) to authenticated;

create function public.change_member_role(account_id uuid, member_id uuid, role_id uuid) returns boolean
    language sql
    set search_path = ''
as $$
    select private.change_member_role(account_id, member_id, role_id)
$$;
comment on function public.change_member_role(uuid, uuid, uuid) is
    'Gives a member another role, from the next statement on. The caller holds all that the old one and the new one allow. '
    'False when it is the role they have; last_owner, more_than_yours, owners_only, fresh_proof_needed.';
grant execute on function public.change_member_role(uuid, uuid, uuid) to authenticated;

create function private.remove_member(for_account uuid, for_member uuid) returns boolean
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    leaves boolean;
    member public.members;
begin
    -- Everybody may leave, whatever their role and whatever the state of the business.
    leaves := coalesce(private.session_reach() > private.demands_factor(for_account)::integer, false) and exists (
        select
        from public.members as m
        where m.account_id = for_account
          and m.id = for_member
          and m.user_id = auth.uid()
          and m.removed_at is null
    );
    if not leaves then
        perform private.require(for_account, 'members.write');
    end if;
    perform private.take_turns(for_account);
    member := private.active_member(for_account, for_member);
    if not leaves then
        perform private.require_giveable(for_account, member.role_id);
    end if;
    update public.members as m
    set removed_at = private.moment(),
        removed_by = auth.uid()
    where m.account_id = for_account
      and m.id = for_member;
    set constraints public.account_keeps_an_owner immediate;
    return true;
end
$$;
comment on function private.remove_member(uuid, uuid) is 'See public.remove_member.';
grant execute on function private.remove_member(uuid, uuid) to authenticated;

create function public.remove_member(account_id uuid, member_id uuid) returns boolean
    language sql
    set search_path = ''
as $$
    select private.remove_member(account_id, member_id)
$$;
comment on function public.remove_member(uuid, uuid) is
    'Takes a member out of the team, from the next statement on, at the web app, the Data API and storage; or has the caller '
    'leave, when it is their own membership. last_owner, more_than_yours, owners_only.';
grant execute on function public.remove_member(uuid, uuid) to authenticated;

create function private.restore_member(for_account uuid, for_member uuid) returns boolean
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    member public.members;
begin
    perform private.require(for_account, 'members.write');
    perform private.take_turns(for_account);
    select *
    into member
    from public.members as m
    where m.account_id = for_account
      and m.id = for_member
    for no key update;
    if not found then
        perform private.fail('not_found', 'There is no such person.');
    end if;
    if member.removed_at is null then
        return false;
    end if;
    -- Whoever left comes back when they say so themselves: by an invitation.
    if member.removed_by = member.user_id then
        perform private.fail('left_by_themselves', 'They left by themselves. Invite them, and they can come back.');
    end if;
    if member.role_id is null then
        perform private.fail('role_is_gone', 'The role they had is deleted. Invite them with another one.');
    end if;
    perform private.require_giveable(for_account, member.role_id);
    update public.members as m
    set removed_at = null,
        removed_by = null
    where m.account_id = for_account
      and m.id = for_member;
    return true;
end
$$;
comment on function private.restore_member(uuid, uuid) is 'See public.restore_member.';
grant execute on function private.restore_member(uuid, uuid) to authenticated;

create function public.restore_member(account_id uuid, member_id uuid) returns boolean
    language sql
    set search_path = ''
as $$
    select private.restore_member(account_id, member_id)
$$;
comment on function public.restore_member(uuid, uuid) is
    'Undoes a removal: the person has their role back. Not for somebody who left, who has to agree (left_by_themselves), nor '
    'when the role was deleted since (role_is_gone). False when they are in the team.';
grant execute on function public.restore_member(uuid, uuid) to authenticated;

create function private.hand_over_ownership(for_account uuid, for_member uuid, idempotency_key uuid) returns boolean
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    member public.members;
begin
    perform private.require(for_account, 'members.write');
    perform private.require_fresh();
    perform private.take_turns(for_account);
    if private.replay(for_account, idempotency_key, 'hand_over_ownership', to_jsonb(for_member)) is not null then
        return true;
    end if;
    if not private.is_owner(for_account) then
        perform private.fail('owners_only', 'Only an owner can do that.');
    end if;
    member := private.active_member(for_account, for_member);
    if member.user_id = auth.uid() then
        perform private.fail('validation_failed', 'Choose somebody else of the team.', 'member_id');
    end if;
    -- Both at once: the business is never without an owner, and never has one more than was meant.
    update public.members as m
    set role_id = r.id
    from public.roles as r
    where m.account_id = for_account
      and r.account_id = m.account_id
      and r.key = case when m.id = member.id then 'owner' else 'admin' end
      and (m.id = member.id or m.user_id = auth.uid());
    perform private.remember(for_account, idempotency_key, 'true');
    return true;
end
$$;
comment on function private.hand_over_ownership(uuid, uuid, uuid) is 'See public.hand_over_ownership.';
grant execute on function private.hand_over_ownership(uuid, uuid, uuid) to authenticated;

create function public.hand_over_ownership(account_id uuid, member_id uuid, idempotency_key uuid) returns boolean
    language sql
    set search_path = ''
as $$
    select private.hand_over_ownership(account_id, member_id, idempotency_key)
$$;
comment on function public.hand_over_ownership(uuid, uuid, uuid) is
    'An owner makes another member the owner and becomes an admin, in one step (ACC-5); fresh_proof_needed.';
grant execute on function public.hand_over_ownership(uuid, uuid, uuid) to authenticated;

------------------------------------------------------------------------------------------------------
-- Seats
------------------------------------------------------------------------------------------------------

create function private.seats_in_use(for_account uuid) returns integer
    language sql
    stable
    set search_path = ''
as $$
    select count(*)::integer
    from public.members as m
    where m.account_id = for_account
      and m.removed_at is null
$$;
comment on function private.seats_in_use(uuid) is 'How many people are in the team now, whatever their role. An invitation takes none.';

create function private.seats(for_account uuid) returns integer
    language plpgsql
    stable security definer
    set search_path = ''
as $$
begin
    perform private.require(for_account, 'members.read');
    return private.seats_in_use(for_account);
end
$$;
comment on function private.seats(uuid) is 'See public.seats.';
grant execute on function private.seats(uuid) to authenticated;

create function public.seats(account_id uuid) returns integer
    language sql
    stable
    set search_path = ''
as $$
    select private.seats(account_id)
$$;
comment on function public.seats(uuid) is 'How many seats of the account are in use: everybody who is in the team now.';
grant execute on function public.seats(uuid) to authenticated;

------------------------------------------------------------------------------------------------------
-- Roles of the account's own
------------------------------------------------------------------------------------------------------

create function private.save_role(for_account uuid, for_role uuid, name text, permissions text[], idempotency_key uuid) returns uuid
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    new_name text := private.clean(name);
    wanted text[];
    earlier jsonb;
    role public.roles;
begin
    perform private.require(for_account, 'roles.write');
    perform private.require_fresh();
    perform private.take_turns(for_account);
    earlier := private.replay(for_account, idempotency_key, 'save_role', jsonb_build_array(for_role, name, permissions));
    if earlier is not null then
        return earlier #>> '{}';
    end if;
    if new_name is null or length(new_name) > 60 then
        perform private.fail('validation_failed', 'Give the role a name of at most 60 characters.', 'name');
    end if;
    if cardinality(coalesce(permissions, '{}')) = 0 then
        perform private.fail('validation_failed', 'Choose at least one thing that this role may do.', 'permissions');
    end if;
    -- Whoever may change something may see it, and whoever works here sees which business it is.
    wanted := array(
        select p.key
        from public.permissions as p
        where p.key = any (permissions)
           or p.key = 'account.read'
           or p.key in (select split_part(given, '.', 1) || '.read' from unnest(permissions) as given)
        order by p.key
    );
    if not wanted @> permissions then
        perform private.fail('validation_failed', 'One of these is nothing that a role can allow. Load the page again.', 'permissions');
    end if;
    perform private.require_own(for_account, wanted);

    if exists (
        select
        from public.roles as r
        where r.account_id = for_account
          and lower(r.name) = lower(new_name)
          and r.id is distinct from for_role
    ) then
        perform private.fail('validation_failed', 'There is a role of this name already. Choose another one.', 'name');
    end if;
    if for_role is null then
        insert into public.roles as r (account_id, name)
        values (for_account, new_name)
        returning r.* into role;
    else
        role := private.require_giveable(for_account, for_role);
        if role.key is not null then
            perform private.fail('role_is_built_in', 'This role stays as it is. Make a role of your own instead.');
        end if;
        update public.roles as r
        set name = new_name
        where r.account_id = for_account
          and r.id = for_role
          and r.name <> new_name;
        delete from public.role_permissions as rp
        where rp.account_id = for_account
          and rp.role_id = for_role
          and rp.permission <> all (wanted);
    end if;
    insert into public.role_permissions (account_id, role_id, permission)
    select role.account_id, role.id, permission
    from unnest(wanted) as permission
    on conflict do nothing;
    return private.remember(for_account, idempotency_key, to_jsonb(role.id)) #>> '{}';
end
$$;
comment on function private.save_role(uuid, uuid, text, text[], uuid) is 'See public.save_role.';
grant execute on function private.save_role(uuid, uuid, text, text[], uuid) to authenticated;

create function public.save_role(account_id uuid, role_id uuid, name text, permissions text[], idempotency_key uuid) returns uuid
    language sql
    set search_path = ''
as $$
    select private.save_role(account_id, role_id, name, permissions, idempotency_key)
$$;
comment on function public.save_role(uuid, uuid, text, text[], uuid) is
    'Makes a role of the account''s own (role_id null), or changes one, out of permissions that the caller holds. Seeing comes '
    'with changing. The five that every account has stay as they are (role_is_built_in). Answers the role''s id; fresh_proof_needed.';
grant execute on function public.save_role(uuid, uuid, text, text[], uuid) to authenticated;

create function private.delete_role(for_account uuid, for_role uuid) returns boolean
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    role public.roles;
begin
    perform private.require(for_account, 'roles.write');
    perform private.require_fresh();
    perform private.take_turns(for_account);
    role := private.require_giveable(for_account, for_role);
    if role.key is not null then
        perform private.fail('role_is_built_in', 'Every business has this role, and it stays.');
    end if;
    -- Nobody can accept one that has run out, and it must not keep its role for ever.
    update public.invitations as i
    set withdrawn_at = private.moment()
    where i.account_id = for_account
      and i.role_id = for_role
      and i.accepted_at is null
      and i.withdrawn_at is null
      and i.expires_at <= now();
    begin
        delete from public.roles as r
        where r.account_id = for_account
          and r.id = for_role;
    exception
        when check_violation then
            perform private.fail('role_in_use', 'Somebody has this role, or is invited or joins by a domain with it. Give them another one first.');
    end;
    return true;
end
$$;
comment on function private.delete_role(uuid, uuid) is 'See public.delete_role.';
grant execute on function private.delete_role(uuid, uuid) to authenticated;

create function public.delete_role(account_id uuid, role_id uuid) returns boolean
    language sql
    set search_path = ''
as $$
    select private.delete_role(account_id, role_id)
$$;
comment on function public.delete_role(uuid, uuid) is
    'Deletes a role of the account''s own that nobody has and nobody is invited with: role_in_use, which the tables themselves '
    'find out; role_is_built_in, more_than_yours, fresh_proof_needed.';
grant execute on function public.delete_role(uuid, uuid) to authenticated;
