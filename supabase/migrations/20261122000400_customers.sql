-- Customers: the people a business works for, and the addresses where it works.

------------------------------------------------------------------------------------------------------
-- Tables
------------------------------------------------------------------------------------------------------

create table public.customers (
    account_id uuid not null references public.accounts,
    id uuid not null default private.uuidv7(),
    name text not null,
    email text,
    phone text,
    notes text,
    created_at timestamptz not null default private.moment(),
    updated_at timestamptz not null default private.moment(),
    created_by uuid default auth.uid(),
    primary key (account_id, id),
    constraint customer_name_is_not_blank check (length(btrim(name)) between 1 and 120),
    constraint customer_email_looks_like_one check (email ~ '^[^@\s]+@[^@\s]+\.[^@\s]+$' and length(email) <= 254),
    constraint customer_phone_is_short check (length(phone) <= 40),
    constraint customer_notes_are_short check (length(notes) <= 4000)
);
comment on table public.customers is 'Who a business works for: a person or a firm.';
create index customers_by_name on public.customers (account_id, lower(name));

create table public.sites (
    account_id uuid not null,
    id uuid not null default private.uuidv7(),
    customer_id uuid not null,
    address_line_1 text not null,
    address_line_2 text,
    town text,
    postcode text,
    created_at timestamptz not null default private.moment(),
    updated_at timestamptz not null default private.moment(),
    created_by uuid default auth.uid(),
    primary key (account_id, id),
    constraint site_is_of_one_customer unique (account_id, customer_id, id),
    constraint site_belongs_to_a_customer_of_the_account
        foreign key (account_id, customer_id) references public.customers (account_id, id),
    constraint site_address_is_not_blank check (length(btrim(address_line_1)) between 1 and 120),
    constraint site_address_is_short check (
        greatest(length(address_line_2), length(town)) <= 120 and length(postcode) <= 10
    )
);
comment on table public.sites is 'An address where work is done.';

create trigger touch before update on public.customers for each row execute function private.touch();
create trigger touch before update on public.sites for each row execute function private.touch();

select audit.watch(
    'public.customers', 'customer',
    personal => array['name', 'email', 'phone', 'notes'],
    business => array['account_id', 'id', 'created_at', 'updated_at', 'created_by']
);
select audit.watch(
    'public.sites', 'site', 'customer', 'customer_id',
    personal => array['address_line_1', 'address_line_2', 'town', 'postcode'],
    business => array['account_id', 'id', 'customer_id', 'created_at', 'updated_at', 'created_by']
);

------------------------------------------------------------------------------------------------------
-- Policies
------------------------------------------------------------------------------------------------------

create policy "Members who may read customers see their account's customers"
    on public.customers for select to authenticated
    using (nullif(account_id = any ((select private.accounts_with('customers.read'))::uuid[]), false) is not unknown);
comment on policy "Members who may read customers see their account's customers" on public.customers is
    'Names, addresses and telephone numbers of people: a permission of its own.';

create policy "Members who may write customers add to their account"
    on public.customers for insert to authenticated
    with check (nullif(account_id = any ((select private.accounts_with('customers.write'))::uuid[]), false) is not unknown);
comment on policy "Members who may write customers add to their account" on public.customers is
    'with check compares the new row: nobody adds to an account by naming it.';

create policy "Members who may write customers change their account's"
    on public.customers for update to authenticated
    using (nullif(account_id = any ((select private.accounts_with('customers.write'))::uuid[]), false) is not unknown)
    with check (nullif(account_id = any ((select private.accounts_with('customers.write'))::uuid[]), false) is not unknown);
comment on policy "Members who may write customers change their account's" on public.customers is
    'Both conditions are the same, so that a row can''t be moved to another account.';

create policy "Members who may read customers see their account's sites"
    on public.sites for select to authenticated
    using (nullif(account_id = any ((select private.accounts_with('customers.read'))::uuid[]), false) is not unknown);
comment on policy "Members who may read customers see their account's sites" on public.sites is
    'A site is its customer''s address: whoever sees the one sees the other.';

