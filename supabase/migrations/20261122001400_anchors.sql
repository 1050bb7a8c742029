-- Anchors: once an hour the heads of the chains that moved are signed, with a key that is never in the database,
-- and sent outside: to a public page, to the operator's own sinks, and to each owner by mail. What a schema owner
-- could still do to the trail is found by whoever kept one of them. The format is src/lib/domain/audit/anchor.ts's.

------------------------------------------------------------------------------------------------------
-- Tables (audit.anchors and audit.anchor_heads stand beside the chains)
------------------------------------------------------------------------------------------------------

create table audit.signing_keys (
    id text primary key,
    public_key bytea not null,
    first_used_at timestamptz not null default clock_timestamp(),
    constraint key_is_named_by_its_thumbprint check (
        length(public_key) = 32
        and id = private.base64url(
            sha256(convert_to('{"crv":"Ed25519","kty":"OKP","x":"' || private.base64url(public_key) || '"}', 'UTF8'))
        )
    )
);
comment on table audit.signing_keys is 'The public keys that anchors were signed with, so that old ones can be checked when the key has changed. Append only.';
comment on column audit.signing_keys.id is 'RFC 7638 thumbprint of the key: a name that no other key can take.';

create table audit.anchor_deliveries (
    sink text not null,
    number bigint not null references audit.anchors,
    delivered_at timestamptz not null default clock_timestamp(),
    primary key (sink, number)
);
comment on table audit.anchor_deliveries is 'Which anchor has reached which place outside. Append only.';
comment on column audit.anchor_deliveries.sink is 'SHA-256 of the address, which itself may hold a token.';
create index anchor_deliveries_by_number on audit.anchor_deliveries (number);

create trigger keys_are_never_changed
    before update or delete on audit.signing_keys
    for each row execute function audit.refuse();
create trigger keys_are_never_truncated
    before truncate on audit.signing_keys
    for each statement execute function audit.refuse();
create trigger deliveries_are_never_changed
    before update or delete on audit.anchor_deliveries
    for each row execute function audit.refuse();
create trigger deliveries_are_never_truncated
    before truncate on audit.anchor_deliveries
    for each statement execute function audit.refuse();
alter table audit.signing_keys enable always trigger keys_are_never_changed;
alter table audit.signing_keys enable always trigger keys_are_never_truncated;
alter table audit.anchor_deliveries enable always trigger deliveries_are_never_changed;
alter table audit.anchor_deliveries enable always trigger deliveries_are_never_truncated;

------------------------------------------------------------------------------------------------------
-- The form of an anchor
------------------------------------------------------------------------------------------------------

create function audit.iso(moment timestamptz) returns text
    language sql
    stable parallel safe
    set search_path = ''
as $$
    select to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;
comment on function audit.iso(timestamptz) is 'A moment as an anchor names it: ISO 8601, UTC, to the millisecond.';

create function audit.anchor_statement(anchor audit.anchors) returns text
    language sql
    stable parallel safe
    set search_path = ''
as $$
    select to_jsonb(array[
        'tf-anchor-1',
        anchor.number::text,
        audit.iso(anchor.at),
        encode(anchor.previous, 'hex'),
        encode(anchor.root, 'hex'),
        anchor.size::text,
        anchor.key_id
    ])::text
$$;
comment on function audit.anchor_statement(audit.anchors) is 'What was signed, in the canonical form of audit.canonical().';

create function audit.signed_statement(anchor audit.anchors) returns jsonb
    language sql
    stable parallel safe
    set search_path = ''
as $$
    select jsonb_build_object(
        'format', 'tf-anchor-1',
        'number', anchor.number,
        'at', audit.iso(anchor.at),
        'previous', encode(anchor.previous, 'hex'),
        'root', encode(anchor.root, 'hex'),
        'size', anchor.size,
        'key', anchor.key_id,
        'signature', private.base64url(anchor.signature)
    )
$$;
comment on function audit.signed_statement(audit.anchors) is
    'An anchor without the heads below it: what anybody may know. It names no account.';

