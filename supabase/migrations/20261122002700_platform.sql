-- The platform: the few people who run TradersFlow, and what they see and may do. Nobody becomes one of them by an act of the
-- app: the list below is written by whoever holds the database, and the web tier has a list of its own (PLATFORM_OWNERS).

------------------------------------------------------------------------------------------------------
-- Who they are (ADM-1, AUTH-4)
------------------------------------------------------------------------------------------------------

create table private.platform_owners (
    user_id uuid primary key references auth.users on delete cascade,
    email text not null,
    added_at timestamptz not null default now(),
    constraint platform_owner_address_is_on_the_list_once unique (email),
    constraint platform_owner_address_is_as_the_auth_server_writes_it check (email = lower(btrim(email)))
);
comment on table private.platform_owners is
    'The people who run TradersFlow: a login and the address that it proved. Another login that comes to that address is not one of '
    'them, nor is this login under another address.';

select audit.watch(
    'private.platform_owners', 'platform_owner',
    subject_column => 'user_id',
    personal => array['email'],
    business => array['user_id', 'added_at']
);

create table private.platform_visits (
    session_id uuid primary key,
    user_id uuid not null references auth.users on delete cascade,
    last_at timestamptz not null
);
comment on table private.platform_visits is
    'When each of their sessions was last used for the platform. The auth server notes when a session was refreshed, which work in '
    'the app does too; half an hour away from here is half an hour away, whatever went on there.';
create index platform_visits_by_person on private.platform_visits (user_id);

create function private.is_platform_owner() returns boolean
    language plpgsql
    stable
    set search_path = ''
as $$
begin
    return exists (
        select
        from private.platform_owners as o
        join auth.users as u on u.id = o.user_id
        where o.user_id = auth.uid()
          and u.email = o.email
          and u.email_confirmed_at is not null
          and u.deleted_at is null
          and coalesce(u.banned_until <= now(), true)
          and not u.is_sso_user
          -- Whoever is vouched for by a business's own provider is whom that business says they are.
          and not exists (
              select
              from auth.identities as i
              where i.user_id = u.id
                and (i.provider like 'custom:%' or i.provider like 'sso:%')
          )
    );
end
$$;
comment on function private.is_platform_owner() is
    'Is the signed-in person one of those who run TradersFlow: by their login and the address it proved, and never by what a '
    'business''s own provider says of them? As the tables say, so that a name taken off the list counts from the next statement on.';

create function private.require_platform_owner() returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    session uuid := auth.jwt() ->> 'session_id';
    seen_at timestamptz;
begin
    perform private.require_session();
    if not private.is_platform_owner() then
        perform private.fail('platform_only', 'Only those who run TradersFlow may do that.');
    end if;
    if private.session_reach() < 2 then
        perform private.fail('factor_needed', 'Give your second factor to go on.');
    end if;
    if not private.admin_session_is_live() then
        perform private.fail('signed_in_long_ago', 'Sign in again to go on here.');
    end if;
    select greatest(
        (select v.last_at from private.platform_visits as v where v.session_id = session),
        (
            select max(proof.updated_at)
            from auth.mfa_amr_claims as proof
            where proof.session_id = session
              and proof.authentication_method in ('totp', 'mfa/webauthn')
        )
    )
    into seen_at;
    if coalesce(seen_at <= now() - (select l.idle from private.session_limits as l where l.kind = 'admin'), true) then
        perform private.fail('fresh_proof_needed', 'Give your second factor again to go on here.');
    end if;
    delete from private.platform_visits as v where v.last_at < now() - interval '1 day';
    insert into private.platform_visits as v (session_id, user_id, last_at)
    values (session, auth.uid(), now())
    on conflict (session_id) do update
    set last_at = now();
end
$$;
comment on function private.require_platform_owner() is
    'Raises unless the signed-in person runs TradersFlow (private.is_platform_owner), has given their second factor in this very '
    'session, began it within half a day, and was here, or gave the factor, within the last half hour: platform_only, factor_needed, '
    'signed_in_long_ago, fresh_proof_needed (ADM-1, AUTH-4, AUTH-5). Asked by every function of this file that anybody can call.';
grant execute on function private.require_platform_owner() to authenticated;

create function public.require_platform_owner() returns boolean
    language plpgsql
    set search_path = ''
as $$
begin
    perform private.require_platform_owner();
    return true;
end
$$;
comment on function public.require_platform_owner() is
    'True for those who run TradersFlow, with their second factor given and within the hours of the admin area; else refused, by the '
    'reason. The web tier asks it at every request to the admin area, before anything else.';
grant execute on function public.require_platform_owner() to authenticated;

