-- Whose factor, whose role, whose codes: what one person or business has or asks is never taken for another's.
select plan(26);

select tests.business('bell');
select tests.business('finch');
select tests.member('bell', 'admin');
select tests.member(b, 'staff') from unnest(array['bell', 'finch']) as b;
select tests.member('bell', 'staff', 'gone');
update public.members set removed_at = now() where user_id = tests.id('gone');
select tests.member('finch', 'staff', 'twice');
insert into public.members (account_id, user_id, role_id, display_name, email)
values (tests.id('bell'), tests.id('twice'), tests.role('bell', 'staff'), 'Twice', 'twice@people.example');

-- A role of one id in both businesses: held by mates of each, and by bell's admin in finch alone.
insert into public.roles (account_id, id, name)
select tests.id(b), tests.keep(b || ' mate', gen_random_uuid()), 'Mate' from unnest(array['bell', 'finch']) as b;
select tests.member(b, 'staff', b || ' fitter') from unnest(array['bell', 'finch']) as b;
update public.members as m
set role_id = tests.id(b || ' mate')
from unnest(array['bell', 'finch']) as b
where m.account_id = tests.id(b) and m.user_id = tests.id(b || ' fitter');
insert into public.members (account_id, user_id, role_id, display_name, email)
values (tests.id('finch'), tests.id('bell admin'), tests.id('finch mate'), 'Ada', 'ada@people.example');
select tests.twin('public.roles', 'mate');
set constraints all immediate;
set constraints all deferred;
select is(tests.id('bell mate'), tests.id('finch mate'), 'two businesses have a role of one id');

------------------------------------------------------------------------------------------------------
-- Which role demands a factor
------------------------------------------------------------------------------------------------------

create function pg_temp.demanded(person text, business text) returns boolean
    language plpgsql
as $$
begin
    perform tests.claim(person);
    return private.demands_factor(tests.id(business));
end
$$;
-- The names of the businesses that ask the person for one.
create function pg_temp.asking(person text) returns text
    language sql
as $$
    select coalesce(string_agg(a ->> 'name', ' '), 'none')
    from jsonb_array_elements(tests.says(person, 'public.me()')::jsonb -> 'demanding') as a
$$;

update public.roles set demands_factor = true where account_id = tests.id('bell') and key = 'staff';
select ok(pg_temp.demanded('bell staff', 'bell'), '[AUTH-4] a role that demands a factor demands it of who has it');
select is(pg_temp.asking('bell staff'), 'Bell', '[AUTH-4] who is told which business asks');
select ok(not pg_temp.demanded('bell admin', 'bell'), '[AUTH-4] and of nobody who has another');
select is(pg_temp.asking('bell admin'), 'none', '[AUTH-4] or is told so');
select ok(not pg_temp.demanded('twice', 'finch'), '[AUTH-4] nor for the other business of the same person');
select is(pg_temp.asking('twice'), 'Bell', '[AUTH-4] as they are told');
select ok(not pg_temp.demanded('gone', 'bell'), '[AUTH-4] nor of who was taken out');
select is(pg_temp.asking('gone'), 'none', '[AUTH-4] who is told of nothing');

select is(
    tests.says('bell admin', $$public.demand_factor(tests.id('bell'), tests.id('bell mate'), true)$$), 'true',
    '[AUTH-4] who has a role of that id elsewhere may demand it here'
);
select results_eq(
    $$select a.name, r.demands_factor from public.roles as r join public.accounts as a on a.id = r.account_id where r.id = tests.id('bell mate') order by 1$$,
    $$values ('Bell', true), ('Finch', false)$$, '[ISO-1] and only here is it demanded'
);
select ok(pg_temp.demanded('bell fitter', 'bell'), '[ISO-1] of those of this business');
select is(pg_temp.asking('bell fitter'), 'Bell', '[ISO-1] as they are told');
select ok(not pg_temp.demanded('finch fitter', 'finch'), '[ISO-1] and not of the other''s');
select is(pg_temp.asking('finch fitter'), 'none', '[ISO-1] as they are not');

