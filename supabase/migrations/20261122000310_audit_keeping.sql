-- Keeping the audit trail: what nobody can change, what may be erased, and when old months may go. Whoever may change the
-- schema could still take these guards away; that is found by the chain and its anchors, and the trust page says just that.

------------------------------------------------------------------------------------------------------
-- Records stay as they were written
------------------------------------------------------------------------------------------------------

create function audit.refuse() returns trigger
    language plpgsql
    set search_path = ''
as $$
begin
    raise exception using
        errcode = '42501',
        hint = 'audit_is_append_only',
        message = format('The audit trail is append only: %s of %s is refused.', lower(tg_op), tg_table_name);
end
$$;
comment on function audit.refuse() is 'Refuses what its trigger is put on, for every role and replication setting (AUD-3).';

create function audit.guard_erasure() returns trigger
    language plpgsql
    set search_path = ''
as $$
begin
    if new.record_id = old.record_id
        and new.chain_id = old.chain_id
        and not exists (
            select
            from jsonb_each(new.fields) as kept
            where kept.value is distinct from old.fields -> kept.key
        )
        and exists (
            select
            from audit.records as r
            where r.id = nullif(current_setting('tf.erasure', true), '')::bigint
              and r.transaction_id = pg_current_xact_id()
              and r.chain_id = new.chain_id
              and r.action = 'audit.erased'
        )
    then
        return new;
    end if;
    raise exception using
        errcode = '42501',
        hint = 'audit_is_append_only',
        message = 'The audit trail is append only: values are only ever erased, by audit.erase_person.';
end
$$;
comment on function audit.guard_erasure() is
    'Lets names go from the values of a record, and nothing come or change, where this transaction has recorded on the same '
    'chain that it erases. Whoever sets the setting by hand leaves that record as well.';

create function audit.guard_drop() returns trigger
    language plpgsql
    set search_path = ''
as $$
declare
    covered boolean;
begin
    -- Deleted in this order, so that what is still there says where the rest belongs: values, records, links.
    covered := case tg_table_name
        when 'links' then not exists (
            select
            from gone
            where not exists (
                select
                from audit.segments as s
                where s.chain_id = (to_jsonb(gone) ->> 'chain_id')::uuid
                  and s.last_seq >= (to_jsonb(gone) ->> 'seq')::bigint
                  and s.transaction_id = pg_current_xact_id()
            )
        )
        else not exists (
            select coalesce(to_jsonb(gone) ->> 'record_id', to_jsonb(gone) ->> 'id')::bigint
            from gone
            except
            select l.record_id
            from audit.segments as s
            join audit.links as l on l.chain_id = s.chain_id and l.seq <= s.last_seq
            where s.transaction_id = pg_current_xact_id()
        )
    end;
    if not covered then
        raise exception using
            errcode = '42501',
            hint = 'audit_is_append_only',
            message = format('The audit trail is append only: delete of %s is refused.', tg_table_name);
    end if;
    return null;
end
$$;
comment on function audit.guard_drop() is
    'Lets rows go with a segment that this very transaction has closed, and no others.';

create function audit.guard_segment() returns trigger
    language plpgsql
    set search_path = ''
as $$
begin
    -- Whole calendar months, of at least a year ago.
    if new.recorded_before <> date_trunc('month', new.recorded_before, 'UTC')
        or new.recorded_before > date_trunc('month', now() - interval '12 months', 'UTC')
        or new.transaction_id <> pg_current_xact_id()
    then
        raise exception using
            errcode = '42501',
            hint = 'audit_is_kept_for_a_year',
            message = 'The audit trail is kept for at least twelve whole months.';
    end if;
    if not exists (
        select
        from audit.links as l
        join audit.anchor_heads as h on h.chain_id = l.chain_id and h.seq = l.seq and h.hash = l.hash
        where l.chain_id = new.chain_id
          and l.seq = new.last_seq
          and l.hash = new.hash
          and h.number = new.anchor_number
    ) then
        raise exception using
            errcode = '42501',
            hint = 'audit_segment_is_not_anchored',
            message = 'Only what a signed anchor closes may be dropped from the audit trail.';
    end if;
    if exists (
        select
        from audit.links as l
        join audit.records as r on r.id = l.record_id
        where l.chain_id = new.chain_id
          and l.seq <= new.last_seq
          and r.recorded_at >= new.recorded_before
    ) then
        raise exception using
            errcode = '42501',
            hint = 'audit_is_kept_for_a_year',
            message = 'This segment holds records of a later month.';
    end if;
    return new;
