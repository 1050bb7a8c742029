-- Billing: the trader's connected account at Stripe, the pages where customers pay, and Stripe's events.
-- Of an event we keep what it is about and a hash, never its payload (PAY-1, HOOK-2).

------------------------------------------------------------------------------------------------------
-- Tables
------------------------------------------------------------------------------------------------------

create schema if not exists billing;
comment on schema billing is 'What we know from Stripe. Not exposed.';

create table billing.connected_accounts (
    account_id uuid primary key references public.accounts,
    stripe_account_id text not null,
    charges_enabled boolean not null default false,
    payouts_enabled boolean not null default false,
    details_submitted boolean not null default false,
    disabled_reason text,
    created_at timestamptz not null default private.moment(),
    updated_at timestamptz not null default private.moment(),
    constraint connected_account_belongs_to_one_business unique (stripe_account_id),
    constraint connected_account_is_stripes check (stripe_account_id ~ '^acct_[A-Za-z0-9_]+$')
);
comment on table billing.connected_accounts is 'The Stripe account that a business''s customers pay into.';

create table billing.checkout_sessions (
    account_id uuid not null,
    id uuid not null default private.uuidv7(),
    invoice_id uuid not null,
    stripe_account_id text not null,
    amount_pence bigint not null,
    portal_link_id uuid,
    customer_email text,
    state text not null default 'opening',
    session_id text,
    url text,
    payment_intent text,
    expires_at timestamptz,
    created_at timestamptz not null default private.moment(),
    updated_at timestamptz not null default private.moment(),
    primary key (account_id, id),
    constraint checkout_session_is_known_once unique (session_id),
    constraint checkout_is_of_an_invoice_of_the_account
        foreign key (account_id, invoice_id) references public.invoices (account_id, id),
    constraint checkout_came_by_a_link_of_the_account
        foreign key (account_id, portal_link_id) references public.portal_links (account_id, id),
    constraint checkout_is_of_money check (amount_pence > 0),
    constraint checkout_state_is_known check (state in ('opening', 'open', 'closing', 'complete', 'expired')),
    constraint checkout_that_is_open_has_an_address check (state = 'opening' or session_id is not null)
);
comment on table billing.checkout_sessions is
    'An attempt to pay an invoice on a Stripe page. Its id is the idempotency key at Stripe, so that a lost answer opens no second page.';
comment on column billing.checkout_sessions.url is 'The Stripe page; kept while it is open and erased after.';
comment on column billing.checkout_sessions.portal_link_id is 'The link by which the customer came who began it.';
comment on column billing.checkout_sessions.customer_email is
    'Whom the page was opened for. Stripe refuses a repetition with anything else in it, so it is kept with the attempt.';
comment on column billing.checkout_sessions.state is
    'opening until Stripe has answered; closing until Stripe has closed a page that must not be paid any more.';
create unique index checkout_has_one_current_attempt on billing.checkout_sessions (account_id, invoice_id)
    where state in ('opening', 'open');
create index checkout_sessions_by_invoice on billing.checkout_sessions (account_id, invoice_id);
create index checkout_sessions_by_link on billing.checkout_sessions (account_id, portal_link_id);

create table billing.stripe_events (
    id text primary key,
    type text not null,
    account text not null default '',
    api_version text,
    created_at timestamptz not null,
    livemode boolean not null,
    object_type text not null,
    object_id text,
    body_sha256 text not null,
    state text not null default 'recorded',
    received_at timestamptz not null default clock_timestamp(),
    applied_at timestamptz,
    constraint event_state_is_known check (state in ('recorded', 'applied', 'ignored')),
    constraint event_body_is_kept_as_a_hash check (body_sha256 ~ '^[0-9a-f]{64}$')
);
comment on table billing.stripe_events is 'Stripe''s events, each once. A recorded one still has to be applied; the sweeper finds those left over.';
create index stripe_events_to_apply on billing.stripe_events (object_type, object_id, account) where state = 'recorded';

create table billing.stripe_leases (
    object_type text not null,
    object_id text not null,
    account text not null default '',
    fence bigint not null default 0,
    claimed_at timestamptz not null default clock_timestamp(),
    lease_until timestamptz not null,
    primary key (object_type, object_id, account)
);
comment on table billing.stripe_leases is
    'Who may bring an object''s present state from Stripe into the database. The fence grows with each claim; a slow worker''s is stale.';

create trigger touch before update on billing.connected_accounts for each row execute function private.touch();
create trigger touch before update on billing.checkout_sessions for each row execute function private.touch();

