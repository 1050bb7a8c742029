select plan(104);

------------------------------------------------------------------------------------------------------
-- Whose attempt is it? (RATE-2)
------------------------------------------------------------------------------------------------------

select tests.person('kim');
update auth.users set email = 'kim@people.example', encrypted_password = 'a hash' where id = tests.id('kim');

create function pg_temp.known(login text default 'kim@people.example') returns text
    language sql
as $$
    select string_agg(method, ' ' order by method)
    from unnest(array['password', 'code']) as method
    where private.is_known_at_the_door(login, method)
$$;
create function pg_temp.known_once(change text) returns text
    language plpgsql
as $$
declare
    said text;
begin
    begin
        execute format('update auth.users set %s where id = %L', change, tests.id('kim'));
        said := coalesce(pg_temp.known(), 'nobody');
        raise exception 'undo' using errcode = 'P0999';
    exception when sqlstate 'P0999' then
        return said;
    end;
end
$$;

select is(pg_temp.known(), 'code password', '[RATE-2] who has a login is asked for by it');
select is(pg_temp.known(' Kim@People.example '), 'code password', 'however it was typed');
select is(pg_temp.known('nobody@people.example'), null, '[RATE-2] nobody has another');
select is(pg_temp.known(null), null, 'or none');
select is(pg_temp.known_once('encrypted_password = null'), 'code', '[RATE-2] who has no password can''t be asked for one');
select is(pg_temp.known_once('encrypted_password = '''''), 'code', 'nor who has an empty one');
select is(pg_temp.known_once('banned_until = now() + interval ''1 hour'''), 'nobody', '[RATE-2] who is blocked counts as nobody');
select is(pg_temp.known_once('banned_until = now()'), 'code password', 'until that is over');
select is(pg_temp.known_once('deleted_at = now()'), 'nobody', 'so does who was deleted');
select is(pg_temp.known_once('is_sso_user = true'), 'nobody', 'and who comes by their firm''s own sign-in alone');


------------------------------------------------------------------------------------------------------
-- Admitting
------------------------------------------------------------------------------------------------------

create function pg_temp.admit(address text, at_known_device boolean default false) returns jsonb
    language sql
