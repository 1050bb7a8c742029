-- Single sign-on: a business with a proven domain has its people signed in by its own identity provider (AUTH-7).
--
-- Whom a business's provider vouches for is a person of that business and nobody else. The auth server is told to keep every
-- address of it out of the pool in which people are joined by address; here such a person is given the address that the provider
-- says, marked as one of single sign-on, and can be a member of that one business alone. So whoever runs a provider can say any
-- address they like: they reach nobody's login, no platform owner's, and no other business.

------------------------------------------------------------------------------------------------------
-- Providers
------------------------------------------------------------------------------------------------------

create table public.sso_providers (
    account_id uuid not null references public.accounts,
    id uuid not null default private.uuidv7(),
    kind text not null default 'oidc',
    identifier text not null default 'custom:tf-' || encode(extensions.gen_random_bytes(16), 'hex'),
    state text not null default 'waiting',
    name text not null,
    issuer text not null default '',
    client_id text,
    metadata_url text,
    certificate_ends_at timestamptz,
    role_id uuid,
    created_at timestamptz not null default private.moment(),
    updated_at timestamptz not null default private.moment(),
    created_by uuid default auth.uid(),
    primary key (account_id, id),
    constraint account_has_one_sso_provider unique (account_id),
    constraint sso_provider_is_one_accounts unique (identifier),
    constraint sso_provider_kind_is_known check (kind in ('oidc', 'saml')),
    constraint sso_provider_is_one_of_the_auth_server check (
        identifier ~ case kind when 'oidc' then '^custom:tf-[0-9a-f]{32}$' else '^(tf-[0-9a-f]{32}|sso:[0-9a-f-]{36})$' end
    ),
    constraint sso_provider_gives_a_role_of_the_account
        foreign key (account_id, role_id) references public.roles (account_id, id) on delete set null (role_id),
    constraint sso_provider_always_gives_a_role check (role_id is not null),
    constraint sso_provider_state_is_known check (state in ('waiting', 'on', 'off')),
    constraint sso_provider_has_a_name check (length(btrim(name)) between 1 and 60),
    constraint sso_provider_is_an_address check (
        case
            when kind = 'oidc' then issuer ~ '^https?://[^\s]+$' and length(issuer) <= 500
            else length(issuer) between (state <> 'waiting')::integer and 1024
        end
    ),
    constraint sso_provider_knows_us_by_a_name check (
        case kind when 'oidc' then coalesce(length(btrim(client_id)) between 1 and 300, false) else client_id is null end
    ),
    constraint saml_provider_signs_until_some_day check (
        (kind = 'saml' and state <> 'waiting') = (certificate_ends_at is not null)
    ),
    constraint saml_provider_metadata_is_an_address check (
        metadata_url is null or (kind = 'saml' and metadata_url ~ '^https?://[^\s]+$' and length(metadata_url) <= 500)
    )
);
comment on table public.sso_providers is
    'The identity provider by which a business signs its people in (AUTH-7). Its client secret stands with the auth server alone.';
comment on column public.sso_providers.kind is 'What it speaks: oidc (OpenID Connect) or saml (SAML 2.0).';
comment on column public.sso_providers.state is
    'waiting: the auth server has not taken it yet, and nobody signs in by it. on: they do. off: they do not, until an owner switches it on.';
comment on column public.sso_providers.issuer is
    'What it is called: of OpenID Connect the address below which its discovery document stands, of SAML its entity id.';
comment on column public.sso_providers.client_id is 'What it calls us, by OpenID Connect. By SAML every provider calls us the same.';
comment on column public.sso_providers.metadata_url is 'Where its SAML metadata were read; null where somebody pasted them.';
comment on column public.sso_providers.certificate_ends_at is
    'When the last of the certificates ends by which it signs: from then on the auth server believes nothing that it says.';
comment on column public.sso_providers.role_id is 'Which role somebody is given whom it vouches for at the first time. Never the owner''s.';
comment on column public.sso_providers.identifier is
    'What the auth server calls it. Another for each one set up, so that one''s people are never another''s. By SAML it says itself, once it has taken it.';
create index sso_providers_by_role on public.sso_providers (account_id, role_id);

