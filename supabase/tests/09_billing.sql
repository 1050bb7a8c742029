select plan(53);

select tests.business('bell');
select tests.business('finch');
select tests.job('bell');
select tests.job('finch');
select tests.issued('bell');
select tests.issued('finch');
select set_config('tests.token', tests.link('bell'), true);

create function pg_temp.event(id text, object_type text, object_id text, account text default 'acct_bell') returns jsonb
    language sql
as $$
    select jsonb_build_object(
        'id', id, 'type', object_type || '.something', 'account', account, 'api_version', '2026-10-28.endive',
        'created', now(), 'livemode', false, 'object_type', object_type, 'object_id', object_id, 'sha256', repeat('0f', 32)
    )
$$;
create function pg_temp.intent(amount bigint, refunded bigint default 0, business text default 'bell', status text default 'succeeded') returns jsonb
    language sql
as $$
    select jsonb_build_object(
        'status', status, 'amount_received', amount, 'amount_refunded', refunded, 'currency', 'gbp', 'paid_at', now(),
        'metadata_account_id', tests.id(business), 'metadata_invoice_id', tests.id(business || ' invoice')
    )
$$;
create function pg_temp.apply(object_id text, fields jsonb, account text default 'acct_bell', object_type text default 'payment_intent') returns text
    language sql
as $$
    select service.apply_stripe_object(
        object_type, object_id, account, service.claim_stripe_object(object_type, object_id, account, 30), fields
    )
$$;
create function pg_temp.invoice_now(business text default 'bell') returns text
    language sql
    security definer
as $$
    select i.state || ' ' || i.paid_pence || ' ' || (select count(*) from public.payments as p where p.invoice_id = i.id)
    from public.invoices as i
    where i.id = tests.id(business || ' invoice')
$$;
grant execute on function pg_temp.event(text, text, text, text), pg_temp.intent(bigint, bigint, text, text), pg_temp.apply(text, jsonb, text, text), pg_temp.invoice_now(text) to public;

------------------------------------------------------------------------------------------------------
-- The page where a customer pays
------------------------------------------------------------------------------------------------------

