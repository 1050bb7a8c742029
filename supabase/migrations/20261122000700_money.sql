-- Money: invoices with their lines and VAT, numbers, issue, payments. Integer pence throughout; the sums
-- are the database's own, and an issued invoice never changes.

------------------------------------------------------------------------------------------------------
-- Invoices
------------------------------------------------------------------------------------------------------

create table public.invoices (
    account_id uuid not null references public.accounts,
    id uuid not null default private.uuidv7(),
    job_id uuid not null,
    customer_id uuid not null,
    site_id uuid,
    number bigint,
    reference text generated always as (
        case when number is not null then 'INV-' || lpad(number::text, greatest(4, length(number::text)), '0') end
    ) stored,
    state text not null default 'draft',
    issued_at timestamptz,
    issued_on date,
    supplied_on date,
    due_on date,
    notes text,
    net_pence bigint not null default 0,
    vat_pence bigint not null default 0,
    total_pence bigint not null default 0,
    paid_pence bigint not null default 0,
    document_id uuid,
    sent_at timestamptz,
    supplier jsonb,
    customer jsonb,
    created_at timestamptz not null default private.moment(),
    updated_at timestamptz not null default private.moment(),
    created_by uuid default auth.uid(),
    primary key (account_id, id),
    constraint invoice_number_is_unique_in_account unique (account_id, number),
    constraint invoice_is_for_a_job_of_the_account
        foreign key (account_id, job_id) references public.jobs (account_id, id),
    constraint invoice_is_for_a_customer_of_the_account
        foreign key (account_id, customer_id) references public.customers (account_id, id),
    constraint invoice_is_for_a_site_of_its_customer
        foreign key (account_id, customer_id, site_id) references public.sites (account_id, customer_id, id),
    constraint invoice_has_a_document_of_the_account
        foreign key (account_id, document_id) references public.documents (account_id, id)
        on delete set null (document_id),
    constraint invoice_state_is_known check (state in ('draft', 'issued', 'part_paid', 'paid', 'void')),
    constraint invoice_total_is_net_plus_vat check (total_pence = net_pence + vat_pence),
    constraint invoice_has_a_number_once_issued check ((state = 'draft') = (number is null)),
    constraint invoice_is_complete_once_issued check (
        state = 'draft'
        or (
            issued_at is not null and issued_on is not null and supplied_on is not null and due_on is not null
            and supplier is not null and customer is not null and total_pence > 0
        )
    ),
    constraint draft_carries_nothing_of_an_issued_invoice check (
        state <> 'draft'
        or (issued_at is null and issued_on is null and supplier is null and customer is null and sent_at is null and document_id is null)
    ),
    constraint invoice_state_agrees_with_what_is_paid check (
        case state
            when 'part_paid' then paid_pence > 0 and paid_pence < total_pence
            when 'paid' then paid_pence >= total_pence
            else paid_pence = 0
        end
    ),
    constraint invoice_notes_are_short check (length(notes) <= 4000)
);
comment on table public.invoices is 'A request for payment: a draft that may change, then issued and never changed again.';
comment on column public.invoices.number is 'Taken when it is issued, counting from 1 in each account without gaps.';
comment on column public.invoices.supplier is 'The business as it stood when the invoice was issued.';
comment on column public.invoices.customer is 'The customer and the address as they stood when the invoice was issued.';
comment on column public.invoices.paid_pence is 'Payments less refunds; kept by private.follow_payments.';
comment on column public.invoices.sent_at is 'When it was last given to the mailer.';
create index invoices_by_job on public.invoices (account_id, job_id);
create index invoices_by_customer on public.invoices (account_id, customer_id, site_id);
create index invoices_by_document on public.invoices (account_id, document_id);
create index invoices_owed on public.invoices (account_id, due_on) where state in ('issued', 'part_paid');

alter table public.documents
    add constraint document_is_of_an_invoice_of_the_account
        foreign key (account_id, invoice_id) references public.invoices (account_id, id);

create table public.invoice_lines (
    account_id uuid not null,
    id uuid not null default private.uuidv7(),
    invoice_id uuid not null,
    position integer not null,
    kind text not null default 'other',
    description text not null,
    quantity_milli bigint not null,
    unit_pence bigint not null,
    vat_rate_bp integer,
    net_pence bigint not null generated always as (round(quantity_milli::numeric * unit_pence / 1000)::bigint) stored,
    created_at timestamptz not null default private.moment(),
    updated_at timestamptz not null default private.moment(),
    created_by uuid default auth.uid(),
    primary key (account_id, id),
    constraint line_position_is_unique_in_invoice unique (account_id, invoice_id, position),
    constraint line_belongs_to_an_invoice_of_the_account
        foreign key (account_id, invoice_id) references public.invoices (account_id, id) on delete cascade,
    constraint line_position_counts_from_one check (position between 1 and 200),
    constraint line_kind_is_known check (kind in ('labour', 'materials', 'other')),
    constraint line_description_is_not_blank check (length(btrim(description)) between 1 and 500),
    constraint line_quantity_is_sensible check (quantity_milli between 1 and 1000000000),
    constraint line_price_is_sensible check (unit_pence between -1000000000 and 1000000000),
    constraint line_vat_rate_is_known check (vat_rate_bp in (0, 500, 2000))
);
comment on table public.invoice_lines is 'A line: quantity in thousandths x unit price, rounded once to the penny, halves away from zero.';
comment on column public.invoice_lines.vat_rate_bp is 'Basis points; null when the business is not VAT registered and may show no VAT.';

