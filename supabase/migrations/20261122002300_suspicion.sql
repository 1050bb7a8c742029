-- Suspicion: what is looked at before somebody is let try to sign in.

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

create function service.admit(wanted jsonb, login text, method text) returns jsonb
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    -- As in service.take.
    perform set_config('synchronous_commit', 'off', true);
    return jsonb_build_object(
        'standings', (select jsonb_agg(to_jsonb(t)) from private.take(admit.wanted) as t),
        'is_known', private.is_known_at_the_door(admit.login, admit.method)
    );
end
$$;
comment on function service.admit(jsonb, text, text) is
    'May this attempt to sign in go on to the auth server, and as whose? {standings: what private.take says, is_known: see '
    'private.is_known_at_the_door}, in one round trip; the answer to the person says neither.';
grant execute on function service.admit(jsonb, text, text) to service_role;
