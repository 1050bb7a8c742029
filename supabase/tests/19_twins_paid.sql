-- Twins (tests/database/twins.sql) and their customers: links, pages to pay on, payments and receipts.
select plan(41);

create function pg_temp.opens(token_name text) returns text
    language sql
as $$
    select current_setting('twins.' || token_name)
$$;
grant execute on function pg_temp.opens(text) to public;

select tests.twins();
update private.counters set last_number = 6 where account_id = tests.id('finch') and name = 'invoice';
select tests.draft('bell', jsonb_build_array(tests.line(10000), tests.line(1000)));
select tests.draft('finch', jsonb_build_array(tests.line(33000)));
select tests.twin('public.invoices', 'invoice');
select tests.both(
    'member',
    $$public.issue_invoice(tests.id('{b}'), tests.id('{b} invoice'), case '{b}' when 'bell' then 13200 else 39600 end, gen_random_uuid())$$,
    'an invoice is issued', 'INV-000[17]'
);
select tests.keep(b || ' pdf', (select i.document_id from public.invoices as i where i.account_id = tests.id(b) and i.id = tests.id(b || ' invoice')))
from unnest(array['bell', 'finch']) as b;
select tests.twin('public.documents', 'pdf');
insert into storage.objects (bucket_id, name, metadata)
select d.bucket_id, d.object_name, '{"size": 1234}'
from public.documents as d
where d.id = tests.id('bell pdf');
select tests.both('member', $$public.finish_document(tests.id('{b}'), tests.id('{b} pdf'), 'application/pdf', 1234, repeat('ab', 32))$$, 'its PDF is stored', 'ready');

------------------------------------------------------------------------------------------------------
-- Links and payments
------------------------------------------------------------------------------------------------------

