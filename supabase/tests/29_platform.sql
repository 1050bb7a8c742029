select plan(71);

-- What others left on a shared database, put away for as long as this file runs.
delete from private.platform_owners;
delete from private.platform_visits;
delete from private.alerts;
delete from private.blocked_networks;
delete from private.sign_in_failures;
delete from private.limit_takes;

-- Alex runs TradersFlow; Bell has a business; both have given their second factor.
select tests.business('bell');
select tests.person('alex');
select tests.change_address('alex', 'alex@platform.example');
insert into private.platform_owners (user_id, email) values (tests.id('alex'), 'alex@platform.example');
select results_eq(
    $$select r.chain_kind, r.subject_id from audit.records as r where r.action = 'platform_owner.created' and r.subject_id = tests.id('alex')$$,
    $$values ('platform', tests.id('alex'))$$,
    '[AUD-2] that somebody comes onto the list is on record'
);
select tests.factor('alex');
select tests.give_factor('alex');
select tests.factor('bell owner');
select tests.give_factor('bell owner');

create function pg_temp.asked(who text default 'alex') returns text
    language sql
as $$
    select tests.says(who, 'public.require_platform_owner()')
$$;
-- What the question is answered with after a change that is then undone.
create function pg_temp.once(change text) returns text
    language plpgsql
as $$
declare
    said text;
begin
    begin
        execute change;
        said := pg_temp.asked();
        raise exception 'undo' using errcode = 'P0999';
    exception when sqlstate 'P0999' then
        return said;
    end;
end
$$;

------------------------------------------------------------------------------------------------------
-- Who they are
------------------------------------------------------------------------------------------------------

select is(pg_temp.asked(), 'true', '[ADM-1] who stands on the list, with the address it says and a second factor given, is one of them');
select is(pg_temp.asked('bell owner'), '42501 Only those who run TradersFlow may do that.', '[ADM-1] the owner of a business is none');
select is(pg_temp.once($$delete from private.platform_owners$$), '42501 Only those who run TradersFlow may do that.', '[ADM-1] taken off the list, the next statement fails');
select is(
    pg_temp.once(format('update private.platform_owners set user_id = %L', tests.id('bell owner'))),
    '42501 Only those who run TradersFlow may do that.', '[ADM-1] another login at the address is none'
);
select is(
    pg_temp.once($$update private.platform_owners set email = 'other@platform.example'$$),
    '42501 Only those who run TradersFlow may do that.', '[ADM-1] nor is the login at another address'
);
select is(
    pg_temp.once(format('update auth.users set email_confirmed_at = null where id = %L', tests.id('alex'))),
    '42501 Only those who run TradersFlow may do that.', '[ADM-1] nor at one that it has not proved'
);
select is(
    pg_temp.once(format('update auth.users set is_sso_user = true where id = %L', tests.id('alex'))),
    '42501 Only those who run TradersFlow may do that.', '[AUTH-7] nor whoever comes by a business''s own sign-in'
);
select is(
    pg_temp.once(format($$insert into auth.identities (id, provider_id, user_id, identity_data, provider, created_at, updated_at) values (gen_random_uuid(), 'x', %L, '{}', 'custom:tf-1', now(), now())$$, tests.id('alex'))),
    '42501 Only those who run TradersFlow may do that.', '[AUTH-7] nor whom such a provider vouches for beside'
);
select is(
    pg_temp.once(format($$insert into auth.identities (id, provider_id, user_id, identity_data, provider, created_at, updated_at) values (gen_random_uuid(), 'x', %L, '{}', 'sso:1', now(), now())$$, tests.id('alex'))),
    '42501 Only those who run TradersFlow may do that.', '[AUTH-7] by whatever protocol'
);
select is(
    pg_temp.once(format($$insert into auth.identities (id, provider_id, user_id, identity_data, provider, created_at, updated_at) values (gen_random_uuid(), 'x', %L, '{}', 'google', now(), now())$$, tests.id('alex'))),
    'true', 'a provider of everybody''s is no such one'
);
select is(
    pg_temp.once(format('update auth.users set deleted_at = now() where id = %L', tests.id('alex'))),
    '42501 Only those who run TradersFlow may do that.', 'nor who was deleted'
);
select is(
    pg_temp.once(format('update auth.users set banned_until = now() + interval ''1 hour'' where id = %L', tests.id('alex'))),
    '42501 Only those who run TradersFlow may do that.', 'nor who is blocked'
);
select is(pg_temp.once(format('update auth.users set banned_until = now() where id = %L', tests.id('alex'))), 'true', 'until that is over');
select is(
    pg_temp.once(format($$insert into auth.identities (id, provider_id, user_id, identity_data, provider, created_at, updated_at) values (gen_random_uuid(), 'x', %L, '{}', 'custom:tf-1', now(), now())$$, tests.id('bell owner'))),
    'true', 'whom a business''s provider vouches for elsewhere is somebody else'
);
select is(
    pg_temp.once($$
        select tests.change_address('alex', 'old@platform.example');
        select tests.give_factor('alex');
        select tests.change_address('bell owner', 'alex@platform.example')
    $$),
    '42501 Only those who run TradersFlow may do that.', '[ADM-1] a login that left its address, which is another''s now, is none'
);
select throws_ok($$insert into private.platform_owners (user_id, email) values (gen_random_uuid(), 'x@platform.example')$$, '23503', null, '[ADM-1] nobody is on the list who has no login');
select throws_ok($$insert into private.platform_owners (user_id, email) values (tests.id('bell owner'), null)$$, '23502', null, 'or without an address');
select throws_ok($$insert into private.platform_owners (user_id, email, added_at) values (tests.id('bell owner'), 'x@platform.example', null)$$, '23502', null, 'and it says since when');
select throws_ok($$insert into private.platform_owners (user_id, email) values (tests.id('bell owner'), 'Alex@Platform.example')$$, '23514', null, '[ADM-1] the list is written as the auth server writes addresses');
select throws_ok($$insert into private.platform_owners (user_id, email) values (tests.id('bell owner'), 'alex@platform.example')$$, '23505', null, 'and has each once');
select throws_ok($$insert into private.platform_visits (session_id, user_id, last_at) values (gen_random_uuid(), gen_random_uuid(), now())$$, '23503', null, '[AUTH-4] a visit is of a login that there is');
select throws_ok($$insert into private.platform_visits (session_id, user_id, last_at) values (gen_random_uuid(), null, now())$$, '23502', null, 'never of none');
select throws_ok($$insert into private.platform_visits (session_id, user_id, last_at) values (gen_random_uuid(), tests.id('alex'), null)$$, '23502', null, 'and says when it was');

