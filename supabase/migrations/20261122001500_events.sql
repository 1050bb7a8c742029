-- Events: what belongs into the trail although no business row changed. Who got in and who did not, what became of a
-- password, who looked at a file, and who was refused.

------------------------------------------------------------------------------------------------------
-- The auth server's own tables: whoever writes them, at our door or at the open one
------------------------------------------------------------------------------------------------------

create function private.record_auth_event() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    old_row jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
    new_row jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
    row_now jsonb := coalesce(new_row, old_row);
    person uuid := private.as_uuid(coalesce(row_now ->> 'user_id', row_now ->> 'id'));
    headers text := current_setting('request.headers', true);
    actor text := current_setting('tf.actor', true);
    events text[] := case tg_table_name || ' ' || tg_op
        when 'users INSERT' then array['person.created']
        when 'users UPDATE' then array_remove(
            array[
                case when new_row ->> 'encrypted_password' is distinct from old_row ->> 'encrypted_password' then 'password.changed' end,
                case when new_row ->> 'email' is distinct from old_row ->> 'email' then 'email.changed' end,
                case when old_row ->> 'email_confirmed_at' is null and new_row ->> 'email_confirmed_at' is not null then 'email.confirmed' end
            ],
            null
        )
        when 'identities INSERT' then array['identity.linked']
        when 'identities DELETE' then array['identity.unlinked']
        when 'sessions INSERT' then array['session.created']
        when 'sessions DELETE' then array['session.ended']
    end;
    event text;
begin
    -- The auth server calls without a request of the Data API's. What it saw of the caller stands in the session.
    if coalesce(headers, '') = '' and new_row ? 'ip' then
        perform set_config(
            'request.headers',
            jsonb_build_object('x-forwarded-for', host((new_row ->> 'ip')::inet), 'user-agent', new_row ->> 'user_agent')::text,
            true
        );
    end if;
    perform private.act_as('person', person);

    foreach event in array events loop
        perform audit.record_event(
            chain_kind => 'person',
            chain => person,
            action => event,
            result => 'ok',
            entity => split_part(event, '.', 1),
            entity_id => case when tg_table_name = 'users' then person else private.as_uuid(row_now ->> 'id') end,
            subject => 'person',
            subject_id => person,
            detail => case tg_table_name
                when 'identities' then jsonb_build_object('provider', row_now ->> 'provider')
                when 'sessions' then jsonb_build_object('session_id', row_now ->> 'id')
            end
        );
    end loop;

    perform set_config('request.headers', coalesce(headers, ''), true);
    perform set_config('tf.actor', coalesce(actor, ''), true);
    return null;
exception when others then
    -- A trail that cannot be written must never keep anybody from signing in, or from signing out.
    raise warning 'audit: % on auth.% was not recorded: % (%)', lower(tg_op), tg_table_name, sqlerrm, sqlstate;
    return null;
end
$$;
comment on function private.record_auth_event() is
    'Records what became of a person''s sign-in on their own chain (AUD-2): sessions, password, address, identities. '
    'Never a value of them; and never fails the auth server.';

create trigger audit_person_added after insert on auth.users
    for each row execute function private.record_auth_event();
create trigger audit_person_changed after update of encrypted_password, email, email_confirmed_at on auth.users
    for each row
    when (
        new.encrypted_password is distinct from old.encrypted_password
        or new.email is distinct from old.email
        or new.email_confirmed_at is distinct from old.email_confirmed_at
    )
    execute function private.record_auth_event();
create trigger audit_identity_added_and_removed after insert or delete on auth.identities
    for each row execute function private.record_auth_event();
create trigger audit_session_begun_and_ended after insert or delete on auth.sessions
    for each row execute function private.record_auth_event();

------------------------------------------------------------------------------------------------------
-- Our own door: who got in from where, and who did not
------------------------------------------------------------------------------------------------------

create function service.record_sign_in(
    email text,
    user_id uuid,
    method text,
    result text,
    code text,
    device text default null
) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    person uuid := (
        select u.id
        from auth.users as u
        where case
            when record_sign_in.user_id is not null then u.id = record_sign_in.user_id
            else u.email = lower(btrim(record_sign_in.email)) and not u.is_sso_user
        end
    );
begin
    perform private.act_as(case when person is null then 'system' else 'person' end, person);
    -- An address that nobody signs in with is not kept: people type their password there.
    perform audit.record_event(
        chain_kind => case when person is null then 'platform' else 'person' end,
        chain => coalesce(person, '00000000-0000-0000-0000-000000000000'),
        action => case when record_sign_in.result = 'ok' then 'sign_in.succeeded' else 'sign_in.refused' end,
        result => record_sign_in.result,
        entity => 'sign_in',
        entity_id => person,
        subject => 'person',
        subject_id => person,
        detail => jsonb_strip_nulls(jsonb_build_object(
            'method', record_sign_in.method,
            'code', record_sign_in.code,
            'device', record_sign_in.device
        ))
    );