create table public.invoice_vat (
    account_id uuid not null,
    id uuid not null default private.uuidv7(),
    invoice_id uuid not null,
    vat_rate_bp integer not null,
    net_pence bigint not null,
    vat_pence bigint not null,
    created_at timestamptz not null default private.moment(),
    updated_at timestamptz not null default private.moment(),
    created_by uuid default auth.uid(),
    primary key (account_id, id),
    constraint vat_rate_is_unique_in_invoice unique (account_id, invoice_id, vat_rate_bp),
    constraint vat_belongs_to_an_invoice_of_the_account
        foreign key (account_id, invoice_id) references public.invoices (account_id, id) on delete cascade,
    constraint vat_is_the_rate_of_the_net_to_the_nearest_penny check (
        vat_pence = round(net_pence::numeric * vat_rate_bp / 10000)
    )
);
comment on table public.invoice_vat is
    'VAT per rate over the whole invoice, to the nearest penny, halves away from zero (HMRC Notice 700, 17.5 and 17.6).';

create trigger touch before update on public.invoices for each row execute function private.touch();
create trigger touch before update on public.invoice_lines for each row execute function private.touch();
create trigger touch before update on public.invoice_vat for each row execute function private.touch();

------------------------------------------------------------------------------------------------------
-- Sums
------------------------------------------------------------------------------------------------------

create function private.sum_up_invoices() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    invoice record;
begin
    for invoice in
        select distinct i.account_id, i.id
        from changed
        join public.invoices as i on i.account_id = changed.account_id and i.id = changed.invoice_id
        where i.state = 'draft'
        order by 1, 2
    loop
        with by_rate as (
            select l.vat_rate_bp, sum(l.net_pence)::bigint as net_pence
            from public.invoice_lines as l
            where l.account_id = invoice.account_id
              and l.invoice_id = invoice.id
              and l.vat_rate_bp is not null
            group by l.vat_rate_bp
        ),
        gone as (
            delete from public.invoice_vat as v
            where v.account_id = invoice.account_id
              and v.invoice_id = invoice.id
              and v.vat_rate_bp not in (select r.vat_rate_bp from by_rate as r)
        )
        insert into public.invoice_vat as v (account_id, invoice_id, vat_rate_bp, net_pence, vat_pence)
        select
            invoice.account_id, invoice.id, r.vat_rate_bp, r.net_pence,
            round(r.net_pence::numeric * r.vat_rate_bp / 10000)
        from by_rate as r
        on conflict on constraint vat_rate_is_unique_in_invoice do update
        set net_pence = excluded.net_pence,
            vat_pence = excluded.vat_pence
        where v.net_pence <> excluded.net_pence;

        update public.invoices as i
        set net_pence = sums.net,
            vat_pence = sums.vat,
            total_pence = sums.net + sums.vat
        from (
            select
                coalesce((
                    select sum(l.net_pence)
                    from public.invoice_lines as l
                    where l.account_id = invoice.account_id and l.invoice_id = invoice.id
                ), 0)::bigint as net,
                coalesce((
                    select sum(v.vat_pence)
                    from public.invoice_vat as v
                    where v.account_id = invoice.account_id and v.invoice_id = invoice.id
                ), 0)::bigint as vat
        ) as sums
        where i.account_id = invoice.account_id
          and i.id = invoice.id;
    end loop;
    return null;
end
$$;
comment on function private.sum_up_invoices() is 'Adds a draft up again whenever its lines change.';

create trigger sum_up_after_insert after insert on public.invoice_lines
    referencing new table as changed
    for each statement execute function private.sum_up_invoices();
create trigger sum_up_after_update after update on public.invoice_lines
    referencing new table as changed
    for each statement execute function private.sum_up_invoices();
create trigger sum_up_after_delete after delete on public.invoice_lines
    referencing old table as changed
    for each statement execute function private.sum_up_invoices();

create function private.check_invoice_sums() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    row_now jsonb := to_jsonb(coalesce(new, old));
    for_account uuid := (row_now ->> 'account_id')::uuid;
    for_invoice uuid := (row_now ->> case tg_table_name when 'invoices' then 'id' else 'invoice_id' end)::uuid;
