-- Mail: messages are rows, written in the same transaction as what they tell of. A worker claims them,
-- sends them with the provider's idempotency key and records what became of them.

------------------------------------------------------------------------------------------------------
-- Tables
------------------------------------------------------------------------------------------------------

create schema if not exists mail;
comment on schema mail is 'Outgoing e-mail. Not exposed.';

create table mail.outbox (
    id uuid primary key default private.uuidv7(),
    account_id uuid references public.accounts,
    dedupe_key text not null,
    template text not null,
    to_address text not null,
    data jsonb not null,
    has_secret boolean not null,
    document_id uuid,
    subject_id uuid,
    state text not null default 'queued',
    attempts integer not null default 0,
    send_after timestamptz not null default now(),
    send_before timestamptz not null default now() + interval '23 hours',
    lease_until timestamptz,
    lease_token uuid,
    provider_id text,
    last_error text,
    sent_at timestamptz,
    created_at timestamptz not null default private.moment(),
    updated_at timestamptz not null default private.moment(),
    created_by uuid default auth.uid(),
    constraint message_is_queued_once unique (dedupe_key),
    constraint message_has_a_document_of_the_account
        foreign key (account_id, document_id) references public.documents (account_id, id),
    constraint message_state_is_known check (state in ('queued', 'sending', 'sent', 'failed', 'unknown')),
    constraint message_template_is_known check (
        template in (
            'sign_in_code', 'confirm_sign_up', 'reset_password', 'email_change', 'invoice', 'receipt', 'anchor_digest', 'invitation',
            'new_device',
            'email_changed',
            'password_changed',
            'domain_missing', 'joined_by_domain', 'join_asked', 'join_decided',
            'second_factor',
            'suspicious_sign_in', 'alerts'
        )
    ),
    constraint message_address_looks_like_one check (to_address ~ '^[^@\s]+@[^@\s]+\.[^@\s]+$' and length(to_address) <= 254),
    constraint sent_message_keeps_no_secret check (not has_secret or state in ('queued', 'sending') or data = '{}'),
    constraint leased_message_is_being_sent check ((state = 'sending') = (lease_token is not null))
);
comment on table mail.outbox is 'Every e-mail: queued, sending, sent, failed, or unknown when nobody can tell whether it went out.';
comment on column mail.outbox.account_id is 'Null for sign-in mail, which belongs to a person.';
comment on column mail.outbox.data is 'What the template shows. Where it carries a code or a link''s token it is erased as soon as nothing more is tried.';
comment on column mail.outbox.subject_id is 'The invoice that the message is about.';
comment on column mail.outbox.send_before is 'Not sent later than this: a code has expired, or the provider no longer recognises a repetition.';
create index outbox_to_send on mail.outbox (send_after) where state in ('queued', 'sending');
create index outbox_by_account on mail.outbox (account_id, id);
create index outbox_by_document on mail.outbox (account_id, document_id);

create trigger touch before update on mail.outbox for each row execute function private.touch();

select audit.watch(
    'mail.outbox', 'message', 'invoice', 'subject_id',
    secret => array['data', 'lease_token'],
    personal => array['to_address', 'last_error'],
    business => array[
        'id', 'account_id', 'dedupe_key', 'template', 'has_secret', 'document_id', 'subject_id', 'state', 'attempts',
        'send_after', 'send_before', 'lease_until', 'provider_id', 'sent_at', 'created_at', 'updated_at', 'created_by'
    ],
    only_when => 'old.state is distinct from new.state and new.state in (''sent'', ''failed'', ''unknown'')'
);

------------------------------------------------------------------------------------------------------
-- The worker is told at once
------------------------------------------------------------------------------------------------------

create function private.kick(function_name text, body jsonb default '{}') returns void
    language plpgsql
    set search_path = ''
as $$
declare
    base text := (select s.decrypted_secret from vault.decrypted_secrets as s where s.name = 'tf_functions_url');
    worker_key text := (select s.decrypted_secret from vault.decrypted_secrets as s where s.name = 'tf_worker_key');
begin
    -- Without an address there is nobody to call: a project that is still being set up. Sweeps catch up later.
    if base is null or worker_key is null then
        return;
    end if;
    perform net.http_post(
        url => rtrim(base, '/') || '/' || function_name,
        body => kick.body,
        headers => jsonb_build_object('content-type', 'application/json', 'x-tf-worker', worker_key),
        timeout_milliseconds => 30000
    );
end
$$;
comment on function private.kick(text, jsonb) is
    'Calls one of our edge functions once this transaction has committed. A lost call does no harm: each function finds its own work.';

create function private.kick_mailer() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    perform private.kick('send-mail');
    return null;
end
$$;
comment on function private.kick_mailer() is 'A sign-in code can''t wait for the next minute.';

create trigger kick_mailer after insert on mail.outbox for each statement execute function private.kick_mailer();

------------------------------------------------------------------------------------------------------
-- Queueing
------------------------------------------------------------------------------------------------------

