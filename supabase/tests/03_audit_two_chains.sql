-- Chains beside each other: what is true of one, or what somebody has made of one, is no answer about another. Rows that no
-- function of ours would write are written by hand, as whoever owns the tables could.
select plan(21);

create function pg_temp.commit() returns void
    language plpgsql
as $$
begin
    set constraints all immediate;
    set constraints all deferred;
end
$$;
create function pg_temp.record(chain text, ago interval default '0', committed text default '') returns bigint
    language sql
as $$
    insert into audit.records (chain_id, chain_kind, recorded_at, happened_at, actor_kind, via, trusted, action, result, entity, subject, is_detail, commitments)
    values (tests.id(chain), 'account', now() - ago, now() - ago, 'system', 'sql', false, 'x.done', 'ok', 'x', 'x', false, committed)
    returning id
$$;
-- A chain of records that are so old.
create function pg_temp.chain(name text, variadic ages interval[]) returns void
    language plpgsql
as $$
declare
    age interval;
begin
    perform tests.keep(name, gen_random_uuid());
    foreach age in array ages loop
        perform pg_temp.record(name, age);
        perform pg_temp.commit();
    end loop;
end
$$;
create function pg_temp.link(chain text, at_seq bigint) returns audit.links
    language sql
as $$
    select l from audit.links as l where l.chain_id = tests.id(chain) and l.seq = at_seq
$$;
-- An anchor that says of a chain what a link of any chain is.
create function pg_temp.anchor(at_number bigint, chain text, link audit.links) returns void
    language sql
as $$
    insert into audit.anchors (number, at, previous, root, size, key_id, signature, statement_hash)
    values (at_number, now(), sha256(''), sha256(''), 1, 'key', sha256('') || sha256(''), sha256(''));
    insert into audit.anchor_heads (chain_id, number, index, seq, hash, path)
    values (tests.id(chain), at_number, 0, link.seq, link.hash, '{}')
$$;
create function pg_temp.segment(chain text, link audit.links, number bigint) returns void
    language sql
as $$
    insert into audit.segments (chain_id, last_seq, hash, anchor_number, recorded_before)
    values (tests.id(chain), link.seq, link.hash, number, date_trunc('month', now() - interval '13 months', 'UTC'))
$$;
create function pg_temp.bad(chain text) returns text
    language sql
as $$
    select concat_ws(' ', bad ->> 'seq', bad ->> 'record_id', bad ->> 'reason') from audit.verify(tests.id(chain)) as v, jsonb_extract_path(v, 'bad') as bad
$$;
-- What comes of a statement, which is undone again.
create function pg_temp.undone(statement text, question text) returns text
    language plpgsql
as $$
declare
    answer text;
begin
    execute statement;
    execute question into answer;
    raise exception using errcode = 'UNDO0', message = coalesce(answer, 'nothing');
exception when sqlstate 'UNDO0' then
    return sqlerrm;
end
$$;

select pg_temp.chain('long', '25 months', '25 months', '24 months', '1 month');
select pg_temp.chain('short', '25 months', '25 months', '1 month');
select pg_temp.chain('gone', '25 months');
select tests.keep('empty', gen_random_uuid());

------------------------------------------------------------------------------------------------------
-- Retention: what an anchor says of one chain closes no other
------------------------------------------------------------------------------------------------------

select pg_temp.anchor(1, 'short', pg_temp.link('long', 1));
select is(audit.drop_segment(tests.id('short'), '13 months'), 0::bigint, '[AUD-5] nothing goes by an anchor that says of a chain what another one holds');
select throws_ok($$select pg_temp.segment('long', pg_temp.link('long', 1), 1)$$, '42501', 'Only what a signed anchor closes may be dropped from the audit trail.', '[AUD-5] nor is what the other one holds closed by it');
select pg_temp.anchor(2, 'long', pg_temp.link('long', 3));
select throws_ok($$select pg_temp.segment('empty', pg_temp.link('long', 3), 2)$$, '42501', 'Only what a signed anchor closes may be dropped from the audit trail.', '[AUD-5] nor is a chain by what another one holds');
select pg_temp.anchor(3, 'short', pg_temp.link('short', 2));
select is(
    pg_temp.undone($$select pg_temp.segment('short', pg_temp.link('short', 2), 3)$$, $$select seq from audit.beginning(tests.id('short'))$$), '0',
    '[AUD-4] while the months of a closed segment are there they are checked like any others'
);
select is(audit.drop_segment(tests.id('short'), '13 months'), 2::bigint, '[AUD-5] a chain goes up to its own last anchor, however far that of another reaches');
select is((select seq from audit.beginning(tests.id('short'))), 2::bigint, '[AUD-4] and then begins behind it');
select is((select seq from audit.beginning(tests.id('empty'))), 0::bigint, '[AUD-4] while another begins at its genesis');

