-- Accounts: the businesses, who belongs to them, what a role may do, and what the state of an account
-- allows. private.accounts_with() is the one question that every policy asks.

------------------------------------------------------------------------------------------------------
-- What the state of an account allows: one table, read by every policy, deny by default
------------------------------------------------------------------------------------------------------

create table private.account_states (
    state text primary key,
    sentence text not null
);
comment on table private.account_states is 'The states an account can be in, and what its owner is told.';

insert into private.account_states (state, sentence)
values
    ('active', 'Everything works.'),
    ('past_due', 'The last payment for TradersFlow failed; everything still works.'),
    ('suspended', 'TradersFlow has suspended this account; it can be read and exported, and nothing can be changed.'),
    ('cancelled', 'The subscription has ended; everything can be read and exported, and customers can still pay.');

create table private.account_state_allows (
    state text not null references private.account_states,
    act text not null,
    primary key (state, act),
    constraint act_is_known check (
        act in ('member_reads', 'member_writes', 'export', 'pays_us', 'portal_reads', 'customer_pays', 'api', 'outgoing_mail')
    )
);
comment on table private.account_state_allows is 'Account state x act: a pair that is not in this table is refused.';

insert into private.account_state_allows (state, act)
values
    ('active', 'member_reads'),
    ('active', 'member_writes'),
    ('active', 'export'),
    ('active', 'pays_us'),
    ('active', 'portal_reads'),
    ('active', 'customer_pays'),
    ('active', 'api'),
    ('active', 'outgoing_mail'),

    ('past_due', 'member_reads'),
    ('past_due', 'member_writes'),
    ('past_due', 'export'),
    ('past_due', 'pays_us'),
    ('past_due', 'portal_reads'),
    ('past_due', 'customer_pays'),
    ('past_due', 'api'),
    ('past_due', 'outgoing_mail'),

    ('suspended', 'member_reads'),
    ('suspended', 'export'),
    ('suspended', 'pays_us'),
    ('suspended', 'portal_reads'),

    ('cancelled', 'member_reads'),
    ('cancelled', 'export'),
    ('cancelled', 'pays_us'),
    ('cancelled', 'portal_reads'),
    ('cancelled', 'customer_pays');

------------------------------------------------------------------------------------------------------
-- Tables
------------------------------------------------------------------------------------------------------

create function private.is_vat_number(digits text) returns boolean
    language sql
    immutable parallel safe
    set search_path = ''
as $$
    -- HMRC's check: weights 8 to 2 over the first seven digits plus the last two, divisible by 97, either
    -- as it stands or after adding 55 (series since 2009). Branches add three digits.
    select digits ~ '^[0-9]{9}([0-9]{3})?$'
        and (
            select (sum((9 - place) * substr(digits, place, 1)::int) + substr(digits, 8, 2)::int) % 97 in (0, 42)
            from generate_series(1, 7) as place
        )
$$;
comment on function private.is_vat_number(text) is
    'Does this have the form of a UK VAT number (9 or 12 digits, no prefix)? Form only, not existence.';
grant execute on function private.is_vat_number(text) to authenticated;

create table public.accounts (
    id uuid primary key default private.uuidv7(),
    name text not null,
    trade text not null,
    vat_registered boolean not null default false,
    vat_number text,
    email text,
    phone text,
    address_line_1 text,
    address_line_2 text,
    town text,
    postcode text,
    payment_terms_days integer not null default 14,
    state text not null default 'active' references private.account_states,
    created_at timestamptz not null default private.moment(),
    updated_at timestamptz not null default private.moment(),
    created_by uuid default auth.uid(),
    constraint account_name_is_not_blank check (length(btrim(name)) between 1 and 120),
    constraint account_trade_is_not_blank check (length(btrim(trade)) between 1 and 60),
    constraint account_vat_number_is_valid check (vat_number is null or private.is_vat_number(vat_number)),
    constraint account_vat_number_needs_registration check (vat_registered or vat_number is null),
    constraint account_email_looks_like_one check (email ~ '^[^@\s]+@[^@\s]+\.[^@\s]+$' and length(email) <= 254),
    constraint account_phone_is_short check (length(phone) <= 40),
    constraint account_address_is_short check (
        greatest(length(address_line_1), length(address_line_2), length(town)) <= 120 and length(postcode) <= 10
    ),
    constraint account_payment_terms_are_sensible check (payment_terms_days between 0 and 120)
);
comment on table public.accounts is 'A business that uses TradersFlow (a tenant). Its id names its private bucket too.';
comment on column public.accounts.vat_number is 'Nine or twelve digits without GB. A registered business cannot issue without one.';
comment on column public.accounts.state is 'What it allows stands in private.account_state_allows.';

