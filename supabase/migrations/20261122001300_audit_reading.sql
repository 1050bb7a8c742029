-- Reading the audit trail: the story page by page, searched by who, what, which thing, when and what became of
-- it; the lists that its filter offers; checking the chain; and the export. What a page costs does not grow with
-- the trail: every way of asking ends in a few steps along an index, and nothing is ever counted.

------------------------------------------------------------------------------------------------------
-- Indexes
------------------------------------------------------------------------------------------------------

-- None is partial: its condition would be prepared anew with every insert, which costs more than a longer index.
create index records_in_story on audit.records (chain_id, is_detail, result, happened_at, id);
create index records_by_subject on audit.records (chain_id, subject_id, happened_at, id);
create index records_by_action on audit.records (chain_id, actor_kind, action, happened_at, id);
create index records_by_person on audit.records (chain_id, actor_id, action, happened_at, id);
comment on index audit.records_by_action is
    'Also the list of what was ever done in a chain: it is walked from action to action, never through the records.';

------------------------------------------------------------------------------------------------------
-- Which chains, which actions, which things
------------------------------------------------------------------------------------------------------

create function private.audit_chains(for_account uuid, out chain_id uuid, out from_at timestamptz, out until_at timestamptz)
    returns setof record
    language sql
    stable
    set search_path = ''
as $$
    select for_account, timestamptz '-infinity', timestamptz 'infinity'
    union all
    -- A person's sign-ins are the business of an account's owners while the person belongs to it.
    select m.user_id, m.created_at, coalesce(m.removed_at, timestamptz 'infinity')
    from public.members as m
    where m.account_id = for_account
$$;
comment on function private.audit_chains(uuid) is
    'The chains that an account''s trail tells: its own, and each member''s sign-ins from joining to leaving.';

create function private.audit_actions(chain uuid, out actor_kind text, out action text, out is_detail boolean)
    returns setof record
    language sql
    stable
    set search_path = ''
as $$
    -- A loose index scan: one step an action, however many records it has. An action is a detail always or never.
    with recursive walked as (
        (
            select r.actor_kind, r.action, r.is_detail
            from audit.records as r
            where r.chain_id = chain
            order by r.actor_kind, r.action
            limit 1
        )
        union all
        select following.actor_kind, following.action, following.is_detail
        from walked
        cross join lateral (
            select r.actor_kind, r.action, r.is_detail
            from audit.records as r
            where r.chain_id = chain
              and (r.actor_kind, r.action) > (walked.actor_kind, walked.action)
            order by r.actor_kind, r.action
            limit 1
        ) as following
    )
    select w.actor_kind, w.action, w.is_detail
    from walked as w
$$;
comment on function private.audit_actions(uuid) is 'Every action there ever was in a chain, by kind of actor.';

create function private.audit_things(for_account uuid, words text) returns uuid[]
    language plpgsql
    stable
    set search_path = ''
as $$
declare
    wanted text := lower(private.clean(words));
    clients uuid[];
begin
    if private.as_uuid(wanted) is not null then
        return array[wanted::uuid];
    end if;
    clients := array(
        select c.id
        from public.customers as c
        where c.account_id = for_account
          and strpos(lower(c.name), wanted) > 0
        order by c.id desc
        limit 100
    );
    return array(
        select named.id
        from (
            select unnest(clients) as id
            union all
            (
                select j.id
                from public.jobs as j
                where j.account_id = for_account
                  and (strpos(lower(j.title), wanted) > 0 or j.customer_id = any (clients))
                order by j.id desc
                limit 100
            )
            union all
            (
                select i.id
                from public.invoices as i
                where i.account_id = for_account
                  and (strpos(lower(i.reference), wanted) > 0 or i.customer_id = any (clients))
                order by i.id desc
                limit 100
            )
            union all
            select m.id
            from public.members as m
            where m.account_id = for_account
              and strpos(lower(m.display_name), wanted) > 0
        ) as named
    );
