select plan(61);

-- Limits of the test's own, so that no figure of the product is repeated here.
insert into private.limits (name, quota, period, longest, by_address, protects)
values
    ('door', 3, '10 minutes', null, true, 'a test'),
    ('login', 2, '1 minute', '8 minutes', false, 'a test'),
    ('other', 2, '10 minutes', null, false, 'a test');

create function pg_temp.wanted(variadic pairs text[]) returns jsonb
    language sql
as $$
    select jsonb_agg(jsonb_build_object('limit', pairs[n], 'key', pairs[n + 1])) from generate_series(1, cardinality(pairs), 2) as n
$$;
-- One take, told in a line for each row: 'door ok 3/2', or 'door no 600 first'.
create function pg_temp.take(variadic pairs text[]) returns text
    language sql
as $$
    select string_agg(
        case
            when t.allowed then format('%s ok %s/%s', t.limit_name, t.quota, t.remaining) || case when t.retry_after <> 0 or t.first_refusal then ' ?' else '' end
            else format('%s no %s/%s %s%s', t.limit_name, t.quota, t.remaining, t.retry_after, case when t.first_refusal then ' first' else '' end)
        end,
        ', ' order by t.limit_name
    )
    from private.take(pg_temp.wanted(variadic pairs)) as t
$$;
-- Time goes by for what was taken of one limit.
create function pg_temp.later(by interval, of_limit text) returns void
    language sql
as $$
    update private.limit_takes as t
    set taken = array(select moment - by from unnest(t.taken) as moment),
        refused_until = t.refused_until - by,
        forget_at = t.forget_at - by
    where t.limit_name = of_limit
$$;
create function pg_temp.rows(of_limit text) returns bigint
    language sql
as $$
    select count(*) from private.limit_takes as t where t.limit_name = of_limit
$$;

------------------------------------------------------------------------------------------------------
-- So many in any period, and no more
------------------------------------------------------------------------------------------------------

select is(pg_temp.take('door', '203.0.113.1'), 'door ok 3/2', '[RATE-1] a first take says how many are left');
select pg_temp.later('4 minutes', 'door');
select is(pg_temp.take('door', '203.0.113.1'), 'door ok 3/1', 'so does the next');
select is(pg_temp.take('door', '203.0.113.1'), 'door ok 3/0', 'and the last');
select is(pg_temp.take('door', '203.0.113.1'), 'door no 3/0 360 first', '[RATE-1] one more is refused, with the seconds until the oldest is forgotten');
select is(pg_temp.take('door', '203.0.113.1'), 'door no 3/0 360', 'and again, told once only to be the first');
select is(pg_temp.take('door', '203.0.113.2'), 'door ok 3/2', 'another address is counted for itself');
select pg_temp.later('359 seconds', 'door');
select is(pg_temp.take('door', '203.0.113.1'), 'door no 3/0 1', 'a second before it is free it is refused');
select pg_temp.later('1 second', 'door');
select is(pg_temp.take('door', '203.0.113.1'), 'door ok 3/0', '[RATE-1] the period slides: one is free when the oldest is forgotten');
select is(pg_temp.take('door', '203.0.113.1'), 'door no 3/0 240 first', 'and no more than that one; a new refusal is a first one again');
select pg_temp.later('4 minutes', 'door');
select is(pg_temp.take('door', '203.0.113.1'), 'door ok 3/1', 'the two that were taken together are free together');
select ok(
    (
        select reset_at between clock_timestamp() + interval '599 seconds' and clock_timestamp() + interval '600 seconds'
        from private.take(pg_temp.wanted('door', '203.0.113.7'))
    ),
    'a take says when all of it is there again'
);
update private.limit_takes set taken = array[now() - interval '1 minute', now() - interval '9 minutes', now() - interval '5 minutes']
where key_hash = (select key_hash from private.limit_keys(pg_temp.wanted('door', '203.0.113.7')));
select ok(
    (select retry_after between 58 and 60 from private.take(pg_temp.wanted('door', '203.0.113.7'))),
    'a clock that was put back between two takes changes nothing: the oldest is the oldest'
);

