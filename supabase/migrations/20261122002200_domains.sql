-- Domains: a business proves that a domain is its own, by a record in the domain's DNS; whoever shows that their address is in
-- it may then join, at once or when somebody of the business says yes (ACC-4). An address that was never proven opens nothing,
-- and nobody who was removed, or refused, comes back this way.

------------------------------------------------------------------------------------------------------
-- Tables
------------------------------------------------------------------------------------------------------

create table public.domains (
    account_id uuid not null references public.accounts,
    id uuid not null default private.uuidv7(),
    domain text not null,
    record text not null default 'tradersflow-verification=' || private.base64url(extensions.gen_random_bytes(24)),
    state text not null default 'waiting',
    found_at timestamptz,
    joining text not null default 'approval',
    role_id uuid,
    created_at timestamptz not null default private.moment(),
    updated_at timestamptz not null default private.moment(),
    created_by uuid default auth.uid(),
    primary key (account_id, id),
    constraint domain_is_named_once_in_account unique (account_id, domain),
    constraint domain_gives_a_role_of_the_account
        foreign key (account_id, role_id) references public.roles (account_id, id) on delete set null (role_id),
    constraint domain_always_gives_a_role check (role_id is not null),
    constraint domain_looks_like_one check (
        domain ~ '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])$' and length(domain) <= 240
    ),
    constraint domain_state_is_known check (state in ('waiting', 'verified', 'missing')),
    constraint domain_joining_is_known check (joining in ('nobody', 'approval', 'automatic')),
    constraint proven_domain_was_found check (state = 'waiting' or found_at is not null)
);
comment on table public.domains is
    'Domains that an account says are its own. Proven while a TXT record of ours stands at _tradersflow.<domain> (ACC-4, AUTH-7).';
comment on column public.domains.domain is 'In lower case and ASCII (RFC 5891). With our label before it a name of at most 253 characters.';
comment on column public.domains.record is 'What the record says. No secret: whoever can put it there owns the domain.';
comment on column public.domains.state is
    'waiting: not proven. verified: the record stood there when we looked last. missing: it did not; nobody joins, and after a week it is waiting again.';
comment on column public.domains.found_at is 'When we saw the record last. Looked for again daily.';
comment on column public.domains.joining is 'Who may join by an address in it: nobody, whoever is approved, or anybody (automatic).';
create index domains_by_role on public.domains (account_id, role_id);
create unique index domain_is_proven_by_one_account on public.domains (domain) where state <> 'waiting';
create index domains_to_check on public.domains (found_at) where state <> 'waiting';

create trigger touch before update on public.domains for each row execute function private.touch();

create table public.join_requests (
    account_id uuid not null references public.accounts,
    id uuid not null default private.uuidv7(),
    user_id uuid not null references auth.users,
    email text not null,
    display_name text not null,
    state text not null default 'waiting',
    decided_by uuid,
    created_at timestamptz not null default private.moment(),
    updated_at timestamptz not null default private.moment(),
    created_by uuid default auth.uid(),
    primary key (account_id, id),
    constraint person_asks_to_join_once unique (account_id, user_id),
    constraint join_request_name_is_not_blank check (length(btrim(display_name)) between 1 and 120),
    constraint join_request_state_is_known check (state in ('waiting', 'approved', 'refused'))
);
comment on table public.join_requests is
    'Who asks to join an account because their confirmed address is in its domain. Once: who was refused is invited or stays out.';
comment on column public.join_requests.decided_by is 'Who said yes or no. Null while it waits, and when the account has let everybody join since.';
create index join_requests_by_user on public.join_requests (user_id);

create trigger touch before update on public.join_requests for each row execute function private.touch();

select audit.watch(
    'public.domains', 'domain',
    business => array[
        'account_id', 'id', 'domain', 'record', 'state', 'found_at', 'joining', 'role_id', 'created_at', 'updated_at', 'created_by'
    ],
    -- That a record still stands there is no news.
    only_when => '(old.state, old.joining, old.role_id) is distinct from (new.state, new.joining, new.role_id)'
);
select audit.watch(
    'public.join_requests', 'join_request',
    personal => array['email', 'display_name'],
    business => array['account_id', 'id', 'user_id', 'state', 'decided_by', 'created_at', 'updated_at', 'created_by']
);
select private.collect_no_telling_statistics('public.domains');
select private.collect_no_telling_statistics('public.join_requests');