end
$$;
comment on function audit.guard_segment() is
    'A segment closes at a head that is anchored, and everything in it was recorded in whole months of at least a year ago.';

create trigger records_are_never_changed
    before update on audit.records
    for each row execute function audit.refuse();
create trigger records_go_with_their_segment
    after delete on audit.records
    referencing old table as gone
    for each statement execute function audit.guard_drop();
create trigger records_are_never_truncated
    before truncate on audit.records
    for each statement execute function audit.refuse();

create trigger links_are_never_changed
    before update on audit.links
    for each row execute function audit.refuse();
create trigger links_go_with_their_segment
    after delete on audit.links
    referencing old table as gone
    for each statement execute function audit.guard_drop();
create trigger links_are_never_truncated
    before truncate on audit.links
    for each statement execute function audit.refuse();

create trigger values_are_only_erased
    before update on audit.field_values
    for each row execute function audit.guard_erasure();
create trigger values_go_with_their_segment
    after delete on audit.field_values
    referencing old table as gone
    for each statement execute function audit.guard_drop();
create trigger values_are_never_truncated
    before truncate on audit.field_values
    for each statement execute function audit.refuse();

-- The price of a condition is paid with every write, so there are two triggers: the second has none and fires only where a
-- statement names the column.
create trigger heads_only_move_forward
    before update on audit.heads
    for each row when (new.seq <= old.seq)
    execute function audit.refuse();
create trigger heads_stay_with_their_chain
    before update of chain_id on audit.heads
    for each row execute function audit.refuse();
create trigger heads_are_never_deleted
    before delete on audit.heads
    for each row execute function audit.refuse();
create trigger heads_are_never_truncated
    before truncate on audit.heads
    for each statement execute function audit.refuse();

create trigger segments_are_closed_and_old
    before insert on audit.segments
    for each row execute function audit.guard_segment();
create trigger segments_are_never_changed
    before update or delete on audit.segments
    for each row execute function audit.refuse();
create trigger segments_are_never_truncated
    before truncate on audit.segments
    for each statement execute function audit.refuse();

create trigger anchors_are_never_changed
    before update or delete on audit.anchors
    for each row execute function audit.refuse();
create trigger anchors_are_never_truncated
    before truncate on audit.anchors
    for each statement execute function audit.refuse();
create trigger anchor_heads_are_never_changed
    before update or delete on audit.anchor_heads
    for each row execute function audit.refuse();
create trigger anchor_heads_are_never_truncated
    before truncate on audit.anchor_heads
    for each statement execute function audit.refuse();

alter table audit.records enable always trigger records_are_never_changed;
alter table audit.records enable always trigger records_go_with_their_segment;
alter table audit.records enable always trigger records_are_never_truncated;
alter table audit.links enable always trigger links_are_never_changed;
alter table audit.links enable always trigger links_go_with_their_segment;
alter table audit.links enable always trigger links_are_never_truncated;
alter table audit.field_values enable always trigger values_are_only_erased;
alter table audit.field_values enable always trigger values_go_with_their_segment;
alter table audit.field_values enable always trigger values_are_never_truncated;
alter table audit.heads enable always trigger heads_only_move_forward;
alter table audit.heads enable always trigger heads_stay_with_their_chain;
alter table audit.heads enable always trigger heads_are_never_deleted;
alter table audit.heads enable always trigger heads_are_never_truncated;
alter table audit.segments enable always trigger segments_are_closed_and_old;
alter table audit.segments enable always trigger segments_are_never_changed;
alter table audit.segments enable always trigger segments_are_never_truncated;
alter table audit.anchors enable always trigger anchors_are_never_changed;
alter table audit.anchors enable always trigger anchors_are_never_truncated;
alter table audit.anchor_heads enable always trigger anchor_heads_are_never_changed;
alter table audit.anchor_heads enable always trigger anchor_heads_are_never_truncated;

------------------------------------------------------------------------------------------------------
-- Erasing a person
------------------------------------------------------------------------------------------------------

create function audit.erase_person(kind text, person uuid, account uuid default null) returns jsonb
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    chain record;
    fields_erased bigint := 0;
    records_touched bigint := 0;
    touched bigint;