create table public.permissions (
    key text primary key,
    area text not null,
    sentence text not null,
    act text not null,
    constraint permission_is_area_and_verb check (key ~ ('^' || area || '\.[a-z]+$')),
    constraint permission_act_is_known check (act in ('member_reads', 'member_writes', 'export'))
);
comment on table public.permissions is 'Everything a role can allow.';
comment on column public.permissions.act is 'What the state of the account must allow for this permission to count.';

insert into public.permissions (key, area, sentence, act)
values
    ('account.read', 'account', 'See the business''s details', 'member_reads'),
    ('account.write', 'account', 'Change the business''s details', 'member_writes'),
    ('members.read', 'members', 'See who is in the team', 'member_reads'),
    ('members.write', 'members', 'Invite people and remove them', 'member_writes'),
    ('roles.write', 'roles', 'Change what roles may do', 'member_writes'),
    ('customers.read', 'customers', 'See customers and sites', 'member_reads'),
    ('customers.write', 'customers', 'Add and change customers and sites', 'member_writes'),
    ('jobs.read', 'jobs', 'See their own jobs: those they are put on, or have added', 'member_reads'),
    ('jobs.all', 'jobs', 'See everybody''s jobs, and put people on them', 'member_reads'),
    ('jobs.write', 'jobs', 'Add and change jobs', 'member_writes'),
    ('documents.read', 'documents', 'See photos and documents', 'member_reads'),
    ('documents.write', 'documents', 'Add photos and documents', 'member_writes'),
    ('invoices.read', 'invoices', 'See invoices', 'member_reads'),
    ('invoices.write', 'invoices', 'Draft invoices', 'member_writes'),
    ('invoices.issue', 'invoices', 'Issue invoices', 'member_writes'),
    ('invoices.send', 'invoices', 'Send invoices to customers', 'member_writes'),
    ('payments.read', 'payments', 'See payments', 'member_reads'),
    ('payouts.manage', 'payouts', 'Connect the bank account that customers pay into', 'member_writes'),
    ('audit.read', 'audit', 'See who did what', 'member_reads'),
    ('export.run', 'export', 'Export everything', 'export');

create table public.roles (
    account_id uuid not null references public.accounts,
    id uuid not null default private.uuidv7(),
    key text,
    name text not null,
    demands_factor boolean not null default false,
    created_at timestamptz not null default private.moment(),
    updated_at timestamptz not null default private.moment(),
    created_by uuid default auth.uid(),
    primary key (account_id, id),
    constraint role_key_is_known check (key in ('owner', 'admin', 'staff', 'partner', 'agent')),
    constraint role_key_is_unique_in_account unique (account_id, key),
    constraint role_name_is_not_blank check (length(btrim(name)) between 1 and 60),
    constraint role_name_is_unique_in_account unique (account_id, name)
);
comment on table public.roles is 'What people are in an account: five to begin with, and those the account makes.';
comment on column public.roles.key is 'The five roles every account has; null for a role of the account''s own.';
comment on column public.roles.demands_factor is
    'Must whoever has this role give a second factor? Without it they see and write nothing of the account (AUTH-4).';

create table public.role_permissions (
    account_id uuid not null,
    role_id uuid not null,
    permission text not null references public.permissions,
    created_at timestamptz not null default private.moment(),
    created_by uuid default auth.uid(),
    primary key (account_id, role_id, permission),
    constraint role_permission_belongs_to_a_role_of_the_account
        foreign key (account_id, role_id) references public.roles (account_id, id) on delete cascade
);
comment on table public.role_permissions is 'What a role allows. What is not here is refused.';
create index role_permissions_by_permission on public.role_permissions (permission);

create table public.members (
    account_id uuid not null references public.accounts,
    id uuid not null default private.uuidv7(),
    user_id uuid not null references auth.users,
    role_id uuid,
    display_name text not null,
    email text not null,
    removed_at timestamptz,
    removed_by uuid,
    created_at timestamptz not null default private.moment(),
    updated_at timestamptz not null default private.moment(),
    created_by uuid default auth.uid(),
    primary key (account_id, id),
    constraint member_is_unique_in_account unique (account_id, user_id),
    constraint member_has_a_role_of_the_account
        foreign key (account_id, role_id) references public.roles (account_id, id) on delete set null (role_id),
    constraint whoever_is_in_the_team_has_a_role check (role_id is not null or removed_at is not null),
    constraint member_name_is_not_blank check (length(btrim(display_name)) between 1 and 120),
    constraint whoever_was_removed_was_removed_by_somebody check (removed_by is null or removed_at is not null)
);
comment on table public.members is 'A person''s membership of an account. A removed one stays, for the history.';
comment on column public.members.removed_by is 'Who ended the membership: the person themselves, when they left.';
-- Asked by every statement under policies, and answered from the index alone.
create index members_by_user on public.members (user_id) include (account_id, role_id, removed_at);
create index members_by_role on public.members (account_id, role_id);