end
$$;
comment on function private.audit_things(uuid, text) is
    'What carries these words in its name: customers with their jobs and invoices, jobs, invoices by number, members. An id '
    'stands for itself. The newest hundred of each.';

------------------------------------------------------------------------------------------------------
-- A page of the trail
------------------------------------------------------------------------------------------------------

create function private.audit_found(
    for_account uuid, entity text, entity_id uuid, actor text, actions text[], result text, since date, until date,
    words text, before text, after text, page_size integer
) returns bigint[]
    language plpgsql
    stable
    set search_path = ''
as $$
declare
    person uuid := private.as_uuid(actor);
    things uuid[];
    named_people uuid[] := '{}';
    low record;
    high record;
    source text;
    direction text := case when after is not null and before is null then 'asc' else 'desc' end;
    ids bigint[];
begin
    if entity_id is not null then
        things := array[entity_id];
    elsif private.clean(words) is not null then
        things := private.audit_things(for_account, words);
        named_people := array(
            select m.user_id
            from public.members as m
            where m.account_id = for_account
              and strpos(lower(m.display_name), lower(private.clean(words))) > 0
        );
    end if;

    -- Places are (time, id); a day begins before its first record, and a cursor is a place that is left out.
    select at, id
    into low
    from (
        values
            (timestamptz '-infinity', 0::bigint),
            (since::timestamp at time zone 'Europe/London', 0),
            (private.audit_place(after), split_part(after, '.', 2)::bigint)
    ) as place (at, id)
    where at is not null
    order by at desc, id desc
    limit 1;
    select at, id
    into high
    from (
        values
            (timestamptz 'infinity', 0::bigint),
            ((until + 1)::timestamp at time zone 'Europe/London', 0),
            (private.audit_place(before), split_part(before, '.', 2)::bigint)
    ) as place (at, id)
    where at is not null
    order by at, id
    limit 1;

    -- The narrowest way in comes first; whatever else was asked for is looked at along it.
    source := case
        when things is not null then $source$
            select near.happened_at, near.id
            from unnest($2) as thing
            cross join lateral (
                select r.happened_at, r.id
                from audit.records as r
                where r.chain_id = $1 and r.subject_id = thing and ($3 is null or r.subject = $3)
                  and ($4 is null or (r.actor_kind = 'person' and r.actor_id = $4))
                  and ($5 is null or r.actor_kind = $5)
                  and ($6 is null or r.action = any ($6))
                  and ($3 is not null or $6 is not null or not r.is_detail)
                  and %2$s
            ) as near
            union
            select near.happened_at, near.id
            from unnest($11) as person
            cross join private.audit_chains($1) as c
            cross join private.audit_actions(c.chain_id) as known
            cross join lateral (
                select r.happened_at, r.id
                from audit.records as r
                where r.chain_id = c.chain_id and r.actor_kind = 'person' and r.actor_id = person and r.action = known.action
                  and ($4 is null or person = $4)
                  and ($5 is null or $5 = 'person')
                  and r.happened_at >= c.from_at and r.happened_at < c.until_at
                  and %2$s
            ) as near
            where known.actor_kind = 'person'
              and case when $6 is null then not known.is_detail else known.action = any ($6) end
        $source$
        when result in ('refused', 'failed') then $source$
            select near.happened_at, near.id
            from private.audit_chains($1) as c
            cross join unnest(array[false, true]) as detail
            cross join lateral (
                select r.happened_at, r.id
                from audit.records as r
                where r.chain_id = c.chain_id and r.is_detail = detail and r.result = $7
                  and ($4 is null or (r.actor_kind = 'person' and r.actor_id = $4))
                  and ($5 is null or r.actor_kind = $5)
                  and ($6 is null or r.action = any ($6))
                  and r.happened_at >= c.from_at and r.happened_at < c.until_at
                  and %2$s
            ) as near
        $source$
        when person is not null then $source$
            select near.happened_at, near.id
            from private.audit_chains($1) as c
            cross join private.audit_actions(c.chain_id) as known
            cross join lateral (
                select r.happened_at, r.id
                from audit.records as r
                where r.chain_id = c.chain_id and r.actor_kind = 'person' and r.actor_id = $4 and r.action = known.action
                  and r.happened_at >= c.from_at and r.happened_at < c.until_at
                  and %2$s
            ) as near
            where c.chain_id in ($1, $4)
              and known.actor_kind = 'person'
              and case when $6 is null then not known.is_detail else known.action = any ($6) end
        $source$
        when actor is not null or actions is not null then $source$
            select near.happened_at, near.id
            from private.audit_chains($1) as c
            cross join private.audit_actions(c.chain_id) as known
            cross join lateral (
                select r.happened_at, r.id
                from audit.records as r
                where r.chain_id = c.chain_id and r.actor_kind = known.actor_kind and r.action = known.action
                  and r.happened_at >= c.from_at and r.happened_at < c.until_at
                  and %2$s
            ) as near
            where ($5 is null or known.actor_kind = $5)
              and case when $6 is null then not known.is_detail else known.action = any ($6) end
        $source$
        else $source$
            select near.happened_at, near.id
            from private.audit_chains($1) as c
            cross join unnest(array['ok', 'refused', 'failed']) as outcome
            cross join lateral (
                select r.happened_at, r.id
                from audit.records as r
                where r.chain_id = c.chain_id and not r.is_detail and r.result = outcome
                  and r.happened_at >= c.from_at and r.happened_at < c.until_at
                  and %2$s
            ) as near
        $source$
    end;

    execute format(
        'select array_agg(page.id) from ('
        || 'select candidate.id from (' || source || ') as candidate '
        || 'order by candidate.happened_at %1$s, candidate.id %1$s limit $12) as page',
        direction,
        format(
            '($7 is null or r.result = $7) '
            'and (r.happened_at, r.id) > ($8, $9) and (r.happened_at, r.id) < ($10, $13) '
            'order by r.happened_at %1$s, r.id %1$s limit $12',
            direction
        )
    )
    into ids
    using
        for_account, things, case when entity_id is not null then entity end, person, case when person is null then actor end,
        actions, result, low.at, low.id, high.at, named_people, least(greatest(coalesce(page_size, 50), 1), 201), high.id;
    return coalesce(ids, '{}');
