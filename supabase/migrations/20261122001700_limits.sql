-- Limits: how often something may be done by one address, to one login, from one device. One counter for all of them,
-- exact however many ask at once, from however many processes; what is counted stands hashed.

------------------------------------------------------------------------------------------------------
-- The limits there are
------------------------------------------------------------------------------------------------------

create table private.limits (
    name text primary key,
    quota integer not null,
    period interval not null,
    longest interval,
    by_address boolean not null default false,
    protects text not null,
    constraint limit_is_short_enough_to_remember check (quota between 1 and 100)
);
comment on table private.limits is
    'Each limit by its name: at most quota takes in any period. A larger one is said with a shorter period: 600 a '
    'minute is 100 in 10 seconds.';
comment on column private.limits.longest is
    'Where the wait grows: quota takes are free, then one is given after a period, the next after two, four …, at '
    'longest after this. A take is forgotten after 24 times as long. Null where nothing grows.';
comment on column private.limits.by_address is 'Counted by IP address; one of version 6 by its network of 64 bits, which is what one customer gets.';
comment on column private.limits.protects is 'What it is for, in plain words.';

insert into private.limits (name, quota, period, longest, by_address, protects)
values
    ('sign_in_address', 10, '15 minutes', null, true, 'Every login, against one address that tries many of them (RATE-1).'),
    ('sign_in_device', 10, '15 minutes', null, false, 'The same for a device that signed in before: it is counted for itself, whatever its address does.'),
    ('password', 5, '1 minute', '1 hour', false, 'One login, against many addresses that guess its password.'),
    ('code', 10, '1 minute', '1 hour', false, 'One login, against many addresses that guess its code of six digits.'),
    ('mail_address', 10, '15 minutes', null, true, 'Everybody''s mailbox, against one address that has mails sent about.'),
    ('mail', 5, '1 minute', '1 hour', false, 'One mailbox, against many addresses that have mails sent to it.'),
    ('link_address', 30, '5 minutes', null, true, 'Customers'' private links, against an address that guesses at them: what opens none is counted.'),
    ('link_anywhere', 100, '5 minutes', null, false, 'The same for all calls together that no tier of ours vouches for, since anybody can claim any address there.'),
    ('invoice_mail', 100, '1 hour', null, false, 'What a business sends to its customers in our name.'),
    ('invoice_mail_again', 10, '1 day', null, false, 'A customer''s mailbox, against one invoice that is sent over and over.'),
    ('export', 10, '1 hour', null, false, 'A business''s data, and the work of reading all of it.'),
    ('new_business', 10, '1 day', null, false, 'Storage and everything else that a business is given for nothing, against a person who opens them without end.'),
    ('payouts', 10, '1 hour', null, false, 'What we ask of Stripe for one business.'),
    ('act_person', 100, '10 seconds', null, false, 'Everybody else''s turn, against a person whose program acts without pause.'),
    ('act_account', 100, '2 seconds', null, false, 'The same against the people of one business together.'),
    ('act_address', 100, '1 second', null, true, 'The same against one address that has many logins.');

------------------------------------------------------------------------------------------------------
-- What was taken
------------------------------------------------------------------------------------------------------

-- Why the times of the takes themselves, and none of the smaller designs. One timestamp for a key (GCRA, the leaky
-- bucket) gives its burst and goes on leaking: ten in 15 minutes become nineteen. A counter for a window lets twenty
-- through on its edge. The promise is ten in any 15 minutes, so the row remembers ten moments: 80 bytes.
--
-- A row is changed in place: nothing that changes is indexed and half of each page is left free, so that every update
-- is a heap-only one and the page cleans itself. A refusal writes once; while it lasts it is answered from the row by
-- a read without a lock, so that a flood costs no write at all.
create table private.limit_takes (
    key_hash bytea primary key,
    limit_name text not null,
    taken timestamptz[] not null default '{}',
    refused_until timestamptz,
    forget_at timestamptz not null default now()
) with (fillfactor = 50);
comment on table private.limit_takes is 'What was taken of each limit and not forgotten yet. Changed by private.take and service.put_back alone.';
comment on column private.limit_takes.key_hash is
    'Of a limit''s name with an address, a login or a device: HMAC-SHA256 with a key from the vault, half of it. Nothing '
    'here can be read back, not even an IPv4 address by trying all of them.';
comment on column private.limit_takes.taken is 'When, oldest first.';
comment on column private.limit_takes.refused_until is 'Set by the first refusal, which is the one that gets recorded; while it lasts nobody counts anew.';

------------------------------------------------------------------------------------------------------
-- Counting
------------------------------------------------------------------------------------------------------

create function private.limit_keys(wanted jsonb) returns table (limit_name text, key_hash bytea)
    language plpgsql
    stable
    set search_path = ''