as $$
    select case when a ? 'standings' then a - 'standings' - 'captcha_due' || jsonb_build_object('allowed', a #> '{standings,0,allowed}') else a end
    from service.admit(
        jsonb_build_array(jsonb_build_object('limit', 'password', 'key', 'kim@people.example')),
        'kim@people.example', 'password', address, at_known_device, null
    ) as a
$$;
create function pg_temp.taken() returns bigint
    language sql
as $$
    select coalesce(sum(cardinality(t.taken)), 0) from private.limit_takes as t where t.limit_name = 'password'
$$;

set local synchronous_commit = on;
select is(pg_temp.admit('203.0.113.5'), '{"allowed": true, "is_known": true}', '[RATE-1] whoever is admitted has taken what they want');
select is(current_setting('synchronous_commit'), 'off', 'and waits for no disk');
select is(pg_temp.taken(), 1::bigint, 'once');
insert into private.blocked_networks (network, blocked_until)
values ('203.0.113.6', now() + interval '10 minutes'), ('2001:db8:1:2::/64', now() + interval '10 minutes'), ('203.0.113.7', now() - interval '1 second');
select ok(
    (pg_temp.admit('203.0.113.6') ->> 'blocked_for')::integer between 590 and 600,
    '[RATE-5] an address that was caught is blocked, and told for how long'
);
select is(pg_temp.taken(), 1::bigint, '[RATE-5] and uses nothing up that is somebody else''s');
select ok(pg_temp.admit('2001:db8:1:2:3::4') ? 'blocked_for', '[RATE-5] of version 6 its whole network of 64 bits');
select ok(pg_temp.admit('2001:db8:1:3::4') ? 'allowed', 'and not the next one');
select ok(pg_temp.admit('203.0.113.6', true) ? 'allowed', '[RATE-5] a device that signed in before is not blocked there');
select ok(pg_temp.admit('203.0.113.7') ? 'allowed', '[RATE-5] it is released by itself');

------------------------------------------------------------------------------------------------------
-- Caught at trying many logins
------------------------------------------------------------------------------------------------------

create function pg_temp.fail(from_number integer, to_number integer, address text default '198.51.100.9') returns void
    language sql
as $$
    select service.note_failure('login' || n || '@people.example', address) from generate_series(from_number, to_number) as n
$$;
create function pg_temp.blocked(address text default '198.51.100.9') returns text
    language sql
as $$
    select format('%s times, %s', b.times, b.blocked_until - b.blocked_at) from private.blocked_networks as b where b.network = address::inet
$$;

set local synchronous_commit = on;
select pg_temp.fail(1, 19);
select is(current_setting('synchronous_commit'), 'off', 'noting a failure waits for no disk');
select pg_temp.fail(1, 19);
select pg_temp.fail(20, 20, '198.51.100.10');
select is(pg_temp.blocked(), null, '[RATE-5] who tries nineteen logins, each twice, is not blocked');
select service.note_failure(null, '198.51.100.9');
select is(pg_temp.blocked(), null, 'a link that is none names no login');
update private.sign_in_failures set failed_at = now() - interval '25 hours' where login_hash = private.login_hash('login1@people.example');
select pg_temp.fail(20, 20);
select is(pg_temp.blocked(), null, 'nor who tried one of twenty a day ago');
select pg_temp.fail(21, 21);
select is(pg_temp.blocked(), '1 times, 01:00:00', '[RATE-5] who tries a twentieth within a day is blocked for an hour');
select pg_temp.fail(22, 22);
select is(pg_temp.blocked(), '1 times, 01:00:00', 'once');
update private.blocked_networks set blocked_until = now(), blocked_at = now() - interval '1 hour' where network = '198.51.100.9';
select pg_temp.fail(22, 22);
select is(pg_temp.blocked(), '2 times, 02:00:00', '[RATE-5] the next time for two');
update private.blocked_networks set times = 9, blocked_until = now(), blocked_at = now() - interval '1 hour' where network = '198.51.100.9';
select pg_temp.fail(22, 22);
select is(pg_temp.blocked(), '10 times, 1 day', '[RATE-5] and never for longer than a day');
select is(
    (select jsonb_agg(a.detail -> 'network' order by a.id) from private.alerts as a where a.kind = 'stuffing'),
    '["198.51.100.9/32", "198.51.100.9/32", "198.51.100.9/32"]',
    '[RATE-5] each time an alert is raised'
);
select ok(
    not exists (select from private.sign_in_failures as f where f::text like '%people%'), 'no login can be read back'
);

------------------------------------------------------------------------------------------------------
-- A captcha after failures
------------------------------------------------------------------------------------------------------

create function pg_temp.ask(captcha text, address text default '198.51.100.40', method text default 'password') returns text
    language sql
as $$
    select concat_ws(' ', case when a ? 'captcha_missing' then 'missing' end, case when (a ->> 'captcha_due')::boolean then 'due' end, case when a ? 'standings' then 'taken' end)
    from service.admit(
        jsonb_build_array(jsonb_build_object('limit', case method when 'mail' then 'mail' else 'sign_in_address' end, 'key', case method when 'mail' then 'noah@people.example' else address end)),
        'noah@people.example', method, address, false, captcha
    ) as a
$$;
create function pg_temp.due(method text default 'password', login text default 'noah@people.example', network cidr default '198.51.100.90') returns boolean
    language sql
as $$
    select private.captcha_is_due('[{"limit": "mail", "key": "noah@people.example"}]', login, method, network)
$$;

select is(
    (
        select jsonb_agg(service.note_failure(login, '198.51.100.' || (60 + n)) -> 'captcha_due' order by n)
        from (values (1, 'noah@people.example'), (2, 'Noah@People.example'), (3, 'noah@people.example')) as v (n, login)
    ),
    '[false, false, true]',
    '[RATE-5] the third failure at a login says that the next attempt needs a captcha'
);
select ok(pg_temp.due(), '[RATE-5] which it does from whatever address');
select ok(pg_temp.due('code'), '[RATE-5] by a code as by a password');
select ok(not pg_temp.due('mail'), 'and no mail needs one');
select ok(not pg_temp.due('password', 'nora@people.example'), 'nor another login');
select ok(not pg_temp.due('password', null), 'nor who names none');
update private.sign_in_failures set failed_at = clock_timestamp() - interval '59 minutes' where login_hash = private.login_hash('noah@people.example');
select ok(pg_temp.due(), '[RATE-5] within the hour');
update private.sign_in_failures set failed_at = clock_timestamp() - interval '61 minutes' where login_hash = private.login_hash('noah@people.example');
select ok(not pg_temp.due(), 'and no longer');
select is(
    (select jsonb_agg(service.note_failure(null, '198.51.100.90') -> 'captcha_due') from generate_series(1, 3)),
    '[false, false, true]',
    '[RATE-5] so does the third from an address, whatever was tried there'
);
select ok(pg_temp.due(), 'at every login');
select ok(not pg_temp.due(network => '198.51.100.91'), 'and not from the next address');
update private.sign_in_failures set failed_at = clock_timestamp() - interval '61 minutes' where network = '198.51.100.90';
select ok(not pg_temp.due(), 'that is over after an hour too');

select is(pg_temp.ask('none'), 'taken', 'whoever did not fail is asked for nothing');
select service.note_failure(null, '198.51.100.40') from generate_series(1, 3);
select is(pg_temp.ask('none'), 'missing', '[RATE-5] who failed is, and takes nothing without');
select is(pg_temp.ask('given'), 'due taken', '[RATE-5] with one they take, and it must be judged');
select is(pg_temp.ask(null), 'taken', 'where none is set up nobody is asked');
select is(
    (select sum(cardinality(t.taken)) from private.limit_takes as t join private.limit_keys('[{"limit": "sign_in_address", "key": "198.51.100.40"}]') as k using (key_hash)),
    3::bigint,
    'so three of the four have taken'
);
select is(
    (select jsonb_agg(pg_temp.ask('none', method => 'mail') order by n) from generate_series(1, 4) as n),
    '["taken", "taken", "taken", "missing"]',
    '[RATE-5] the fourth mail to an address needs one'
);
update private.limit_takes set taken = array(select at - interval '14 minutes' from unnest(taken) as at) where limit_name = 'mail';
select ok(pg_temp.due('mail'), 'within a quarter of an hour');
update private.limit_takes set taken = array(select at - interval '2 minutes' from unnest(taken) as at) where limit_name = 'mail';
select ok(not pg_temp.due('mail'), '[RATE-5] and no longer, so that the way by mail stays open');

------------------------------------------------------------------------------------------------------
-- How strange is it?
------------------------------------------------------------------------------------------------------

select tests.person('lee');
update auth.users set email = 'lee@people.example' where id = tests.id('lee');

-- A sign-in of Lee's, told in a line: decision, score and factors; undone again unless it is kept.
create function pg_temp.enter(
    country text default 'GB', device text default 'Chrome on Android', address text default '203.0.113.50', at_known_device boolean default true,
    method text default 'password', on_a_list boolean default false, person text default 'lee', keep boolean default false
) returns text
    language plpgsql
as $$
declare
    began uuid;
    said text;
begin
    begin
        insert into auth.sessions (id, user_id, created_at, updated_at, aal)
        values (gen_random_uuid(), tests.id(person), now(), now(), 'aal1')
        returning id into began;
        perform service.judge_sign_in(began, method, device, address, country, at_known_device, on_a_list);
        select format('%s %s %s', d.decision, d.score, (select string_agg(f ->> 'factor', ' ') from jsonb_array_elements(d.factors) as f))
        into said
        from private.sign_in_decisions as d
        where d.session_id = began
          and d.user_id = tests.id(person);
        perform set_config('tests.session', began::text, true);
        if not keep then
            raise exception 'undo' using errcode = 'P0999';
        end if;
    exception when sqlstate 'P0999' then
    end;
    return btrim(said);
end
$$;
create function pg_temp.ago(by interval) returns void
    language sql
as $$
    update private.sign_in_decisions set decided_at = now() - by where user_id = tests.id('lee')
$$;

select is(pg_temp.enter(at_known_device => false), 'allowed 0', '[RATE-5] nobody is strange on their first day');
select is(pg_temp.enter(keep => true), 'allowed 0', 'and stays');
select is(
    (select reason from private.sign_in_decisions where user_id = tests.id('lee')), 'Let in. It weighs 0; from 60 on a code is asked for.',
    '[RATE-5] the decision is kept with its reason in words'
);
select is(private.country_of_session(current_setting('tests.session')::uuid, '203.0.113.50'), 'GB', '[AUTH-6] the country of a session is known');
select is(private.country_of_session(gen_random_uuid(), '203.0.113.50'), null, 'and that of another is not');
select is(private.country_of_session(current_setting('tests.session')::uuid, '203.0.113.51'), null, 'nor of where it has gone since');
select is(pg_temp.enter(person => 'kim'), 'allowed 0', 'each person is judged by what they did themselves');
select pg_temp.ago('2 hours');
select is(pg_temp.enter(), 'allowed 0', 'the same again is nothing');
select is(pg_temp.enter(device => 'Safari on iPhone'), 'allowed 0', 'a known device is known, whatever it says of itself');
select is(pg_temp.enter(at_known_device => false), 'allowed 0', 'and one that lost its proof is, where it was');
select is(pg_temp.enter(at_known_device => false, device => 'Safari on iPhone'), 'allowed 25 new_device', '[RATE-5] another device is new');
select is(pg_temp.enter(at_known_device => false, address => '203.0.113.51'), 'allowed 25 new_device', 'and one that says the same elsewhere');
select is(
    pg_temp.enter(at_known_device => false, address => '203.0.113.51', device => null), 'allowed 25 new_device', 'and one that says nothing'
);
select is(pg_temp.enter('FR'), 'allowed 35 new_country', '[RATE-5] another country is new');
select is(pg_temp.enter(null), 'allowed 0', 'one that is not known is not');
select is(
    pg_temp.enter('FR', at_known_device => false, address => '203.0.113.51'), 'code_asked 60 new_country new_device',
    '[RATE-5] both together ask for a code'
);
select is(pg_temp.enter('FR', at_known_device => false, address => '203.0.113.51', method => 'provider'), 'code_asked 60 new_country new_device', '[RATE-5] a provider too');
select is(
    pg_temp.enter('FR', at_known_device => false, address => '203.0.113.51', method => 'code'), 'allowed 60 new_country new_device',
    'who came by a code has given it'
);
select is(
    pg_temp.enter('FR', at_known_device => false, address => '203.0.113.51', method => 'passkey'), 'allowed 60 new_country new_device',
    'nobody came by a passkey that somebody else stole'
);
select pg_temp.ago('59 minutes');
select is(pg_temp.enter('FR'), 'code_asked 85 impossible_travel new_country', '[RATE-5] nobody is in two countries within an hour');
select is(pg_temp.enter('IE'), 'allowed 35 new_country', 'but of two that are one for travellers');
select is(pg_temp.enter(null), 'allowed 0', 'nor somewhere that is not known');
select pg_temp.ago('1 hour');
select is(pg_temp.enter('FR'), 'allowed 35 new_country', 'within more than an hour one is');
select pg_temp.ago('181 days');
select is(pg_temp.enter('FR', at_known_device => false, address => '203.0.113.51'), 'allowed 0', 'what was half a year ago is forgotten');
select pg_temp.ago('2 hours');
update private.sign_in_decisions set decision = 'code_asked' where user_id = tests.id('lee');
select is(pg_temp.enter('FR', at_known_device => false, address => '203.0.113.51'), 'allowed 0', '[RATE-5] what was not let in proves nothing');
update private.sign_in_decisions set decision = 'allowed' where user_id = tests.id('lee');
insert into private.sign_in_decisions (user_id, session_id, method, network, country, factors, score, decision, reason, decided_at)
values
    (tests.id('lee'), gen_random_uuid(), 'password', '203.0.113.60', 'FR', '[]', 0, 'allowed', 'x', now() - interval '3 hours'),
    (tests.id('lee'), gen_random_uuid(), 'password', '203.0.113.60', null, '[]', 0, 'allowed', 'x', now() - interval '1 minute'),
    (tests.id('kim'), gen_random_uuid(), 'password', '203.0.113.61', 'DE', '[]', 0, 'allowed', 'x', now() - interval '2 minutes');
select is(pg_temp.enter('FR'), 'allowed 0', 'a country of before is not new');
select is(pg_temp.enter('DE', at_known_device => false, address => '203.0.113.61'), 'code_asked 60 new_country new_device', '[RATE-5] somebody else''s is');
update private.sign_in_decisions set decided_at = now() - interval '50 minutes' where user_id = tests.id('lee') and country = 'GB';
select is(pg_temp.enter('FR'), 'allowed 50 impossible_travel', 'the last place that is known counts, and weighs alone too little');

select service.note_failure('Lee@People.example', '198.51.100.' || n) from generate_series(20, 23) as n;
select is(pg_temp.enter(), 'allowed 0', 'four failures are nothing');
select service.note_failure('lee@people.example', '198.51.100.24');
select is(pg_temp.enter(), 'allowed 35 many_failures', '[RATE-5] five within an hour are many');
select is(pg_temp.enter(at_known_device => false, address => '203.0.113.52'), 'code_asked 60 many_failures new_device', '[RATE-5] and ask a new device for a code');
update private.sign_in_failures set failed_at = now() - interval '1 hour' where network = '198.51.100.24';
select is(pg_temp.enter(), 'allowed 0', 'an hour later they are not');
select is(pg_temp.enter(on_a_list => true), 'allowed 40 bad_address', '[RATE-5] an address on the list weighs');
select is(pg_temp.enter(address => '203.0.113.7'), 'allowed 40 bad_address', '[RATE-5] so does one that was blocked and is free again');
select is(pg_temp.enter(address => '203.0.113.8', on_a_list => null), 'allowed 0', 'another does not');

------------------------------------------------------------------------------------------------------
-- Where a code is asked for
------------------------------------------------------------------------------------------------------

select pg_temp.ago('2 hours');
select pg_temp.enter('DE', at_known_device => false, address => '203.0.113.61', keep => true);
select is(
    (select count(*) from auth.sessions as s where s.id = current_setting('tests.session')::uuid), 0::bigint,
    '[RATE-5] the session that had begun has ended'
);
select is(
    (select count(*) from auth.sessions as s where s.user_id = tests.id('lee')), 1::bigint, 'and no other of theirs'
);
select is(
    (select reason from private.sign_in_decisions where session_id = current_setting('tests.session')::uuid),
    'Asked for a code by e-mail: from a country that this person has not signed in from before (35), '
        'on a device that has not signed in to this login before (25). It weighs 60; from 60 on a code is asked for.',
    '[RATE-5] with each factor, its weight and its reason in words'
);
select is(
    (
        select jsonb_build_object('to', o.to_address, 'data', o.data - 'at', 'secret', o.has_secret)
        from mail.outbox as o
        where o.template = 'suspicious_sign_in'
    ),
    '{"to": "lee@people.example", "secret": false, "data": {"method": "password", "device": "Chrome on Android", "address": "203.0.113.61", "country": "DE"}}',
    '[RATE-5] the person is told by e-mail'
);
select is(
    (select detail - 'factors' || jsonb_build_object('n', jsonb_array_length(detail -> 'factors')) from private.alerts where kind = 'suspicious_sign_in'),
    (
        select jsonb_build_object('trace_id', d.trace_id, 'score', 60, 'n', 2)
        from private.sign_in_decisions as d
        where d.session_id = current_setting('tests.session')::uuid
    ),
    '[RATE-5] and those who run the platform, by the decision''s trace id'
);
select is(
    (
        select jsonb_build_object('result', r.result, 'actor', r.actor_kind, 'who', r.actor_id = r.chain_id, 'about', r.subject_id = r.chain_id)
        from audit.records as r
        where r.chain_id = tests.id('lee')
          and r.action = 'sign_in.suspected'
    ),
    '{"result": "refused", "actor": "person", "who": true, "about": true}',
    '[AUD-2] it stands on the person''s own chain'
);
select pg_temp.enter('DE', at_known_device => false, address => '203.0.113.61', method => 'code', keep => true);
select is(
    (select reason from private.sign_in_decisions where session_id = current_setting('tests.session')::uuid),
    'Let in: from a country that this person has not signed in from before (35), '
        'on a device that has not signed in to this login before (25). It weighs 60; from 60 on a code is asked for. It had just been given.',
    '[RATE-5] who gave it is let in'
);
create function pg_temp.failures(login text) returns bigint
    language sql
as $$
    select count(*) from private.sign_in_failures as f where f.login_hash = private.login_hash(login)
$$;
select is(pg_temp.failures('lee@people.example'), 0::bigint, 'and has the failures at the login forgotten');
select is(pg_temp.failures('login20@people.example'), 2::bigint, 'and at no other');
select service.note_failure('lee@people.example', '198.51.100.20');
select pg_temp.enter(keep => true);
select is(pg_temp.failures('lee@people.example'), 1::bigint, 'a device that is known frees nobody else''s');
select throws_ok(
    $$select service.judge_sign_in(gen_random_uuid(), 'password', null, '203.0.113.61', null, false, false)$$, '42501', null,
    'a session that is none is not judged'
);

------------------------------------------------------------------------------------------------------
-- Telling, and forgetting
------------------------------------------------------------------------------------------------------

select private.tell_alerts();
select is((select count(*) from mail.outbox as o where o.template = 'alerts'), 0::bigint, 'without an address nobody is told');
select vault.create_secret('ops@tradersflow.example', 'tf_alert_address');
update private.alerts set raised_at = now() - interval '5 minutes' where id = (select min(id) from private.alerts);
select private.tell_alerts();
select is(
    (select jsonb_build_array(o.to_address, o.has_secret, o.data #> '{alerts,0,times}', o.data #> '{alerts,1,kind}') from mail.outbox as o where o.template = 'alerts'),
    '["ops@tradersflow.example", false, 3, "suspicious_sign_in"]',
    '[RATE-5] one e-mail tells of all alerts, by kind'
);
select is(
    (select (o.data #>> '{alerts,0,since}')::timestamptz from mail.outbox as o where o.template = 'alerts'), now() - interval '5 minutes',
    'and since when'
);
select private.tell_alerts();
select is((select count(*) from mail.outbox as o where o.template = 'alerts'), 1::bigint, 'nobody is told twice');
select private.raise_alert('stuffing', '{}');
select private.tell_alerts();
select is((select count(*) from mail.outbox as o where o.template = 'alerts'), 2::bigint, 'but of what comes after');

update private.sign_in_failures set failed_at = now() - interval '25 hours' where network = '198.51.100.10';
update private.sign_in_failures set failed_at = now() - interval '23 hours' where network = '198.51.100.20';
update private.blocked_networks set blocked_at = now() - interval '9 days', blocked_until = now() - interval '8 days' where network = '198.51.100.9';
update private.sign_in_decisions set decided_at = now() - interval '13 months' where user_id = tests.id('kim');
update private.alerts set raised_at = now() - interval '13 months' where kind = 'suspicious_sign_in';
do $$
begin
    execute (select s.command from private.schedules as s where s.name = 'forget-suspicions');
end
$$;
select is(
    (
        select jsonb_build_array(
            (select count(*) from private.sign_in_failures where network = '198.51.100.10'),
            (select count(*) from private.sign_in_failures where network = '198.51.100.20'),
            (select count(*) from private.blocked_networks where network = '198.51.100.9'),
            (select count(*) from private.blocked_networks),
            (select count(*) from private.sign_in_decisions where user_id = tests.id('kim')),
            (select count(*) from private.sign_in_decisions where user_id = tests.id('lee')),
            (select count(*) from private.alerts where kind = 'suspicious_sign_in'),
            (select count(*) from private.alerts)
        )
    ),
    '[0, 1, 0, 3, 0, 6, 0, 4]',
    'failures are forgotten after a day, blocks after a week, decisions and alerts after a year'
);

------------------------------------------------------------------------------------------------------
-- Nobody else
------------------------------------------------------------------------------------------------------

select tests.be_anon();
select throws_ok($$select service.admit('[]', 'kim@people.example', 'password', null, false, null)$$, '42501', null, '[RATE-2] nobody else can ask who has a login');
select throws_ok($$select service.note_failure('kim@people.example', '198.51.100.9')$$, '42501', null, 'or have an address blocked');
select throws_ok($$select service.judge_sign_in(null, 'code', null, null, null, true, false)$$, '42501', null, 'or be judged');
select tests.be_postgres();

select * from finish();
