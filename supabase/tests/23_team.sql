-- The team: who may ask whom to join, who joins, who may change whose role, and how people leave. What is
-- allowed stands beside what is not.
select plan(111);

select tests.business('bell');
select tests.business('finch');
select tests.member('bell', 'admin');
select tests.member('bell', 'staff');
select tests.member('bell', 'agent');
-- Somebody who may invite and little else; and somebody who may do everything and is no owner.
select tests.member_with('bell', array['account.read', 'members.read', 'members.write', 'jobs.read'], 'bell recruiter');
select tests.member_with('bell', array(select key from public.permissions), 'bell deputy');
select tests.person('priya');
select tests.person('ravi');

------------------------------------------------------------------------------------------------------
-- Asking somebody to join
------------------------------------------------------------------------------------------------------

select set_config('tests.token', tests.invited('bell', tests.address('priya')), true);
select is(
    (select array[o.to_address, o.data ->> 'business_name', o.data ->> 'inviter_name', o.data ->> 'role_name'] from mail.outbox as o where o.template = 'invitation'),
    array[tests.address('priya'), 'Bell', 'Bell Owner', 'Staff'],
    '[ACC-4] an invitation is mailed to the address, in the name of the business and of whoever sent it'
);
select is(
    (select has_secret from mail.outbox where template = 'invitation'), true, '[ACC-4] the link in it is erased once it is sent'
);
select is(
    (select i.token_hash = sha256(convert_to(current_setting('tests.token'), 'utf8')) and i.expires_at = now() + interval '7 days' from public.invitations as i),
    true, '[ACC-4] of the token only the hash is kept, for seven days'
);
select is(length(current_setting('tests.token')), 43, '[ACC-4] it is 256 random bits');

select matches(
    tests.says('bell staff', $$public.invite_member(tests.id('bell'), 'new@mail.example', tests.role('bell', 'staff'), gen_random_uuid())$$),
    '^42501 Your role', '[ACC-4] staff may not invite'
);
select matches(
    tests.says('finch owner', $$public.invite_member(tests.id('bell'), 'new@mail.example', tests.role('bell', 'staff'), gen_random_uuid())$$),
    '^PT404', '[ACC-4] nor may another business'
);
select matches(
    tests.says('bell admin', $$public.invite_member(tests.id('bell'), 'admin@mail.example', tests.role('bell', 'admin'), gen_random_uuid())$$),
    '^[0-9a-f-]{36}$', '[ACC-4] an admin may'
);
select is(
    tests.says('bell recruiter', $$public.invite_member(tests.id('bell'), 'new@mail.example', tests.role('bell', 'staff'), gen_random_uuid())$$),
    '42501 You can only give or take away what your own role allows.', '[ACC-3] nobody gives a role that may do more than their own'
);
select matches(
    tests.says('bell recruiter', $$public.invite_member(tests.id('bell'), 'second@mail.example', tests.role('bell', 'bell recruiter'), gen_random_uuid())$$),
    '^[0-9a-f-]{36}$', '[ACC-3] one like their own they do'
);
select is(
    tests.says('bell deputy', $$public.invite_member(tests.id('bell'), 'new@mail.example', tests.role('bell', 'owner'), gen_random_uuid())$$),
    '42501 Only an owner can do that.', '[ACC-5] only an owner makes an owner, whatever else somebody may do'
);
select matches(
    tests.says('bell owner', $$public.invite_member(tests.id('bell'), 'owner@mail.example', tests.role('bell', 'owner'), gen_random_uuid())$$),
    '^[0-9a-f-]{36}$', '[ACC-5] an owner does'
);
select is(
    tests.says('bell owner', $$public.invite_member(tests.id('bell'), 'new@mail.example', tests.role('finch', 'staff'), gen_random_uuid())$$),
    'PT404 There is no such role.', '[ISO-1] a role of another business is none'
);
select is(
    tests.says('bell owner', format('public.invite_member(tests.id(''bell''), %L, tests.role(''bell'', ''staff''), gen_random_uuid())', address)),
    'P0001 Give an e-mail address to send the invitation to.', format('[ACC-4] %s is no address', what)
)
from (values ('nothing', ' '), ('a name', 'Priya'), ('what is far too long', repeat('x', 250) || '@mail.example')) as tried (what, address);
select is(
    tests.says('bell owner', $$public.invite_member(tests.id('bell'), upper(tests.address('bell staff')), tests.role('bell', 'staff'), gen_random_uuid())$$),
    'P0001 Whoever has this address is in the team already.', '[ACC-4] who is in the team is not invited'
);
select is(
    tests.says('bell owner', $$public.invite_member(tests.id('bell'), ' ' || upper(tests.address('priya')), tests.role('bell', 'admin'), gen_random_uuid())$$),
    'P0001 This address is invited already. Send that invitation again, or withdraw it.', '[ACC-4] an address is invited once at a time, however it is written'
);
select is(
    (
        select count(distinct tests.says('bell owner', $$public.invite_member(tests.id('bell'), 'once@mail.example', tests.role('bell', 'staff'), '00000000-0000-4000-8000-000000000001')$$))
        from generate_series(1, 2)
    ),
    1::bigint, '[ACC-4] the same form sent twice invites once'
);
select is((select count(*) from mail.outbox where to_address = 'once@mail.example'), 1::bigint, 'and sends one e-mail');
select is(
    tests.says('bell owner', $$(select count(*) from public.invitations) || ' ' || (select count(*) from public.invitations where email = tests.address('priya'))$$),
    '5 1', '[ACC-4] who may invite sees who is invited'
);
select is(tests.says('bell staff', $$(select count(*) from public.invitations)$$), '0', '[ACC-4] staff does not');
select matches(tests.says('bell owner', '(select max(token_hash::text) from public.invitations)'), '^42501', '[ACC-4] nobody reads what the token is known by');