as $$
declare
    secret text := (select s.decrypted_secret from vault.decrypted_secrets as s where s.name = 'tf_context_key');
begin
    -- In one order for everybody, so that two who take several never wait for each other. An address that is none
    -- fails here; what fails is not let through.
    return query
        select
            l.name,
            substring(
                extensions.hmac(
                    convert_to(
                        l.name || ' ' || case
                            when l.by_address is not true then lower(btrim(w.one ->> 'key'))
                            when family((w.one ->> 'key')::inet) = 6 then network(set_masklen((w.one ->> 'key')::inet, 64))::text
                            else host((w.one ->> 'key')::inet)
                        end,
                        'UTF8'
                    ),
                    decode(secret, 'hex'),
                    'sha256'
                )
                for 16
            ) as hash
        from jsonb_array_elements(wanted) as w (one)
        left join private.limits as l on l.name = w.one ->> 'limit'
        group by 1, 2
        order by 2;
end
$$;
comment on function private.limit_keys(jsonb) is
    'The rows that [{limit, key}, …] speaks of, each once and in a fixed order; a null where a limit is unknown, a key is '
    'missing or the vault holds no key.';

create function private.counted(of_limit private.limits, taken timestamptz[], at timestamptz) returns timestamptz[]
    language plpgsql
    immutable
    set search_path = ''
as $$
begin
    return array(
        select t
        from unnest(taken) as t
        where t > at - coalesce(of_limit.longest * 24, of_limit.period)
        order by t
    );
end
$$;
comment on function private.counted(private.limits, timestamptz[], timestamptz) is 'The takes that still count, oldest first.';

create function private.free_at(of_limit private.limits, counted timestamptz[]) returns timestamptz
    language plpgsql
    immutable
    set search_path = ''
as $$
declare
    over integer := cardinality(counted) - of_limit.quota;
begin
    return case
        when over < 0 then '-infinity'
        when of_limit.longest is null then counted[over + 1] + of_limit.period
        else counted[cardinality(counted)] + least(of_limit.longest, of_limit.period * 2 ^ least(over, 20))
    end;
end
$$;
comment on function private.free_at(private.limits, timestamptz[]) is 'From when on there is one more to take.';

create function private.lock_takes(hashes bytea[]) returns bigint
    language plpgsql
    set search_path = ''
as $$
declare
    locked bigint;
begin
    perform
    from private.limit_takes as t
    where t.key_hash = any (hashes)
    order by t.key_hash
    for update;
    get diagnostics locked = row_count;
    return locked;
end
$$;
comment on function private.lock_takes(bytea[]) is 'Locks the rows in the one order that all keep, so that nobody waits in a circle; tells how many there are.';

create function private.period_seconds(of_limit private.limits) returns integer
    language plpgsql
    immutable
    set search_path = ''
as $$
begin
    return case when of_limit.longest is null then extract(epoch from of_limit.period)::integer end;
end
$$;
comment on function private.period_seconds(private.limits) is 'How long a take counts, as the headers say it; null where the wait grows and there is no one period.';

create function private.take(wanted jsonb)
    returns table (
        limit_name text, allowed boolean, quota integer, remaining integer, reset_at timestamptz, retry_after integer, first_refusal boolean,
        period_seconds integer
    )
    language plpgsql
    set search_path = ''
as $$
declare
    names text[];
    hashes bytea[];
    moment timestamptz;
begin
    select array_agg(k.limit_name), array_agg(k.key_hash)
    into names, hashes
    from private.limit_keys(take.wanted) as k;
    if names is null or array_position(hashes, null) is not null then
        perform private.fail('auth_unavailable', 'This can''t be counted, so it is not let through.');
    end if;

    -- What is refused already, and was told to be, is refused again without a lock and without a write.
    moment := clock_timestamp();
    return query
        select t.limit_name, false, l.quota, 0, t.forget_at, ceil(extract(epoch from t.refused_until - moment))::integer, false,
            private.period_seconds(l)
        from private.limit_takes as t
        join private.limits as l on l.name = t.limit_name
        where t.key_hash = any (hashes)
          and t.refused_until > moment;
    if found then
        return;
    end if;

    -- Again where one was forgotten between being found and being locked.
    loop
        insert into private.limit_takes (limit_name, key_hash)
        select k.limit_name, k.key_hash
        from unnest(names, hashes) as k (limit_name, key_hash)
        on conflict do nothing;
        exit when private.lock_takes(hashes) = cardinality(hashes);
    end loop;

    -- All or none: whoever one limit refuses uses up nothing of another.
    moment := clock_timestamp();
    return query
        update private.limit_takes as t
        set refused_until = private.free_at(l, private.counted(l, t.taken, moment))
        from private.limits as l
        where t.key_hash = any (hashes)
          and l.name = t.limit_name
          and private.free_at(l, private.counted(l, t.taken, moment)) > moment
        returning
            t.limit_name, false, l.quota, 0, t.forget_at,
            ceil(extract(epoch from t.refused_until - moment))::integer,
            -- Read as it was before: somebody else may have been told while this call waited for its turn.
            (
                select coalesce(before.refused_until <= moment, true)
                from private.limit_takes as before
                where before.key_hash = t.key_hash
            ),
            private.period_seconds(l);
    if found then
        return;
    end if;
    return query
        update private.limit_takes as t
        set taken = private.counted(l, t.taken, moment) || moment,
            refused_until = null,
            forget_at = moment + coalesce(l.longest * 24, l.period)
        from private.limits as l
        where t.key_hash = any (hashes)
          and l.name = t.limit_name
        returning t.limit_name, true, l.quota, greatest(l.quota - cardinality(t.taken), 0), t.forget_at, 0, false,
            private.period_seconds(l);
