-- Audit: who did what, when, from where. Triggers write it in the transaction of the change; each chain of
-- records (one a business, one a person) is linked by hashes as its transactions commit, so that anybody can
-- check that nothing was changed, taken out, put in or moved. What can be traced to a person lies apart and
-- can be erased, and the chain still checks.

create schema if not exists audit;
comment on schema audit is 'The audit trail. Not exposed, and no grant on anything in it: read through functions that check.';

------------------------------------------------------------------------------------------------------
-- Tables
------------------------------------------------------------------------------------------------------

create table audit.records (
    id bigint generated always as identity primary key,
    chain_id uuid not null,
    chain_kind text not null,
    transaction_id xid8 not null default pg_current_xact_id(),
    recorded_at timestamptz not null default clock_timestamp(),
    happened_at timestamptz not null,
    actor_kind text not null,
    actor_id uuid,
    session_id uuid,
    via text not null,
    trusted boolean not null,
    request_id text,
    action text not null,
    result text not null,
    entity text not null,
    entity_id uuid,
    subject text not null,
    subject_id uuid,
    is_detail boolean not null,
    commitments text not null
);
comment on table audit.records is
    'One row per act, with ids and names of fields only: what the fields held is committed to, and lies in '
    'audit.field_values. Append only. audit.canonical() says how a record is written down to be hashed.';
comment on column audit.records.chain_id is
    'The account; or the person, for what belongs to no account, such as signing in; or 0 for what belongs to neither.';
comment on column audit.records.happened_at is 'When it happened; recorded_at is when it was written. They differ for imported history only.';
comment on column audit.records.via is 'Through the web app, the Data API, an edge function, or SQL of our own.';
comment on column audit.records.trusted is 'Did our own tiers vouch for address, user agent and request id (x-tf-context)?';
comment on column audit.records.subject is 'What the entity belongs to: the invoice of a line. The entity itself otherwise.';
comment on column audit.records.is_detail is 'A part whose changes show under its subject and not in the list of everything.';
comment on column audit.records.commitments is
    'name:hex, one for each changed field, sorted by name, with a space between: HMAC-SHA256 of the value under its salt. '
    '@from is [address, user agent], @actor is [name], @detail is what an event tells.';

create table audit.field_values (
    record_id bigint primary key,
    chain_id uuid not null,
    fields jsonb not null
);
comment on table audit.field_values is
    'What the fields of a record held: {name: [salt in hex, value]}, where value is the text [before, after] in JSON. '
    'A name that was erased is missing here and still committed to in the record.';

create table audit.links (
    chain_id uuid not null,
    seq bigint not null,
    record_id bigint not null,
    hash bytea not null,
    primary key (chain_id, seq),
    constraint record_is_linked_once unique (record_id)
);
comment on table audit.links is
    'The chains. seq counts from 1 without a gap; hash = SHA-256(hash before || seq as 8 bytes, most significant first || '
    'SHA-256(canonical text of the record)), and the hash before the first is audit.genesis(chain). Append only.';

create table audit.heads (
    chain_id uuid primary key,
    seq bigint not null,
    hash bytea not null,
    record_id bigint not null,
    transaction_id xid8 not null
)
with (fillfactor = 50);
comment on table audit.heads is 'The last link of each chain: the one row that a transaction locks, and only as it commits.';
comment on column audit.heads.record_id is 'The last record that transaction_id linked: up to it that transaction is done.';

create table audit.anchors (
    number bigint primary key,
    at timestamptz not null,
    previous bytea not null,
    root bytea not null,
    size integer not null,
    key_id text not null,
    signature bytea not null,
    statement_hash bytea not null,
    constraint anchor_number_counts_from_one check (number >= 1),
    constraint anchor_is_signed check (
        length(signature) = 64 and length(root) = 32 and length(previous) = 32 and length(statement_hash) = 32
    )
);
comment on table audit.anchors is
    'Signed statements of what the chains'' heads were, made outside the database with a key that is never in it. Append only.';
comment on column audit.anchors.previous is 'The statement_hash of the anchor before.';
comment on column audit.anchors.root is 'Root of the Merkle tree (RFC 9162, 2.1.1) over the heads that moved since the anchor before.';
comment on column audit.anchors.statement_hash is 'SHA-256 of the statement that was signed.';

