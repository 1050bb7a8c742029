-- Factors: the second proof of who somebody is. The auth server keeps the factors and checks them; how far a session leads
-- without one stands in private.live_sessions. Here is what asks for a fresh proof, how a role comes to demand a factor, what
-- becomes of somebody who has lost theirs, and what people are told.

------------------------------------------------------------------------------------------------------
-- A fresh proof
------------------------------------------------------------------------------------------------------

create function private.has_factor(person uuid) returns boolean
    language plpgsql
    stable
    set search_path = ''
as $$
begin
    return exists (
        select
        from auth.mfa_factors as f
        where f.user_id = person
          and f.status = 'verified'
    );
end
$$;
comment on function private.has_factor(uuid) is
    'Has the person set up a second factor: an authenticator app or a security key? A passkey is a way to sign in and none: the '
    'auth server asks of it neither that it checks its holder nor a second one to be removed.';

create function private.fresh_until() returns timestamptz
    language plpgsql
    stable
    set search_path = ''
as $$
declare
    claims jsonb := auth.jwt();
    person uuid := claims ->> 'sub';
begin
    return (
        select max(proof.updated_at) + interval '10 minutes'
        from private.live_sessions as s
        join auth.mfa_amr_claims as proof on proof.session_id = s.id
        where s.id = (claims ->> 'session_id')::uuid
          and s.user_id = person
          and (proof.authentication_method in ('totp', 'mfa/webauthn') or not private.has_factor(person))
    );
end
$$;
comment on function private.fresh_until() is
    'Until when the proof of the caller''s live session is fresh: ten minutes after they last gave their second factor, or, '
    'where they have none, signed in by whatever way. Null when this session never did.';

create function private.require_fresh() returns void
    language plpgsql
    stable security definer
    set search_path = ''
as $$
begin
    perform private.require_session();
    if coalesce(private.fresh_until() <= now(), true) then
        perform private.fail('fresh_proof_needed', 'Confirm that it is you, then do this again.');
    end if;
end
$$;
comment on function private.require_fresh() is
    'Raises fresh_proof_needed unless the signed-in person proved within the last ten minutes, in this very session, who they '
    'are: by their second factor, where they have one (AUTH-4). An open session alone is not enough for what moves money or '
    'rights, or takes everything away.';
grant execute on function private.require_fresh() to authenticated;

create function public.require_fresh() returns boolean
    language plpgsql
    stable
    set search_path = ''
as $$
begin
    perform private.require_fresh();
    return true;
end
$$;
comment on function public.require_fresh() is
    'True when the caller has proved within ten minutes who they are, else fresh_proof_needed: for edge functions that ask before '
    'they do something that no function of the database does.';
grant execute on function public.require_fresh() to authenticated;

------------------------------------------------------------------------------------------------------
-- Payouts
------------------------------------------------------------------------------------------------------

create function private.start_payouts(for_account uuid) returns jsonb
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    perform private.require(for_account, 'payouts.manage');
    perform private.require_fresh();
    perform private.spend(jsonb_build_array(jsonb_build_object('limit', 'payouts', 'key', for_account)), 'too_many_tries');
    return (
        select jsonb_build_object('name', a.name, 'email', u.email)
        from public.accounts as a
        join auth.users as u on u.id = auth.uid()
        where a.id = for_account
    );
end
$$;
comment on function private.start_payouts(uuid) is 'See public.start_payouts.';
grant execute on function private.start_payouts(uuid) to authenticated;

create function public.start_payouts(account_id uuid) returns jsonb
    language sql
    set search_path = ''
as $$
    select private.start_payouts(account_id)
$$;
comment on function public.start_payouts(uuid) is
    'May the caller say into which bank account customers pay? Needs payouts.manage and a fresh proof of who they are. Answers '
    'whom Stripe is to ask for: {name} of the business, {email} of the caller.';
grant execute on function public.start_payouts(uuid) to authenticated;

------------------------------------------------------------------------------------------------------
-- A role demands a second factor
------------------------------------------------------------------------------------------------------

