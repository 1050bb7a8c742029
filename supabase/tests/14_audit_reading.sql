select plan(48);

select tests.business('bell');
select tests.business('finch');
select tests.job('bell');
select tests.issued('bell');
select tests.member('bell', 'staff');
select tests.member_with('bell', array['audit.read'], 'bell bookkeeper');
set constraints all immediate;
set constraints all deferred;

-- What a page holds, in its order, as one line.
create function pg_temp.actions(page json) returns text
    language sql
as $$
    select string_agg(entry ->> 'action', ' ' order by place)
    from json_array_elements(page) with ordinality as listed (entry, place)
$$;
create function pg_temp.ids(page json) returns bigint[]
    language sql
as $$
    select array_agg((entry ->> 'id')::bigint order by place)
    from json_array_elements(page) with ordinality as listed (entry, place)
$$;
create function pg_temp.stored(chain uuid, skip int, take int) returns bigint[]
    language sql
as $$
    select array_agg(page.id order by page.happened_at desc, page.id desc)
    from (
        select r.id, r.happened_at
        from audit.records as r
        left join public.members as m on m.account_id = chain and m.user_id = r.chain_id and m.created_at <= r.happened_at
        where not r.is_detail
          and (r.chain_id = chain or m.id is not null)
        order by r.happened_at desc, r.id desc
        offset skip limit take
    ) as page
$$;

------------------------------------------------------------------------------------------------------
-- Who may read
------------------------------------------------------------------------------------------------------

select tests.authenticate_as('bell staff');
select throws_ok($$select public.audit_trail(tests.id('bell'))$$, '42501', null, '[ACC-3] staff may not read the trail');
select throws_ok($$select public.audit_choices(tests.id('bell'))$$, '42501', null, '[ACC-3] nor what its filter offers');
select throws_ok($$select public.audit_head(tests.id('bell'))$$, '42501', null, '[ACC-3] nor how long it is');
select throws_ok($$select public.audit_verify(tests.id('bell'))$$, '42501', null, '[ACC-3] nor check it');
select throws_ok($$select public.audit_begin_export(tests.id('bell'), 'csv')$$, '42501', null, '[ACC-3] nor export it');
select tests.authenticate_as('finch owner');
select throws_ok($$select public.audit_trail(tests.id('bell'))$$, 'PT404', null, '[ISO-1] another account''s owner reads nothing');
select throws_ok($$select public.audit_choices(tests.id('bell'))$$, 'PT404', null, '[ISO-1] not what its filter offers');
select throws_ok($$select public.audit_head(tests.id('bell'))$$, 'PT404', null, '[ISO-1] nor how long it is');
select throws_ok($$select public.audit_verify(tests.id('bell'))$$, 'PT404', null, '[ISO-1] nor checks it');
select throws_ok($$select public.audit_begin_export(tests.id('bell'), 'csv')$$, 'PT404', null, '[ISO-1] nor exports it');
select throws_ok($$select public.audit_export(tests.id('bell'), 1)$$, 'PT404', null, '[ISO-1] not a page of it');
select is(
    (select count(*) from json_array_elements(public.audit_trail(tests.id('finch'), words => tests.id('bell invoice')::text))), 0::bigint,
    '[ISO-1] and in their own trail another account''s things are not found'
);
select tests.be_anon();
select throws_ok($$select public.audit_trail(tests.id('bell'))$$, '42501', null, 'nor does anybody who is not signed in');

------------------------------------------------------------------------------------------------------
-- Page by page
------------------------------------------------------------------------------------------------------