create trigger touch before update on public.sso_providers for each row execute function private.touch();
select audit.watch(
    'public.sso_providers', 'sso_provider',
    business => array[
        'account_id', 'id', 'kind', 'identifier', 'state', 'name', 'issuer', 'client_id', 'certificate_ends_at', 'role_id',
        'created_at', 'updated_at', 'created_by'
    ],
    -- Some providers keep their metadata from strangers by a key in the address.
    secret => array['metadata_url']
);
select private.collect_no_telling_statistics('public.sso_providers');

create policy "Members who may invite see how their account signs people in"
    on public.sso_providers for select to authenticated
    using (nullif(account_id = any ((select private.accounts_with('members.write'))::uuid[]), false) is not unknown);
comment on policy "Members who may invite see how their account signs people in" on public.sso_providers is
    'Who joins by it is their business too. Setting it up is the owners''.';
grant select on public.sso_providers to authenticated;

------------------------------------------------------------------------------------------------------
-- Setting one up: an owner begins, the edge function hands the secret to the auth server, and says here that it is done
------------------------------------------------------------------------------------------------------

create function private.has_proven_domain(for_account uuid) returns boolean
    language sql
    stable
    set search_path = ''
as $$
    select exists (
        select
        from public.domains as d
        where d.account_id = for_account
          and d.state = 'verified'
    )
$$;
comment on function private.has_proven_domain(uuid) is 'Does a domain stand proven as the account''s?';

insert into private.limits (name, quota, period, longest, by_address, protects)
values (
    'sso_setup', 20, '1 hour', null, false,
    'The auth server, which asks the address that a business gives as its provider''s, and whoever is at that address.'
);

create function private.may_begin_sso(for_account uuid, called text, for_role uuid) returns void
    language plpgsql
    set search_path = ''
as $$
begin
    perform private.require_owner(for_account);
    perform private.take_turns(for_account);
    if not private.has_proven_domain(for_account) then
        perform private.fail('domain_first', 'Prove a domain of your own first.');
    end if;
    if (private.require_giveable(for_account, for_role)).key = 'owner' then
        perform private.fail('validation_failed', 'Nobody becomes an owner by signing in. Choose another role.', 'role_id');
    end if;
    if private.clean(called) is null or length(called) > 60 then
        perform private.fail('validation_failed', 'Give it a name of at most 60 characters.', 'name');
    end if;
end
$$;
comment on function private.may_begin_sso(uuid, text, uuid) is
    'Lets only an owner of an account with a proven domain go on, with a name for the provider and a role that they can give.';

create function private.make_room_for_sso(for_account uuid) returns void
    language plpgsql
    set search_path = ''
as $$
begin
    perform private.spend(jsonb_build_array(jsonb_build_object('limit', 'sso_setup', 'key', for_account)), 'too_many_tries');
    -- One that was begun and never finished gives way.
    delete from public.sso_providers as p
    where p.account_id = for_account
      and p.state = 'waiting';
    if exists (select from public.sso_providers as p where p.account_id = for_account) then
        perform private.fail('sso_is_set_up', 'Single sign-on is set up already. Take it off first.');
    end if;
end
$$;
comment on function private.make_room_for_sso(uuid) is
    'Takes away what was begun and never finished, twenty times an hour at most. A provider that is set up stays.';

create function private.begin_sso(for_account uuid, called text, issuer text, client_id text, for_role uuid) returns jsonb
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    begun public.sso_providers;
begin
    perform private.may_begin_sso(for_account, called, for_role);
    if coalesce(begin_sso.issuer, '') !~ '^https?://[^\s]+$' or length(begin_sso.issuer) > 500 then
        perform private.fail('validation_failed', 'Give the address that your provider calls its issuer.', 'issuer');
    end if;
    if private.clean(begin_sso.client_id) is null or length(begin_sso.client_id) > 300 then
        perform private.fail('validation_failed', 'Give the client ID that your provider made for us.', 'client_id');
    end if;
    perform private.make_room_for_sso(for_account);
    insert into public.sso_providers as p (account_id, name, issuer, client_id, role_id)
    values (for_account, private.clean(called), begin_sso.issuer, private.clean(begin_sso.client_id), for_role)
    returning p.* into begun;
    return jsonb_build_object('id', begun.id, 'identifier', begun.identifier);
end
$$;
comment on function private.begin_sso(uuid, text, text, text, uuid) is 'See public.begin_sso.';
grant execute on function private.begin_sso(uuid, text, text, text, uuid) to authenticated;

