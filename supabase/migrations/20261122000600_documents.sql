-- Documents: photos and PDFs. The row comes first, the object in the account's private bucket after it,
-- and the database decides about every object whatever rights the storage server works with.

------------------------------------------------------------------------------------------------------
-- Tables
------------------------------------------------------------------------------------------------------

create table public.documents (
    account_id uuid not null references public.accounts,
    id uuid not null default private.uuidv7(),
    job_id uuid,
    invoice_id uuid,
    kind text not null,
    state text not null default 'awaiting',
    access text not null default 'internal',
    bucket_id text not null generated always as (account_id::text) stored,
    upload_name text generated always as (case when kind = 'photo' then 'photo/' || id::text || '/0' end) stored,
    object_name text not null generated always as (kind || '/' || id::text || '/1') stored,
    file_name text not null,
    content_type text,
    size_bytes bigint,
    sha256 text,
    width integer,
    height integer,
    upload_until timestamptz not null default now() + interval '10 minutes',
    ready_at timestamptz,
    created_at timestamptz not null default private.moment(),
    updated_at timestamptz not null default private.moment(),
    created_by uuid default auth.uid(),
    primary key (account_id, id),
    constraint document_is_of_a_job_of_the_account
        foreign key (account_id, job_id) references public.jobs (account_id, id),
    constraint document_is_of_a_known_kind_and_belongs_to_its_thing check (
        (kind = 'photo' and job_id is not null and invoice_id is null)
        or (kind = 'invoice_pdf' and invoice_id is not null)
    ),
    constraint document_state_is_known check (state in ('awaiting', 'ready', 'removed')),
    constraint document_access_is_known check (access in ('internal', 'client', 'supplier')),
    constraint document_file_name_is_not_blank check (length(btrim(file_name)) between 1 and 255),
    constraint ready_document_has_its_facts check (
        state = 'awaiting'
        or (
            content_type in ('image/jpeg', 'image/png', 'application/pdf')
            and size_bytes > 0
            and sha256 ~ '^[0-9a-f]{64}$'
            and ready_at is not null
        ) is true
    ),
    constraint photo_has_a_size_in_pixels check (
        kind <> 'photo' or state = 'awaiting' or (width > 0 and height > 0) is true
    )
);
comment on table public.documents is 'A photo or PDF: awaiting its bytes, ready, or removed.';
comment on column public.documents.upload_name is 'Where the phone uploads the photo as it was taken. Only its uploader ever reads it.';
comment on column public.documents.object_name is 'Where the checked file lies: upright, without metadata.';
comment on column public.documents.access is 'Who outside the team may see it: nobody, the client, or the supplier.';
comment on column public.documents.upload_until is 'Real time; nothing is accepted into the bucket for this document after it.';
create index documents_by_job on public.documents (account_id, job_id);
create index documents_by_invoice on public.documents (account_id, invoice_id);
create index documents_by_object on public.documents (bucket_id, object_name);
create index documents_awaiting on public.documents (upload_until) where state = 'awaiting';

create trigger touch before update on public.documents for each row execute function private.touch();

select audit.watch(
    'public.documents', 'document',
    personal => array['file_name'],
    business => array[
        'account_id', 'id', 'job_id', 'invoice_id', 'kind', 'state', 'access', 'bucket_id', 'upload_name', 'object_name',
        'content_type', 'size_bytes', 'sha256', 'width', 'height', 'upload_until', 'ready_at',
        'created_at', 'updated_at', 'created_by'
    ]
);

------------------------------------------------------------------------------------------------------
-- Policies
------------------------------------------------------------------------------------------------------

create policy "Members see ready documents, and those they upload themselves"
    on public.documents for select to authenticated
    using (
        nullif(account_id = any ((select private.accounts_with('documents.read'))::uuid[]), false) is not unknown
        and (state <> 'awaiting' or created_by = (select auth.uid()))
        and (
            invoice_id is null
            or nullif(account_id = any ((select private.accounts_with('invoices.read'))::uuid[]), false) is not unknown
        )
        and (
            invoice_id is not null
            or nullif(account_id = any ((select private.accounts_with('jobs.all'))::uuid[]), false) is not unknown
            or (account_id, job_id) in (select own.account_id, own.job_id from private.own_jobs() as own)
        )
    );
comment on policy "Members see ready documents, and those they upload themselves" on public.documents is
    'What is not ready has not been cleaned of its metadata: only the uploader sees it. An invoice''s PDF is for who sees '
    'invoices, whatever job it is of, and a photo for who sees the job.';

create policy "Members who may write documents start photos in their account"
    on public.documents for insert to authenticated
    with check (
        nullif(account_id = any ((select private.accounts_with('documents.write'))::uuid[]), false) is not unknown
        and kind = 'photo'
        and (
            nullif(account_id = any ((select private.accounts_with('jobs.all'))::uuid[]), false) is not unknown
            or (account_id, job_id) in (select own.account_id, own.job_id from private.own_jobs() as own)
        )
    );