end
$$;
comment on function private.audit_found(uuid, text, uuid, text, text[], text, date, date, text, text, text, integer) is
    'The ids of a page. Each way in takes at most a page from each of a few ranges of an index and keeps the nearest.';

create function private.audit_place(cursor text) returns timestamptz
    language sql
    immutable
    set search_path = ''
as $$
    select timestamptz 'epoch' + split_part(audit_place.cursor, '.', 1)::bigint * interval '1 microsecond'
$$;
comment on function private.audit_place(text) is 'The moment of a place in the trail, which is written microseconds.id.';

create function private.audit_trail(
    for_account uuid, entity text, entity_id uuid, actor text, actions text[], result text, since date, until date,
    words text, before text, after text, page_size integer
) returns json
    language plpgsql
    stable security definer
    set search_path = ''
as $$
declare
    ids bigint[];
begin
    perform private.require(for_account, 'audit.read');
    if concat_ws('', before, after) !~ '^(\d{1,17}\.\d{1,19}){0,2}$' then
        perform private.fail('validation_failed', 'That is no place in the trail.', 'before');
    end if;
    ids := private.audit_found(
        for_account, entity, entity_id, actor, actions, result, since, until, words, before, after, page_size
    );
    return (
        with page as materialized (
            select r.*, v.fields, told.before, told.after
            from audit.records as r
            left join audit.field_values as v on v.record_id = r.id
            cross join lateral (
                select
                    jsonb_object_agg(f.key, f.pair -> 0) filter (where r.action not like '%.created') as before,
                    jsonb_object_agg(f.key, f.pair -> 1) filter (where r.action not like '%.deleted') as after
                from (
                    select field.key, (field.value ->> 1)::jsonb as pair
                    from jsonb_each(v.fields) as field
                    where field.key not like '@%'
                ) as f
            ) as told
            where r.id = any (ids)
        ),
        -- What the ids among the values are called today, found for the whole page at once.
        mentioned as materialized (
            select distinct p.id as record_id, private.as_uuid(field.value) as id
            from page as p
            cross join lateral (
                select * from jsonb_each_text(p.before) union all select * from jsonb_each_text(p.after)
            ) as field
            where field.key in ('role_id', 'customer_id', 'job_id', 'user_id', 'site_id')
        ),
        named as (
            select m.record_id, jsonb_object_agg(called.id, called.name) as names
            from mentioned as m
            join (
                select o.id, o.name from public.roles as o
                where o.account_id = for_account and o.id in (select id from mentioned)
                union all
                select o.id, o.name from public.customers as o
                where o.account_id = for_account and o.id in (select id from mentioned)
                union all
                select o.id, o.title from public.jobs as o
                where o.account_id = for_account and o.id in (select id from mentioned)
                union all
                select o.id, o.address_line_1 from public.sites as o
                where o.account_id = for_account and o.id in (select id from mentioned)
                union all
                -- All of its people, who are few.
                select o.user_id, o.display_name from public.members as o
                where o.account_id = for_account
            ) as called on called.id = m.id and called.name is not null
            group by m.record_id
        )
        select coalesce(
            json_agg(
                json_build_object(
                    'id', p.id,
                    'cursor', (extract(epoch from p.happened_at) * 1000000)::bigint || '.' || p.id,
                    'seq', l.seq,
                    'hash', encode(l.hash, 'hex'),
                    'chain_kind', p.chain_kind,
                    'at', p.happened_at,
                    'recorded_at', p.recorded_at,
                    'action', p.action,
                    'result', p.result,
                    'entity', p.entity,
                    'entity_id', p.entity_id,
                    'subject', p.subject,
                    'subject_id', p.subject_id,
                    'subject_name', coalesce(j.title, i.reference, c.name, m.display_name, photographed.title),
                    'before', p.before,
                    'after', p.after,
                    'detail', (p.fields -> '@detail' ->> 1)::jsonb,
                    'names', coalesce(n.names, '{}'),
                    'erased', (
                        select coalesce(jsonb_agg(split_part(committed, ':', 1)), '[]')
                        from string_to_table(nullif(p.commitments, ''), ' ') as committed
                        where not coalesce(p.fields, '{}') ? split_part(committed, ':', 1)
                    ),
                    'commitments', p.commitments,
                    'actor_kind', p.actor_kind,
                    'actor_id', p.actor_id,
                    'actor_name', coalesce((p.fields -> '@actor' ->> 1)::jsonb ->> 0, actor_of.display_name),
                    'session_id', p.session_id,
                    'via', p.via,
                    'ip', (p.fields -> '@from' ->> 1)::jsonb ->> 0,
                    'user_agent', (p.fields -> '@from' ->> 1)::jsonb ->> 1,
                    'trusted', p.trusted,
                    'request_id', p.request_id
                )
                order by p.happened_at desc, p.id desc
            ),
            '[]'::json
        )
        from page as p
        left join named as n on n.record_id = p.id
        left join audit.links as l on l.record_id = p.id
        left join public.members as actor_of
            on p.actor_kind = 'person' and actor_of.account_id = for_account and actor_of.user_id = p.actor_id
        left join public.members as m on p.subject = 'member' and m.account_id = for_account and m.id = p.subject_id
        left join public.jobs as j on p.subject = 'job' and j.account_id = for_account and j.id = p.subject_id
        left join public.invoices as i on p.subject = 'invoice' and i.account_id = for_account and i.id = p.subject_id
        left join public.customers as c on p.subject = 'customer' and c.account_id = for_account and c.id = p.subject_id
        left join public.documents as d on p.subject = 'document' and d.account_id = for_account and d.id = p.subject_id
        left join public.jobs as photographed on photographed.account_id = for_account and photographed.id = d.job_id
    );