------------------------------------------------------------------------------------------------------
-- What they see
------------------------------------------------------------------------------------------------------

create function private.platform_overview() returns jsonb
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    perform private.require_platform_owner();
    return jsonb_build_object(
        'alerts', (
            select coalesce(
                jsonb_agg(jsonb_build_object('id', a.id::text, 'kind', a.kind, 'detail', a.detail, 'raised_at', a.raised_at) order by a.id desc), '[]'
            )
            from (select * from private.alerts order by id desc limit 30) as a
        ),
        'alerts_in_all', (select count(*) from private.alerts),
        'networks', (
            select coalesce(jsonb_agg(to_jsonb(n) order by n.blocked_until desc), '[]')
            from (
                select b.network, b.times, b.blocked_at, b.blocked_until
                from private.blocked_networks as b
                where b.blocked_until > now()
                order by b.blocked_until desc
                limit 100
            ) as n
        ),
        'networks_in_all', (select count(*) from private.blocked_networks as b where b.blocked_until > now()),
        'failures', (
            select jsonb_build_object(
                'hour', count(*) filter (where f.failed_at > now() - interval '1 hour'),
                'day', count(*),
                'logins', count(distinct f.login_hash),
                'networks', count(distinct f.network)
            )
            from private.sign_in_failures as f
            where f.failed_at > now() - interval '1 day'
        ),
        'limits', (
            select jsonb_agg(
                jsonb_build_object(
                    'name', l.name, 'protects', l.protects, 'quota', l.quota,
                    'period_seconds', extract(epoch from l.period)::integer, 'grows', l.longest is not null,
                    'counted', coalesce(t.counted, 0), 'refused', coalesce(t.refused, 0)
                )
                order by coalesce(t.refused, 0) desc, l.name
            )
            from private.limits as l
            left join (
                select
                    taken.limit_name,
                    count(*) filter (where taken.forget_at > now() and taken.taken <> '{}') as counted,
                    count(*) filter (where taken.refused_until > now()) as refused
                from private.limit_takes as taken
                group by taken.limit_name
            ) as t on t.limit_name = l.name
        ),
        'apple_secret_ends_at', (select s.decrypted_secret from vault.decrypted_secrets as s where s.name = 'tf_apple_secret_ends_at')
    );
end
$$;
comment on function private.platform_overview() is 'See public.platform_overview.';
grant execute on function private.platform_overview() to authenticated;

create function public.platform_overview() returns jsonb
    language sql
    set search_path = ''
as $$
    select private.platform_overview()
$$;
comment on function public.platform_overview() is
    'For those who run TradersFlow: the newest alerts, the networks that are blocked, how often signing in failed within a day, how many '
    'each limit is holding back at this moment, and when Apple''s secret ends. Nobody''s login or address is in it: what failed is '
    'kept hashed.';
grant execute on function public.platform_overview() to authenticated;

------------------------------------------------------------------------------------------------------
-- What they may do
------------------------------------------------------------------------------------------------------

create function private.unblock_network(network text, reason text) returns boolean
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    released private.blocked_networks;
begin
    perform private.require_platform_owner();
    perform private.require_fresh();
    if coalesce(length(btrim(unblock_network.reason)), 0) not between 3 and 300 then
        perform private.fail('validation_failed', 'Say why, in a few words: it is kept on record.', 'reason');
    end if;
    select b.*
    into released
    from private.blocked_networks as b
    where b.network = unblock_network.network::cidr
      and b.blocked_until > now()
    for update;
    if not found then
        return false;
    end if;
    update private.blocked_networks as b
    set blocked_until = now()
    where b.network = released.network;
    -- Else its next failure would be the twentieth again.
    delete from private.sign_in_failures as f where f.network = released.network;
    perform audit.record_event(
        chain_kind => 'platform',
        chain => null,
        action => 'network.unblocked',
        result => 'ok',
        entity => 'network',
        detail => jsonb_build_object(
            'network', released.network, 'reason', btrim(unblock_network.reason), 'blocked_until', released.blocked_until
        )
    );
    return true;
end
$$;
comment on function private.unblock_network(text, text) is 'See public.unblock_network.';
grant execute on function private.unblock_network(text, text) to authenticated;

create function public.unblock_network(network text, reason text) returns boolean
    language sql
    set search_path = ''
as $$
    select private.unblock_network(network, reason)
$$;
comment on function public.unblock_network(text, text) is
    'Releases a network that was caught at trying many logins, and forgets what failed from it: on record in the same transaction, with who and '
    'why. For those who run TradersFlow, who have given their second factor within ten minutes. False when it is not blocked any '
    'more; validation_failed without a reason.';
grant execute on function public.unblock_network(text, text) to authenticated;
