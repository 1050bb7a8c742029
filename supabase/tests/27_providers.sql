-- Whom a provider sends: what is asked before somebody who comes back from one is given a session.
select plan(27);

select tests.person('kim');
select tests.person('lee');

-- An account that somebody has at a provider, and what the provider said when they came back from it.
create function pg_temp.account(at_provider text, claims jsonb, person text default 'kim') returns void
    language sql
as $$
    insert into auth.identities (provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at)
    values (
        gen_random_uuid()::text, tests.id(person),
        jsonb_build_object('email', 'kim@kim.example', 'custom_claims', claims), at_provider, now(), now(), now()
    )
$$;
-- What our door answers to the code with which they come back.
create function pg_temp.entry(at_provider text, person uuid default tests.id('kim')) returns text
    language plpgsql
as $$
declare
    code text := gen_random_uuid()::text;
begin
    insert into auth.flow_state (
        id, user_id, auth_code, code_challenge_method, code_challenge, provider_type, authentication_method, created_at, updated_at
    )
    values (gen_random_uuid(), person, code, 's256', 'challenge', at_provider, 'oauth', now(), now());
    return service.provider_entry(code);
end
$$;
create function pg_temp.ways(person text default 'kim') returns text[]
    language sql
as $$
    select coalesce(array_agg(i.provider order by i.provider), '{}')
    from auth.identities as i
    where i.user_id = tests.id(person)
      and i.provider <> 'email'
$$;
create function pg_temp.codes() returns integer
    language sql
as $$
    select count(*)::integer from auth.flow_state as f where f.code_challenge = 'challenge'
$$;

select is(service.provider_entry('no such code'), null, 'a code of nobody''s is for the auth server to refuse');

select pg_temp.account('google', '{}');
select is(pg_temp.entry('google'), null, '[AUTH-1] Google vouches for every address of its own');
select pg_temp.account('azure', '{"xms_edov": true}');
select is(pg_temp.entry('azure'), null, '[AUTH-1] Microsoft vouches where it says so');
select pg_temp.account('azure', '{"xms_edov": "1"}');
select is(pg_temp.entry('azure'), null, '[AUTH-1] as a text too');
select is(pg_temp.ways(), '{azure,azure,google}', 'nobody who is vouched for loses a way in');
select is(pg_temp.codes(), 3, 'and their codes are left to be exchanged');

select pg_temp.account('azure', '{}', 'lee');
select pg_temp.account('azure', '{}');
select is(pg_temp.entry('google'), null, 'what Microsoft says is nothing to who comes by Google');
select is(
    pg_temp.entry('azure', null), null,
    'a flow that nobody has come back from yet is nobody''s'
);
select is(
    pg_temp.entry('azure'), 'provider_email_needs_verification',
    '[AUTH-1] Microsoft vouches for nobody of whom it does not say so'
);
select is(pg_temp.ways(), '{azure,azure,google}', '[AUTH-1] what proves nothing is no way in any more');
select is(pg_temp.ways('lee'), '{azure}', 'another person is left alone');
select is(pg_temp.codes(), 5, '[AUTH-1] and the code of whoever came by it is spent');
select is(pg_temp.entry('azure'), null, 'the others go on being ways in');

select pg_temp.account('azure', '{"xms_edov": "0"}');
select is(pg_temp.entry('azure'), 'provider_email_needs_verification', '[AUTH-1] nor where it says no');
select pg_temp.account('azure', '{"xms_edov": "yes"}');
select is(pg_temp.entry('azure'), 'provider_email_needs_verification', '[AUTH-1] nor in words of its own');
select pg_temp.account('azure', 'null');
select is(pg_temp.entry('azure'), 'provider_email_needs_verification', '[AUTH-1] nor without a word');

------------------------------------------------------------------------------------------------------
-- Apple's client secret ends after half a year
------------------------------------------------------------------------------------------------------

create function pg_temp.told_of(ends_at text) returns bigint
    language plpgsql
as $$
begin
    delete from vault.secrets where name = 'tf_apple_secret_ends_at';
    if ends_at is not null then
        perform vault.create_secret(ends_at, 'tf_apple_secret_ends_at');
    end if;
    perform private.watch_apple_secret();
    return (select count(*) from private.alerts where kind = 'apple_secret_ends');
end
$$;
create function pg_temp.later(span interval) returns void
    language sql
as $$
    update private.alerts set raised_at = raised_at - span where kind = 'apple_secret_ends'
$$;
select is(pg_temp.told_of(null), 0::bigint, 'nobody is told of a secret that there is not');
select is(pg_temp.told_of((now() + interval '30 days 1 hour')::text), 0::bigint, 'nor of one that lasts longer than a month');
select is(pg_temp.told_of((now() + interval '30 days')::text), 1::bigint, '[AUTH-1] a month before Apple''s client secret ends an alert is raised');
select is(
    (select detail ->> 'ends_at' from private.alerts where kind = 'apple_secret_ends'), (now() + interval '30 days')::text,
    'which says when'
);
select pg_temp.later('6 days');
select is(pg_temp.told_of((now() + interval '8 days')::text), 1::bigint, 'once a week');
select pg_temp.later('1 day');
select is(pg_temp.told_of((now() + interval '8 days')::text), 2::bigint, 'and again after one');
select pg_temp.later('22 hours');
select is(pg_temp.told_of((now() + interval '6 days')::text), 2::bigint, 'in the last week once a day');
select pg_temp.later('1 hour');
select is(pg_temp.told_of((now() + interval '6 days')::text), 3::bigint, 'each day');
select pg_temp.later('1 day');
select is(pg_temp.told_of((now() - interval '6 days')::text), 4::bigint, 'and when it has ended');
select pg_temp.later('1 day');
select is(pg_temp.told_of('next spring'), 5::bigint, 'what can''t be read is told of too');

select tests.authenticate_as('kim');
select throws_ok(
    $$select service.provider_entry('x')$$, '42501', null,
    'nobody who is signed in may ask'
);