end
$$;
comment on function private.audit_trail(uuid, text, uuid, text, text[], text, date, date, text, text, text, integer) is 'See public.audit_trail.';
grant execute on function private.audit_trail(uuid, text, uuid, text, text[], text, date, date, text, text, text, integer) to authenticated;

create function public.audit_trail(
    account_id uuid,
    entity text default null,
    entity_id uuid default null,
    actor text default null,
    actions text[] default null,
    result text default null,
    since date default null,
    until date default null,
    words text default null,
    before text default null,
    after text default null,
    page_size integer default 50
) returns json
    language sql
    stable
    set search_path = ''
as $$
    select private.audit_trail(account_id, entity, entity_id, actor, actions, result, since, until, words, before, after, page_size)
$$;
comment on function public.audit_trail(uuid, text, uuid, text, text[], text, date, date, text, text, text, integer) is
    'A page of the account''s audit trail, newest first, with its members'' sign-ins. entity and entity_id: one thing with its '
    'parts. actor: a person''s id or a kind of actor. since and until: days in London. words: part of a name, or an id. before '
    'and after: the cursor of a record, for the page older or newer than it. At most 201 a page. Needs audit.read.';
grant execute on function public.audit_trail(uuid, text, uuid, text, text[], text, date, date, text, text, text, integer) to authenticated;

