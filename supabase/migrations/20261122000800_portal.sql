-- Portal: what a trader's customer sees by a private link, without signing in.

------------------------------------------------------------------------------------------------------
-- Tables
------------------------------------------------------------------------------------------------------

create table public.portal_links (
    account_id uuid not null,
    id uuid not null default private.uuidv7(),
    invoice_id uuid not null,
    token_hash bytea not null,
    sent_to text,
    expires_at timestamptz not null default now() + interval '90 days',
    revoked_at timestamptz,
    first_viewed_at timestamptz,
    created_at timestamptz not null default private.moment(),
    updated_at timestamptz not null default private.moment(),
    created_by uuid default auth.uid(),
    primary key (account_id, id),
    constraint portal_token_is_unique unique (token_hash),
    constraint portal_token_is_kept_as_a_hash check (length(token_hash) = 32),
    constraint link_opens_an_invoice_of_the_account
        foreign key (account_id, invoice_id) references public.invoices (account_id, id)
);
comment on table public.portal_links is 'Private links to invoices: 256 random bits, of which only the SHA-256 is kept; they expire and can be revoked (PART-4).';
create index portal_links_by_invoice on public.portal_links (account_id, invoice_id);

create trigger touch before update on public.portal_links for each row execute function private.touch();

select audit.watch(
    'public.portal_links', 'portal_link', 'invoice', 'invoice_id',
    secret => array['token_hash'],
    personal => array['sent_to'],
    business => array[
        'account_id', 'id', 'invoice_id', 'expires_at', 'revoked_at', 'first_viewed_at', 'created_at', 'updated_at', 'created_by'
    ]
);

------------------------------------------------------------------------------------------------------
-- Policies
------------------------------------------------------------------------------------------------------

create policy "Members who may read invoices see when links were opened"
    on public.portal_links for select to authenticated
    using (nullif(account_id = any ((select private.accounts_with('invoices.read'))::uuid[]), false) is not unknown);
comment on policy "Members who may read invoices see when links were opened" on public.portal_links is
    'All but the token''s hash, which the grant leaves out.';

grant select (account_id, id, invoice_id, sent_to, expires_at, revoked_at, first_viewed_at, created_at, updated_at, created_by)
    on public.portal_links to authenticated;

------------------------------------------------------------------------------------------------------
-- Making and revoking links
------------------------------------------------------------------------------------------------------

create function private.mint_portal_link(for_account uuid, for_invoice uuid, sent_to text, out token text, out expires_at timestamptz)
    language plpgsql
    set search_path = ''
as $$
begin
    token := private.base64url(extensions.gen_random_bytes(32));
    insert into public.portal_links (account_id, invoice_id, token_hash, sent_to)
    values (for_account, for_invoice, sha256(convert_to(token, 'utf8')), mint_portal_link.sent_to)
    returning portal_links.expires_at into mint_portal_link.expires_at;
end
$$;
comment on function private.mint_portal_link(uuid, uuid, text) is
    'A new link to an invoice. The token exists here and in the message that carries it, nowhere else.';

create function private.issued_invoice(for_account uuid, for_invoice uuid) returns public.invoices
    language plpgsql
    set search_path = ''
as $$
declare
    invoice public.invoices;
begin
    select *
    into invoice
    from public.invoices as i
    where i.account_id = for_account
      and i.id = for_invoice
    for no key update;
    if not found then
        perform private.fail('not_found', 'There is no such invoice.');
    end if;
    if invoice.state = 'draft' then
        perform private.fail('invoice_state_not_allowed', 'Issue the invoice first.');
    end if;
    return invoice;
end
$$;
comment on function private.issued_invoice(uuid, uuid) is 'Locks an invoice that has been issued. Whoever calls has checked who asks.';

create function private.create_portal_link(for_account uuid, for_invoice uuid, idempotency_key uuid) returns jsonb
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    invoice public.invoices;
    link record;
