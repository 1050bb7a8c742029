-- Second factors and fresh proofs: who must prove themselves anew, with what, and that nobody gets by without.
select plan(119);

select tests.business('bell');
select tests.business('finch');

-- Is the person's proof fresh? The refusal says nothing else.
create function pg_temp.fresh(person text) returns text
    language plpgsql
as $$
begin
    perform tests.claim(person);
    perform private.require_fresh();
    return 'fresh';
exception
    when insufficient_privilege then
        return case sqlerrm when 'Confirm that it is you, then do this again.' then 'stale' else sqlerrm end;
end
$$;

------------------------------------------------------------------------------------------------------
-- A fresh proof
------------------------------------------------------------------------------------------------------

select is(pg_temp.fresh('bell owner'), 'fresh', '[AUTH-4] whoever has just signed in has proved who they are');
select tests.prove('bell owner', 'password', now() - interval '10 minutes' + interval '1 second');
select is(pg_temp.fresh('bell owner'), 'fresh', '[AUTH-4] for ten minutes');
select is(
    (tests.says('bell owner', 'public.me()')::jsonb ->> 'fresh_seconds')::integer, 1, '[AUTH-4] and sees how long it lasts'
);
select tests.prove('bell owner', 'password', now() - interval '10 minutes');
select is(pg_temp.fresh('bell owner'), 'stale', '[AUTH-4] after that an open session alone is not enough');
select is((tests.says('bell owner', 'public.me()')::jsonb ->> 'fresh_seconds')::integer, 0, '[AUTH-4] as the person sees');
select tests.prove('bell owner', 'otp');
select is(pg_temp.fresh('bell owner'), 'fresh', '[AUTH-4] any way of signing in proves it anew, a mailed code too');
select is(pg_temp.fresh('finch owner'), 'fresh', '[AUTH-4] each person by themselves');

select tests.factor('bell owner', 'totp', 'unverified');
select is(pg_temp.fresh('bell owner'), 'fresh', '[AUTH-4] a factor that was never finished setting up asks for nothing');
select tests.factor('bell owner');
select is(pg_temp.fresh('bell owner'), 'Give your second factor to go on.', '[AUTH-4] whoever has one and has not given it is asked for that first');
select tests.give_factor('bell owner', 'totp', now() - interval '11 minutes');
select is(pg_temp.fresh('bell owner'), 'stale', '[AUTH-4] whoever has a second factor proves themselves by it, and by nothing less');
select is(pg_temp.fresh('finch owner'), 'fresh', '[AUTH-4] and another person''s factor asks nothing of anybody else');
select tests.prove('bell owner', 'passkey');
select is(pg_temp.fresh('bell owner'), 'stale', '[AUTH-4] a passkey is a way to sign in and no second factor');
select tests.prove('bell owner', 'totp');
select is(pg_temp.fresh('bell owner'), 'fresh', '[AUTH-4] a code of their app proves it');
select tests.prove('bell owner', 'totp', now() - interval '11 minutes');
select tests.prove('bell owner', 'mfa/webauthn');
select is(pg_temp.fresh('bell owner'), 'fresh', '[AUTH-4] so does a security key');

-- The proof is the session's: another session of the same person has proved nothing by it.
insert into auth.sessions (id, user_id, created_at, updated_at, aal)
values ('0190a0a0-0000-4000-8000-000000000001', tests.id('bell owner'), now(), now(), 'aal2');
select tests.keep('bell owner elsewhere', tests.id('bell owner'), '0190a0a0-0000-4000-8000-000000000001');
select is(pg_temp.fresh('bell owner elsewhere'), 'stale', '[AUTH-4] a proof counts in the session it was given in, and in no other');
-- A token that names another person's session has proved nothing either.
select tests.keep('thief', tests.id('finch owner'), (select t.session_id from tests.things as t where t.name = 'bell owner'));
select matches(pg_temp.fresh('thief'), '^Your session has ended', '[AUTH-4] nor does another person''s session prove anything');
delete from auth.sessions where user_id = tests.id('finch owner');
select matches(pg_temp.fresh('finch owner'), '^Your session has ended', '[AUTH-4] a session that has ended proves nothing, however fresh it was');

