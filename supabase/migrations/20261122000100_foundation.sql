-- Foundation: schemas that are closed by default, tables that are born closed, identifiers, errors,
-- the request's context, and acts that may be repeated safely. Every later file builds on this one.

------------------------------------------------------------------------------------------------------
-- Schemas
------------------------------------------------------------------------------------------------------

create extension if not exists pgcrypto with schema extensions;

create schema if not exists private;
comment on schema private is
    'Helpers of policies and of exposed functions. Not exposed: nothing here has an address of its own.';

create schema if not exists service;
comment on schema service is
    'Functions for our edge functions alone; exposed, but execute is granted to service_role only.';

-- Whatever a project's own defaults say, what we create from here on belongs to nobody but its owner.
-- The statements without "in schema" are the ones that take execute on functions from public.
alter default privileges revoke all on functions from public;
alter default privileges revoke all on types from public;
alter default privileges revoke all on tables from public;
alter default privileges in schema public revoke all on tables from anon, authenticated, service_role;
alter default privileges in schema public revoke all on sequences from anon, authenticated, service_role;
alter default privileges in schema public revoke all on functions from anon, authenticated, service_role;

grant usage on schema private to anon, authenticated;
grant usage on schema service to service_role;

-- Nobody but the owner makes temporary objects: a temporary type or table is found before everything else, in functions
-- that run with their owner's rights too, whatever their search_path.
do $$
begin
    execute format('revoke temporary on database %I from public', current_database());
end
$$;

------------------------------------------------------------------------------------------------------
-- Tables are born closed
------------------------------------------------------------------------------------------------------

create function private.close_new_tables() returns event_trigger
    language plpgsql
    set search_path = ''
as $$
declare
    new_table record;
begin
    for new_table in
        select objid::regclass::text as name
        from pg_catalog.pg_event_trigger_ddl_commands()
        where object_type = 'table'
          and schema_name not like 'pg\_%'
    loop
        execute 'alter table ' || new_table.name || ' enable row level security';
        execute 'alter table ' || new_table.name || ' force row level security';
    end loop;
end
$$;
comment on function private.close_new_tables() is
    'Enables and forces row-level security on a table in the statement that creates it (ISO-2).';

create event trigger tables_are_born_closed
    on ddl_command_end
    when tag in ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO')
    execute function private.close_new_tables();

------------------------------------------------------------------------------------------------------
-- Identifiers, time and text
------------------------------------------------------------------------------------------------------

create function private.uuidv7() returns uuid
    language sql
    volatile parallel safe
    set search_path = ''