create function audit.anchor_file(chain uuid, number bigint default null) returns jsonb
    language sql
    stable
    set search_path = ''
as $$
    select audit.signed_statement(a) || jsonb_build_object(
        'head', jsonb_build_object('chain_id', h.chain_id, 'seq', h.seq, 'hash', encode(h.hash, 'hex')),
        'path', coalesce((select jsonb_agg(encode(step, 'hex') order by place) from unnest(h.path) with ordinality as p (step, place)), '[]'),
        'index', h.index
    )
    from audit.anchor_heads as h
    join audit.anchors as a on a.number = h.number
    where h.chain_id = anchor_file.chain
      and (anchor_file.number is null or h.number = anchor_file.number)
    order by h.number desc
    limit 1
$$;
comment on function audit.anchor_file(uuid, bigint) is
    'The anchor file of a chain, for its owner to keep: signed statement, the chain''s head and the path between them. The newest, '
    'unless a number is given; null when there is none.';

------------------------------------------------------------------------------------------------------
-- Making one: function audit-anchor asks what moved, signs, and stores
------------------------------------------------------------------------------------------------------

create function service.moved_heads(limit_rows integer) returns jsonb
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    newest audit.anchors;
begin
    select * into newest from audit.anchors as a order by a.number desc limit 1;
    return jsonb_build_object(
        'number', coalesce(newest.number, 0) + 1,
        'at', audit.iso(clock_timestamp()),
        'previous', case
            when newest.number is null then repeat('0', 64)
            else encode(newest.statement_hash, 'hex')
        end,
        'heads', (
            select coalesce(
                jsonb_agg(jsonb_build_object('chain_id', m.chain_id, 'seq', m.seq, 'hash', encode(m.hash, 'hex')) order by m.chain_id),
                '[]'
            )
            from (
                select h.chain_id, h.seq, h.hash
                from audit.heads as h
                left join lateral (
                    select a.seq, a.number
                    from audit.anchor_heads as a
                    where a.chain_id = h.chain_id
                    order by a.number desc
                    limit 1
                ) as anchored on true
                where h.seq > coalesce(anchored.seq, 0)
                -- Whoever waited longest comes first, when there are more than one anchor holds.
                order by anchored.number nulls first, h.chain_id
                limit least(limit_rows, 1000)
            ) as m
        )
    );
end
$$;
comment on function service.moved_heads(integer) is
    'What the next anchor is to state: {number, at, previous, heads: [{chain_id, seq, hash}] by chain_id}; at most 1,000 heads.';
grant execute on function service.moved_heads(integer) to service_role;

create function service.store_anchor(anchor jsonb, public_key text) returns boolean
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    newest audit.anchors;
    fresh audit.anchors;
    heads integer;
begin
    fresh.number := (anchor ->> 'number')::bigint;
    fresh.at := (anchor ->> 'at')::timestamptz;
    fresh.previous := decode(anchor ->> 'previous', 'hex');
    fresh.root := decode(anchor ->> 'root', 'hex');
    fresh.size := jsonb_array_length(anchor -> 'heads');
    fresh.key_id := anchor ->> 'key';
    fresh.signature := private.from_base64url(anchor ->> 'signature');

    -- Of two runs at once, the second finds the number taken, stores nothing and looks again what moved.
    select * into newest from audit.anchors as a order by a.number desc limit 1;
    if fresh.number <> coalesce(newest.number, 0) + 1 then
        return false;
    end if;
    if newest.number is not null and fresh.previous <> newest.statement_hash then
        perform private.fail('anchor_not_valid', 'The anchor does not continue the one before it.');
    end if;

    insert into audit.signing_keys (id, public_key)
    values (fresh.key_id, private.from_base64url(store_anchor.public_key))
    on conflict (id) do nothing;
    fresh.statement_hash := sha256(convert_to(audit.anchor_statement(fresh), 'UTF8'));
    insert into audit.anchors
    values (fresh.*)
    on conflict (number) do nothing;
    if not found then
        return false;
    end if;

    -- Only what the chains really hold, each once, in the order of the tree.
    insert into audit.anchor_heads (number, index, chain_id, seq, hash, path)
    select
        fresh.number, given.place - 1, l.chain_id, l.seq, l.hash,
        array(select decode(step, 'hex') from jsonb_array_elements_text(given.head -> 'path') with ordinality as p (step, n) order by n)
    from jsonb_array_elements(anchor -> 'heads') with ordinality as given (head, place)
    join audit.links as l
        on l.chain_id = (given.head ->> 'chain_id')::uuid
       and l.seq = (given.head ->> 'seq')::bigint
       and l.hash = decode(given.head ->> 'hash', 'hex');
    get diagnostics heads = row_count;
    if heads <> fresh.size or heads = 0 then
        perform private.fail('anchor_not_valid', 'The anchor states a head that no chain has.');
    end if;
    return true;