------------------------------------------------------------------------------------------------------
-- What its holder sees
------------------------------------------------------------------------------------------------------

select tests.be_anon();
select is(
    public.invitation(current_setting('tests.token')),
    jsonb_build_object(
        'business', 'Bell', 'role', 'Staff', 'invited_by', 'Bell Owner', 'email', tests.address('priya'),
        'expires_at', now() + interval '7 days'
    ),
    '[ACC-4] whoever holds the link sees who asks them to what, without a login'
);
select is(public.invitation('something else') ->> 'hint', 'link_not_valid', '[ACC-4] another token opens nothing');
select throws_ok($$select public.accept_invitation(current_setting('tests.token'), 'P', gen_random_uuid())$$, '42501', null, '[ACC-4] nobody joins without a login');
select tests.be_postgres();

-- Why an invitation may not be open, each alone.
create function pg_temp.opened(change text) returns text
    language plpgsql
as $$
declare
    answer text;
begin
    execute change;
    answer := tests.says('priya', $q$public.accept_invitation(current_setting('tests.token'), 'Priya', gen_random_uuid()) = tests.id('bell')$q$);
    raise exception using errcode = 'TF001', message = answer;
exception
    when sqlstate 'TF001' then
        return sqlerrm;
end
$$;
select is(pg_temp.opened('select'), 'true', '[ACC-4] an open invitation is accepted by whom it was sent to');
select is(pg_temp.opened(change), 'P0001 This link does not work any more. Ask for a new one.', format('[ACC-4] not once %s', because))
from (
    values
        ('it was accepted', $$update public.invitations set accepted_at = now()$$),
        ('it was withdrawn', $$update public.invitations set withdrawn_at = now()$$),
        ('a week has passed', $$update public.invitations set expires_at = now()$$),
        ('the account is suspended', $$select tests.set_state('bell', 'suspended')$$),
        ('whoever sent it has been removed', $$update public.members set removed_at = now() where user_id = tests.id('bell owner')$$),
        ('whoever sent it may no longer invite', $$update public.members set role_id = tests.role('bell', 'staff') where user_id = tests.id('bell owner')$$)
) as tried (because, change);
select is(
    pg_temp.opened(change), '42501 This invitation is for another e-mail address. Sign in with that one.', format('[ACC-4] nor %s', because)
)
from (
    values
        ('by another address', $$select tests.change_address('priya', 'other@people.example')$$),
        ('by an address that was never confirmed', $$update auth.users set email_confirmed_at = null where id = tests.id('priya')$$),
        ('on the word of a company''s own sign-in', $$update auth.users set is_sso_user = true where id = tests.id('priya')$$)
) as tried (because, change);
select is(
    pg_temp.opened($$delete from auth.sessions where user_id = tests.id('priya')$$),
    '42501 Your session has ended. Sign in again.', '[AUTH-6] nor in a session that has ended'
);
select is(
    tests.says('ravi', $$public.accept_invitation(current_setting('tests.token'), 'Ravi', gen_random_uuid())$$),
    '42501 This invitation is for another e-mail address. Sign in with that one.', '[ACC-4] whom it was passed on to does not join'
);