begin
    if exists (
        select
        from public.invoices as i
        cross join lateral (
            select coalesce(sum(l.net_pence), 0) as net, coalesce(sum(l.net_pence) filter (where l.vat_rate_bp is not null), 0) as taxed
            from public.invoice_lines as l
            where l.account_id = i.account_id and l.invoice_id = i.id
        ) as lines
        cross join lateral (
            select coalesce(sum(v.vat_pence), 0) as vat, coalesce(sum(v.net_pence), 0) as net
            from public.invoice_vat as v
            where v.account_id = i.account_id and v.invoice_id = i.id
        ) as rates
        where i.account_id = for_account
          and i.id = for_invoice
          and (i.net_pence <> lines.net or i.vat_pence <> rates.vat or rates.net <> lines.taxed)
    ) then
        raise exception using
            errcode = '23514',
            constraint = 'invoice_totals_equal_the_sum_of_their_lines',
            hint = 'invoice_total_changed',
            message = 'The totals of an invoice must equal the sum of its lines.';
    end if;
    return null;
end
$$;
comment on function private.check_invoice_sums() is 'At commit, an invoice''s totals equal the sum of its lines, whatever wrote them (PAY-5).';

create constraint trigger invoice_totals_equal_the_sum_of_their_lines
    after insert or update on public.invoices
    deferrable initially deferred
    for each row execute function private.check_invoice_sums();
create constraint trigger lines_add_up_to_their_invoice
    after insert or update or delete on public.invoice_lines
    deferrable initially deferred
    for each row execute function private.check_invoice_sums();
create constraint trigger vat_adds_up_to_its_invoice
    after insert or update or delete on public.invoice_vat
    deferrable initially deferred
    for each row execute function private.check_invoice_sums();

------------------------------------------------------------------------------------------------------
-- What may change, and when
------------------------------------------------------------------------------------------------------

create function private.guard_invoice() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    -- reference is generated from the number, and not known yet before the row is written.
    may_change text[] := array['state', 'paid_pence', 'sent_at', 'document_id', 'updated_at', 'reference'];
begin
    if tg_op = 'DELETE' then
        if old.state <> 'draft' then
            perform private.fail('invoice_already_issued', 'An issued invoice is kept: it can be corrected by a credit note, never deleted.');
        end if;
        return old;
    end if;

    if old.state <> 'draft' and to_jsonb(new) - may_change <> to_jsonb(old) - may_change then
        perform private.fail('invoice_already_issued', 'This invoice has been issued and cannot change any more.');
    end if;
    if new.state <> old.state
        and not (old.state, new.state) in (
            ('draft', 'issued'),
            ('issued', 'part_paid'), ('issued', 'paid'), ('issued', 'void'),
            ('part_paid', 'paid'), ('part_paid', 'issued'),
            ('paid', 'part_paid'), ('paid', 'issued')
        )
    then
        perform private.fail('invoice_state_not_allowed', format('An invoice that is %s cannot become %s.', old.state, new.state));
    end if;
    if old.document_id is not null
        and new.document_id is distinct from old.document_id
        and exists (
            select
            from public.documents as d
            where d.account_id = old.account_id
              and d.id = old.document_id
              and d.state <> 'awaiting'
        )
    then
        perform private.fail('invoice_already_issued', 'The stored invoice stays as it was issued.');
    end if;
    return new;
end
$$;
comment on function private.guard_invoice() is
    'An issued invoice never changes and is never deleted; its state moves along its lifecycle, and its PDF, once stored, stays.';

create trigger guard before update or delete on public.invoices for each row execute function private.guard_invoice();
alter table public.invoices enable always trigger guard;

create function private.guard_invoice_part() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    if tg_op <> 'INSERT' and exists (
        select
        from public.invoices as i
        where i.account_id = old.account_id
          and i.id = old.invoice_id
          and i.state <> 'draft'
    ) or tg_op <> 'DELETE' and exists (
        select
        from public.invoices as i
        where i.account_id = new.account_id
          and i.id = new.invoice_id
          and i.state <> 'draft'
    ) then
        perform private.fail('invoice_already_issued', 'This invoice has been issued and cannot change any more.');
    end if;
    if tg_op = 'DELETE' then
        return old;
    end if;
    return new;
end
$$;
comment on function private.guard_invoice_part() is 'Lines and VAT of an issued invoice never change.';

create trigger guard before insert or update or delete on public.invoice_lines
    for each row execute function private.guard_invoice_part();
create trigger guard before insert or update or delete on public.invoice_vat
    for each row execute function private.guard_invoice_part();
alter table public.invoice_lines enable always trigger guard;
alter table public.invoice_vat enable always trigger guard;

create function private.guard_line_vat() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    registered boolean;
begin
    select a.vat_registered
    into registered
    from public.accounts as a
    where a.id = new.account_id;
    if not registered and new.vat_rate_bp is not null then
        perform private.fail('vat_not_registered', 'A business that is not VAT registered must not show VAT.', 'vat_rate_bp');
    end if;
    if registered and new.vat_rate_bp is null then
        perform private.fail('validation_failed', 'Choose a VAT rate for each line.', 'vat_rate_bp');
    end if;
    return new;
end
$$;
comment on function private.guard_line_vat() is
    'Not registered: no VAT and no rate anywhere (FA 2008 Sch 41 para 2). Registered: every line has its rate.';