------------------------------------------------------------------------------------------------------
-- What asks for one
------------------------------------------------------------------------------------------------------

select tests.business('hazel');
select tests.member('hazel', 'staff');

-- The act, as hazel's owner who signed in a while ago, and as the same person who has just done so.
create function pg_temp.asked(act text, told text) returns setof text
    language plpgsql
as $$
begin
    perform tests.prove('hazel owner', 'password', now() - interval '11 minutes');
    return next is(
        tests.says('hazel owner', act), '42501 Confirm that it is you, then do this again.', '[AUTH-4] ' || told || ' asks for a fresh proof'
    );
    perform tests.prove('hazel owner', 'password');
    return next unalike(tests.says('hazel owner', act), '%Confirm that it is you%', '[AUTH-4] and is done after it');
end
$$;

select is(
    tests.says('hazel staff', $$public.start_payouts(tests.id('hazel'))$$), '42501 Your role does not allow this. Ask the owner of the business.',
    '[ACC-1] who may not at all is not asked to prove anything'
);
select pg_temp.asked(
    $$public.invite_member(tests.id('hazel'), 'new@mail.example', tests.role('hazel', 'staff'), gen_random_uuid())$$, 'asking somebody into the team'
);
select pg_temp.asked(
    $$public.change_member_role(tests.id('hazel'), tests.id('hazel staff membership'), tests.role('hazel', 'admin'))$$, 'giving somebody another role'
);
select pg_temp.asked(
    $$public.save_role(tests.id('hazel'), null, 'Mate', array['jobs.read'], gen_random_uuid())$$, 'saying what a role may do'
);
select pg_temp.asked(
    $$public.delete_role(tests.id('hazel'), tests.role('hazel', 'Mate'))$$, 'taking a role away'
);
select pg_temp.asked($$public.audit_begin_export(tests.id('hazel'), 'csv')$$, 'taking the trail away');
select pg_temp.asked($$public.start_payouts(tests.id('hazel'))$$, 'saying where the money goes');
select pg_temp.asked(
    $$public.hand_over_ownership(tests.id('hazel'), tests.id('hazel staff membership'), gen_random_uuid())$$, 'making somebody else the owner'
);
select matches(
    tests.says('hazel owner', $$public.start_payouts(tests.id('hazel'))$$), '^42501 Your role', '[ACC-5] nor is who has just given it away'
);

------------------------------------------------------------------------------------------------------
-- How far a session leads
------------------------------------------------------------------------------------------------------

select tests.business('oak');
select tests.business('elm');
select tests.member('oak', 'staff');
select tests.member('oak', 'admin');
select tests.job('oak', 'oak job');
select tests.member('elm', 'staff', 'oak twice');
insert into public.members (account_id, user_id, role_id, display_name, email)
values (tests.id('oak'), tests.id('oak twice'), tests.role('oak', 'staff'), 'Twice', 'twice@people.example');

-- Businesses in which the person may see jobs.
create function pg_temp.sees(person text) returns text
    language plpgsql
as $$
declare
    held uuid[];
begin
    perform tests.claim(person);
    held := private.accounts_with('jobs.read');
    return (select coalesce(string_agg(t.name, ' ' order by t.name), 'none') from tests.things as t where t.id = any (held));
end
$$;