------------------------------------------------------------------------------------------------------
-- Waits that grow
------------------------------------------------------------------------------------------------------

select is(pg_temp.take('login', 'sam@mail.example'), 'login ok 2/1', '[RATE-1] the first failures of a login cost nothing');
select is(pg_temp.take('login', 'sam@mail.example'), 'login ok 2/0', 'up to a number');
select is(pg_temp.take('login', 'sam@mail.example'), 'login no 2/0 60 first', '[RATE-1] then it waits a minute');
select pg_temp.later('60 seconds', 'login');
select is(pg_temp.take('login', 'sam@mail.example'), 'login ok 2/0', 'after which there is one');
select is(pg_temp.take('login', 'sam@mail.example'), 'login no 2/0 120 first', '[RATE-1] then two');
select pg_temp.later('120 seconds', 'login');
select pg_temp.take('login', 'sam@mail.example');
select is(pg_temp.take('login', 'sam@mail.example'), 'login no 2/0 240 first', 'then four');
select pg_temp.later('240 seconds', 'login');
select pg_temp.take('login', 'sam@mail.example');
select is(pg_temp.take('login', 'sam@mail.example'), 'login no 2/0 480 first', 'then eight');
select pg_temp.later('480 seconds', 'login');
select pg_temp.take('login', 'sam@mail.example');
select is(pg_temp.take('login', 'sam@mail.example'), 'login no 2/0 480 first', '[RATE-1] and never longer than the longest');
select is(pg_temp.take('login', 'kim@mail.example'), 'login ok 2/1', 'while another login is free');
select pg_temp.later('191 minutes', 'login');
select is(pg_temp.take('login', 'kim@mail.example'), 'login ok 2/0', 'a failure counts for a good while');
select pg_temp.later('2 minutes', 'login');
select is(pg_temp.take('login', 'kim@mail.example'), 'login ok 2/0', 'and is forgotten after 24 times the longest wait');
select pg_temp.later('192 minutes', 'login');
select is(pg_temp.take('login', 'kim@mail.example'), 'login ok 2/1', 'as are all');
update private.limit_takes as t
set taken = array(select clock_timestamp() - interval '1 minute' from generate_series(1, 90))
where t.key_hash = (select key_hash from private.limit_keys(pg_temp.wanted('login', 'kim@mail.example')));
select is(pg_temp.take('login', 'kim@mail.example'), 'login no 2/0 420 first', 'however many there were, the wait can be computed');

------------------------------------------------------------------------------------------------------
-- Several at once
------------------------------------------------------------------------------------------------------

select is(pg_temp.take('other', 'a', 'door', '203.0.113.9'), 'door ok 3/2, other ok 2/1', 'several are taken in one call');
select is(pg_temp.take('other', 'a', 'other', 'a'), 'other ok 2/0', 'the same one twice is one');
select is(pg_temp.take('other', 'a', 'door', '203.0.113.9'), 'other no 2/0 600 first', '[RATE-1] whoever one limit refuses is refused');
select is(pg_temp.take('door', '203.0.113.9'), 'door ok 3/1', 'and has used up nothing of the others');
select is(pg_temp.take('other', 'b'), 'other ok 2/1', 'one limit counts its keys apart');
select is(pg_temp.take('login', 'a'), 'login ok 2/1', 'and one key its limits apart');

------------------------------------------------------------------------------------------------------
-- What is counted as one
------------------------------------------------------------------------------------------------------

