select plan(63);

select tests.business('bell');
select tests.member('bell', 'staff');
-- The session that a person of the test signed in with.
create function pg_temp.keep_session_of(person text) returns uuid
    language sql
as $$
    select tests.keep(person || ' session', session_id) from tests.things where name = person
$$;
select pg_temp.keep_session_of('bell owner');
select pg_temp.keep_session_of('bell staff');

-- Another session of a person.
create function pg_temp.begin_session(person text, name text, ip text default null) returns uuid
    language sql
as $$
    insert into auth.sessions (id, user_id, created_at, updated_at, aal, ip)
    values (gen_random_uuid(), tests.id(person), now(), now(), 'aal1', ip::inet)
    returning tests.keep(name, id)
$$;
-- Where the web tier saw the person who signs in.
create function pg_temp.from_address(address text) returns void
    language sql
as $$
    select tests.send_headers(jsonb_build_object('x-forwarded-for', address))
$$;
create function pg_temp.mails() returns bigint
    language sql
as $$
    select count(*) from mail.outbox where template = 'new_device'
$$;
create function pg_temp.signed_up(ago interval) returns void
    language sql
as $$
    update auth.users set email_confirmed_at = now() - ago where id = tests.id('kim')
$$;

------------------------------------------------------------------------------------------------------
-- How long a session may be unused, and how long it may last, stands in one place
------------------------------------------------------------------------------------------------------

select is(
    (select array_agg(l.kind || ' ' || l.idle || ' ' || l.longest) from private.session_limits as l),
    array['trade 14 days 90 days', 'admin 00:30:00 12:00:00'],
    '[AUTH-5] a session ends after 14 days unused and 90 days in all, half an hour and half a day in the admin area'
);
select pg_temp.begin_session('bell staff', 'clock');
update auth.sessions set created_at = now() - interval '89 days 23 hours', refreshed_at = now() at time zone 'utc' where id = tests.id('clock');
select ok(exists (select from private.live_sessions where id = tests.id('clock')), '[AUTH-5] an hour before its 90 days are over a session that is used lives');
update private.session_limits set longest = interval '30 days' where kind = 'trade';
select ok(not exists (select from private.live_sessions where id = tests.id('clock')), '[AUTH-5] a shorter life counts for the sessions there are');
update private.session_limits set longest = interval '90 days' where kind = 'trade';
update auth.sessions set created_at = now() - interval '13 days 23 hours', refreshed_at = null where id = tests.id('clock');
select ok(exists (select from private.live_sessions where id = tests.id('clock')), '[AUTH-5] an hour before its 14 days are over a session that was never used lives');
update private.session_limits set idle = interval '30 minutes' where kind = 'trade';
select ok(not exists (select from private.live_sessions where id = tests.id('clock')), '[AUTH-5] so does a shorter idle time');
update auth.sessions set refreshed_at = (now() - interval '29 minutes') at time zone 'utc' where id = tests.id('clock');
select ok(exists (select from private.live_sessions where id = tests.id('clock')), '[AUTH-5] and each use begins it anew');
update private.session_limits set idle = interval '14 days' where kind = 'trade';
select throws_ok($$update private.session_limits set idle = interval '0' where kind = 'trade'$$, '23514', null, 'no limit is nothing');
select throws_ok($$update private.session_limits set longest = interval '1 day' where kind = 'trade'$$, '23514', null, 'nobody lasts less than they may be idle');
select throws_ok($$insert into private.session_limits values ('other', '1 day', '2 days')$$, '23514', null, 'and there are no limits that nothing asks for');
delete from auth.sessions where id = tests.id('clock');

------------------------------------------------------------------------------------------------------
-- One's own sessions
------------------------------------------------------------------------------------------------------

select pg_temp.begin_session('bell owner', 'phone', '198.51.100.7');
select pg_temp.begin_session('bell owner', 'old phone', '198.51.100.8');
update auth.sessions set created_at = now() - interval '3 days', refreshed_at = (now() - interval '1 day') at time zone 'utc' where id = tests.id('old phone');
select pg_temp.begin_session('bell owner', 'lost phone');
update auth.sessions set created_at = now() - interval '91 days' where id = tests.id('lost phone');
select pg_temp.from_address('198.51.100.7');
select service.record_session(tests.id('phone'), 'Chrome on Android', true);