select tests.be_service();
select is(service.checkout_begin('guess') ->> 'hint', 'link_not_valid', 'paying needs a link');
select throws_ok($$select service.checkout_begin(current_setting('tests.token'))$$, 'P0001', 'This business does not take card payments yet. Ask how to pay.', 'and a business that takes cards');
select is(service.connected_account(tests.id('bell')), null, 'which it does not before it is connected');
select tests.be_postgres();
select tests.keep('alone', gen_random_uuid());
insert into public.accounts (id, name, trade) values (tests.id('alone'), 'Alone', 'roofer');
select tests.be_service();
select lives_ok($$select service.save_connected_account(tests.id('bell'), 'acct_bell', true, true, true, null)$$, 'a business connects its Stripe account');
select throws_ok($$select service.save_connected_account(tests.id('bell'), 'acct_other', true, true, true, null)$$, 'P0001', null, 'another account does not take its place');
select throws_ok($$select service.save_connected_account(tests.id('finch'), 'acct_bell', true, true, true, null)$$, '23505', null, '[ISO-6] nor is it connected to two businesses');
select service.save_connected_account(tests.id('finch'), 'acct_finch', true, true, true, null);
select tests.be_postgres();
select is((select a.xmax::text from public.accounts as a where a.id = tests.id('alone')), '0', '[ISO-6] and while one is kept, no other business has to wait');
select tests.be_service();
create temporary table begun as select service.checkout_begin(current_setting('tests.token')) as answer;
grant all on begun to public;
select results_eq(
    $$select answer ->> 'stripe_account_id', answer ->> 'amount_pence', answer ->> 'reference', answer -> 'open_session' from begun$$,
    $$values ('acct_bell', '12000', 'INV-0001', 'null'::jsonb)$$, '[PAY-3] what is owed, on the trader''s own account'
);
select is(service.checkout_begin(current_setting('tests.token')) ->> 'attempt', (select answer ->> 'attempt' from begun), 'an attempt whose answer was lost is the same attempt');
select service.checkout_opened(tests.id('bell'), tests.id('bell invoice'), (select (answer ->> 'attempt')::uuid from begun), 'cs_1', 'https://pay.example/1', now() + interval '1 day');
select is(service.checkout_begin(current_setting('tests.token')) #>> '{open_session,url}', 'https://pay.example/1', 'a page that is open is used again');
select ok(service.checkout_opened(tests.id('bell'), tests.id('bell invoice'), (select (answer ->> 'attempt')::uuid from begun), 'cs_1', 'https://pay.example/1', now()), 'told twice, it stays as it was');
select tests.be_postgres();
update billing.checkout_sessions set amount_pence = 1 where session_id = 'cs_1';
select tests.be_service();
select is(service.checkout_begin(current_setting('tests.token')) #>> '{stale_sessions,0}', 'cs_1', '[PAY-3] a page over another amount is to be closed at Stripe');
select is(service.checkout_begin(current_setting('tests.token')) #>> '{stale_sessions,0}', 'cs_1', '[PAY-3] and told to every caller until it is');
select ok(not service.checkout_opened(tests.id('bell'), tests.id('bell invoice'), (select (answer ->> 'attempt')::uuid from begun), 'cs_1', 'https://pay.example/1', now()), '[PAY-3] nobody is sent to it any more');
select service.checkout_closed(tests.id('bell'), tests.id('bell invoice'), 'cs_1');
select is(service.checkout_begin(current_setting('tests.token')) -> 'stale_sessions', '[]'::jsonb, '[PAY-3] closed, it is forgotten');
select tests.be_postgres();
select results_eq(
    $$select action, actor_kind, actor_name, actor_id is not null from tests.trail where action = 'checkout.expired'$$,
    $$values ('checkout.expired', 'customer', (select i.customer ->> 'name' from public.invoices as i where i.id = tests.id('bell invoice')), true)$$,
    '[AUD-1] recorded as the doing of who came by the link'
);
select tests.be_anon();
select throws_ok($$select service.checkout_begin(current_setting('tests.token'))$$, '42501', null, '[ISO-4] anon does not reach these functions');
select tests.authenticate_as('bell owner');
select throws_ok($$select service.checkout_begin(current_setting('tests.token'))$$, '42501', null, '[ISO-4] nor does a member');
select throws_ok($$select service.save_connected_account(tests.id('bell'), 'acct_mine', true, true, true, null)$$, '42501', null, '[ISO-4] who cannot redirect the money');
select throws_ok('select * from billing.connected_accounts', '42501', null, '[ISO-6] nor read the tables behind');

select tests.be_postgres();
select tests.set_state('bell', 'suspended');
select tests.be_service();
select is(service.checkout_begin(current_setting('tests.token')) ->> 'hint', 'link_not_valid', '[ADM-4] nobody pays a suspended business');
select tests.be_postgres();
select tests.set_state('bell', 'active');

------------------------------------------------------------------------------------------------------
-- Events are kept once, without their payload
------------------------------------------------------------------------------------------------------

select tests.be_service();
select ok(service.record_stripe_event(pg_temp.event('evt_1', 'payment_intent', 'pi_1')), '[HOOK-2] an event is kept');
select ok(not service.record_stripe_event(pg_temp.event('evt_1', 'payment_intent', 'pi_1')), '[HOOK-2] once');
select ok(service.record_stripe_event(pg_temp.event('evt_2', 'balance', 'ba_1')), '[HOOK-2] also one about something we do not apply');
select results_eq('select object_type, object_id, account from service.unapplied_stripe_objects(10)', $$values ('payment_intent', 'pi_1', 'acct_bell')$$, '[HOOK-3] what is not applied yet is found by the sweeper');
select tests.be_postgres();
select columns_are(
    'billing', 'stripe_events',
    array['id', 'type', 'account', 'api_version', 'created_at', 'livemode', 'object_type', 'object_id', 'body_sha256', 'state', 'received_at', 'applied_at'],
    '[PAY-1] of an event there is no place for its payload'
);
select is_empty(
    $$
        select table_schema, table_name, column_name
        from information_schema.columns
        where table_schema in ('public', 'private', 'billing', 'mail', 'audit')
          and column_name ~ '(^|_)(card|last4|brand|fingerprint|expiry|exp_month|exp_year|cvc|pan|billing)(_|$)'
    $$,
    '[PAY-1] no column holds anything about a card'
);

------------------------------------------------------------------------------------------------------
-- Applying under a fence
------------------------------------------------------------------------------------------------------

select tests.be_service();
select is(service.claim_stripe_object('payment_intent', 'pi_1', 'acct_bell', 30), 1::bigint, '[HOOK-2] a worker claims an object');
select is(service.claim_stripe_object('payment_intent', 'pi_1', 'acct_bell', 30), null, '[HOOK-2] and no other while the lease lasts');
select tests.be_postgres();
update billing.stripe_leases set lease_until = now() - interval '1 second';
select tests.be_service();
select is(service.claim_stripe_object('payment_intent', 'pi_1', 'acct_bell', 30), 2::bigint, '[HOOK-3] a lease that ran out is claimed again');
select is(service.apply_stripe_object('payment_intent', 'pi_1', 'acct_bell', 1, pg_temp.intent(12000)), 'stale', '[HOOK-2] the slow worker''s fence is stale');
select is(pg_temp.invoice_now(), 'issued 0 0', '[HOOK-2] and changes nothing');
select is(service.apply_stripe_object('payment_intent', 'pi_1', 'acct_bell', 2, pg_temp.intent(12000)), 'applied', '[HOOK-2] the later one applies');
select is(pg_temp.invoice_now(), 'paid 12000 1', '[PAY-3] the invoice is paid');
select is_empty('select * from service.unapplied_stripe_objects(10)', '[HOOK-3] and nothing is left to sweep');
select is(pg_temp.apply('pi_1', pg_temp.intent(12000)), 'applied', '[HOOK-2] applied again');
select is(pg_temp.invoice_now(), 'paid 12000 1', '[HOOK-2] there is still one payment');
select service.record_stripe_event(pg_temp.event('evt_3', 'payment_intent', 'pi_1'));
select is((select count(*) from service.unapplied_stripe_objects(10)), 1::bigint, '[HOOK-2] an event that comes later asks again');
select is(pg_temp.apply('pi_1', pg_temp.intent(12000, 12000)), 'applied', '[HOOK-2] a refund is applied');
select is(pg_temp.invoice_now(), 'issued 0 1', '[PAY-5] and the invoice is owed again');
select tests.be_postgres();
select is((select array_agg(state order by id) from billing.stripe_events), array['applied', 'ignored', 'applied'], '[HOOK-2] every event is dealt with');
select is((select count(*) from mail.outbox where template = 'receipt' and account_id = tests.id('bell')), 1::bigint, 'the customer gets one receipt for one payment');
select is((select actor_kind || ' ' || actor_name from tests.trail where account_id = tests.id('bell') and action = 'payment.created'), 'webhook Stripe', '[AUD-1] recorded as Stripe''s doing');

select tests.be_service();
select is(pg_temp.apply('pi_2', pg_temp.intent(12000, 0, 'finch')), 'ignored', '[ISO-6] a payment on one business''s account does not pay another''s invoice');
select is(pg_temp.invoice_now('finch'), 'issued 0 0', '[ISO-6] whatever its metadata says');
select is(pg_temp.apply('pi_3', pg_temp.intent(0, 0, 'bell', 'requires_payment_method')), 'applied', 'a payment that was declined is known');
select is(pg_temp.invoice_now(), 'issued 0 1', 'and pays nothing');
select is(pg_temp.apply('pi_4', pg_temp.intent(12000) || '{"currency": "usd"}'), 'ignored', 'other money than pounds is not taken for pounds');
select is(pg_temp.apply('cs_1', '{"status": "complete", "payment_status": "paid", "payment_intent": "pi_1"}', 'acct_bell', 'checkout_session'), 'applied', 'a page that was paid is closed');
select is(pg_temp.apply('cs_unknown', '{"status": "complete"}', 'acct_bell', 'checkout_session'), 'ignored', 'one we never opened is not ours');
select pg_temp.apply('acct_bell', '{"charges_enabled": false, "payouts_enabled": true, "details_submitted": true, "disabled_reason": "rejected.fraud"}', 'acct_bell', 'account');
select is(service.connected_account(tests.id('bell')) ->> 'disabled_reason', 'rejected.fraud', 'what Stripe says of the connected account is kept');
select service.record_stripe_event(pg_temp.event('evt_9', 'payment_intent', 'pi_gone'));
select is(service.abandon_stripe_object('payment_intent', 'pi_gone', 'acct_bell', service.claim_stripe_object('payment_intent', 'pi_gone', 'acct_bell', 30)), 'ignored', 'an object that Stripe no longer knows is set aside');
select is_empty($$select * from service.unapplied_stripe_objects(10)$$, 'and not asked for again');
select * from finish();