begin
    perform private.require(for_account, 'invoices.send');
    -- The token is a secret and is not kept for a repetition: the same key again makes no second link.
    if private.replay(for_account, idempotency_key, 'create_portal_link', to_jsonb(for_invoice)) is not null then
        perform private.fail('idempotency_key_reused', 'This link was already made and shown once. Make a new one.');
    end if;
    invoice := private.issued_invoice(for_account, for_invoice);
    link := private.mint_portal_link(for_account, invoice.id, null);
    perform private.remember(for_account, idempotency_key, 'true');
    return jsonb_build_object('token', link.token, 'expires_at', link.expires_at);
end
$$;
comment on function private.create_portal_link(uuid, uuid, uuid) is 'See public.create_portal_link.';
grant execute on function private.create_portal_link(uuid, uuid, uuid) to authenticated;

create function public.create_portal_link(account_id uuid, invoice_id uuid, idempotency_key uuid) returns jsonb
    language sql
    set search_path = ''
as $$
    select private.create_portal_link(account_id, invoice_id, idempotency_key)
$$;
comment on function public.create_portal_link(uuid, uuid, uuid) is
    'A private link to an issued invoice, to hand over in person: {token, expires_at}. Shown once.';
grant execute on function public.create_portal_link(uuid, uuid, uuid) to authenticated;

create function private.revoke_portal_links(for_account uuid, for_invoice uuid) returns integer
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    revoked integer;
begin
    perform private.require(for_account, 'invoices.send');
    if not exists (
        select
        from public.invoices as i
        where i.account_id = for_account
          and i.id = for_invoice
    ) then
        perform private.fail('not_found', 'There is no such invoice.');
    end if;
    update public.portal_links as l
    set revoked_at = private.moment()
    where l.account_id = for_account
      and l.invoice_id = for_invoice
      and l.revoked_at is null;
    get diagnostics revoked = row_count;
    return revoked;
end
$$;
comment on function private.revoke_portal_links(uuid, uuid) is 'See public.revoke_portal_links.';
grant execute on function private.revoke_portal_links(uuid, uuid) to authenticated;

create function public.revoke_portal_links(account_id uuid, invoice_id uuid) returns integer
    language sql
    set search_path = ''
as $$
    select private.revoke_portal_links(account_id, invoice_id)
$$;
comment on function public.revoke_portal_links(uuid, uuid) is 'Ends all links to an invoice at once; answers how many there were.';
grant execute on function public.revoke_portal_links(uuid, uuid) to authenticated;

------------------------------------------------------------------------------------------------------
-- What a link opens
------------------------------------------------------------------------------------------------------

create function private.live_link(token text, act text default 'portal_reads') returns public.portal_links
    language sql
    stable
    set search_path = ''
as $$
    select l
    from public.portal_links as l
    where l.token_hash = sha256(convert_to(token, 'utf8'))
      and l.revoked_at is null
      and l.expires_at > now()
      and private.account_allows(l.account_id, act)
$$;
comment on function private.live_link(text, text) is 'The link behind a token that is neither expired nor revoked, of an account that allows it; else null.';

create function private.link_proof(token text) returns text
    language sql
    stable
    set search_path = ''
as $$
    select private.base64url(
        extensions.hmac(convert_to('opened ' || token, 'UTF8'), decode(s.decrypted_secret, 'hex'), 'sha256')
    )
    from vault.decrypted_secrets as s
    where s.name = 'tf_context_key'
$$;
comment on function private.link_proof(text) is 'What a browser is given that has opened a link, and nobody else can make.';

create function private.take_guess(out wanted jsonb, out headers jsonb)
    language plpgsql
    set search_path = ''
as $$
declare
    seen private.request := private.request_context();