insert into private.sign_in_decisions (user_id, session_id, method, network, country, factors, score, decision, reason)
values (tests.id('bell owner'), tests.id('phone'), 'password', '198.51.100.7', 'GB', '[]', 0, 'allowed', 'x');
select tests.authenticate_as('bell owner');
select is(
    (select array_agg(s.id order by s.is_this desc, s.last_used_at desc) from public.my_sessions() as s),
    array[tests.id('bell owner session'), tests.id('phone'), tests.id('old phone')],
    '[AUTH-6] a person sees their own live sessions'
);
select is(
    (select array_agg(s.id) from public.my_sessions() as s), 
    array[tests.id('bell owner session'), tests.id('phone'), tests.id('old phone')],
    '[AUTH-6] this one first, then as they were used'
);
select is((select array_agg(s.id) from public.my_sessions() as s where s.is_this), array[tests.id('bell owner session')], '[AUTH-6] this one is marked');
select is(
    (select row(s.device, s.address, s.country, s.begun_at = now(), s.last_used_at = now())::text from public.my_sessions() as s where s.id = tests.id('phone')),
    row('Chrome on Android', '198.51.100.7', 'GB', true, true)::text,
    '[AUTH-6] on what, from where and since when'
);
select is(
    (select row(s.device, s.country, s.begun_at, s.last_used_at)::text from public.my_sessions() as s where s.id = tests.id('old phone')),
    row(null::text, null::text, now() - interval '3 days', now() - interval '1 day')::text,
    '[AUTH-6] one that did not begin at our door shows no device and no country, and when it was used last'
);

select tests.authenticate_as('bell staff');
select is((select array_agg(s.id) from public.my_sessions() as s), array[tests.id('bell staff session')], '[AUTH-6] a colleague''s sessions are not shown');
select ok(not public.end_session(tests.id('phone')), '[AUTH-6] and nobody ends another person''s');
select tests.be_postgres();
select ok(exists (select from private.live_sessions where id = tests.id('phone')), '[AUTH-6] which lives on');

insert into tests.things (name, id, session_id)
select 'the phone', tests.id('bell owner'), tests.id('phone')
union all
select 'the old phone', tests.id('bell owner'), tests.id('old phone');

select tests.authenticate_as('the old phone');
select isnt_empty('select * from public.accounts', '[AUTH-6] a session of one''s own reads');
select tests.authenticate_as('the phone');
select ok(public.end_session(tests.id('old phone')), '[AUTH-6] a person ends one other session of theirs');
select ok(not public.end_session(tests.id('old phone')), '[AUTH-6] which then there is no more');
select isnt_empty('select * from public.accounts', '[AUTH-6] their own goes on');
select tests.authenticate_as('the old phone');
select is_empty('select * from public.accounts', '[AUTH-6] the one that was ended reads nothing with its next statement');
select throws_ok('select * from public.my_sessions()', '42501', 'Your session has ended. Sign in again.', '[AUTH-6] lists no sessions');
select throws_ok(
    format('select public.end_session(%L)', tests.id('phone')), '42501', 'Your session has ended. Sign in again.', '[AUTH-6] and ends none'
);
select tests.be_postgres();
select is(
    (select r.action || ' ' || r.actor_id from audit.records as r where r.chain_id = tests.id('bell owner') order by r.id desc limit 1),
    'session.ended ' || tests.id('bell owner'),
    '[AUD-2] that it was ended is on the person''s own chain'
);
select tests.authenticate_as('the phone');
select ok(public.end_session(tests.id('phone')), '[AUTH-6] a person ends the session they use');
select is_empty('select * from public.accounts', '[AUTH-6] and is out');
select tests.be_anon();
select throws_ok('select * from public.my_sessions()', '42501', null, '[AUTH-6] nobody has no sessions');
select throws_ok(format('select public.end_session(%L)', tests.id('phone')), '42501', null, '[AUTH-6] and ends none');

------------------------------------------------------------------------------------------------------
-- Signing in on a new device
------------------------------------------------------------------------------------------------------

