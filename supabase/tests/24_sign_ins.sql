-- Sessions of the admin area, a refresh token that is replayed, and what a person is shown of their own sign-ins.
select plan(29);

select tests.business('bell');
select tests.person('kim');
select tests.person('lee');
select tests.keep('kim session', session_id) from tests.things where name = 'kim';
select tests.keep('lee session', session_id) from tests.things where name = 'lee';

-- Asks with a person's token, as a function that runs with its owner's rights does.
create function pg_temp.asked_by(person text) returns void
    language sql
as $$
    select tests.authenticate_as(person);
    select set_config('role', 'postgres', true);
$$;
-- Another session of a person.
create function pg_temp.begin_session(person text, name text) returns uuid
    language sql
as $$
    insert into auth.sessions (id, user_id, created_at, updated_at, aal, ip, user_agent)
    values (gen_random_uuid(), tests.id(person), now(), now(), 'aal1', '198.51.100.9', 'curl/8')
    returning tests.keep(name, id)
$$;
create function pg_temp.aged(name text, created text, refreshed text) returns void
    language sql
as $$
    update auth.sessions
    set created_at = now() - created::interval,
        refreshed_at = (now() - refreshed::interval) at time zone 'utc'
    where id = tests.id(name)
$$;

------------------------------------------------------------------------------------------------------
-- The admin area has shorter limits
------------------------------------------------------------------------------------------------------

-- Another one of the same person, in which they gave their factor: it answers for no session but itself.
select pg_temp.begin_session('kim', 'beside');
update auth.sessions set aal = 'aal2' where id = tests.id('beside');
select pg_temp.asked_by('kim');
select ok(not private.admin_session_is_live(), '[AUTH-4] a session without a second factor leads nowhere in the admin area');
update auth.sessions set aal = 'aal2' where id = tests.id('kim session');
select ok(private.admin_session_is_live(), '[AUTH-5] a fresh session is alive in the admin area');
select pg_temp.aged('kim session', '11 hours 59 minutes', '29 minutes');
select pg_temp.asked_by('kim');
select ok(private.admin_session_is_live(), '[AUTH-5] so is one used 29 minutes ago, begun a minute less than half a day');
select pg_temp.aged('kim session', '1 hour', '30 minutes');
select pg_temp.asked_by('kim');
select ok(not private.admin_session_is_live(), '[AUTH-5] one unused for half an hour is not');
select ok(private.session_is_live(), '[AUTH-5] and goes on for the work of a trade');
select pg_temp.aged('kim session', '12 hours', '0');
select pg_temp.asked_by('kim');
select ok(not private.admin_session_is_live(), '[AUTH-5] nor one begun half a day ago, however busy');
update private.session_limits set longest = interval '13 hours' where kind = 'admin';
select pg_temp.asked_by('kim');
select ok(private.admin_session_is_live(), '[AUTH-5] a longer life counts for the sessions there are');
update auth.sessions set not_after = now() where id = tests.id('kim session');
select pg_temp.asked_by('kim');
select ok(not private.admin_session_is_live(), '[AUTH-5] one that was ended is not');
update auth.sessions set not_after = now() + interval '1 second' where id = tests.id('kim session');
select pg_temp.asked_by('kim');
select ok(private.admin_session_is_live(), 'and one that is to end yet is');
update auth.sessions set not_after = null, user_id = tests.id('lee') where id = tests.id('kim session');
select pg_temp.asked_by('kim');
select ok(not private.admin_session_is_live(), '[AUTH-5] another person''s session is nobody''s own');
update auth.sessions set user_id = tests.id('kim') where id = tests.id('kim session');

------------------------------------------------------------------------------------------------------
-- A refresh token that is replayed
------------------------------------------------------------------------------------------------------

create function pg_temp.has_session(name text) returns boolean
    language sql
as $$
    select exists (select from auth.sessions where id = tests.id(name))
$$;
select pg_temp.begin_session('kim', 'replayed');
select pg_temp.begin_session('kim', 'other');
insert into auth.refresh_tokens (token, user_id, session_id, revoked, created_at, updated_at)
values
    ('first', tests.id('kim'), tests.id('replayed'), false, now(), now()),
    ('of another', tests.id('kim'), tests.id('other'), false, now(), now());
-- An exchange, as the auth server makes it.
update auth.refresh_tokens set revoked = true where token = 'first';
insert into auth.refresh_tokens (token, user_id, session_id, parent, revoked, created_at, updated_at)
values ('second', tests.id('kim'), tests.id('replayed'), 'first', false, now(), now());
set constraints all immediate;
select ok(pg_temp.has_session('replayed'), '[AUTH-5] exchanging a refresh token ends nothing');
update auth.refresh_tokens set revoked = false where token = 'first';
select ok(pg_temp.has_session('replayed'), 'nor does anything else that becomes of one');
-- What it does when one older than the last but one comes back.
update auth.refresh_tokens set revoked = true where session_id = tests.id('replayed');
select ok(not pg_temp.has_session('replayed'), '[AUTH-5] when all tokens of a session are revoked it ends');
select ok(pg_temp.has_session('other'), '[AUTH-5] and no other');