as $$
    -- A random UUID (version 4) whose first 48 bits become the time in milliseconds; then version 0111.
    select encode(
        set_bit(
            set_bit(
                overlay(
                    uuid_send(gen_random_uuid())
                    placing substring(int8send(floor(extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
                    from 1 for 6
                ),
                52, 1
            ),
            53, 1
        ),
        'hex'
    )::uuid
$$;
comment on function private.uuidv7() is
    'A UUID of version 7 (RFC 9562, 5.7): ordered by time of creation, 74 bits random. Postgres 17 has none.';
grant execute on function private.uuidv7() to authenticated;

create function private.moment() returns timestamptz
    language plpgsql
    stable parallel safe
    set search_path = ''
as $$
begin
    if session_user = 'postgres' and coalesce(current_setting('tf.moment', true), '') <> '' then
        return current_setting('tf.moment', true)::timestamptz;
    end if;
    return now();
end
$$;
comment on function private.moment() is
    'Business time: now, or the past moment that a seed or an import names (tf.moment). Only the owner''s own '
    'session can name one; the Data API and storage log in as others. Limits on sessions, links and uploads '
    'use now() and never this.';
grant execute on function private.moment() to authenticated;

create function private.today() returns date
    language sql
    stable parallel safe
    set search_path = ''
as $$
    select (private.moment() at time zone 'Europe/London')::date
$$;
comment on function private.today() is 'The date on a wall in the United Kingdom.';
grant execute on function private.today() to authenticated;

create function private.clean(words text) returns text
    language sql
    immutable parallel safe
    set search_path = ''
as $$
    select nullif(btrim(words, E' \t\r\n'), '')
$$;
comment on function private.clean(text) is 'Text without the white space around it; nothing but white space is null.';
grant execute on function private.clean(text) to authenticated;

create function private.touch() returns trigger
    language plpgsql
    set search_path = ''
as $$
begin
    new.updated_at := private.moment();
    return new;
end
$$;
comment on function private.touch() is 'Keeps updated_at true, whoever writes.';

------------------------------------------------------------------------------------------------------
-- Errors: one way to fail
------------------------------------------------------------------------------------------------------

create function private.fail(code text, message text, detail text default '') returns void
    language plpgsql
    set search_path = ''
as $$
begin
    raise exception using
        errcode = case code
            when 'not_found' then 'PT404'
            when 'not_allowed' then '42501'
            when 'account_suspended' then '42501'
            when 'session_ended' then '42501'
            when 'more_than_yours' then '42501'
            when 'owners_only' then '42501'
            when 'invitation_not_yours' then '42501'
            when 'fresh_proof_needed' then '42501'
            when 'domain_not_yours' then 'PT404'
            when 'factor_needed' then '42501'
            when 'platform_only' then '42501'
            when 'signed_in_long_ago' then '42501'
            else 'P0001'
        end,
        hint = code,
        message = message,
        detail = detail;
end
$$;
comment on function private.fail(text, text, text) is
    'Raises an error whose hint is one stable code, whose message is a sentence for people and whose detail '
    'names the field, where there is one. 42501 becomes 403 at the Data API, PT404 becomes 404, P0001 400.';
grant execute on function private.fail(text, text, text) to authenticated;

------------------------------------------------------------------------------------------------------
-- The request's context: who is asking from where, and can that be trusted?
------------------------------------------------------------------------------------------------------

create function private.header(name text) returns text
    language sql
    stable
    set search_path = ''
as $$
    select nullif(current_setting('request.headers', true), '')::jsonb ->> header.name
$$;
comment on function private.header(text) is 'A header of the request, as the Data API or storage hands it over (lower-case names).';

create type private.request as (
    ip text,
    user_agent text,
    request_id text,
    via text,
    trusted boolean,
    person_id uuid,
    session_id uuid
);
comment on type private.request is 'Who asks, and from where: see private.request_context().';

create function private.request_context() returns private.request
    language plpgsql
    stable
    set search_path = ''
as $$
declare
    seen private.request;
    headers json := nullif(current_setting('request.headers', true), '')::json;
    claims jsonb := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
    context text := headers ->> 'x-tf-context';
    payload text;
    key_name text;
    key text;
    vouched jsonb;
begin
    seen.person_id := claims ->> 'sub';
    seen.session_id := claims ->> 'session_id';

    if context is not null then
        payload := split_part(context, '.', 1);
        -- Two keys are valid while one is rotated; the second is asked for only when the first does not match.
        foreach key_name in array array['tf_context_key', 'tf_context_key_previous'] loop
            select secret.decrypted_secret into key from vault.decrypted_secrets as secret where secret.name = key_name;
            if length(key) >= 64 and pg_input_is_valid('\x' || key, 'bytea')
                and context = payload || '.' || encode(
                    extensions.hmac(convert_to(payload, 'UTF8'), ('\x' || key)::bytea, 'sha256'), 'base64'
                )
            then
                vouched := convert_from(decode(payload, 'base64'), 'UTF8')::jsonb;
                exit;
            end if;
        end loop;
    end if;

    -- A context is good for a minute and for the session it was made for; an edge function that acts for itself
    -- (service_role) may carry the context of the person or customer who asked it.
    seen.trusted := coalesce(
        abs(date_part('epoch', clock_timestamp()) - (vouched ->> 'iat')::float8) <= 60
        and ((vouched ->> 'sid') is not distinct from (claims ->> 'session_id') or claims ->> 'role' = 'service_role'),
        false
    );
    if seen.trusted then
        seen.ip := vouched ->> 'ip';
        seen.user_agent := left(vouched ->> 'ua', 500);
        seen.request_id := left(vouched ->> 'rid', 100);
        seen.via := coalesce(vouched ->> 'via', 'app');
        if seen.person_id is null and claims ->> 'role' = 'service_role' then
            seen.person_id := private.as_uuid(vouched ->> 'act');
        end if;
    else
        -- What the gateway observed. Anyone with a login can set the other headers.
        seen.ip := btrim(split_part(headers ->> 'x-forwarded-for', ',', 1));
        seen.ip := case when pg_input_is_valid(seen.ip, 'inet') then host(seen.ip::inet) end;
        seen.user_agent := left(headers ->> 'user-agent', 500);
        seen.request_id := left(headers ->> 'x-request-id', 100);
        seen.via := case when headers is null then 'sql' else 'api' end;
    end if;
    return seen;
end
$$;
comment on function private.request_context() is
    'Address, user agent and request id of the request. trusted means that our web tier or an edge function '
    'vouched for them: the MAC of x-tf-context matches, it is at most 60 s old and made for this session. '
    'person_id is who is signed in, or for whom an edge function acts with its own rights, when it is a person.';

create function private.before_request() returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    -- A planned count tells the planner's guess, which is drawn from the rows of all accounts. Anywhere in the headers: what a
    -- preference looks like inside quotes is not worth knowing.
    if current_setting('request.headers', true) ~* 'count=(planned|estimated)' then
        raise exception using
            errcode = 'PT400',
            hint = 'count_not_offered',
            message = 'Counts are exact here: ask with count=exact, or without.';
    end if;

    -- The context is looked at once, for all the records that follow. What only reads leaves none. As with
    -- request.jwt.claims, only who may set a setting could set another, and nothing that the API offers does.
    if current_setting('request.method', true) in ('POST', 'PATCH', 'PUT', 'DELETE') then
        perform set_config('tf.request', private.request_context()::text, true);
    end if;
end
$$;
comment on function private.before_request() is
    'Runs before every request of the Data API, as the person who asks: refuses counts that are the planner''s estimate, and keeps '
    'what private.request_context() found until the transaction ends.';
grant usage on schema private to service_role;
grant execute on function private.before_request() to anon, authenticated, service_role;

alter role authenticator set pgrst.db_pre_request = 'private.before_request';
notify pgrst, 'reload config';

create function private.as_uuid(words text) returns uuid
    language sql
    immutable parallel safe
    set search_path = ''
as $$
    select case when words ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then words::uuid end
$$;
comment on function private.as_uuid(text) is 'The UUID in its usual writing, or null when it is none.';

create function private.base64url(bytes bytea) returns text
    language plpgsql
    immutable parallel safe
    set search_path = ''
as $$
begin
    return translate(encode(bytes, 'base64'), E'+/=\n', '-_');
end
$$;
comment on function private.base64url(bytea) is 'Base64url without padding (RFC 4648, section 5).';

create function private.from_base64url(words text) returns bytea
    language plpgsql
    immutable parallel safe
    set search_path = ''
as $$
begin
    return decode(translate(words, '-_', '+/') || repeat('=', (4 - length(words) % 4) % 4), 'base64');
end
$$;
comment on function private.from_base64url(text) is 'The bytes behind unpadded base64url.';

create function private.act_as(kind text, id uuid default null, name text default null) returns void
    language sql
    set search_path = ''
as $$
    select set_config('tf.actor', jsonb_build_object('kind', kind, 'id', id, 'name', name)::text, true)
$$;
comment on function private.act_as(text, uuid, text) is
    'Says, until the transaction ends, on whose behalf a function acts when no person is signed in: a '
    'customer by a link, a webhook, a worker. The audit trail asks; a signed-in person always comes first.';

------------------------------------------------------------------------------------------------------
-- Acts that may be repeated safely
------------------------------------------------------------------------------------------------------

create table private.idempotency (
    owner_id uuid not null,
    key uuid not null,
    function text not null,
    request_hash bytea not null,
    result jsonb,
    created_by uuid,
    created_at timestamptz not null default now(),
    primary key (owner_id, key)
);
comment on table private.idempotency is
    'What an act answered, so that the same form sent twice acts once and gets the same answer. Kept for a week.';
comment on column private.idempotency.owner_id is 'The account, or the person while there is no account yet.';
create index idempotency_by_age on private.idempotency (created_at);

create function private.replay(owner_id uuid, key uuid, function text, request jsonb) returns jsonb
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    earlier private.idempotency;
    hash bytea := sha256(convert_to(request::text, 'utf8'));
begin
    if key is null then
        perform private.fail('validation_failed', 'Send an idempotency key with this.', 'idempotency_key');
    end if;
    -- Whoever calls has checked more than this; here nobody leaves a trace among another account's acts.
    if replay.owner_id is distinct from auth.uid()
        and not private.belongs_to(replay.owner_id)
    then
        perform private.fail('not_found', 'There is nothing here, or it is not yours.');
    end if;

    -- A second request with this key waits here for the first one's transaction to end.
    insert into private.idempotency (owner_id, key, function, request_hash, created_by)
    values (replay.owner_id, replay.key, replay.function, hash, auth.uid())
    on conflict do nothing;
    if found then
        return null;
    end if;

    select *
    into strict earlier
    from private.idempotency as i
    where i.owner_id = replay.owner_id
      and i.key = replay.key;

    if earlier.function <> replay.function
        or earlier.request_hash <> hash
        or earlier.created_by is distinct from auth.uid()
    then
        perform private.fail('idempotency_key_reused', 'This form was already sent with something else in it. Load the page again.');
    end if;
    return earlier.result;
end
$$;
comment on function private.replay(uuid, uuid, text, jsonb) is
    'The answer given earlier to the same act with the same key, or null the first time. The same key with '
    'another request, or from another person, is idempotency_key_reused.';
grant execute on function private.replay(uuid, uuid, text, jsonb) to authenticated;

create function private.remember(owner_id uuid, key uuid, result jsonb) returns jsonb
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    update private.idempotency as i
    set result = remember.result
    where i.owner_id = remember.owner_id
      and i.key = remember.key
      and i.result is null
      and i.created_by is not distinct from auth.uid();
    return result;
end
$$;
comment on function private.remember(uuid, uuid, jsonb) is 'Keeps the answer of an act for its repetition, and hands it back.';
grant execute on function private.remember(uuid, uuid, jsonb) to authenticated;