create table audit.anchor_heads (
    chain_id uuid not null,
    number bigint not null references audit.anchors,
    index integer not null,
    seq bigint not null,
    hash bytea not null,
    path bytea[] not null,
    primary key (chain_id, number)
);
comment on table audit.anchor_heads is
    'The heads that an anchor covers; index and path lead from each to the anchor''s root. Append only.';
create index anchor_heads_by_number on audit.anchor_heads (number, index);

create table audit.segments (
    chain_id uuid not null,
    last_seq bigint not null,
    hash bytea not null,
    anchor_number bigint not null references audit.anchors,
    recorded_before timestamptz not null,
    dropped_at timestamptz not null default now(),
    transaction_id xid8 not null default pg_current_xact_id(),
    primary key (chain_id, last_seq)
);
comment on table audit.segments is
    'What was dropped when its time was over: a chain up to last_seq, whose hash stays here and in a signed anchor, so that '
    'the rest still checks from there. Append only.';
create index segments_by_anchor on audit.segments (anchor_number);

create table audit.watched (
    table_name text primary key,
    entity text not null,
    subject text not null,
    subject_column text not null,
    is_detail boolean not null,
    only_when text
);
comment on table audit.watched is 'The tables whose changes are recorded, and what they are called there.';

create table audit.columns (
    table_name text not null references audit.watched,
    column_name text not null,
    class text not null,
    primary key (table_name, column_name),
    constraint column_class_is_known check (class in ('secret', 'personal', 'business'))
);
comment on table audit.columns is
    'Every column of a watched table. secret: never in the log, only that it changed. personal: erased with the person. '
    'business: kept as long as the record, as tax and company law ask.';

------------------------------------------------------------------------------------------------------
-- The encoding
------------------------------------------------------------------------------------------------------

create function audit.canonical(record audit.records) returns text
    language plpgsql
    stable parallel safe
    set search_path = ''
as $$
begin
    return json_build_array(
        'tf-audit-1',
        record.chain_kind,
        record.chain_id,
        record.id,
        timezone('UTC', record.recorded_at),
        timezone('UTC', record.happened_at),
        record.transaction_id,
        record.actor_kind,
        record.actor_id,
        record.session_id,
        record.via,
        record.trusted,
        record.request_id,
        record.action,
        record.result,
        record.entity,
        record.entity_id,
        record.subject,
        record.subject_id,
        record.is_detail,
        record.commitments
    )::text;
end
$$;
comment on function audit.canonical(audit.records) is
    'A record as it is hashed, version tf-audit-1: a JSON array in the order below, elements joined by a comma and a space, in UTF-8. '
    'id is a number, trusted and is_detail are true or false, all else is a string or null, in which nothing is escaped but " and \ '
    '(with a backslash), \b \f \n \r \t and other control characters (\u00xx). Times are in UTC as 2026-11-22T09:00:00.000001, '
    'without zeros at the end of the fraction and without the point when there is none. UUIDs are in lower case.';

create function audit.digest(record audit.records) returns bytea
    language plpgsql
    stable parallel safe
    set search_path = ''
as $$
begin
    return sha256(convert_to(audit.canonical(record), 'UTF8'));
end
$$;
comment on function audit.digest(audit.records) is 'SHA-256 of the canonical text.';

create function audit.genesis(chain uuid) returns bytea
    language plpgsql
    immutable parallel safe
    set search_path = ''
as $$
begin
    return sha256(convert_to('tf-audit-1 ' || chain::text, 'UTF8'));
end
$$;
comment on function audit.genesis(uuid) is 'The hash before a chain''s first link.';

------------------------------------------------------------------------------------------------------
-- Linking: as a transaction commits
------------------------------------------------------------------------------------------------------

create function audit.link_from(first audit.records) returns void
    language plpgsql
    set search_path = ''
as $$
declare
    turns integer := 0;
    chain uuid;
    entry record;
    next_seq bigint;
    next_hash bytea;
    seqs bigint[];
    ids bigint[];
    hashes bytea[];