begin
    if kind is null or kind not in ('customer', 'user') or person is null or (kind = 'customer' and account is null) then
        raise exception using
            errcode = '22023',
            message = 'Say whom to erase: a customer of an account, or a user, of one account or of all.';
    end if;

    create temporary table to_erase on commit drop as
    select r.id, r.chain_id, r.chain_kind, array_agg(distinct held.name) as names
    from (select * from audit.of_person(kind, person, account)) as theirs
    join audit.records as r on r.id = theirs.record_id
    join audit.field_values as v on v.record_id = r.id
    cross join lateral jsonb_object_keys(v.fields) as held (name)
    where (theirs.was_theirs and held.name in ('@from', '@actor'))
       or (
           theirs.is_about and exists (
               select
               from audit.watched as w
               join audit.columns as c on c.table_name = w.table_name
               where w.entity = r.entity
                 and c.column_name = held.name
                 and c.class = 'personal'
           )
       )
    group by r.id, r.chain_id, r.chain_kind;

    -- On each chain that holds something: first the record of it, which the guard demands.
    for chain in
        select t.chain_id, t.chain_kind, count(*) as records, sum(cardinality(t.names)) as fields
        from pg_temp.to_erase as t
        group by t.chain_id, t.chain_kind
        order by t.chain_id
    loop
        perform set_config(
            'tf.erasure',
            audit.record_event(
                chain.chain_kind, chain.chain_id, 'audit.erased', 'ok', kind, person,
                detail => jsonb_build_object('records', chain.records, 'fields', chain.fields)
            )::text,
            true
        );
        update audit.field_values as v
        set fields = v.fields - t.names
        from pg_temp.to_erase as t
        where t.chain_id = chain.chain_id
          and v.record_id = t.id;
        get diagnostics touched = row_count;
        records_touched := records_touched + touched;
        fields_erased := fields_erased + chain.fields;
    end loop;
    perform set_config('tf.erasure', '', true);
    drop table pg_temp.to_erase;
    return jsonb_build_object('records', records_touched, 'fields', fields_erased);
end
$$;
comment on function audit.erase_person(text, uuid, uuid) is
    'Erases a person from the audit trail: what is classified personal in records about them, and from where and by what name '
    'they acted. Issued invoices stay, as the law asks. The chains still check, and hold a record of the erasure. '
    'kind: customer (of an account) or user. Answers {records, fields}.';

create function audit.of_person(kind text, person uuid, account uuid)
    returns table (record_id bigint, is_about boolean, was_theirs boolean)
    language plpgsql
    stable
    set search_path = ''
as $$
declare
    mention jsonb := to_jsonb(person);
    subjects uuid[];
begin
    if kind = 'user' then
        return query
            select
                r.id,
                r.entity = 'member' and r.entity_id = any (members.ids),
                r.actor_id = person
            from audit.records as r
            cross join (
                select array_agg(distinct m.entity_id) as ids
                from audit.records as m
                join audit.field_values as v on v.record_id = m.id
                where m.entity = 'member'
                  and (account is null or m.chain_id = account)
                  and (v.fields -> 'user_id' ->> 1)::jsonb @> mention
            ) as members
            where (account is null or r.chain_id = account)
              and (r.actor_id = person or (r.entity = 'member' and r.entity_id = any (members.ids)));
        return;
    end if;

    -- A customer's jobs and invoices, also those that are gone: their records say whose they were. Then their documents.
    select array_agg(distinct r.entity_id)
    into subjects
    from audit.records as r
    join audit.field_values as v on v.record_id = r.id
    where r.chain_id = account
      and r.entity in ('job', 'invoice')
      and (v.fields -> 'customer_id' ->> 1)::jsonb @> mention;
    select array_agg(distinct r.entity_id) || subjects || person
    into subjects
    from audit.records as r
    join audit.field_values as v on v.record_id = r.id
    where r.chain_id = account
      and r.entity = 'document'
      and (v.fields -> 'job_id' ->> 1)::jsonb ?| subjects::text[];

    return query
        select r.id, true, r.actor_kind = 'customer'
        from audit.records as r
        where r.chain_id = account
          and r.subject_id = any (subjects);
end
$$;
comment on function audit.of_person(text, uuid, uuid) is
    'The records about a person, and those of what the person did. A customer acts on nothing but what is theirs.';