select set_config('twins.' || b, tests.link(b), true) from unnest(array['bell', 'finch']) as b;
select tests.keep(b || ' link', (select l.id from public.portal_links as l where l.token_hash = sha256(convert_to(pg_temp.opens(b), 'utf8'))))
from unnest(array['bell', 'finch']) as b;
select tests.twin('public.portal_links', 'link');
update public.portal_links set sent_to = (case account_id when tests.id('bell') then 'bell' else 'finch' end) || '@mail.example', created_at = now() + case account_id when tests.id('bell') then interval '1 minute' else interval '2 minutes' end
where id = tests.id('bell link');
select tests.both('anon', $$public.portal_invoice(pg_temp.opens('{b}')) - 'document'$$, 'the customer sees the page', '"{b}"');
select is((public.portal_invoice(pg_temp.opens('bell')) -> 'lines' -> 0 ->> 'unit_pence') || ' ' || jsonb_array_length(public.portal_invoice(pg_temp.opens('finch')) -> 'lines'), '10000 1', 'with its own lines');
select is((public.portal_invoice(pg_temp.opens('bell')) #>> '{vat,0,net_pence}') || ' ' || jsonb_array_length(public.portal_invoice(pg_temp.opens('finch')) -> 'vat'), '11000 1', 'and its own VAT');
select is(public.portal_invoice(pg_temp.opens(b)) #>> '{document,bucket_id}', tests.id(b)::text, format('[ISO-1] %s: and the file in its own bucket', b)) from unnest(array['bell', 'finch']) as b;
create function pg_temp.files(business text) returns text
    language plpgsql
as $$
declare
    buckets text;
begin
    perform tests.be_anon();
    perform tests.send_headers(jsonb_build_object('x-tf-portal', pg_temp.opens(business)));
    select string_agg(o.bucket_id, ' ') into buckets from storage.objects as o;
    perform tests.be_postgres();
    perform set_config('request.headers', '', true);
    return buckets;
end
$$;
select is(pg_temp.files(b), tests.id(b)::text, format('[ISO-1] %s: which is all that the link opens in storage', b)) from unnest(array['bell', 'finch']) as b;
select is((public.portal_invoice(pg_temp.opens('bell')) ->> 'can_pay'), 'false', 'neither can be paid by card yet');
select tests.act('finch', 'service', $$service.save_connected_account(tests.id('finch'), 'acct_finch', true, true, true, null)$$);
select is((public.portal_invoice(pg_temp.opens('bell')) ->> 'can_pay') || ' ' || (public.portal_invoice(pg_temp.opens('finch')) ->> 'can_pay'), 'false true', '[ISO-6] the other''s till is not its own');
select matches(tests.act('bell', 'service', $$service.checkout_begin(pg_temp.opens('bell'))$$), 'refused: This business does not take card payments', '[ISO-6] nor is it paid into');
select tests.act('bell', 'service', $$service.save_connected_account(tests.id('bell'), 'acct_bell', true, true, true, null)$$);
select is(service.connected_account(tests.id('finch')) ->> 'stripe_account_id', 'acct_finch', '[ISO-6] each has its own');
select tests.both('service', $$service.checkout_begin(pg_temp.opens('{b}'))$$, 'paying begins', '"amount_pence": (13200|39600)');
select tests.keep(b || ' attempt', (select s.id from billing.checkout_sessions as s where s.account_id = tests.id(b))) from unnest(array['bell', 'finch']) as b;
select tests.twin('billing.checkout_sessions', 'attempt');
select tests.both('service', $$service.checkout_begin(pg_temp.opens('{b}'))$$, 'begun again, it is the same attempt', '"open_session": null');
create function pg_temp.payer(business text) returns text
    language plpgsql
as $$
begin
    perform private.act_as_payer(tests.id(business), tests.id(business || ' invoice'), tests.id(business || ' attempt'));
    return current_setting('tf.actor')::jsonb ->> 'name';
end
$$;
select is(pg_temp.payer('bell') || ', ' || pg_temp.payer('finch'), 'Bell Customer, Finch Customer', '[ISO-6] each with its own customer');
select set_config('tf.actor', '', true);
select is(tests.act('bell', 'service', $$service.checkout_opened(tests.id('bell'), tests.id('bell invoice'), tests.id('bell attempt'), 'cs_b', 'https://pay.example/b', now() + interval '1 day')$$), 'true', '[ISO-6] bell: the page at Stripe is open');
select is(tests.act('finch', 'service', $$service.checkout_opened(tests.id('finch'), tests.id('finch invoice'), tests.id('finch attempt'), 'cs_f', 'https://pay.example/f', now() + interval '1 day')$$), 'true', '[ISO-6] finch: so is its own');
select is(
    tests.act('finch', 'service', format($$service.checkout_opened(tests.id('finch'), tests.id('finch invoice'), tests.id('finch attempt'), %L, 'https://pay.example/x', now())$$, session)),
    'false', '[ISO-6] finch: ' || what
)
from (values ('cs_b', 'a page of the other''s is not its own'), ('cs_x', 'nor is any other page than the one that is open')) as t (session, what);
select tests.both('service', $$service.checkout_begin(pg_temp.opens('{b}'))$$, 'its own page is offered again', 'pay.example');
update billing.checkout_sessions set amount_pence = 1;
select tests.both('service', $$service.checkout_begin(pg_temp.opens('{b}'))$$, 'a stale page is its own', '"stale_sessions": \["cs_(b|f)"\]');
select tests.act('finch', 'service', $$service.checkout_closed(tests.id('finch'), tests.id('finch invoice'), 'cs_b')$$);
select is((select s.state from billing.checkout_sessions as s where s.session_id = 'cs_b'), 'closing', '[ISO-6] bell: its page is not closed in the other''s name');
select tests.act('bell', 'service', $$service.checkout_closed(tests.id('bell'), tests.id('bell invoice'), 'cs_b')$$);
select is((select array_agg(s.state order by s.session_id) from billing.checkout_sessions as s where s.session_id is not null), array['expired', 'closing'], '[ISO-6] and closed by itself');

create function pg_temp.intent(business text, amount bigint, refunded bigint default 0) returns text
    language sql
as $$
    select service.apply_stripe_object(
        'payment_intent', 'pi_' || business, 'acct_' || business,
        service.claim_stripe_object('payment_intent', 'pi_' || business, 'acct_' || business, 30),
        jsonb_build_object(
            'status', 'succeeded', 'amount_received', amount, 'amount_refunded', refunded, 'currency', 'gbp', 'paid_at', now(),
            'metadata_account_id', tests.id(business), 'metadata_invoice_id', tests.id(business || ' invoice')
        )
    )
$$;
grant execute on function pg_temp.intent(text, bigint, bigint) to public;
select tests.both('service', $$pg_temp.intent('{b}', case '{b}' when 'bell' then 13200 else 100 end)$$, 'a payment is its own', 'applied');
select results_eq(
    $$select state, paid_pence from public.invoices where id = tests.id('bell invoice') order by total_pence$$,
    $$values ('paid', 13200::bigint), ('part_paid', 100::bigint)$$, '[ISO-6] each invoice follows its own payments'
);
select is((select array_agg(state order by title) from public.jobs where id = tests.id('bell job')), array['paid', 'invoiced'], 'and each job its own invoice');
select is(jsonb_array_length(public.portal_invoice(pg_temp.opens('finch')) -> 'payments'), 1, 'and each page its own payments');
select results_eq(
    $$select o.data ->> 'business_name', o.to_address from mail.outbox as o where o.template = 'receipt' order by 1$$,
    $$values ('Bell', 'bell@mail.example'), ('Finch', 'finch@mail.example')$$, '[ISO-6] each receipt is from who was paid, to who paid'
);
select tests.both('member', $$public.today(tests.id('{b}'))$$, 'the first screen is its own');
select is(tests.act('bell', 'member', $$public.revoke_portal_links(tests.id('bell'), tests.id('bell invoice'))$$) ~ '^[1-9]', true, '[ISO-1] bell: its links are revoked');
select matches(tests.act('finch', 'anon', $$public.portal_invoice(pg_temp.opens('finch')) - 'document'$$), 'Finch', '[ISO-1] finch: those of the other still open');
select * from finish();