end
$$;
comment on function service.record_sign_in(text, uuid, text, text, text, text) is
    'Records a sign-in at our door, result ok, failed, or refused by a limit, with the address and agent that the web tier vouches for. '
    'The person is named by id once they are in and by the address they typed before; both cost the same.';
grant execute on function service.record_sign_in(text, uuid, text, text, text, text) to service_role;

------------------------------------------------------------------------------------------------------
-- Looking at files
------------------------------------------------------------------------------------------------------

create function private.record_views(for_account uuid, document_ids uuid[]) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    looked_at record;
begin
    perform private.require(for_account, 'documents.read');
    for looked_at in
        select
            case when d.invoice_id is null then 'job' else 'invoice' end as subject,
            coalesce(d.invoice_id, d.job_id) as subject_id,
            (array_agg(d.id order by d.id))[1] as first_id,
            jsonb_agg(d.id order by d.id) as ids
        from public.documents as d
        where d.account_id = for_account
          and d.id = any (document_ids)
        group by 1, 2
        order by 2
    loop
        perform audit.record_event(
            chain_kind => 'account',
            chain => for_account,
            action => 'document.viewed',
            result => 'ok',
            entity => 'document',
            entity_id => looked_at.first_id,
            subject => looked_at.subject,
            subject_id => looked_at.subject_id,
            detail => jsonb_build_object('document_ids', looked_at.ids),
            is_detail => true
        );
    end loop;
end
$$;
comment on function private.record_views(uuid, uuid[]) is 'Records who looked at which files: one record for each job or invoice they belong to.';
grant execute on function private.record_views(uuid, uuid[]) to authenticated;

create function public.view_documents(account_id uuid, document_ids uuid[])
    returns table (id uuid, bucket_id text, object_name text)
    language plpgsql
    set search_path = ''
as $$
declare
    seen uuid[];
begin
    -- As the caller, under the caller's policies: what they may not see is left out, and not recorded as seen.
    seen := array(
        select d.id
        from public.documents as d
        where d.account_id = view_documents.account_id
          and d.id = any (view_documents.document_ids)
          and d.state = 'ready'
        limit 100
    );
    if cardinality(seen) > 0 then
        perform private.record_views(view_documents.account_id, seen);
    end if;
    return query
        select d.id, d.bucket_id, d.object_name
        from public.documents as d
        where d.account_id = view_documents.account_id
          and d.id = any (seen);
end
$$;
comment on function public.view_documents(uuid, uuid[]) is
    'Where the files of ready documents lie that the caller may see, at most 100; that they were asked for is recorded (AUD-2).';
grant execute on function public.view_documents(uuid, uuid[]) to authenticated;

------------------------------------------------------------------------------------------------------
-- Refused acts: their own transaction rolled back, so they are reported by a call of their own
------------------------------------------------------------------------------------------------------

create function private.report_refusal(for_account uuid, act text, code text) returns boolean
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    member boolean := exists (
        select
        from public.members as m
        where m.account_id = for_account
          and m.user_id = auth.uid()
          and m.removed_at is null
    );
begin
    perform private.require_session();
    if act is null or act !~ '^[a-z0-9_/().:\[\]-]{1,120}$' or code is null or code !~ '^[a-z_]{1,40}$' then
        perform private.fail('validation_failed', 'Name the act and the code of the refusal.');
    end if;
    -- Whoever is no member writes nothing into that business's trail: it stays on their own.
    perform audit.record_event(
        chain_kind => case when member then 'account' else 'person' end,
        chain => case when member then for_account else auth.uid() end,
        action => 'request.refused',
        result => 'refused',
        entity => 'request',
        entity_id => null,
        subject => 'request',
        subject_id => null,
        detail => jsonb_build_object('act', act, 'code', code)
    );
    return member;
end
$$;
comment on function private.report_refusal(uuid, text, text) is 'See public.report_refusal.';
grant execute on function private.report_refusal(uuid, text, text) to authenticated;

create function public.report_refusal(account_id uuid, act text, code text) returns boolean
    language sql
    set search_path = ''
as $$
    select private.report_refusal(account_id, act, code)
$$;
comment on function public.report_refusal(uuid, text, text) is
    'Records that the caller was refused: act is a permission or a route, code the stable code of the refusal. On the '
    'account''s trail for its members, on the caller''s own for everybody else (AUD-2). Was it the account''s?';
grant execute on function public.report_refusal(uuid, text, text) to authenticated;
