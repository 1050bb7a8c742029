-- Whose session, whose membership, whose role. Every question that policies and functions ask is asked here of somebody else:
-- of a second person, of a session that has ended beside one that goes on, of a member who left, and of a role of another
-- business that happens to have the same id.
select plan(31);

select tests.business('bell');
select tests.business('finch');
select tests.member('bell', 'staff');
select tests.member('bell', 'admin');
-- Sam works for both.
select tests.member('bell', 'staff', 'sam');
insert into public.members (account_id, user_id, role_id, display_name, email)
select r.account_id, tests.id('sam'), r.id, 'Zed', 'zed@people.example'
from public.roles as r
where r.account_id = tests.id('finch') and r.key = 'admin';

-- What the question of policies and the check of the session itself say of whoever acts: 'accounts with jobs.read, is the
-- session live?'
create function pg_temp.standing() returns text
    language sql
as $$
    select concat_ws(
        ', ',
        (select coalesce(string_agg(t.name, ' ' order by t.name), 'none') from tests.things as t where t.id = any (private.accounts_with('jobs.read'))),
        private.session_is_live()
    )
$$;
-- The claims of one person with the session of another one.
create function pg_temp.claim(person text, session_of text) returns void
    language sql
as $$
    select set_config('request.jwt.claims', (
        select jsonb_build_object('sub', tests.id(person), 'role', 'authenticated', 'session_id', t.session_id, 'aal', 'aal1')::text
        from tests.things as t
        where t.name = session_of
    ), true)
$$;

------------------------------------------------------------------------------------------------------
-- Sessions
------------------------------------------------------------------------------------------------------

select tests.claim('bell staff');
select is(pg_temp.standing(), 'bell, t', '[ISO-1] a member stands in their own account, and in no other');
select tests.claim('sam');
select is(pg_temp.standing(), 'bell finch, t', '[ISO-1] who belongs to two stands in both');
select pg_temp.claim('bell staff', 'finch owner');
select is(pg_temp.standing(), 'none, f', '[AUTH-6] a token with somebody else''s session opens neither one''s account');
select pg_temp.claim('finch owner', 'bell staff');
select is(pg_temp.standing(), 'none, f', '[AUTH-6] whichever way round');
select tests.keep('ended', gen_random_uuid(), gen_random_uuid());
select pg_temp.claim('bell staff', 'ended');
select is(pg_temp.standing(), 'none, f', '[AUTH-6] a session that has ended opens nothing, although another one of the same person goes on');
select tests.claim('bell staff');
select is(pg_temp.standing(), 'bell, t', '[AUTH-6] which does open');

------------------------------------------------------------------------------------------------------
-- Memberships
------------------------------------------------------------------------------------------------------

update public.members set removed_at = now() where id = tests.id('bell staff membership');
select is(pg_temp.standing(), 'none, t', '[ACC-4] a member who was removed stands nowhere, though signed in');
select throws_ok(
    $$select private.require(tests.id('bell'), 'jobs.read')$$, 'PT404', null, '[ACC-4] and what they belonged to is not there any more'
);
select tests.claim('finch owner');
select throws_ok(
    $$select private.require(tests.id('bell'), 'jobs.read')$$, 'PT404', null, '[ISO-1] nor is it for who belongs elsewhere'
);
select tests.claim('sam');
select throws_ok(
    $$select private.require(tests.id('bell'), 'payouts.manage')$$, '42501', 'Your role does not allow this. Ask the owner of the business.',
    '[ACC-3] a member whose role does not allow it is told so'
);
update public.members set removed_at = now() where user_id = tests.id('sam') and account_id = tests.id('finch');
select is(pg_temp.standing(), 'bell, t', '[ACC-4] who left one of two accounts stands in the other');
select is(
    public.me() #>> '{accounts,0,id}' || ' ' || jsonb_array_length(public.me() -> 'accounts'), tests.id('bell') || ' 1',
    '[ACC-4] and is shown only that one'
);
update public.members set removed_at = null where user_id = tests.id('sam') and account_id = tests.id('finch');

------------------------------------------------------------------------------------------------------
-- Roles
------------------------------------------------------------------------------------------------------