create function private.demand_factor(for_account uuid, for_role uuid, demanded boolean) returns boolean
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    perform private.require(for_account, 'roles.write');
    perform private.require_fresh();
    perform private.take_turns(for_account);
    perform private.require_giveable(for_account, for_role);
    -- Whoever demands it of their own role has one: nobody is locked out by their own doing.
    if demanded and private.session_reach() < 2 and exists (
        select
        from public.members as m
        where m.account_id = for_account
          and m.role_id = for_role
          and m.user_id = auth.uid()
    ) then
        perform private.fail('factor_first', 'Set up your own second factor first, then ask your role for one.');
    end if;
    update public.roles as r
    set demands_factor = demanded
    where r.account_id = for_account
      and r.id = for_role
      and r.demands_factor <> demanded;
    return found;
end
$$;
comment on function private.demand_factor(uuid, uuid, boolean) is 'See public.demand_factor.';
grant execute on function private.demand_factor(uuid, uuid, boolean) to authenticated;

create function public.demand_factor(account_id uuid, role_id uuid, demanded boolean) returns boolean
    language sql
    set search_path = ''
as $$
    select private.demand_factor(account_id, role_id, demanded)
$$;
comment on function public.demand_factor(uuid, uuid, boolean) is
    'Says whether whoever has the role must give a second factor, from the next statement on; any role that the caller could '
    'give, the five that every account has too. False when it was so already; factor_first, more_than_yours, owners_only, '
    'fresh_proof_needed.';
grant execute on function public.demand_factor(uuid, uuid, boolean) to authenticated;

------------------------------------------------------------------------------------------------------
-- Recovery codes
------------------------------------------------------------------------------------------------------

-- Ours, because no project can switch on the auth server's own. A code of ours can't raise a session, which only the auth
-- server does: it takes the lost factor away instead, so that its person comes in as somebody who has none and sets up a new
-- one. Using the code up and taking the factor away are one transaction, so that neither happens without the other; that is
-- why the rows are deleted here, as the project's owner may, and not by a call of the auth server's admin interface.

create table private.recovery_codes (
    user_id uuid not null references auth.users on delete cascade,
    code_hash bytea not null,
    created_at timestamptz not null default now(),
    used_at timestamptz,
    primary key (user_id, code_hash),
    constraint recovery_code_is_kept_as_a_hash check (length(code_hash) = 32)
);
comment on table private.recovery_codes is
    'The codes that let somebody in who has lost their second factor: ten at a time, each good once.';
comment on column private.recovery_codes.code_hash is 'SHA-256 of the code, which has 80 random bits and is shown once.';

insert into private.limits (name, quota, period, longest, by_address, protects)
values
    ('factor', 5, '1 minute', '1 hour', false, 'A person''s second factor, against whoever has their password and guesses codes of six digits.'),
    ('factor_code', 1, '2 minutes', null, false, 'Each code of an authenticator app: seen once by somebody, it opens nothing a second time.'),
    ('factor_setup', 30, '15 minutes', null, false, 'The auth server''s tables, against a person who begins without end to set something up.'),
    ('factor_question', 60, '15 minutes', null, false, 'The same tables, against whoever has a person''s password and asks to be asked for the second factor without end.'),
    ('address_change', 10, '1 hour', null, false, 'Strangers'' mailboxes, against a person who asks to sign in with one address after the other.'),
    ('passkey_address', 30, '5 minutes', null, true, 'The auth server''s challenges, and its own limit, against an address that asks for one without end.'),
    ('recovery_code', 5, '1 minute', '1 hour', false, 'A person''s recovery codes, against whoever has their password and guesses.');

create function private.code_hash(code text) returns bytea
    language sql
    immutable
    set search_path = ''
as $$
    -- As people read and type it: without what they put between, capitals for small letters, and no letter for a digit.
    select sha256(convert_to(translate(regexp_replace(lower(code), '[^0-9a-z]', '', 'g'), 'oil', '011'), 'utf8'))
$$;
comment on function private.code_hash(text) is 'What is kept of a recovery code (Crockford''s base 32).';

create function private.make_recovery_codes() returns text[]
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    codes text[];
begin
    perform private.require_fresh();
    if private.session_reach() < 2 then
        perform private.fail('factor_first', 'Set up a second factor first.');
    end if;
    select array_agg(made.code)
    into codes
    from (
        select string_agg(
            substr('0123456789abcdefghjkmnpqrstvwxyz', (get_byte(random.bytes, place) & 31) + 1, 1)
                || case when place % 4 = 3 and place < 15 then '-' else '' end,
            '' order by place
        ) as code
        from (select number, extensions.gen_random_bytes(16) as bytes from generate_series(1, 10) as number) as random
        cross join generate_series(0, 15) as place
        group by random.number
    ) as made;

    delete from private.recovery_codes as c where c.user_id = auth.uid();
    insert into private.recovery_codes (user_id, code_hash)
    select auth.uid(), private.code_hash(code)
    from unnest(codes) as code;
    perform private.record_own_act('recovery_codes.made', '{}');
    return codes;