select is(pg_temp.sees('oak owner'), 'oak', '[AUTH-4] whoever has no second factor is asked for none');
select is(tests.says('oak owner', 'public.me()')::jsonb -> 'second_factor', 'false', '[AUTH-4] and has given none');
select tests.factor('oak owner', 'totp', 'unverified');
select is(pg_temp.sees('oak owner'), 'oak', '[AUTH-4] nor is who has only begun to set one up');
select tests.factor('oak owner', 'webauthn');
select is(pg_temp.sees('oak owner'), 'none', '[AUTH-4] who has one and has not given it in this session sees nothing');
select is(
    tests.says('oak owner', '(select count(*) from public.jobs)'), '0', '[AUTH-4] of no business, by the policies themselves'
);
select is(tests.says('oak owner', 'private.buckets_with(''documents.read'')'), '{}', '[AUTH-4] and no file');
select is(
    tests.says('oak owner', 'public.me()'), '42501 Give your second factor to go on.', '[AUTH-4] and is told what is missing'
);
select is(
    tests.says('oak owner', $$public.today(tests.id('oak'))$$), '42501 Give your second factor to go on.', '[AUTH-4] wherever they ask'
);
select is(
    tests.says('oak owner', $$public.open_account('Third', 'plumber', false, null, 'Sam', gen_random_uuid())$$),
    '42501 Give your second factor to go on.', '[AUTH-4] they open no business'
);
select is(tests.says('oak owner', '(select count(*) from public.my_sessions())'), '42501 Give your second factor to go on.', '[AUTH-4] see no session');
select is(tests.says('oak owner', $$public.report_refusal(tests.id('oak'), 'jobs.read', 'not_allowed')$$), '42501 Give your second factor to go on.', '[AUTH-4] and write nothing into a trail');
select is(tests.says('oak owner', '(select count(*) from public.permissions)'), '0', '[AUTH-4] not even what there is for everybody');
select tests.claim('oak owner');
select ok(not private.belongs_to(tests.id('oak')), '[AUTH-4] nothing is repeated for them either');
select is(
    jsonb_array_length(tests.says('oak owner', 'public.my_factors()')::jsonb -> 'factors'), 1, '[AUTH-4] they see which factor they are asked for'
);
select is(
    (select array_agg(k order by k) from jsonb_object_keys(tests.says('oak owner', 'public.my_factors()')::jsonb -> 'factors' -> 0) as k),
    array['added_at', 'id', 'kind', 'last_used_at', 'name'], '[AUTH-4] and never its secret'
);
select is(pg_temp.sees('oak staff'), 'oak', '[AUTH-4] nobody else is asked for it');
select tests.give_factor('oak owner');
select is(pg_temp.sees('oak owner'), 'oak', '[AUTH-4] once they have given it they are in');
select is(tests.says('oak owner', 'public.me()')::jsonb -> 'second_factor', 'true', '[AUTH-4] as they see');
update auth.sessions as s set aal = 'aal3' where s.user_id = tests.id('oak owner');
select is(pg_temp.sees('oak owner'), 'oak', '[AUTH-4] by whatever is stronger too');
update auth.sessions as s set aal = null where s.user_id = tests.id('oak owner');
select is(pg_temp.sees('oak owner'), 'none', '[AUTH-4] a session that says nothing of itself gave nothing');
update auth.sessions as s set aal = 'aal2' where s.user_id = tests.id('oak owner');

------------------------------------------------------------------------------------------------------
-- A role demands one
------------------------------------------------------------------------------------------------------

create function pg_temp.demand(person text, role text, demanded boolean default true) returns text
    language sql
as $$ select tests.says(person, format('public.demand_factor(tests.id(%L), tests.role(%L, %L), %L)', 'oak', 'oak', role, demanded)) $$;

