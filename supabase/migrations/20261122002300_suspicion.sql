-- Suspicion: what is looked at before somebody may try to sign in, and once they got in: is it strange, and what then?

------------------------------------------------------------------------------------------------------
-- Nobody can tell who has a login (RATE-2)
------------------------------------------------------------------------------------------------------

create function private.is_known_at_the_door(login text, method text) returns boolean
    language sql
    stable
    set search_path = ''
as $$
    select exists (
        select
        from auth.users as u
        where u.email = lower(btrim(login))
          and not u.is_sso_user
          and u.deleted_at is null
          and coalesce(u.banned_until <= now(), true)
          and (method <> 'password' or u.encrypted_password <> '')
    )
$$;
comment on function private.is_known_at_the_door(text, text) is
    'Will the auth server compare what is typed for this login? It looks no further where nobody has it, where they are blocked, '
    'or where there is no password to compare.';

------------------------------------------------------------------------------------------------------
-- What went wrong, and where it came from
------------------------------------------------------------------------------------------------------

create table private.alerts (
    id bigint generated always as identity primary key,
    kind text not null,
    detail jsonb not null,
    raised_at timestamptz not null default now(),
    told_at timestamptz,
    constraint alert_kind_is_known check (kind in ('stuffing', 'suspicious_sign_in', 'apple_secret_ends'))
);
comment on table private.alerts is
    'What those who run the platform should look at: told by e-mail to the address that the vault holds as tf_alert_address, kept for a year.';
create index alerts_to_tell on private.alerts (id) where told_at is null;

create table private.sign_in_failures (
    id bigint generated always as identity primary key,
    network cidr not null,
    login_hash bytea,
    failed_at timestamptz not null default clock_timestamp()
);
comment on table private.sign_in_failures is
    'Attempts that failed at our door, from devices that the login does not know. Forgotten after a day.';
comment on column private.sign_in_failures.network is 'An address of version 4, or the first 64 bits of one of version 6.';
comment on column private.sign_in_failures.login_hash is 'As private.limit_keys makes it; null where none was named.';
create index sign_in_failures_by_network on private.sign_in_failures (network, failed_at);
create index sign_in_failures_by_login on private.sign_in_failures (login_hash, failed_at);

create table private.blocked_networks (
    network cidr primary key,
    times integer not null default 1,
    blocked_at timestamptz not null default now(),
    blocked_until timestamptz not null,
    constraint network_is_released_again check (blocked_until <= blocked_at + interval '1 day')
);
comment on table private.blocked_networks is
    'Addresses caught at trying many logins: blocked for an hour, each time twice as long up to a day, released by itself, and forgotten after a week.';

create function private.raise_alert(kind text, detail jsonb) returns void
    language sql
    set search_path = ''
as $$
    insert into private.alerts (kind, detail) values (kind, detail)
$$;
comment on function private.raise_alert(text, jsonb) is 'Notes something for those who run the platform.';

create function private.login_hash(login text) returns bytea
    language sql
    stable
    set search_path = ''
as $$
    select k.key_hash from private.limit_keys(jsonb_build_array(jsonb_build_object('limit', 'password', 'key', login))) as k
$$;
comment on function private.login_hash(text) is 'What stands for a login where it must not be read back; null for none.';

create function private.captcha_is_due(wanted jsonb, login text, method text, network cidr) returns boolean
    language plpgsql
    stable
    set search_path = ''
as $$
declare
    moment timestamptz := clock_timestamp();
begin
    if method = 'mail' then
        return exists (
            select
            from private.limit_keys(wanted) as k
            join private.limit_takes as t on t.key_hash = k.key_hash
            where 3 <= (select count(*) from unnest(t.taken) as taken where taken > moment - interval '15 minutes')
        );
    end if;
    return 3 <= greatest(
        (select count(*) from private.sign_in_failures as f where f.network = captcha_is_due.network and f.failed_at > moment - interval '1 hour'),
        (
            select count(*)
            from private.sign_in_failures as f
            where f.login_hash = private.login_hash(captcha_is_due.login)
              and f.failed_at > moment - interval '1 hour'
        )
    );
end
$$;
comment on function private.captcha_is_due(jsonb, text, text, cidr) is
    'Must a stranger show that no program asks? Before a password or a code after three failures within an hour at this login or '
    'from this address, whoever has the login or nobody; before a mail after three within 15 minutes to it or by this address. That '
    'is sooner than any limit pauses them, so that whoever answers is not kept waiting for what programs did.';

create function service.note_failure(login text, address text) returns jsonb
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    seen_at cidr := private.neighbourhood(note_failure.address::inet);
    logins bigint;
    until timestamptz;