create table private.counters (
    account_id uuid not null references public.accounts,
    name text not null,
    last_number bigint not null default 0,
    primary key (account_id, name),
    constraint counter_is_known check (name in ('job', 'invoice')),
    constraint counter_never_falls_below_zero check (last_number >= 0)
);
comment on table private.counters is
    'The last number given, per account. A row lock until commit makes the numbers gapless: a transaction '
    'that rolls back gives its number back.';

create trigger touch before update on public.accounts for each row execute function private.touch();
create trigger touch before update on public.roles for each row execute function private.touch();
create trigger touch before update on public.members for each row execute function private.touch();

create function private.take_turns(for_account uuid) returns void
    language plpgsql
    set search_path = ''
as $$
begin
    perform from public.accounts as a where a.id = for_account for no key update;
end
$$;
comment on function private.take_turns(uuid) is
    'Has acts on the same account wait for each other until they end, so that each finds it as the one before has left it.';

create function private.keep_an_owner() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    -- Two owners who remove each other at the same time queue up here; the second one finds no owner left.
    perform private.take_turns(old.account_id);
    if not exists (
        select
        from public.members as m
        join public.roles as r on r.account_id = m.account_id and r.id = m.role_id
        where m.account_id = old.account_id
          and m.removed_at is null
          and r.key = 'owner'
    ) then
        perform private.fail('last_owner', 'A business always keeps at least one owner.');
    end if;
    return null;
end
$$;
comment on function private.keep_an_owner() is 'An account always keeps at least one owner (ACC-5).';

create constraint trigger account_keeps_an_owner
    after update or delete on public.members
    deferrable initially deferred
    for each row execute function private.keep_an_owner();

create function private.next_number(for_account uuid, counter text) returns bigint
    language plpgsql
    set search_path = ''
as $$
declare
    number bigint;
begin
    update private.counters as c
    set last_number = c.last_number + 1
    where c.account_id = for_account
      and c.name = counter
    returning c.last_number into strict number;
    return number;
end
$$;
comment on function private.next_number(uuid, text) is 'Takes the next number of an account under a row lock: gapless.';

------------------------------------------------------------------------------------------------------
-- What each membership allows now
------------------------------------------------------------------------------------------------------

-- Asked by every statement under policies: joining members, roles, permissions, accounts and states for each took longer than
-- many a statement itself. So the answer stands ready, and whatever it hangs on keeps it, in the same transaction.

create table private.memberships (
    account_id uuid not null,
    user_id uuid not null,
    permissions text[] not null,
    demands_factor boolean not null,
    primary key (account_id, user_id),
    constraint membership_is_a_members foreign key (account_id, user_id)
        references public.members (account_id, user_id) on delete cascade
);
comment on table private.memberships is
    'What each membership allows now: the permissions of its role, without those that the state of the account forbids, and '
    'whether the role demands a second factor for them. '
    'Reckoned by triggers on everything that it hangs on, and written by nothing else.';
create index memberships_by_user on private.memberships (user_id);

create view private.memberships_due with (security_invoker = true) as
select m.account_id, m.user_id, array_agg(p.key order by p.key) as permissions, r.demands_factor
from public.members as m
join public.roles as r on r.account_id = m.account_id and r.id = m.role_id
join public.role_permissions as rp on rp.account_id = m.account_id and rp.role_id = m.role_id
join public.permissions as p on p.key = rp.permission
join public.accounts as a on a.id = m.account_id
join private.account_state_allows as allowed on allowed.state = a.state and allowed.act = p.act
where m.removed_at is null
group by m.account_id, m.user_id, r.demands_factor;
comment on view private.memberships_due is 'What private.memberships must hold, from the tables themselves.';

create function private.reckon_memberships(of_account uuid) returns void
    language plpgsql
    set search_path = ''