------------------------------------------------------------------------------------------------------
-- A session that was unused too long
------------------------------------------------------------------------------------------------------

create function pg_temp.comes_back_after(unused interval, used boolean default true, name text default 'other') returns boolean
    language plpgsql
as $$
begin
    update auth.sessions
    set created_at = now() - case when used then interval '20 days' else unused end,
        refreshed_at = case when used then (now() - unused) at time zone 'utc' end
    where id = tests.id(name);
    -- What the auth server notes when it exchanges a refresh token.
    update auth.sessions set refreshed_at = now() at time zone 'utc' where id = tests.id(name);
    return pg_temp.has_session(name);
end
$$;
select ok(pg_temp.comes_back_after('13 days 23 hours'), '[AUTH-5] a refresh token that comes back within 14 days goes on');
select ok(pg_temp.comes_back_after('13 days 23 hours', false), '[AUTH-5] so does one that was never used');
select pg_temp.begin_session('kim', 'busy');
select ok(not pg_temp.comes_back_after('14 days 1 minute'), '[AUTH-5] one that comes back after them ends its session, whatever the auth server takes it for');
select ok(pg_temp.has_session('busy'), '[AUTH-5] and no other');
select pg_temp.begin_session('kim', 'never used');
select ok(not pg_temp.comes_back_after('14 days 1 minute', false, 'never used'), '[AUTH-5] one that was never used too');
set constraints all deferred;

------------------------------------------------------------------------------------------------------
-- One's own sign-ins
------------------------------------------------------------------------------------------------------

select tests.send_headers(jsonb_build_object('x-forwarded-for', '203.0.113.5'));
select service.record_session(pg_temp.begin_session('lee', 'phone'), 'Chrome on Android', true, 'password');
select service.record_sign_in((select email from auth.users where id = tests.id('lee')), null, 'password', 'failed', 'invalid_credentials', 'Firefox on Windows');
select service.record_sign_in((select email from auth.users where id = tests.id('lee')), null, 'code', 'refused', 'too_many_tries');
select service.record_sign_in((select email from auth.users where id = tests.id('lee')), tests.id('lee'), 'password', 'ok', null, 'Chrome on Android');
select set_config('request.headers', '', true);
select pg_temp.begin_session('lee', 'elsewhere');

create function pg_temp.shown(before_at timestamptz default null, before_id bigint default null, page_size integer default 20) returns text[]
    language sql
as $$
    select array_agg(concat_ws(' | ', s.result, s.code, s.method, s.device, s.address) order by s.at desc, s.id desc)
    from public.my_sign_ins(before_at, before_id, page_size) as s
$$;
select pg_temp.asked_by('lee');
select is(
    (pg_temp.shown())[1:4],
    array[
        'ok | 198.51.100.9',
        'refused | too_many_tries | code | 203.0.113.5',
        'failed | invalid_credentials | password | Firefox on Windows | 203.0.113.5',
        'ok | password | Chrome on Android | 203.0.113.5'
    ],
    '[AUD-2] a person sees who got in as them and who did not, the last first: by what, on what and from where'
);
select is(cardinality(pg_temp.shown()), 5, '[AUTH-6] a session that began elsewhere than at our door stands there too, and none twice');
select is(cardinality(pg_temp.shown(page_size => 2)), 2, 'a page is as long as was asked');
select is(cardinality(pg_temp.shown(page_size => 0)), 1, 'or one line at the least');
select is(
    (
        select pg_temp.shown(last.at, last.id, 2)
        from (select s.at, s.id from public.my_sign_ins(page_size => 2) as s order by s.at, s.id limit 1) as last
    ),
    (pg_temp.shown())[3:4],
    'the next page goes on where the last one ended'
);
select is(
    (select array_agg(s.id) from public.my_sign_ins() as s),
    (select array_agg(s.id order by s.at desc, s.id desc) from public.my_sign_ins() as s),
    'each in its order'
);
select pg_temp.asked_by('kim');
select ok(not 'ok | password | Chrome on Android | 203.0.113.5' = any (pg_temp.shown()), '[AUTH-6] nobody sees another person''s');
select tests.be_postgres();
select is(
    (select count(*)::integer from private.session_devices as d where d.method = 'password' and d.session_id = tests.id('phone')), 1,
    'by what a session was signed in to is kept with its device'
);
delete from auth.sessions where id = tests.id('lee session');
select tests.authenticate_as('lee');
select throws_ok('select * from public.my_sign_ins()', '42501', 'Your session has ended. Sign in again.', '[AUTH-6] a session that has ended sees none');
select tests.be_anon();
select throws_ok('select * from public.my_sign_ins()', '42501', null, '[AUTH-6] and nobody sees any');