------------------------------------------------------------------------------------------------------
-- With what
------------------------------------------------------------------------------------------------------

select is(
    pg_temp.once(format('update auth.sessions set aal = ''aal1'' where user_id = %L', tests.id('alex'))),
    '42501 Give your second factor to go on.', '[AUTH-4] a session of level one is refused by the database itself'
);
select is(
    pg_temp.once(format('update auth.sessions set aal = ''aal1'' where user_id = %1$L; delete from auth.mfa_factors where user_id = %1$L', tests.id('alex'))),
    '42501 Give your second factor to go on.', '[AUTH-4] also of one of them who has no factor yet'
);
select is(pg_temp.once(format('delete from auth.sessions where user_id = %L', tests.id('alex'))), '42501 Your session has ended. Sign in again.', '[AUTH-6] a session that has ended leads nowhere');
select is(
    pg_temp.once(format('update auth.sessions set created_at = now() - interval ''721 minutes'', refreshed_at = now() at time zone ''utc'' where user_id = %L', tests.id('alex'))),
    '42501 Sign in again to go on here.', '[AUTH-5] nor does one that began half a day ago'
);
select is(
    pg_temp.once(format('update auth.sessions set created_at = now() - interval ''719 minutes'', refreshed_at = now() at time zone ''utc'' where user_id = %L', tests.id('alex'))),
    'true', 'and up to then it does'
);

create function pg_temp.idle(factor_minutes integer, visit_minutes integer, method text default 'totp') returns text
    language plpgsql
