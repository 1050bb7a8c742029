select plan(17);

select tests.business('bell');
select tests.business('finch');
select tests.job('bell');

-- Links what is recorded so far, as a commit would.
create function pg_temp.commit() returns void
    language plpgsql
as $$
begin
    set constraints all immediate;
    set constraints all deferred;
end
$$;

create function pg_temp.verify(business text) returns jsonb
    language sql
as $$
    select audit.verify(tests.id(business))
$$;

------------------------------------------------------------------------------------------------------
-- The encoding
------------------------------------------------------------------------------------------------------

select pg_temp.commit();
select is(
    audit.canonical(row(
        7, '0190f000-0000-7000-8000-00000000000a', 'account', '42', '2026-11-22 09:00:00.000001+00', '1969-12-31 23:59:59+00',
        'person', null, null, 'app', true, E'"\\\b\f\n\r\t\u001f£', 'x.done', 'ok', 'x', null, 'x', null, false, ''
    )::audit.records),
    '["tf-audit-1", "account", "0190f000-0000-7000-8000-00000000000a", 7, "2026-11-22T09:00:00.000001", "1969-12-31T23:59:59", "42", '
    '"person", null, null, "app", true, "\"\\\b\f\n\r\t\u001f£", "x.done", "ok", "x", null, "x", null, false, ""]',
    '[AUD-4] a record is written down to be hashed just as the encoding says'
);
select is(
    encode(audit.genesis('0190f000-0000-7000-8000-00000000000a'), 'hex'),
    encode(sha256('tf-audit-1 0190f000-0000-7000-8000-00000000000a'), 'hex'),
    '[AUD-4] a chain begins with the hash of its own name'
);
select is_empty(
    $$
        select l.seq
        from (
            select
                l.*,
                coalesce(lag(l.hash) over (partition by l.chain_id order by l.seq), audit.genesis(l.chain_id)) as hash_before
            from audit.links as l
        ) as l
        join audit.records as r on r.id = l.record_id
        where l.hash <> sha256(l.hash_before || int8send(l.seq) || sha256(convert_to(audit.canonical(r), 'UTF8')))
           or audit.digest(r) <> sha256(convert_to(audit.canonical(r), 'UTF8'))
    $$,
    '[AUD-4] a link is the hash of the link before, its number and the record'
);
select is_empty(
    $$
        select r.id, c.name
        from audit.records as r
        cross join lateral (
            select split_part(entry, ':', 1), split_part(entry, ':', 2)
            from string_to_table(r.commitments, ' ') as entry
        ) as c (name, mac)
        left join audit.field_values as v on v.record_id = r.id
        where c.mac is distinct from encode(
            extensions.hmac(convert_to(v.fields -> c.name ->> 1, 'UTF8'), decode(v.fields -> c.name ->> 0, 'hex'), 'sha256'), 'hex'
        )
    $$,
    '[AUD-4] what a record commits to is the HMAC of each value under its own salt'
);
select is(
    (select count(distinct value.salt) from audit.field_values as v, jsonb_each(v.fields) as f, lateral (select f.value ->> 0) as value (salt)),
    (select count(*) from audit.field_values as v, jsonb_each(v.fields)),
    '[AUD-5] no two salts are the same'
);

------------------------------------------------------------------------------------------------------
-- Linking
------------------------------------------------------------------------------------------------------

select is(pg_temp.verify('bell') -> 'bad', 'null'::jsonb, '[AUD-4] an honest chain verifies');
select is(
    (pg_temp.verify('bell') -> 'checked')::bigint,
    (select count(*) from audit.records where chain_id = tests.id('bell')),
    '[AUD-4] and every record of the account was checked'
);
select is_empty(
    $$select r.id from audit.records as r where not exists (select from audit.links as l where l.chain_id = r.chain_id and l.record_id = r.id)$$,
    '[AUD-4] every record is linked, in its own chain'
);
update public.customers set phone = '07700 900001' where account_id in (tests.id('bell'), tests.id('finch'));
savepoint undone;
update public.customers set phone = '07700 900002' where account_id = tests.id('bell');
select pg_temp.commit();
rollback to savepoint undone;
update public.customers set phone = '07700 900003' where account_id = tests.id('bell');
select pg_temp.commit();
update public.customers set phone = '07700 900004' where account_id = tests.id('bell');
select pg_temp.commit();
select is(pg_temp.verify('bell') -> 'bad', 'null'::jsonb, '[AUD-4] a savepoint that was linked and rolled back leaves no gap');
select is(
    (select array_agg(after ->> 'phone' order by seq) from tests.trail where account_id = tests.id('bell') and action = 'customer.updated'),
    array['07700 900001', '07700 900003', '07700 900004'], '[AUD-1] nor a record of what did not happen'
);
select is(
    (select h.seq from audit.heads as h where h.chain_id = tests.id('bell')),
    (select count(*) from audit.records where chain_id = tests.id('bell')),
    '[AUD-4] what a transaction writes after its records were linked is linked too, once'
);
select is(pg_temp.verify('finch') -> 'bad', 'null'::jsonb, '[AUD-4] and so is the other account''s chain');

select throws_ok(
    $t$do $$ begin
        insert into audit.links (chain_id, seq, record_id, hash)
        select h.chain_id, h.seq + 1, -1, h.hash
        from audit.heads as h
        where h.chain_id = tests.id('bell owner');
        perform audit.record_event('person', tests.id('bell owner'), 'sign_in.succeeded', 'ok', 'sign_in');
        set constraints all immediate;
    end $$ $t$,
    '23505', null, '[AUD-4] what cannot be linked is not recorded: only the auth server may leave it for the check to find'
);
set constraints all deferred;

------------------------------------------------------------------------------------------------------
-- A transaction over many chains
------------------------------------------------------------------------------------------------------

create function pg_temp.turns() returns bigint
    language sql
as $$
    select count(*) from pg_catalog.pg_locks as l where l.pid = pg_backend_pid() and l.locktype = 'advisory'
$$;
select pg_temp.commit();
create temporary table before_many as select pg_temp.turns() as turns;
-- Chains take their turns in the order of their ids, so that the last one here is beyond the hundredth. Its record, being the
-- last of the transaction, asks for a turn of its own before it finds itself linked.
select audit.record_event('account', lpad(to_hex(n), 32, '0')::uuid, 'many.done', 'ok', 'many') from generate_series(1, 150) as n;
select pg_temp.commit();
select is(
    pg_temp.turns() - (select turns from before_many), 101::bigint,
    'a change of many accounts takes a hundred and one of the server''s locks, and no more'
);
select is(
    (select count(*) from audit.records as r join audit.links as l on l.record_id = r.id where r.action = 'many.done'), 150::bigint,
    '[AUD-4] and each of their chains is linked'
);

------------------------------------------------------------------------------------------------------
-- Checking
------------------------------------------------------------------------------------------------------

select is(
    (audit.verify(tests.id('bell'), page_size => 3) ->> 'next_seq')::bigint, 3::bigint, '[AUD-4] a long chain is checked page by page'
);
select is(
    audit.verify(tests.id('bell'), jsonb_build_object('seq', 2, 'hash', repeat('0', 64))) -> 'bad' ->> 'reason',
    'head_differs', '[AUD-4] a chain that does not hold what an anchor says is bad'
);
select * from finish();