select is(pg_temp.demand('oak staff', 'staff'), '42501 Your role does not allow this. Ask the owner of the business.', '[AUTH-4] who may not change roles asks none for a factor');
select is(pg_temp.demand('elm owner', 'staff'), 'PT404 There is nothing here, or it is not yours.', '[AUTH-4] nor does another business');
select is(pg_temp.demand('oak admin', 'owner'), '42501 Only an owner can do that.', '[AUTH-4] nor an admin the owners');
select is(pg_temp.demand('oak admin', 'admin'), 'P0001 Set up your own second factor first, then ask your role for one.', '[AUTH-4] nobody locks themselves out');
select tests.prove('oak admin', 'password', now() - interval '11 minutes');
select is(pg_temp.demand('oak admin', 'staff'), '42501 Confirm that it is you, then do this again.', '[AUTH-4] and it takes a fresh proof');
select tests.prove('oak admin', 'password');
select is(pg_temp.demand('oak admin', 'staff'), 'true', '[AUTH-4] an admin without one may ask the staff for one');
select is(pg_temp.demand('oak admin', 'staff'), 'false', '[AUTH-4] which is done once');
select is(
    (select count(*) from public.roles as r where r.demands_factor), 1::bigint, '[AUTH-4] of that role, in that business'
);
select is(pg_temp.sees('oak staff'), 'none', '[AUTH-4] whoever has the role sees nothing of the business from the next statement on');
select is(tests.says('oak staff', '(select count(*) from public.jobs)'), '0', '[AUTH-4] by the policies themselves');
select is(tests.says('oak staff', 'private.buckets_with(''documents.read'')'), '{}', '[AUTH-4] and no file of it');
select is(
    tests.says('oak staff', $$public.today(tests.id('oak'))$$), '42501 This business asks for a second factor. Set one up to go on.',
    '[AUTH-4] and is told what to do'
);
select is(tests.says('oak staff', 'public.me()')::jsonb -> 'accounts', '[]', '[AUTH-4] they are shown nothing of it');
select is(
    tests.says('oak staff', 'public.me()')::jsonb -> 'demanding', jsonb_build_array(jsonb_build_object('id', tests.id('oak'), 'name', 'Oak')),
    '[AUTH-4] but that it asks'
);
select is(
    tests.says('oak staff', $$public.remove_member(tests.id('oak'), tests.id('oak staff membership'))$$),
    '42501 This business asks for a second factor. Set one up to go on.', '[AUTH-4] nor do they write, not even themselves off'
);
select tests.claim('oak staff');
select ok(not private.belongs_to(tests.id('oak')), '[AUTH-4] and nothing of it is repeated for them');
select is(pg_temp.sees('oak admin'), 'oak', '[AUTH-4] who has another role sees what they saw');
select is(pg_temp.sees('oak twice'), 'elm', '[AUTH-4] and whoever works for another business too sees that one');
select is(
    (select string_agg(a ->> 'name', ' ') from jsonb_array_elements(tests.says('oak twice', 'public.me()')::jsonb -> 'accounts') as a), 'Elm',
    '[AUTH-4] which is all that they are shown'
);
select tests.factor('oak staff');
select tests.give_factor('oak staff');
select is(pg_temp.sees('oak staff'), 'oak', '[AUTH-4] whoever sets one up and gives it sees everything again');
select is(tests.says('oak staff', 'public.me()')::jsonb -> 'demanding', '[]', '[AUTH-4] and is asked no more');
select tests.factor('oak admin');
select tests.give_factor('oak admin');
select is(pg_temp.demand('oak admin', 'admin'), 'true', '[AUTH-4] who has given theirs may ask their own role');
select is(pg_temp.sees('oak admin'), 'oak', '[AUTH-4] and stays in');
select is(pg_temp.demand('oak admin', 'staff', false), 'true', '[AUTH-4] what was asked can be asked no more');
select is(pg_temp.sees('oak twice'), 'elm oak', '[AUTH-4] and they are back');
select is(pg_temp.demand('oak admin', 'staff'), 'true', '[AUTH-4] or asked again');
select is_empty(
    $$select m.account_id, m.user_id, m.demands_factor from private.memberships as m
      except select d.account_id, d.user_id, d.demands_factor from private.memberships_due as d$$,
    '[AUTH-4] what stands ready is what the roles say'
);

------------------------------------------------------------------------------------------------------
-- Recovery codes
------------------------------------------------------------------------------------------------------

create function pg_temp.codes(person text) returns text[]
    language sql
as $$ select tests.says(person, 'public.make_recovery_codes()')::text[] $$;

select is(tests.says('finch owner', 'public.make_recovery_codes()'), '42501 Your session has ended. Sign in again.', '[AUTH-4] nobody makes recovery codes in a session that has ended');
select is(tests.says('elm owner', 'public.make_recovery_codes()'), 'P0001 Set up a second factor first.', '[AUTH-4] nor who has no factor to recover');
select tests.prove('oak owner', 'totp', now() - interval '11 minutes');
select is(tests.says('oak owner', 'public.make_recovery_codes()'), '42501 Confirm that it is you, then do this again.', '[AUTH-4] and it takes a fresh proof');
select tests.prove('oak owner', 'totp');
create temporary table made as select pg_temp.codes('oak owner') as codes;
select is((select cardinality(codes) from made), 10, '[AUTH-4] ten recovery codes are made');
select ok((select bool_and(code ~ '^[0-9a-hjkmnp-tv-z]{4}(-[0-9a-hjkmnp-tv-z]{4}){3}$') from made, unnest(codes) as code), '[AUTH-4] of 80 bits each, in letters that nobody misreads');
select is((select count(distinct code) from made, unnest(codes) as code), 10::bigint, '[AUTH-4] each another one');
select is_empty(
    $$select from private.recovery_codes as c, made, unnest(codes) as code where encode(c.code_hash, 'escape') like '%' || code || '%'$$,
    '[AUTH-4] of which only hashes are kept'
);
create function pg_temp.code(place integer) returns text
    language sql
