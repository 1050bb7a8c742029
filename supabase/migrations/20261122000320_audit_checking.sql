-- Checking a chain: the database does it here, page by page; whoever holds an export does it without a database, in the
-- same order and with the same codes (src/lib/domain/audit/verify.ts).

create function audit.judge(chain uuid, after_seq bigint, up_to_seq bigint)
    returns table (seq bigint, record_id bigint, hash bytea, of_chain uuid, digest bytea, committed integer)
    language sql
    stable
    set search_path = ''
    -- Hashing is all the work, and no link waits for another: as many processes as the server lets us have.
    set max_parallel_workers_per_gather = 4
    set parallel_setup_cost = 0
    set parallel_tuple_cost = 0
    set min_parallel_table_scan_size = 0
    set min_parallel_index_scan_size = 0
as $$
    select
        l.seq, l.record_id, l.hash, r.chain_id,
        -- As audit.canonical() writes it. Said once more here, because to call a function for each of a million records costs
        -- more than all the rest; a test holds the two together.
        sha256(convert_to(json_build_array(
            'tf-audit-1',
            r.chain_kind,
            r.chain_id,
            r.id,
            timezone('UTC', r.recorded_at),
            timezone('UTC', r.happened_at),
            r.transaction_id,
            r.actor_kind,
            r.actor_id,
            r.session_id,
            r.via,
            r.trusted,
            r.request_id,
            r.action,
            r.result,
            r.entity,
            r.entity_id,
            r.subject,
            r.subject_id,
            r.is_detail,
            r.commitments
        )::text, 'UTF8')),
        length(r.commitments) - length(replace(r.commitments, ':', ''))
    from audit.links as l
    left join audit.records as r on r.id = l.record_id
    where l.chain_id = chain
      and l.seq > after_seq
      and l.seq <= up_to_seq
$$;
comment on function audit.judge(uuid, bigint, bigint) is
    'A stretch of a chain, in no order: each link with the digest of its record, and how many fields that commits to.';

create function audit.check_values(chain uuid, after_seq bigint, up_to_seq bigint, out held bigint, out wrong_seq bigint)
    language sql
    stable
    set search_path = ''
    set max_parallel_workers_per_gather = 4
    set parallel_setup_cost = 0
    set parallel_tuple_cost = 0
    set min_parallel_table_scan_size = 0
    set min_parallel_index_scan_size = 0
as $$
    -- A value is right when the record commits to its name with just its HMAC. What is no value at all is none.
    select
        count(*),
        min(l.seq) filter (where coalesce(strpos(
            ' ' || r.commitments,
            ' ' || field.key || ':' || encode(
                extensions.hmac(
                    convert_to(field.value ->> 1, 'UTF8'),
                    case when pg_input_is_valid('\x' || (field.value ->> 0), 'bytea') then ('\x' || (field.value ->> 0))::bytea end,
                    'sha256'
                ),
                'hex'
            )
        ), 0) = 0)
    from audit.links as l
    join audit.records as r on r.id = l.record_id
    join audit.field_values as v on v.record_id = l.record_id
    cross join lateral jsonb_each(v.fields) as field
    where l.chain_id = chain
      and l.seq > after_seq
      and l.seq <= up_to_seq
$$;
comment on function audit.check_values(uuid, bigint, bigint) is
    'How many values are held for a stretch of a chain, and the first link with one that is not what its record commits to.';

create function audit.follow(chain uuid, after_seq bigint, after_hash bytea, up_to_seq bigint)
    returns table (
        seq bigint, record_id bigint, hash bytea, computed bytea, next_hash bytea, next_computed bytea, committed integer, reason text
    )
    language sql
    stable
    set search_path = ''
as $$
    select
        c.seq, c.record_id, c.hash, c.computed,
        lead(c.hash) over in_order,
        sha256(c.computed || int8send(lead(c.seq) over in_order) || lead(c.digest) over in_order),
        c.committed,
        case
            when c.seq <> c.expected then 'link_missing'
            when c.of_chain is null then 'record_missing'
            when c.of_chain <> chain or c.computed <> c.hash then 'record_changed'
        end
    from (
        select
            j.*,
            lag(j.seq, 1, after_seq) over in_order + 1 as expected,
            sha256(lag(j.hash, 1, after_hash) over in_order || int8send(j.seq) || j.digest) as computed
        from audit.judge(chain, after_seq, up_to_seq) as j
        window in_order as (order by j.seq)
    ) as c
    window in_order as (order by c.seq)
$$;
comment on function audit.follow(uuid, bigint, bytea, bigint) is
    'A stretch of a chain in its order, each link with the hash that should stand there, the one after it computed from that, and '
    'what is wrong, if anything.';

create function audit.beginning(chain uuid, out seq bigint, out hash bytea)
    language sql
    stable
    set search_path = ''
as $$
    select s.seq, s.hash
    from (
        select 0::bigint as seq, audit.genesis(chain) as hash
        union all
        -- Dropped means gone: while a link of those months is there, it is checked like any other.
        select d.last_seq, d.hash
        from audit.segments as d
        where d.chain_id = chain
          and not exists (select from audit.links as l where l.chain_id = chain and l.seq <= d.last_seq)
    ) as s
    order by s.seq desc
    limit 1
$$;
comment on function audit.beginning(uuid) is
    'Where what is still there of a chain begins: at its genesis, or behind the months that were dropped.';

create function audit.verify(
    chain uuid,
    outside_head jsonb default null,
    after_seq bigint default 0,
    page_size integer default 50000
) returns jsonb
    language plpgsql
    stable
    set search_path = ''