------------------------------------------------------------------------------------------------------
-- What the filter offers
------------------------------------------------------------------------------------------------------

create function private.audit_choices(for_account uuid) returns jsonb
    language plpgsql
    stable security definer
    set search_path = ''
as $$
begin
    perform private.require(for_account, 'audit.read');
    return (
        with known as materialized (
            select distinct k.actor_kind, k.action
            from private.audit_chains(for_account) as c
            cross join private.audit_actions(c.chain_id) as k
        )
        select jsonb_build_object(
            'people', (
                select coalesce(jsonb_agg(
                    jsonb_build_object('id', m.user_id, 'name', m.display_name, 'has_left', m.removed_at is not null)
                    order by m.removed_at is not null, lower(m.display_name)
                ), '[]')
                from public.members as m
                where m.account_id = for_account
            ),
            'kinds', (select coalesce(jsonb_agg(distinct k.actor_kind), '[]') from known as k where k.actor_kind <> 'person'),
            'actions', (select coalesce(jsonb_agg(distinct k.action), '[]') from known as k)
        )
    );
end
$$;
comment on function private.audit_choices(uuid) is 'See public.audit_choices.';
grant execute on function private.audit_choices(uuid) to authenticated;

create function public.audit_choices(account_id uuid) returns jsonb
    language sql
    stable
    set search_path = ''
as $$
    select private.audit_choices(account_id)
$$;
comment on function public.audit_choices(uuid) is
    'What the filter of the trail offers: {people: [{id, name, has_left}], kinds: other actors that ever acted, actions: what was '
    'ever done}. Takes no longer on a long trail. Needs audit.read.';
grant execute on function public.audit_choices(uuid) to authenticated;

------------------------------------------------------------------------------------------------------
-- Checking the chain
------------------------------------------------------------------------------------------------------

create function private.audit_head(for_account uuid) returns jsonb
    language plpgsql
    stable security definer
    set search_path = ''
as $$
begin
    perform private.require(for_account, 'audit.read');
    return coalesce(
        (
            select jsonb_build_object('seq', h.seq, 'hash', encode(h.hash, 'hex'))
            from audit.heads as h
            where h.chain_id = for_account
        ),
        jsonb_build_object('seq', 0, 'hash', encode(audit.genesis(for_account), 'hex'))
    );
end
$$;
comment on function private.audit_head(uuid) is 'See public.audit_head.';
grant execute on function private.audit_head(uuid) to authenticated;

create function public.audit_head(account_id uuid) returns jsonb
    language sql
    stable
    set search_path = ''
as $$
    select private.audit_head(account_id)
$$;
comment on function public.audit_head(uuid) is
    'Where the account''s chain stands: {seq: how many records it holds, hash: the one that closes it}. Needs audit.read.';