end
$$;
comment on function service.store_anchor(jsonb, text) is
    'Stores a signed anchor {number, at, previous, root, key, signature, heads: [{chain_id, seq, hash, path}]}. False when another run '
    'was first; anchor_not_valid when it doesn''t continue the last one or states a head that no chain has.';
grant execute on function service.store_anchor(jsonb, text) to service_role;

------------------------------------------------------------------------------------------------------
-- Sending it outside
------------------------------------------------------------------------------------------------------

create function service.anchors_to_deliver(sink text, limit_rows integer) returns setof jsonb
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    return query
        select audit.signed_statement(a) || jsonb_build_object(
            'heads', (
                select jsonb_agg(jsonb_build_object('chain_id', h.chain_id, 'seq', h.seq, 'hash', encode(h.hash, 'hex')) order by h.index)
                from audit.anchor_heads as h
                where h.number = a.number
            )
        )
        from audit.anchors as a
        where not exists (
            select
            from audit.anchor_deliveries as d
            where d.sink = anchors_to_deliver.sink
              and d.number = a.number
        )
        order by a.number
        limit least(limit_rows, 100);
end
$$;
comment on function service.anchors_to_deliver(text, integer) is
    'Anchors that a sink doesn''t have yet, the oldest first, each with all its heads. A new sink gets all there ever were.';
grant execute on function service.anchors_to_deliver(text, integer) to service_role;

create function service.anchor_delivered(sink text, number bigint) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    insert into audit.anchor_deliveries (sink, number)
    values (anchor_delivered.sink, anchor_delivered.number)
    on conflict on constraint anchor_deliveries_pkey do nothing;
end
$$;
comment on function service.anchor_delivered(text, bigint) is 'Notes that a sink has taken an anchor.';
grant execute on function service.anchor_delivered(text, bigint) to service_role;

create function private.queue_anchor_digests() returns void
    language plpgsql
    set search_path = ''
as $$
begin
    insert into mail.outbox (account_id, dedupe_key, template, to_address, data, has_secret)
    select
        a.id,
        'anchor_digest:' || a.id || ':' || m.user_id || ':' || to_char(now(), 'IYYY-IW'),
        'anchor_digest',
        lower(u.email),
        jsonb_build_object('business_name', a.name, 'anchor', audit.anchor_file(a.id)),
        false
    from public.accounts as a
    join public.roles as r on r.account_id = a.id and r.key = 'owner'
    join public.members as m on m.account_id = a.id and m.role_id = r.id and m.removed_at is null
    join auth.users as u on u.id = m.user_id and u.email is not null
    cross join lateral (
        select (o.data -> 'anchor' -> 'head' ->> 'seq')::bigint as seq
        from mail.outbox as o
        where o.account_id = a.id
          and o.template = 'anchor_digest'
        union all
        select 0
        order by seq desc
        limit 1
    ) as told
    where exists (
        -- That the last digest was sent is a record too, and no news.
        select
        from audit.anchor_heads as h
        join audit.links as l on l.chain_id = h.chain_id and l.seq > told.seq and l.seq <= h.seq
        join audit.records as d on d.id = l.record_id
        where h.chain_id = a.id
          and h.seq > told.seq
          and d.entity <> 'message'
    )
    on conflict on constraint message_is_queued_once do nothing;