select tests.be_postgres();
select tests.claim('bell owner');
create temporary table page as select public.audit_trail(tests.id('bell'), page_size => 3) as first;
select is(
    pg_temp.ids((select first from page)), pg_temp.stored(tests.id('bell'), 0, 3), '[AUD-5] an owner reads the trail, newest first, without its details'
);
select is(
    (select public.audit_trail(tests.id('bell'), page_size => 1) -> 0 ->> 'hash'),
    (
        select encode(l.hash, 'hex')
        from audit.links as l
        where l.record_id = (pg_temp.stored(tests.id('bell'), 0, 1))[1]
    ), '[AUD-5] with each record''s place in the chain'
);
create temporary table expected as select pg_temp.stored(tests.id('bell'), 3, 3) as second;
update public.customers as c set phone = '07700 900001' where c.account_id = tests.id('bell');
select is(
    pg_temp.ids(public.audit_trail(tests.id('bell'), before => (select first -> 2 ->> 'cursor' from page), page_size => 3)), (select second from expected),
    '[AUD-5] the next page goes on where the last one ended, though records came in between'
);
select is(
    pg_temp.actions(public.audit_trail(tests.id('bell'), after => (select first -> 0 ->> 'cursor' from page), page_size => 3)), 'customer.updated',
    '[AUD-5] and there is a way back to what is newer'
);
select is(
    pg_temp.ids(public.audit_trail(tests.id('bell'), after => (select first -> 2 ->> 'cursor' from page), page_size => 2)),
    (select (pg_temp.ids(first))[1:2] from page), '[AUD-5] which shows what is nearest'
);
select throws_ok($$select public.audit_trail(tests.id('bell'), before => 'x')$$, 'P0001', 'That is no place in the trail.', 'a place that is none is refused');

------------------------------------------------------------------------------------------------------
-- Looking for something
------------------------------------------------------------------------------------------------------

select ok(
    pg_temp.actions(public.audit_trail(tests.id('bell'), entity => 'invoice', entity_id => tests.id('bell invoice'))) like '%invoice_line.created%invoice.created',
    '[AUD-5] one invoice is shown with its parts'
);
select is(
    (
        select count(*)
        from json_array_elements(public.audit_trail(tests.id('bell'), entity => 'invoice', entity_id => tests.id('bell invoice'))) as r
        where r ->> 'subject_id' <> tests.id('bell invoice')::text
    ), 0::bigint, '[AUD-5] and nothing else'
);
select is(
    pg_temp.actions(public.audit_trail(tests.id('bell'), actions => array['invoice.issued', 'job.created'])), 'invoice.issued job.created',
    '[AUD-5] actions are found'
);
select is(
    pg_temp.actions(public.audit_trail(tests.id('bell'), actions => array['job.created'], actor => tests.id('bell owner')::text)), 'job.created',
    '[AUD-5] by one person'
);
select is(
    pg_temp.actions(public.audit_trail(tests.id('bell'), actions => array['job.created'], actor => tests.id('bell staff')::text)), null,
    '[AUD-5] and not by another'
);
select ok(
    pg_temp.actions(public.audit_trail(tests.id('bell'), words => (select upper(c.name) from public.customers as c where c.account_id = tests.id('bell') limit 1)))
        like '%invoice.issued%customer.created%',
    '[AUD-5] a customer''s name finds the customer and what was done for them'
);
select ok(
    pg_temp.actions(public.audit_trail(tests.id('bell'), words => 'INV-0001')) like '%invoice.issued%'
    and pg_temp.actions(public.audit_trail(tests.id('bell'), words => 'INV-0001')) not like '%job.created%',
    '[AUD-5] an invoice''s number finds that invoice'
);
select is(pg_temp.actions(public.audit_trail(tests.id('bell'), words => 'nobody is called that')), null, '[AUD-5] and a name that nothing has finds nothing');
select service.record_refusal(jsonb_build_object('account_id', tests.id('bell'), 'actor_id', tests.id('bell staff')), 'invoices.issue.refused', '{"code": "not_allowed"}');
select is(
    public.audit_trail(tests.id('bell'), result => 'refused')::jsonb @> '[{"action": "invoices.issue.refused", "detail": {"code": "not_allowed"}}]'
        and json_array_length(public.audit_trail(tests.id('bell'), result => 'refused')) = 1,
    true, '[AUD-2] what was refused is found by that'
);
select is(
    json_array_length(public.audit_trail(tests.id('bell'), since => private.today() + 1)) || ' ' || json_array_length(public.audit_trail(tests.id('bell'), until => private.today() - 1)),
    '0 0', '[AUD-5] days bound the search'
);
select ok(
    pg_temp.ids(public.audit_trail(tests.id('bell'), since => private.today(), until => private.today(), page_size => 200)) = pg_temp.stored(tests.id('bell'), 0, 200),
    '[AUD-5] and one day is whole from its first record to its last'
);

