-- Sessions: what a person sees of theirs, how they end one, and what they are told when somebody signs in on a new device.
--
-- The auth server keeps the sessions themselves: begun when, last refreshed when and from where, which is every ten minutes
-- for a session in use. What it can't know is the device: it is called by auth-gate, whose agent it sees. That is kept here.

------------------------------------------------------------------------------------------------------
-- Tables
------------------------------------------------------------------------------------------------------

create table private.session_devices (
    session_id uuid primary key,
    user_id uuid not null references auth.users on delete cascade,
    device text,
    address inet,
    method text,
    begun_at timestamptz not null default now(),
    constraint session_device_is_short check (length(device) <= 80)
);
comment on table private.session_devices is
    'On what and from where a session began at our own door. It outlives the session by half a year, so that a device that comes back is known.';
comment on column private.session_devices.device is 'In words that a person recognises: Chrome on Android.';
comment on column private.session_devices.method is 'By what it was signed in to: password, code, provider.';
create index session_devices_by_person on private.session_devices (user_id);

create table private.sign_in_notices (
    token_hash bytea primary key,
    user_id uuid not null references auth.users on delete cascade,
    created_at timestamptz not null default now(),
    used_at timestamptz
);
comment on table private.sign_in_notices is
    'The links "this wasn''t me" in our mails: each is good for one week and for one use.';
comment on column private.sign_in_notices.token_hash is 'SHA-256 of the token, which stands in the mail and nowhere else.';
create index sign_in_notices_by_person on private.sign_in_notices (user_id);

------------------------------------------------------------------------------------------------------
-- A session begins
------------------------------------------------------------------------------------------------------

create function private.neighbourhood(address inet) returns inet
    language sql
    immutable
    set search_path = ''
as $$
    select network(set_masklen(address, case family(address) when 6 then 64 else 32 end))::inet
$$;
comment on function private.neighbourhood(inet) is
    'What of an address stays with a household or a firm: all of an IPv4 address, the first 64 bits of an IPv6 one.';

create function private.tell_of_new_device(person auth.users, device text, address inet) returns void
    language plpgsql
    set search_path = ''
as $$
declare
    token text := private.base64url(extensions.gen_random_bytes(32));
begin
    delete from private.sign_in_notices as n
    where n.user_id = person.id
      and n.created_at <= now() - interval '7 days';
    insert into private.sign_in_notices (token_hash, user_id)
    values (sha256(convert_to(token, 'utf8')), person.id);
    insert into mail.outbox (dedupe_key, template, to_address, data, has_secret)
    values (
        'new_device:' || gen_random_uuid(),
        'new_device',
        person.email,
        jsonb_build_object('at', now(), 'device', device, 'address', host(address), 'link_token', token),
        true
    );
end
$$;
comment on function private.tell_of_new_device(auth.users, text, inet) is
    'Mails a person that somebody signed in as them on a device we have not seen with them, with a link that undoes it.';

create function service.record_session(session_id uuid, device text, known boolean, method text default null) returns boolean
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    person auth.users;
    seen_at inet := (private.request_context()).ip;
    is_first boolean;
    is_familiar boolean;
begin
    select u.*
    into person
    from auth.sessions as s
    join auth.users as u on u.id = s.user_id
    where s.id = record_session.session_id;
    if not found then
        return false;
    end if;
    select
        count(*) = 0,
        coalesce(bool_or(
            d.device is not distinct from record_session.device
            and private.neighbourhood(d.address) = private.neighbourhood(seen_at)
        ), false)
    into is_first, is_familiar
    from private.session_devices as d
    where d.user_id = person.id
      and d.begun_at > now() - interval '180 days';

    delete from private.session_devices as d
    where d.user_id = person.id
      and d.begun_at <= now() - interval '180 days';
    insert into private.session_devices (session_id, user_id, device, address, method)
    values (record_session.session_id, person.id, record_session.device, seen_at, record_session.method)
    on conflict do nothing;
    if not found then
        return false;
    end if;

    -- Whoever has just signed up knows that they did.
    if known or is_familiar or (is_first and person.email_confirmed_at > now() - interval '15 minutes') then
        return false;
    end if;
    perform private.tell_of_new_device(person, record_session.device, seen_at);
    return true;
end
$$;
comment on function service.record_session(uuid, text, boolean, text) is
    'Keeps on what and from where a session began, once. A person who signs in on a device that is neither known by its own '
    'proof nor was seen with them at this address in the last half year is told by mail (RATE-5). Were they?';
grant execute on function service.record_session(uuid, text, boolean, text) to service_role;

------------------------------------------------------------------------------------------------------
-- "This wasn't me"
------------------------------------------------------------------------------------------------------

create function service.disowned_by(token text) returns uuid
    language sql
    stable security definer
    set search_path = ''
as $$
    select n.user_id
    from private.sign_in_notices as n
    where n.token_hash = sha256(convert_to(token, 'utf8'))
      and n.used_at is null
      and n.created_at > now() - interval '7 days'