comment on policy "Members who may write documents start photos in their account" on public.documents is
    'Photos only, of a job that they see: the PDF of an invoice is started by issuing it.';

create policy "Members who may write documents change who sees them"
    on public.documents for update to authenticated
    using (
        nullif(account_id = any ((select private.accounts_with('documents.write'))::uuid[]), false) is not unknown
        and kind = 'photo'
        and (
            nullif(account_id = any ((select private.accounts_with('jobs.all'))::uuid[]), false) is not unknown
            or (account_id, job_id) in (select own.account_id, own.job_id from private.own_jobs() as own)
        )
    )
    with check (nullif(account_id = any ((select private.accounts_with('documents.write'))::uuid[]), false) is not unknown);
comment on policy "Members who may write documents change who sees them" on public.documents is
    'Photos of jobs that they see; the grant allows the name and who sees the file, nothing else.';

grant select on public.documents to authenticated;
grant insert (account_id, job_id, kind, file_name) on public.documents to authenticated;
grant update (file_name, access) on public.documents to authenticated;

------------------------------------------------------------------------------------------------------
-- Objects in storage
------------------------------------------------------------------------------------------------------

create function private.buckets_with(permission text) returns text[]
    language plpgsql
    stable security definer
    set search_path = ''
as $$
begin
    return private.accounts_with(permission)::text[];
end
$$;
comment on function private.buckets_with(text) is
    'The buckets of the accounts in which the signed-in person holds a permission now: a bucket''s name is its account''s id.';
grant execute on function private.buckets_with(text) to authenticated;

-- On these the condition is the plain one: storage asks for one bucket and joins nothing, so that it is part of the index's
-- condition. What lies in another's bucket is never read, and takes no other time than what is not there.
create policy "Members view the files of documents that they may see"
    on storage.objects for select to authenticated
    using (
        bucket_id = any ((select private.buckets_with('documents.read'))::text[])
        and exists (
            select
            from public.documents as d
            where d.bucket_id = objects.bucket_id
              and (
                  d.object_name = objects.name
                  or (d.upload_name = objects.name and d.created_by = (select auth.uid()))
              )
        )
    );

create policy "Members upload the file of a document that they started"
    on storage.objects for insert to authenticated
    with check (
        bucket_id = any ((select private.buckets_with('documents.write'))::text[])
        and exists (
            select
            from public.documents as d
            where d.bucket_id = objects.bucket_id
              and objects.name in (d.upload_name, d.object_name)
              and d.state = 'awaiting'
              and d.created_by = (select auth.uid())
        )
    );

create policy "Members upload again the file of a document that they started"
    on storage.objects for update to authenticated
    using (
        bucket_id = any ((select private.buckets_with('documents.write'))::text[])
        and exists (
            select
            from public.documents as d
            where d.bucket_id = objects.bucket_id
              and objects.name in (d.upload_name, d.object_name)
              and d.state = 'awaiting'
              and d.created_by = (select auth.uid())
        )
    )
    with check (
        bucket_id = any ((select private.buckets_with('documents.write'))::text[])
        and exists (
            select
            from public.documents as d
            where d.bucket_id = objects.bucket_id
              and objects.name in (d.upload_name, d.object_name)
              and d.state = 'awaiting'
              and d.created_by = (select auth.uid())
        )
    );

create policy "Members delete their uploads, and files that are not in use"
    on storage.objects for delete to authenticated
    using (
        bucket_id = any ((select private.buckets_with('documents.write'))::text[])
        and exists (
            select
            from public.documents as d
            where d.bucket_id = objects.bucket_id
              and (
                  (d.upload_name = objects.name and d.created_by = (select auth.uid()))
                  or (d.object_name = objects.name and d.state = 'awaiting' and d.created_by = (select auth.uid()))
              )
        )
    );

