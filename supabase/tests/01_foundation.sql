select plan(33);

------------------------------------------------------------------------------------------------------
-- Tables are born closed
------------------------------------------------------------------------------------------------------

create table public.born_today (account_id uuid, secret text);
insert into public.born_today values (gen_random_uuid(), 'for nobody');

select ok(
    (select relrowsecurity and relforcerowsecurity from pg_class where oid = 'public.born_today'::regclass),
    '[ISO-2] a new table has row-level security, enabled and forced, the moment it is created'
);
select ok(
    (
        select not bool_or(has_table_privilege(role, 'public.born_today', privilege))
        from unnest(array['anon', 'authenticated', 'service_role']) as role,
             unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger', 'maintain']) as privilege
    ),
    '[ISO-2] nobody but the owner has any privilege on a new table'
);
select tests.be_anon();
select throws_ok('select * from public.born_today', '42501', null, '[ISO-2] anon cannot read a new table');
select tests.be_postgres();
select tests.business('bell');
select tests.authenticate_as('bell owner');
select throws_ok('select * from public.born_today', '42501', null, '[ISO-2] a member cannot read a new table');
select tests.be_postgres();
grant select on public.born_today to authenticated;
select tests.authenticate_as('bell owner');
select is_empty('select * from public.born_today', '[ISO-2] granted by mistake, a new table still shows nothing without a policy');
select tests.be_postgres();
select isnt_empty('select * from public.born_today', 'its owner reads it');

create function public.born_function() returns int language sql as 'select 1';
select ok(
    (select not bool_or(has_function_privilege(role, 'public.born_function()', 'execute')) from unnest(array['anon', 'authenticated', 'service_role']) as role),
    '[ISO-2] nobody but the owner may run a new function'
);

------------------------------------------------------------------------------------------------------
-- Identifiers
------------------------------------------------------------------------------------------------------

select is(substr(private.uuidv7()::text, 15, 1), '7', 'uuidv7 has version 7');
select ok(substr(private.uuidv7()::text, 20, 1) in ('8', '9', 'a', 'b'), 'uuidv7 has the variant of RFC 9562');
select ok(
    abs(('x' || substr(replace(private.uuidv7()::text, '-', ''), 1, 12))::bit(48)::bigint - extract(epoch from clock_timestamp()) * 1000) < 1000,
    'uuidv7 begins with the time in milliseconds'
);
select is(
    (select count(distinct private.uuidv7()) from generate_series(1, 10000)), 10000::bigint,
    'ten thousand uuidv7 are all different'
);

------------------------------------------------------------------------------------------------------
-- Business time
------------------------------------------------------------------------------------------------------

select is(private.moment(), now(), 'business time is now');
select set_config('tf.moment', '2026-01-02 10:00+00', true);
select is(private.moment(), '2026-01-02 10:00+00'::timestamptz, 'the owner''s session may name a past moment, for a seed or an import');
select set_config('tf.moment', '', true);

------------------------------------------------------------------------------------------------------
-- The request's context
------------------------------------------------------------------------------------------------------

select tests.person('visitor');
create function pg_temp.context(ip text, age int, sid uuid, key text default null, act uuid default null) returns text
    language sql
as $$
    with payload as (
        select translate(encode(convert_to(jsonb_build_object(
            'ip', ip, 'ua', 'A browser', 'rid', 'r-1', 'sid', sid, 'act', act, 'iat', floor(extract(epoch from clock_timestamp())) - age
        )::text, 'utf8'), 'base64'), E'\n', '') as text
    )
    select payload.text || '.' || encode(extensions.hmac(
        convert_to(payload.text, 'utf8'),
        decode(coalesce(key, (select decrypted_secret from vault.decrypted_secrets where name = 'tf_context_key')), 'hex'),
        'sha256'
    ), 'base64')
    from payload
$$;
create function pg_temp.sees(context text) returns text
    language plpgsql
as $$
begin
    perform tests.send_headers(jsonb_build_object('x-tf-context', context, 'x-forwarded-for', '198.51.100.9', 'user-agent', 'Claimed', 'x-request-id', 'gw-1'));
    return (select concat_ws(' ', c.ip, c.user_agent, c.request_id, c.via, c.trusted) from private.request_context() as c);
end
$$;
create function pg_temp.session_of(person text) returns uuid
    language sql
as $$
    select session_id from tests.things where name = person
$$;
select tests.claim('visitor');

