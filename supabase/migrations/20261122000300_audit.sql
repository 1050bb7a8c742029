-- Audit: who did what, when, from where. Written by triggers in the same transaction as the change;
-- nobody can change or delete a record, and a table that is not watched fails a test.

------------------------------------------------------------------------------------------------------
-- Tables
------------------------------------------------------------------------------------------------------

create schema if not exists audit;
comment on schema audit is 'The audit trail. Not exposed; read through public.audit_trail().';

create table audit.records (
    seq bigint generated always as identity primary key,
    account_id uuid,
    at timestamptz not null default private.moment(),
    recorded_at timestamptz not null default clock_timestamp(),
    actor_kind text not null,
    actor_id uuid,
    actor_name text,
    session_id uuid,
    via text not null,
    ip inet,
    user_agent text,
    trusted boolean not null,
    request_id text,
    action text not null,
    entity text not null,
    entity_id uuid,
    subject text not null,
    subject_id uuid,
    is_detail boolean not null default false,
    before jsonb,
    after jsonb,
    detail jsonb,
    constraint actor_kind_is_known check (actor_kind in ('person', 'customer', 'webhook', 'worker', 'system'))
);
comment on table audit.records is 'One row per act. Append only.';
comment on column audit.records.account_id is 'Null for an act outside any account, such as a refused sign-in.';
comment on column audit.records.at is 'When it happened; recorded_at is when it was written. They differ for imported history only.';
comment on column audit.records.trusted is 'Did our own tiers vouch for address, user agent and request id (x-tf-context)?';
comment on column audit.records.subject is 'What the entity belongs to: the invoice of a line. The entity itself otherwise.';
comment on column audit.records.is_detail is 'A part whose changes show under its subject and not in the list of everything.';
comment on column audit.records.before is 'The changed fields before (the whole row when it was deleted); secrets redacted.';
comment on column audit.records.after is 'The changed fields after (the whole row when it was created); secrets redacted.';
create index records_by_account on audit.records (account_id, seq desc);
create index records_by_subject on audit.records (account_id, subject, subject_id, seq desc);

create table audit.watched (
    table_name text primary key,
    entity text not null,
    subject text not null,
    subject_column text not null,
    is_detail boolean not null,
    redacted text[] not null
);
comment on table audit.watched is 'The tables whose changes are recorded, what they are called, and which columns never reach the log.';

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
        message = format('The audit trail is append only: %s is refused.', lower(tg_op));
end
$$;
comment on function audit.refuse() is 'Refuses update, delete and truncate of records, for every role and replication setting (AUD-3).';

create trigger records_are_never_changed
    before update or delete on audit.records
    for each row execute function audit.refuse();
create trigger records_are_never_truncated
    before truncate on audit.records
    for each statement execute function audit.refuse();
alter table audit.records enable always trigger records_are_never_changed;
alter table audit.records enable always trigger records_are_never_truncated;

------------------------------------------------------------------------------------------------------
-- Writing
------------------------------------------------------------------------------------------------------

create function audit.write(
    for_account uuid,
    action text,
    entity text,
    entity_id uuid,
    subject text,
    subject_id uuid,
    is_detail boolean,
    before jsonb,
    after jsonb,
    detail jsonb
) returns void
    language plpgsql
    set search_path = ''
as $$
declare
    context record := private.request_context();
    person uuid := coalesce(auth.uid(), context.person_id);
    actor jsonb := nullif(current_setting('tf.actor', true), '')::jsonb;
begin
    insert into audit.records (
        account_id, actor_kind, actor_id, actor_name, session_id, via, ip, user_agent, trusted, request_id,
        action, entity, entity_id, subject, subject_id, is_detail, before, after, detail
    )
    values (
        for_account,
        case when person is not null then 'person' else coalesce(actor ->> 'kind', 'system') end,
        coalesce(person, (actor ->> 'id')::uuid),
        case when person is null then actor ->> 'name' end,
        (auth.jwt() ->> 'session_id')::uuid,
        context.via, context.ip, context.user_agent, context.trusted, context.request_id,
        write.action, write.entity, write.entity_id, write.subject, write.subject_id, write.is_detail,
        write.before, write.after, write.detail
    );