------------------------------------------------------------------------------------------------------
-- What stands in a record
------------------------------------------------------------------------------------------------------

update public.members as m
set role_id = (select r.id from public.roles as r where r.account_id = m.account_id and r.key = 'admin')
where m.id = tests.id('bell staff membership');
select is(
    (
        select (r -> 'names' ->> (r -> 'before' ->> 'role_id')) || ' ' || (r -> 'names' ->> (r -> 'after' ->> 'role_id'))
        from json_array_elements(public.audit_trail(tests.id('bell'), page_size => 1)) as r
    ), 'Staff Admin', '[AUD-1] an id among the fields comes with what it is called'
);
insert into audit.records (chain_id, chain_kind, happened_at, actor_kind, via, trusted, action, result, entity, subject, is_detail, commitments)
values (tests.id('bell'), 'account', now() + interval '1 minute', 'customer', 'app', true, 'customer.updated', 'ok', 'customer', 'customer', false, '@actor:00 name:00');
select is(
    public.audit_trail(tests.id('bell'), page_size => 1) -> 0 ->> 'erased', '["@actor", "name"]',
    '[AUD-5] what was committed to and is gone is told as erased'
);

------------------------------------------------------------------------------------------------------
-- Signing in
------------------------------------------------------------------------------------------------------

select audit.record_event('person', tests.id('bell staff'), 'sign_in.refused', 'refused', 'sign_in', detail => '{"code": "credentials_wrong"}');
select set_config('tf.moment', (now() - interval '1 year')::text, true);
select audit.record_event('person', tests.id('bell staff'), 'sign_in.succeeded', 'ok', 'sign_in');
select set_config('tf.moment', '', true);
select is(
    pg_temp.actions(public.audit_trail(tests.id('bell'), actions => array['sign_in.refused', 'sign_in.succeeded'])), 'sign_in.refused',
    '[AUD-2] a member''s sign-ins are in the trail from the day they joined'
);
update public.members as m set removed_at = now() where m.id = tests.id('bell staff membership');
select set_config('tf.moment', (now() + interval '1 day')::text, true);
select audit.record_event('person', tests.id('bell staff'), 'sign_in.succeeded', 'ok', 'sign_in');
select set_config('tf.moment', '', true);
select is(
    (select count(*) from json_array_elements(public.audit_trail(tests.id('bell'), actions => array['sign_in.succeeded']))), 0::bigint,
    '[AUD-2] and no longer once they have left'
);
select tests.claim('finch owner');
select is(
    (select count(*) from json_array_elements(public.audit_trail(tests.id('finch'), actions => array['sign_in.refused']))), 0::bigint,
    '[ISO-1] and never in another account''s trail'
);

------------------------------------------------------------------------------------------------------
-- What the filter offers
------------------------------------------------------------------------------------------------------

select tests.claim('bell owner');
select is(
    (select jsonb_agg(distinct r.action) from audit.records as r where r.chain_id in (select m.user_id from public.members as m where m.account_id = tests.id('bell') union select tests.id('bell'))),
    public.audit_choices(tests.id('bell')) -> 'actions', '[AUD-5] the filter offers every action there ever was'
);
select is(
    public.audit_choices(tests.id('bell')) @> jsonb_build_object('people', jsonb_build_array(jsonb_build_object('id', tests.id('bell staff'), 'has_left', true))),
    true, '[AUD-5] and everybody who is or was in the team'
);

------------------------------------------------------------------------------------------------------
-- Checking
------------------------------------------------------------------------------------------------------