grant execute on function public.audit_head(uuid) to authenticated;

create function private.audit_verify(for_account uuid, after_seq bigint, outside_head jsonb, page_size integer) returns jsonb
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    page jsonb;
begin
    perform private.require(for_account, 'audit.read');
    if outside_head is not null and not (
        jsonb_typeof(outside_head) = 'object'
        and coalesce(outside_head ->> 'seq', '') ~ '^[0-9]{1,18}$'
        and coalesce(outside_head ->> 'hash', '') ~ '^[0-9a-f]{64}$'
    ) then
        perform private.fail('validation_failed', 'That is no head of a chain: it needs a number and a hash.', 'outside_head');
    end if;
    page := audit.verify(
        for_account, outside_head,
        greatest(coalesce(after_seq, 0), 0),
        least(greatest(coalesce(page_size, 10000), 1), 50000)
    );
    -- Once when it begins, and once more if it finds something.
    if coalesce(after_seq, 0) <= 0 or page -> 'bad' <> 'null'::jsonb then
        perform audit.record_event(
            'account', for_account, 'audit.verified',
            case when page -> 'bad' <> 'null'::jsonb then 'failed' else 'ok' end,
            'audit',
            detail => jsonb_build_object('records', page -> 'head' -> 'seq', 'outside_head', outside_head, 'bad', page -> 'bad')
        );
    end if;
    return page;
end
$$;
comment on function private.audit_verify(uuid, bigint, jsonb, integer) is 'See public.audit_verify.';
grant execute on function private.audit_verify(uuid, bigint, jsonb, integer) to authenticated;

create function public.audit_verify(
    account_id uuid,
    after_seq bigint default 0,
    outside_head jsonb default null,
    page_size integer default 10000
) returns jsonb
    language sql
    set search_path = ''
as $$
    select private.audit_verify(account_id, after_seq, outside_head, page_size)
$$;
comment on function public.audit_verify(uuid, bigint, jsonb, integer) is
    'Checks a page of the account''s chain, as audit.verify: {checked, next_seq, head, erased, bad}; call again with next_seq as '
    'after_seq until it is null. outside_head: {seq, hash} of an anchor. That it was checked is recorded. Needs audit.read.';
grant execute on function public.audit_verify(uuid, bigint, jsonb, integer) to authenticated;

------------------------------------------------------------------------------------------------------
-- Exporting
------------------------------------------------------------------------------------------------------

create function private.audit_begin_export(for_account uuid, format text) returns jsonb
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    head audit.heads;
    beginning record;