------------------------------------------------------------------------------------------------------
-- Retention
------------------------------------------------------------------------------------------------------

create function audit.drop_segment(chain uuid, keep interval) returns bigint
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    boundary timestamptz := date_trunc('month', now() - keep, 'UTC');
    closing record;
begin
    -- The last anchored head before anything that has to stay.
    select h.seq, h.hash, h.number
    into closing
    from audit.anchor_heads as h
    join audit.links as l on l.chain_id = h.chain_id and l.seq = h.seq and l.hash = h.hash
    where h.chain_id = chain
      and h.seq < coalesce(
          (
              select min(later.seq)
              from audit.links as later
              join audit.records as r on r.id = later.record_id
              where later.chain_id = chain
                and r.recorded_at >= boundary
          ),
          h.seq + 1
      )
    order by h.seq desc, h.number
    limit 1;
    if not found then
        return 0;
    end if;

    insert into audit.segments (chain_id, last_seq, hash, anchor_number, recorded_before)
    values (chain, closing.seq, closing.hash, closing.number, boundary);
    delete from audit.field_values as v
    using audit.links as l
    where l.chain_id = chain and l.seq <= closing.seq and v.record_id = l.record_id;
    delete from audit.records as r
    using audit.links as l
    where l.chain_id = chain and l.seq <= closing.seq and r.id = l.record_id;
    delete from audit.links as l
    where l.chain_id = chain and l.seq <= closing.seq;
    return closing.seq;
end
$$;
comment on function audit.drop_segment(uuid, interval) is
    'Drops the months of a chain that are older than this, up to the last anchored head in them. Answers that head''s number, or 0.';

create function audit.drop_old_segments(keep interval default '7 years') returns bigint
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    chain uuid;
    dropped bigint := 0;
begin
    for chain in
        select h.chain_id from audit.heads as h order by h.chain_id
    loop
        if audit.drop_segment(chain, keep) > 0 then
            dropped := dropped + 1;
        end if;
    end loop;
    return dropped;
end
$$;
comment on function audit.drop_old_segments(interval) is
    'Drops what is older than this from every chain; less than twelve months is refused. Seven years cover the six for which tax '
    'law wants the books kept. Answers how many chains became shorter.';

------------------------------------------------------------------------------------------------------
-- The guards stay too
------------------------------------------------------------------------------------------------------

-- In another schema, because an event trigger whose function goes with the schema that is dropped does not fire.
create table private.guarded (
    relation regclass,
    function text,
    constraint relation_is_guarded_once unique (relation),
    constraint function_is_guarded_once unique (function),
    constraint guarded_is_a_table_or_a_function check ((relation is null) <> (function is null))
);
comment on table private.guarded is 'What no alter, drop or replace may touch: the tables of the audit trail and its functions. Append only.';
comment on column private.guarded.function is 'As text, with the types of its arguments: an upgrade of Postgres gives functions other numbers.';
create trigger guarded_is_never_changed
    before update or delete on private.guarded
    for each row execute function audit.refuse();
create trigger guarded_is_never_truncated
    before truncate on private.guarded
    for each statement execute function audit.refuse();
alter table private.guarded enable always trigger guarded_is_never_changed;
alter table private.guarded enable always trigger guarded_is_never_truncated;