create trigger guard_vat before insert or update on public.invoice_lines
    for each row execute function private.guard_line_vat();

------------------------------------------------------------------------------------------------------
-- Payments
------------------------------------------------------------------------------------------------------

create table public.payments (
    account_id uuid not null,
    id uuid not null default private.uuidv7(),
    invoice_id uuid not null,
    amount_pence bigint not null,
    refunded_pence bigint not null default 0,
    method text not null,
    state text not null generated always as (
        case
            when refunded_pence = 0 then 'succeeded'
            when refunded_pence < amount_pence then 'part_refunded'
            else 'refunded'
        end
    ) stored,
    stripe_payment_intent text,
    paid_at timestamptz not null,
    created_at timestamptz not null default private.moment(),
    updated_at timestamptz not null default private.moment(),
    created_by uuid default auth.uid(),
    primary key (account_id, id),
    constraint payment_intent_is_recorded_once unique (stripe_payment_intent),
    constraint payment_is_of_an_invoice_of_the_account
        foreign key (account_id, invoice_id) references public.invoices (account_id, id),
    constraint payment_is_of_money check (amount_pence > 0),
    constraint refund_is_within_the_payment check (refunded_pence between 0 and amount_pence),
    constraint payment_method_is_known check (method in ('card', 'bank', 'cash')),
    constraint card_payment_is_known_to_stripe check ((method = 'card') = (stripe_payment_intent is not null))
);
comment on table public.payments is 'Money received for an invoice. Of a card payment we hold Stripe''s reference and nothing about the card (PAY-1).';
create index payments_by_invoice on public.payments (account_id, invoice_id);
create index payments_by_time on public.payments (account_id, paid_at desc);

create trigger touch before update on public.payments for each row execute function private.touch();

create function private.follow_payments() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    for_account uuid := coalesce(new.account_id, old.account_id);
    for_invoice uuid := coalesce(new.invoice_id, old.invoice_id);
    invoice public.invoices;
    paid bigint;
begin
    select *
    into strict invoice
    from public.invoices as i
    where i.account_id = for_account
      and i.id = for_invoice
    for no key update;
    if invoice.state in ('draft', 'void') then
        perform private.fail('invoice_state_not_allowed', format('An invoice that is %s cannot be paid.', invoice.state));
    end if;

    select coalesce(sum(p.amount_pence - p.refunded_pence), 0)
    into paid
    from public.payments as p
    where p.account_id = for_account
      and p.invoice_id = for_invoice;

    update public.invoices as i
    set paid_pence = paid,
        state = case
            when paid >= i.total_pence then 'paid'
            when paid > 0 then 'part_paid'
            else 'issued'
        end
    where i.account_id = for_account
      and i.id = for_invoice;
    return null;
end
$$;
comment on function private.follow_payments() is 'Keeps what an invoice has been paid, and its state, equal to its payments less refunds.';

create trigger follow after insert or update or delete on public.payments
    for each row execute function private.follow_payments();

create function private.move_job_with_invoice() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    next_state text;
begin
    select case
        when count(*) = 0 then 'done'
        when bool_and(i.state = 'paid') then 'paid'
        else 'invoiced'
    end
    into next_state
    from public.invoices as i
    where i.account_id = new.account_id
      and i.job_id = new.job_id
      and i.state in ('issued', 'part_paid', 'paid');

    -- Only along the lifecycle, so that the state of a job is never a reason to refuse money.
    update public.jobs as j
    set state = 'invoiced'
    where j.account_id = new.account_id
      and j.id = new.job_id
      and j.state in ('enquiry', 'quoted', 'booked', 'in_progress', 'done')
      and next_state = 'invoiced';
    update public.jobs as j
    set state = next_state
    where j.account_id = new.account_id
      and j.id = new.job_id
      and j.state in ('invoiced', 'paid')
      and j.state <> next_state;
    return null;
end
$$;
comment on function private.move_job_with_invoice() is 'A job is invoiced when an invoice of it is issued, and paid when all of them are.';

create trigger move_job after update of state on public.invoices
    for each row when (old.state is distinct from new.state)
    execute function private.move_job_with_invoice();