begin
    wanted := jsonb_build_array(
        case
            when seen.trusted and pg_input_is_valid(seen.ip, 'inet') then jsonb_build_object('limit', 'link_address', 'key', seen.ip)
            else jsonb_build_object('limit', 'link_anywhere', 'key', 'all')
        end
    );
    headers := private.limit_headers((select jsonb_agg(to_jsonb(t)) from private.take(wanted) as t));
end
$$;
comment on function private.take_guess() is
    'Counts a link''s token as a guess, by the address that a tier of ours vouches for: what to give back when it opens something, '
    'and the headers, with Retry-After where there have been too many.';

create function private.refuse_guess(guess_headers jsonb) returns jsonb
    language plpgsql
    set search_path = ''
as $$
begin
    if guess_headers ? 'Retry-After' then
        return private.answer_refusal(
            429, 'PT429', 'too_many_links', 'Too many links that do not work were opened from here. Try again later.', guess_headers
        );
    end if;
    return private.answer_refusal(
        400, 'P0001', 'link_not_valid', 'This link does not work any more. Ask for a new one.', guess_headers
    );
end
$$;
comment on function private.refuse_guess(jsonb) is 'Answers a token that opens nothing: link_not_valid, or too_many_links where there have been too many.';

create function private.find_link(token text, proof text, act text, out link public.portal_links, out refusal jsonb)
    language plpgsql
    set search_path = ''
as $$
declare
    guess record;
begin
    -- Whoever has opened this very link before guesses nothing, and is kept out by nothing that others do at their address.
    if find_link.proof = private.link_proof(token) then
        link := private.live_link(token, act);
        if link.id is null then
            refusal := private.refuse_guess('{}');
        end if;
        return;
    end if;
    -- Counted before it is looked up, and given back when it opens something: however many guess at once, no more guesses than
    -- the limit are looked at.
    guess := private.take_guess();
    if not guess.headers ? 'Retry-After' then
        link := private.live_link(token, act);
    end if;
    if link.id is null then
        refusal := private.refuse_guess(guess.headers);
    else
        perform private.give_back(guess.wanted, false);
    end if;
end
$$;
comment on function private.find_link(text, text, text) is
    'The link behind a token, or the refusal to answer with: link_not_valid, or too_many_links to an address that has guessed too '
    'often. A refusal is answered and not raised, so that the guess stays counted.';

create function private.portal_invoice(token text, proof text) returns jsonb
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    opened record := private.find_link(token, proof, 'portal_reads');
    link public.portal_links := opened.link;
    invoice public.invoices;
    document public.documents;