select audit.watch(
    'billing.connected_accounts', 'connected_account', 'account', 'account_id',
    business => array[
        'account_id', 'stripe_account_id', 'charges_enabled', 'payouts_enabled', 'details_submitted', 'disabled_reason',
        'created_at', 'updated_at'
    ]
);
select audit.watch(
    'billing.checkout_sessions', 'checkout', 'invoice', 'invoice_id',
    secret => array['url'],
    personal => array['customer_email'],
    business => array[
        'account_id', 'id', 'invoice_id', 'stripe_account_id', 'amount_pence', 'portal_link_id', 'state', 'session_id',
        'payment_intent', 'expires_at', 'created_at', 'updated_at'
    ]
);

------------------------------------------------------------------------------------------------------
-- The trader's connected account
------------------------------------------------------------------------------------------------------

create function service.connected_account(account_id uuid) returns jsonb
    language sql
    stable security definer
    set search_path = ''
as $$
    select jsonb_build_object(
        'stripe_account_id', c.stripe_account_id,
        'charges_enabled', c.charges_enabled,
        'payouts_enabled', c.payouts_enabled,
        'details_submitted', c.details_submitted,
        'disabled_reason', c.disabled_reason
    )
    from billing.connected_accounts as c
    where c.account_id = connected_account.account_id
$$;
comment on function service.connected_account(uuid) is 'The account''s connected account at Stripe, or null.';
grant execute on function service.connected_account(uuid) to service_role;

create function service.save_connected_account(
    account_id uuid,
    stripe_account_id text,
    charges_enabled boolean,
    payouts_enabled boolean,
    details_submitted boolean,
    disabled_reason text
) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    perform private.act_as('worker', name => 'connect');
    -- One at a time for a business: of two first ones at once, the later could run into the unique Stripe account
    -- instead of the conflict that it foresees.
    perform private.take_turns(save_connected_account.account_id);
    insert into billing.connected_accounts as c (
        account_id, stripe_account_id, charges_enabled, payouts_enabled, details_submitted, disabled_reason
    )
    values (
        save_connected_account.account_id, save_connected_account.stripe_account_id,
        save_connected_account.charges_enabled, save_connected_account.payouts_enabled,
        save_connected_account.details_submitted, save_connected_account.disabled_reason
    )
    on conflict on constraint connected_accounts_pkey do update
    set charges_enabled = excluded.charges_enabled,
        payouts_enabled = excluded.payouts_enabled,
        details_submitted = excluded.details_submitted,
        disabled_reason = excluded.disabled_reason
    where c.stripe_account_id = excluded.stripe_account_id;
    if not found then
        perform private.fail('validation_failed', 'This business is connected to another Stripe account already.', 'stripe_account_id');
    end if;
end
$$;
comment on function service.save_connected_account(uuid, text, boolean, boolean, boolean, text) is
    'Keeps what Stripe says of the connected account. Another Stripe account can''t take its place silently.';
grant execute on function service.save_connected_account(uuid, text, boolean, boolean, boolean, text) to service_role;

------------------------------------------------------------------------------------------------------
-- Opening the page where a customer pays
------------------------------------------------------------------------------------------------------

create function service.checkout_begin(token text, proof text default null) returns jsonb
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    opened record := private.find_link(token, proof, 'customer_pays');
    link public.portal_links := opened.link;
    invoice public.invoices;
    connected billing.connected_accounts;
    attempt billing.checkout_sessions;
    stale jsonb;
