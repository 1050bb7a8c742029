-- Factors: what asks a person to prove anew who they are, and with what.

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
    if not private.session_is_live() then
        perform private.fail('session_ended', 'Your session has ended. Sign in again.');
    end if;
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
    stable security definer
    set search_path = ''
as $$
begin
    perform private.require(for_account, 'payouts.manage');
    perform private.require_fresh();
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
    stable
    set search_path = ''
as $$
    select private.start_payouts(account_id)
$$;
comment on function public.start_payouts(uuid) is
    'May the caller say into which bank account customers pay? Needs payouts.manage and a fresh proof of who they are. Answers '
    'whom Stripe is to ask for: {name} of the business, {email} of the caller.';
grant execute on function public.start_payouts(uuid) to authenticated;