-- What an issued invoice says is kept for six years by law (VATA 1994, schedule 11, paragraph 6), the customer's name and
-- address on it too; so nothing of it is classified as personal.
select audit.watch(
    'public.invoices', 'invoice',
    business => array[
        'account_id', 'id', 'job_id', 'customer_id', 'site_id', 'number', 'reference', 'state', 'issued_at', 'issued_on',
        'supplied_on', 'due_on', 'notes', 'net_pence', 'vat_pence', 'total_pence', 'paid_pence', 'document_id', 'sent_at',
        'supplier', 'customer', 'created_at', 'updated_at', 'created_by'
    ]
);
select audit.watch(
    'public.invoice_lines', 'invoice_line', 'invoice', 'invoice_id', is_detail => true,
    business => array[
        'account_id', 'id', 'invoice_id', 'position', 'kind', 'description', 'quantity_milli', 'unit_pence', 'vat_rate_bp',
        'net_pence', 'created_at', 'updated_at', 'created_by'
    ]
);
select audit.watch(
    'public.invoice_vat', 'invoice_vat', 'invoice', 'invoice_id', is_detail => true,
    business => array[
        'account_id', 'id', 'invoice_id', 'vat_rate_bp', 'net_pence', 'vat_pence', 'created_at', 'updated_at', 'created_by'
    ]
);
select audit.watch(
    'public.payments', 'payment', 'invoice', 'invoice_id',
    business => array[
        'account_id', 'id', 'invoice_id', 'amount_pence', 'refunded_pence', 'method', 'state', 'stripe_payment_intent', 'paid_at',
        'created_at', 'updated_at', 'created_by'
    ]
);

------------------------------------------------------------------------------------------------------
-- Policies
------------------------------------------------------------------------------------------------------

create policy "Members who may read invoices see their account's invoices"
    on public.invoices for select to authenticated
    using (nullif(account_id = any ((select private.accounts_with('invoices.read'))::uuid[]), false) is not unknown);
comment on policy "Members who may read invoices see their account's invoices" on public.invoices is
    'The one condition that stands before every list, sum and search of invoices.';

create policy "Members who may write invoices draft them in their account"
    on public.invoices for insert to authenticated
    with check (nullif(account_id = any ((select private.accounts_with('invoices.write'))::uuid[]), false) is not unknown);
comment on policy "Members who may write invoices draft them in their account" on public.invoices is
    'A draft has no number and no sums of its own: the grant leaves them out.';

create policy "Members who may write invoices change their account's"
    on public.invoices for update to authenticated
    using (nullif(account_id = any ((select private.accounts_with('invoices.write'))::uuid[]), false) is not unknown)
    with check (nullif(account_id = any ((select private.accounts_with('invoices.write'))::uuid[]), false) is not unknown);
comment on policy "Members who may write invoices change their account's" on public.invoices is
    'Drafts only: what has been issued is closed by private.guard_invoice, to everybody.';

create policy "Members who may write invoices discard drafts"
    on public.invoices for delete to authenticated
    using (nullif(account_id = any ((select private.accounts_with('invoices.write'))::uuid[]), false) is not unknown);
comment on policy "Members who may write invoices discard drafts" on public.invoices is
    'An issued invoice is kept: private.guard_invoice refuses to delete it.';

create policy "Members who may read invoices see their account's lines"
    on public.invoice_lines for select to authenticated
    using (nullif(account_id = any ((select private.accounts_with('invoices.read'))::uuid[]), false) is not unknown);
comment on policy "Members who may read invoices see their account's lines" on public.invoice_lines is
    'Lines are parts of an invoice and have no permission of their own.';

create policy "Members who may write invoices add lines"
    on public.invoice_lines for insert to authenticated
    with check (nullif(account_id = any ((select private.accounts_with('invoices.write'))::uuid[]), false) is not unknown);
comment on policy "Members who may write invoices add lines" on public.invoice_lines is
    'Of drafts only (private.guard_invoice_part); the sums follow by themselves.';

create policy "Members who may write invoices change lines"
    on public.invoice_lines for update to authenticated
    using (nullif(account_id = any ((select private.accounts_with('invoices.write'))::uuid[]), false) is not unknown)
    with check (nullif(account_id = any ((select private.accounts_with('invoices.write'))::uuid[]), false) is not unknown);
comment on policy "Members who may write invoices change lines" on public.invoice_lines is
    'Of drafts only (private.guard_invoice_part); the sums follow by themselves.';

create policy "Members who may write invoices take lines out"
    on public.invoice_lines for delete to authenticated
    using (nullif(account_id = any ((select private.accounts_with('invoices.write'))::uuid[]), false) is not unknown);
comment on policy "Members who may write invoices take lines out" on public.invoice_lines is
    'Of drafts only (private.guard_invoice_part); the sums follow by themselves.';

create policy "Members who may read invoices see their account's VAT"
    on public.invoice_vat for select to authenticated
    using (nullif(account_id = any ((select private.accounts_with('invoices.read'))::uuid[]), false) is not unknown);
comment on policy "Members who may read invoices see their account's VAT" on public.invoice_vat is
    'Read only: the rows are the database''s own sums.';

create policy "Members who may read payments see their account's payments"
    on public.payments for select to authenticated
    using (nullif(account_id = any ((select private.accounts_with('payments.read'))::uuid[]), false) is not unknown);
comment on policy "Members who may read payments see their account's payments" on public.payments is
    'Read only: a payment is written by what Stripe says, never by hand.';

grant select on public.invoices, public.invoice_lines, public.invoice_vat, public.payments to authenticated;
grant insert (account_id, job_id, customer_id, site_id, supplied_on, due_on, notes) on public.invoices to authenticated;
grant update (customer_id, site_id, supplied_on, due_on, notes) on public.invoices to authenticated;
grant delete on public.invoices to authenticated;
grant insert (account_id, invoice_id, position, kind, description, quantity_milli, unit_pence, vat_rate_bp)
    on public.invoice_lines to authenticated;