end
$$;
comment on function audit.write(uuid, text, text, uuid, text, uuid, boolean, jsonb, jsonb, jsonb) is
    'Appends one record, with who and from where taken from the request.';

create function audit.record() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    watched audit.watched;
    old_row jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
    new_row jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
    row_now jsonb := coalesce(new_row, old_row);
    before jsonb;
    after jsonb;
    verb text;
begin
    select *
    into strict watched
    from audit.watched as w
    where w.table_name = tg_table_schema || '.' || tg_table_name;

    if tg_op = 'UPDATE' then
        select
            jsonb_object_agg(field.key, old_row -> field.key),
            jsonb_object_agg(field.key, field.value)
        into before, after
        from jsonb_each(new_row) as field
        where field.value is distinct from old_row -> field.key
          and field.key <> 'updated_at';
        if after is null then
            return null;
        end if;
    else
        before := old_row;
        after := new_row;
    end if;

    -- The act is named by what changed: a state that was reached, or a moment that was set for the first time.
    verb := case
        when tg_op = 'INSERT' then 'created'
        when tg_op = 'DELETE' then 'deleted'
        when after ? 'state' then after ->> 'state'
        else coalesce(
            (
                select regexp_replace(field.key, '_at$', '')
                from jsonb_each_text(after) as field
                where field.key ~ '_at$'
                  and field.value is not null
                  and before ->> field.key is null
                order by field.key
                limit 1
            ),
            'updated'
        )
    end;

    perform audit.write(
        for_account => coalesce(row_now ->> 'account_id', case when tg_table_name = 'accounts' then row_now ->> 'id' end)::uuid,
        action => watched.entity || '.' || verb,
        entity => watched.entity,
        entity_id => (row_now ->> 'id')::uuid,
        subject => watched.subject,
        subject_id => (row_now ->> watched.subject_column)::uuid,
        is_detail => watched.is_detail,
        before => audit.redact(before, watched.redacted),
        after => audit.redact(after, watched.redacted),
        detail => null
    );
    return null;
end
$$;
comment on function audit.record() is 'Records a changed row: the fields that changed, before and after (AUD-1).';

create function audit.redact(fields jsonb, redacted text[]) returns jsonb
    language sql
    immutable
    set search_path = ''
as $$
    select jsonb_object_agg(
        field.key,
        case
            when field.key = any (redacted) and field.value <> 'null'::jsonb then '"[redacted]"'::jsonb
            else field.value
        end
    )
    from jsonb_each(fields) as field
$$;
comment on function audit.redact(jsonb, text[]) is 'Says that a secret changed, and never what it is or was (AUD-6).';

create function audit.watch(
    watched_table regclass,
    entity text,
    subject text default null,
    subject_column text default 'id',
    is_detail boolean default false,
    redacted text[] default '{}',
    only_when text default null
) returns void
    language plpgsql
    set search_path = ''
as $$
declare
    table_name text := (
        select n.nspname || '.' || c.relname
        from pg_catalog.pg_class as c
        join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
        where c.oid = watched_table
    );
begin
    insert into audit.watched (table_name, entity, subject, subject_column, is_detail, redacted)
    values (table_name, watch.entity, coalesce(watch.subject, watch.entity), watch.subject_column, watch.is_detail, watch.redacted);

    execute format('create trigger audit_added_and_deleted after insert or delete on %s for each row execute function audit.record()', table_name);
    execute format(
        'create trigger audit_changed after update on %s for each row %s execute function audit.record()',
        table_name,
        case when only_when is not null then 'when (' || only_when || ')' else '' end
    );
    execute format('alter table %s enable always trigger audit_added_and_deleted', table_name);
    execute format('alter table %s enable always trigger audit_changed', table_name);
end
$$;
comment on function audit.watch(regclass, text, text, text, boolean, text[], text) is
    'Has every change of a table recorded, whoever makes it. only_when leaves out updates that are a '
    'machine''s bookkeeping, such as taking a lease.';

