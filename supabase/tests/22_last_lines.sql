-- Refusals that nothing else in these files would miss: what a closed account may not, whose acts can be repeated, when
-- there is nothing left to pay, and which anchors are kept.
select plan(21);

select tests.business('bell');
select tests.business('finch');
select tests.job('bell');
select tests.sendable('bell');
select set_config('tests.token', tests.link('bell'), true);

------------------------------------------------------------------------------------------------------
-- A cancelled account reads, exports and is paid; it does nothing else
------------------------------------------------------------------------------------------------------

insert into mail.outbox (account_id, dedupe_key, template, to_address, data, has_secret)
values (tests.id('bell'), 'last lines', 'receipt', 'a@mail.example', '{}', false);
select tests.set_state('bell', 'cancelled');
select tests.authenticate_as('bell owner');
select is((select count(*) from public.customers) > 0, true, '[ADM-4] a cancelled account reads its customers');
with touched as (update public.customers set notes = 'Changed' returning 1)
select is((select count(*) from touched), 0::bigint, '[ADM-4] and changes none');
select throws_ok(
    $$select public.create_customer(tests.id('bell'), gen_random_uuid(), '{"name": "Somebody"}', '{"address_line_1": "1 Road", "town": "Town", "postcode": "AB1 2CD"}')$$,
    '42501', null, '[ADM-4] nor adds one'
);
select tests.be_postgres();
select is(private.account_allows(tests.id('bell'), 'api'), false, '[ADM-4] its keys open nothing');
select is(private.account_allows(tests.id('bell'), 'customer_pays'), true, '[ADM-4] its customers still pay');
select tests.be_service();
select ok(
    not exists (select from jsonb_array_elements(to_jsonb(array(select to_jsonb(m) from service.claim_mail(100, 60) as m))) as claimed (mail) where claimed.mail::text like '%a@mail.example%'),
    '[ADM-4] and no mail of its leaves the house'
);
select tests.be_postgres();
select is((select state from mail.outbox where dedupe_key = 'last lines'), 'queued', 'it waits');
select tests.set_state('bell', 'active');

------------------------------------------------------------------------------------------------------
-- Whose acts can be repeated
------------------------------------------------------------------------------------------------------

select tests.authenticate_as('finch owner');
select throws_ok(
    $$select private.replay(tests.id('bell'), gen_random_uuid(), 'an_act', '{}')$$, 'PT404', null,
    '[ISO-1] nobody leaves a trace among another account''s acts'
);
select is(private.replay(tests.id('finch'), gen_random_uuid(), 'an_act', '{}'), null, 'among their own they do');
select is(private.replay(auth.uid(), gen_random_uuid(), 'an_act', '{}'), null, 'and before they have an account');
select tests.be_postgres();

------------------------------------------------------------------------------------------------------
-- Nothing left to pay
------------------------------------------------------------------------------------------------------

insert into billing.connected_accounts (account_id, stripe_account_id, charges_enabled)
values (tests.id('bell'), 'acct_last_lines', true);
insert into public.payments (account_id, invoice_id, amount_pence, method, paid_at)
select i.account_id, i.id, i.total_pence, 'bank', now()
from public.invoices as i
where i.id = tests.id('bell invoice');
select tests.be_service();
select throws_ok(
    $$select service.checkout_begin(current_setting('tests.token'))$$, 'P0001', 'There is nothing left to pay on this invoice.',
    '[PAY-3] a paid invoice opens no page to pay it again'
);
select tests.be_postgres();

------------------------------------------------------------------------------------------------------
-- Which anchors are kept
------------------------------------------------------------------------------------------------------

set constraints all immediate;
create function pg_temp.anchor(number bigint, previous bytea, heads jsonb) returns jsonb
    language sql
as $$
    select jsonb_build_object(
        'number', number, 'at', now(), 'previous', encode(previous, 'hex'), 'root', encode(sha256('root'), 'hex'),
        'key', private.base64url(sha256(convert_to('{"crv":"Ed25519","kty":"OKP","x":"' || private.base64url(sha256('a key')) || '"}', 'UTF8'))),
        'signature', private.base64url(sha512('signature')), 'heads', heads
    )
$$;
create function pg_temp.head(business text) returns jsonb
    language sql
as $$
    select jsonb_build_array(jsonb_build_object(
        'chain_id', h.chain_id, 'seq', h.seq, 'hash', encode(h.hash, 'hex'), 'path', '[]'::jsonb
    ))
    from audit.heads as h
    where h.chain_id = tests.id(business)
$$;
create function pg_temp.stored(anchor jsonb) returns boolean
    language sql
as $$
    select service.store_anchor(anchor, private.base64url(sha256('a key')))
$$;

select throws_ok(
    $$select pg_temp.stored(pg_temp.anchor(1, sha256('none'), jsonb_set(pg_temp.head('bell'), '{0,hash}', to_jsonb(encode(sha256('false'), 'hex')))))$$,
    'P0001', 'The anchor states a head that no chain has.', '[AUD-4] no anchor with a head that no chain has'
);
select throws_ok(
    $$select pg_temp.stored(pg_temp.anchor(1, sha256('none'), '[]'))$$,
    'P0001', 'The anchor states a head that no chain has.', '[AUD-4] and none without a head'
);
select is((select count(*) from audit.anchors), 0::bigint, 'nothing of them stays');
select is(pg_temp.stored(pg_temp.anchor(1, sha256('none'), pg_temp.head('bell'))), true, '[AUD-4] one with a true head is kept');
select is(pg_temp.stored(pg_temp.anchor(1, sha256('none'), pg_temp.head('finch'))), false, '[AUD-4] its number is taken from then on');
select is(pg_temp.stored(pg_temp.anchor(3, sha256('none'), pg_temp.head('finch'))), false, '[AUD-4] and none is left out');
select throws_ok(
    $$select pg_temp.stored(pg_temp.anchor(2, sha256('another'), pg_temp.head('finch')))$$,
    'P0001', 'The anchor does not continue the one before it.', '[AUD-4] the next one continues it, or is refused'
);
select is(
    pg_temp.stored(pg_temp.anchor(2, (select statement_hash from audit.anchors where number = 1), pg_temp.head('finch'))),
    true, '[AUD-4] one that does is kept'
);

------------------------------------------------------------------------------------------------------
-- What the planner may know
------------------------------------------------------------------------------------------------------

select is(
    array(select name from unnest(array['email', 'name', 'account_id', 'phone', 'notes']::name[]) as name where private.may_be_estimated(name)),
    '{}', '[ISO-1] of what tells of somebody no statistics are kept'
);
select is(
    array(select name from unnest(array['state', 'kind', 'due_on', 'created_at']::name[]) as name where not private.may_be_estimated(name)),
    '{}', 'of what plans need they are'
);
select * from finish();