$$;
comment on function service.disowned_by(text) is
    'Who holds the link "this wasn''t me", so that auth-gate can take their password out of use; null for no link of ours.';
grant execute on function service.disowned_by(text) to service_role;

create function service.disown_sign_in(token text) returns boolean
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    person uuid;
    told_at timestamptz;
    strange_since timestamptz;
begin
    update private.sign_in_notices as n
    set used_at = now()
    where n.token_hash = sha256(convert_to(disown_sign_in.token, 'utf8'))
      and n.used_at is null
      and n.created_at > now() - interval '7 days'
    returning n.user_id, n.created_at into person, told_at;
    if not found then
        return false;
    end if;
    -- Whoever it was may have been in since the first notice that nobody answered, and may have left themselves a way back: a
    -- passkey, or a second factor that shuts its person out.
    select least(told_at, min(n.created_at))
    into strange_since
    from private.sign_in_notices as n
    where n.user_id = person
      and n.used_at is null
      and n.created_at > now() - interval '7 days';
    delete from auth.webauthn_credentials as k
    where k.user_id = person
      and k.created_at >= strange_since;
    delete from auth.mfa_factors as f
    where f.user_id = person
      and f.created_at >= strange_since;
    delete from private.recovery_codes as c
    where c.user_id = person
      and c.created_at >= strange_since;
    -- Later notices may have gone to whoever it was instead.
    delete from private.sign_in_notices as n
    where n.user_id = person
      and n.created_at >= told_at
      and n.used_at is null;
    perform private.act_as('person', person);
    delete from auth.sessions as s where s.user_id = person;
    -- Devices that a stranger signed in on are none of this person's.
    delete from private.session_devices as d where d.user_id = person;
    perform audit.record_event(
        chain_kind => 'person',
        chain => person,
        action => 'sign_in.disowned',
        result => 'ok',
        entity => 'sign_in',
        entity_id => person,
        subject => 'person',
        subject_id => person,
        detail => '{}'
    );
    return true;
end
$$;
comment on function service.disown_sign_in(text) is
    'Uses up a link "this wasn''t me": ends every session of the person, forgets their devices, and takes away what passkeys, second '
    'factors and recovery codes came since the first notice that they left unanswered. False when the link is none, was used or is '
    'too old.';
grant execute on function service.disown_sign_in(text) to service_role;

------------------------------------------------------------------------------------------------------
-- One's own sessions
------------------------------------------------------------------------------------------------------

create function private.my_sessions()
    returns table (id uuid, device text, address text, country text, begun_at timestamptz, last_used_at timestamptz, is_this boolean)
    language plpgsql
    stable security definer
    set search_path = ''
as $$
begin
    perform private.require_session();
    return query
        select
            s.id,
            d.device,
            host(s.ip),
            private.country_of_session(s.id, s.ip),
            s.created_at,
            coalesce(s.refreshed_at at time zone 'utc', s.created_at),
            s.id = (auth.jwt() ->> 'session_id')::uuid
        from private.live_sessions as live
        join auth.sessions as s on s.id = live.id
        left join private.session_devices as d on d.session_id = s.id
        where live.user_id = auth.uid()
        order by 7 desc, 6 desc
        limit 100;
end
$$;
comment on function private.my_sessions() is 'See public.my_sessions.';
grant execute on function private.my_sessions() to authenticated;

create function public.my_sessions()
    returns table (id uuid, device text, address text, country text, begun_at timestamptz, last_used_at timestamptz, is_this boolean)
    language sql
    stable
    set search_path = ''
as $$
    select * from private.my_sessions()
$$;
comment on function public.my_sessions() is
    'The caller''s own live sessions, this one first, then the last used; at most 100. The device and the country (two letters, '
    'ISO 3166-1) are unknown (null) for a session that did not begin at our own door; last used is exact to ten minutes (AUTH-6).';
grant execute on function public.my_sessions() to authenticated;

create function private.end_session(session_id uuid) returns boolean
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    perform private.require_session();
    -- What the auth server does itself when somebody signs out, which it offers for one's own session and for all others, not
    -- for one. The refresh tokens go with the row, and the auth server knows the session no more either.
    delete from auth.sessions as s
    where s.id = end_session.session_id
      and s.user_id = auth.uid();
    return found;
end
$$;
comment on function private.end_session(uuid) is 'See public.end_session.';
grant execute on function private.end_session(uuid) to authenticated;

create function public.end_session(session_id uuid) returns boolean
    language sql
    set search_path = ''
as $$
    select private.end_session(session_id)
$$;
comment on function public.end_session(uuid) is
    'Ends one of the caller''s own sessions: its next statement fails although its token has not expired, and it can''t be '
    'refreshed (AUTH-6). False when there is no such session of theirs any more.';
grant execute on function public.end_session(uuid) to authenticated;