begin
    if opened.refusal is not null then
        return opened.refusal;
    end if;
    invoice := private.issued_invoice(link.account_id, link.invoice_id);
    if private.owed(invoice) <= 0 then
        perform private.fail('nothing_to_pay', 'There is nothing left to pay on this invoice.');
    end if;
    select *
    into connected
    from billing.connected_accounts as c
    where c.account_id = link.account_id
      and c.charges_enabled;
    if not found then
        perform private.fail('payments_not_set_up', 'This business does not take card payments yet. Ask how to pay.');
    end if;
    perform private.act_as('customer', link.id, invoice.customer ->> 'name');

    -- A page for another amount, or one about to close, is offered no more. It stays closing, and is told to every
    -- caller, until Stripe has closed it: left open there, it could be paid beside the next one.
    update billing.checkout_sessions as s
    set state = 'closing',
        url = null
    where s.account_id = invoice.account_id
      and s.invoice_id = invoice.id
      and s.state = 'open'
      and (
          s.amount_pence <> private.owed(invoice)
          or s.stripe_account_id <> connected.stripe_account_id
          or s.expires_at < now() + interval '5 minutes'
      );
    select coalesce(jsonb_agg(s.session_id order by s.created_at), '[]'::jsonb)
    into stale
    from billing.checkout_sessions as s
    where s.account_id = invoice.account_id
      and s.invoice_id = invoice.id
      and s.state = 'closing';
    -- An attempt that never got its page: Stripe remembers its idempotency key for a day.
    delete from billing.checkout_sessions as s
    where s.account_id = invoice.account_id
      and s.invoice_id = invoice.id
      and s.state = 'opening'
      and (
          s.amount_pence <> private.owed(invoice)
          or s.stripe_account_id <> connected.stripe_account_id
          or s.created_at < now() - interval '23 hours'
      );

    select *
    into attempt
    from billing.checkout_sessions as s
    where s.account_id = invoice.account_id
      and s.invoice_id = invoice.id
      and s.state in ('opening', 'open');
    if not found then
        insert into billing.checkout_sessions (
            account_id, invoice_id, stripe_account_id, amount_pence, portal_link_id, customer_email
        )
        values (
            invoice.account_id, invoice.id, connected.stripe_account_id, private.owed(invoice), link.id,
            coalesce(link.sent_to, invoice.customer ->> 'email')
        )
        returning * into attempt;
    end if;

    return jsonb_build_object(
        'account_id', invoice.account_id,
        'invoice_id', invoice.id,
        'reference', invoice.reference,
        'amount_pence', attempt.amount_pence,
        'currency', 'gbp',
        'business_name', invoice.supplier ->> 'name',
        'stripe_account_id', connected.stripe_account_id,
        'customer_email', attempt.customer_email,
        'attempt', attempt.id,
        'open_session', case when attempt.state = 'open' then jsonb_build_object('id', attempt.session_id, 'url', attempt.url) end,
        'stale_sessions', stale
    );
end
$$;
comment on function service.checkout_begin(text, text) is
    'What is needed to open, or reuse, the Stripe page for the invoice behind a link. attempt is Stripe''s '
    'idempotency key; open_session is the page to reuse, if any; stale_sessions are to be expired at Stripe, and '
    'told by checkout_closed, before any page is handed out.';
grant execute on function service.checkout_begin(text, text) to service_role;

create function private.act_as_payer(for_account uuid, for_invoice uuid, attempt uuid default null, session text default null) returns void
    language plpgsql
    set search_path = ''
as $$
declare
    payer record;
begin
    select s.portal_link_id as link, i.customer ->> 'name' as name
    into payer
    from billing.checkout_sessions as s
    join public.invoices as i on i.account_id = s.account_id and i.id = s.invoice_id
    where s.account_id = for_account
      and s.invoice_id = for_invoice
      and (s.id = attempt or s.session_id = session);
    perform private.act_as('customer', payer.link, payer.name);
end
$$;
comment on function private.act_as_payer(uuid, uuid, uuid, text) is
    'What follows is recorded as done by the customer who began to pay, named by attempt or by session.';

create function service.checkout_closed(account_id uuid, invoice_id uuid, session_id text) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    perform private.act_as_payer(account_id, invoice_id, session => session_id);
    update billing.checkout_sessions as s
    set state = 'expired'
    where s.account_id = checkout_closed.account_id
      and s.invoice_id = checkout_closed.invoice_id
      and s.session_id = checkout_closed.session_id
      and s.state = 'closing';
end
$$;
comment on function service.checkout_closed(uuid, uuid, text) is 'Keeps that a stale page is closed at Stripe and can''t be paid any more.';
grant execute on function service.checkout_closed(uuid, uuid, text) to service_role;

create function service.checkout_opened(
    account_id uuid,
    invoice_id uuid,
    attempt uuid,
    session_id text,
    url text,
    expires_at timestamptz
) returns boolean
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    perform private.act_as_payer(account_id, invoice_id, attempt => attempt);
    update billing.checkout_sessions as s
    set state = 'open',
        session_id = checkout_opened.session_id,
        url = checkout_opened.url,
        expires_at = checkout_opened.expires_at
    where s.account_id = checkout_opened.account_id
      and s.invoice_id = checkout_opened.invoice_id
      and s.id = checkout_opened.attempt
      and s.state = 'opening';
    return exists (
        select
        from billing.checkout_sessions as s
        where s.account_id = checkout_opened.account_id
          and s.id = checkout_opened.attempt
          and s.session_id = checkout_opened.session_id
          and s.state = 'open'
    );
end
$$;
comment on function service.checkout_opened(uuid, uuid, uuid, text, text, timestamptz) is
    'Keeps the page that Stripe opened for an attempt. Told twice, it stays as it was. False when the attempt was '
    'given up meanwhile, because another amount is owed: nobody may be sent to that page.';