begin
    -- The first of several has linked them all.
    if exists (
        select
        from audit.heads as h
        where h.chain_id = first.chain_id
          and h.transaction_id = first.transaction_id
          and h.record_id >= first.id
    ) then
        return;
    end if;

    -- Chains in the order of their ids, so that two transactions over the same chains wait and never block each other.
    for chain in
        select distinct r.chain_id
        from audit.records as r
        where r.id between first.id and currval('audit.records_id_seq')
          and r.transaction_id = first.transaction_id
        order by r.chain_id
    loop
        -- In turn, as audit.link() says; who adds to hundreds of chains waits for their rows, since the server's locks are counted.
        turns := turns + 1;
        if turns <= 100 then
            perform pg_advisory_xact_lock(uuid_hash_extended(chain, 0));
        end if;
        insert into audit.heads (chain_id, seq, hash, record_id, transaction_id)
        values (chain, 0, audit.genesis(chain), 0, first.transaction_id)
        on conflict do nothing;
        select h.seq, h.hash
        into strict next_seq, next_hash
        from audit.heads as h
        where h.chain_id = chain
        for update;

        seqs := '{}';
        ids := '{}';
        hashes := '{}';
        for entry in
            select r.id, audit.digest(r) as digest
            from audit.records as r
            where r.id between first.id and currval('audit.records_id_seq')
              and r.transaction_id = first.transaction_id
              and r.chain_id = chain
            order by r.id
        loop
            next_seq := next_seq + 1;
            next_hash := sha256(next_hash || int8send(next_seq) || entry.digest);
            seqs := array_append(seqs, next_seq);
            ids := array_append(ids, entry.id);
            hashes := array_append(hashes, next_hash);
        end loop;

        insert into audit.links (chain_id, seq, record_id, hash)
        select chain, entry_of.seq, entry_of.id, entry_of.hash
        from unnest(seqs, ids, hashes) as entry_of (seq, id, hash);
        update audit.heads as h
        set seq = next_seq,
            hash = next_hash,
            record_id = ids[cardinality(ids)],
            transaction_id = first.transaction_id
        where h.chain_id = chain;
    end loop;
end
$$;
comment on function audit.link_from(audit.records) is
    'Links this record of the transaction and every later one of its own, unless that was done. Ids ascend within a transaction, '
    'and heads say how far this one is linked, so a savepoint that is rolled back takes its records and its links with it.';

create function audit.link() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    turn text;
begin
    -- Where the auth server commits a sign-in, a fault of ours fails nothing: the record stays unlinked, and audit.verify
    -- reports it.
    if new.chain_kind = 'person' and session_user = 'supabase_auth_admin' then
        begin
            perform audit.link_from(new);
        exception
            when others then
                raise warning 'Record % could not be linked: %', new.id, sqlerrm;
        end;
        return null;
    end if;

    -- Most transactions write one record. It is this one when no later id was drawn here.
    if new.id = currval('audit.records_id_seq') then
        -- Who waits for a row wakes at each of its changes, to find that it was not their turn; who waits for a lock wakes once.
        turn := pg_advisory_xact_lock(uuid_hash_extended(new.chain_id, 0));
        with head as (
            update audit.heads as h
            set seq = h.seq + 1,
                hash = sha256(h.hash || int8send(h.seq + 1) || sha256(convert_to(json_build_array(
                    'tf-audit-1',
                    new.chain_kind,
                    new.chain_id,
                    new.id,
                    timezone('UTC', new.recorded_at),
                    timezone('UTC', new.happened_at),
                    new.transaction_id,
                    new.actor_kind,
                    new.actor_id,
                    new.session_id,
                    new.via,
                    new.trusted,
                    new.request_id,
                    new.action,
                    new.result,
                    new.entity,
                    new.entity_id,
                    new.subject,
                    new.subject_id,
                    new.is_detail,
                    new.commitments
                )::text, 'UTF8'))),
                record_id = new.id,
                transaction_id = new.transaction_id
            where h.chain_id = new.chain_id
              and not (h.transaction_id = new.transaction_id and h.record_id >= new.id)
            returning h.seq, h.hash
        )
        insert into audit.links (chain_id, seq, record_id, hash)
        select new.chain_id, head.seq, new.id, head.hash from head;
        if found then
            return null;
        end if;
    end if;

    perform audit.link_from(new);
    return null;
end
$$;
comment on function audit.link() is
    'Links what the transaction has recorded, as it commits: the first to fire links every record from its own on, and a record '
    'written after that links in its own firing.';

create constraint trigger records_are_linked
    after insert on audit.records
    deferrable initially deferred
    for each row execute function audit.link();
alter table audit.records enable always trigger records_are_linked;

------------------------------------------------------------------------------------------------------
-- Writing
------------------------------------------------------------------------------------------------------

create function audit.is_card_number(digits text) returns boolean
    language plpgsql
    immutable parallel safe
    set search_path = ''