as $$
begin
    -- One after the other: whoever waits here finds what the other one committed.
    perform private.take_turns(of_account);
    delete from private.memberships as h
    where h.account_id = of_account
      and not exists (
          select
          from private.memberships_due as due
          where due.account_id = of_account
            and due.user_id = h.user_id
            and due.permissions = h.permissions
            and due.demands_factor = h.demands_factor
      );
    insert into private.memberships (account_id, user_id, permissions, demands_factor)
    select due.account_id, due.user_id, due.permissions, due.demands_factor
    from private.memberships_due as due
    where due.account_id = of_account
      and not exists (
          select
          from private.memberships as h
          where h.account_id = of_account
            and h.user_id = due.user_id
      );
end
$$;
comment on function private.reckon_memberships(uuid) is 'Reckons what the memberships of an account allow now.';

create function private.keep_memberships() returns trigger
    language plpgsql
    set search_path = ''
as $$
declare
    touched uuid;
begin
    for touched in
        select distinct c.account_id from changed as c order by 1
    loop
        perform private.reckon_memberships(touched);
    end loop;
    return null;
end
$$;
comment on function private.keep_memberships() is
    'Reckons the memberships of accounts whose members, or what their roles may do, have changed.';

create function private.keep_memberships_by_state() returns trigger
    language plpgsql
    set search_path = ''
as $$
begin
    perform private.reckon_memberships(new.id);
    return null;
end
$$;
comment on function private.keep_memberships_by_state() is 'Reckons the memberships of an account whose state has changed.';

create function private.keep_all_memberships() returns trigger
    language plpgsql
    set search_path = ''
as $$
declare
    account uuid;
begin
    for account in
        select a.id from public.accounts as a order by 1
    loop
        perform private.reckon_memberships(account);
    end loop;
    return null;
end
$$;
comment on function private.keep_all_memberships() is
    'Reckons all memberships, when a migration changes what states allow or what permissions are for.';

create trigger memberships_follow_new_members after insert on public.members
    referencing new table as changed for each statement execute function private.keep_memberships();
create trigger memberships_follow_members after update on public.members
    referencing new table as changed for each statement execute function private.keep_memberships();
create trigger memberships_follow_what_roles_demand after update on public.roles
    referencing new table as changed for each statement execute function private.keep_memberships();
create trigger memberships_follow_what_roles_gain after insert on public.role_permissions
    referencing new table as changed for each statement execute function private.keep_memberships();
create trigger memberships_follow_what_roles_lose after delete on public.role_permissions
    referencing old table as changed for each statement execute function private.keep_memberships();
create trigger memberships_follow_what_roles_gain_instead after update on public.role_permissions
    referencing new table as changed for each statement execute function private.keep_memberships();
create trigger memberships_follow_what_roles_lose_instead after update on public.role_permissions
    referencing old table as changed for each statement execute function private.keep_memberships();
create trigger memberships_follow_the_state after update of state on public.accounts
    for each row when (old.state is distinct from new.state) execute function private.keep_memberships_by_state();
create trigger memberships_follow_what_states_allow after insert or update or delete or truncate on private.account_state_allows
    for each statement execute function private.keep_all_memberships();
create trigger memberships_follow_what_permissions_are_for after update of act on public.permissions
    for each statement execute function private.keep_all_memberships();
do $$
declare
    keeper record;
begin
    for keeper in
        select t.tgrelid::regclass as on_table, t.tgname as name
        from pg_catalog.pg_trigger as t
        where t.tgname like 'memberships\_follow\_%'
    loop
        execute format('alter table %s enable always trigger %I', keeper.on_table, keeper.name);
    end loop;
end
$$;

------------------------------------------------------------------------------------------------------
-- The questions that policies ask
------------------------------------------------------------------------------------------------------

create table private.session_limits (
    kind text primary key,
    idle interval not null,
    longest interval not null,
    constraint session_limit_is_known check (kind in ('trade', 'admin')),
    constraint session_limits_are_sensible check (idle > interval '0' and longest >= idle)
);
comment on table private.session_limits is
    'How long a session may lie unused, and how long it may last in all: for the work of a trade, and for what only platform owners may. '
    'Changed here, it counts for every session with the next statement.';

-- Every statement asks which sessions are live, and reading the limits beside them would cost it a fifth as much again. So the
-- views hold them as constants, and are written anew when they change. In seconds, because a day's length is looked up in the
-- calendar, for every statement of everybody.
create function private.apply_session_limits() returns trigger
    language plpgsql
    set search_path = ''