grant update (position, kind, description, quantity_milli, unit_pence, vat_rate_bp) on public.invoice_lines to authenticated;
grant delete on public.invoice_lines to authenticated;

------------------------------------------------------------------------------------------------------
-- Acts: drafting
------------------------------------------------------------------------------------------------------

create function public.save_invoice(
    account_id uuid,
    invoice_id uuid,
    idempotency_key uuid,
    invoice jsonb,
    lines jsonb
) returns jsonb
    language plpgsql
    set search_path = ''
as $$
declare
    result jsonb;
    job public.jobs;
    saved public.invoices;
    for_customer uuid := (invoice ->> 'customer_id')::uuid;
begin
    perform private.require(save_invoice.account_id, 'invoices.write');
    result := private.replay(
        save_invoice.account_id, idempotency_key, 'save_invoice',
        jsonb_build_array(save_invoice.invoice_id, invoice, lines)
    );
    if result is not null then
        return result;
    end if;

    if save_invoice.invoice_id is null then
        select *
        into job
        from public.jobs as j
        where j.account_id = save_invoice.account_id
          and j.id = (invoice ->> 'job_id')::uuid;
        if not found then
            perform private.fail('not_found', 'There is no such job.', 'invoice.job_id');
        end if;
        for_customer := coalesce(for_customer, job.customer_id);

        insert into public.invoices (account_id, job_id, customer_id, site_id, supplied_on, due_on, notes)
        values (
            save_invoice.account_id,
            job.id,
            for_customer,
            case when for_customer = job.customer_id then job.site_id end,
            (invoice ->> 'supplied_on')::date,
            (invoice ->> 'due_on')::date,
            private.clean(invoice ->> 'notes')
        )
        returning * into saved;
    else
        select *
        into saved
        from public.invoices as i
        where i.account_id = save_invoice.account_id
          and i.id = save_invoice.invoice_id
        for no key update;
        if not found then
            perform private.fail('not_found', 'There is no such invoice.');
        end if;
        if saved.state <> 'draft' then
            perform private.fail('invoice_already_issued', 'This invoice has been issued and cannot change any more.');
        end if;
        -- Who says which version they began with does not write over somebody else's change.
        if saved.updated_at <> (invoice ->> 'updated_at')::timestamptz then
            perform private.fail('changed_elsewhere', 'Somebody changed this draft while you were working on it.');
        end if;
        for_customer := coalesce(for_customer, saved.customer_id);

        update public.invoices as i
        set customer_id = for_customer,
            site_id = case when for_customer = i.customer_id then i.site_id end,
            supplied_on = (invoice ->> 'supplied_on')::date,
            due_on = (invoice ->> 'due_on')::date,
            notes = private.clean(invoice ->> 'notes')
        where i.account_id = saved.account_id
          and i.id = saved.id;
    end if;

    perform private.save_lines(saved.account_id, saved.id, lines);

    select *
    into strict saved
    from public.invoices as i
    where i.account_id = saved.account_id
      and i.id = saved.id;
    return private.remember(
        save_invoice.account_id,
        idempotency_key,
        jsonb_build_object(
            'invoice_id', saved.id,
            'net_pence', saved.net_pence,
            'vat_pence', saved.vat_pence,
            'total_pence', saved.total_pence,
            'updated_at', saved.updated_at
        )
    );
end
$$;
comment on function public.save_invoice(uuid, uuid, uuid, jsonb, jsonb) is
    'Saves a draft {job_id, customer_id, supplied_on, due_on, notes, updated_at?} with all its lines [{kind, description, '
    'quantity_milli, unit_pence, vat_rate_bp}] in order; invoice_id null begins one. Answers the sums.';
grant execute on function public.save_invoice(uuid, uuid, uuid, jsonb, jsonb) to authenticated;

create function private.save_lines(for_account uuid, for_invoice uuid, lines jsonb) returns void
    language plpgsql
    set search_path = ''
as $$
begin
    if jsonb_typeof(lines) is distinct from 'array' then
        perform private.fail('validation_failed', 'Send the lines as a list.', 'lines');
    end if;

    -- A line that stays as it was is not written, so that the audit trail tells only what changed.
    delete from public.invoice_lines as l
    where l.account_id = for_account
      and l.invoice_id = for_invoice
      and l.position > jsonb_array_length(lines);

    update public.invoice_lines as l
    set kind = given.kind,
        description = given.description,
        quantity_milli = given.quantity_milli,
        unit_pence = given.unit_pence,
        vat_rate_bp = given.vat_rate_bp
    from private.lines_from(lines) as given
    where l.account_id = for_account
      and l.invoice_id = for_invoice
      and l.position = given.place
      and (l.kind, l.description, l.quantity_milli, l.unit_pence, l.vat_rate_bp)
          is distinct from (given.kind, given.description, given.quantity_milli, given.unit_pence, given.vat_rate_bp);

    insert into public.invoice_lines (account_id, invoice_id, position, kind, description, quantity_milli, unit_pence, vat_rate_bp)
    select
        for_account, for_invoice, given.place, given.kind, given.description,
        given.quantity_milli, given.unit_pence, given.vat_rate_bp
    from private.lines_from(lines) as given
    where not exists (
        select
        from public.invoice_lines as l
        where l.account_id = for_account
          and l.invoice_id = for_invoice
          and l.position = given.place
    )
    order by given.place;