as $$
declare
    sum integer := 0;
    digit integer;
begin
    for place in 1 .. length(digits) loop
        digit := substr(digits, length(digits) + 1 - place, 1)::integer * case place % 2 when 0 then 2 else 1 end;
        sum := sum + digit / 10 + digit % 10;
    end loop;
    return sum % 10 = 0;
end
$$;
comment on function audit.is_card_number(text) is 'Is the last digit the check digit of those before it (ISO/IEC 7812-1, annex B)?';

create function audit.mask(content text) returns text
    language plpgsql
    immutable
    set search_path = ''
as $$
declare
    masked text := content;
    form text;
    candidate text;
begin
    -- Keys, by the forms that whoever issues them gives them: Stripe, our own API, webhook secrets, Supabase, Resend, a signed
    -- token; and the secret part of a private link.
    masked := regexp_replace(
        masked,
        '(([sr]k|tf)_(live|test)_|whsec_|sb_secret_)[A-Za-z0-9+/=_-]{8,}'
            || '|re_([A-Za-z0-9]{6,}_[A-Za-z0-9]{12,}|[A-Za-z0-9]{24,})'
            || '|eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{4,}',
        '[masked]', 'g'
    );
    masked := regexp_replace(masked, '/p/[A-Za-z0-9_-]{22,128}', '/p/[masked]', 'g');

    -- Cards, in one piece or as they are printed, with the first digits and the lengths that are issued. An id, a digest or a
    -- telephone number has another form.
    foreach form in array array[
        '(?:4[0-9]{12}|3[0689][0-9]{12}|3[47][0-9]{13}|[2-6][0-9]{15}|[456][0-9]{16,18})',
        '[2-6][0-9]{3}[ .-][0-9]{4}[ .-][0-9]{4}[ .-][0-9]{4}',
        '[456][0-9]{3}[ .-][0-9]{4}[ .-][0-9]{4}[ .-][0-9]{4}[ .-][0-9]{3}',
        '3[0-9]{3}[ .-][0-9]{6}[ .-][0-9]{4,5}'
    ] loop
        for candidate in
            select distinct hit.parts[1]
            from regexp_matches(masked, '(?<![0-9a-f+])(' || form || ')(?![0-9A-Za-z])', 'g') as hit (parts)
        loop
            if audit.is_card_number(regexp_replace(candidate, '[^0-9]', '', 'g')) then
                masked := replace(masked, candidate, '[masked]');
            end if;
        end loop;
    end loop;

    -- A number that stands in JSON as a number was not typed, and stays as it is.
    return case when pg_input_is_valid(masked, 'jsonb') then masked else content end;
end
$$;
comment on function audit.mask(text) is
    'The JSON with card numbers, keys and private links in it written as [masked]: what somebody typed where it does not belong, or '
    'sent as a header, never reaches the log (AUD-6). It cannot know a password that somebody wrote into a note.';

create function audit.append(
    chain_kind text,
    chain uuid,
    action text,
    result text,
    entity text,
    entity_id uuid,
    subject text,
    subject_id uuid,
    is_detail boolean,
    old_row jsonb,
    new_row jsonb,
    columns text[],
    secret_columns text[],
    detail jsonb
) returns bigint
    language plpgsql
    set search_path = ''
as $$
declare
    context private.request := case
        when current_setting('tf.request', true) <> '' then current_setting('tf.request', true)::private.request
        else private.request_context()
    end;
    actor jsonb := case when context.person_id is null then nullif(current_setting('tf.actor', true), '')::jsonb end;
    actor_kind text := case when context.person_id is null then coalesce(actor ->> 'kind', 'system') else 'person' end;
    names text[] := '{}';
    contents text[] := '{}';
    changed boolean := false;
    first_set text;
    name text;
    was jsonb;
    becomes jsonb;
    seed bytea := uuid_send(gen_random_uuid());
    salt bytea;
    commitments text := '';
    held text := '';
    new_id bigint;