------------------------------------------------------------------------------------------------------
-- A refresh token that is replayed
------------------------------------------------------------------------------------------------------

create function private.end_replayed_session() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    delete from auth.sessions as s
    where s.id = new.session_id
      and not exists (
          select
          from auth.refresh_tokens as t
          where t.session_id = s.id
            and not t.revoked
      );
    return null;
exception when others then
    raise warning 'the session % was not ended: % (%)', new.session_id, sqlerrm, sqlstate;
    return null;
end
$$;
comment on function private.end_replayed_session() is
    'Ends a session that has no refresh token left. The auth server revokes them all when one older than the last but one comes back, '
    'but keeps the session, whose access token would be good for minutes more (AUTH-5). Never fails the auth server.';
-- At the end of the transaction: when a token is exchanged, the old one is revoked before the new one is there.
create constraint trigger session_ends_when_a_token_is_replayed after update of revoked on auth.refresh_tokens
    deferrable initially deferred
    for each row when (new.revoked) execute function private.end_replayed_session();

------------------------------------------------------------------------------------------------------
-- A session that was unused too long
------------------------------------------------------------------------------------------------------

create function private.end_idle_session() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    delete from auth.sessions as s
    using private.session_limits as l
    where s.id = new.id
      and l.kind = 'trade'
      and new.refreshed_at at time zone 'utc' > coalesce(old.refreshed_at at time zone 'utc', old.created_at) + l.idle;
    return null;
exception when others then
    raise warning 'the session % was not ended: % (%)', new.id, sqlerrm, sqlstate;
    return null;
end
$$;
comment on function private.end_idle_session() is
    'Ends a session whose refresh token comes back after it was unused for as long as private.session_limits allows. The auth server '
    'knows of no such limit and notes a use of now, after which it would count as used again (AUTH-5). Never fails the auth server.';
-- At the end of the transaction: the new refresh token is written after the session.
create constraint trigger session_ends_when_it_was_idle after update of refreshed_at on auth.sessions
    deferrable initially deferred
    for each row when (new.refreshed_at is distinct from old.refreshed_at) execute function private.end_idle_session();

------------------------------------------------------------------------------------------------------
-- One's own sign-ins
------------------------------------------------------------------------------------------------------

create function private.my_sign_ins(before_at timestamptz, before_id bigint, page_size integer)
    returns table (id bigint, at timestamptz, result text, code text, method text, device text, address text)
    language plpgsql
    stable security definer
    set search_path = ''
as $$
declare
    person uuid := auth.uid();
    rows integer := least(greatest(coalesce(page_size, 20), 1), 100);
begin
    perform private.require_session();
    return query
        select
            page.id,
            page.happened_at,
            page.result,
            told.detail ->> 'code',
            coalesce(d.method, told.detail ->> 'method'),
            coalesce(d.device, told.detail ->> 'device'),
            coalesce(host(d.address), (v.fields -> '@from' ->> 1)::jsonb ->> 0)
        from (
            select r.id, r.happened_at, r.result, r.entity_id
            from unnest(array['session.created', 'sign_in.refused']) as wanted (action)
            cross join lateral (
                select e.id, e.happened_at, e.result, e.entity_id
                from audit.records as e
                where e.chain_id = person
                  and e.actor_kind = 'person'
                  and e.action = wanted.action
                  and (e.happened_at, e.id) < (coalesce(before_at, 'infinity'), coalesce(before_id, 0))
                order by e.happened_at desc, e.id desc
                limit rows
            ) as r
            order by r.happened_at desc, r.id desc
            limit rows
        ) as page
        left join audit.field_values as v on v.record_id = page.id
        cross join lateral (select (v.fields -> '@detail' ->> 1)::jsonb as detail) as told
        left join private.session_devices as d on d.session_id = page.entity_id
        order by page.happened_at desc, page.id desc;
end
$$;
comment on function private.my_sign_ins(timestamptz, bigint, integer) is 'See public.my_sign_ins.';
grant execute on function private.my_sign_ins(timestamptz, bigint, integer) to authenticated;

create function public.my_sign_ins(before_at timestamptz default null, before_id bigint default null, page_size integer default 20)
    returns table (id bigint, at timestamptz, result text, code text, method text, device text, address text)
    language sql
    stable
    set search_path = ''
as $$
    select * from private.my_sign_ins(before_at, before_id, page_size)
$$;
comment on function public.my_sign_ins(timestamptz, bigint, integer) is
    'The caller''s own sign-ins as their chain of the trail tells them, the last first: every session that began, at whichever door '
    '(result ok), and every attempt that was turned away at ours (failed, or refused by a limit, with the code). Page by page: the at '
    'and id of the last row come back as before_at and before_id. Device and method are null where we do not know them (AUTH-6, AUD-2).';
grant execute on function public.my_sign_ins(timestamptz, bigint, integer) to authenticated;
