-- Twins (tests/database/twins.sql) at work on their teams: invitations, members and roles of one id in two businesses.
select plan(51);

select tests.twins();
select tests.member(b, 'staff', b || ' colleague') from unnest(array['bell', 'finch']) as b;
select tests.keep('bell colleague', tests.id('bell colleague membership')), tests.keep('finch colleague', tests.id('finch colleague membership'));
select tests.twin('public.members', 'colleague');
select tests.member('finch', 'agent', 'finch extra');
insert into public.roles (account_id, id, name)
select tests.id(b), tests.keep(b || ' mate', gen_random_uuid()), initcap(b) || ' mate' from unnest(array['bell', 'finch']) as b;
insert into public.role_permissions (account_id, role_id, permission)
select tests.id(b), tests.id(b || ' mate'), p
from unnest(array['bell', 'finch']) as b, unnest(array['account.read', 'jobs.read', 'members.read', 'members.write']) as p;
insert into public.role_permissions (account_id, role_id, permission) values (tests.id('finch'), tests.id('finch mate'), 'payouts.manage');
select tests.twin('public.roles', 'mate');
set constraints all immediate;
set constraints all deferred;
select is(array[tests.id('bell colleague'), tests.id('bell mate')], array[tests.id('finch colleague'), tests.id('finch mate')], 'two businesses have members and roles of one id');

------------------------------------------------------------------------------------------------------
-- Acts
------------------------------------------------------------------------------------------------------

select tests.both('member', $$public.invite_member(tests.id('{b}'), '{b}@mail.example', tests.id('{b} mate'), '00000000-0000-4000-8000-000000000001') is not null$$, 'somebody is invited', 'true');
select results_eq(
    $$select o.data ->> 'role_name', o.data ->> 'business_name' from mail.outbox as o where o.template = 'invitation' order by 1$$,
    $$values ('Bell mate', 'Bell'), ('Finch mate', 'Finch')$$, '[ISO-1] each to their own business, as what it calls them'
);
select tests.keep(b || ' invitation', (select i.id from public.invitations as i where i.account_id = tests.id(b))) from unnest(array['bell', 'finch']) as b;
select tests.twin('public.invitations', 'invitation');
select tests.both('member', $$public.resend_invitation(tests.id('{b}'), tests.id('{b} invitation'), gen_random_uuid()) is not null$$, 'an invitation is sent again', 'true');
select tests.both('anon', $$public.invitation(tests.mailed_token('{b}', '{b}@mail.example')) - 'expires_at'$$, 'its holder sees it', '"business": "{b}"');
select tests.both('member', $$public.withdraw_invitation(tests.id('{b}'), tests.id('{b} invitation'))$$, 'it is withdrawn', 'true');
select tests.both('member', $$public.change_member_role(tests.id('{b}'), tests.id('{b} colleague'), tests.id('{b} mate'))$$, 'a role is changed', 'true');
select tests.both('member', $$public.remove_member(tests.id('{b}'), tests.id('{b} colleague'))$$, 'somebody is removed', 'true');
select tests.both('member', $$public.restore_member(tests.id('{b}'), tests.id('{b} colleague'))$$, 'and comes back', 'true');
-- One of them removed, the other in the team.
create function pg_temp.there_and_back(business text) returns boolean
    language plpgsql
as $$
begin
    perform tests.claim('sam');
    perform public.remove_member(tests.id(business), tests.id(business || ' colleague'));
    return public.restore_member(tests.id(business), tests.id(business || ' colleague'));
end
$$;
select is(pg_temp.there_and_back(b), true, format('[ISO-1] %s brings its own people back, whoever of another team is there', b))
from unnest(array['bell', 'finch']) as b;
select tests.be_postgres();
select tests.both('member', $$public.seats(tests.id('{b}')) = case '{b}' when 'bell' then 3 else 4 end$$, 'seats are counted', 'true');
select tests.both('member', $$public.save_role(tests.id('{b}'), tests.id('{b} mate'), '{b} hand', '{jobs.read,members.write}', gen_random_uuid()) is not null$$, 'a role is changed', 'true');
select results_eq(
    $$
        select r.name, string_agg(rp.permission, ' ' order by rp.permission)
        from public.roles as r
        join public.role_permissions as rp on rp.account_id = r.account_id and rp.role_id = r.id
        where r.id = tests.id('bell mate')
        group by r.name
        order by r.name
    $$,
    $$values ('bell hand', 'account.read jobs.read members.read members.write'), ('finch hand', 'account.read jobs.read members.read members.write')$$,
    '[ISO-1] each to what its own business chose'
);
select tests.both('member', $$public.save_role(tests.id('{b}'), null, 'Same name', '{jobs.read}', gen_random_uuid()) is not null$$, 'both may call a role the same', 'true');

