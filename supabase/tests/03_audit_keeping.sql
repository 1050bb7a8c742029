select plan(37);

select tests.business('bell');
select tests.business('finch');
select tests.job('bell');
select tests.sendable('bell');
select tests.link('bell');
update public.customers set phone = '07700 900123', notes = 'canary-of-notes' where account_id = tests.id('bell');

create function pg_temp.commit() returns void
    language plpgsql
as $$
begin
    set constraints all immediate;
    set constraints all deferred;
end
$$;
create function pg_temp.verdict(name text) returns text
    language sql
as $$
    select coalesce(audit.verify(tests.id(name)) -> 'bad' ->> 'reason', 'good')
$$;
-- Everything the log still holds about an account, as text.
create function pg_temp.held(name text) returns text
    language sql
as $$
    select string_agg(v.fields::text, ' ') from audit.field_values as v where v.chain_id = tests.id(name)
$$;
select tests.keep('bell customer', (select id from public.customers where account_id = tests.id('bell') limit 1));
select tests.send_headers('{"x-forwarded-for": "198.51.100.77", "user-agent": "A phone"}');
select set_config('tf.actor', '{"kind": "customer", "name": "Canary Name"}', true);
update public.portal_links set first_viewed_at = now() where account_id = tests.id('bell');
select set_config('tf.actor', '', true);
select tests.authenticate_as('bell owner');
update public.customers set phone = '07700 900124' where account_id = tests.id('bell');
select tests.be_postgres();
select tests.send_headers('{}');
select set_config('request.jwt.claims', '', true);
select pg_temp.commit();

------------------------------------------------------------------------------------------------------
-- Values are only erased, by the one function that records it
------------------------------------------------------------------------------------------------------

select throws_ok('update audit.field_values set fields = fields - ''name''', '42501', null, '[AUD-5] nobody erases a value by hand');
select set_config('tf.erasure', (select max(id)::text from audit.records), true);
select throws_ok('update audit.field_values set fields = fields - ''name''', '42501', null, '[AUD-5] not even who names another record as the reason');
select set_config('tf.erasure', audit.record_event('account', tests.id('bell'), 'audit.erased', 'ok', 'customer')::text, true);
select throws_ok('update audit.field_values set fields = fields || ''{"x": ["00", "y"]}''', '42501', null, '[AUD-5] and who has recorded an erasure can''t add a value');
select throws_ok('update audit.field_values set fields = jsonb_set(fields, ''{@from}'', ''["00", "x"]'') where fields ? ''@from''', '42501', null, '[AUD-5] nor change one');
select throws_ok('update audit.field_values set record_id = -record_id', '42501', null, '[AUD-5] nor move values to another record');
select throws_ok(
    $$update audit.field_values set fields = '{}' where chain_id = tests.id('finch')$$, '42501', null,
    '[AUD-5] nor erase on another chain than the one where it is recorded'
);
select set_config('tf.erasure', '', true);

select ok(strpos(pg_temp.held('bell'), 'Priya Raman') > 0, 'the customer''s name is in the log');
select ok(strpos(pg_temp.held('bell'), 'canary-of-notes') > 0, 'and what was noted');
select lives_ok(
    $$select audit.erase_person('customer', tests.id('bell customer'), tests.id('bell'))$$, '[AUD-5] a customer is erased by one function'
);
select pg_temp.commit();
select is_empty(
    $$
        select t.action, t.before, t.after
        from tests.trail as t
        where t.account_id = tests.id('bell')
          and concat(t.before, t.after) ~ 'Priya Raman|priya@|07700 90012|canary-of-notes'
          and t.entity <> 'invoice'
    $$, '[AUD-5] nothing that is classified personal is left of the customer'
);
select is(
    (select count(*) from tests.trail where account_id = tests.id('bell') and (actor_name = 'Canary Name' or ip = '198.51.100.77' and actor_kind = 'customer')),
    0::bigint, '[AUD-5] nor by what name and from where the customer acted'
);
select is(
    (select count(*) from tests.trail where account_id = tests.id('bell') and ip = '198.51.100.77' and actor_kind = 'person'),
    1::bigint, '[AUD-5] while from where a member acted stays'
);
select isnt(
    (select count(*) from tests.trail where account_id = tests.id('bell') and entity = 'invoice' and after -> 'customer' ->> 'name' = 'Priya Raman'),
    0::bigint, '[AUD-5] what an issued invoice says stays, as tax law asks'
);
select is(
    (select (after ->> 'state') from tests.trail where account_id = tests.id('bell') and action = 'invoice.issued'),
    'issued', '[AUD-5] and what is business stays'
);
select is(pg_temp.verdict('bell'), 'good', '[AUD-5] erasing a person leaves the chain valid');
select ok((audit.verify(tests.id('bell')) ->> 'erased')::bigint > 5, '[AUD-5] and the check says how much was erased');
select is(
    (select detail ->> 'fields' from tests.trail where account_id = tests.id('bell') and action = 'audit.erased' order by seq desc limit 1),
    audit.verify(tests.id('bell')) ->> 'erased', '[AUD-5] the erasure is itself on record'
);
select is(
    audit.erase_person('customer', tests.id('bell customer'), tests.id('bell')) ->> 'fields', '0', '[AUD-5] what is erased is erased once'
);
select throws_ok($$select audit.erase_person('customer', tests.id('bell customer'))$$, '22023', null, '[AUD-5] a customer is erased in one account');