-- What was closed in this very transaction opens nothing of another chain.
insert into audit.field_values (record_id, chain_id, fields) select (pg_temp.link('long', 1)).record_id, tests.id('long'), '{}';
select throws_ok(format($$delete from audit.field_values where record_id = %s$$, (pg_temp.link('long', 1)).record_id), '42501', null, '[AUD-5] it lets no value of another chain go');
select throws_ok(format($$delete from audit.records where id = %s$$, (pg_temp.link('long', 1)).record_id), '42501', null, '[AUD-5] no record');
select throws_ok($$delete from audit.links where chain_id = tests.id('long') and seq = 1$$, '42501', null, '[AUD-5] and no link');

select pg_temp.anchor(4, 'gone', pg_temp.link('gone', 1));
select is(audit.drop_segment(tests.id('gone'), '13 months'), 1::bigint, 'a chain may go whole');
select is(pg_temp.bad('gone'), '', '[AUD-4] and checks, as it says where it ended');

------------------------------------------------------------------------------------------------------
-- Erasing
------------------------------------------------------------------------------------------------------

select set_config('tf.erasure', audit.record_event('account', tests.id('long'), 'audit.erased', 'ok', 'customer')::text, true);
insert into audit.field_values (record_id, chain_id, fields) select (pg_temp.link('short', 3)).record_id, tests.id('short'), '{}';
select throws_ok($$update audit.field_values set chain_id = tests.id('long') where chain_id = tests.id('short')$$, '42501', null, '[AUD-5] no value moves to the chain on which something is erased');
select set_config('tf.erasure', '', true);
select pg_temp.commit();

------------------------------------------------------------------------------------------------------
-- Linking
------------------------------------------------------------------------------------------------------

select is(
    pg_temp.undone(
        $do$ do $$ begin
            update audit.heads as h
            set seq = h.seq + 1, record_id = 9000000000, transaction_id = pg_current_xact_id()
            where h.chain_id = tests.id('short');
            perform pg_temp.record('long'), pg_temp.record('long');
            set constraints all immediate;
        end $$ $do$,
        $$select pg_temp.bad('long')$$
    ), '', '[AUD-4] whatever the head of one chain says, every record of another is linked'
);

------------------------------------------------------------------------------------------------------
-- Checking
------------------------------------------------------------------------------------------------------

select is(
    (select concat_ws(' ', v ->> 'next_seq', v #>> '{bad,reason}') from audit.verify(tests.id('short'), page_size => 1) as v), '',
    '[AUD-4] the check of a chain ends where that chain does, though another one is longer'
);
select matches(
    pg_temp.undone(
        $$insert into audit.links (chain_id, seq, record_id, hash) select l.chain_id, l.seq + 1, pg_temp.record('short'), l.hash from pg_temp.link('long', 5) as l$$,
        $$select pg_temp.bad('short')$$
    ), 'record_unlinked', '[AUD-4] a record that is linked on another chain is not linked'
);
insert into audit.links (chain_id, seq, record_id, hash) values (tests.id('empty'), 2, -1, sha256(''));
select is(pg_temp.bad('empty'), '1 link_missing', '[AUD-4] of links that are missing the first is told, whichever others have');

-- Two chains that hold another value than their second record commits to.
select tests.keep(name, gen_random_uuid()) from unnest(array['wrong one', 'wrong two']) as name;
create temporary table wrong as
select name, pg_temp.record(name) as first, pg_temp.record(name, committed => 'name:00') as second
from unnest(array['wrong one', 'wrong two']) as name;
insert into audit.field_values (record_id, chain_id, fields)
select w.second, tests.id(w.name), '{"name": ["00", "[null, \"another\"]"]}'
from wrong as w;
select pg_temp.commit();
select is(pg_temp.bad(w.name), format('2 %s value_changed', w.second), format('[AUD-4] %s: the record whose value was changed is its own', w.name)) from wrong as w;

-- A chain of one record whose head holds what another chain closed with.
select tests.keep('false head', gen_random_uuid());
create temporary table falsified as select pg_temp.record('false head') as id;
insert into audit.links (chain_id, seq, record_id, hash)
select r.chain_id, 1, r.id, sha256(audit.genesis(r.chain_id) || int8send(1) || audit.digest(r))
from audit.records as r
join falsified as f on f.id = r.id;
insert into audit.heads (chain_id, seq, hash, record_id, transaction_id)
select tests.id('false head'), s.last_seq, s.hash, f.id, pg_current_xact_id()
from audit.segments as s, falsified as f
where s.chain_id = tests.id('gone');
select is(pg_temp.bad('false head'), '1 head_differs', '[AUD-4] a head that holds what another chain closed with is no head of this one');
select is(pg_temp.bad('long') || pg_temp.bad('short'), '', '[AUD-4] and what nobody touched is good');
select * from finish();