begin
    perform set_config('synchronous_commit', 'off', true);
    insert into private.sign_in_failures (network, login_hash)
    values (seen_at, private.login_hash(note_failure.login));
    -- Twice what the limit of an address lets through at once, and from devices that nobody knows: no office forgets so many
    -- different passwords in a day.
    select count(distinct f.login_hash)
    into logins
    from private.sign_in_failures as f
    where f.network = seen_at
      and f.failed_at > clock_timestamp() - interval '1 day';
    if logins >= 20 then
        insert into private.blocked_networks as b (network, blocked_until)
        values (seen_at, now() + interval '1 hour')
        on conflict (network) do update
        set times = b.times + 1,
            blocked_at = now(),
            blocked_until = now() + least(interval '1 day', interval '1 hour' * 2 ^ least(b.times, 5))
        where b.blocked_until <= now()
        returning b.blocked_until into until;
        if found then
            perform private.raise_alert('stuffing', jsonb_build_object('network', seen_at, 'logins', logins, 'until', until));
        end if;
    end if;
    return jsonb_build_object('captcha_due', private.captcha_is_due('[]', note_failure.login, 'password', seen_at));
end
$$;
comment on function service.note_failure(text, text) is
    'Notes an attempt that failed: {captcha_due}, whether the next one needs a captcha, where one is set up. An address from which twenty '
    'logins failed within a day is blocked (RATE-5).';
grant execute on function service.note_failure(text, text) to service_role;

------------------------------------------------------------------------------------------------------
-- At the door
------------------------------------------------------------------------------------------------------

create function private.blocked_for(address inet) returns integer
    language sql
    stable
    set search_path = ''
as $$
    select ceil(extract(epoch from b.blocked_until - clock_timestamp()))::integer
    from private.blocked_networks as b
    where b.network = private.neighbourhood(address)::cidr
      and b.blocked_until > clock_timestamp()
$$;
comment on function private.blocked_for(inet) is 'For how many seconds more an address is blocked; null when it is not.';

create function service.admit(wanted jsonb, login text, method text, address text, at_known_device boolean, captcha text) returns jsonb
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    blocked_for integer;
    captcha_due boolean := false;
begin
    -- As in service.put_back.
    perform set_config('synchronous_commit', 'off', true);
    -- Whoever is blocked uses nothing up: not the limits of a login either, which are somebody else's.
    blocked_for := case when admit.at_known_device then null else private.blocked_for(admit.address::inet) end;
    if blocked_for is not null then
        return jsonb_build_object('blocked_for', blocked_for);
    end if;
    -- Nor does whoever has not even tried to answer the captcha.
    if admit.captcha is not null then
        captcha_due := private.captcha_is_due(
            admit.wanted, admit.login, admit.method, private.neighbourhood(admit.address::inet)::cidr
        );
        if captcha_due and admit.captcha = 'none' then
            return jsonb_build_object('captcha_missing', true);
        end if;
    end if;
    return jsonb_build_object(
        'standings', (select jsonb_agg(to_jsonb(t)) from private.take(admit.wanted) as t),
        'is_known', private.is_known_at_the_door(admit.login, admit.method),
        'captcha_due', captcha_due
    );
end
$$;
comment on function service.admit(jsonb, text, text, text, boolean, text) is
    'May this attempt go on to the auth server, and as whose? {blocked_for: seconds} for an address that is blocked, unless the '
    'device is one that signed in before; {captcha_missing} where a captcha is due and came with none; else {standings: what private.take '
    'says, is_known: see private.is_known_at_the_door, captcha_due}, in one round trip. `captcha` is "none" or "given", or null where '
    'none is asked for. The answer to the person never says whether they are known.';
grant execute on function service.admit(jsonb, text, text, text, boolean, text) to service_role;

------------------------------------------------------------------------------------------------------
-- How strange is it? (RATE-5, API-6)
------------------------------------------------------------------------------------------------------

create table private.suspicion_weights (
    factor text primary key,
    weight integer not null,
    reason text not null,
    constraint weight_is_a_share_of_a_hundred check (weight between 1 and 100)
);
comment on table private.suspicion_weights is
    'What makes a sign-in strange, how much of the hundred it weighs, and how that is said. From sixty on a code is asked for.';
insert into private.suspicion_weights (factor, weight, reason)
values
    ('new_device', 25, 'on a device that has not signed in to this login before'),
    ('new_country', 35, 'from a country that this person has not signed in from before'),
    ('impossible_travel', 50, 'from another country than less than an hour ago'),
    ('many_failures', 35, 'after five failed attempts or more at this login within an hour'),
    ('bad_address', 40, 'from an address that was blocked within the last week');