create function private.refuse_alter() returns event_trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    touched text;
begin
    -- What is guarded itself; triggers, rules and policies on it; its schema.
    select c.object_type || ' ' || c.object_identity
    into touched
    from pg_catalog.pg_event_trigger_ddl_commands() as c
    where c.command_tag <> 'COMMENT'
      and exists (
          select
          from private.guarded as g
          left join pg_catalog.pg_class as r on r.oid = g.relation
          where case c.classid
              when 'pg_catalog.pg_class'::regclass then g.relation = c.objid
              when 'pg_catalog.pg_proc'::regclass then coalesce(to_regprocedure(g.function) = c.objid, g.function is not null)
              when 'pg_catalog.pg_trigger'::regclass then g.relation = (select t.tgrelid from pg_catalog.pg_trigger as t where t.oid = c.objid)
              when 'pg_catalog.pg_rewrite'::regclass then g.relation = (select w.ev_class from pg_catalog.pg_rewrite as w where w.oid = c.objid)
              when 'pg_catalog.pg_policy'::regclass then g.relation = (select p.polrelid from pg_catalog.pg_policy as p where p.oid = c.objid)
              when 'pg_catalog.pg_namespace'::regclass then r.relnamespace = c.objid
          end
      )
    limit 1;
    if touched is null then
        -- A watched table stays watched: its triggers are not disabled, renamed or put on another function.
        select c.object_type || ' ' || c.object_identity
        into touched
        from pg_catalog.pg_event_trigger_ddl_commands() as c
        join pg_catalog.pg_trigger as t on t.tgrelid = case c.classid
            when 'pg_catalog.pg_class'::regclass then c.objid
            when 'pg_catalog.pg_trigger'::regclass then (select o.tgrelid from pg_catalog.pg_trigger as o where o.oid = c.objid)
        end
        where exists (select from audit.watched as w where w.table_name = audit.name_of(t.tgrelid))
          and case t.tgname
              when 'audit_added_and_deleted' then t.tgfoid <> 'audit.record'::regproc or t.tgenabled in ('D', 'R')
              when 'audit_changed' then t.tgfoid <> 'audit.record'::regproc or t.tgenabled in ('D', 'R')
              when 'audit_sees_no_truncate' then t.tgfoid <> 'audit.refuse_truncate'::regproc or t.tgenabled in ('D', 'R')
              else t.tgfoid in ('audit.record'::regproc, 'audit.refuse_truncate'::regproc)
          end
        limit 1;
    end if;
    if touched is not null then
        raise exception using
            errcode = '42501',
            hint = 'audit_schema_is_kept',
            message = format('The audit trail keeps its guards: %s of %s is refused.', lower(tg_tag), touched);
    end if;
end
$$;
comment on function private.refuse_alter() is
    'Refuses to alter, replace or disable what guards the audit trail, and to put triggers, rules or policies on it.';

create function private.refuse_drop() returns event_trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    touched text;
begin
    select d.object_type || ' ' || d.object_identity
    into touched
    from pg_catalog.pg_event_trigger_dropped_objects() as d
    where exists (
        select
        from private.guarded as g
        where (d.classid = 'pg_catalog.pg_class'::regclass and d.objsubid = 0 and g.relation = d.objid)
           or (d.classid = 'pg_catalog.pg_proc'::regclass and g.function is not null and to_regprocedure(g.function) is null)
           or (
               d.object_type in ('trigger', 'rule', 'policy')
               and g.relation = to_regclass(format('%I.%I', d.address_names[1], d.address_names[2]))
           )
    )
    limit 1;
    if touched is null then
        select d.object_type || ' ' || d.object_identity
        into touched
        from pg_catalog.pg_event_trigger_dropped_objects() as d
        join audit.watched as w on w.table_name = d.address_names[1] || '.' || d.address_names[2]
        where d.object_type = 'trigger'
          and d.address_names[3] in ('audit_added_and_deleted', 'audit_changed', 'audit_sees_no_truncate')
          and to_regclass(w.table_name) is not null
        limit 1;
    end if;
    if touched is not null then
        raise exception using
            errcode = '42501',
            hint = 'audit_schema_is_kept',
            message = format('The audit trail keeps its guards: %s of %s is refused.', lower(tg_tag), touched);
    end if;
end
$$;
comment on function private.refuse_drop() is 'Refuses to drop what guards the audit trail.';

create function audit.guard_everything() returns void
    language sql
    set search_path = ''
as $$
    insert into private.guarded (relation, function)
    select c.oid, null
    from pg_catalog.pg_class as c
    where (c.relnamespace = 'audit'::regnamespace and c.relkind in ('r', 'p', 'S'))
       or c.oid = 'private.guarded'::regclass
    union all
    select null, p.oid::regprocedure::text
    from pg_catalog.pg_proc as p
    where p.pronamespace = 'audit'::regnamespace
       or p.oid in ('private.refuse_alter'::regproc, 'private.refuse_drop'::regproc)
    on conflict do nothing
$$;
comment on function audit.guard_everything() is
    'Puts whatever is in schema audit now under the guard. A migration that adds to it calls this at its end.';

select audit.guard_everything();

create event trigger audit_is_not_altered
    on ddl_command_end
    execute function private.refuse_alter();
create event trigger audit_is_not_dropped
    on sql_drop
    execute function private.refuse_drop();
alter event trigger audit_is_not_altered enable always;
alter event trigger audit_is_not_dropped enable always;