end
$$;
comment on function private.save_lines(uuid, uuid, jsonb) is 'Makes the lines of a draft those given, as the caller, under the caller''s policies.';
grant execute on function private.save_lines(uuid, uuid, jsonb) to authenticated;

create function private.lines_from(
    lines jsonb,
    out place integer,
    out kind text,
    out description text,
    out quantity_milli bigint,
    out unit_pence bigint,
    out vat_rate_bp integer
) returns setof record
    language sql
    immutable
    set search_path = ''
as $$
    select
        given.place,
        coalesce(given.line ->> 'kind', 'other'),
        private.clean(given.line ->> 'description'),
        (given.line ->> 'quantity_milli')::bigint,
        (given.line ->> 'unit_pence')::bigint,
        (given.line ->> 'vat_rate_bp')::integer
    from jsonb_array_elements(lines) with ordinality as given (line, place)
$$;
comment on function private.lines_from(jsonb) is 'Lines as they come from a form, numbered in their order.';
grant execute on function private.lines_from(jsonb) to authenticated;

create function public.discard_invoice(account_id uuid, invoice_id uuid) returns void
    language plpgsql
    set search_path = ''
as $$
begin
    perform private.require(discard_invoice.account_id, 'invoices.write');
    delete from public.invoices as i
    where i.account_id = discard_invoice.account_id
      and i.id = discard_invoice.invoice_id;
    if not found then
        perform private.fail('not_found', 'There is no such invoice.');
    end if;
end
$$;
comment on function public.discard_invoice(uuid, uuid) is 'Deletes a draft; invoice_already_issued otherwise.';
grant execute on function public.discard_invoice(uuid, uuid) to authenticated;

------------------------------------------------------------------------------------------------------
-- Acts: issuing
------------------------------------------------------------------------------------------------------

create function private.issue_invoice(for_account uuid, for_invoice uuid, expected_total_pence bigint, idempotency_key uuid) returns jsonb
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    result jsonb;
    account public.accounts;
    invoice public.invoices;
    issue_date date := private.today();
begin
    perform private.require(for_account, 'invoices.issue');
    result := private.replay(
        for_account, idempotency_key, 'issue_invoice',
        jsonb_build_array(for_invoice, expected_total_pence)
    );
    if result is not null then
        return result;
    end if;

    select * into invoice
    from public.invoices as i
    where i.account_id = for_account and i.id = for_invoice
    for update;
    if not found then
        perform private.fail('not_found', 'There is no such invoice.');
    end if;
    if invoice.state <> 'draft' then
        perform private.fail('invoice_already_issued', format('This invoice was issued as %s.', invoice.reference));
    end if;

    select * into strict account from public.accounts as a where a.id = for_account for share;
    perform private.check_before_issue(account, invoice);
    if invoice.total_pence is distinct from expected_total_pence then
        perform private.fail('invoice_total_changed', 'The total has changed since you looked. Check it and issue again.', 'expected_total_pence');
    end if;

    update public.invoices as i
    set state = 'issued',
        number = private.next_number(for_account, 'invoice'),
        issued_at = private.moment(),
        issued_on = issue_date,
        supplied_on = coalesce(i.supplied_on, issue_date),
        due_on = greatest(coalesce(i.due_on, issue_date + account.payment_terms_days), issue_date),
        supplier = private.supplier_of(account),
        customer = private.billed_customer(i)
    where i.account_id = for_account
      and i.id = for_invoice;

    return private.remember(for_account, idempotency_key, private.prepare_invoice_pdf(for_account, for_invoice));
end
$$;
comment on function private.issue_invoice(uuid, uuid, bigint, uuid) is 'See public.issue_invoice.';
grant execute on function private.issue_invoice(uuid, uuid, bigint, uuid) to authenticated;

create function private.check_before_issue(account public.accounts, invoice public.invoices) returns void
    language plpgsql
    stable
    set search_path = ''
as $$
declare
    lines bigint;
    with_vat bigint;