create table private.sign_in_decisions (
    trace_id uuid primary key default private.uuidv7(),
    user_id uuid not null references auth.users on delete cascade,
    session_id uuid not null,
    method text not null,
    device text,
    network cidr not null,
    country text,
    factors jsonb not null,
    score integer not null,
    decision text not null,
    reason text not null,
    decided_at timestamptz not null default now(),
    constraint sign_in_decision_is_known check (decision in ('allowed', 'code_asked')),
    constraint sign_in_country_is_a_code check (country ~ '^[A-Z]{2}$')
);
comment on table private.sign_in_decisions is
    'Each sign-in at our own door: how strange it was, why, and what was decided (API-6). Kept for a year.';
comment on column private.sign_in_decisions.factors is '[{factor, weight, reason}], the heaviest first.';
create index sign_in_decisions_by_person on private.sign_in_decisions (user_id, decided_at);
create index sign_in_decisions_by_session on private.sign_in_decisions (session_id);

create function private.travel_area(country text) returns text
    language sql
    immutable
    set search_path = ''
as $$
    select case when country in ('GB', 'IE', 'IM', 'JE', 'GG') then 'GB' else country end
$$;
comment on function private.travel_area(text) is
    'Countries between which one gets, by foot or by a telephone network, in no time: the Common Travel Area counts as one.';

create function private.suspicions(
    person auth.users, device text, network cidr, country text, at_known_device boolean, on_a_list boolean
) returns text[]
    language plpgsql
    stable
    set search_path = ''
as $$
declare
    before private.sign_in_decisions[] := array(
        select d
        from private.sign_in_decisions as d
        where d.user_id = person.id
          and d.decision = 'allowed'
          and d.decided_at > now() - interval '180 days'
        order by d.decided_at desc
        limit 1000
    );
    last_known private.sign_in_decisions := (
        select b from unnest(before) as b where b.country is not null order by b.decided_at desc limit 1
    );
    found text[] := '{}';
begin
    -- Nobody is strange to us on their first day.
    if cardinality(before) > 0
        and not at_known_device
        and not exists (
            select
            from unnest(before) as b
            where b.network = suspicions.network
              and b.device is not distinct from suspicions.device
        )
    then
        found := found || 'new_device'::text;
    end if;
    if last_known.country is not null
        and not exists (select from unnest(before) as b where b.country = suspicions.country)
        and suspicions.country is not null
    then
        found := found || 'new_country'::text;
    end if;
    if private.travel_area(last_known.country) <> private.travel_area(suspicions.country)
        and last_known.decided_at > now() - interval '1 hour'
    then
        found := found || 'impossible_travel'::text;
    end if;
    if (
        select count(*)
        from private.sign_in_failures as f
        where f.login_hash = private.login_hash(person.email)
          and f.failed_at > now() - interval '1 hour'
    ) >= 5 then
        found := found || 'many_failures'::text;
    end if;
    if on_a_list or exists (select from private.blocked_networks as b where b.network = suspicions.network) then
        found := found || 'bad_address'::text;
    end if;
    return found;
end
$$;
comment on function private.suspicions(auth.users, text, cidr, text, boolean, boolean) is
    'What is strange about a sign-in: names of private.suspicion_weights.';

create function service.judge_sign_in(
    session_id uuid, method text, device text, address text, country text, at_known_device boolean, on_a_list boolean
) returns jsonb
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    person auth.users;
    seen_at cidr := private.neighbourhood(judge_sign_in.address::inet);
    made private.sign_in_decisions;