select tests.factor('bell staff');
select tests.give_factor('bell staff');
select is(
    tests.says('bell staff', $$public.start_payouts(tests.id('bell'))$$), '42501 Your role does not allow this. Ask the owner of the business.',
    '[AUTH-4] who has given theirs and may not all the same is not asked for it again'
);

------------------------------------------------------------------------------------------------------
-- Whose proof, whose domain
------------------------------------------------------------------------------------------------------

select tests.claim('bell owner');
select ok(private.fresh_until() > now(), '[AUTH-4] who has just signed in has proved who they are');
select tests.keep('thief', tests.id('finch owner'), (select t.session_id from tests.things as t where t.name = 'bell owner'));
select tests.claim('thief');
select is(private.fresh_until(), null, '[AUTH-4] and nobody else by their session');

insert into public.domains (account_id, domain, role_id, state, found_at)
values (tests.id('finch'), 'finch.example', tests.role('finch', 'staff'), 'verified', now());
select ok(private.has_proven_domain(tests.id('finch')), '[AUTH-7] a business with a proven domain has one');
select ok(not private.has_proven_domain(tests.id('bell')), '[AUTH-7] and no other by it');

------------------------------------------------------------------------------------------------------
-- Whose codes, whose factors
------------------------------------------------------------------------------------------------------

select tests.factor(b || ' owner') from unnest(array['bell', 'finch']) as b;
select tests.give_factor(b || ' owner') from unnest(array['bell', 'finch']) as b;
create function pg_temp.codes_left(person text) returns text
    language sql
as $$ select tests.says(person, 'public.my_factors()')::jsonb ->> 'recovery_codes_left' $$;
create temporary table made as
select b, tests.says(b || ' owner', 'public.make_recovery_codes()')::text[] as codes from unnest(array['bell', 'finch']) as b;
select is(
    array[pg_temp.codes_left('bell owner'), pg_temp.codes_left('finch owner'), pg_temp.codes_left('bell staff')], array['10', '10', '0'],
    '[AUTH-4] new recovery codes take nobody else''s away, and each sees how many they have'
);

create function pg_temp.note(person text) returns void
    language sql
as $$ select tests.says(person, 'public.note_factors()') $$;
create function pg_temp.told() returns text
    language sql
as $$
    select coalesce(string_agg(o.to_address || ' ' || (o.data ->> 'what'), ', '), 'nobody')
    from mail.outbox as o
    where o.template = 'second_factor'
$$;
insert into auth.webauthn_credentials (user_id, credential_id, public_key, friendly_name)
values (tests.id('finch owner'), '\x01', '\x02', 'Laptop');
select pg_temp.note(p) from unnest(array['bell owner', 'finch owner', 'bell staff']) as p;
delete from mail.outbox where template = 'second_factor';

update auth.webauthn_credentials set friendly_name = 'Old laptop' where user_id = tests.id('finch owner');
select pg_temp.note('bell owner');
select is(
    (select t.name from private.factors_told as t where t.user_id = tests.id('finch owner') and t.is_passkey), 'Laptop',
    '[AUTH-4] what a person was told of is theirs to bring up to date'
);
delete from auth.mfa_factors where user_id = tests.id('finch owner');
select pg_temp.note('bell owner');
select is(pg_temp.told(), 'nobody', '[AUTH-4] nobody is told of a factor that somebody else took off');
select pg_temp.note('finch owner');
select is(pg_temp.told(), tests.address('finch owner') || ' factor_removed', '[AUTH-4] but that person, when they come');

update auth.sessions set aal = 'aal1' where user_id = tests.id('bell owner');
select is(
    tests.says('bell owner', format('public.use_recovery_code(%L)', (select codes[1] from made where b = 'bell'))), 'true',
    '[AUTH-4] whoever uses a code of theirs'
);
delete from mail.outbox where template = 'second_factor';
select pg_temp.note('bell staff');
select is(pg_temp.told(), 'nobody', '[AUTH-4] has nobody else told anew of what they have');
select * from finish();