create function private.guard_object() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    document public.documents;
begin
    -- Reading counts (last_accessed_at) and the like may change; what the object is may not.
    if tg_op = 'UPDATE'
        and (new.bucket_id, new.name, new.version, new.metadata, new.user_metadata)
            is not distinct from (old.bucket_id, old.name, old.version, old.metadata, old.user_metadata)
    then
        return new;
    end if;
    if not exists (select from public.accounts as a where a.id = private.as_uuid(new.bucket_id))
        and (tg_op = 'INSERT' or not exists (select from public.accounts as a where a.id = private.as_uuid(old.bucket_id)))
    then
        return new;
    end if;

    select *
    into document
    from public.documents as d
    where d.account_id = private.as_uuid(new.bucket_id)
      and d.id = private.as_uuid(split_part(new.name, '/', 2))
      and new.name in (d.upload_name, d.object_name);

    if not found or document.state <> 'awaiting' then
        raise exception using
            errcode = '42501',
            hint = 'document_not_awaiting',
            message = 'No document is waiting for this file.';
    end if;
    if document.upload_until <= now() then
        raise exception using
            errcode = '42501',
            hint = 'document_expired',
            message = 'The ten minutes for this upload are over.';
    end if;
    if not private.account_allows(document.account_id, 'member_writes')
        or not exists (
            select
            from public.members as m
            join public.role_permissions as rp
                on rp.account_id = m.account_id
                and rp.role_id = m.role_id
                and rp.permission = 'documents.write'
            where m.account_id = document.account_id
              and m.user_id = document.created_by
              and m.removed_at is null
        )
    then
        raise exception using
            errcode = '42501',
            hint = 'not_allowed',
            message = 'Whoever started this upload may no longer add documents here.';
    end if;
    return new;
end
$$;
comment on function private.guard_object() is
    'Refuses every object in an account''s bucket that has no document awaiting it: started less than ten '
    'minutes ago by somebody who may still write there, and under exactly its name. An upload token of the '
    'storage server lives two hours and is not checked by policies; this trigger fires for it as well (FILE-2).';

create trigger objects_need_an_awaiting_document
    before insert or update on storage.objects
    for each row execute function private.guard_object();

-- Supabase grants everything on its tables to the API's roles, truncate with it, which asks no policy; the grant is the
-- storage server's own, so only a trigger can stand in its way. Buckets go with their objects or not at all.
create function private.refuse_truncate() returns trigger
    language plpgsql
    set search_path = ''
as $$
begin
    raise exception using
        errcode = '42501',
        message = format('%I.%I is never truncated: delete objects one by one, through storage.', tg_table_schema, tg_table_name);
end
$$;
comment on function private.refuse_truncate() is 'Refuses truncate, which passes over policies and row triggers, to everybody.';

create trigger objects_are_never_truncated
    before truncate on storage.objects
    for each statement execute function private.refuse_truncate();

------------------------------------------------------------------------------------------------------
-- Acts
------------------------------------------------------------------------------------------------------

create function public.start_document(
    account_id uuid,
    job_id uuid,
    kind text,
    file_name text,
    idempotency_key uuid
) returns jsonb
    language plpgsql
    set search_path = ''
as $$
declare
    result jsonb;
    started public.documents;
begin
    perform private.require(start_document.account_id, 'documents.write');
    result := private.replay(
        start_document.account_id, idempotency_key, 'start_document',
        jsonb_build_array(job_id, kind, file_name)
    );
    if result is not null then
        return result;
    end if;
    if kind <> 'photo' then
        perform private.fail('validation_failed', 'Only photos can be added to a job for now.', 'kind');
    end if;
    if not exists (
        select
        from public.jobs as j
        where j.account_id = start_document.account_id
          and j.id = start_document.job_id
    ) then
        perform private.fail('not_found', 'There is no such job.');
    end if;

    insert into public.documents (account_id, job_id, kind, file_name)
    values (
        start_document.account_id,
        start_document.job_id,
        start_document.kind,
        left(coalesce(private.clean(start_document.file_name), 'photo'), 255)
    )
    returning * into started;

    return private.remember(
        start_document.account_id,
        idempotency_key,
        jsonb_build_object(
            'document_id', started.id, 'bucket_id', started.bucket_id,
            'upload_name', started.upload_name, 'object_name', started.object_name
        )
    );
end
$$;
comment on function public.start_document(uuid, uuid, text, text, uuid) is
    'Makes room for a photo of a job for ten minutes. Answers {document_id, bucket_id, upload_name, object_name}.';
grant execute on function public.start_document(uuid, uuid, text, text, uuid) to authenticated;

create function private.own_awaiting_document(for_account uuid, for_document uuid) returns public.documents
    language plpgsql
    set search_path = ''
as $$
declare
    document public.documents;
begin
    perform private.require(for_account, 'documents.write');
    select *
    into document
    from public.documents as d
    where d.account_id = for_account
      and d.id = for_document
      and (d.state <> 'awaiting' or d.created_by = auth.uid())
    for update;
    if not found then
        perform private.fail('not_found', 'There is no such document.');
    end if;
    return document;
end
$$;
comment on function private.own_awaiting_document(uuid, uuid) is 'Locks a document; one that awaits its file is there for its uploader only.';

create function private.finish_document(
    for_account uuid,
    for_document uuid,
    content_type text,
    size_bytes bigint,
    sha256 text,
    width integer,
    height integer
) returns jsonb
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    document public.documents := private.own_awaiting_document(for_account, for_document);
    stored_bytes bigint;