begin
    select u.*
    into person
    from auth.sessions as s
    join auth.users as u on u.id = s.user_id
    where s.id = judge_sign_in.session_id;
    if not found then
        perform private.fail('session_ended', 'There is no such session.');
    end if;

    insert into private.sign_in_decisions as d (user_id, session_id, method, device, network, country, factors, score, decision, reason)
    select
        person.id, judge_sign_in.session_id, judge_sign_in.method, judge_sign_in.device, seen_at, judge_sign_in.country,
        f.factors, f.score, v.decision,
        case v.decision when 'allowed' then 'Let in' else 'Asked for a code by e-mail' end
            || coalesce(': ' || f.reasons, '') || format('. It weighs %s; from 60 on a code is asked for.', f.score)
            || case when f.score >= 60 and judge_sign_in.method = 'code' then ' It had just been given.' else '' end
    from (
        select
            coalesce(
                jsonb_agg(jsonb_build_object('factor', w.factor, 'weight', w.weight, 'reason', w.reason) order by w.weight desc, w.factor), '[]'
            ) as factors,
            coalesce(sum(w.weight), 0)::integer as score,
            string_agg(format('%s (%s)', w.reason, w.weight), ', ' order by w.weight desc, w.factor) as reasons
        from private.suspicion_weights as w
        where w.factor = any (private.suspicions(
            person, judge_sign_in.device, seen_at, judge_sign_in.country, judge_sign_in.at_known_device, judge_sign_in.on_a_list
        ))
    ) as f
    -- A code that came by mail is what would be asked for; what is neither a password nor a provider's word is no easier to steal.
    -- Whom their business signs in has no login that a mailed code opens: what they need more than their word is its to ask.
    cross join lateral (
        select case
            when f.score >= 60 and judge_sign_in.method in ('password', 'provider') and not person.is_sso_user then 'code_asked'
            else 'allowed'
        end
    ) as v (decision)
    returning d.* into made;

    -- As with the limits: who got in on a device that is new to the login has its failures forgotten, their own most likely.
    if made.decision = 'allowed' and judge_sign_in.at_known_device is not true then
        delete from private.sign_in_failures as f where f.login_hash = private.login_hash(person.email);
    end if;

    if made.decision = 'code_asked' then
        delete from auth.sessions as s where s.id = made.session_id;
        insert into mail.outbox (dedupe_key, template, to_address, data, has_secret)
        values (
            'suspicious_sign_in:' || made.trace_id,
            'suspicious_sign_in',
            person.email,
            jsonb_build_object(
                'at', made.decided_at, 'method', made.method, 'device', made.device, 'address', judge_sign_in.address, 'country', made.country
            ),
            false
        );
        perform private.raise_alert(
            'suspicious_sign_in', jsonb_build_object('trace_id', made.trace_id, 'score', made.score, 'factors', made.factors)
        );
        perform private.act_as('person', person.id);
        perform audit.record_event(
            chain_kind => 'person',
            chain => person.id,
            action => 'sign_in.suspected',
            result => 'refused',
            entity => 'sign_in',
            entity_id => person.id,
            subject => 'person',
            subject_id => person.id,
            detail => jsonb_build_object('trace_id', made.trace_id, 'method', made.method, 'score', made.score, 'reason', made.reason)
        );
    end if;
    return jsonb_build_object('trace_id', made.trace_id, 'decision', made.decision);
end
$$;
comment on function service.judge_sign_in(uuid, text, text, text, text, boolean, boolean) is
    'Weighs a sign-in that the auth server let through, and keeps the decision: {trace_id, decision}. Where a code is asked for, the '
    'session has ended, and its person and those who run the platform are told (RATE-5).';
grant execute on function service.judge_sign_in(uuid, text, text, text, text, boolean, boolean) to service_role;

create function private.country_of_session(session_id uuid, address inet) returns text
    language sql
    stable
    set search_path = ''
as $$
    select d.country
    from private.sign_in_decisions as d
    where d.session_id = country_of_session.session_id
      and d.network = private.neighbourhood(country_of_session.address)::cidr
    limit 1
$$;
comment on function private.country_of_session(uuid, inet) is
    'In which country a session''s address is, as a code of two letters (ISO 3166-1): where it began. Null where that is not known, '
    'or it has moved on to another network since.';

------------------------------------------------------------------------------------------------------
-- Telling, and forgetting
------------------------------------------------------------------------------------------------------

create function private.tell_alerts() returns void
    language plpgsql
    set search_path = ''
as $$
declare
    to_whom text := (select s.decrypted_secret from vault.decrypted_secrets as s where s.name = 'tf_alert_address');
    last_id bigint;
    raised jsonb;
begin
    if to_whom is null then
        return;
    end if;
    with told as (
        update private.alerts as a
        set told_at = now()
        where a.told_at is null
        returning a.id, a.kind, a.raised_at
    )
    select max(k.last_id), jsonb_agg(jsonb_build_object('kind', k.kind, 'times', k.times, 'since', k.since) order by k.kind)
    into last_id, raised
    from (select t.kind, count(*) as times, min(t.raised_at) as since, max(t.id) as last_id from told as t group by t.kind) as k;
    if last_id is not null then
        insert into mail.outbox (dedupe_key, template, to_address, data, has_secret)
        values ('alerts:' || last_id, 'alerts', to_whom, jsonb_build_object('alerts', raised), false);
    end if;
end
$$;
comment on function private.tell_alerts() is
    'One e-mail about all alerts that nobody was told of yet, to the address that the vault holds; none while it holds none.';

insert into private.schedules (name, schedule, command, reason)
values
    ('tell-alerts', '*/10 * * * *', 'select private.tell_alerts()', 'An attack is told of while it goes on, in one e-mail every ten minutes at most.'),
    (
        'forget-suspicions', '27 * * * *',
        $$delete from private.sign_in_failures where failed_at < now() - interval '1 day';
        delete from private.blocked_networks where blocked_until < now() - interval '7 days';
        delete from private.sign_in_decisions where decided_at < now() - interval '1 year';
        delete from private.alerts where raised_at < now() - interval '1 year'$$,
        'What is weighed no more is nobody''s business.'
    );
select cron.schedule(s.name, s.schedule, s.command)
from private.schedules as s
where s.name in ('tell-alerts', 'forget-suspicions');