-- A role of finch with the id of bell's staff, that may do what staff may not.
insert into public.roles (account_id, id, name)
select tests.id('finch'), r.id, 'Namesake'
from public.roles as r
where r.account_id = tests.id('bell') and r.key = 'staff';
insert into public.role_permissions (account_id, role_id, permission)
select r.account_id, r.id, 'payouts.manage'
from public.roles as r
where r.account_id = tests.id('finch') and r.name = 'Namesake';
select tests.member('bell', 'staff', 'kit');
select tests.claim('kit');
select is(private.accounts_with('payouts.manage'), '{}', '[ISO-6] a role may do what it may in its own account, whatever one of the same id may elsewhere');
select is(public.me() #> '{accounts,0,permissions}' ? 'payouts.manage', false, '[ISO-6] nor is that shown among its permissions');
select results_eq(
    $$select jsonb_array_length(me -> 'accounts'), me #>> '{accounts,0,role,name}', me #>> '{accounts,0,name}', me ->> 'user_id' from public.me() as me$$,
    $$values (1, 'Staff', 'Bell', tests.id('kit')::text)$$, '[ISO-1] a member has one role, in one account, and it is their own'
);
insert into billing.connected_accounts (account_id, stripe_account_id, charges_enabled)
values (tests.id('finch'), 'acct_whose', true);
select is(public.me() #> '{accounts,0,stripe}', '{"connected": false, "charges_enabled": false}', '[ISO-6] that another business takes cards is not shown as theirs');

-- An account whose one role is called owner and has the id of bell's staff.
select tests.keep('namesake', gen_random_uuid());
insert into public.accounts (id, name, trade) values (tests.id('namesake'), 'Namesake', 'roofer');
insert into public.roles (account_id, id, key, name)
select tests.id('namesake'), r.id, 'owner', 'Owner'
from public.roles as r
where r.account_id = tests.id('bell') and r.key = 'staff';
select tests.keep('alone', gen_random_uuid());
insert into public.accounts (id, name, trade) values (tests.id('alone'), 'Alone', 'roofer');
select throws_ok(
    $t$do $$ begin
        update public.members set removed_at = now() where account_id = tests.id('bell') and user_id = tests.id('bell owner');
        set constraints public.account_keeps_an_owner immediate;
    end $$ $t$,
    'P0001', 'A business always keeps at least one owner.', '[ACC-5] the owner of one business is not replaced by another business''s role'
);
set constraints all deferred;
select lives_ok(
    $t$do $$ begin
        update public.members set removed_at = now() where account_id = tests.id('bell') and user_id = tests.id('bell admin');
        set constraints public.account_keeps_an_owner immediate;
    end $$ $t$,
    '[ACC-5] others come and go'
);
set constraints all deferred;
select is((select a.xmax::text from public.accounts as a where a.id = tests.id('alone')), '0', '[ISO-6] and while they do, no other business has to wait');

------------------------------------------------------------------------------------------------------
-- Acts that may be repeated
------------------------------------------------------------------------------------------------------

create function pg_temp.answer_to(person text, owner uuid, said jsonb default null) returns jsonb
    language plpgsql
as $$
begin
    perform tests.claim(person);
    if said is not null then
        return private.remember(owner, '00000000-0000-4000-8000-000000000009', said);
    end if;
    return private.replay(owner, '00000000-0000-4000-8000-000000000009', 'an_act', '{}');
end
$$;
select is(pg_temp.answer_to('sam', tests.id('bell')), null, 'an act in one account');
select is(pg_temp.answer_to('sam', tests.id('finch')), null, '[ISO-6] and one by the same person with the same key in another are two');
select pg_temp.answer_to('kit', tests.id('bell'), '"made up"');
select is(pg_temp.answer_to('sam', tests.id('bell')), null, '[ISO-1] nobody answers for somebody else');
select pg_temp.answer_to('sam', tests.id('bell'), '"done"');
select is(pg_temp.answer_to('sam', tests.id('bell')), '"done"', 'whoever acted does');
select is(pg_temp.answer_to('sam', tests.id('finch')), null, '[ISO-6] for the one account and not for the other');
select pg_temp.claim('sam', 'ended');
select throws_ok(
    $$select private.replay(tests.id('bell'), gen_random_uuid(), 'an_act', '{}')$$, 'PT404', null, '[AUTH-6] and nobody acts in a session that has ended'
);
select throws_ok($$select pg_temp.answer_to('kit', tests.id('bell'))$$, 'P0001', null, '[ISO-1] and is told the answer alone');

------------------------------------------------------------------------------------------------------
-- Files
------------------------------------------------------------------------------------------------------

select tests.claim('sam');
select is(private.buckets_with('documents.write') @> array[tests.id('bell')::text, tests.id('finch')::text], true, '[FILE-1] who may write in two accounts has two buckets');
select tests.set_state('finch', 'suspended');
select is(private.buckets_with('documents.write'), array[tests.id('bell')::text], '[ADM-4] that of a suspended account is closed to writing');
select is(private.accounts_with('jobs.write'), array[tests.id('bell')], '[ADM-4] as is whatever else would be written there');
select is(cardinality(private.buckets_with('documents.read')), 2, '[ADM-4] and open to reading');
select tests.set_state('finch', 'active');
select tests.claim('kit');
select is(private.buckets_with('audit.read'), '{}', '[ACC-3] and no bucket opens to who lacks the permission');
select * from finish();