as $$
begin
    execute format(
        $view$
            create or replace view private.%I with (security_invoker = true) as
            select
                s.id,
                s.user_id,
                case
                    when s.aal >= 'aal2' then 2
                    when exists (
                        select
                        from auth.mfa_factors as f
                        where f.user_id = s.user_id
                          and f.status = 'verified'
                    ) then 0
                    else 1
                end as reach
            from auth.sessions as s
            where (s.not_after is null or s.not_after > now())
              and s.created_at > now() - interval '%s seconds'
              and coalesce(s.refreshed_at at time zone 'utc', s.created_at) > now() - interval '%s seconds'
        $view$,
        case new.kind when 'trade' then 'live_sessions' else 'live_admin_sessions' end,
        extract(epoch from new.longest)::bigint,
        extract(epoch from new.idle)::bigint
    );
    return null;
end
$$;
comment on function private.apply_session_limits() is
    'Writes private.live_sessions and private.live_admin_sessions with the limits of private.session_limits.';

create trigger live_sessions_follow_the_limits after insert or update on private.session_limits
    for each row execute function private.apply_session_limits();

insert into private.session_limits (kind, idle, longest)
values
    ('trade', '14 days', '90 days'),
    ('admin', '30 minutes', '12 hours');
comment on view private.live_sessions is
    'The sessions that still count: not ended, and within private.session_limits (AUTH-5, AUTH-6). reach says how far one leads: 2 '
    'everywhere, for a second factor was given in it; 1 everywhere but where one is demanded, for the person has none; 0 '
    'nowhere, for they have one and have not given it (AUTH-4). As the auth server''s tables say, never the token.';
comment on view private.live_admin_sessions is
    'The sessions that still count for what only platform owners may: used within half an hour, begun within half a day (AUTH-5).';

create function private.session_reach() returns integer
    language plpgsql
    stable
    set search_path = ''
as $$
declare
    claims jsonb := auth.jwt();
begin
    return (
        select s.reach
        from private.live_sessions as s
        where s.id = (claims ->> 'session_id')::uuid
          and s.user_id = (claims ->> 'sub')::uuid
    );
end
$$;
comment on function private.session_reach() is
    'How far the session of the token leads (private.live_sessions), if it is alive and its person the token''s; else null.';

create function private.session_is_live() returns boolean
    language plpgsql
    stable security definer
    set search_path = ''
as $$
begin
    return coalesce(private.session_reach() > 0, false);
end
$$;
comment on function private.session_is_live() is
    'Is the session of the token alive, the token''s person its owner, and their second factor given, if they have one? A '
    'session that was signed out ends with the next statement, although its token has not expired (AUTH-4, AUTH-5, AUTH-6).';
grant execute on function private.session_is_live() to authenticated;

create function private.require_session() returns void
    language plpgsql
    stable
    set search_path = ''
as $$
begin
    if private.session_is_live() then
        return;
    end if;
    if private.session_reach() = 0 then
        perform private.fail('factor_needed', 'Give your second factor to go on.');
    end if;
    perform private.fail('session_ended', 'Your session has ended. Sign in again.');
end
$$;
comment on function private.require_session() is
    'Raises unless somebody is signed in whose session is alive, and who has given their second factor if they have one.';

create function private.admin_session_is_live() returns boolean
    language plpgsql
    stable security definer
    set search_path = ''
as $$
declare
    claims jsonb := auth.jwt();
begin
    return exists (
        select
        from private.live_admin_sessions as s
        where s.id = (claims ->> 'session_id')::uuid
          and s.user_id = (claims ->> 'sub')::uuid
          and s.reach = 2
    );
end
$$;
comment on function private.admin_session_is_live() is
    'As private.session_is_live(), within the shorter limits of the admin area, and with a second factor given: what only platform '
    'owners may is asked by this (AUTH-4, AUTH-5).';

create function private.accounts_with(permission text) returns uuid[]
    language plpgsql
    stable security definer
    set search_path = ''
as $$
declare
    -- Read once: parsing the token's claims costs as much as the two tables.
    claims jsonb := auth.jwt();
    session uuid := claims ->> 'session_id';
    person uuid := claims ->> 'sub';
begin
    return array(
        select h.account_id
        from private.memberships as h
        where h.user_id = person
          and accounts_with.permission = any (h.permissions)
          and h.demands_factor::integer < (select s.reach from private.live_sessions as s where s.id = session and s.user_id = person)
    );
end
$$;
comment on function private.accounts_with(text) is
    'The accounts in which the signed-in person''s role holds a permission now: the session is alive, their second factor is '
    'given where they have one or the role demands one, the membership is not removed, and the state of the account allows what '
    'the permission is for. Reads the tables, never the token, so every change counts from the next statement on. In plpgsql '
    'because its plan is kept.';
grant execute on function private.accounts_with(text) to authenticated;