------------------------------------------------------------------------------------------------------
-- Joining
------------------------------------------------------------------------------------------------------

select is(
    (
        select array_agg(distinct tests.says('priya', $$public.accept_invitation(current_setting('tests.token'), ' Priya Nair ', '00000000-0000-4000-8000-000000000002') = tests.id('bell')$$))
        from generate_series(1, 2)
    ),
    array['true'], '[ACC-4] the same form sent twice joins once, and answers alike'
);
select results_eq(
    $$
        select m.display_name, m.email, r.key, i.accepted_at is not null
        from public.members as m
        join public.roles as r on r.account_id = m.account_id and r.id = m.role_id
        join public.invitations as i on i.id = tests.id('bell invitation')
        where m.user_id = tests.id('priya')
    $$,
    $$values ('Priya Nair', tests.address('priya'), 'staff', true)$$,
    '[ACC-4] who accepts is in the team, in the role that was offered'
);
select is(tests.says('priya', $$public.has_permission(tests.id('bell'), 'jobs.write')$$), 'true', '[ACC-4] and may do what it allows, with the next statement');
select is(
    tests.says('priya', $$public.accept_invitation(current_setting('tests.token'), 'Priya', gen_random_uuid())$$),
    'P0001 This link does not work any more. Ask for a new one.', '[ACC-4] an invitation is good once'
);
select is(
    (select count(*) from tests.trail where action = 'invitation.accepted' and actor_id = tests.id('priya')), 1::bigint,
    '[AUD-2] that somebody joined is on record'
);
select is_empty($$select from tests.trail where before::text || after::text like '%' || current_setting('tests.token') || '%'$$, '[AUD-6] the token is not');

-- Whose address came to be that of a member meanwhile.
select set_config('tests.token', tests.invited('bell', 'soon@people.example', 'admin', 'late'), true);
select tests.change_address('bell staff', 'soon@people.example');
select is(
    tests.says('bell staff', $$public.accept_invitation(current_setting('tests.token'), 'S', gen_random_uuid())$$),
    'P0001 You are in the team already.', '[ACC-3] nobody changes their own role by an invitation'
);

------------------------------------------------------------------------------------------------------
-- Sending again, and withdrawing
------------------------------------------------------------------------------------------------------