begin
    -- This runs with every write, where each expression has its price and starting a query costs more than a dozen of them: so
    -- it loops over names. These lists are no constraints of the table, because a check is read and prepared anew for each
    -- row of its own. What a trigger records of a person is of known kinds.
    if action is not null or context.person_id is null then
        if chain_kind <> all ('{account,person,platform}')
            or actor_kind <> all ('{person,customer,partner,api_key,platform_owner,webhook,worker,system}')
            or context.via <> all ('{app,api,edge,sql}')
            or result <> all ('{ok,refused,failed}')
        then
            raise exception using
                errcode = '23514',
                message = format('The audit trail knows no %s by %s through %s with result %s.', chain_kind, actor_kind, context.via, result);
        end if;
        if actor ->> 'name' is not null then
            names := array_append(names, '@actor');
            contents := array_append(contents, jsonb_build_array(actor ->> 'name')::text);
        end if;
        if detail is not null then
            names := array_append(names, '@detail');
            contents := array_append(contents, detail::text);
        end if;
    end if;
    if context.ip is not null or context.user_agent is not null then
        names := array_append(names, '@from');
        contents := array_append(contents, jsonb_build_array(context.ip, context.user_agent)::text);
    end if;

    -- What changed, as [before, after]; of a secret only whether there was one and is one. In the order of their bytes columns
    -- come after what stands around them.
    foreach name in array columns loop
        if (old_row -> name) is distinct from (new_row -> name) then
            was := nullif(old_row -> name, 'null');
            becomes := nullif(new_row -> name, 'null');
            if was is not null or becomes is not null then
                if name = any (secret_columns) then
                    was := case when was is not null then '"[redacted]"' end;
                    becomes := case when becomes is not null then '"[redacted]"' end;
                end if;
                changed := true;
                names := array_append(names, name);
                contents := array_append(contents, jsonb_build_array(was, becomes)::text);
                if was is null and first_set is null and right(name, 3) = '_at' then
                    first_set := left(name, -3);
                end if;
            end if;
        end if;
    end loop;

    -- The act is named by what changed: a state that was reached, or a moment that was set for the first time.
    if action is null then
        if not changed then
            return null;
        end if;
        action := entity || '.' || case
            when old_row is null then 'created'
            when new_row is null then 'deleted'
            when 'state' = any (names) then new_row ->> 'state'
            else coalesce(first_set, 'updated')
        end;
    end if;

    -- One look at all of it: hardly ever is there anything to mask. The number that our own tier gave a request is of its making.
    if array_to_string(contents, ' ') ~ '[0-9]{4}[ .-]?[0-9]{4,6}[ .-]?[0-9]{4}|_(live|test|secret)_|whsec_|re_|eyJ|/p/' then
        for i in 1 .. cardinality(contents) loop
            contents[i] := audit.mask(contents[i]);
        end loop;
    end if;
    if not context.trusted and context.request_id is not null then
        context.request_id := audit.mask(to_json(context.request_id)::text)::jsonb #>> '{}';
    end if;

    -- One seed a record, which nobody keeps: no salt tells another, and the generator is asked once.
    for i in 1 .. cardinality(names) loop
        salt := substr(sha256(seed || int4send(i)), 1, 16);
        commitments := commitments || ' ' || names[i] || ':'
            || encode(extensions.hmac(convert_to(contents[i], 'UTF8'), salt, 'sha256'), 'hex');
        held := held || ',"' || names[i] || '":["' || encode(salt, 'hex') || '",' || to_json(contents[i]) || ']';
    end loop;

    with entry as (
        insert into audit.records (
            chain_id, chain_kind, happened_at, actor_kind, actor_id, session_id, via, trusted, request_id,
            action, result, entity, entity_id, subject, subject_id, is_detail, commitments
        )
        values (
            chain, append.chain_kind, case when current_setting('tf.moment', true) <> '' then private.moment() else now() end,
            actor_kind, coalesce(context.person_id, (actor ->> 'id')::uuid),
            context.session_id, context.via, context.trusted, context.request_id,
            append.action, append.result, append.entity, append.entity_id, append.subject, append.subject_id, append.is_detail,
            substr(commitments, 2)
        )
        returning id
    )
    insert into audit.field_values (record_id, chain_id, fields)
    select entry.id, chain, ('{' || substr(held, 2) || '}')::jsonb from entry
    returning record_id into new_id;
    return new_id;
end
$$;
comment on function audit.append(text, uuid, text, text, text, uuid, text, uuid, boolean, jsonb, jsonb, text[], text[], jsonb) is
    'Writes one record, with who and from where taken from the request, and apart from it the values that it commits to. '
    'columns: the names to compare between the rows, in the order of their bytes. Without an action it is named by what '
    'changed, and when nothing did there is no record. Answers its id.';