begin
    perform private.require(for_account, 'audit.read');
    perform private.require(for_account, 'export.run');
    perform private.require_fresh();
    if format is null or format not in ('csv', 'jsonl') then
        perform private.fail('validation_failed', 'Choose CSV or JSONL.', 'format');
    end if;
    perform private.spend(jsonb_build_array(jsonb_build_object('limit', 'export', 'key', for_account)), 'too_many_tries');
    select * into head from audit.heads as h where h.chain_id = for_account;
    -- Months that were dropped are not in it; the file says behind which hash it begins.
    select * into beginning from audit.beginning(for_account);
    return jsonb_build_object(
        'export_id', audit.record_event(
            'account', for_account, 'audit.exported', 'ok', 'audit',
            detail => jsonb_build_object('format', format, 'up_to_seq', coalesce(head.seq, 0))
        ),
        'header', jsonb_build_object(
            'format', 'tf-audit-1',
            'chain_kind', 'account',
            'chain_id', for_account,
            'exported_at', to_char(now() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
            'after_seq', beginning.seq,
            'after_hash', encode(beginning.hash, 'hex')
        ),
        'records', coalesce(head.seq, 0) - beginning.seq
    );
end
$$;
comment on function private.audit_begin_export(uuid, text) is 'See public.audit_begin_export.';
grant execute on function private.audit_begin_export(uuid, text) to authenticated;

create function public.audit_begin_export(account_id uuid, format text) returns jsonb
    language sql
    set search_path = ''
as $$
    select private.audit_begin_export(account_id, format)
$$;
comment on function public.audit_begin_export(uuid, text) is
    'Records that the caller exports the trail, as csv or jsonl, and answers {export_id, header, records}: the number that '
    'audit_export asks for, the first line of the file, and how many records there are. Needs audit.read, export.run and a fresh proof.';
grant execute on function public.audit_begin_export(uuid, text) to authenticated;

create function private.audit_export(for_account uuid, export_id bigint, after_seq bigint, page_size integer) returns jsonb
    language plpgsql
    stable security definer
    set search_path = ''
as $$
declare
    up_to bigint;
    rows integer := least(greatest(coalesce(page_size, 1000), 1), 5000);
    lines jsonb;
    last_seq bigint;
begin
    perform private.require(for_account, 'audit.read');
    perform private.require(for_account, 'export.run');
    select ((v.fields -> '@detail' ->> 1)::jsonb ->> 'up_to_seq')::bigint
    into up_to
    from audit.records as r
    join audit.field_values as v on v.record_id = r.id
    where r.id = export_id
      and r.chain_id = for_account
      and r.action = 'audit.exported'
      and r.actor_id = auth.uid()
      and r.recorded_at > now() - interval '1 hour';
    if up_to is null then
        perform private.fail('not_found', 'That export was not begun by you in the last hour. Begin it again.');
    end if;

    select coalesce(jsonb_agg(private.audit_line(page.seq, page.hash, r, v.fields) order by page.seq), '[]'), max(page.seq)
    into lines, last_seq
    from (
        select l.seq, l.hash, l.record_id
        from audit.links as l
        where l.chain_id = for_account
          and l.seq > coalesce(audit_export.after_seq, 0)
          and l.seq <= up_to
        order by l.seq
        limit rows
    ) as page
    left join audit.records as r on r.id = page.record_id
    left join audit.field_values as v on v.record_id = page.record_id;

    if jsonb_array_length(lines) < rows then
        -- A record outside the chain is evidence, so it goes along.
        lines := lines || coalesce(
            (
                select jsonb_agg(private.audit_line(null, null, r, v.fields) order by r.id)
                from audit.records as r
                left join audit.field_values as v on v.record_id = r.id
                where r.chain_id = for_account
                  and not exists (select from audit.links as l where l.record_id = r.id)
            ),
            '[]'
        );
        last_seq := null;
    end if;
    return jsonb_build_object('lines', lines, 'next_seq', last_seq);
end
$$;
comment on function private.audit_export(uuid, bigint, bigint, integer) is 'See public.audit_export.';
grant execute on function private.audit_export(uuid, bigint, bigint, integer) to authenticated;

create function private.audit_line(seq bigint, hash bytea, entry audit.records, fields jsonb) returns jsonb
    language sql
    stable
    set search_path = ''
as $$
    select jsonb_build_object(
        'seq', seq,
        'hash', encode(hash, 'hex'),
        'record', case when entry.id is not null then audit.canonical(entry)::jsonb end,
        'values', coalesce(fields, '{}')
    )
$$;
comment on function private.audit_line(bigint, bytea, audit.records, jsonb) is
    'A line of the export: {seq, hash, record: the array that is hashed, values: {name: [salt, value]}}.';

create function public.audit_export(
    account_id uuid,
    export_id bigint,
    after_seq bigint default 0,
    page_size integer default 1000
) returns jsonb
    language sql
    stable
    set search_path = ''
as $$
    select private.audit_export(account_id, export_id, after_seq, page_size)
$$;
comment on function public.audit_export(uuid, bigint, bigint, integer) is
    'A page of the account''s chain as it is hashed, oldest first: {lines, next_seq}; call again with next_seq as after_seq until '
    'it is null. Only for an export that the caller began in the last hour, so that no page leaves without being on record.';
grant execute on function public.audit_export(uuid, bigint, bigint, integer) to authenticated;