------------------------------------------------------------------------------------------------------
-- Policies
------------------------------------------------------------------------------------------------------

create policy "Members who may invite see their account's domains"
    on public.domains for select to authenticated
    using (nullif(account_id = any ((select private.accounts_with('members.write'))::uuid[]), false) is not unknown);
comment on policy "Members who may invite see their account's domains" on public.domains is
    'Who may join without an invitation is their business too. Changing it is the owners''.';

create policy "Members who may invite see who asks to join their account"
    on public.join_requests for select to authenticated
    using (nullif(account_id = any ((select private.accounts_with('members.write'))::uuid[]), false) is not unknown);
comment on policy "Members who may invite see who asks to join their account" on public.join_requests is
    'Addresses of people who have not joined: for those who decide. The person themselves asks public.joinable().';

grant select on public.domains, public.join_requests to authenticated;

------------------------------------------------------------------------------------------------------
-- Naming a domain, and choosing who joins by it
------------------------------------------------------------------------------------------------------

create function private.require_owner(for_account uuid) returns void
    language plpgsql
    set search_path = ''
as $$
begin
    perform private.require(for_account, 'members.write');
    if not private.is_owner(for_account) then
        perform private.fail('owners_only', 'Only an owner can do that.');
    end if;
    perform private.require_fresh();
end
$$;
comment on function private.require_owner(uuid) is
    'Raises unless the signed-in person is an owner of the account, has just proved it, and the account may be changed now.';

create function private.tell_whoever_decides(for_account uuid, template text, dedupe text, said jsonb) returns void
    language plpgsql
    set search_path = ''
as $$
begin
    insert into mail.outbox (account_id, dedupe_key, template, to_address, data, has_secret)
    select
        a.id,
        tell_whoever_decides.template || ':' || a.id || ':' || dedupe || ':' || u.id,
        tell_whoever_decides.template,
        lower(u.email),
        jsonb_build_object('business_name', a.name) || said,
        false
    from public.accounts as a
    join private.memberships as h on h.account_id = a.id and 'members.write' = any (h.permissions)
    join auth.users as u on u.id = h.user_id
    where a.id = for_account
    on conflict on constraint message_is_queued_once do nothing;
end
$$;
comment on function private.tell_whoever_decides(uuid, text, text, jsonb) is
    'Queues a notice to everybody who may let people into the account, once for what dedupe names.';

create function private.add_domain(for_account uuid, domain text, idempotency_key uuid) returns uuid
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    wanted text := lower(private.clean(domain));
    earlier jsonb;
    added public.domains;
begin
    perform private.require_owner(for_account);
    perform private.take_turns(for_account);
    earlier := private.replay(for_account, idempotency_key, 'add_domain', jsonb_build_array(domain));
    if earlier is not null then
        return earlier #>> '{}';
    end if;
    if wanted is null
        or wanted !~ '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])$'
        or length(wanted) > 240
    then
        perform private.fail('validation_failed', 'Give the part of your addresses after the @, like example.co.uk.', 'domain');
    end if;
    if (select count(*) >= 10 from public.domains as d where d.account_id = for_account) then
        perform private.fail('too_many_domains', 'A business has at most 10 domains here. Take one out first.');
    end if;
    insert into public.domains as d (account_id, domain, role_id)
    select r.account_id, wanted, r.id
    from public.roles as r
    where r.account_id = for_account
      and r.key = 'staff'
    on conflict on constraint domain_is_named_once_in_account do nothing
    returning d.* into added;
    if added.id is null then
        perform private.fail('validation_failed', 'This domain is on your list already.', 'domain');
    end if;
    return private.remember(for_account, idempotency_key, to_jsonb(added.id)) #>> '{}';