create function private.belongs_to(account uuid) returns boolean
    language plpgsql
    stable
    set search_path = ''
as $$
begin
    return exists (
        select
        from private.memberships as h
        where h.account_id = belongs_to.account
          and h.user_id = auth.uid()
          and h.demands_factor::integer < private.session_reach()
    );
end
$$;
comment on function private.belongs_to(uuid) is 'May the signed-in person do anything in the account now, whatever it is?';

create function private.demands_factor(for_account uuid) returns boolean
    language sql
    stable
    set search_path = ''
as $$
    select exists (
        select
        from public.members as m
        join public.roles as r on r.account_id = m.account_id and r.id = m.role_id
        where m.account_id = for_account
          and m.user_id = auth.uid()
          and m.removed_at is null
          and r.demands_factor
    )
$$;
comment on function private.demands_factor(uuid) is 'Does the role that the signed-in person has in the account demand a second factor?';

create function private.account_allows(for_account uuid, act text) returns boolean
    language sql
    stable
    set search_path = ''
as $$
    select exists (
        select
        from public.accounts as a
        join private.account_state_allows as allowed on allowed.state = a.state
        where a.id = for_account
          and allowed.act = account_allows.act
    )
$$;
comment on function private.account_allows(uuid, text) is 'Does the state of an account allow an act, whoever asks?';

create function private.holds(for_account uuid, permission text) returns boolean
    language plpgsql
    stable security definer
    set search_path = ''
as $$
begin
    return for_account = any (private.accounts_with(permission));
end
$$;
comment on function private.holds(uuid, text) is
    'Does the signed-in person hold the permission in the account now, and does the state of the account allow '
    'what it is for? What policies ask, for one account.';
grant execute on function private.holds(uuid, text) to authenticated;

create function private.require(for_account uuid, permission text) returns void
    language plpgsql
    stable security definer
    set search_path = ''
as $$
begin
    if private.holds(for_account, permission) then
        return;
    end if;
    perform private.require_session();
    if not exists (
        select
        from public.members as m
        where m.account_id = for_account
          and m.user_id = auth.uid()
          and m.removed_at is null
    ) then
        -- The same answer whether the account exists or not.
        perform private.fail('not_found', 'There is nothing here, or it is not yours.');
    end if;
    if private.session_reach() < 2 and private.demands_factor(for_account) then
        perform private.fail('factor_needed', 'This business asks for a second factor. Set one up to go on.');
    end if;
    if not private.account_allows(for_account, (select p.act from public.permissions as p where p.key = permission)) then
        perform private.fail('account_suspended', 'This account cannot be changed at the moment. Settings says why.');
    end if;
    perform private.fail('not_allowed', 'Your role does not allow this. Ask the owner of the business.', permission);
end
$$;
comment on function private.require(uuid, text) is
    'Raises unless the signed-in person holds the permission in the account now. The first line of every '
    'function that runs with its owner''s rights for a person.';
grant execute on function private.require(uuid, text) to authenticated;

create function public.has_permission(account_id uuid, permission text) returns boolean
    language sql
    stable
    set search_path = ''
as $$
    select private.holds(has_permission.account_id, has_permission.permission)
$$;
comment on function public.has_permission(uuid, text) is
    'Does the signed-in person hold this permission in this account now? For edge functions that must check again.';
grant execute on function public.has_permission(uuid, text) to authenticated;

------------------------------------------------------------------------------------------------------
-- Policies
------------------------------------------------------------------------------------------------------

-- Every policy on rows of an account begins with one form, `nullif(account_id = any (…), false) is not unknown`. It is true
-- for an account in the set, and never true for another one or for none. The accounts are found once a statement; and the
-- planner, which would guess at ten accounts and multiply its estimates by that once more for each table of a join, takes
-- the condition for one that nearly every row meets. So a statement that names its account, as all of ours do, has the plan
-- it would have without policies: the plain `account_id = any (…)` made a page of invoices, joined to their customers and
-- jobs, two hundred times slower among a million (`npm run bench -- rls` shows both).
--
-- There are no restrictive policies beside them: a second question would cost every statement as much again as the first.
-- What they would be for, a policy that somebody writes carelessly later on, is refused when it is written.

create view private.careless_policies with (security_invoker = true) as
select p.oid as policy, p.polname as name, p.polrelid::regclass as on_table
from pg_catalog.pg_policy as p
join pg_catalog.pg_class as c on c.oid = p.polrelid and c.relnamespace = 'public'::regnamespace
join pg_catalog.pg_attribute as a
    on a.attrelid = c.oid
    and a.attname = case c.oid when 'public.accounts'::regclass then 'id' else 'account_id' end
    and not a.attisdropped