create function service.enqueue_auth_mail(dedupe_key text, template text, to_address text, data jsonb) returns uuid
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    message uuid;
begin
    insert into mail.outbox as o (dedupe_key, template, to_address, data, has_secret, send_before)
    values (
        'auth:' || enqueue_auth_mail.dedupe_key, enqueue_auth_mail.template, lower(enqueue_auth_mail.to_address),
        enqueue_auth_mail.data, true, now() + interval '10 minutes'
    )
    on conflict on constraint message_is_queued_once do nothing
    returning o.id into message;
    return coalesce(
        message,
        (select o.id from mail.outbox as o where o.dedupe_key = 'auth:' || enqueue_auth_mail.dedupe_key)
    );
end
$$;
comment on function service.enqueue_auth_mail(text, text, text, jsonb) is
    'Queues a sign-in message {code}; the same dedupe key again answers the message queued before. Not sent after ten minutes, when the code has expired.';
grant execute on function service.enqueue_auth_mail(text, text, text, jsonb) to service_role;

create function private.send_invoice(for_account uuid, for_invoice uuid, to_address text, message text, idempotency_key uuid) returns jsonb
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    result jsonb;
    address text := lower(private.clean(to_address));
    invoice public.invoices;
    link record;
    outbox_id uuid;
begin
    perform private.require(for_account, 'invoices.send');
    result := private.replay(for_account, idempotency_key, 'send_invoice', jsonb_build_array(for_invoice, to_address, message));
    if result is not null then
        return result;
    end if;
    if address is null or address !~ '^[^@\s]+@[^@\s]+\.[^@\s]+$' then
        perform private.fail('validation_failed', 'Give an e-mail address to send it to.', 'to_address');
    end if;
    if length(message) > 2000 then
        perform private.fail('validation_failed', 'Make the message shorter than 2,000 characters.', 'message');
    end if;

    perform private.spend(
        jsonb_build_array(
            jsonb_build_object('limit', 'invoice_mail', 'key', for_account),
            jsonb_build_object('limit', 'invoice_mail_again', 'key', for_invoice)
        ),
        'too_many_invoice_mails'
    );
    invoice := private.issued_invoice(for_account, for_invoice);
    if not exists (
        select
        from public.documents as d
        where d.account_id = for_account
          and d.id = invoice.document_id
          and d.state = 'ready'
    ) then
        perform private.fail('invoice_pdf_not_ready', 'The PDF of this invoice is not stored yet. Try again in a moment.');
    end if;

    link := private.mint_portal_link(for_account, for_invoice, address);
    insert into mail.outbox as o (account_id, dedupe_key, template, to_address, data, has_secret, document_id, subject_id)
    values (
        for_account,
        'invoice:' || for_account || ':' || idempotency_key,
        'invoice',
        address,
        jsonb_build_object(
            'reference', invoice.reference,
            'total_pence', private.owed(invoice),
            'due_on', invoice.due_on,
            'link_token', link.token,
            'message', private.clean(message),
            'customer_name', invoice.customer ->> 'name',
            'business_name', invoice.supplier ->> 'name'
        ),
        true,
        invoice.document_id,
        invoice.id
    )
    returning o.id into outbox_id;
    update public.invoices as i
    set sent_at = private.moment()
    where i.account_id = for_account
      and i.id = for_invoice;
    return private.remember(for_account, idempotency_key, jsonb_build_object('outbox_id', outbox_id));
end
$$;
comment on function private.send_invoice(uuid, uuid, text, text, uuid) is 'See public.send_invoice.';
grant execute on function private.send_invoice(uuid, uuid, text, text, uuid) to authenticated;

create function public.send_invoice(account_id uuid, invoice_id uuid, to_address text, message text, idempotency_key uuid) returns jsonb
    language sql
    set search_path = ''
as $$
    select private.send_invoice(account_id, invoice_id, to_address, message, idempotency_key)
$$;
comment on function public.send_invoice(uuid, uuid, text, text, uuid) is
    'E-mails an issued invoice: its stored PDF and a private link of its own. Answers {outbox_id}; invoice_pdf_not_ready until the PDF is stored.';
grant execute on function public.send_invoice(uuid, uuid, text, text, uuid) to authenticated;

create function private.enqueue_receipt(payment public.payments) returns void
    language plpgsql
    set search_path = ''
as $$
declare
    invoice public.invoices;
    address text;
    link record;
begin
    if exists (select from mail.outbox as o where o.dedupe_key = 'receipt:' || payment.id) then
        return;
    end if;
    select *
    into strict invoice
    from public.invoices as i
    where i.account_id = payment.account_id
      and i.id = payment.invoice_id;

    -- To whoever the invoice went to last, else to the customer's own address; without either, no receipt.
    address := coalesce(
        (
            select l.sent_to
            from public.portal_links as l
            where l.account_id = invoice.account_id
              and l.invoice_id = invoice.id
              and l.sent_to is not null
            order by l.created_at desc
            limit 1
        ),
        invoice.customer ->> 'email'
    );
    if address is null then
        return;
    end if;

    link := private.mint_portal_link(invoice.account_id, invoice.id, address);
    insert into mail.outbox (account_id, dedupe_key, template, to_address, data, has_secret, subject_id)
    values (
        invoice.account_id,
        'receipt:' || payment.id,
        'receipt',
        address,
        jsonb_build_object(
            'reference', invoice.reference,
            'amount_pence', payment.amount_pence,
            'paid_at', payment.paid_at,
            'business_name', invoice.supplier ->> 'name',
            'link_token', link.token
        ),
        true,
        invoice.id
    )
    on conflict on constraint message_is_queued_once do nothing;