end
$$;
comment on function private.take(jsonb) is
    'Takes one of each of [{limit, key}, …], or none of any. Allowed: a row for each. Refused: a row for each that refuses, '
    'with the whole seconds until there is one more; first_refusal once until then, for whoever records it. reset_at is when '
    'all of it is there again; period_seconds is null where the wait grows. Edge functions take by service.admit.';

create function private.give_back(wanted jsonb, whole boolean) returns void
    language plpgsql
    set search_path = ''
as $$
declare
    hashes bytea[] := array(select k.key_hash from private.limit_keys(give_back.wanted) as k);
begin
    perform private.lock_takes(hashes);
    update private.limit_takes as t
    set taken = case when whole then '{}' else t.taken[:cardinality(t.taken) - 1] end,
        refused_until = null
    where t.key_hash = any (hashes);
end
$$;
comment on function private.give_back(jsonb, boolean) is 'See service.put_back.';

------------------------------------------------------------------------------------------------------
-- Saying it
------------------------------------------------------------------------------------------------------

create function private.limit_headers(standings jsonb) returns jsonb
    language plpgsql
    set search_path = ''
as $$
begin
    return (
        select jsonb_build_object(
            'RateLimit-Policy', string_agg(
                format('"%s";q=%s', s.limit_name, s.quota) || coalesce(';w=' || s.period_seconds, ''), ', ' order by s.limit_name
            ),
            'RateLimit', string_agg(
                format(
                    '"%s";r=%s;t=%s', s.limit_name, s.remaining,
                    case when s.allowed then ceil(extract(epoch from s.reset_at - clock_timestamp()))::integer else s.retry_after end
                ),
                ', ' order by s.limit_name
            )
        ) || case when bool_and(s.allowed) then '{}' else jsonb_build_object('Retry-After', max(s.retry_after)::text) end
        from jsonb_to_recordset(standings) as s (
            limit_name text, allowed boolean, quota integer, remaining integer, reset_at timestamptz, retry_after integer, period_seconds integer
        )
    );
end
$$;
comment on function private.limit_headers(jsonb) is
    'RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers-11) of what private.take answered, and Retry-After '
    '(RFC 9110, 10.2.3) where it refused.';

create function private.answer_headers(headers jsonb) returns void
    language plpgsql
    set search_path = ''
as $$
begin
    perform set_config(
        'response.headers',
        (select jsonb_agg(jsonb_build_object(h.key, h.value)) from jsonb_each(headers) as h)::text,
        true
    );
end
$$;
comment on function private.answer_headers(jsonb) is 'Has the Data API say these headers with its answer.';

create function private.spend(wanted jsonb, code text) returns void
    language plpgsql
    set search_path = ''
as $$
declare
    headers jsonb := private.limit_headers((select jsonb_agg(to_jsonb(t)) from private.take(spend.wanted) as t));
begin
    -- As PostgREST takes it, which answers with this status and these headers. They stand in the details too, where whoever
    -- passes the refusal on finds them.
    if headers ? 'Retry-After' then
        raise sqlstate 'PGRST' using
            message = jsonb_build_object(
                'code', 'PT429',
                'hint', code,
                'message', 'That is too much of this in a short time. Try again later.',
                'details', headers::text
            )::text,
            detail = jsonb_build_object('status', 429, 'headers', headers)::text;
    end if;
    perform private.answer_headers(headers);
end
$$;
comment on function private.spend(jsonb, text) is
    'For an act that is limited: takes one of each of [{limit, key}, …], or raises code with 429, Retry-After and how much there is. '
    'What the act does not bring to an end is not taken either.';

create function private.answer_refusal(status integer, sqlstate_code text, code text, message text, headers jsonb) returns jsonb
    language plpgsql
    set search_path = ''
as $$
begin
    perform set_config('response.status', status::text, true);
    perform private.answer_headers(headers);
    return jsonb_build_object('code', sqlstate_code, 'hint', code, 'message', message, 'details', headers::text);