update public.invitations set expires_at = now() - interval '1 day' where id = tests.id('bell late');
select is(
    tests.says('bell admin', $$public.resend_invitation(tests.id('bell'), tests.id('bell late'), gen_random_uuid()) = tests.id('bell late')$$),
    'true', '[ACC-4] one that ran out is sent again'
);
select is(
    (select array[i.expires_at = now() + interval '7 days', i.invited_by = tests.id('bell admin')] from public.invitations as i where i.id = tests.id('bell late')),
    array[true, true], '[ACC-4] for seven new days, by whoever sent it now'
);
select tests.be_anon();
select is(public.invitation(current_setting('tests.token')) ->> 'hint', 'link_not_valid', '[ACC-4] the link sent before is over');
select tests.be_postgres();
select is(
    (select count(*) from (select tests.mailed_token('bell', 'soon@people.example') as token) as mailed where public.invitation(token) ->> 'invited_by' = 'Bell Admin'),
    1::bigint, '[ACC-4] the new one works'
);
select is(
    (
        select count(distinct tests.says('bell owner', $$public.resend_invitation(tests.id('bell'), tests.id('bell late'), '00000000-0000-4000-8000-000000000003')$$))
        from generate_series(1, 2)
    ),
    1::bigint, 'the same form sent twice'
);
select is((select count(*) from mail.outbox where to_address = 'soon@people.example'), 3::bigint, 'sends one e-mail');
select matches(
    tests.says('bell staff', $$public.resend_invitation(tests.id('bell'), tests.id('bell late'), gen_random_uuid())$$), '^42501 Your role', '[ACC-4] staff sends none again'
);
select is(
    tests.says('bell recruiter', $$public.resend_invitation(tests.id('bell'), tests.id('bell late'), gen_random_uuid())$$),
    '42501 You can only give or take away what your own role allows.', '[ACC-3] nor does who lacks what it gives'
);
select matches(
    tests.says('bell staff', $$public.withdraw_invitation(tests.id('bell'), tests.id('bell late'))$$), '^42501 Your role', '[ACC-4] staff withdraws none'
);
select is(tests.says('bell admin', $$public.withdraw_invitation(tests.id('bell'), tests.id('bell late'))$$), 'true', '[ACC-4] an admin withdraws one');
select is(tests.says('bell admin', $$public.withdraw_invitation(tests.id('bell'), tests.id('bell late'))$$), 'false', 'twice does no harm');
select is(tests.says('bell admin', $$public.withdraw_invitation(tests.id('bell'), tests.id('bell invitation'))$$), 'false', '[ACC-4] one that was accepted is not withdrawn');
select is(tests.says('bell admin', $$public.withdraw_invitation(tests.id('bell'), gen_random_uuid())$$), 'PT404 There is no such invitation.', 'one that is not there neither');
select is(
    tests.says('bell admin', format('public.resend_invitation(tests.id(''bell''), %L, gen_random_uuid())', tests.id('bell ' || name))),
    'PT404 There is no such invitation, or it is over.', format('[ACC-4] %s is not sent again', what)
)
from (values ('a withdrawn one', 'late'), ('an accepted one', 'invitation')) as tried (what, name);

delete from mail.outbox where template = 'invitation';

------------------------------------------------------------------------------------------------------
-- Changing a role
------------------------------------------------------------------------------------------------------

create function pg_temp.role_of(member text) returns text
    language sql
as $$
    select coalesce(r.key, r.name)
    from public.members as m
    join public.roles as r on r.account_id = m.account_id and r.id = m.role_id
    where m.account_id = tests.id('bell') and m.user_id = tests.id(member)
$$;
create function pg_temp.member(person text) returns uuid
    language sql
as $$
    select m.id from public.members as m where m.account_id = tests.id('bell') and m.user_id = tests.id(person)
$$;
create function pg_temp.give(who text, whom text, role text) returns text
    language sql
as $$
    select tests.says(who, format('public.change_member_role(tests.id(''bell''), %L, %L)', pg_temp.member(whom), tests.role('bell', role)))
$$;

select is(pg_temp.give('bell admin', 'bell staff', 'admin'), 'true', '[ACC-3] an admin makes an admin');
select is(pg_temp.role_of('bell staff'), 'admin', 'which they are');
select is(tests.says('bell staff', $$public.has_permission(tests.id('bell'), 'audit.read')$$), 'true', '[ACC-3] with the next statement');
select is(pg_temp.give('bell admin', 'bell staff', 'admin'), 'false', 'twice does no harm');
select is(pg_temp.give('bell admin', 'bell staff', 'staff'), 'true', '[ACC-3] and takes it back');
select matches(pg_temp.give('bell staff', 'bell agent', 'staff'), '^42501 Your role', '[ACC-3] staff changes nobody''s role');
select is(pg_temp.give('bell admin', 'bell staff', 'owner'), '42501 Only an owner can do that.', '[ACC-5] an admin makes no owner');
select is(pg_temp.give('bell admin', 'bell owner', 'staff'), '42501 Only an owner can do that.', '[ACC-5] nor unmakes one');
select is(pg_temp.give('bell deputy', 'bell owner', 'staff'), '42501 Only an owner can do that.', '[ACC-5] even one who may do everything');
select is(pg_temp.give('bell recruiter', 'bell agent', 'staff'), '42501 You can only give or take away what your own role allows.', '[ACC-3] nobody gives what they do not have');
select is(pg_temp.give('bell recruiter', 'bell staff', 'agent'), '42501 You can only give or take away what your own role allows.', '[ACC-3] or takes it away');
select is(pg_temp.give('bell recruiter', 'bell agent', 'bell recruiter'), 'true', '[ACC-3] what they have they give');
select is(pg_temp.give('bell recruiter', 'bell agent', 'agent'), 'true', '[ACC-3] and take away');
select is(
    tests.says('bell owner', format('public.change_member_role(tests.id(''bell''), %L, tests.role(''finch'', ''admin''))', pg_temp.member('bell staff'))),
    'PT404 There is no such role.', '[ISO-1] a role of another business is none'
);
select is(
    tests.says('bell owner', $$public.change_member_role(tests.id('bell'), gen_random_uuid(), tests.role('bell', 'admin'))$$),
    'PT404 There is no such person in the team.', 'nobody is given a role who is not there'
);
select is(pg_temp.give('bell owner', 'bell owner', 'admin'), 'P0001 A business always keeps at least one owner.', '[ACC-5] the last owner stays one');