end
$$;
comment on function private.add_domain(uuid, text, uuid) is 'See public.add_domain.';
grant execute on function private.add_domain(uuid, text, uuid) to authenticated;

create function public.add_domain(account_id uuid, domain text, idempotency_key uuid) returns uuid
    language sql
    set search_path = ''
as $$
    select private.add_domain(account_id, domain, idempotency_key)
$$;
comment on function public.add_domain(uuid, text, uuid) is
    'An owner names a domain of the account. Nothing opens by it until its record was found. Answers its id; owners_only, '
    'too_many_domains, fresh_proof_needed.';
grant execute on function public.add_domain(uuid, text, uuid) to authenticated;

create function private.set_domain_joining(for_account uuid, for_domain uuid, joining text, for_role uuid) returns boolean
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    perform private.require_owner(for_account);
    perform private.take_turns(for_account);
    if joining is null or joining <> all ('{nobody,approval,automatic}') then
        perform private.fail('validation_failed', 'Choose who may join.', 'joining');
    end if;
    -- A mailbox of the domain is no reason to hand somebody the business.
    if (private.require_giveable(for_account, for_role)).key = 'owner' then
        perform private.fail('validation_failed', 'Nobody becomes an owner by their address. Choose another role.', 'role_id');
    end if;
    update public.domains as d
    set joining = set_domain_joining.joining,
        role_id = for_role
    where d.account_id = for_account
      and d.id = for_domain;
    if not found then
        perform private.fail('not_found', 'There is no such domain.');
    end if;
    return true;
end
$$;
comment on function private.set_domain_joining(uuid, uuid, text, uuid) is 'See public.set_domain_joining.';
grant execute on function private.set_domain_joining(uuid, uuid, text, uuid) to authenticated;

create function public.set_domain_joining(account_id uuid, domain_id uuid, joining text, role_id uuid) returns boolean
    language sql
    set search_path = ''
as $$
    select private.set_domain_joining(account_id, domain_id, joining, role_id)
$$;
comment on function public.set_domain_joining(uuid, uuid, text, uuid) is
    'An owner chooses who joins by an address in the domain (nobody, approval or automatic), and in which role. Never as an owner. '
    'owners_only, fresh_proof_needed.';
grant execute on function public.set_domain_joining(uuid, uuid, text, uuid) to authenticated;

create function private.remove_domain(for_account uuid, for_domain uuid) returns boolean
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    perform private.require_owner(for_account);
    perform private.take_turns(for_account);
    delete from public.domains as d
    where d.account_id = for_account
      and d.id = for_domain;
    if not found then
        perform private.fail('not_found', 'There is no such domain.');
    end if;
    return true;
end
$$;
comment on function private.remove_domain(uuid, uuid) is 'See public.remove_domain.';
grant execute on function private.remove_domain(uuid, uuid) to authenticated;

create function public.remove_domain(account_id uuid, domain_id uuid) returns boolean
    language sql
    set search_path = ''
as $$
    select private.remove_domain(account_id, domain_id)
$$;
comment on function public.remove_domain(uuid, uuid) is
    'An owner takes a domain off the account: nobody joins by it any more, and another business may prove it. Members stay. '
    'owners_only, fresh_proof_needed.';
grant execute on function public.remove_domain(uuid, uuid) to authenticated;

------------------------------------------------------------------------------------------------------
-- Proving it: an edge function looks the record up, and says here what it found
------------------------------------------------------------------------------------------------------