cross join lateral unnest(array[
    case when p.polcmd <> 'a' then coalesce(pg_catalog.pg_get_expr(p.polqual, c.oid), 'nobody is asked') end,
    case p.polcmd when 'a' then coalesce(pg_catalog.pg_get_expr(p.polwithcheck, c.oid), 'nobody is asked') else pg_catalog.pg_get_expr(p.polwithcheck, c.oid) end
]) as term (text)
cross join lateral (
    -- The form alone, or as the first of conditions that must all be met.
    select substring(
        term.text,
        format(
            '^\(?\(NULLIF\(\(%s = ANY \(\( SELECT private\.accounts_with\(''([a-z]+\.[a-z]+)''::text\) AS accounts_with\)::uuid\[\]\)\), false\) IS NOT UNKNOWN\)( AND .*\))?$',
            a.attname
        )
    ) as permission
) as asked
where p.polpermissive
  and term.text is not null
  and not exists (
      select
      from public.permissions as q
      where q.key = asked.permission
        and (p.polcmd = 'r' or q.act = 'member_writes')
  );
comment on view private.careless_policies is
    'Policies on rows of accounts that do not begin by asking private.accounts_with(…), or that let write by a permission '
    'which a suspended account leaves. There are none.';

create function private.refuse_careless_policies() returns event_trigger
    language plpgsql
    set search_path = ''
as $$
declare
    careless private.careless_policies;
begin
    select c.*
    into careless
    from pg_catalog.pg_event_trigger_ddl_commands() as command
    join private.careless_policies as c on c.policy = command.objid
    where command.classid = 'pg_catalog.pg_policy'::regclass;
    if found then
        raise exception using
            errcode = '42501',
            hint = 'policy_asks_nobody',
            message = format(
                'The policy "%s" on %s must begin with: nullif(account_id = any ((select private.accounts_with(…))::uuid[]), false) is not unknown; to write, with a permission to write.',
                careless.name, careless.on_table
            );
    end if;
end
$$;
comment on function private.refuse_careless_policies() is
    'Refuses a policy that would open rows of an account to whoever does not hold a permission in it now (ISO-1, ADM-4).';

create event trigger policies_ask_for_the_account
    on ddl_command_end
    when tag in ('CREATE POLICY', 'ALTER POLICY')
    execute function private.refuse_careless_policies();
alter event trigger policies_ask_for_the_account enable always;

create policy "Members who may see the details see their account"
    on public.accounts for select to authenticated
    using (nullif(id = any ((select private.accounts_with('account.read'))::uuid[]), false) is not unknown);
comment on policy "Members who may see the details see their account" on public.accounts is
    'Every role that works here has account.read; partners and agents get a portal instead.';

create policy "Members who may change the details change their account"
    on public.accounts for update to authenticated
    using (nullif(id = any ((select private.accounts_with('account.write'))::uuid[]), false) is not unknown)
    with check (nullif(id = any ((select private.accounts_with('account.write'))::uuid[]), false) is not unknown);
comment on policy "Members who may change the details change their account" on public.accounts is
    'Which columns stands in the grant: never the state, which is what TradersFlow decides.';

create policy "Anybody who is signed in sees what permissions there are"
    on public.permissions for select to authenticated
    using ((select private.session_is_live()));
comment on policy "Anybody who is signed in sees what permissions there are" on public.permissions is
    'The list is the same for everybody and names nobody.';

create policy "Members who may see the team see their account's roles"
    on public.roles for select to authenticated
    using (nullif(account_id = any ((select private.accounts_with('members.read'))::uuid[]), false) is not unknown);
comment on policy "Members who may see the team see their account's roles" on public.roles is
    'Read only: nobody changes a role through the Data API.';

create policy "Members who may see the team see what its roles may do"
    on public.role_permissions for select to authenticated
    using (nullif(account_id = any ((select private.accounts_with('members.read'))::uuid[]), false) is not unknown);
comment on policy "Members who may see the team see what its roles may do" on public.role_permissions is
    'So that a screen can say why a button is missing.';

create policy "Members who may see the team see their account's members"
    on public.members for select to authenticated
    using (nullif(account_id = any ((select private.accounts_with('members.read'))::uuid[]), false) is not unknown);
comment on policy "Members who may see the team see their account's members" on public.members is
    'Removed members stay visible: what they did is still told by name.';

grant select on public.accounts, public.permissions, public.roles, public.role_permissions, public.members to authenticated;
grant update (
    name, trade, vat_registered, vat_number, email, phone,
    address_line_1, address_line_2, town, postcode, payment_terms_days
) on public.accounts to authenticated;