select tests.both('member', $$public.change_job_members(tests.id('{b}'), tests.id('{b} job'), array[tests.id('{b} colleague')], '{}')$$, 'somebody is put on a job');
select is((select count(*) from public.job_members where job_id = tests.id('bell job')), 2::bigint, 'both are on it');
select tests.both('member', $$public.change_job_members(tests.id('{b}'), tests.id('{b} job'), '{}', array[tests.id('{b} colleague')])$$, 'and taken off it');

insert into public.roles (account_id, id, name)
select tests.id(b), tests.keep(b || ' spare', gen_random_uuid()), initcap(b) || ' spare' from unnest(array['bell', 'finch']) as b;
insert into public.role_permissions (account_id, role_id, permission)
select tests.id(b), tests.id(b || ' spare'), 'account.read' from unnest(array['bell', 'finch']) as b;
select tests.invited(b, b || '.spare@mail.example', initcap(b) || ' spare', 'late') from unnest(array['bell', 'finch']) as b;
update public.invitations set expires_at = now() - interval '1 minute' where email like '%.spare@mail.example';
select tests.twin('public.roles', 'spare');
select tests.both('member', $$public.delete_role(tests.id('{b}'), tests.id('{b} spare'))$$, 'a role is deleted', 'true');

-- Two invitations of one id, to the same person.
select tests.person('priya');
select tests.invited(b, tests.address('priya'), 'staff', 'second') from unnest(array['bell', 'finch']) as b;
select tests.twin('public.invitations', 'second');
create function pg_temp.accepted(business text) returns text
    language sql
as $$
    select tests.claim('priya');
    select public.accept_invitation(tests.mailed_token(business, tests.address('priya')), 'Priya', gen_random_uuid())::text;
$$;
select is(pg_temp.accepted('bell'), tests.id('bell')::text, '[ISO-1] who accepts one invitation joins the business that sent it');
select is(pg_temp.accepted('finch'), tests.id('finch')::text, '[ISO-1] and the other one is still good');
select results_eq(
    $$
        select m.account_id, count(*), min(r.key)
        from public.members as m
        join public.roles as r on r.account_id = m.account_id and r.id = m.role_id
        where m.user_id = tests.id('priya')
        group by 1
        order by 1
    $$,
    $$select tests.id(b), 1::bigint, 'staff' from unnest(array['bell', 'finch']) as b order by 1$$,
    '[ISO-1] each in its own role'
);
select tests.be_postgres();

------------------------------------------------------------------------------------------------------
-- Whoever is something else elsewhere
------------------------------------------------------------------------------------------------------

-- Kit is a mate of bell, and owns finch; the roles have one id. In bell it is an ordinary one, in finch the owner's.
select tests.business('kite');
select tests.member('bell', 'staff', 'kit');
update public.members set role_id = tests.id('bell mate') where account_id = tests.id('bell') and user_id = tests.id('kit');
set local session_replication_role = replica;
update public.role_permissions set role_id = tests.id('bell mate') where account_id = tests.id('kite') and role_id = tests.role('kite', 'owner');
update public.members set role_id = tests.id('bell mate') where account_id = tests.id('kite');
update public.roles set id = tests.id('bell mate') where account_id = tests.id('kite') and key = 'owner';
set local session_replication_role = origin;
insert into public.members (account_id, user_id, role_id, display_name, email)
values (tests.id('kite'), tests.id('kit'), tests.id('bell mate'), 'Kit', 'kit@people.example');

create function pg_temp.as_kit(act text) returns text
    language plpgsql
as $$
declare
    answer text;
begin
    perform tests.authenticate_as('kit');
    execute 'select (' || act || ')::text' into answer;
    perform tests.be_postgres();
    return answer;
exception
    when others then
        perform tests.be_postgres();
        return sqlstate || ' ' || sqlerrm;
end
$$;