select is(pg_temp.sees(pg_temp.context('203.0.113.7', 1, pg_temp.session_of('visitor'))), '203.0.113.7 A browser r-1 app t', 'a context vouched for by our web tier is believed');
select is(pg_temp.sees(pg_temp.context('203.0.113.7', 61, pg_temp.session_of('visitor'))), '198.51.100.9 Claimed gw-1 api f', 'a context of 61 seconds ago is not');
select is(pg_temp.sees(pg_temp.context('203.0.113.7', 1, gen_random_uuid())), '198.51.100.9 Claimed gw-1 api f', 'a context made for another session is not');
select is(pg_temp.sees(pg_temp.context('203.0.113.7', 1, pg_temp.session_of('visitor'), repeat('ab', 32))), '198.51.100.9 Claimed gw-1 api f', 'a context signed with another key is not');
select is(pg_temp.sees('e30.' || repeat('A', 43)), '198.51.100.9 Claimed gw-1 api f', 'a made-up context is not');
select is(pg_temp.sees('not a context at all'), '198.51.100.9 Claimed gw-1 api f', 'rubbish in its place does no harm');
-- Who acts, when a context that is believed says for whom.
create function pg_temp.acts(claims jsonb) returns uuid
    language plpgsql
as $$
begin
    perform set_config('request.jwt.claims', claims::text, true);
    perform pg_temp.sees(pg_temp.context('203.0.113.7', 1, null, act => tests.id('visitor')));
    return (select c.person_id from private.request_context() as c);
end
$$;
select is(pg_temp.acts('{"role": "service_role"}'), tests.id('visitor'), '[AUD-1] an edge function acts for the person who asked it');
select is(pg_temp.acts('{"role": "anon"}'), null, '[AUD-1] who is not signed in becomes nobody by it');
select is(
    pg_temp.acts('{"role": "service_role", "sub": "00000000-0000-4000-8000-00000000000a"}'), '00000000-0000-4000-8000-00000000000a',
    '[AUD-1] and a person who acts stays who they are'
);
select tests.claim('visitor');
select vault.create_secret(repeat('cd', 32), 'tf_context_key_previous');
select is(pg_temp.sees(pg_temp.context('203.0.113.7', 1, pg_temp.session_of('visitor'), repeat('cd', 32))), '203.0.113.7 A browser r-1 app t', 'the previous key counts while a key is rotated');

select pg_temp.sees(pg_temp.context('203.0.113.8', 1, pg_temp.session_of('visitor')));
select set_config('request.method', 'GET', true);
select private.before_request();
select is(coalesce(current_setting('tf.request', true), ''), '', 'a request that only reads keeps no context');
select set_config('request.method', 'POST', true);
select private.before_request();
select tests.send_headers('{"x-forwarded-for": "198.51.100.9"}');
select is((current_setting('tf.request')::private.request).ip, '203.0.113.8', 'one that writes keeps it until it ends');
select tests.business('kept');
select tests.be_postgres();
select is(
    (
        select array_agg(distinct v.fields -> '@from' ->> 1)
        from audit.records as r
        join audit.field_values as v on v.record_id = r.id
        where r.chain_id = tests.id('kept')
    ),
    array['["203.0.113.8", "A browser"]'],
    '[AUD-1] for every record that it leaves'
);
select set_config('tf.request', '', true);
select tests.send_headers('{"x-forwarded-for": "nonsense"}');
select is((select c.ip from private.request_context() as c), null, 'an address that is none is left out');
select set_config('request.headers', '', true);
select is((select c.via from private.request_context() as c), 'sql', 'without a request the way in is sql');

------------------------------------------------------------------------------------------------------
-- Acts that may be repeated safely
------------------------------------------------------------------------------------------------------

select set_config('tests.key', gen_random_uuid()::text, true);
select tests.authenticate_as('bell owner');
create temporary table answers as
select public.create_customer(tests.id('bell'), current_setting('tests.key')::uuid, '{"name": "Once"}') as answer;
select is(
    public.create_customer(tests.id('bell'), current_setting('tests.key')::uuid, '{"name": "Once"}'),
    (select answer from answers),
    'the same form sent twice gets the same answer'
);
select is((select count(*) from public.customers where name = 'Once'), 1::bigint, 'and acts once');
select throws_ok(
    $$select public.create_customer(tests.id('bell'), current_setting('tests.key')::uuid, '{"name": "Twice"}')$$,
    'P0001', null, 'the same key with another request is refused'
);
select throws_ok(
    $$select public.create_customer(tests.id('bell'), null, '{"name": "No key"}')$$,
    'P0001', 'Send an idempotency key with this.', 'an act without a key is refused'
);
select tests.be_postgres();
select tests.member('bell', 'admin');
select tests.authenticate_as('bell admin');
select throws_ok(
    $$select public.create_customer(tests.id('bell'), current_setting('tests.key')::uuid, '{"name": "Once"}')$$,
    'P0001', null, 'a colleague''s key gets nobody else their answer'
);
select * from finish();