create function service.domain_looked_up(account_id uuid, domain_id uuid, seen text[]) returns text
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    domain public.domains;
begin
    perform private.act_as('worker', name => 'domains');
    select *
    into domain
    from public.domains as d
    where d.account_id = domain_looked_up.account_id
      and d.id = domain_looked_up.domain_id
    for no key update;
    if not found then
        perform private.fail('not_found', 'There is no such domain.');
    end if;

    if domain.record = any (domain_looked_up.seen) then
        -- Who proved the domain before, and whose record is gone from it, gives way to who has it now.
        update public.domains as d
        set state = 'waiting'
        where d.domain = domain.domain
          and d.state <> 'waiting'
          and d.record <> all (domain_looked_up.seen);
        if exists (
            select
            from public.domains as d
            where d.domain = domain.domain
              and d.account_id <> domain.account_id
              and d.state <> 'waiting'
        ) then
            perform private.fail('domain_taken', 'Another business has proven this domain. Its record has to go first.');
        end if;
        update public.domains as d
        set state = 'verified',
            found_at = now()
        where d.account_id = domain.account_id
          and d.id = domain.id
        returning d.* into domain;
    elsif domain.state = 'verified' then
        update public.domains as d
        set state = 'missing'
        where d.account_id = domain.account_id
          and d.id = domain.id
        returning d.* into domain;
        perform private.tell_whoever_decides(
            domain.account_id, 'domain_missing', domain.id || ':' || domain.found_at, jsonb_build_object('domain', domain.domain)
        );
    elsif domain.found_at < now() - interval '7 days' then
        update public.domains as d
        set state = 'waiting'
        where d.account_id = domain.account_id
          and d.id = domain.id
        returning d.* into domain;
    end if;
    return domain.state;
end
$$;
comment on function service.domain_looked_up(uuid, uuid, text[]) is
    'What stood in the DNS where the domain''s record belongs. Found: it is proven, unless another account''s record stands there '
    'too (domain_taken). Not found: nobody joins by it, those who decide are told, and after a week it is no longer proven. Answers its state.';
grant execute on function service.domain_looked_up(uuid, uuid, text[]) to service_role;

create function service.domains_to_check(limit_rows integer) returns setof jsonb
    language sql
    stable security definer
    set search_path = ''
as $$
    select jsonb_build_object('account_id', d.account_id, 'domain_id', d.id, 'domain', d.domain)
    from public.domains as d
    where d.state <> 'waiting'
      and d.found_at < now() - interval '20 hours'
    order by d.found_at
    limit limit_rows
$$;
comment on function service.domains_to_check(integer) is
    'Proven domains whose record was not seen for most of a day: {account_id, domain_id, domain}, those seen longest ago first.';
grant execute on function service.domains_to_check(integer) to service_role;

insert into private.schedules (name, schedule, command, reason)
values (
    'check-domains', '23 * * * *', $$select private.kick('domains')$$,
    'Looks once a day whether the record of each proven domain still stands: who has lost a domain lets nobody in by it.'
);
select cron.schedule(s.name, s.schedule, s.command)
from private.schedules as s
where s.name = 'check-domains';

------------------------------------------------------------------------------------------------------
-- Joining
------------------------------------------------------------------------------------------------------

create function private.mailbox(address text) returns text
    language sql
    immutable parallel safe
    set search_path = ''
as $$
    select regexp_replace(lower(address), '\+[^@]*@', '@')
$$;
comment on function private.mailbox(text) is
    'An address without what somebody may add to their own one (sam+work@): two that reach one person are one mailbox.';

create function private.domain_open_to(person auth.users) returns public.domains
    language sql
    stable
    set search_path = ''
as $$
    select d
    from public.domains as d
    where d.domain = split_part(lower(person.email), '@', 2)
      and d.state = 'verified'
      and d.found_at > now() - interval '7 days'
      and d.joining <> 'nobody'
      -- What a company's own sign-in says of an address was never proved to us.
      and person.email_confirmed_at is not null
      and not person.is_sso_user
      and private.account_allows(d.account_id, 'member_writes')
      and not exists (
          select
          from public.members as m
          where m.account_id = d.account_id
            and (m.user_id = person.id or private.mailbox(m.email) = private.mailbox(person.email))
      )
      and not exists (
          select
          from public.join_requests as q
          where q.account_id = d.account_id
            and q.state = 'refused'
            and (q.user_id = person.id or private.mailbox(q.email) = private.mailbox(person.email))
      )
$$;
comment on function private.domain_open_to(auth.users) is
    'The proven domain by which a person may join an account, or null: their own confirmed address is in it, its record was seen '
    'within a week, and they neither are nor were in the team, nor were refused, under this mailbox.';