grant execute on function service.checkout_opened(uuid, uuid, uuid, text, text, timestamptz) to service_role;

------------------------------------------------------------------------------------------------------
-- Stripe's events: recorded once, applied from the present state of their object
------------------------------------------------------------------------------------------------------

create function service.record_stripe_event(event jsonb) returns boolean
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    insert into billing.stripe_events (id, type, account, api_version, created_at, livemode, object_type, object_id, body_sha256, state)
    values (
        event ->> 'id',
        event ->> 'type',
        coalesce(event ->> 'account', ''),
        event ->> 'api_version',
        (event ->> 'created')::timestamptz,
        (event ->> 'livemode')::boolean,
        event ->> 'object_type',
        event ->> 'object_id',
        event ->> 'sha256',
        case
            when event ->> 'object_type' in ('payment_intent', 'checkout_session', 'account') and event ->> 'object_id' is not null
                then 'recorded'
            else 'ignored'
        end
    )
    on conflict do nothing;
    return found;
end
$$;
comment on function service.record_stripe_event(jsonb) is
    'Keeps that an event came: {id, type, account, api_version, created, livemode, object_type, object_id, sha256}. '
    'False when it is known already. Events about objects that we don''t apply are ignored at once.';
grant execute on function service.record_stripe_event(jsonb) to service_role;

create function service.claim_stripe_object(object_type text, object_id text, account text, lease_seconds integer) returns bigint
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    claimed bigint;
begin
    insert into billing.stripe_leases as l (object_type, object_id, account, fence, claimed_at, lease_until)
    values (
        claim_stripe_object.object_type,
        claim_stripe_object.object_id,
        coalesce(claim_stripe_object.account, ''),
        1,
        clock_timestamp(),
        clock_timestamp() + make_interval(secs => lease_seconds)
    )
    on conflict on constraint stripe_leases_pkey do update
    set fence = l.fence + 1,
        claimed_at = excluded.claimed_at,
        lease_until = excluded.lease_until
    where l.lease_until <= clock_timestamp()
    returning l.fence into claimed;
    return claimed;
end
$$;
comment on function service.claim_stripe_object(text, text, text, integer) is
    'A lease on an object with its fence number, or null while another worker holds one.';
grant execute on function service.claim_stripe_object(text, text, text, integer) to service_role;

create function service.unapplied_stripe_objects(limit_rows integer)
    returns table (object_type text, object_id text, account text)
    language sql
    stable security definer
    set search_path = ''
as $$
    select e.object_type, e.object_id, nullif(e.account, '')
    from billing.stripe_events as e
    where e.state = 'recorded'
    group by e.object_type, e.object_id, e.account
    order by min(e.received_at)
    limit least(limit_rows, 500)
$$;
comment on function service.unapplied_stripe_objects(integer) is 'Objects of recorded events that nobody has applied yet, oldest first.';
grant execute on function service.unapplied_stripe_objects(integer) to service_role;

create function service.apply_stripe_object(object_type text, object_id text, account text, fence bigint, fields jsonb) returns text
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    lease billing.stripe_leases := private.held_lease(object_type, object_id, account, fence);
    outcome text;
begin
    if lease.fence is null then
        return 'stale';
    end if;

    perform private.act_as('webhook', name => 'Stripe');
    outcome := case lease.object_type
        when 'payment_intent' then private.apply_payment_intent(lease.object_id, lease.account, fields)
        when 'checkout_session' then private.apply_checkout_session(lease.object_id, lease.account, fields)
        when 'account' then private.apply_connected_account(lease.object_id, fields)
        else 'ignored'
    end;

    perform private.settle_stripe_events(lease, case outcome when 'ignored' then 'ignored' else 'applied' end);
    return outcome;
end
$$;
comment on function service.apply_stripe_object(text, text, text, bigint, jsonb) is
    'Brings an object''s present high-level state in: applied, ignored (not one of ours) or stale (a later claim exists).';
grant execute on function service.apply_stripe_object(text, text, text, bigint, jsonb) to service_role;

create function private.held_lease(of_type text, of_id text, of_account text, fence bigint) returns billing.stripe_leases
    language sql
    set search_path = ''
as $$
    select l
    from billing.stripe_leases as l
    where l.object_type = of_type
      and l.object_id = of_id
      and l.account = coalesce(of_account, '')
      and l.fence = held_lease.fence
    for update
$$;
comment on function private.held_lease(text, text, text, bigint) is
    'Locks the lease that a fence number belongs to; null when a later claim has made it stale.';