select tests.business('ash');
set constraints all immediate;
set constraints all deferred;
select tests.claim('ash owner');
select is(
    public.audit_head(tests.id('ash')),
    (select jsonb_build_object('seq', h.seq, 'hash', encode(h.hash, 'hex')) from audit.heads as h where h.chain_id = tests.id('ash')),
    '[AUD-4] the head is told'
);
create temporary table head as select public.audit_head(tests.id('ash')) as whole;
select results_eq(
    $$
        select page -> 'bad', page -> 'next_seq', page -> 'checked' = page -> 'head' -> 'seq'
        from public.audit_verify(tests.id('ash'), 0, (select whole from head)) as page
    $$,
    $$values ('null'::jsonb, 'null'::jsonb, true)$$,
    '[AUD-4] an owner checks the chain, against a head from outside'
);
set constraints all immediate;
set constraints all deferred;
select is(
    public.audit_verify(tests.id('ash'), 0, jsonb_set((select whole from head), '{hash}', to_jsonb(repeat('ab', 32)))) -> 'bad' ->> 'seq',
    (select whole ->> 'seq' from head), '[AUD-4] which must be just what the chain holds there'
);
set constraints all immediate;
set constraints all deferred;
select public.audit_verify(tests.id('ash'), 3, null, 3);
select is(
    (
        select string_agg(t ->> 'action' || ' ' || (t ->> 'result'), ', ')
        from json_array_elements(public.audit_trail(tests.id('ash'), actions => array['audit.verified'])) as t
    ), 'audit.verified failed, audit.verified ok', '[AUD-2] that it was checked is on record, once each time, and what it found'
);
select throws_ok($$select public.audit_verify(tests.id('ash'), 0, '{"seq": 1, "hash": "zz"}')$$, 'P0001', null, 'a head that is none is refused');

------------------------------------------------------------------------------------------------------
-- Exporting
------------------------------------------------------------------------------------------------------

select tests.claim('bell bookkeeper');
select throws_ok($$select public.audit_begin_export(tests.id('bell'), 'csv')$$, '42501', null, '[ACC-3] reading the trail is no right to export it');
select tests.set_state('ash', 'suspended');
set constraints all immediate;
set constraints all deferred;
select tests.claim('ash owner');
create temporary table begun as select public.audit_begin_export(tests.id('ash'), 'jsonl') as export;
select is(
    (select pg_temp.actions(public.audit_trail(tests.id('ash'), page_size => 1))), 'audit.exported',
    '[AUD-2] [ADM-4] a suspended account exports its trail, and that it did is on record'
);
create temporary table line as
    select line, page_no
    from generate_series(0, 40) as page_no,
        jsonb_array_elements(public.audit_export(tests.id('ash'), (select (export ->> 'export_id')::bigint from begun), page_no * 20, 20) -> 'lines') as line;
select results_eq(
    $$select (line ->> 'seq')::bigint, line ->> 'hash', line -> 'record', line -> 'values' from line where line ->> 'seq' is not null order by 1$$,
    $$
        select l.seq, encode(l.hash, 'hex'), audit.canonical(r)::jsonb, coalesce(v.fields, '{}')
        from audit.links as l
        join audit.records as r on r.id = l.record_id
        left join audit.field_values as v on v.record_id = r.id
        where l.chain_id = tests.id('ash') and l.seq <= (select (export ->> 'records')::bigint from begun)
        order by l.seq
    $$,
    '[AUD-5] the export is what is stored, up to where the chain stood when it began'
);
select is(
    (select export -> 'header' ->> 'after_hash' from begun), encode(audit.genesis(tests.id('ash')), 'hex'), '[AUD-5] and begins where the chain does'
);
select throws_ok($$select public.audit_export(tests.id('ash'), 1)$$, 'PT404', null, '[AUD-2] no page leaves without an export that is on record');
select tests.claim('bell owner');
select throws_ok(
    format('select public.audit_export(tests.id(''bell''), %s)', (select export ->> 'export_id' from begun)), 'PT404', null,
    '[ISO-1] nor by the export of another account'
);
select * from finish();