begin
    if document.state = 'ready' and document.sha256 = finish_document.sha256 then
        return jsonb_build_object('document_id', document.id, 'state', document.state);
    end if;
    if document.state <> 'awaiting' then
        perform private.fail('document_not_awaiting', 'This document is not waiting for a file.');
    end if;
    if document.upload_until <= now() then
        perform private.fail('document_expired', 'The ten minutes for this upload are over. Add the photo again.');
    end if;

    select (o.metadata ->> 'size')::bigint
    into stored_bytes
    from storage.objects as o
    where o.bucket_id = document.bucket_id
      and o.name = document.object_name;
    if not found then
        perform private.fail('upload_not_found', 'The file has not arrived. Add it again.');
    end if;
    if stored_bytes <> finish_document.size_bytes then
        perform private.fail('validation_failed', 'The file that arrived is not the file that was checked.', 'size_bytes');
    end if;

    update public.documents as d
    set state = 'ready',
        content_type = finish_document.content_type,
        size_bytes = finish_document.size_bytes,
        sha256 = finish_document.sha256,
        width = finish_document.width,
        height = finish_document.height,
        ready_at = private.moment()
    where d.account_id = for_account
      and d.id = for_document;
    return jsonb_build_object('document_id', document.id, 'state', 'ready');
end
$$;
comment on function private.finish_document(uuid, uuid, text, bigint, text, integer, integer) is 'See public.finish_document.';
grant execute on function private.finish_document(uuid, uuid, text, bigint, text, integer, integer) to authenticated;

create function public.finish_document(
    account_id uuid,
    document_id uuid,
    content_type text,
    size_bytes bigint,
    sha256 text,
    width integer default null,
    height integer default null
) returns jsonb
    language sql
    set search_path = ''
as $$
    select private.finish_document(account_id, document_id, content_type, size_bytes, sha256, width, height)
$$;
comment on function public.finish_document(uuid, uuid, text, bigint, text, integer, integer) is
    'Makes a document ready once its checked file lies under object_name. Again with the same sha256: same answer.';
grant execute on function public.finish_document(uuid, uuid, text, bigint, text, integer, integer) to authenticated;

create function private.discard_document(for_account uuid, for_document uuid) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    document public.documents := private.own_awaiting_document(for_account, for_document);
begin
    if document.state <> 'awaiting' then
        perform private.fail('document_not_awaiting', 'This document is not waiting for a file.');
    end if;
    if exists (
        select
        from storage.objects as o
        where o.bucket_id = document.bucket_id
          and o.name in (document.upload_name, document.object_name)
    ) then
        perform private.fail('validation_failed', 'Remove the uploaded file first.', 'document_id');
    end if;
    delete from public.documents as d
    where d.account_id = for_account
      and d.id = for_document;
end
$$;
comment on function private.discard_document(uuid, uuid) is 'See public.discard_document.';
grant execute on function private.discard_document(uuid, uuid) to authenticated;

create function public.discard_document(account_id uuid, document_id uuid) returns void
    language sql
    set search_path = ''
as $$
    select private.discard_document(account_id, document_id)
$$;
comment on function public.discard_document(uuid, uuid) is
    'Forgets a document that awaits its file. Delete its objects through storage first: afterwards nobody may.';
grant execute on function public.discard_document(uuid, uuid) to authenticated;

------------------------------------------------------------------------------------------------------
-- What was never finished: for the sweeper
------------------------------------------------------------------------------------------------------

create function service.abandoned_documents(limit_rows integer) returns setof jsonb
    language sql
    stable security definer
    set search_path = ''
as $$
    select jsonb_build_object(
        'account_id', d.account_id,
        'document_id', d.id,
        'bucket_id', d.bucket_id,
        'names', array_remove(array[d.upload_name, d.object_name], null)
    )
    from public.documents as d
    where d.state = 'awaiting'
      and d.upload_until < now() - interval '10 minutes'
    order by d.upload_until
    limit least(limit_rows, 100)
$$;
comment on function service.abandoned_documents(integer) is
    'Documents whose file never became ready. Delete the objects named through storage, then call forget_document.';
grant execute on function service.abandoned_documents(integer) to service_role;

create function service.forget_document(account_id uuid, document_id uuid) returns boolean
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    perform private.act_as('worker', name => 'storage-sweep');
    delete from public.documents as d
    where d.account_id = forget_document.account_id
      and d.id = forget_document.document_id
      and d.state = 'awaiting'
      and d.upload_until < now()
      and not exists (
          select
          from storage.objects as o
          where o.bucket_id = d.bucket_id
            and o.name in (d.upload_name, d.object_name)
      );
    return found;
end
$$;
comment on function service.forget_document(uuid, uuid) is 'Forgets an abandoned document once nothing of it lies in storage.';
grant execute on function service.forget_document(uuid, uuid) to service_role;