select tests.be_postgres();
select tests.person('kim');
select pg_temp.keep_session_of('kim');
select pg_temp.from_address('203.0.113.5');
select ok(not service.record_session(tests.id('kim session'), 'Chrome on Android', false), '[RATE-5] who has just signed up is told nothing');
select ok(not service.record_session(tests.id('kim session'), 'Safari on iOS', false), 'and a session is recorded once');
select is((select device from private.session_devices where session_id = tests.id('kim session')), 'Chrome on Android', 'as it began');
select ok(not service.record_session(gen_random_uuid(), 'Chrome on Android', false), 'a session that is none is not');
select ok(
    not service.record_session(pg_temp.begin_session('kim', 'again'), 'Chrome on Android', false),
    '[RATE-5] nor who comes back on the same device to the same address'
);
select ok(
    service.record_session(pg_temp.begin_session('kim', 'laptop'), 'Firefox on Windows', false),
    '[RATE-5] another device is told of'
);
select is(
    (
        select row(o.to_address, o.data ->> 'device', o.data ->> 'address', (o.data ->> 'at')::timestamptz = now(), o.has_secret, o.account_id)::text
        from mail.outbox as o
        where o.template = 'new_device'
    ),
    row((select email::text from auth.users where id = tests.id('kim')), 'Firefox on Windows', '203.0.113.5', true, true, null::uuid)::text,
    '[RATE-5] by mail to the person: on what, from where and when'
);
select ok(
    not service.record_session(pg_temp.begin_session('kim', 'proof'), 'Safari on iOS', true),
    '[RATE-5] a device that proves that it signed in before is not'
);
select pg_temp.from_address('203.0.113.6');
select ok(
    service.record_session(pg_temp.begin_session('kim', 'elsewhere'), 'Chrome on Android', false),
    '[RATE-5] the same words from another address are another device'
);
select pg_temp.from_address('2001:db8:1:2::1');
select ok(service.record_session(pg_temp.begin_session('kim', 'home'), 'Chrome on Android', false), 'an IPv6 address too');
select pg_temp.from_address('2001:db8:1:2:ffff::9');
select ok(not service.record_session(pg_temp.begin_session('kim', 'home again'), 'Chrome on Android', false), 'which moves within a household');
select pg_temp.from_address('2001:db8:1:3::1');
select ok(service.record_session(pg_temp.begin_session('kim', 'next door'), 'Chrome on Android', false), 'and not out of it');

update private.session_devices set begun_at = now() - interval '181 days' where user_id in (tests.id('kim'), tests.id('bell owner'));
select pg_temp.signed_up('1 year');
select pg_temp.from_address('203.0.113.5');
select ok(
    service.record_session(pg_temp.begin_session('kim', 'late'), 'Chrome on Android', false),
    '[RATE-5] after half a year a device is new again, and nobody has just signed up'
);
select is(
    (select count(*)::integer from private.session_devices where user_id = tests.id('kim')), 1,
    'what is older than that is forgotten'
);
select is(
    (select count(*)::integer from private.session_devices where user_id = tests.id('bell owner')), 1,
    'and another person''s when they come back'
);
insert into private.sign_in_notices (token_hash, user_id, created_at)
values
    (sha256('old'), tests.id('kim'), now() - interval '7 days'),
    (sha256('new'), tests.id('kim'), now() - interval '6 days'),
    (sha256('of another'), tests.id('bell owner'), now() - interval '7 days');
select ok(service.record_session(pg_temp.begin_session('kim', 'odd'), null, false), 'a device that tells nothing of itself is told of');
select ok(not service.record_session(pg_temp.begin_session('kim', 'odd again'), null, false), 'and known at its address');
select set_eq(
    'select token_hash from private.sign_in_notices where token_hash in (sha256(''old''), sha256(''new''), sha256(''of another''))',
    array[sha256('new'), sha256('of another')],
    'links that are over are forgotten when there is another'
);
select tests.person('lee');
select pg_temp.keep_session_of('lee');
select pg_temp.from_address('203.0.113.5');
select service.record_session(tests.id('lee session'), 'Chrome on Android', false);
select ok(
    service.record_session(pg_temp.begin_session('lee', 'lee again'), 'Opera on macOS', false),
    'a second device soon after signing up is told of'
);
select service.record_session(pg_temp.begin_session('kim', 'kim''s tablet'), 'Vivaldi on Linux', true);
select ok(
    service.record_session(pg_temp.begin_session('lee', 'lee''s tablet'), 'Vivaldi on Linux', false),
    '[RATE-5] what is familiar to one person is not to another'
);
select is(
    (select count(*)::integer from private.sign_in_notices where user_id = tests.id('lee')), 2,
    'each mail has a link of its own'
);

------------------------------------------------------------------------------------------------------
-- "This wasn't me"
------------------------------------------------------------------------------------------------------

create function pg_temp.link(person text) returns text
    language sql
as $$
    select o.data ->> 'link_token'
    from mail.outbox as o
    join auth.users as u on u.email = o.to_address
    where o.template = 'new_device'
      and u.id = tests.id(link.person)
    order by o.id desc
    limit 1