begin
    if opened.refusal is not null then
        return opened.refusal;
    end if;

    if link.first_viewed_at is null then
        perform private.act_as(
            'customer',
            link.id,
            (
                select i.customer ->> 'name'
                from public.invoices as i
                where i.account_id = link.account_id
                  and i.id = link.invoice_id
            )
        );
        update public.portal_links as l
        set first_viewed_at = private.moment()
        where l.account_id = link.account_id
          and l.id = link.id
          and l.first_viewed_at is null;
    end if;

    select *
    into strict invoice
    from public.invoices as i
    where i.account_id = link.account_id
      and i.id = link.invoice_id;
    select *
    into document
    from public.documents as d
    where d.account_id = invoice.account_id
      and d.id = invoice.document_id
      and d.state = 'ready'
      and d.access = 'client';

    return jsonb_build_object(
        'business', invoice.supplier - 'vat_registered',
        'customer', invoice.customer,
        'invoice', jsonb_build_object(
            'reference', invoice.reference,
            'state', invoice.state,
            'issued_on', invoice.issued_on,
            'supplied_on', invoice.supplied_on,
            'due_on', invoice.due_on,
            'notes', invoice.notes,
            'net_pence', invoice.net_pence,
            'vat_pence', invoice.vat_pence,
            'total_pence', invoice.total_pence,
            'paid_pence', invoice.paid_pence,
            'owed_pence', private.owed(invoice),
            'overdue', private.owed(invoice) > 0 and invoice.due_on < private.today()
        ),
        'lines', (
            select coalesce(jsonb_agg(
                jsonb_build_object(
                    'kind', l.kind,
                    'description', l.description,
                    'quantity_milli', l.quantity_milli,
                    'unit_pence', l.unit_pence,
                    'vat_rate_bp', l.vat_rate_bp,
                    'net_pence', l.net_pence
                )
                order by l.position
            ), '[]'::jsonb)
            from public.invoice_lines as l
            where l.account_id = invoice.account_id
              and l.invoice_id = invoice.id
        ),
        'vat', (
            select coalesce(jsonb_agg(
                jsonb_build_object('vat_rate_bp', v.vat_rate_bp, 'net_pence', v.net_pence, 'vat_pence', v.vat_pence)
                order by v.vat_rate_bp desc
            ), '[]'::jsonb)
            from public.invoice_vat as v
            where v.account_id = invoice.account_id
              and v.invoice_id = invoice.id
        ),
        'payments', (
            select coalesce(jsonb_agg(
                jsonb_build_object(
                    'amount_pence', p.amount_pence,
                    'refunded_pence', p.refunded_pence,
                    'method', p.method,
                    'paid_at', p.paid_at
                )
                order by p.paid_at
            ), '[]'::jsonb)
            from public.payments as p
            where p.account_id = invoice.account_id
              and p.invoice_id = invoice.id
        ),
        'can_pay', private.owed(invoice) > 0
            and private.account_allows(invoice.account_id, 'customer_pays')
            and exists (
                select
                from billing.connected_accounts as c
                where c.account_id = invoice.account_id
                  and c.charges_enabled
            ),
        'document_id', document.id,
        'document', case when document.id is not null then
            jsonb_build_object('bucket_id', document.bucket_id, 'object_name', document.object_name)
        end,
        'expires_at', link.expires_at,
        'proof', private.link_proof(token)
    );
end
$$;
comment on function private.portal_invoice(text, text) is 'See public.portal_invoice.';
grant execute on function private.portal_invoice(text, text) to anon, authenticated;

create function private.owed(invoice public.invoices) returns bigint
    language sql
    immutable
    set search_path = ''
as $$
    select case when invoice.state in ('issued', 'part_paid') then invoice.total_pence - invoice.paid_pence else 0 end
$$;
comment on function private.owed(public.invoices) is 'What is still to pay of an invoice.';
grant execute on function private.owed(public.invoices) to authenticated;

create function public.portal_invoice(token text, proof text default null) returns jsonb
    language sql
    set search_path = ''
as $$
    select private.portal_invoice(token, proof)
$$;
comment on function public.portal_invoice(text, text) is
    'What the holder of a private link sees: business, customer, invoice, lines, VAT, payments, can_pay, '
    'document_id and document {bucket_id, object_name} (null until the PDF is stored). Marks the first view. proof is for the browser to keep and to send the next time. '
    'link_not_valid when it is unknown, expired or revoked; too_many_links at an address that opened many such ones, without a proof.';
grant execute on function public.portal_invoice(text, text) to anon, authenticated;

create function private.portal_documents() returns table (bucket_id text, object_name text)
    language sql
    stable security definer
    set search_path = ''
as $$
    select d.bucket_id, d.object_name
    from private.live_link(private.header('x-tf-portal')) as link
    join public.invoices as i on i.account_id = link.account_id and i.id = link.invoice_id
    join public.documents as d on d.account_id = i.account_id and d.id = i.document_id
    where d.state = 'ready'
      and d.access = 'client'
$$;
comment on function private.portal_documents() is 'The stored invoice that the link in the request''s x-tf-portal header opens: one object or none.';
grant execute on function private.portal_documents() to anon;

create policy "Whoever holds a live link reads the PDF of that invoice"
    on storage.objects for select to anon
    using ((bucket_id, name) in (select opened.bucket_id, opened.object_name from private.portal_documents() as opened));