create function private.joinable() returns jsonb
    language plpgsql
    stable security definer
    set search_path = ''
as $$
begin
    if not private.session_is_live() then
        perform private.fail('session_ended', 'Your session has ended. Sign in again.');
    end if;
    return (
        select jsonb_build_object(
            'account_id', a.id,
            'business', a.name,
            'domain', d.domain,
            'role', r.name,
            'joining', d.joining,
            'asked_at', q.created_at
        )
        from auth.users as u
        cross join lateral private.domain_open_to(u) as d
        join public.accounts as a on a.id = d.account_id
        join public.roles as r on r.account_id = d.account_id and r.id = d.role_id
        left join public.join_requests as q on q.account_id = d.account_id and q.user_id = u.id
        where u.id = auth.uid()
    );
end
$$;
comment on function private.joinable() is 'See public.joinable.';
grant execute on function private.joinable() to authenticated;

create function public.joinable() returns jsonb
    language sql
    stable
    set search_path = ''
as $$
    select private.joinable()
$$;
comment on function public.joinable() is
    'The business that the signed-in person may join because their confirmed address is in its proven domain: {account_id, business, '
    'domain, role, joining, asked_at}; null when there is none.';
grant execute on function public.joinable() to authenticated;

insert into private.limits (name, quota, period, longest, by_address, protects)
values
    ('join_request', 10, '1 day', null, false, 'The mailboxes of those who decide, against a person who asks to join without end.'),
    ('domain_check', 30, '1 hour', null, false, 'The resolver that we ask, against a business that has its domains looked up without end.');

create function private.join_by_domain(for_account uuid, person_name text, idempotency_key uuid) returns jsonb
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    person auth.users;
    earlier jsonb;
    domain public.domains;
    called text;
begin
    if not private.session_is_live() then
        perform private.fail('session_ended', 'Your session has ended. Sign in again.');
    end if;
    select * into strict person from auth.users as u where u.id = auth.uid();
    earlier := private.replay(person.id, idempotency_key, 'join_by_domain', jsonb_build_array(for_account, person_name));
    if earlier is not null then
        return earlier;
    end if;
    -- Whoever changes who may join, or lets this person in, comes before or after.
    perform private.take_turns(for_account);
    domain := private.domain_open_to(person);
    if domain.account_id is distinct from for_account then
        perform private.fail('domain_not_yours', 'You cannot join by your e-mail address. Ask the business to invite you.');
    end if;

    perform private.spend(jsonb_build_array(jsonb_build_object('limit', 'join_request', 'key', person.id)), 'too_many_tries');
    called := coalesce(private.clean(person_name), person.email);
    if domain.joining = 'automatic' then
        insert into public.members (account_id, user_id, role_id, display_name, email)
        values (domain.account_id, person.id, domain.role_id, called, person.email);
        update public.join_requests as q
        set state = 'approved'
        where q.account_id = domain.account_id
          and q.user_id = person.id;
        perform private.tell_whoever_decides(
            domain.account_id, 'joined_by_domain', person.id::text,
            jsonb_build_object('person_name', called, 'email', person.email, 'domain', domain.domain)
        );
    else
        insert into public.join_requests (account_id, user_id, email, display_name)
        values (domain.account_id, person.id, lower(person.email), called)
        on conflict on constraint person_asks_to_join_once do nothing;
        perform private.tell_whoever_decides(
            domain.account_id, 'join_asked', person.id::text,
            jsonb_build_object('person_name', called, 'email', person.email, 'domain', domain.domain)
        );
    end if;
    return private.remember(person.id, idempotency_key, jsonb_build_object('joined', domain.joining = 'automatic'));
end
$$;
comment on function private.join_by_domain(uuid, text, uuid) is 'See public.join_by_domain.';
grant execute on function private.join_by_domain(uuid, text, uuid) to authenticated;

create function public.join_by_domain(account_id uuid, person_name text, idempotency_key uuid) returns jsonb
    language sql
    set search_path = ''