create function public.begin_sso(account_id uuid, name text, issuer text, client_id text, role_id uuid) returns jsonb
    language sql
    set search_path = ''
as $$
    select private.begin_sso(account_id, name, issuer, client_id, role_id)
$$;
comment on function public.begin_sso(uuid, text, text, text, uuid) is
    'An owner of an account with a proven domain begins to set single sign-on up: {id, identifier}. Nobody signs in by it until '
    'edge function sso has handed it to the auth server. owners_only, domain_first, sso_is_set_up, fresh_proof_needed.';
grant execute on function public.begin_sso(uuid, text, text, text, uuid) to authenticated;

create function private.begin_saml(for_account uuid, called text, metadata_url text, for_role uuid) returns jsonb
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    begun public.sso_providers;
begin
    perform private.may_begin_sso(for_account, called, for_role);
    if begin_saml.metadata_url !~ '^https?://[^\s]+$' or length(begin_saml.metadata_url) > 500 then
        perform private.fail('validation_failed', 'Give the whole address of the metadata.', 'metadata_url');
    end if;
    perform private.make_room_for_sso(for_account);
    insert into public.sso_providers as p (account_id, kind, identifier, name, metadata_url, role_id)
    values (
        for_account, 'saml', 'tf-' || encode(extensions.gen_random_bytes(16), 'hex'), private.clean(called),
        begin_saml.metadata_url, for_role
    )
    returning p.* into begun;
    return jsonb_build_object('id', begun.id, 'identifier', begun.identifier);
end
$$;
comment on function private.begin_saml(uuid, text, text, uuid) is 'See public.begin_saml.';
grant execute on function private.begin_saml(uuid, text, text, uuid) to authenticated;

create function public.begin_saml(account_id uuid, name text, metadata_url text, role_id uuid) returns jsonb
    language sql
    set search_path = ''
as $$
    select private.begin_saml(account_id, name, metadata_url, role_id)
$$;
comment on function public.begin_saml(uuid, text, text, uuid) is
    'An owner of an account with a proven domain begins to set single sign-on by SAML 2.0 up: {id, identifier}. Nobody signs in by it '
    'until edge function sso has read the metadata, at their address or where somebody pasted them (null), and handed them to the '
    'auth server. owners_only, domain_first, sso_is_set_up, fresh_proof_needed.';
grant execute on function public.begin_saml(uuid, text, text, uuid) to authenticated;

create function private.ending_sso(for_account uuid) returns text
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    wanted text;
begin
    perform private.require_owner(for_account);
    select p.identifier
    into wanted
    from public.sso_providers as p
    where p.account_id = for_account;
    if not found then
        perform private.fail('not_found', 'Single sign-on is not set up.');
    end if;
    return wanted;
end
$$;
comment on function private.ending_sso(uuid) is 'See public.ending_sso.';
grant execute on function private.ending_sso(uuid) to authenticated;

create function public.ending_sso(account_id uuid) returns text
    language sql
    set search_path = ''
as $$
    select private.ending_sso(account_id)
$$;
comment on function public.ending_sso(uuid) is
    'May the caller change single sign-on of the account, or take it off? What the auth server calls its provider, so that edge function '
    'sso does it there first. owners_only, not_found, fresh_proof_needed.';
grant execute on function public.ending_sso(uuid) to authenticated;

create function service.sso_settled(account_id uuid, identifier text, person uuid, outcome text, said jsonb default '{}') returns boolean
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    perform private.act_as('person', person);
    perform private.take_turns(sso_settled.account_id);
    if outcome = 'gone' then
        delete from public.sso_providers as p
        where p.account_id = sso_settled.account_id
          and p.identifier = sso_settled.identifier;
    else
        update public.sso_providers as p
        set state = case outcome when 'renewed' then p.state else outcome end,
            identifier = coalesce(said ->> 'known_as', p.identifier),
            issuer = coalesce(said ->> 'entity_id', p.issuer),
            certificate_ends_at = coalesce((said ->> 'certificate_ends_at')::timestamptz, p.certificate_ends_at)
        where p.account_id = sso_settled.account_id
          and p.identifier = sso_settled.identifier
          and p.state <> outcome;
    end if;
    return found;