create policy "Members who may write customers add sites to their account"
    on public.sites for insert to authenticated
    with check (nullif(account_id = any ((select private.accounts_with('customers.write'))::uuid[]), false) is not unknown);
comment on policy "Members who may write customers add sites to their account" on public.sites is
    'That the customer is of the same account is a composite key''s business.';

create policy "Members who may write customers change their account's sites"
    on public.sites for update to authenticated
    using (nullif(account_id = any ((select private.accounts_with('customers.write'))::uuid[]), false) is not unknown)
    with check (nullif(account_id = any ((select private.accounts_with('customers.write'))::uuid[]), false) is not unknown);
comment on policy "Members who may write customers change their account's sites" on public.sites is
    'Both conditions are the same, so that a row can''t be moved to another account.';

grant select on public.customers, public.sites to authenticated;
grant insert (account_id, name, email, phone, notes) on public.customers to authenticated;
grant update (name, email, phone, notes) on public.customers to authenticated;
grant insert (account_id, customer_id, address_line_1, address_line_2, town, postcode) on public.sites to authenticated;
grant update (address_line_1, address_line_2, town, postcode) on public.sites to authenticated;

------------------------------------------------------------------------------------------------------
-- Acts
------------------------------------------------------------------------------------------------------

create function private.add_site(for_account uuid, for_customer uuid, site jsonb) returns uuid
    language plpgsql
    set search_path = ''
as $$
declare
    new_site uuid;
begin
    if private.clean(site ->> 'address_line_1') is null then
        return null;
    end if;
    insert into public.sites (account_id, customer_id, address_line_1, address_line_2, town, postcode)
    values (
        for_account,
        for_customer,
        private.clean(site ->> 'address_line_1'),
        private.clean(site ->> 'address_line_2'),
        private.clean(site ->> 'town'),
        upper(private.clean(site ->> 'postcode'))
    )
    returning sites.id into new_site;
    return new_site;
end
$$;
comment on function private.add_site(uuid, uuid, jsonb) is
    'Adds a site as the caller, under the caller''s policies; null when there is no address.';
grant execute on function private.add_site(uuid, uuid, jsonb) to authenticated;

create function private.add_customer(for_account uuid, customer jsonb) returns uuid
    language plpgsql
    set search_path = ''
as $$
declare
    new_customer uuid;
begin
    if private.clean(customer ->> 'name') is null then
        perform private.fail('validation_failed', 'Give the customer a name.', 'customer.name');
    end if;
    insert into public.customers (account_id, name, email, phone, notes)
    values (
        for_account,
        private.clean(customer ->> 'name'),
        lower(private.clean(customer ->> 'email')),
        private.clean(customer ->> 'phone'),
        private.clean(customer ->> 'notes')
    )
    returning customers.id into new_customer;
    return new_customer;
end
$$;
comment on function private.add_customer(uuid, jsonb) is 'Adds a customer as the caller, under the caller''s policies.';
grant execute on function private.add_customer(uuid, jsonb) to authenticated;

create function public.create_customer(
    account_id uuid,
    idempotency_key uuid,
    customer jsonb,
    site jsonb default null
) returns jsonb
    language plpgsql
    set search_path = ''
as $$
declare
    result jsonb;
    new_customer uuid;
begin
    perform private.require(create_customer.account_id, 'customers.write');
    result := private.replay(create_customer.account_id, idempotency_key, 'create_customer', jsonb_build_array(customer, site));
    if result is not null then
        return result;
    end if;

    new_customer := private.add_customer(create_customer.account_id, customer);
    return private.remember(
        create_customer.account_id,
        idempotency_key,
        jsonb_build_object(
            'customer_id', new_customer,
            'site_id', private.add_site(create_customer.account_id, new_customer, site)
        )
    );
end
$$;
comment on function public.create_customer(uuid, uuid, jsonb, jsonb) is
    'Adds a customer {name, email, phone, notes} and, when there is an address, a site {address_line_1, '
    'address_line_2, town, postcode}. Answers {customer_id, site_id}.';
grant execute on function public.create_customer(uuid, uuid, jsonb, jsonb) to authenticated;