as $$
declare
    outside_seq bigint := (outside_head ->> 'seq')::bigint;
    outside_hash bytea := decode(outside_head ->> 'hash', 'hex');
    head audit.heads;
    start record;
    page record;
    contents record;
    first_bad record;
    at_end boolean;
    bad_seq bigint;
    bad_record bigint;
    reason text;
begin
    select * into head from audit.heads as h where h.chain_id = chain;

    -- A chain begins at its genesis, or where the months that were dropped end; a page where the page before ended.
    select s.seq, s.hash
    into start
    from (
        select b.seq, b.hash from audit.beginning(chain) as b
        union all
        select l.seq, l.hash from audit.links as l where l.chain_id = chain and l.seq = after_seq
    ) as s
    order by s.seq desc
    limit 1;

    select
        count(*) as checked,
        coalesce(max(f.seq), start.seq) as last_seq,
        coalesce(sum(f.committed), 0) as committed,
        (array_agg(f.hash) filter (where f.seq = outside_seq))[1] as hash_outside,
        min(f.seq) filter (where f.reason is not null) as bad_seq
    into page
    from audit.follow(chain, start.seq, start.hash, start.seq + page_size) as f;
    select * into contents from audit.check_values(chain, start.seq, start.seq + page_size);
    at_end := not exists (select from audit.links as l where l.chain_id = chain and l.seq > start.seq + page_size);
    if page.checked = 0 and not at_end then
        reason := 'link_missing';
        bad_seq := start.seq + 1;
    end if;

    -- The first that is bad, by its values or by its link. Where the next link follows on the hash that should stand here, only
    -- the hash was changed. Of links that are missing, the first.
    if contents.wrong_seq < coalesce(page.bad_seq, contents.wrong_seq + 1) then
        reason := 'value_changed';
        select l.seq, l.record_id into bad_seq, bad_record
        from audit.links as l
        where l.chain_id = chain and l.seq = contents.wrong_seq;
    elsif page.bad_seq is not null then
        select *
        into first_bad
        from audit.follow(chain, start.seq, start.hash, page.bad_seq + 1) as f
        where f.seq = page.bad_seq;
        reason := first_bad.reason;
        bad_seq := first_bad.seq;
        bad_record := first_bad.record_id;
        if reason = 'link_missing' then
            bad_record := null;
            bad_seq := 1 + coalesce(
                (select max(l.seq) from audit.links as l where l.chain_id = chain and l.seq < first_bad.seq and l.seq > start.seq), start.seq
            );
        elsif reason = 'record_changed' and first_bad.computed <> first_bad.hash and (
            first_bad.next_hash = first_bad.next_computed
            or (outside_seq = first_bad.seq and outside_hash = first_bad.computed)
        ) then
            reason := 'link_changed';
        end if;
    end if;

    -- What was signed outside comes before anything the database says of itself.
    if after_seq = 0 and outside_seq <= start.seq and (outside_head ->> 'at')::timestamptz > now() - interval '334 days' then
        -- Records are kept for twelve months and dropped by whole months: what was anchored in the last eleven must be there.
        reason := 'link_missing';
        bad_seq := 1;
        bad_record := null;
    elsif outside_seq between start.seq and page.last_seq and (bad_seq is null or outside_seq < bad_seq) then
        if outside_hash is distinct from coalesce(page.hash_outside, start.hash) then
            reason := 'head_differs';
            bad_seq := outside_seq;
            bad_record := null;
        end if;
    elsif reason is null and at_end and outside_seq > page.last_seq then
        reason := 'cut_tail';
        bad_seq := page.last_seq + 1;
    end if;

    -- The end of the chain: its head, and nothing of it left outside.
    if reason is null and at_end then
        if page.last_seq < coalesce(head.seq, 0) then
            reason := 'cut_tail';
            bad_seq := page.last_seq + 1;
        elsif page.last_seq > coalesce(head.seq, 0) then
            reason := 'head_behind';
            bad_seq := page.last_seq;
        elsif head.hash is distinct from (select l.hash from audit.links as l where l.chain_id = chain and l.seq = page.last_seq)
            and not exists (select from audit.segments as d where d.chain_id = chain and d.last_seq = head.seq and d.hash = head.hash)
            and page.last_seq > 0
        then
            reason := 'head_differs';
            bad_seq := page.last_seq;
        else
            select r.id, 'record_unlinked'
            into bad_record, reason
            from audit.records as r
            where r.chain_id = chain
              and not exists (select from audit.links as l where l.chain_id = chain and l.record_id = r.id)
            order by r.id
            limit 1;
        end if;
    end if;

    return jsonb_build_object(
        'checked', page.checked,
        'next_seq', case when reason is null and not at_end then page.last_seq end,
        'head', jsonb_build_object('seq', coalesce(head.seq, 0), 'hash', encode(coalesce(head.hash, audit.genesis(chain)), 'hex')),
        'erased', page.committed - contents.held,
        'bad', case when reason is not null then jsonb_build_object('seq', bad_seq, 'record_id', bad_record, 'reason', reason) end
    );
end
$$;
comment on function audit.verify(uuid, jsonb, bigint, integer) is
    'Checks one page of a chain: {checked, next_seq, head: {seq, hash}, erased, bad: {seq, record_id, reason}}. Call again with next_seq '
    'as after_seq until it is null. outside_head: {seq, hash in hex, at?} as an anchor shows it; the chain must hold just that, unless it '
    'lies in months that were dropped (and at, if given, is more than eleven months ago). erased counts committed fields whose value is gone.';

select audit.guard_everything();