as $$
begin
    return pg_temp.once(format(
        'delete from auth.mfa_amr_claims where session_id = (select session_id from tests.things where name = ''alex'');
        select tests.prove(''alex'', %L, now() - %s * interval ''1 minute'');
        delete from private.platform_visits;
        insert into private.platform_visits (session_id, user_id, last_at)
        select session_id, id, now() - %s * interval ''1 minute'' from tests.things where name = ''alex''',
        method, factor_minutes, visit_minutes
    ));
end
$$;
select is(pg_temp.idle(600, 29), 'true', '[AUTH-5] who was here within half an hour goes on');
select is(pg_temp.idle(29, 600), 'true', '[AUTH-5] so does who gave their factor since');
select is(pg_temp.idle(29, 600, 'mfa/webauthn'), 'true', 'a security key as well');
select is(pg_temp.idle(30, 30), '42501 Give your second factor again to go on here.', '[AUTH-5] [AUTH-4] after half an hour away the factor is asked for again, whatever went on in the app');
select is(pg_temp.idle(1, 600, 'password'), '42501 Give your second factor again to go on here.', '[AUTH-4] by nothing less');
select is(pg_temp.idle(1, 600, 'otp'), '42501 Give your second factor again to go on here.', 'nor a mailed code');
delete from private.platform_visits;
insert into private.platform_visits (session_id, user_id, last_at)
values (gen_random_uuid(), tests.id('alex'), now()), (gen_random_uuid(), tests.id('alex'), now() - interval '25 hours');
update auth.mfa_amr_claims set updated_at = now() - interval '31 minutes' where authentication_method = 'totp';
select is(pg_temp.asked(), '42501 Give your second factor again to go on here.', 'a visit in another session is none in this');
select tests.prove('alex', 'totp');
select is(pg_temp.asked(), 'true', 'until it is given');
select is((select count(*) from private.platform_visits as v join tests.things as t using (session_id) where t.name = 'alex' and v.last_at = now() and v.user_id = tests.id('alex')), 1::bigint, 'which is noted as a visit');
select is((select count(*) from private.platform_visits), 2::bigint, 'and those of yesterday are forgotten');
update private.platform_visits set last_at = now() - interval '5 minutes';
select pg_temp.asked();
select is((select v.last_at from private.platform_visits as v join tests.things as t using (session_id) where t.name = 'alex'), now(), 'each visit anew');

------------------------------------------------------------------------------------------------------
-- What they see
------------------------------------------------------------------------------------------------------

select private.raise_alert('stuffing', jsonb_build_object('network', '198.51.100.' || n || '/32', 'logins', 20, 'until', now())) from generate_series(1, 31) as n;
insert into private.blocked_networks (network, times, blocked_at, blocked_until)
values
    ('198.51.100.1', 2, now() - interval '1 hour', now() + interval '1 hour'),
    ('198.51.100.7', 1, now() - interval '1 minute', now() + interval '1 minute'),
    ('2001:db8:1:2::/64', 1, now(), now() + interval '30 minutes'),
    ('198.51.100.3', 1, now() - interval '2 hours', now() - interval '1 hour');
insert into private.sign_in_failures (network, login_hash, failed_at)
values
    ('198.51.100.1', '\x01', now()), ('198.51.100.1', '\x02', now()), ('198.51.100.9', '\x02', now() - interval '2 hours'),
    ('198.51.100.9', '\x03', now() - interval '25 hours');
select private.take('[{"limit": "password", "key": "kim@people.example"}]') from generate_series(1, 6);
select private.take('[{"limit": "password", "key": "lee@people.example"}]');
insert into private.limit_takes (key_hash, limit_name, taken, forget_at) values ('\x01', 'password', array[now()], now()), ('\x02', 'password', '{}', now() + interval '1 hour');

create function pg_temp.seen(path text[]) returns jsonb
    language sql
as $$
    select tests.says('alex', 'public.platform_overview()')::jsonb #> path
$$;
select is(jsonb_array_length(pg_temp.seen('{alerts}')), 30, 'they see the newest alerts');
select is(pg_temp.seen('{alerts,0,detail,network}'), '"198.51.100.31/32"', 'the last first');
select is(pg_temp.seen('{alerts_in_all}'), '31', 'of how many');
select is(
    pg_temp.seen('{networks}') #>> '{0,network}' || ' ' || (pg_temp.seen('{networks}') #>> '{1,network}') || ' ' || jsonb_array_length(pg_temp.seen('{networks}')),
    '198.51.100.1/32 2001:db8:1:2::/64 3', 'which networks are blocked, the longest first, and none that is free again'
);
select is(pg_temp.seen('{networks,0,times}'), '2', 'for which time');
select is(pg_temp.seen('{networks_in_all}'), '3', 'and how many');
select is(pg_temp.seen('{failures}'), '{"hour": 2, "day": 3, "logins": 2, "networks": 2}', 'how much failed within a day, at how many logins, from how many networks');
select is(
    (select l from jsonb_array_elements(pg_temp.seen('{limits}')) as l where l ->> 'name' = 'password') - 'protects',
    '{"name": "password", "quota": 5, "period_seconds": 60, "grows": true, "counted": 2, "refused": 1}', 'and how each limit stands'
);
select is(jsonb_array_length(pg_temp.seen('{limits}')), (select count(*)::integer from private.limits), 'every one');
select is(pg_temp.seen('{limits,0,name}'), '"password"', 'that which holds somebody back first');
select ok(pg_temp.seen('{}')::text !~ 'people\.example', '[RATE-2] nobody''s login is in it');
select is(pg_temp.seen('{apple_secret_ends_at}'), (select to_jsonb(s.decrypted_secret) from vault.decrypted_secrets as s where s.name = 'tf_apple_secret_ends_at'), 'when Apple''s secret ends');
delete from private.alerts;
delete from private.blocked_networks where network = '2001:db8:1:2::/64';
select is(pg_temp.seen('{alerts}'), '[]', 'or that there is nothing');
select is(tests.says('bell owner', 'public.platform_overview()'), '42501 Only those who run TradersFlow may do that.', '[ADM-1] nobody else sees any of it');

------------------------------------------------------------------------------------------------------
-- What they do
------------------------------------------------------------------------------------------------------

create function pg_temp.unblock(network text default '198.51.100.1/32', reason text default 'An office, Sam rang', who text default 'alex') returns text
    language sql
as $$
    select tests.says(who, format('public.unblock_network(%L, %L)', network, reason))
$$;
create function pg_temp.records() returns bigint
    language sql
as $$
    select count(*) from audit.records as r where r.action = 'network.unblocked' and r.actor_id = tests.id('alex')
$$;
select is(pg_temp.unblock(who => 'bell owner'), '42501 Only those who run TradersFlow may do that.', '[ADM-1] nobody else unblocks a network');
select is(pg_temp.unblock(reason => 'x '), 'P0001 Say why, in a few words: it is kept on record.', 'they say why');
select is(pg_temp.unblock(reason => repeat('x', 301)), 'P0001 Say why, in a few words: it is kept on record.', 'in a few words');
select is(pg_temp.unblock(reason => null), 'P0001 Say why, in a few words: it is kept on record.', 'or it is not done');
update auth.mfa_amr_claims set updated_at = now() - interval '10 minutes' where authentication_method = 'totp';
select is(pg_temp.unblock(), '42501 Confirm that it is you, then do this again.', '[AUTH-4] and gave their second factor within ten minutes');
select tests.prove('alex', 'totp');
select is(pg_temp.records(), 0::bigint, 'nothing of that is on record as done');
select ok(private.blocked_for('198.51.100.1') > 0, 'and the network is blocked');
select is(pg_temp.unblock('198.51.100.3/32'), 'false', 'one that is free again is not unblocked');
select is(pg_temp.unblock('no network'), '22P02 invalid input syntax for type cidr: "no network"', 'nor what is none');
select is(pg_temp.unblock(), 'true', 'one that is blocked is');
select is(private.blocked_for('198.51.100.1'), null, 'and lets people in from then on');
select is((select count(*) from private.sign_in_failures as f where f.network = '198.51.100.1'), 0::bigint, 'its failures are forgotten, or the next one would block it again');
select is((select count(*) from private.sign_in_failures as f where f.network = '198.51.100.9'), 2::bigint, 'and no other''s');
select ok(private.blocked_for('198.51.100.7') > 0, 'another network stays blocked');
select is(pg_temp.records(), 1::bigint, '[AUD-2] who did it and why is on record, in the same transaction');
select is(pg_temp.unblock(), 'false', 'and is not done twice');

------------------------------------------------------------------------------------------------------
-- Nobody else
------------------------------------------------------------------------------------------------------

select tests.be_anon();
select throws_ok($$select public.require_platform_owner()$$, '42501', null, '[ADM-1] whoever is not signed in asks in vain');
select tests.be_postgres();

select * from finish();