as $$ select codes[place] from made $$;
create function pg_temp.recover(person text, code text) returns text
    language sql
as $$ select tests.says(person, format('public.use_recovery_code(%L)', code)) $$;

select is(pg_temp.recover('oak owner', pg_temp.code(1)), 'P0001 You are in already, so no recovery code is needed.', '[AUTH-4] who is in needs no code, and uses none up');
select is((tests.says('oak owner', 'public.my_factors()')::jsonb ->> 'recovery_codes_left')::integer, 10, '[AUTH-4] all ten are left');
select is(pg_temp.recover('finch owner', pg_temp.code(1)), '42501 Your session has ended. Sign in again.', '[AUTH-4] a code alone lets nobody in');
-- The phone is lost: signed in anew, with a session on the lost phone still open.
update auth.sessions as s set aal = 'aal1' where s.id = (select t.session_id from tests.things as t where t.name = 'oak owner');
insert into auth.sessions (id, user_id, created_at, updated_at, aal)
values ('0190a0a0-0000-4000-8000-000000000002', tests.id('oak owner'), now(), now(), 'aal2');
select is(pg_temp.sees('oak owner'), 'none', '[AUTH-4] whoever signs in without their phone sees nothing');
select is(pg_temp.recover('oak owner', 'aaaa-bbbb-cccc-dddd'), 'false', '[AUTH-4] a code that is none takes nothing away');
select is(pg_temp.sees('oak owner'), 'none', '[AUTH-4] and opens nothing');
-- Somebody else's codes.
update auth.sessions as s set aal = 'aal1' where s.user_id = tests.id('oak admin');
select is(pg_temp.recover('oak admin', pg_temp.code(1)), 'false', '[AUTH-4] nor does another person''s code');
select is(
    pg_temp.recover('oak owner', upper(replace(replace(pg_temp.code(1), '-', ' '), '0', 'o'))), 'true',
    '[AUTH-4] one of their own lets them in, however it is typed'
);
select is(pg_temp.sees('oak owner'), 'oak', '[AUTH-4] as somebody who has no factor any more');
select is((select count(*) from auth.mfa_factors as f where f.user_id = tests.id('oak owner')), 0::bigint, '[AUTH-4] for every factor of theirs is gone');
select is((select count(*) from auth.mfa_factors as f where f.user_id = tests.id('oak admin')), 1::bigint, '[AUTH-4] and nobody else''s');
select is((select count(*) from auth.sessions as s where s.user_id = tests.id('oak owner')), 1::bigint, '[AUTH-4] and so are their other sessions, which may be on the lost phone');
select is(
    (select o.data ->> 'what' from mail.outbox as o where o.template = 'second_factor' and o.to_address = tests.address('oak owner')), 'recovery_code_used',
    '[AUTH-4] they are told of it by mail'
);
select is((select count(*) from mail.outbox as o where o.template = 'second_factor'), 1::bigint, '[AUTH-4] and nobody else is');
select set_eq(
    $$select r.action || ' ' || r.result from audit.records as r where r.chain_id = tests.id('oak owner') and r.entity like 'recovery%'$$,
    array['recovery_codes.made ok', 'recovery_code.refused refused', 'recovery_code.used ok'], '[AUD-2] and it is on record, with the tries'
);
select tests.factor('oak owner');
select is(pg_temp.recover('oak owner', pg_temp.code(1)), 'false', '[AUTH-4] a code works once');
select is((tests.says('oak owner', 'public.my_factors()')::jsonb ->> 'recovery_codes_left')::integer, 9, '[AUTH-4] the others stay');
select tests.give_factor('oak owner');
select isnt(pg_temp.codes('oak owner'), null, '[AUTH-4] until new ones are made');
update auth.sessions as s set aal = 'aal1' where s.user_id = tests.id('oak owner');
select is(pg_temp.recover('oak owner', pg_temp.code(2)), 'false', '[AUTH-4] which leave the old ones worthless');
do $$ begin for n in 1..5 loop perform pg_temp.recover('oak owner', 'zzzz'); end loop; end $$;
select is(
    pg_temp.recover('oak owner', 'zzzz'), 'P0001 Too many tries in a short time. Wait a few minutes, then try again.', '[RATE-1] who guesses is stopped'
);
select is(pg_temp.recover('oak admin', 'zzzz'), 'false', '[RATE-1] and nobody else is');