select is(pg_temp.take('door', '2001:db8:1:2::1'), 'door ok 3/2', 'an address of version 6');
select is(pg_temp.take('door', '2001:0DB8:1:2:ffff:ffff:ffff:ffff'), 'door ok 3/1', '[RATE-1] is counted by its network of 64 bits');
select is(pg_temp.take('door', '2001:db8:1:3::1'), 'door ok 3/2', 'and the next network for itself');
select is(pg_temp.take('login', 'Lee@Mail.example'), 'login ok 2/1', 'a login');
select is(pg_temp.take('login', ' lee@mail.EXAMPLE '), 'login ok 2/0', '[RATE-1] is one however it is typed');
select ok(
    not exists (
        select
        from private.limit_takes as t
        where t::text ~* 'lee|203\.0|2001:'
           or length(t.key_hash) <> 16
           or t.key_hash in (substring(sha256('login lee@mail.example') for 16), substring(sha256('door 203.0.113.1') for 16))
    ),
    'none of it can be read in the table'
);
select isnt(
    (select key_hash from private.limit_keys(pg_temp.wanted('login', 'a'))), (select key_hash from private.limit_keys(pg_temp.wanted('other', 'a'))),
    'nor that two rows are of one'
);

------------------------------------------------------------------------------------------------------
-- What can't be counted is not let through
------------------------------------------------------------------------------------------------------

select throws_ok($$select private.take('[]')$$, 'P0001', 'This can''t be counted, so it is not let through.', '[RATE-4] nothing to count');
select throws_ok($$select private.take(null)$$, 'P0001', null, '[RATE-4] nothing at all');
select throws_ok($$select pg_temp.take('nonsense', 'a')$$, 'P0001', null, '[RATE-4] a limit that nobody set');
select throws_ok($$select pg_temp.take('other', 'z', 'login', null)$$, 'P0001', null, '[RATE-4] a key that is missing');
select is(pg_temp.take('other', 'z'), 'other ok 2/1', 'and what stood beside it was not taken');
select throws_ok($$select pg_temp.take('door', 'localhost')$$, '22P02', null, '[RATE-4] an address that is none');
savepoint with_key;
delete from vault.secrets where name = 'tf_context_key';
select throws_ok($$select pg_temp.take('other', 'z')$$, 'P0001', null, '[RATE-4] no key to hash with');
rollback to savepoint with_key;

------------------------------------------------------------------------------------------------------
-- Giving back
------------------------------------------------------------------------------------------------------

select tests.be_service();
select ok((select bool_and(allowed) from jsonb_to_recordset(service.admit('[{"limit": "login", "key": "bo"}, {"limit": "other", "key": "bo"}]', null, 'code', '198.51.100.7', false, null) -> 'standings') as t (allowed boolean, remaining integer)), 'an edge function takes');
select is(current_setting('synchronous_commit'), 'off', 'and waits for no disk');
select ok((select bool_and(allowed) from jsonb_to_recordset(service.admit('[{"limit": "login", "key": "bo"}, {"limit": "other", "key": "bo"}]', null, 'code', '198.51.100.7', false, null) -> 'standings') as t (allowed boolean, remaining integer)), 'twice');
select ok((select not bool_or(allowed) from jsonb_to_recordset(service.admit('[{"limit": "login", "key": "bo"}]', null, 'code', '198.51.100.7', false, null) -> 'standings') as t (allowed boolean, remaining integer)), 'and no more');
select service.put_back('[{"limit": "login", "key": " BO"}]', false);
select is((select remaining from jsonb_to_recordset(service.admit('[{"limit": "login", "key": "bo"}]', null, 'code', '198.51.100.7', false, null) -> 'standings') as t (allowed boolean, remaining integer)), 0, 'one that was given back is there again, at once and once');
select ok((select not bool_or(allowed) from jsonb_to_recordset(service.admit('[{"limit": "login", "key": "bo"}]', null, 'code', '198.51.100.7', false, null) -> 'standings') as t (allowed boolean, remaining integer)), 'and is not two');
select service.put_back('[{"limit": "login", "key": "bo"}]', true);
select is((select remaining from jsonb_to_recordset(service.admit('[{"limit": "login", "key": "bo"}]', null, 'code', '198.51.100.7', false, null) -> 'standings') as t (allowed boolean, remaining integer)), 1, '[RATE-1] all of them, once somebody has proved who they are');
select ok((select not bool_or(allowed) from jsonb_to_recordset(service.admit('[{"limit": "other", "key": "bo"}]', null, 'code', '198.51.100.7', false, null) -> 'standings') as t (allowed boolean, remaining integer)), 'of that limit and of no other');
select lives_ok($$select service.put_back('[{"limit": "login", "key": "never taken"}]', false)$$, 'giving back what was never taken is nothing');
select tests.be_postgres();
select is((select taken from private.limit_takes as t join private.limit_keys(pg_temp.wanted('login', 'never taken')) as k using (key_hash)), null, 'and leaves nothing');
set local synchronous_commit = on;
select tests.be_service();
select service.put_back('[{"limit": "login", "key": "bo"}]', true);
select is(current_setting('synchronous_commit'), 'off', 'giving back waits for no disk either');
select tests.be_postgres();