end
$$;
comment on function private.answer_refusal(integer, text, text, text, jsonb) is
    'A refusal that is answered and not raised, so that what was counted on the way is kept: the Data API says it with this status, '
    'as it says an error.';

------------------------------------------------------------------------------------------------------
-- What people do in the app
------------------------------------------------------------------------------------------------------

-- The figures. Somebody with a phone does a thing every few seconds; a phone that was out of reach sends its photos one after
-- the other, two acts each, and no network has it do ten of them in a second. Thirty people who do that at once behind one
-- router share its line: at two megabytes a photo a line of 100 Mbit/s carries six a second, twelve acts, where their business
-- has 50 and their address 100. A carrier puts thousands behind one address: 100 a second are 3,000 people who each do
-- something every half minute. What is counted is what somebody does, and never what they look at.
create function private.enter(for_account uuid) returns jsonb
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    person jsonb := private.me();
    seen private.request := private.request_context();
    wanted jsonb;
    headers jsonb;
begin
    if person is null then
        return null;
    end if;
    -- Only a business of theirs is counted, so that nobody uses up what is another's. A key of an interface would be one more.
    wanted := (
        select jsonb_agg(jsonb_build_object('limit', w.name, 'key', w.key))
        from (
            select 'act_person' as name, person ->> 'user_id' as key
            union all
            select 'act_account', a.one ->> 'id'
            from jsonb_array_elements(person -> 'accounts') as a (one)
            where a.one ->> 'id' = for_account::text
               or (for_account is null and jsonb_array_length(person -> 'accounts') = 1)
            union all
            select 'act_address', seen.ip
            where seen.trusted
              and pg_input_is_valid(seen.ip, 'inet')
        ) as w
    );
    -- As in service.put_back. Whoever is in goes on when nothing can be counted, and does not wait long to find that out; null says so.
    perform set_config('synchronous_commit', 'off', true);
    perform set_config('lock_timeout', '2s', true);
    begin
        headers := private.limit_headers((select jsonb_agg(to_jsonb(t)) from private.take(wanted) as t));
    exception
        when others then
            raise warning 'limits are not counted: % %', sqlstate, sqlerrm;
    end;
    if headers ? 'Retry-After' then
        return private.answer_refusal(
            429, 'PT429', 'too_many_acts', 'That is more at once than one person, business or address may do.', headers
        );
    end if;
    return jsonb_build_object('me', person, 'limits', headers);
end
$$;
comment on function private.enter(uuid) is 'See public.enter.';
grant execute on function private.enter(uuid) to authenticated;

create function public.enter(acting_in uuid default null) returns jsonb
    language sql
    set search_path = ''
as $$
    select private.enter(acting_in)
$$;
comment on function public.enter(uuid) is
    'For whoever is about to do something, in the account that they name or in their only one: what public.me answers (me), and how '
    'much they, that account and their address may still do (limits: headers, null when it could not be counted). Refused with '
    'too_many_acts, 429 and Retry-After. A transaction of its own: what is done then holds no count up.';
grant execute on function public.enter(uuid) to authenticated;

------------------------------------------------------------------------------------------------------
-- For edge functions
------------------------------------------------------------------------------------------------------

create function service.spend(wanted jsonb, code text) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    -- As in service.put_back.
    perform set_config('synchronous_commit', 'off', true);
    perform private.spend(spend.wanted, spend.code);
end
$$;
comment on function service.spend(jsonb, text) is
    'Takes one of each of [{limit, key}, …] for what an edge function is about to do, or raises code with 429 and Retry-After.';
grant execute on function service.spend(jsonb, text) to service_role;

create function service.put_back(wanted jsonb, whole boolean) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    -- Nobody waits for the disk to count: a crash of the database forgets the last half second of takes, and no more.
    perform set_config('synchronous_commit', 'off', true);
    perform private.give_back(put_back.wanted, put_back.whole);
end
$$;
comment on function service.put_back(jsonb, boolean) is
    'Gives back the last take of each of [{limit, key}, …], which came to nothing by no fault of the taker; or all of them '
    '(whole), once somebody has proved who they are.';
grant execute on function service.put_back(jsonb, boolean) to service_role;

------------------------------------------------------------------------------------------------------
-- Forgetting
------------------------------------------------------------------------------------------------------

insert into private.schedules (name, schedule, command, reason)
values (
    'forget-limits', '*/10 * * * *',
    -- In no order that takers keep, so it waits for none of them.
    'delete from private.limit_takes where key_hash in '
    '(select key_hash from private.limit_takes where forget_at < now() for update skip locked)',
    'What no limit counts any more is nobody''s business.'
);
select cron.schedule(s.name, s.schedule, s.command)
from private.schedules as s
where s.name = 'forget-limits';
