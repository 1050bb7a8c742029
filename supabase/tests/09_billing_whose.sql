-- Whose a thing of Stripe's is: payments, pages, connected accounts, events and leases of one business beside those of another,
-- or of another object, and the customer who pays by one link beside who began by another.
select plan(25);

select tests.business('bell');
select tests.business('finch');
select tests.job(b) from unnest(array['bell', 'finch']) as b;
select tests.issued(b) from unnest(array['bell', 'finch']) as b;
select service.save_connected_account(tests.id(b), 'acct_' || b, true, true, true, null) from unnest(array['bell', 'finch']) as b;

create function pg_temp.apply(object_type text, object_id text, account text, fields jsonb) returns text
    language sql
as $$
    select service.apply_stripe_object(object_type, object_id, account, service.claim_stripe_object(object_type, object_id, account, 30), fields)
$$;
create function pg_temp.paid(of_account text, of_invoice text, refunded bigint default 0) returns jsonb
    language sql
as $$
    select jsonb_build_object(
        'status', 'succeeded', 'amount_received', 12000, 'amount_refunded', refunded, 'currency', 'gbp', 'paid_at', now(),
        'metadata_account_id', tests.id(of_account), 'metadata_invoice_id', tests.id(of_invoice || ' invoice')
    )
$$;
create function pg_temp.invoice_of(business text) returns text
    language sql
as $$
    select i.state || ' ' || i.paid_pence from public.invoices as i where i.id = tests.id(business || ' invoice')
$$;

------------------------------------------------------------------------------------------------------
-- Payments, pages, connected accounts
------------------------------------------------------------------------------------------------------

select is(pg_temp.apply('payment_intent', 'pi_1', 'acct_bell', pg_temp.paid('finch', 'bell')), 'ignored', '[ISO-6] a payment whose metadata names another business is nobody''s');
select is(pg_temp.invoice_of('bell'), 'issued 0', '[ISO-6] and pays nothing');
select is(pg_temp.apply('payment_intent', 'pi_1', 'acct_bell', pg_temp.paid('bell', 'bell')), 'applied', 'one that names the business it was paid to');
select is(pg_temp.invoice_of('bell'), 'paid 12000', 'does');
select pg_temp.apply('payment_intent', 'pi_1', 'acct_finch', pg_temp.paid('finch', 'finch', 500));
select is(pg_temp.invoice_of('bell') || ', ' || pg_temp.invoice_of('finch'), 'paid 12000, issued 0', '[ISO-6] a refund on one business''s account is not taken from another''s payment');

insert into billing.checkout_sessions (account_id, invoice_id, stripe_account_id, amount_pence, state, session_id)
values (tests.id('bell'), tests.id('bell invoice'), 'acct_bell', 12000, 'open', 'cs_1');
select is(pg_temp.apply('checkout_session', 'cs_1', 'acct_finch', '{"status": "expired"}'), 'ignored', '[ISO-6] what Stripe says of a page on another account closes none');
select is((select s.state from billing.checkout_sessions as s where s.session_id = 'cs_1'), 'open', '[ISO-6] which stays open');
select is(pg_temp.apply('checkout_session', 'cs_1', 'acct_bell', '{"status": "expired"}'), 'applied', 'on its own it does');

select pg_temp.apply('account', 'acct_bell', 'acct_bell', '{"charges_enabled": false, "payouts_enabled": false, "details_submitted": true}');
select results_eq(
    'select c.stripe_account_id, c.charges_enabled from billing.connected_accounts as c order by 1',
    $$values ('acct_bell', false), ('acct_finch', true)$$, '[ISO-6] one business that may not be paid by card any more keeps no other from it'
);

------------------------------------------------------------------------------------------------------
-- Who pays
------------------------------------------------------------------------------------------------------