------------------------------------------------------------------------------------------------------
-- Nobody else
------------------------------------------------------------------------------------------------------

select tests.be_anon();
select throws_ok($$select service.admit('[]', null, 'code', null, false, null)$$, '42501', null, '[RATE-4] nobody takes in another''s name');
select throws_ok($$select service.put_back('[]', true)$$, '42501', null, '[RATE-4] or gives back');
select tests.be_postgres();

------------------------------------------------------------------------------------------------------
-- Forgetting, and the product's own limits
------------------------------------------------------------------------------------------------------

update private.limit_takes set forget_at = now() where limit_name = 'door';
update private.limit_takes set forget_at = now() - interval '1 second' where limit_name = 'other';
select isnt(pg_temp.rows('other'), 0::bigint, 'what is over lies there');
do $$ begin execute (select command from private.schedules where name = 'forget-limits'); end $$;
select ok(pg_temp.rows('other') = 0 and pg_temp.rows('door') > 0, 'until the job comes by, which leaves what still counts');
select results_eq(
    $$select name, quota, period, longest, by_address from private.limits where name not in ('door', 'login', 'other') order by name$$,
    $$values
        ('act_account', 100, interval '2 seconds', null, false),
        ('act_address', 100, interval '1 second', null, true),
        ('act_person', 100, interval '10 seconds', null, false),
        ('address_change', 10, interval '1 hour', null, false),
        ('code', 10, interval '1 minute', interval '1 hour', false),
        ('domain_check', 30, interval '1 hour', null, false),
        ('export', 10, interval '1 hour', null, false),
        ('factor', 5, interval '1 minute', interval '1 hour', false),
        ('factor_code', 1, interval '2 minutes', null, false),
        ('factor_question', 60, interval '15 minutes', null, false),
        ('factor_setup', 30, interval '15 minutes', null, false),
        ('invitation_account', 20, interval '1 day', null, false),
        ('invitation_person', 40, interval '1 day', null, false),
        ('invoice_mail', 100, interval '1 hour', null, false),
        ('invoice_mail_again', 10, interval '1 day', null, false),
        ('join_request', 10, interval '1 day', null, false),
        ('link_address', 30, interval '5 minutes', null, true),
        ('link_anywhere', 100, interval '5 minutes', null, false),
        ('mail', 5, interval '1 minute', interval '1 hour', false),
        ('mail_address', 10, interval '15 minutes', null, true),
        ('new_business', 10, interval '1 day', null, false),
        ('passkey_address', 30, interval '5 minutes', null, true),
        ('password', 5, interval '1 minute', interval '1 hour', false),
        ('payouts', 10, interval '1 hour', null, false),
        ('recovery_code', 5, interval '1 minute', interval '1 hour', false),
        ('sign_in_address', 10, interval '15 minutes', null, true),
        ('sign_in_device', 10, interval '15 minutes', null, false),
        ('sso_address', 60, interval '15 minutes', null, true),
        ('sso_setup', 20, interval '1 hour', null, false)$$,
    '[RATE-1] ten attempts an address in 15 minutes, five at a login before it waits'
);
select * from finish();
