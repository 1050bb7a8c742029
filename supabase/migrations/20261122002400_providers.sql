-- Whom a provider sends: what our own door asks before somebody who comes back from one is given a session.
--
-- The auth server joins whoever a provider vouches for to the person who has the same address. Microsoft vouches for an address
-- only where it says so in the claim xms_edov; left out, the auth server takes any address for proven that an administrator of
-- any directory typed. Our door does not (AUTH-1). The open auth endpoint is safe when the claim is configured (docs/hosted.md).

create function private.vouches_for_address(identity auth.identities) returns boolean
    language sql
    immutable
    set search_path = ''
as $$
    select identity.provider <> 'azure'
        or coalesce(identity.identity_data #>> '{custom_claims,xms_edov}', '') in ('true', '1')
$$;
comment on function private.vouches_for_address(auth.identities) is
    'Does the provider say that the address is the person''s? Microsoft says it as a boolean or as a text, or not at all.';

create function service.provider_entry(auth_code text) returns text
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    flow auth.flow_state;
    refusal text;
begin
    select *
    into flow
    from auth.flow_state as f
    where f.auth_code = provider_entry.auth_code;
    if flow.provider_type = 'azure' then
        perform private.act_as('system', name => 'auth-gate');
        -- Which of several accounts at Microsoft it was is not told, so one that proves nothing is one too many.
        delete from auth.identities as i
        where i.user_id = flow.user_id
          and not private.vouches_for_address(i);
        if found then
            refusal := 'provider_email_needs_verification';
        end if;
    elsif flow.provider_type like 'custom:%' then
        refusal := private.enter_by_sso(flow.user_id, flow.provider_type);
    elsif flow.provider_type = 'sso/saml' then
        refusal := private.enter_by_saml(flow);
    end if;
    if refusal is not null then
        delete from auth.flow_state as f
        where f.id = flow.id;
    end if;
    return refusal;
end
$$;
comment on function service.provider_entry(text) is
    'Asked by auth-gate before it exchanges the code that somebody brought back from a provider: null when they may go on, else '
    'the word for why not, and the code is spent. An account at Microsoft that does not prove its address is taken off the person; '
    'whom a business''s own provider sends is taken into that business (private.enter_by_sso).';
grant execute on function service.provider_entry(text) to service_role;

------------------------------------------------------------------------------------------------------
-- Apple's client secret ends after half a year
------------------------------------------------------------------------------------------------------

create function private.watch_apple_secret() returns void
    language plpgsql
    set search_path = ''
as $$
declare
    said text := (select s.decrypted_secret from vault.decrypted_secrets as s where s.name = 'tf_apple_secret_ends_at');
    -- What can't be read is told of like a secret that has ended, since nobody knows whether it has.
    ends_at timestamptz := case when pg_input_is_valid(said, 'timestamptz') then said else '-infinity' end;
    is_urgent boolean := ends_at < now() + interval '7 days';
begin
    if said is null or ends_at > now() + interval '30 days' then
        return;
    end if;
    if exists (
        select
        from private.alerts as a
        where a.kind = 'apple_secret_ends'
          and a.raised_at > now() - case when is_urgent then interval '23 hours' else interval '167 hours' end
    ) then
        return;
    end if;
    perform private.raise_alert('apple_secret_ends', jsonb_build_object('ends_at', said));
end
$$;
comment on function private.watch_apple_secret() is
    'Raises an alert each week from a month before Apple''s client secret ends, each day from a week before. When it ends the vault '
    'says as tf_apple_secret_ends_at; it says nothing where nobody signs in with Apple.';

insert into private.schedules (name, schedule, command, reason)
values (
    'watch-apple-secret', '53 7 * * *', 'select private.watch_apple_secret()',
    'Nobody signs in with Apple once its client secret has ended, and Apple lets none live longer than half a year.'
);
select cron.schedule(s.name, s.schedule, s.command)
from private.schedules as s
where s.name = 'watch-apple-secret';