end
$$;
comment on function private.make_recovery_codes() is 'See public.make_recovery_codes.';
grant execute on function private.make_recovery_codes() to authenticated;

create function public.make_recovery_codes() returns text[]
    language sql
    set search_path = ''
as $$
    select private.make_recovery_codes()
$$;
comment on function public.make_recovery_codes() is
    'Ten new recovery codes for the caller, whose earlier ones are worth nothing from now on. Answered here and never again; '
    'factor_first, fresh_proof_needed.';
grant execute on function public.make_recovery_codes() to authenticated;

create function private.use_recovery_code(code text) returns boolean
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    person uuid := auth.uid();
begin
    if private.session_reach() is distinct from 0 then
        perform private.require_session();
        perform private.fail('nothing_to_recover', 'You are in already, so no recovery code is needed.');
    end if;
    if exists (
        select
        from private.take(jsonb_build_array(jsonb_build_object('limit', 'recovery_code', 'key', person))) as taken
        where not taken.allowed
    ) then
        perform private.fail('too_many_tries', 'Too many tries in a short time. Wait a few minutes, then try again.');
    end if;
    update private.recovery_codes as c
    set used_at = now()
    where c.user_id = person
      and c.code_hash = private.code_hash(use_recovery_code.code)
      and c.used_at is null;
    if not found then
        perform private.record_own_act('recovery_code.refused', '{}', 'refused');
        return false;
    end if;

    -- What was lost may be in other hands, with a session on it.
    delete from auth.sessions as s
    where s.user_id = person
      and s.id <> (auth.jwt() ->> 'session_id')::uuid;
    delete from auth.mfa_factors as f where f.user_id = person;
    delete from private.factors_told as t where t.user_id = person and not t.is_passkey;
    perform private.record_own_act('recovery_code.used', '{}');
    perform private.tell_of_factor('recovery_code_used', null);
    return true;
end
$$;
comment on function private.use_recovery_code(text) is 'See public.use_recovery_code.';
grant execute on function private.use_recovery_code(text) to authenticated;

create function public.use_recovery_code(code text) returns boolean
    language sql
    set search_path = ''
as $$
    select private.use_recovery_code(code)
$$;
comment on function public.use_recovery_code(text) is
    'For whoever is signed in, has a second factor and can''t give it: uses up one of their recovery codes, takes every factor '
    'of theirs away and ends their other sessions. False for a code that is none, or was used; nothing_to_recover, too_many_tries.';
grant execute on function public.use_recovery_code(text) to authenticated;

------------------------------------------------------------------------------------------------------
-- What a person has, and what they are told
------------------------------------------------------------------------------------------------------

create table private.factors_told (
    factor_id uuid primary key,
    user_id uuid not null references auth.users on delete cascade,
    is_passkey boolean not null,
    name text,
    created_at timestamptz not null default now()
);
comment on table private.factors_told is
    'The factors and passkeys that a person was told of: what is not here is new to them, and what is here and gone was removed.';
create index factors_told_by_person on private.factors_told (user_id);

create function private.record_own_act(action text, detail jsonb, result text default 'ok') returns void
    language sql
    set search_path = ''
as $$
    select audit.record_event(
        chain_kind => 'person',
        chain => auth.uid(),
        action => action,
        result => result,
        entity => split_part(action, '.', 1),
        entity_id => auth.uid(),
        subject => 'person',
        subject_id => auth.uid(),
        detail => detail
    )
$$;
comment on function private.record_own_act(text, jsonb, text) is 'Records on the signed-in person''s own chain what they did about their sign-in.';

create function private.tell_of_factor(what text, name text) returns void
    language sql
    set search_path = ''
as $$
    insert into mail.outbox (dedupe_key, template, to_address, data, has_secret)
    select
        'second_factor:' || gen_random_uuid(),
        'second_factor',
        u.email,
        jsonb_build_object('what', what, 'name', name, 'at', now(), 'address', (private.request_context()).ip),
        false
    from auth.users as u
    where u.id = auth.uid()
