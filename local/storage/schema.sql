-- The published part of the storage schema: buckets, objects, and what the file server needs beside them.
-- Run by the superuser at each start, once the roles exist; every statement may be repeated.
-- The tables of analytics and vector buckets come with those features, which this server does not have.

create schema if not exists storage authorization supabase_storage_admin;

grant usage on schema storage to postgres, anon, authenticated, service_role;

-- Everything below belongs to the storage administrator, as on a hosted project: `postgres` may write policies
-- and triggers on these tables, and may neither alter nor drop them.
set role supabase_storage_admin;

-- types ------------------------------------------------------------------------------------------------------

do $$
begin
    if to_regtype('storage.buckettype') is null then
        create type storage.buckettype as enum ('STANDARD', 'ANALYTICS', 'VECTOR');
    end if;
end;
$$;

-- tables -----------------------------------------------------------------------------------------------------

create table if not exists storage.migrations (
    id integer primary key,
    name varchar(100) not null unique,
    hash varchar(40) not null,
    executed_at timestamp default current_timestamp
);

create table if not exists storage.buckets (
    id text primary key,
    name text not null,
    owner uuid,
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    public boolean default false,
    avif_autodetection boolean default false,
    file_size_limit bigint,
    allowed_mime_types text[],
    owner_id text,
    type storage.buckettype not null default 'STANDARD',
    versioning_status text not null default 'DISABLED',
    constraint buckets_versioning_status_check check (versioning_status in ('DISABLED', 'ENABLED', 'SUSPENDED')),
    constraint buckets_versioning_standard_only_check check (type = 'STANDARD' or versioning_status = 'DISABLED'),
    constraint buckets_versioning_dark_check check (versioning_status = 'DISABLED')
);

create table if not exists storage.objects (
    id uuid primary key default gen_random_uuid(),
    bucket_id text,
    name text,
    owner uuid,
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    last_accessed_at timestamptz default now(),
    metadata jsonb,
    path_tokens text[] generated always as (string_to_array(name, '/')) stored,
    version text,
    owner_id text,
    user_metadata jsonb,
    archived_at timestamptz,
    is_delete_marker boolean not null default false,
    is_versioned boolean not null default false,
    constraint "objects_bucketId_fkey" foreign key (bucket_id) references storage.buckets (id)
);

create table if not exists storage.s3_multipart_uploads (
    id text primary key,
    in_progress_size bigint not null default 0,
    upload_signature text not null,
    bucket_id text not null references storage.buckets (id),
    key text collate "C" not null,
    version text not null,
    owner_id text,
    created_at timestamptz not null default now(),
    user_metadata jsonb,
    metadata jsonb
);

create table if not exists storage.s3_multipart_uploads_parts (
    id uuid primary key default gen_random_uuid(),
    upload_id text not null references storage.s3_multipart_uploads (id) on delete cascade,
    size bigint not null default 0,
    part_number integer not null,
    bucket_id text not null references storage.buckets (id),
    key text collate "C" not null,
    etag text not null,
    owner_id text,
    version text not null,
    created_at timestamptz not null default now()
);

comment on column storage.buckets.owner is 'Kept for old code; owner_id is used instead.';
comment on column storage.objects.owner is 'Kept for old code; owner_id is used instead.';
comment on column storage.objects.version is 'Names the bytes on disk. Each upload writes a new version; bytes never change under one.';

-- indexes ----------------------------------------------------------------------------------------------------

create unique index if not exists bname on storage.buckets (name);
create unique index if not exists bucketid_objname on storage.objects (bucket_id, name);
create index if not exists name_prefix_search on storage.objects (name text_pattern_ops);
create index if not exists idx_objects_bucket_id_name on storage.objects (bucket_id, name collate "C");
create index if not exists idx_objects_bucket_id_name_lower on storage.objects (bucket_id, lower(name) collate "C");
create index if not exists idx_multipart_uploads_list on storage.s3_multipart_uploads (bucket_id, key, created_at);

-- helpers for policies ---------------------------------------------------------------------------------------

create or replace function storage.foldername(name text)
returns text[]
language plpgsql
immutable
as $$
declare
    segments constant text[] := string_to_array(name, '/');
begin
    return segments[1 : cardinality(segments) - 1];
end;
$$;
comment on function storage.foldername(text) is 'Every segment of a name but the last.';