create function audit.record() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    old_row jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
    new_row jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
    row_now jsonb := coalesce(new_row, old_row);
    account uuid := row_now ->> tg_argv[4];
    new_id bigint;
begin
    new_id := audit.append(
        case when account is null then 'platform' else 'account' end,
        coalesce(account, '00000000-0000-0000-0000-000000000000'),
        null,
        'ok',
        tg_argv[0],
        (row_now ->> 'id')::uuid,
        tg_argv[1],
        (row_now ->> tg_argv[2])::uuid,
        tg_argv[3]::boolean,
        old_row,
        new_row,
        tg_argv[5]::text[],
        tg_argv[6]::text[],
        null
    );
    return null;
end
$$;
comment on function audit.record() is
    'Records a changed row: the fields that changed, before and after (AUD-1). Its arguments are what audit.watch was told: entity, '
    'subject, the subject''s column, is it a detail, the account''s column, the columns to compare, the secret ones.';

create function audit.refuse_truncate() returns trigger
    language plpgsql
    set search_path = ''
as $$
begin
    raise exception using
        errcode = '42501',
        hint = 'audit_sees_no_truncate',
        message = format('Truncate would empty %s without a record: delete its rows.', tg_table_name);
end
$$;
comment on function audit.refuse_truncate() is 'Row triggers do not fire for a truncate, so a watched table can''t be truncated (AUD-1).';

create function audit.name_of(of_table regclass) returns text
    language sql
    stable
    set search_path = ''
as $$
    select n.nspname || '.' || c.relname
    from pg_catalog.pg_class as c
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where c.oid = of_table
$$;
comment on function audit.name_of(regclass) is 'schema.table, as audit.watched writes it.';

create function audit.watch(
    watched_table regclass,
    entity text,
    subject text default null,
    subject_column text default 'id',
    is_detail boolean default false,
    secret text[] default '{}',
    personal text[] default '{}',
    business text[] default '{}',
    only_when text default null
) returns void
    language plpgsql
    set search_path = ''
as $$
declare
    name_of_table text := audit.name_of(watched_table);
begin
    insert into audit.watched (table_name, entity, subject, subject_column, is_detail, only_when)
    values (
        name_of_table, watch.entity, coalesce(watch.subject, watch.entity), watch.subject_column, watch.is_detail, watch.only_when
    );

    insert into audit.columns (table_name, column_name, class)
    select name_of_table, column_name, 'secret' from unnest(secret) as column_name
    union all
    select name_of_table, column_name, 'personal' from unnest(personal) as column_name
    union all
    select name_of_table, column_name, 'business' from unnest(business) as column_name;

    perform audit.watch_again(watched_table);
end
$$;
comment on function audit.watch(regclass, text, text, text, boolean, text[], text[], text[], text) is
    'Has every change of a table recorded, whoever makes it. Every column is named once, as secret, personal or business. '
    'only_when leaves out updates that are a machine''s bookkeeping, such as taking a lease.';

create function audit.watch_again(watched_table regclass) returns void
    language plpgsql
    set search_path = ''
as $$
declare
    watched audit.watched;
    call text;
    unknown text;
begin
    select * into strict watched from audit.watched as w where w.table_name = audit.name_of(watched_table);

    select string_agg(coalesce(named.column_name, existing.attname), ', ')
    into unknown
    from (select c.column_name from audit.columns as c where c.table_name = watched.table_name) as named
    full join (
        select a.attname
        from pg_catalog.pg_attribute as a
        where a.attrelid = watched_table and a.attnum > 0 and not a.attisdropped
    ) as existing on existing.attname = named.column_name
    where existing.attname is null or named.column_name is null;
    if unknown is not null then
        raise exception 'Columns of % that are not classified, or do not exist: %', watched.table_name, unknown;
    end if;

    call := format(
        'audit.record(%L, %L, %L, %L, %L, %L, %L)',
        watched.entity, watched.subject, watched.subject_column, watched.is_detail,
        case when watched.table_name = 'public.accounts' then 'id' else 'account_id' end,
        array(
            select c.column_name
            from audit.columns as c
            where c.table_name = watched.table_name and c.column_name <> 'updated_at'
            order by c.column_name collate "C"
        ),
        array(select c.column_name from audit.columns as c where c.table_name = watched.table_name and c.class = 'secret')
    );
    execute format(
        'create or replace trigger audit_added_and_deleted after insert or delete on %s for each row execute function %s',
        watched.table_name, call
    );
    execute format(
        'create or replace trigger audit_changed after update on %s for each row %s execute function %s',
        watched.table_name, 'when (' || watched.only_when || ')', call
    );
    execute format(
        'create or replace trigger audit_sees_no_truncate before truncate on %s for each statement execute function audit.refuse_truncate()',
        watched.table_name
    );
    execute format('alter table %s enable always trigger audit_added_and_deleted', watched.table_name);
    execute format('alter table %s enable always trigger audit_changed', watched.table_name);
    execute format('alter table %s enable always trigger audit_sees_no_truncate', watched.table_name);