$$;
comment on function private.tell_of_factor(text, text) is
    'Mails the signed-in person that their second factor has changed: what is factor_added, factor_removed, passkey_added, '
    'passkey_removed or recovery_code_used.';

create function private.note_factors() returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    person uuid := auth.uid();
    new_one record;
    gone private.factors_told;
begin
    -- Whoever takes away the factor that this very session gave owes another one, and is told all the same.
    if private.session_reach() is null then
        perform private.require_session();
    end if;
    update private.factors_told as t
    set name = k.friendly_name
    from auth.webauthn_credentials as k
    where t.user_id = person
      and k.id = t.factor_id
      and t.name is distinct from k.friendly_name;
    for new_one in
        insert into private.factors_told (factor_id, user_id, is_passkey, name)
        select f.id, f.user_id, false, f.friendly_name
        from auth.mfa_factors as f
        where f.user_id = person
          and f.status = 'verified'
        union all
        select k.id, k.user_id, true, k.friendly_name
        from auth.webauthn_credentials as k
        where k.user_id = person
        on conflict do nothing
        returning is_passkey, name
    loop
        perform private.record_own_act(
            case when new_one.is_passkey then 'passkey.added' else 'factor.added' end, jsonb_build_object('name', new_one.name)
        );
        perform private.tell_of_factor(case when new_one.is_passkey then 'passkey_added' else 'factor_added' end, new_one.name);
    end loop;
    for gone in
        delete from private.factors_told as t
        where t.user_id = person
          and not exists (select from auth.mfa_factors as f where f.id = t.factor_id)
          and not exists (select from auth.webauthn_credentials as k where k.id = t.factor_id)
        returning t.*
    loop
        perform private.record_own_act(
            case when gone.is_passkey then 'passkey.removed' else 'factor.removed' end, jsonb_build_object('name', gone.name)
        );
        perform private.tell_of_factor(case when gone.is_passkey then 'passkey_removed' else 'factor_removed' end, gone.name);
    end loop;
end
$$;
comment on function private.note_factors() is 'See public.note_factors.';
grant execute on function private.note_factors() to authenticated;

create function public.note_factors() returns void
    language sql
    set search_path = ''
as $$
    select private.note_factors()
$$;
comment on function public.note_factors() is
    'Compares what second factors and passkeys the caller has with those they were told of, records each that came or went, and '
    'mails them of it. A passkey that was renamed is known by its new name from then on. Called after each change; what changed '
    'at another door is told of at the next.';
grant execute on function public.note_factors() to authenticated;

create function private.my_factors() returns jsonb
    language plpgsql
    stable security definer
    set search_path = ''
as $$
begin
    -- Whoever is asked for their factor must see which they have.
    if private.session_reach() is null then
        perform private.require_session();
    end if;
    return jsonb_build_object(
        'factors', (
            select coalesce(
                jsonb_agg(
                    jsonb_build_object(
                        'id', f.id, 'kind', f.factor_type, 'name', f.friendly_name,
                        'added_at', f.created_at, 'last_used_at', f.last_challenged_at
                    )
                    order by f.created_at
                ),
                '[]'
            )
            from auth.mfa_factors as f
            where f.user_id = auth.uid()
              and f.status = 'verified'
        ),
        'passkeys', (
            select coalesce(
                jsonb_agg(
                    jsonb_build_object(
                        'id', k.id, 'name', k.friendly_name, 'added_at', k.created_at, 'last_used_at', k.last_used_at
                    )
                    order by k.created_at, k.id
                ),
                '[]'
            )
            from auth.webauthn_credentials as k
            where k.user_id = auth.uid()
        ),
        'recovery_codes_left', (
            select count(*)
            from private.recovery_codes as c
            where c.user_id = auth.uid()
              and c.used_at is null
        )
    );
end
$$;
comment on function private.my_factors() is 'See public.my_factors.';
grant execute on function private.my_factors() to authenticated;

create function public.my_factors() returns jsonb
    language sql
    stable
    set search_path = ''
as $$
    select private.my_factors()
$$;
comment on function public.my_factors() is
    'What the caller signs in with beside a password, {factors: [{id, kind, name, added_at, last_used_at}], passkeys: [{id, name, '
    'added_at, last_used_at}], recovery_codes_left}; also for a session in which they have not given their second factor yet.';
grant execute on function public.my_factors() to authenticated;
