-- Checking a chain: the database does it here, page by page; whoever holds an export does it without a database, in the
-- same order and with the same codes (src/lib/domain/audit/verify.ts).

create function audit.judge(chain uuid, from_seq bigint, from_hash bytea, page_size integer)
    returns table (seq bigint, record_id bigint, hash bytea, computed bytea, digest bytea, committed integer, held integer, reason text)
    language sql
    stable
    set search_path = ''
as $$
    with page as materialized (
        select l.seq, l.record_id, l.hash
        from audit.links as l
        where l.chain_id = chain
          and l.seq > from_seq
        order by l.seq
        limit page_size
    ),
    -- A value is right when the record commits to its name with just its HMAC.
    values_of as materialized (
        select
            one.seq,
            count(*)::integer as held,
            count(*) filter (where strpos(
                one.commitments,
                ' ' || (one.field).key || ':' || encode(
                    extensions.hmac(convert_to((one.field).value ->> 1, 'UTF8'), decode((one.field).value ->> 0, 'hex'), 'sha256'), 'hex'
                ) || ' '
            ) > 0)::integer as right_ones
        from (
            select p.seq, ' ' || r.commitments || ' ' as commitments, jsonb_each(v.fields) as field
            from page as p
            join audit.records as r on r.id = p.record_id
            join audit.field_values as v on v.record_id = p.record_id
            offset 0
        ) as one
        group by one.seq
    ),
    -- As audit.canonical() writes it. Said once more here, because to call a function for each of a million records costs
    -- more than all the rest; a test holds the two together.
    hashed as materialized (
        select
            p.seq, p.record_id, p.hash, r.id, r.chain_id,
            sha256(convert_to(to_jsonb(array[
                'tf-audit-1',
                r.chain_kind,
                r.chain_id::text,
                r.id::text,
                (extract(epoch from r.recorded_at) * 1000000)::bigint::text,
                (extract(epoch from r.happened_at) * 1000000)::bigint::text,
                r.transaction_id::text,
                r.actor_kind,
                r.actor_id::text,
                r.session_id::text,
                r.via,
                r.trusted::text,
                r.request_id,
                r.action,
                r.result,
                r.entity,
                r.entity_id::text,
                r.subject,
                r.subject_id::text,
                r.is_detail::text,
                r.commitments
            ])::text, 'UTF8')) as digest,
            length(r.commitments) - length(replace(r.commitments, ':', '')) as committed,
            coalesce(v.held, 0) as held,
            coalesce(v.right_ones, 0) as right_ones
        from page as p
        left join audit.records as r on r.id = p.record_id
        left join values_of as v on v.seq = p.seq
    ),
    chained as (
        select
            h.*,
            lag(h.seq, 1, from_seq) over in_order + 1 as expected,
            sha256(lag(h.hash, 1, from_hash) over in_order || int8send(h.seq) || h.digest) as computed
        from hashed as h
        window in_order as (order by h.seq)
    )
    select
        c.seq, c.record_id, c.hash, c.computed, c.digest, c.committed, c.held,
        case
            when c.seq <> c.expected then 'link_missing'
            when c.id is null then 'record_missing'
            when c.chain_id <> chain or c.computed <> c.hash then 'record_changed'
            when c.right_ones <> c.held then 'value_changed'
        end
    from chained as c
$$;
comment on function audit.judge(uuid, bigint, bytea, integer) is
    'A page of a chain, each link with the hash that it should have and what is wrong with it, if anything.';

create function audit.verify(
    chain uuid,
    outside_head jsonb default null,
    after_seq bigint default 0,
    page_size integer default 10000
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
        select 0::bigint as seq, audit.genesis(chain) as hash
        union all
        select d.last_seq, d.hash from audit.segments as d where d.chain_id = chain
        union all
        select l.seq, l.hash from audit.links as l where l.chain_id = chain and l.seq = after_seq
    ) as s
    order by s.seq desc
    limit 1;

    select
        count(*) as checked,
        coalesce(max(j.seq), start.seq) as last_seq,
        coalesce(sum(j.committed - j.held), 0) as erased,
        (array_agg(j.hash order by j.seq desc) filter (where j.seq = outside_seq))[1] as hash_outside,
        min(j.seq) filter (where j.reason is not null) as bad_seq
    into page
    from audit.judge(chain, start.seq, start.hash, page_size) as j;
    at_end := page.checked < page_size;

    -- The first that is bad. Where the next link follows on the hash that should stand here, only the hash was changed.
    if page.bad_seq is not null then
        select
            j.seq, j.record_id, j.reason, j.computed, j.hash,
            lead(j.hash) over in_order as next_hash,
            sha256(j.computed || int8send(lead(j.seq) over in_order) || lead(j.digest) over in_order) as next_computed
        into first_bad
        from audit.judge(chain, start.seq, start.hash, (page.bad_seq - start.seq + 1)::integer) as j
        where j.seq >= page.bad_seq
        window in_order as (order by j.seq)
        order by j.seq
        limit 1;
        bad_record := first_bad.record_id;
        reason := case
            when first_bad.reason = 'record_changed' and first_bad.computed <> first_bad.hash and (
                first_bad.next_hash = first_bad.next_computed
                or (outside_seq = first_bad.seq and outside_hash = first_bad.computed)
            ) then 'link_changed'
            else first_bad.reason
        end;
        -- Of links that are missing, the first.
        if reason = 'link_missing' then
            bad_record := null;
            bad_seq := coalesce(
                (select max(l.seq) from audit.links as l where l.chain_id = chain and l.seq < first_bad.seq), start.seq
            ) + 1;
        else
            bad_seq := first_bad.seq;
        end if;
    end if;

    -- What was signed outside comes before anything the database says of itself.
    if outside_seq between start.seq and page.last_seq and (bad_seq is null or outside_seq < bad_seq) then
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
        'erased', page.erased,
        'bad', case when reason is not null then jsonb_build_object('seq', bad_seq, 'record_id', bad_record, 'reason', reason) end
    );
end
$$;
comment on function audit.verify(uuid, jsonb, bigint, integer) is
    'Checks one page of a chain: {checked, next_seq, head: {seq, hash}, erased, bad: {seq, record_id, reason}}. Call again with next_seq '
    'as after_seq until it is null. outside_head: {seq, hash in hex} as an anchor shows it; the chain must hold just that, unless it '
    'lies in months that were dropped. erased counts committed fields whose value is gone.';

select audit.guard_everything();