------------------------------------------------------------------------------------------------------
-- Being told
------------------------------------------------------------------------------------------------------

create function pg_temp.told(person text) returns text[]
    language plpgsql
as $$
begin
    delete from mail.outbox where template = 'second_factor';
    perform tests.says(person, 'public.note_factors()');
    return array(
        select o.data ->> 'what' || ' ' || coalesce(o.data ->> 'name', '')
        from mail.outbox as o
        where o.template = 'second_factor'
          and o.to_address = tests.address(person)
        order by 1
    );
end
$$;

select is(pg_temp.told('elm owner'), '{}', '[AUTH-4] who has nothing is told of nothing');
select tests.factor('elm owner');
update auth.mfa_factors as f set friendly_name = 'Work phone' where f.user_id = tests.id('elm owner');
select tests.give_factor('elm owner');
select tests.factor('elm owner', 'totp', 'unverified');
insert into auth.webauthn_credentials (user_id, credential_id, public_key, friendly_name) values (tests.id('elm owner'), '\x01', '\x02', 'Laptop');
insert into auth.webauthn_credentials (user_id, credential_id, public_key, friendly_name) values (tests.id('oak twice'), '\x03', '\x04', 'Other');
select is(pg_temp.told('elm owner'), array['factor_added Work phone', 'passkey_added Laptop'], '[AUTH-4] what a person signs in with from now on they are told of by mail');
select is(pg_temp.told('elm owner'), '{}', '[AUTH-4] once');
select is(
    array(
        select k ->> 'name' || ' ' || (k ? 'id')::text || ' ' || (k ? 'added_at')::text || ' ' || coalesce(k ->> 'last_used_at', 'never')
        from jsonb_array_elements(tests.says('elm owner', 'public.my_factors()')::jsonb -> 'passkeys') as k
    ),
    array['Laptop true true never'], '[AUTH-4] a person sees their own passkeys, and nobody else''s'
);
select is(tests.says('oak owner', 'public.my_factors()')::jsonb -> 'passkeys', '[]', '[AUTH-4] who has none sees none');
update auth.webauthn_credentials as k set friendly_name = 'Old laptop' where k.user_id = tests.id('elm owner');
select is(pg_temp.told('elm owner'), '{}', '[AUTH-4] another name is no news');
delete from auth.mfa_factors as f where f.user_id = tests.id('elm owner');
delete from auth.webauthn_credentials as k where k.user_id = tests.id('elm owner');
select is(pg_temp.told('elm owner'), array['factor_removed Work phone', 'passkey_removed Old laptop'], '[AUTH-4] and of what is gone, by the name that it had last');
select is(pg_temp.told('elm owner'), '{}', '[AUTH-4] once as well');
select tests.factor('elm owner');
update auth.mfa_factors as f set friendly_name = 'Key' where f.user_id = tests.id('elm owner');
update auth.sessions as s set aal = 'aal1' where s.user_id = tests.id('elm owner');
select is(pg_temp.told('elm owner'), array['factor_added Key'], '[AUTH-4] also while their session owes a factor');
delete from auth.sessions as s where s.user_id = tests.id('elm owner');
select is(pg_temp.told('elm owner'), '{}', 'and not by a session that is over');
delete from auth.mfa_factors as f where f.user_id = tests.id('elm owner');
select set_eq(
    $$select r.action from audit.records as r where r.chain_id = tests.id('elm owner') and r.entity in ('factor', 'passkey')$$,
    array['factor.added', 'passkey.added', 'factor.removed', 'passkey.removed'], '[AUD-2] all of it is on record'
);
select * from finish();