select tests.keep('link ' || n, gen_random_uuid()) from unnest(array['one', 'two']) as n;
insert into public.portal_links (account_id, id, invoice_id, token_hash)
select tests.id('bell'), tests.id('link ' || n), tests.id('bell invoice'), sha256(convert_to(n, 'utf8'))
from unnest(array['one', 'two']) as n;
select tests.keep('attempt ' || n, gen_random_uuid()) from unnest(array['one', 'two']) as n;
insert into billing.checkout_sessions (account_id, id, invoice_id, stripe_account_id, amount_pence, portal_link_id, state, session_id)
select tests.id('bell'), tests.id('attempt ' || n), tests.id('bell invoice'), 'acct_bell', 12000, tests.id('link ' || n), 'closing', 'cs_' || n
from unnest(array['one', 'two']) as n;
create function pg_temp.payer(attempt uuid default null, session text default null) returns text
    language plpgsql
as $$
begin
    perform private.act_as_payer(tests.id('bell'), tests.id('bell invoice'), attempt, session);
    return (select t.name from tests.things as t where t.id = (current_setting('tf.actor')::jsonb ->> 'id')::uuid);
end
$$;
select is(pg_temp.payer(tests.id('attempt ' || n)), 'link ' || n, format('[AUD-1] attempt %s is told as the doing of who came by link %s', n, n)) from unnest(array['one', 'two']) as n;
select is(pg_temp.payer(session => 'cs_' || n), 'link ' || n, format('[AUD-1] and so is its page, %s', n)) from unnest(array['one', 'two']) as n;
select set_config('tf.actor', '', true);
select service.checkout_closed(tests.id('bell'), tests.id('bell invoice'), 'cs_one');
select is(
    (select array_agg(s.state order by s.session_id) from billing.checkout_sessions as s where s.session_id in ('cs_one', 'cs_two')), array['expired', 'closing'],
    '[PAY-3] of two pages that must not be paid, the one that Stripe closed is closed'
);

------------------------------------------------------------------------------------------------------
-- Events and leases
------------------------------------------------------------------------------------------------------

-- One object, and what differs from it in one thing each.
create temporary table known (name text, object_type text, object_id text, account text, fence bigint);
insert into known (name, object_type, object_id, account)
values
    ('itself', 'payment_intent', 'pi_7', 'acct_bell'),
    ('of another type', 'checkout_session', 'pi_7', 'acct_bell'),
    ('of another id', 'payment_intent', 'pi_8', 'acct_bell'),
    ('of another account', 'payment_intent', 'pi_7', 'acct_finch');
create function pg_temp.event(id text, of_object known) returns boolean
    language sql
as $$
    select service.record_stripe_event(jsonb_build_object(
        'id', id, 'type', 'x', 'account', of_object.account, 'created', now(), 'livemode', false,
        'object_type', of_object.object_type, 'object_id', of_object.object_id, 'sha256', repeat('0f', 32)
    ))
$$;
select pg_temp.event('before ' || k.name, k) from known as k;
update known as k set fence = service.claim_stripe_object(k.object_type, k.object_id, k.account, 30);
select pg_temp.event('after ' || k.name, k) from known as k where k.name = 'itself';
select is(
    (private.held_lease(k.object_type, k.object_id, k.account, k.fence)).account || ' ' || (private.held_lease(k.object_type, k.object_id, k.account, k.fence)).object_id,
    k.account || ' ' || k.object_id, format('[HOOK-2] the lease of an object %s is its own', k.name)
)
from known as k;
select is(private.held_lease('payment_intent', 'pi_7', 'acct_bell', 99), null, '[HOOK-2] by its own fence');
select is(service.abandon_stripe_object(k.object_type, k.object_id, k.account, k.fence), 'ignored', 'one object is dealt with')
from known as k
where k.name = 'itself';
select results_eq(
    $$select e.id from billing.stripe_events as e where e.state <> 'recorded' and e.id ~ '^(before|after) '$$, $$values ('before itself')$$,
    '[HOOK-2] and with it what came before the claim and is about it, and nothing else'
);
select is(service.claim_stripe_object(k.object_type, k.object_id, k.account, 30) is not null, k.name = 'itself', format('[HOOK-2] so is the lease of one %s', k.name))
from known as k;
select * from finish();