create or replace function storage.filename(name text)
returns text
language plpgsql
immutable
as $$
declare
    segments constant text[] := string_to_array(name, '/');
begin
    return segments[cardinality(segments)];
end;
$$;
comment on function storage.filename(text) is 'The last segment of a name.';

create or replace function storage.extension(name text)
returns text
language plpgsql
immutable
as $$
declare
    segments constant text[] := string_to_array(name, '/');
begin
    return split_part(segments[cardinality(segments)], '.', -1);
end;
$$;
comment on function storage.extension(text) is 'What follows the last dot of the last segment; the whole segment when it has none.';

create or replace function storage.operation()
returns text
language plpgsql
stable
as $$
begin
    return current_setting('storage.operation', true);
end;
$$;
comment on function storage.operation() is 'Which call of the storage server this statement belongs to.';

create or replace function storage.allow_any_operation(expected_operations text[])
returns boolean
language sql
stable
as $$
    select coalesce(
        bool_or(regexp_replace(expected, '^storage\.', '') = regexp_replace(storage.operation(), '^storage\.', '')),
        false
    )
    from unnest(expected_operations) as expected
    where expected <> '';
$$;
comment on function storage.allow_any_operation(text[]) is 'True within one of these calls; the prefix "storage." may be left out.';

create or replace function storage.allow_only_operation(expected_operation text)
returns boolean
language sql
stable
as $$
    select storage.allow_any_operation(array[expected_operation]);
$$;
comment on function storage.allow_only_operation(text) is 'True within this call; the prefix "storage." may be left out.';

create or replace function storage.get_size_by_bucket()
returns table (size bigint, bucket_id text)
language plpgsql
stable
as $$
begin
    return query
        select sum((o.metadata ->> 'size')::bigint)::bigint, o.bucket_id
        from storage.objects as o
        group by o.bucket_id;
end;
$$;
comment on function storage.get_size_by_bucket() is 'Bytes kept in each bucket that the caller can see into.';

-- triggers ---------------------------------------------------------------------------------------------------

create or replace function storage.update_updated_at_column()
returns trigger
language plpgsql
as $$
begin
    new.updated_at := now();
    return new;
end;
$$;
comment on function storage.update_updated_at_column() is 'Keeps objects.updated_at.';

create or replace function storage.enforce_bucket_name_length()
returns trigger
language plpgsql
as $$
begin
    if length(new.name) > 100 then
        raise exception 'bucket name "%" is too long (% characters). Max is 100.', new.name, length(new.name);
    end if;
    return new;
end;
$$;
comment on function storage.enforce_bucket_name_length() is 'Refuses bucket names of more than 100 characters.';

create or replace function storage.protect_delete()
returns trigger
language plpgsql
as $$
begin
    if coalesce(current_setting('storage.allow_delete_query', true), 'false') <> 'true' then
        raise exception 'Direct deletion from storage tables is not allowed. Use the Storage API instead.'
            using
                errcode = '42501',
                hint = 'This prevents accidental data loss from orphaned objects.';
    end if;
    return null;
end;
$$;
comment on function storage.protect_delete() is 'Refuses every delete by SQL, one that meets no row too: the bytes would stay behind.';

create or replace trigger update_objects_updated_at
    before update on storage.objects
    for each row execute function storage.update_updated_at_column();

create or replace trigger enforce_bucket_name_length_trigger
    before insert or update of name on storage.buckets
    for each row execute function storage.enforce_bucket_name_length();

create or replace trigger protect_buckets_delete
    before delete on storage.buckets
    for each statement execute function storage.protect_delete();

create or replace trigger protect_objects_delete
    before delete on storage.objects
    for each statement execute function storage.protect_delete();

-- rights -----------------------------------------------------------------------------------------------------

alter table storage.migrations enable row level security;
alter table storage.buckets enable row level security;
alter table storage.objects enable row level security;
alter table storage.s3_multipart_uploads enable row level security;
alter table storage.s3_multipart_uploads_parts enable row level security;

grant all on storage.buckets, storage.objects to postgres with grant option;
grant all on storage.buckets, storage.objects to anon, authenticated, service_role;
grant all on storage.s3_multipart_uploads, storage.s3_multipart_uploads_parts to postgres, service_role;
grant select on storage.s3_multipart_uploads, storage.s3_multipart_uploads_parts to anon, authenticated;
-- A trigger may be put on this table, its rows are the server's own.
grant trigger on storage.migrations to postgres;

reset role;