------------------------------------------------------------------------------------------------------
-- Opening an account
------------------------------------------------------------------------------------------------------

create function private.open_account(
    name text,
    trade text,
    vat_registered boolean,
    vat_number text,
    person_name text,
    idempotency_key uuid
) returns uuid
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    person auth.users;
    earlier jsonb;
    new_account uuid;
    digits text := nullif(regexp_replace(upper(coalesce(open_account.vat_number, '')), '^\s*GB|\s', '', 'g'), '');
begin
    perform private.require_session();
    select * into strict person from auth.users as u where u.id = auth.uid();

    earlier := private.replay(
        person.id, idempotency_key, 'open_account',
        jsonb_build_array(name, trade, vat_registered, vat_number, person_name)
    );
    if earlier is not null then
        return earlier #>> '{}';
    end if;

    if private.clean(name) is null then
        perform private.fail('validation_failed', 'Give the business a name.', 'name');
    end if;
    if private.clean(trade) is null then
        perform private.fail('validation_failed', 'Choose a trade.', 'trade');
    end if;
    if digits is not null and not open_account.vat_registered then
        perform private.fail('vat_not_registered', 'Say that the business is VAT registered, or leave the VAT number out.', 'vat_number');
    end if;
    if digits is not null and not private.is_vat_number(digits) then
        perform private.fail('validation_failed', 'That is not a UK VAT number: check the nine digits.', 'vat_number');
    end if;

    perform private.spend(jsonb_build_array(jsonb_build_object('limit', 'new_business', 'key', person.id)), 'too_many_tries');
    insert into public.accounts (name, trade, vat_registered, vat_number, email)
    values (private.clean(open_account.name), private.clean(open_account.trade), open_account.vat_registered, digits, person.email)
    returning accounts.id into new_account;

    insert into public.roles (account_id, key, name)
    values
        (new_account, 'owner', 'Owner'),
        (new_account, 'admin', 'Admin'),
        (new_account, 'staff', 'Staff'),
        (new_account, 'partner', 'Partner'),
        (new_account, 'agent', 'Agent');

    insert into public.role_permissions (account_id, role_id, permission)
    select r.account_id, r.id, granted.permission
    from private.role_template as granted
    join public.roles as r on r.account_id = new_account and r.key = granted.role_key;

    insert into public.members (account_id, user_id, role_id, display_name, email)
    select r.account_id, person.id, r.id, coalesce(private.clean(person_name), person.email), person.email
    from public.roles as r
    where r.account_id = new_account
      and r.key = 'owner';

    insert into private.counters (account_id, name)
    values (new_account, 'job'), (new_account, 'invoice');

    insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types)
    values (
        new_account::text, new_account::text, false, 50 * 1024 * 1024,
        array['image/jpeg', 'image/png', 'image/heic', 'image/heif', 'application/pdf']
    );

    perform private.remember(person.id, idempotency_key, to_jsonb(new_account));
    return new_account;
end
$$;
comment on function private.open_account(text, text, boolean, text, text, uuid) is
    'Opens an account with its roles, its owner, its counters and its private bucket, in one transaction.';
grant execute on function private.open_account(text, text, boolean, text, text, uuid) to authenticated;

create table private.role_template (
    role_key text not null,
    permission text not null references public.permissions,
    primary key (role_key, permission)
);
comment on table private.role_template is
    'What the five roles may do in a new account. Staff: their own jobs, and no prices. Partner and agent: nothing, until a portal '
    'shows them what is theirs.';

insert into private.role_template (role_key, permission)
select 'owner', p.key from public.permissions as p
union all
select 'admin', p.key from public.permissions as p where p.key <> 'payouts.manage'
union all
select 'staff', p.key from public.permissions as p
where p.key in (
    'account.read', 'members.read', 'customers.read', 'customers.write', 'jobs.read', 'jobs.write',
    'documents.read', 'documents.write'
);

create function public.open_account(
    name text,
    trade text,
    vat_registered boolean,
    vat_number text,
    person_name text,
    idempotency_key uuid
) returns uuid
    language sql
    set search_path = ''
as $$
    select private.open_account(name, trade, vat_registered, vat_number, person_name, idempotency_key)
$$;
comment on function public.open_account(text, text, boolean, text, text, uuid) is
    'Opens an account for the signed-in person, who becomes its owner. The same key again answers the same id.';
grant execute on function public.open_account(text, text, boolean, text, text, uuid) to authenticated;