end
$$;
comment on function private.enqueue_receipt(public.payments) is 'Queues the receipt of a payment, once.';

------------------------------------------------------------------------------------------------------
-- Sending
------------------------------------------------------------------------------------------------------

create function service.claim_mail(limit_rows integer, lease_seconds integer) returns setof jsonb
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    perform private.act_as('worker', name => 'send-mail');

    -- Too late for what never left; and where the provider may no longer know a repetition when it sees one,
    -- sending again could send twice: a person decides (MAIL-2).
    update mail.outbox as o
    set state = case o.state when 'queued' then 'failed' else 'unknown' end,
        last_error = case o.state when 'queued' then 'too_late' else 'lease_expired' end,
        lease_token = null,
        lease_until = null,
        data = case when o.has_secret then '{}' else o.data end
    where o.send_before <= now()
      and (o.state = 'queued' or (o.state = 'sending' and o.lease_until <= now()));

    return query
        with due as (
            select o.id
            from mail.outbox as o
            where (
                    (o.state = 'queued' and o.send_after <= now())
                    or (o.state = 'sending' and o.lease_until <= now())
                )
              and o.send_before > now()
              and (o.account_id is null or private.account_allows(o.account_id, 'outgoing_mail'))
            order by o.send_after
            limit least(limit_rows, 100)
            for update skip locked
        ),
        claimed as (
            update mail.outbox as o
            set state = 'sending',
                attempts = o.attempts + 1,
                lease_token = gen_random_uuid(),
                lease_until = now() + make_interval(secs => lease_seconds)
            from due
            where o.id = due.id
            returning o.*
        )
        select jsonb_build_object(
            'id', c.id,
            'lease', c.lease_token,
            'template', c.template,
            'to_address', c.to_address,
            'data', c.data,
            'account', case when a.id is not null then jsonb_build_object(
                'id', a.id,
                'name', a.name,
                'trade', a.trade,
                'email', a.email,
                'phone', a.phone,
                'address_line_1', a.address_line_1,
                'address_line_2', a.address_line_2,
                'town', a.town,
                'postcode', a.postcode
            ) end,
            'reply_to', a.email,
            'document', case when d.id is not null then jsonb_build_object(
                'bucket_id', d.bucket_id,
                'object_name', d.object_name,
                'file_name', d.file_name
            ) end
        )
        from claimed as c
        left join public.accounts as a on a.id = c.account_id
        left join public.documents as d on d.account_id = c.account_id and d.id = c.document_id and d.state = 'ready'
        order by c.send_after;
end
$$;
comment on function service.claim_mail(integer, integer) is
    'Leases due messages to a worker: {id, lease, template, to_address, data, account|null, reply_to|null, document|null}. '
    'id is the provider''s idempotency key.';
grant execute on function service.claim_mail(integer, integer) to service_role;

create function service.mail_sent(id uuid, lease uuid, provider_id text) returns boolean
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    perform private.act_as('worker', name => 'send-mail');
    update mail.outbox as o
    set state = 'sent',
        sent_at = now(),
        provider_id = mail_sent.provider_id,
        lease_token = null,
        lease_until = null,
        last_error = null,
        data = case when o.has_secret then '{}' else o.data end
    where o.id = mail_sent.id
      and o.lease_token = mail_sent.lease;
    return found;
end
$$;
comment on function service.mail_sent(uuid, uuid, text) is 'Records that the provider took a message; false when the lease is no longer this worker''s.';
grant execute on function service.mail_sent(uuid, uuid, text) to service_role;

create function service.mail_failed(id uuid, lease uuid, code text, retry boolean) returns boolean
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    perform private.act_as('worker', name => 'send-mail');
    update mail.outbox as o
    set state = case when retrying.yes then 'queued' else 'failed' end,
        -- 15 s, 30 s, 1 min … at most an hour apart.
        send_after = now() + least(interval '15 seconds' * 2 ^ least(o.attempts - 1, 10), interval '1 hour'),
        lease_token = null,
        lease_until = null,
        last_error = left(mail_failed.code, 100),
        data = case when o.has_secret and not retrying.yes then '{}' else o.data end
    from (select mail_failed.retry and m.attempts < 20 as yes from mail.outbox as m where m.id = mail_failed.id) as retrying
    where o.id = mail_failed.id
      and o.lease_token = mail_failed.lease;
    return found;
end
$$;
comment on function service.mail_failed(uuid, uuid, text, boolean) is
    'Records that a message did not go out: queued again after a growing pause, or failed for good.';
grant execute on function service.mail_failed(uuid, uuid, text, boolean) to service_role;