select tests.claim('kit');
select is(array[private.is_owner(tests.id('bell')), private.is_owner(tests.id('kite'))], array[false, true], '[ACC-5] who owns one business is no owner of another, whatever the ids of roles');
select tests.claim('bell owner');
select is(array[private.is_owner(tests.id('bell')), private.is_owner(tests.id('kite'))], array[true, false], '[ACC-5] and the other way round');
update public.members set removed_at = now() where account_id = tests.id('kite') and user_id = tests.id('kit');
select tests.claim('kit');
select is(private.is_owner(tests.id('kite')), false, '[ACC-5] who was removed is none');
update public.members set removed_at = null where account_id = tests.id('kite') and user_id = tests.id('kit');
select tests.be_postgres();

select matches(
    pg_temp.as_kit($$public.invite_member(tests.id('bell'), 'more@mail.example', tests.id('bell mate'), gen_random_uuid())$$), '^[0-9a-f-]{36}$',
    '[ISO-1] what a role may do is what it may in this business'
);
select matches(
    pg_temp.as_kit($$public.invite_member(tests.id('bell'), tests.address('finch extra'), tests.id('bell mate'), gen_random_uuid())$$), '^[0-9a-f-]{36}$',
    '[ISO-1] who is in another team can be invited to this one'
);
select lives_ok(
    $$delete from public.role_permissions where account_id = tests.id('bell') and role_id = tests.id('bell mate') and permission = 'jobs.read'$$,
    '[ISO-1] a role that has the id of another business''s owner is an ordinary one'
);

-- Kit's invitation is worth what Kit may do in bell, not elsewhere.
create function pg_temp.opened() returns text
    language plpgsql
as $$
begin
    return (
        select coalesce(shown ->> 'invited_by', shown ->> 'message')
        from public.invitation(tests.mailed_token('bell', 'more@mail.example')) as shown
    );
end
$$;
select is(pg_temp.opened(), 'Kit', '[ACC-4] an invitation is good while whoever sent it may invite');
delete from public.role_permissions where account_id = tests.id('bell') and role_id = tests.id('bell mate') and permission = 'members.write';
select is(pg_temp.opened(), 'This link does not work any more. Ask for a new one.', '[ISO-1] that they may elsewhere, in a role of the same id, counts for nothing');
insert into public.role_permissions (account_id, role_id, permission) values (tests.id('bell'), tests.id('bell mate'), 'members.write');
select is(pg_temp.opened(), 'Kit', 'it is good again');
update public.members set removed_at = now() where account_id = tests.id('bell') and user_id = tests.id('kit');
select is(pg_temp.opened(), 'This link does not work any more. Ask for a new one.', '[ISO-1] nor that they are a member elsewhere');
update public.members set removed_at = null where account_id = tests.id('bell') and user_id = tests.id('kit');

-- Kit's own membership of kite has the id of somebody's of bell.
update public.members set id = tests.id('bell colleague') where account_id = tests.id('kite') and user_id = tests.id('kit');
update public.members set role_id = tests.role('bell', 'agent') where account_id = tests.id('bell') and user_id = tests.id('kit');
select matches(
    pg_temp.as_kit($$public.remove_member(tests.id('bell'), tests.id('bell colleague'))$$), '^42501 Your role',
    '[ISO-1] who leaves one business takes nobody of another along'
);
select is(pg_temp.as_kit($$public.remove_member(tests.id('kite'), tests.id('bell colleague'))$$), 'true', '[ACC-4] and does leave their own');

-- What only the other business has.
select tests.invited('finch', 'alone@mail.example', 'staff', 'alone');
select tests.authenticate_as('sam');
select throws_ok($$select public.withdraw_invitation(tests.id('bell'), tests.id('finch alone'))$$, 'PT404', 'There is no such invitation.', '[ISO-1] another business''s invitation is not there');
select tests.be_postgres();

select tests.keep('quiet', gen_random_uuid());
insert into public.accounts (id, name, trade) values (tests.id('quiet'), 'Quiet', 'roofer');
select private.take_turns(tests.id('bell'));
select is(
    (select array_agg(a.xmax::text <> '0' order by a.name) from public.accounts as a where a.name in ('Bell', 'Quiet')), array[true, false],
    '[ISO-6] while one team changes no other business has to wait'
);

select tests.both('member', $$public.hand_over_ownership(tests.id('{b}'), tests.id('{b} colleague'), '00000000-0000-4000-8000-000000000002')$$, 'the business is handed over', 'true');
select * from finish();