as $$
    select private.join_by_domain(account_id, person_name, idempotency_key)
$$;
comment on function public.join_by_domain(uuid, text, uuid) is
    'Joins the account in whose proven domain the signed-in person''s confirmed address is, or asks to: {joined}. Those who decide '
    'are told by mail. domain_not_yours for anybody else.';
grant execute on function public.join_by_domain(uuid, text, uuid) to authenticated;

------------------------------------------------------------------------------------------------------
-- Deciding
------------------------------------------------------------------------------------------------------

create function private.decide_join_request(for_account uuid, for_request uuid, decision text) returns public.join_requests
    language plpgsql
    set search_path = ''
as $$
declare
    request public.join_requests;
begin
    perform private.require(for_account, 'members.write');
    perform private.take_turns(for_account);
    update public.join_requests as q
    set state = decision,
        decided_by = auth.uid()
    where q.account_id = for_account
      and q.id = for_request
      and q.state = 'waiting'
    returning q.* into request;
    if request.id is null then
        perform private.fail('not_found', 'There is no such request, or somebody has decided it.');
    end if;
    insert into mail.outbox (account_id, dedupe_key, template, to_address, data, has_secret)
    select
        a.id,
        'join_decided:' || a.id || ':' || request.id,
        'join_decided',
        lower(u.email),
        jsonb_build_object('business_name', a.name, 'approved', decision = 'approved'),
        false
    from public.accounts as a
    join auth.users as u on u.id = request.user_id and u.email is not null
    where a.id = for_account;
    return request;
end
$$;
comment on function private.decide_join_request(uuid, uuid, text) is
    'Decides a request that waits, for a member who may invite, and tells whoever asked.';

create function private.approve_join_request(for_account uuid, for_request uuid, for_role uuid) returns boolean
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    request public.join_requests := private.decide_join_request(for_account, for_request, 'approved');
    role public.roles := private.require_giveable(for_account, for_role);
    person auth.users;
begin
    perform private.require_fresh();
    select * into strict person from auth.users as u where u.id = request.user_id;
    -- As it stands now: they may have another address, and the business another mind or no domain, since they asked.
    if (private.domain_open_to(person)).account_id is distinct from for_account then
        perform private.fail('join_request_is_over', 'They cannot join by their address any more. Invite them instead.');
    end if;
    insert into public.members (account_id, user_id, role_id, display_name, email)
    values (for_account, person.id, role.id, request.display_name, person.email);
    return true;
end
$$;
comment on function private.approve_join_request(uuid, uuid, uuid) is 'See public.approve_join_request.';
grant execute on function private.approve_join_request(uuid, uuid, uuid) to authenticated;

create function public.approve_join_request(account_id uuid, request_id uuid, role_id uuid) returns boolean
    language sql
    set search_path = ''
as $$
    select private.approve_join_request(account_id, request_id, role_id)
$$;
comment on function public.approve_join_request(uuid, uuid, uuid) is
    'Lets somebody in who asked to join, with a role that the caller could hold themselves, and tells them. not_found when it is '
    'decided already; join_request_is_over, more_than_yours, owners_only, fresh_proof_needed.';
grant execute on function public.approve_join_request(uuid, uuid, uuid) to authenticated;

create function private.refuse_join_request(for_account uuid, for_request uuid) returns boolean
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    perform private.decide_join_request(for_account, for_request, 'refused');
    return true;
end
$$;
comment on function private.refuse_join_request(uuid, uuid) is 'See public.refuse_join_request.';
grant execute on function private.refuse_join_request(uuid, uuid) to authenticated;

create function public.refuse_join_request(account_id uuid, request_id uuid) returns boolean
    language sql
    set search_path = ''
as $$
    select private.refuse_join_request(account_id, request_id)
$$;
comment on function public.refuse_join_request(uuid, uuid) is
    'Says no to somebody who asked to join, and tells them. They cannot ask again, and can still be invited.';
grant execute on function public.refuse_join_request(uuid, uuid) to authenticated;
