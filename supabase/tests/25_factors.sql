-- Second factors and fresh proofs: who must prove themselves anew, with what, and that nobody gets by without.
select plan(30);

select tests.business('bell');
select tests.business('finch');

create function pg_temp.as(who text, act text) returns text
    language plpgsql
as $$
declare
    answer text;
begin
    perform tests.authenticate_as(who);
    execute 'select (' || act || ')::text' into answer;
    perform tests.be_postgres();
    return coalesce(answer, 'nothing');
exception
    when others then
        perform tests.be_postgres();
        return sqlstate || ' ' || sqlerrm;
end
$$;

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
    (pg_temp.as('bell owner', 'public.me()')::jsonb ->> 'fresh_seconds')::integer, 1, '[AUTH-4] and sees how long it lasts'
);
select tests.prove('bell owner', 'password', now() - interval '10 minutes');
select is(pg_temp.fresh('bell owner'), 'stale', '[AUTH-4] after that an open session alone is not enough');
select is((pg_temp.as('bell owner', 'public.me()')::jsonb ->> 'fresh_seconds')::integer, 0, '[AUTH-4] as the person sees');
select tests.prove('bell owner', 'otp');
select is(pg_temp.fresh('bell owner'), 'fresh', '[AUTH-4] any way of signing in proves it anew, a mailed code too');
select is(pg_temp.fresh('finch owner'), 'fresh', '[AUTH-4] each person by themselves');

select tests.factor('bell owner', 'totp', 'unverified');
select is(pg_temp.fresh('bell owner'), 'fresh', '[AUTH-4] a factor that was never finished setting up asks for nothing');
select tests.factor('bell owner');
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
values ('0190a0a0-0000-4000-8000-000000000001', tests.id('bell owner'), now(), now(), 'aal1');
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
        pg_temp.as('hazel owner', act), '42501 Confirm that it is you, then do this again.', '[AUTH-4] ' || told || ' asks for a fresh proof'
    );
    perform tests.prove('hazel owner', 'password');
    return next unalike(pg_temp.as('hazel owner', act), '%Confirm that it is you%', '[AUTH-4] and is done after it');
end
$$;

select is(
    pg_temp.as('hazel staff', $$public.start_payouts(tests.id('hazel'))$$), '42501 Your role does not allow this. Ask the owner of the business.',
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
select pg_temp.asked($$public.audit_begin_export(tests.id('hazel'), 'csv')$$, 'taking the trail away');
select pg_temp.asked($$public.start_payouts(tests.id('hazel'))$$, 'saying where the money goes');
select pg_temp.asked(
    $$public.hand_over_ownership(tests.id('hazel'), tests.id('hazel staff membership'), gen_random_uuid())$$, 'making somebody else the owner'
);
select matches(
    pg_temp.as('hazel owner', $$public.start_payouts(tests.id('hazel'))$$), '^42501 Your role', '[ACC-5] nor is who has just given it away'
);
select * from finish();