------------------------------------------------------------------------------------------------------
-- Removing, undoing, leaving
------------------------------------------------------------------------------------------------------

create function pg_temp.out(who text, whom text) returns text
    language sql
as $$
    select tests.says(who, format('public.remove_member(tests.id(''bell''), %L)', pg_temp.member(whom)))
$$;
create function pg_temp.back(who text, whom text) returns text
    language sql
as $$
    select tests.says(who, format('public.restore_member(tests.id(''bell''), %L)', pg_temp.member(whom)))
$$;

select is(tests.says('bell owner', $$public.seats(tests.id('bell'))$$), '7', 'everybody in the team takes a seat');
select matches(pg_temp.out('bell staff', 'bell agent'), '^42501 Your role', '[ACC-4] staff removes nobody');
select is(pg_temp.out('bell recruiter', 'bell staff'), '42501 You can only give or take away what your own role allows.', '[ACC-3] nobody removes who may do more');
select is(pg_temp.out('bell deputy', 'bell owner'), '42501 Only an owner can do that.', '[ACC-5] only an owner removes an owner');
select is(pg_temp.out('bell admin', 'bell staff'), 'true', '[ACC-4] an admin removes somebody');
select is(tests.says('bell staff', $$public.has_permission(tests.id('bell'), 'jobs.read')$$), 'false', '[ACC-4] who is out with the next statement');
select is(
    tests.says('bell staff', 'public.me()::jsonb - ''{user_id,email,fresh_seconds,second_factor,demanding}''::text[]')::jsonb,
    jsonb_build_object('accounts', '[]'::jsonb, 'former', jsonb_build_array(jsonb_build_object('id', tests.id('bell'), 'name', 'Bell'))),
    '[ACC-4] and is told what they used to belong to'
);
select is(tests.says('bell owner', 'public.me() -> ''former'''), '[]', 'who belongs to it is not');
select is(tests.says('bell owner', $$public.seats(tests.id('bell'))$$), '6', 'their seat is free');
select is(pg_temp.out('bell admin', 'bell staff'), 'PT404 There is no such person in the team.', 'who is out is not removed again');
select is(pg_temp.give('bell owner', 'bell staff', 'admin'), 'PT404 There is no such person in the team.', '[ACC-4] nor given another role');
select is((select removed_by from public.members where id = pg_temp.member('bell staff')), tests.id('bell admin'), '[AUD-2] who removed them is kept');
select matches(pg_temp.back('bell agent', 'bell staff'), '^42501 Your role', '[ACC-4] an agent brings nobody back');
select is(pg_temp.back('bell recruiter', 'bell staff'), '42501 You can only give or take away what your own role allows.', '[ACC-3] nor does who lacks what they may do');
select is(pg_temp.back('bell admin', 'bell staff'), 'true', '[ACC-4] a removal is undone');
select is(
    tests.says('bell staff', $$public.has_permission(tests.id('bell'), 'jobs.read') || ' ' || public.has_permission(tests.id('bell'), 'audit.read')$$),
    'true false', '[ACC-4] and the person may do what they could, and no more'
);
select is(pg_temp.back('bell admin', 'bell staff'), 'false', 'twice does no harm');
select is(tests.says('bell admin', $$public.restore_member(tests.id('bell'), gen_random_uuid())$$), 'PT404 There is no such person.', 'who never was there does not come back');