end
$$;
comment on function service.sso_settled(uuid, text, uuid, text, jsonb) is
    'The auth server has done to the account''s provider what a person asked for: it is on or off, its certificates are others (renewed), '
    'or it is gone; members stay. said, by SAML: {known_as} what the auth server calls it, {entity_id, certificate_ends_at} what its '
    'metadata say. Was there anything to change?';
grant execute on function service.sso_settled(uuid, text, uuid, text, jsonb) to service_role;

------------------------------------------------------------------------------------------------------
-- Finding it: whoever signs in gives their address at work
------------------------------------------------------------------------------------------------------

create function private.sso_of_domain(of_domain text) returns public.sso_providers
    language sql
    stable
    set search_path = ''
as $$
    select p
    from public.domains as d
    join public.sso_providers as p on p.account_id = d.account_id and p.state = 'on'
    where d.domain = of_domain
      and d.state = 'verified'
      and d.found_at > now() - interval '7 days'
$$;
comment on function private.sso_of_domain(text) is 'The provider by which people of a proven domain are signed in, or null.';

create function service.sso_of_domain(domain text) returns jsonb
    language sql
    stable security definer
    set search_path = ''
as $$
    select jsonb_build_object('identifier', p.identifier, 'name', p.name)
    from private.sso_of_domain(lower(domain)) as p
    where p.id is not null
$$;
comment on function service.sso_of_domain(text) is
    'What the auth server calls the provider of a proven domain, and what its people call it: {identifier, name}; null when there is none.';
grant execute on function service.sso_of_domain(text) to service_role;

insert into private.limits (name, quota, period, longest, by_address, protects)
values (
    'sso_address', 60, '15 minutes', null, true,
    'Which domains sign in by a provider of their own, against one address that asks for many.'
);

------------------------------------------------------------------------------------------------------
-- Coming back from it
------------------------------------------------------------------------------------------------------

create function private.enter_by_sso(person uuid, by_provider text) returns text
    language plpgsql
    set search_path = ''
as $$
declare
    provider public.sso_providers;
    said jsonb;
    address text;
    called text;
    member public.members;
begin
    select *
    into provider
    from public.sso_providers as p
    where p.identifier = by_provider
      and p.state = 'on';
    if not found then
        return 'sso_not_set_up';
    end if;
    select i.identity_data
    into said
    from auth.identities as i
    where i.user_id = person
      and i.provider = by_provider
    order by i.updated_at desc
    limit 1;
    -- By OpenID Connect the address was mapped away from where the auth server would join people by it. By SAML it never does.
    address := lower(btrim(coalesce(
        said #>> case provider.kind when 'saml' then '{email}'::text[] else '{custom_claims,email}' end,
        ''
    )));
    if said #>> '{custom_claims,email_verified}' = 'false' then
        return 'provider_email_needs_verification';
    end if;
    if address !~ '^[^@\s]+@[^@\s]+$'
        or length(address) > 254
        or (private.sso_of_domain(split_part(address, '@', 2))).id is distinct from provider.id
    then
        return 'sso_other_domain';
    end if;
    called := left(
        coalesce(
            private.clean(said ->> 'full_name'),
            private.clean(said ->> 'name'),
            private.clean(concat_ws(' ', said ->> 'given_name', said ->> 'family_name')),
            address
        ),
        120
    );

    perform private.act_as('person', person, called);
    perform private.take_turns(provider.account_id);
    select *
    into member
    from public.members as m
    where m.account_id = provider.account_id
      and m.user_id = person;
    if member.removed_at is not null then
        return 'no_longer_a_member';
    end if;
    update auth.users as u
    set email = address,
        email_confirmed_at = coalesce(u.email_confirmed_at, now()),
        is_sso_user = true
    where u.id = person
      and (u.email is distinct from address or not u.is_sso_user);
    if member.id is not null then
        return null;
    end if;
    -- Whoever was removed does not come back by another name at the provider.
    if exists (
        select
        from public.members as m
        where m.account_id = provider.account_id
          and m.removed_at is not null
          and private.mailbox(m.email) = private.mailbox(address)
    ) then
        return 'no_longer_a_member';
    end if;
    if not private.account_allows(provider.account_id, 'member_writes') then
        return 'account_suspended';
    end if;
    insert into public.members (account_id, user_id, role_id, display_name, email)
    values (provider.account_id, person, provider.role_id, called, address);
    perform private.tell_whoever_decides(
        provider.account_id, 'joined_by_domain', person::text,
        jsonb_build_object('person_name', called, 'email', address, 'domain', split_part(address, '@', 2))
    );
    return null;