$$;
select is(service.disowned_by(pg_temp.link('lee')), tests.id('lee'), '[RATE-5] the link in the mail is its person''s');
select is(service.disowned_by('some other word'), null, 'another is nobody''s');
select ok(not service.disown_sign_in('some other word'), 'and ends nothing');
update private.sign_in_notices set created_at = now() - interval '7 days' where user_id = tests.id('lee');
select is(service.disowned_by(pg_temp.link('lee')), null, '[RATE-5] after a week the link is over');
select ok(not service.disown_sign_in(pg_temp.link('lee')), 'and does nothing');
update private.sign_in_notices set created_at = now() - interval '6 days 23 hours' where user_id = tests.id('lee');
-- Half an hour before the notice, with it, and after it; and somebody else's, who had a notice of their own before and after.
insert into private.sign_in_notices (token_hash, user_id, created_at)
values
    (sha256('before'), tests.id('kim'), now() - interval '6 days 23 hours 45 minutes'),
    (sha256('after'), tests.id('kim'), now());
insert into auth.webauthn_credentials (user_id, credential_id, public_key, friendly_name, created_at)
values
    (tests.id('lee'), '\x01', '\x02', 'old passkey', now() - interval '6 days 23 hours 30 minutes'),
    (tests.id('lee'), '\x02', '\x02', 'with the notice', now() - interval '6 days 23 hours'),
    (tests.id('lee'), '\x03', '\x02', 'new passkey', now()),
    (tests.id('kim'), '\x04', '\x02', 'Kim''s passkey', now());
insert into auth.mfa_factors (id, user_id, friendly_name, factor_type, status, created_at, updated_at)
values
    (gen_random_uuid(), tests.id('lee'), 'old app', 'totp', 'verified', now() - interval '6 days 23 hours 30 minutes', now()),
    (gen_random_uuid(), tests.id('lee'), 'with the notice', 'totp', 'verified', now() - interval '6 days 23 hours', now()),
    (gen_random_uuid(), tests.id('lee'), 'new app', 'totp', 'verified', now(), now()),
    (gen_random_uuid(), tests.id('kim'), 'Kim''s app', 'totp', 'verified', now(), now());
insert into private.recovery_codes (user_id, code_hash, created_at)
values
    (tests.id('lee'), sha256('old'), now() - interval '6 days 23 hours 30 minutes'),
    (tests.id('lee'), sha256('with'), now() - interval '6 days 23 hours'),
    (tests.id('kim'), sha256('new'), now());
select ok(service.disown_sign_in(pg_temp.link('lee')), '[RATE-5] "this wasn''t me" works before');
select set_eq(
    $$
        select k.friendly_name from auth.webauthn_credentials as k where k.user_id in (tests.id('lee'), tests.id('kim'))
        union all select f.friendly_name from auth.mfa_factors as f where f.user_id in (tests.id('lee'), tests.id('kim'))
        union all select 'codes of ' || c.user_id from private.recovery_codes as c where c.code_hash in (sha256('old'), sha256('new'), sha256('with'))
    $$,
    array['old passkey', 'Kim''s passkey', 'old app', 'Kim''s app', 'codes of ' || tests.id('lee'), 'codes of ' || tests.id('kim')],
    '[RATE-5] and takes away what whoever it was left behind to come back by, and nothing that stood there before'
);
select is((select count(*) from private.recovery_codes as c where c.user_id = tests.id('lee')), 1::bigint, '[RATE-5] recovery codes too');
select is(
    (select count(*) from private.sign_in_notices as n where n.token_hash in (sha256('before'), sha256('after')) and n.used_at is null),
    2::bigint, '[RATE-5] and nobody else''s notices'
);
select is(
    (select row(
        (select count(*) from auth.sessions where user_id = tests.id('lee')),
        (select count(*) from private.session_devices where user_id = tests.id('lee')),
        (select count(*) from auth.sessions where user_id = tests.id('kim')) > 0,
        (select count(*) from private.session_devices where user_id = tests.id('kim'))
    )::text),
    row(0, 0, true, 4)::text,
    '[RATE-5] it ends every session of that person and forgets their devices, and nobody else''s'
);
select is(
    (select r.action || ' ' || r.actor_id from audit.records as r where r.chain_id = tests.id('lee') order by r.id desc limit 1),
    'sign_in.disowned ' || tests.id('lee'),
    '[AUD-2] and is on that person''s chain'
);
select is(service.disowned_by(pg_temp.link('lee')), null, '[RATE-5] once used it is nobody''s');
select ok(not service.disown_sign_in(pg_temp.link('lee')), '[RATE-5] and does nothing more');