begin
    select count(*), count(l.vat_rate_bp)
    into lines, with_vat
    from public.invoice_lines as l
    where l.account_id = invoice.account_id
      and l.invoice_id = invoice.id;

    if lines = 0 then
        perform private.fail('invoice_has_no_lines', 'Add at least one line before you issue the invoice.', 'lines');
    end if;
    if invoice.total_pence <= 0 then
        perform private.fail('validation_failed', 'An invoice must come to more than nothing.', 'lines');
    end if;
    if not account.vat_registered and with_vat > 0 then
        perform private.fail('vat_not_registered', 'The business is not VAT registered: take the VAT off the lines first.', 'lines');
    end if;
    if account.vat_registered and with_vat < lines then
        perform private.fail('validation_failed', 'Choose a VAT rate for each line.', 'lines');
    end if;
    if account.vat_registered and account.vat_number is null then
        perform private.fail('validation_failed', 'Add your VAT number in Settings: a VAT invoice must show it.', 'vat_number');
    end if;
end
$$;
comment on function private.check_before_issue(public.accounts, public.invoices) is 'What must be true of an invoice before it gets a number.';

create function private.supplier_of(account public.accounts) returns jsonb
    language sql
    immutable
    set search_path = ''
as $$
    select jsonb_build_object(
        'name', account.name,
        'trade', account.trade,
        'vat_registered', account.vat_registered,
        'vat_number', account.vat_number,
        'email', account.email,
        'phone', account.phone,
        'address_line_1', account.address_line_1,
        'address_line_2', account.address_line_2,
        'town', account.town,
        'postcode', account.postcode
    )
$$;
comment on function private.supplier_of(public.accounts) is 'The business as an invoice shows it.';

create function private.billed_customer(invoice public.invoices) returns jsonb
    language sql
    stable
    set search_path = ''
as $$
    select jsonb_build_object(
        'name', c.name,
        'email', c.email,
        'phone', c.phone,
        'address_line_1', s.address_line_1,
        'address_line_2', s.address_line_2,
        'town', s.town,
        'postcode', s.postcode
    )
    from public.customers as c
    left join lateral (
        select *
        from public.sites as site
        where site.account_id = c.account_id
          and site.customer_id = c.id
        order by site.id = invoice.site_id desc nulls last, site.created_at
        limit 1
    ) as s on true
    where c.account_id = invoice.account_id
      and c.id = invoice.customer_id
$$;
comment on function private.billed_customer(public.invoices) is 'The customer as an invoice shows them, with the site''s address or else their first one.';

create function private.prepare_invoice_pdf(for_account uuid, for_invoice uuid) returns jsonb
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    invoice public.invoices;
    document public.documents;
begin
    perform private.require(for_account, 'invoices.issue');
    select * into invoice
    from public.invoices as i
    where i.account_id = for_account and i.id = for_invoice
    for update;
    if not found then
        perform private.fail('not_found', 'There is no such invoice.');
    end if;
    if invoice.state = 'draft' then
        perform private.fail('invoice_state_not_allowed', 'Issue the invoice first.');
    end if;

    select * into document
    from public.documents as d
    where d.account_id = for_account and d.id = invoice.document_id;

    -- Whoever asks gets room of their own: the one who asked before may have lost their phone half way.
    if not found
        or (
            document.state = 'awaiting'
            and (document.created_by is distinct from auth.uid() or document.upload_until < now() + interval '5 minutes')
        )
    then
        insert into public.documents (account_id, invoice_id, job_id, kind, access, file_name)
        values (for_account, for_invoice, invoice.job_id, 'invoice_pdf', 'client', invoice.reference || '.pdf')
        returning * into document;
        update public.invoices as i
        set document_id = document.id
        where i.account_id = for_account and i.id = for_invoice;
    end if;

    return jsonb_build_object(
        'invoice_id', invoice.id,
        'number', invoice.number,
        'reference', invoice.reference,
        'document_id', document.id,
        'document_state', document.state,
        'bucket_id', document.bucket_id,
        'object_name', document.object_name
    );
end
$$;
comment on function private.prepare_invoice_pdf(uuid, uuid) is 'See public.prepare_invoice_pdf.';
grant execute on function private.prepare_invoice_pdf(uuid, uuid) to authenticated;

create function public.issue_invoice(account_id uuid, invoice_id uuid, expected_total_pence bigint, idempotency_key uuid) returns jsonb
    language sql
    set search_path = ''
as $$
    select private.issue_invoice(account_id, invoice_id, expected_total_pence, idempotency_key)
$$;
comment on function public.issue_invoice(uuid, uuid, bigint, uuid) is
    'Issues a draft: it takes the next number, its sums and particulars freeze, and a document awaits its PDF. '
    'Answers {invoice_id, number, reference, document_id, document_state, bucket_id, object_name}.';
grant execute on function public.issue_invoice(uuid, uuid, bigint, uuid) to authenticated;

create function public.prepare_invoice_pdf(account_id uuid, invoice_id uuid) returns jsonb
    language sql
    set search_path = ''
as $$
    select private.prepare_invoice_pdf(account_id, invoice_id)
$$;
comment on function public.prepare_invoice_pdf(uuid, uuid) is
    'Room for the PDF of an issued invoice whose first one never arrived; the stored one when it did. Answers '
    'as issue_invoice; nothing is to do when document_state is ready.';
grant execute on function public.prepare_invoice_pdf(uuid, uuid) to authenticated;