end
$$;
comment on function private.queue_anchor_digests() is
    'Queues the week''s anchor for each owner of an account with news since the last one. Once a week, however often it runs.';

------------------------------------------------------------------------------------------------------
-- By the clock
------------------------------------------------------------------------------------------------------

insert into private.schedules (name, schedule, command, reason)
values
    (
        'audit-anchor', '7 * * * *', $$select private.kick('audit-anchor')$$,
        'Signs the heads of the audit chains and sends them outside. What came after the last one can''t be claimed.'
    ),
    (
        'anchor-digest', '40 5 * * *', $$select private.queue_anchor_digests()$$,
        'Each owner keeps their own anchor: a mail a week. Runs daily, so that a missed day does no harm.'
    );
select cron.schedule(s.name, s.schedule, s.command)
from private.schedules as s
where s.name in ('audit-anchor', 'anchor-digest');

------------------------------------------------------------------------------------------------------
-- Reading: an owner their own, anybody the statements
------------------------------------------------------------------------------------------------------

create function private.audit_anchor(for_account uuid, for_number bigint, for_person uuid) returns jsonb
    language plpgsql
    stable security definer
    set search_path = ''
as $$
begin
    perform private.require(for_account, 'audit.read');
    if for_person is not null and not exists (
        select
        from public.members as m
        where m.account_id = for_account
          and m.user_id = for_person
          and m.removed_at is null
    ) then
        return null;
    end if;
    return audit.anchor_file(coalesce(for_person, for_account), for_number);
end
$$;
comment on function private.audit_anchor(uuid, bigint, uuid) is 'See public.audit_anchor.';
grant execute on function private.audit_anchor(uuid, bigint, uuid) to authenticated;

create function public.audit_anchor(account_id uuid, number bigint default null, person_id uuid default null) returns jsonb
    language sql
    stable
    set search_path = ''
as $$
    select private.audit_anchor(account_id, number, person_id)
$$;
comment on function public.audit_anchor(uuid, bigint, uuid) is
    'The anchor file of an account''s chain, or of a member''s own: the newest, or the one with that number. Null when there is none.';
grant execute on function public.audit_anchor(uuid, bigint, uuid) to authenticated;

create function private.audit_anchors(before_number bigint, page_size integer) returns jsonb
    language plpgsql
    stable security definer
    set search_path = ''
as $$
declare
    page jsonb;
begin
    select coalesce(jsonb_agg(newest.statement order by newest.number desc), '[]')
    into page
    from (
        select a.number, audit.signed_statement(a) as statement
        from audit.anchors as a
        where before_number is null or a.number < before_number
        order by a.number desc
        limit least(greatest(coalesce(page_size, 100), 1), 500)
    ) as newest;
    return jsonb_build_object(
        'anchors', page,
        'before', case when (page -> -1 ->> 'number')::bigint > 1 then page -> -1 -> 'number' end,
        'keys', (
            select coalesce(
                jsonb_agg(
                    jsonb_build_object(
                        'kty', 'OKP', 'crv', 'Ed25519', 'x', private.base64url(k.public_key), 'kid', k.id,
                        'alg', 'EdDSA', 'use', 'sig', 'first_used_at', audit.iso(k.first_used_at)
                    )
                    order by k.first_used_at
                ),
                '[]'
            )
            from audit.signing_keys as k
        )
    );
end
$$;
comment on function private.audit_anchors(bigint, integer) is 'See public.audit_anchors.';
grant execute on function private.audit_anchors(bigint, integer) to anon, authenticated;

create function public.audit_anchors(before_number bigint default null, page_size integer default 100) returns jsonb
    language sql
    stable
    set search_path = ''
as $$
    select private.audit_anchors(before_number, page_size)
$$;
comment on function public.audit_anchors(bigint, integer) is
    'What anybody may know of the anchors: {anchors: signed statements, newest first; before: where the next page begins, or null; '
    'keys: the public keys as JWKs}. It names no account.';
grant execute on function public.audit_anchors(bigint, integer) to anon, authenticated;

select audit.guard_everything();