create function private.settle_stripe_events(lease billing.stripe_leases, outcome text) returns void
    language plpgsql
    set search_path = ''
as $$
begin
    -- What was fetched after the claim holds everything that came before it. Later events ask again.
    update billing.stripe_events as e
    set state = outcome,
        applied_at = clock_timestamp()
    where e.object_type = lease.object_type
      and e.object_id = lease.object_id
      and e.account = lease.account
      and e.state = 'recorded'
      and e.received_at <= lease.claimed_at;
    update billing.stripe_leases as l
    set lease_until = clock_timestamp()
    where l.object_type = lease.object_type
      and l.object_id = lease.object_id
      and l.account = lease.account;
end
$$;
comment on function private.settle_stripe_events(billing.stripe_leases, text) is
    'Marks the events that a claim covers as dealt with, and ends its lease.';

create function private.apply_payment_intent(intent text, connected text, fields jsonb) returns text
    language plpgsql
    set search_path = ''
as $$
declare
    invoice public.invoices;
    payment public.payments;
    received bigint := coalesce((fields ->> 'amount_received')::bigint, 0);
    refunded bigint := coalesce((fields ->> 'amount_refunded')::bigint, 0);
begin
    -- Which business it is follows from the connected account that Stripe names, never from metadata alone.
    select i.*
    into invoice
    from billing.connected_accounts as c
    join public.invoices as i
        on i.account_id = c.account_id
        and i.account_id = (fields ->> 'metadata_account_id')::uuid
        and i.id = (fields ->> 'metadata_invoice_id')::uuid
    where c.stripe_account_id = connected
      and i.state not in ('draft', 'void')
    for no key update of i;
    if not found or fields ->> 'currency' <> 'gbp' then
        return 'ignored';
    end if;
    if fields ->> 'status' <> 'succeeded' or received <= 0 then
        return 'applied';
    end if;

    insert into public.payments as p (account_id, invoice_id, amount_pence, refunded_pence, method, stripe_payment_intent, paid_at)
    values (
        invoice.account_id, invoice.id, received, least(refunded, received), 'card', intent,
        coalesce((fields ->> 'paid_at')::timestamptz, now())
    )
    on conflict on constraint payment_intent_is_recorded_once do update
    set refunded_pence = excluded.refunded_pence
    where p.account_id = excluded.account_id
      and p.refunded_pence <> excluded.refunded_pence
    returning * into payment;

    if payment.id is not null then
        perform private.enqueue_receipt(payment);
    end if;
    return 'applied';
end
$$;
comment on function private.apply_payment_intent(text, text, jsonb) is
    'Records a card payment once, and what was refunded of it; the invoice and its job follow.';

create function private.apply_checkout_session(session text, connected text, fields jsonb) returns text
    language plpgsql
    set search_path = ''
as $$
begin
    update billing.checkout_sessions as s
    set state = case fields ->> 'status' when 'complete' then 'complete' when 'expired' then 'expired' else s.state end,
        url = case when fields ->> 'status' = 'open' then s.url end,
        payment_intent = coalesce(fields ->> 'payment_intent', s.payment_intent)
    where s.session_id = session
      and s.stripe_account_id = connected;
    return case when found then 'applied' else 'ignored' end;
end
$$;
comment on function private.apply_checkout_session(text, text, jsonb) is 'Keeps whether a Stripe page is still open.';

create function private.apply_connected_account(stripe_account text, fields jsonb) returns text
    language plpgsql
    set search_path = ''
as $$
begin
    update billing.connected_accounts as c
    set charges_enabled = (fields ->> 'charges_enabled')::boolean,
        payouts_enabled = (fields ->> 'payouts_enabled')::boolean,
        details_submitted = (fields ->> 'details_submitted')::boolean,
        disabled_reason = fields ->> 'disabled_reason'
    where c.stripe_account_id = stripe_account;
    return case when found then 'applied' else 'ignored' end;
end
$$;
comment on function private.apply_connected_account(text, jsonb) is 'Keeps what the connected account may do.';

create function service.abandon_stripe_object(object_type text, object_id text, account text, fence bigint) returns text
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    lease billing.stripe_leases := private.held_lease(object_type, object_id, account, fence);
begin
    if lease.fence is null then
        return 'stale';
    end if;
    perform private.settle_stripe_events(lease, 'ignored');
    return 'ignored';
end
$$;
comment on function service.abandon_stripe_object(text, text, text, bigint) is
    'Sets the events of an object aside that Stripe itself no longer knows, so that the sweeper stops asking.';
grant execute on function service.abandon_stripe_object(text, text, text, bigint) to service_role;