select audit.watch('public.accounts', 'account');
select audit.watch('public.members', 'member');
select audit.watch('public.roles', 'role', is_detail => true);
select audit.watch('public.role_permissions', 'role_permission', 'role', 'role_id', is_detail => true);

------------------------------------------------------------------------------------------------------
-- Acts that are no change of a row
------------------------------------------------------------------------------------------------------

create function service.record_refusal(context jsonb, action text, detail jsonb) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    account uuid := (context ->> 'account_id')::uuid;
begin
    perform private.act_as(
        coalesce(context ->> 'actor_kind', 'person'),
        (context ->> 'actor_id')::uuid,
        context ->> 'actor_name'
    );
    perform audit.write(
        for_account => account,
        action => record_refusal.action,
        entity => coalesce(context ->> 'entity', 'request'),
        entity_id => (context ->> 'entity_id')::uuid,
        subject => coalesce(context ->> 'entity', 'request'),
        subject_id => (context ->> 'entity_id')::uuid,
        is_detail => false,
        before => null,
        after => null,
        detail => record_refusal.detail
    );
end
$$;
comment on function service.record_refusal(jsonb, text, jsonb) is
    'Records an act that was refused or failed: its own transaction rolled back, so this is a call of its own. '
    'context: {account_id?, actor_kind?, actor_id?, actor_name?, entity?, entity_id?}.';
grant execute on function service.record_refusal(jsonb, text, jsonb) to service_role;

------------------------------------------------------------------------------------------------------
-- Reading
------------------------------------------------------------------------------------------------------

create function private.audit_trail(for_account uuid, before_seq bigint, for_entity text, for_entity_id uuid, page_size integer) returns jsonb
    language plpgsql
    stable security definer
    set search_path = ''
as $$
begin
    perform private.require(for_account, 'audit.read');
    return (
        select coalesce(jsonb_agg(to_jsonb(page) order by page.seq desc), '[]'::jsonb)
        from (
            select
                r.seq, r.at, r.action, r.entity, r.entity_id, r.subject, r.subject_id,
                coalesce(j.title, i.reference, c.name) as subject_name,
                r.before, r.after, r.detail,
                r.actor_kind, r.actor_id, coalesce(m.display_name, r.actor_name) as actor_name,
                r.via, host(r.ip) as ip, r.user_agent, r.trusted, r.request_id
            from audit.records as r
            left join public.members as m on m.account_id = r.account_id and m.user_id = r.actor_id
            left join public.jobs as j on r.subject = 'job' and j.account_id = r.account_id and j.id = r.subject_id
            left join public.invoices as i on r.subject = 'invoice' and i.account_id = r.account_id and i.id = r.subject_id
            left join public.customers as c on r.subject = 'customer' and c.account_id = r.account_id and c.id = r.subject_id
            where r.account_id = for_account
              and (before_seq is null or r.seq < before_seq)
              and case
                  when for_entity_id is not null then r.subject = for_entity and r.subject_id = for_entity_id
                  when for_entity is not null then r.subject = for_entity
                  else not r.is_detail
              end
            order by r.seq desc
            limit least(greatest(coalesce(page_size, 50), 1), 200)
        ) as page
    );
end
$$;
comment on function private.audit_trail(uuid, bigint, text, uuid, integer) is 'See public.audit_trail.';
grant execute on function private.audit_trail(uuid, bigint, text, uuid, integer) to authenticated;

create function public.audit_trail(
    account_id uuid,
    before_seq bigint default null,
    entity text default null,
    entity_id uuid default null,
    page_size integer default 50
) returns jsonb
    language sql
    stable
    set search_path = ''
as $$
    select private.audit_trail(account_id, before_seq, entity, entity_id, page_size)
$$;
comment on function public.audit_trail(uuid, bigint, text, uuid, integer) is
    'A page of the account''s audit trail, newest first; before_seq asks for the page after that record. With '
    'an entity (and id) it also holds the entity''s parts. At most 200 a page.';
grant execute on function public.audit_trail(uuid, bigint, text, uuid, integer) to authenticated;