end
$$;
comment on function private.enter_by_sso(uuid, text) is
    'Takes somebody in whom their business''s provider vouches for: null, or why not. At the first time they become a member with the '
    'role that was chosen. An address outside the business''s proven domains, or one that the provider calls unproven, opens nothing.';

create function private.keep_sso_in_its_business() returns trigger
    language plpgsql
    set search_path = ''
as $$
begin
    if exists (
        select
        from auth.identities as i
        where i.user_id = new.user_id
          and (i.provider like 'custom:%' or i.provider like 'sso:%')
          and not exists (
              select
              from public.sso_providers as p
              where p.identifier = i.provider
                and p.account_id = new.account_id
          )
    ) then
        perform private.fail(
            'sso_stays_in_business',
            'This login belongs to the business that signs it in. For another one, sign in in another way.'
        );
    end if;
    return new;
end
$$;
comment on function private.keep_sso_in_its_business() is
    'Whoever runs a business''s identity provider can be each of its people. So none of them is ever a member of another business.';
create trigger keep_sso_in_its_business before insert on public.members
    for each row execute function private.keep_sso_in_its_business();

------------------------------------------------------------------------------------------------------
-- By SAML: a session that did not come by our own door is none
------------------------------------------------------------------------------------------------------

-- The auth server believes an answer of a SAML provider that nobody asked for, as often as it comes within ninety seconds, and
-- begins a session the moment it comes. Whoever got hold of an answer on its way would be in. So a session by SAML lives only
-- when our own door has just asked for it, with the code that came back to the browser that began.

create table private.saml_entries (
    flow_id uuid primary key,
    user_id uuid not null references auth.users on delete cascade,
    entered_at timestamptz not null default now(),
    session_id uuid
);
comment on table private.saml_entries is
    'Whom our own door has taken in by SAML, by the auth server''s flow, and the one session that this was good for. Kept for a day.';
create index saml_entries_by_person on private.saml_entries (user_id);

create function private.enter_by_saml(flow auth.flow_state) returns text
    language plpgsql
    set search_path = ''
as $$
declare
    by_provider text;
    refusal text;
begin
    select i.provider
    into by_provider
    from auth.identities as i
    where i.user_id = flow.user_id
      and i.provider like 'sso:%'
    order by i.updated_at desc
    limit 1;
    refusal := private.enter_by_sso(flow.user_id, by_provider);
    delete from private.saml_entries as e
    where e.flow_id = flow.id
       or e.entered_at <= now() - interval '1 day';
    if refusal is null then
        insert into private.saml_entries (flow_id, user_id)
        values (flow.id, flow.user_id);
    end if;
    return refusal;
end
$$;
comment on function private.enter_by_saml(auth.flow_state) is
    'As private.enter_by_sso, for somebody whom a SAML provider sent: their flow does not name it, their identity does. Notes that they '
    'were taken in, so that the session which the auth server begins next is let live.';

create function private.end_saml_session_of_no_entry() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    if not exists (
        select
        from auth.mfa_amr_claims as c
        where c.session_id = new.id
          and c.authentication_method = 'sso/saml'
    ) then
        return null;
    end if;
    -- The code is spent in the same transaction: as long as its flow stands, this session is another one.
    update private.saml_entries as e
    set session_id = new.id
    where e.user_id = new.user_id
      and e.session_id is null
      and e.entered_at > now() - interval '1 minute'
      and not exists (select from auth.flow_state as f where f.id = e.flow_id);
    if not found then
        delete from auth.sessions as s
        where s.id = new.id;
    end if;
    return null;
end
$$;
comment on function private.end_saml_session_of_no_entry() is
    'Ends a session by SAML that our own door did not ask for, before anybody can use it: one that began at the provider, an answer '
    'that came again, or the one that the auth server begins when an answer comes, whose code begins another (AUTH-7). It closes: '
    'should it fail, nobody gets in by SAML.';
-- At the end of the transaction: how the session's person has proved themselves is written after the session.
create constraint trigger saml_session_comes_by_our_door after insert on auth.sessions
    deferrable initially deferred
    for each row execute function private.end_saml_session_of_no_entry();