end
$$;
comment on function audit.watch_again(regclass) is
    'Puts the triggers on a watched table anew: after a column was added and classified in audit.columns, or was dropped.';

select audit.watch(
    'public.accounts', 'account',
    personal => array['email', 'phone', 'address_line_1', 'address_line_2', 'town', 'postcode'],
    business => array[
        'id', 'name', 'trade', 'vat_registered', 'vat_number', 'payment_terms_days', 'state',
        'created_at', 'updated_at', 'created_by'
    ]
);
select audit.watch(
    'public.members', 'member',
    personal => array['display_name', 'email'],
    business => array['account_id', 'id', 'user_id', 'role_id', 'removed_at', 'removed_by', 'created_at', 'updated_at', 'created_by']
);
select audit.watch(
    'public.roles', 'role', is_detail => true,
    business => array['account_id', 'id', 'key', 'name', 'demands_factor', 'created_at', 'updated_at', 'created_by']
);
select audit.watch(
    'public.role_permissions', 'role_permission', 'role', 'role_id', is_detail => true,
    business => array['account_id', 'role_id', 'permission', 'created_at', 'created_by']
);

------------------------------------------------------------------------------------------------------
-- Acts that are no change of a row
------------------------------------------------------------------------------------------------------

create function audit.record_event(
    chain_kind text,
    chain uuid,
    action text,
    result text,
    entity text,
    entity_id uuid default null,
    subject text default null,
    subject_id uuid default null,
    detail jsonb default null,
    is_detail boolean default false
) returns bigint
    language plpgsql
    set search_path = ''
as $$
begin
    return audit.append(
        record_event.chain_kind,
        coalesce(chain, '00000000-0000-0000-0000-000000000000'),
        action, result, entity, entity_id,
        coalesce(subject, entity), case when subject is null then entity_id else subject_id end,
        is_detail,
        null, null, '{}', '{}',
        detail
    );
end
$$;
comment on function audit.record_event(text, uuid, text, text, text, uuid, text, uuid, jsonb, boolean) is
    'Records what is no change of a row: a sign-in, an export, a refusal. chain: the account or the person. Answers the record''s id. '
    'detail carries no secret: whoever calls sees to that.';

create function service.record_event(context jsonb, chain_kind text, chain_id uuid, action text, result text, detail jsonb)
    returns bigint
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    perform private.act_as(
        coalesce(context ->> 'actor_kind', 'person'),
        (context ->> 'actor_id')::uuid,
        context ->> 'actor_name'
    );
    return audit.record_event(
        record_event.chain_kind, record_event.chain_id, record_event.action, record_event.result,
        coalesce(context ->> 'entity', 'request'), (context ->> 'entity_id')::uuid,
        detail => record_event.detail
    );
end
$$;
comment on function service.record_event(jsonb, text, uuid, text, text, jsonb) is
    'Records an event that an edge function saw, such as a sign-in, on the chain of an account, a person or (id null) the platform. '
    'context: {actor_kind?, actor_id?, actor_name?, entity?, entity_id?}. Answers the record''s id.';
grant execute on function service.record_event(jsonb, text, uuid, text, text, jsonb) to service_role;

create function service.record_refusal(context jsonb, action text, detail jsonb) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    account uuid := (context ->> 'account_id')::uuid;
begin
    perform service.record_event(
        context, case when account is null then 'platform' else 'account' end, account,
        record_refusal.action, 'refused', record_refusal.detail
    );
end
$$;
comment on function service.record_refusal(jsonb, text, jsonb) is
    'Records an act that was refused: its own transaction rolled back, so this is a call of its own. '
    'context: {account_id?, actor_kind?, actor_id?, actor_name?, entity?, entity_id?}.';
grant execute on function service.record_refusal(jsonb, text, jsonb) to service_role;