select is(pg_temp.out('bell agent', 'bell agent'), 'true', '[ACC-4] everybody may leave, whatever their role');
select is(pg_temp.out('bell agent', 'bell agent'), 'PT404 There is nothing here, or it is not yours.', '[ACC-4] and then there is nothing to leave');
select is(
    pg_temp.back('bell owner', 'bell agent'), 'P0001 They left by themselves. Invite them, and they can come back.',
    '[ACC-4] nobody is fetched back who left'
);
select is(pg_temp.out('bell owner', 'bell owner'), 'P0001 A business always keeps at least one owner.', '[ACC-5] the last owner does not leave');
select is(
    tests.says('finch owner', format('public.remove_member(tests.id(''bell''), %L)', pg_temp.member('bell staff'))),
    'PT404 There is nothing here, or it is not yours.', '[ISO-1] nobody removes another business''s people'
);
select is(
    tests.says('finch owner', format('public.remove_member(tests.id(''finch''), %L)', pg_temp.member('bell staff'))),
    'PT404 There is no such person in the team.', '[ISO-1] nor as their own'
);
delete from auth.sessions where user_id = tests.id('bell deputy');
select is(
    pg_temp.out('bell deputy', 'bell deputy'), '42501 Your session has ended. Sign in again.', '[AUTH-6] nobody leaves in a session that has ended'
);

-- Who left comes back by an invitation, in the role that it offers.
select set_config('tests.token', tests.invited('bell', tests.address('bell agent'), 'staff', 'return'), true);
select is(
    tests.says('bell agent', $$public.accept_invitation(current_setting('tests.token'), null, gen_random_uuid()) = tests.id('bell')$$),
    'true', '[ACC-4] who left comes back by an invitation'
);
select results_eq(
    $$select pg_temp.role_of('bell agent'), removed_at is null and removed_by is null, display_name from public.members where id = pg_temp.member('bell agent')$$,
    $$values ('staff', true, tests.address('bell agent'))$$, '[ACC-4] as what it offers'
);

------------------------------------------------------------------------------------------------------
-- Handing over
------------------------------------------------------------------------------------------------------

create function pg_temp.hand(who text, whom text) returns text
    language sql
as $$
    select tests.says(who, format('public.hand_over_ownership(tests.id(''bell''), %L, ''00000000-0000-4000-8000-000000000004'')', pg_temp.member(whom)))
$$;
select is(pg_temp.hand('bell admin', 'bell staff'), '42501 Only an owner can do that.', '[ACC-5] only an owner hands the business over');
select matches(pg_temp.hand('bell staff', 'bell admin'), '^42501 Your role', '[ACC-5] staff even less');
select is(pg_temp.hand('bell owner', 'bell owner'), 'P0001 Choose somebody else of the team.', '[ACC-5] and not to themselves');
select is(
    tests.says('bell owner', $$public.hand_over_ownership(tests.id('bell'), gen_random_uuid(), gen_random_uuid())$$),
    'PT404 There is no such person in the team.', '[ACC-5] nor to nobody'
);
select is((select array_agg(pg_temp.hand('bell owner', 'bell admin')) from generate_series(1, 2)), array['true', 'true'], '[ACC-5] an owner hands the business over, and the form sent twice does it once');
select results_eq(
    $$select pg_temp.role_of('bell owner'), pg_temp.role_of('bell admin'), pg_temp.role_of('bell staff')$$,
    $$values ('admin', 'owner', 'staff')$$, '[ACC-5] one is the owner then, the other an admin, and nobody else is touched'
);
select is(pg_temp.give('bell admin', 'bell owner', 'owner'), 'true', '[ACC-5] the new owner makes a second one');
select is(pg_temp.out('bell owner', 'bell owner'), 'true', '[ACC-5] and then one of them may leave');
select is(pg_temp.out('bell admin', 'bell admin'), 'P0001 A business always keeps at least one owner.', '[ACC-5] but not both');
select * from finish();