select tests.send_headers('{"x-forwarded-for": "198.51.100.78", "user-agent": "Another phone"}');
select tests.authenticate_as('bell owner');
update public.customers set phone = '07700 900125' where account_id = tests.id('bell');
select tests.be_postgres();
select tests.claim('bell owner');
select audit.record_event('person', tests.id('bell owner'), 'session.created', 'ok', 'session');
select set_config('request.jwt.claims', '', true);
select tests.send_headers('{}');
select pg_temp.commit();
select audit.erase_person('user', tests.id('bell owner'));
select pg_temp.commit();
select is(
    (select count(*) from tests.trail where actor_id = tests.id('bell owner') and (ip is not null or user_agent is not null)),
    0::bigint, '[AUD-5] a user''s addresses and devices are erased wherever they acted'
);
select is(
    (
        select count(*)
        from tests.trail
        where entity = 'member' and account_id = tests.id('bell')
          and after ->> 'user_id' = tests.id('bell owner')::text and (after ? 'email' or after ? 'display_name')
    ), 0::bigint, '[AUD-5] and name and e-mail address as a member'
);
select isnt(
    (select count(*) from tests.trail where entity = 'member' and account_id = tests.id('finch') and after ? 'email'),
    0::bigint, '[AUD-5] and nobody else''s'
);
select is(pg_temp.verdict('bell') || ' ' || pg_temp.verdict('bell owner'), 'good good', '[AUD-5] on chains that still check');

------------------------------------------------------------------------------------------------------
-- Retention
------------------------------------------------------------------------------------------------------

-- A chain whose first records are old: the time of record is the one thing that has to be made up.
create function pg_temp.record_long_ago(ago interval) returns void
    language plpgsql
as $$
begin
    insert into audit.records (chain_id, chain_kind, recorded_at, happened_at, actor_kind, via, trusted, action, result, entity, subject, is_detail, commitments)
    values (tests.id('old'), 'account', now() - ago, now() - ago, 'system', 'sql', false, 'x.done', 'ok', 'x', 'x', false, '');
    perform pg_temp.commit();
end
$$;
select tests.keep('old', gen_random_uuid());
select pg_temp.record_long_ago('26 months');
select pg_temp.record_long_ago('25 months');
select pg_temp.record_long_ago('24 months 20 days');
select pg_temp.record_long_ago('13 months 20 days');
select pg_temp.record_long_ago('1 month');

create function pg_temp.anchor(at_number bigint, at_seq bigint) returns void
    language sql
as $$
    insert into audit.anchors (number, at, previous, root, size, key_id, signature, statement_hash)
    values (at_number, now(), sha256(''), sha256(''), 1, 'key', sha256('') || sha256(''), sha256(''));
    insert into audit.anchor_heads (chain_id, number, index, seq, hash, path)
    select l.chain_id, at_number, 0, l.seq, l.hash, '{}' from audit.links as l where l.chain_id = tests.id('old') and l.seq = at_seq
$$;
create function pg_temp.close_at(at_seq bigint, anchor bigint, before timestamptz) returns void
    language sql
as $$
    insert into audit.segments (chain_id, last_seq, hash, anchor_number, recorded_before)
    select l.chain_id, l.seq, l.hash, anchor, before from audit.links as l where l.chain_id = tests.id('old') and l.seq = at_seq
$$;
create function pg_temp.month(ago interval) returns timestamptz
    language sql
as $$
    select date_trunc('month', now() - ago, 'UTC')
$$;

select is(audit.drop_segment(tests.id('old'), '23 months'), 0::bigint, '[AUD-5] retention demands an anchor: without one nothing goes');
select throws_ok(
    $$select pg_temp.close_at(2, 1, pg_temp.month('13 months'))$$, '42501',
    'Only what a signed anchor closes may be dropped from the audit trail.', '[AUD-5] and nobody closes a segment that no anchor closes'
);
select pg_temp.anchor(1, 2);
select pg_temp.anchor(2, 5);
select throws_ok(
    $$select audit.drop_segment(tests.id('old'), '11 months')$$, '42501',
    'The audit trail is kept for at least twelve whole months.', '[AUD-5] nothing of the last twelve months goes'
);
select throws_ok(
    $$select pg_temp.close_at(2, 1, now() - interval '20 months')$$, '42501',
    'The audit trail is kept for at least twelve whole months.', '[AUD-5] segments are whole calendar months'
);
select throws_ok(
    $$select pg_temp.close_at(5, 2, pg_temp.month('13 months'))$$, '42501',
    'This segment holds records of a later month.', '[AUD-5] and hold nothing newer'
);
select throws_ok('delete from audit.records where chain_id = tests.id(''old'')', '42501', null, '[AUD-5] what is old can''t be deleted by hand');
select is(audit.drop_segment(tests.id('old'), '23 months'), 2::bigint, '[AUD-5] what is old goes, up to the last anchored head in it');
select results_eq(
    $$select l.seq, r.id is not null from audit.links as l left join audit.records as r on r.id = l.record_id where l.chain_id = tests.id('old') order by l.seq$$,
    $$values (3::bigint, true), (4::bigint, true), (5::bigint, true)$$, '[AUD-5] and what is newer stays, whole'
);
select is(pg_temp.verdict('old'), 'good', '[AUD-5] the rest still checks, from where the segment closed');
select is(
    audit.verify(tests.id('old'), (select jsonb_build_object('seq', last_seq, 'hash', encode(hash, 'hex')) from audit.segments where chain_id = tests.id('old'))) -> 'bad',
    'null'::jsonb, '[AUD-5] and agrees with the anchor that closed it'
);
select throws_ok('delete from audit.links where chain_id = tests.id(''old'')', '42501', null, '[AUD-5] a segment that was closed opens the door to nothing else');
select throws_ok('update audit.segments set hash = sha256('''')', '42501', null, '[AUD-5] and can''t be changed');
select throws_ok('delete from audit.segments', '42501', null, '[AUD-5] nor deleted');
select throws_ok('truncate audit.segments', '42501', null, '[AUD-5] nor truncated');
select * from finish();
