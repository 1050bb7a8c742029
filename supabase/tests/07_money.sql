select plan(69);

select tests.business('bell');
select tests.business('finch', false);
select tests.job('bell');
select tests.job('finch');
select tests.member_with('bell', array['invoices.read', 'invoices.write'], 'bell drafter');
select tests.member_with('bell', array['invoices.read'], 'bell reader');

create function pg_temp.sums(lines jsonb) returns text
    language plpgsql
as $$
begin
    perform tests.draft('bell', lines, 'golden');
    return (
        select format('%s %s %s', net_pence, vat_pence, total_pence)
        from public.invoices
        where id = tests.id('bell golden')
    );
end
$$;
create function pg_temp.issue(expected bigint default null, key uuid default gen_random_uuid()) returns jsonb
    language sql
as $$
    select public.issue_invoice(
        tests.id('bell'), tests.id('bell invoice'),
        coalesce(expected, (select total_pence from public.invoices where id = tests.id('bell invoice'))), key
    )
$$;
grant execute on function pg_temp.issue(bigint, uuid) to public;

------------------------------------------------------------------------------------------------------
-- Sums: golden cases of UK-RULES 16
------------------------------------------------------------------------------------------------------

select is(pg_temp.sums(jsonb_build_array(tests.line(333), tests.line(333), tests.line(333))), '999 200 1199', '[PAY-5] G01 VAT once per rate, nearest penny');
select is(pg_temp.sums(jsonb_build_array(tests.line(1210, 500))), '1210 61 1271', '[PAY-5] G04 half a penny goes up, not to even');
select is(pg_temp.sums(jsonb_build_array(tests.line(45000), tests.line(38010, 500), tests.line(120000, 0))), '203010 10901 213911', '[PAY-5] G05 mixed rates, without its exempt line');
select is(pg_temp.sums(jsonb_build_array(tests.line(4850, 2000, 2750))), '13338 2668 16006', '[PAY-5] G06 a fraction of a quantity rounds once, then VAT');
select is(pg_temp.sums(jsonb_build_array(tests.line(10000), tests.line(-1005))), '8995 1799 10794', '[PAY-5] G08 a negative line nets within its rate');
select is(pg_temp.sums(jsonb_build_array(tests.line(-1210, 500), tests.line(100000, 2000))), '98790 19939 118729', '[PAY-5] negative halves go away from zero too');
select tests.draft('finch', jsonb_build_array(tests.line(9500, null), tests.line(2500, null)));
select results_eq(
    $$select net_pence, vat_pence, total_pence from public.invoices where id = tests.id('finch invoice')$$,
    $$values (12000::bigint, 0::bigint, 12000::bigint)$$, '[PAY-5] G14 not registered: no VAT at all'
);
select is_empty($$select * from public.invoice_vat where invoice_id = tests.id('finch invoice')$$, 'G14 and no rate');
select throws_ok($$select tests.draft('finch', jsonb_build_array(tests.line(9500, 0)))$$, 'P0001', 'A business that is not VAT registered must not show VAT.', 'a business that is not registered cannot show even a zero rate');
select throws_ok($$select tests.draft('bell', jsonb_build_array(tests.line(9500, null)))$$, 'P0001', null, 'a registered one cannot leave it out');
select throws_ok($$select tests.draft('bell', jsonb_build_array(tests.line(9500, 1750)))$$, '23514', null, 'a rate that does not exist is refused');

-- Whatever is written past the functions, the sums hold at commit.
select tests.draft('bell');
set constraints all immediate;
select throws_ok($$update public.invoices set net_pence = net_pence + 1, total_pence = total_pence + 1 where id = tests.id('bell invoice')$$, '23514', null, '[PAY-5] totals that differ from the lines are refused, whoever writes them');
select throws_ok($$update public.invoices set total_pence = total_pence + 1 where id = tests.id('bell invoice')$$, '23514', null, '[PAY-5] a total is net plus VAT');
select throws_ok($$update public.invoice_vat set vat_pence = vat_pence + 1 where invoice_id = tests.id('bell invoice')$$, '23514', null, '[PAY-5] VAT is the rate of the net');
select throws_ok($$delete from public.invoice_vat where invoice_id = tests.id('bell invoice')$$, '23514', null, '[PAY-5] VAT cannot be left out');
alter table public.invoice_lines disable trigger sum_up_after_update;
select throws_ok($$update public.invoice_lines set unit_pence = 1 where invoice_id = tests.id('bell invoice')$$, '23514', null, '[PAY-5] a line that the totals do not follow is refused');
alter table public.invoice_lines enable trigger sum_up_after_update;
set constraints all deferred;

------------------------------------------------------------------------------------------------------
-- Drafting
------------------------------------------------------------------------------------------------------

select tests.authenticate_as('bell drafter');
select lives_ok(
    $$select public.save_invoice(tests.id('bell'), tests.id('bell invoice'), gen_random_uuid(), '{"notes": "Thank you"}', jsonb_build_array(tests.line(10000), tests.line(2500)))$$,
    '[ACC-3] whoever may draft invoices does'
);
select results_eq($$select net_pence, vat_pence, notes from public.invoices where id = tests.id('bell invoice')$$, $$values (12500::bigint, 2500::bigint, 'Thank you')$$, 'a draft is saved whole');
select throws_ok(
    $$select public.save_invoice(tests.id('bell'), tests.id('bell invoice'), gen_random_uuid(), '{"updated_at": "2020-01-01T00:00:00Z"}', '[]')$$,
    'P0001', null, 'a draft that somebody changed meanwhile is not written over'
);
select lives_ok(
    $$select public.save_invoice(
        tests.id('bell'), tests.id('bell invoice'), gen_random_uuid(),
        (select jsonb_build_object('updated_at', i.updated_at) from public.invoices as i where i.id = tests.id('bell invoice')),
        jsonb_build_array(tests.line(10000))
    )$$,
    'who saw its latest version saves it'
);
select public.save_invoice(tests.id('bell'), tests.id('bell invoice'), gen_random_uuid(), '{}', jsonb_build_array(tests.line(10000)));
select is((select count(*) from public.invoice_lines where invoice_id = tests.id('bell invoice')), 1::bigint, 'a line left out is gone');
select is((select total_pence from public.invoices where id = tests.id('bell invoice')), 12000::bigint, 'and the sums follow');
select throws_ok($$select pg_temp.issue()$$, '42501', null, '[ACC-3] and does not issue them');
select throws_ok($$update public.invoices set state = 'issued'$$, '42501', null, '[ACC-3] nor around the function');
select throws_ok($$update public.invoices set total_pence = 1$$, '42501', null, '[ACC-3] nobody writes sums');
select throws_ok($$insert into public.payments (account_id, invoice_id, amount_pence, method, paid_at) values (tests.id('bell'), tests.id('bell invoice'), 1, 'cash', now())$$, '42501', null, '[ACC-3] nor payments');
select tests.authenticate_as('bell reader');
select isnt_empty('select * from public.invoices', '[ACC-3] whoever may read invoices reads them');
select throws_ok($$select public.save_invoice(tests.id('bell'), tests.id('bell invoice'), gen_random_uuid(), '{}', '[]')$$, '42501', null, '[ACC-3] and does not change them');
delete from public.invoices;
select isnt_empty('select * from public.invoices', '[ACC-3] nor delete them');
select is_empty('select * from public.payments', '[ACC-3] nor see payments without that permission');
select tests.authenticate_as('finch owner');
select is_empty($$select * from public.invoices where account_id = tests.id('bell')$$, '[ISO-1] another account sees no invoice');
select is_empty($$select * from public.invoice_lines where account_id = tests.id('bell')$$, '[ISO-1] no line');
select throws_ok($$select public.save_invoice(tests.id('finch'), tests.id('bell invoice'), gen_random_uuid(), '{}', '[]')$$, 'PT404', null, '[ISO-1] and saves none under its own name');
select throws_ok($$select public.save_invoice(tests.id('finch'), null, gen_random_uuid(), jsonb_build_object('job_id', tests.id('bell job')), '[]')$$, 'PT404', null, '[ISO-3] nor one for a job of another account');
select throws_ok(
    $$insert into public.invoice_lines (account_id, invoice_id, position, description, quantity_milli, unit_pence) values (tests.id('finch'), tests.id('bell invoice'), 9, 'x', 1000, 1)$$,
    '23503', null, '[ISO-3] nor a line on another account''s invoice'
);

------------------------------------------------------------------------------------------------------
-- Issuing
------------------------------------------------------------------------------------------------------

select tests.authenticate_as('bell owner');
select throws_ok($$select pg_temp.issue(11999)$$, 'P0001', 'The total has changed since you looked. Check it and issue again.', 'an invoice whose total changed meanwhile is not issued');
select public.save_invoice(tests.id('bell'), tests.id('bell invoice'), gen_random_uuid(), '{}', '[]');
select throws_ok($$select pg_temp.issue()$$, 'P0001', 'Add at least one line before you issue the invoice.', 'nor one without lines');
select public.save_invoice(tests.id('bell'), tests.id('bell invoice'), gen_random_uuid(), '{}', jsonb_build_array(tests.line(-500)));
select throws_ok($$select pg_temp.issue()$$, 'P0001', null, 'nor one below nothing');
select public.save_invoice(tests.id('bell'), tests.id('bell invoice'), gen_random_uuid(), '{}', jsonb_build_array(tests.line(10000)));
update public.accounts set vat_number = null;
select throws_ok($$select pg_temp.issue()$$, 'P0001', null, 'nor a VAT invoice without a VAT number');
update public.accounts set vat_registered = false;
select throws_ok($$select pg_temp.issue()$$, 'P0001', 'The business is not VAT registered: take the VAT off the lines first.', 'nor one with VAT once the registration ended');
update public.accounts set vat_registered = true, vat_number = '999999973';
select ok(not exists (select from public.invoices where number is not null), 'none of these took a number');
create temporary table issued as select pg_temp.issue(12000, '00000000-0000-4000-8000-000000000003') as answer;
select is((select answer ->> 'reference' from issued), 'INV-0001', 'the first invoice is number one');
select is(pg_temp.issue(12000, '00000000-0000-4000-8000-000000000003'), (select answer from issued), 'issuing twice with one key gives one number');
select throws_ok($$select pg_temp.issue(12000)$$, 'P0001', 'This invoice was issued as INV-0001.', 'and with another key is refused');
select results_eq(
    $$select state, supplier ->> 'vat_number', customer ->> 'name', customer ->> 'postcode', due_on - issued_on from public.invoices where id = tests.id('bell invoice')$$,
    $$values ('issued', '999999973', 'Priya Raman', 'KQ2 4LD', 14)$$,
    'who bills whom, and when it is due, stand on it from then on'
);
select is((select state from public.jobs where id = tests.id('bell job')), 'invoiced', 'its job is invoiced');
select results_eq($$select kind, state, access from public.documents where id = (select (answer ->> 'document_id')::uuid from issued)$$, $$values ('invoice_pdf', 'awaiting', 'client')$$, 'a document awaits its PDF');
update public.customers set name = 'Married Name';
update public.accounts set name = 'Renamed';
select is((select customer ->> 'name' || ' ' || (supplier ->> 'name') from public.invoices where id = tests.id('bell invoice')), 'Priya Raman Bell', 'later changes of names do not reach it');

select throws_ok($$select public.save_invoice(tests.id('bell'), tests.id('bell invoice'), gen_random_uuid(), '{}', '[]')$$, 'P0001', null, 'an issued invoice is not saved again');
select throws_ok($$select public.discard_invoice(tests.id('bell'), tests.id('bell invoice'))$$, 'P0001', null, 'nor discarded');
select tests.be_postgres();
select throws_ok($$update public.invoices set notes = 'x' where id = tests.id('bell invoice')$$, 'P0001', null, 'nor changed by anybody, the owner of the database included');
select throws_ok($$update public.invoices set number = 2 where id = tests.id('bell invoice')$$, 'P0001', null, 'nor renumbered');
select throws_ok($$delete from public.invoices where id = tests.id('bell invoice')$$, 'P0001', null, 'nor deleted');
select throws_ok($$update public.invoice_lines set unit_pence = 1 where invoice_id = tests.id('bell invoice')$$, 'P0001', null, 'nor its lines');
select throws_ok($$insert into public.invoice_lines (account_id, invoice_id, position, description, quantity_milli, unit_pence, vat_rate_bp) values (tests.id('bell'), tests.id('bell invoice'), 2, 'x', 1000, 1, 2000)$$, 'P0001', null, 'nor added to');
select throws_ok($$delete from public.invoice_vat where invoice_id = tests.id('bell invoice')$$, 'P0001', null, 'nor its VAT');
select throws_ok($$update public.invoices set state = 'draft', number = null where id = tests.id('bell invoice')$$, 'P0001', null, 'nor made a draft again');

-- Gapless: a number taken in a transaction that fails comes back.
select tests.draft('bell', null, 'second');
select lives_ok(
    $t$do $$ begin
        perform tests.claim('bell owner');
        perform public.issue_invoice(tests.id('bell'), tests.id('bell second'), 12000, gen_random_uuid());
        raise exception 'power cut';
    exception when raise_exception then
        null;
    end $$ $t$, 'an issue that fails half way'
);
select tests.claim('bell owner');
select is(public.issue_invoice(tests.id('bell'), tests.id('bell second'), 12000, gen_random_uuid()) ->> 'number', '2', 'leaves no gap in the numbers');
select tests.be_postgres();
select tests.issued('finch');
select is((select reference from public.invoices where id = tests.id('finch invoice')), 'INV-0001', 'each account counts for itself');

------------------------------------------------------------------------------------------------------
-- The PDF that never came
------------------------------------------------------------------------------------------------------

select tests.claim('bell owner');
select is(public.prepare_invoice_pdf(tests.id('bell'), tests.id('bell invoice')) ->> 'document_id', (select answer ->> 'document_id' from issued), 'while there is time, the PDF has one place to go');
update public.documents set upload_until = now() where id = (select (answer ->> 'document_id')::uuid from issued);
select isnt(public.prepare_invoice_pdf(tests.id('bell'), tests.id('bell invoice')) ->> 'document_id', (select answer ->> 'document_id' from issued), 'after that it gets a new one');
select tests.keep('pdf', (select document_id from public.invoices where id = tests.id('bell invoice')));
select tests.store(tests.id('pdf'));
select public.finish_document(tests.id('bell'), tests.id('pdf'), 'application/pdf', 1234, repeat('ab', 32));
select throws_ok($$update public.invoices set document_id = null where id = tests.id('bell invoice')$$, 'P0001', 'The stored invoice stays as it was issued.', 'and once stored it stays');
select is(public.prepare_invoice_pdf(tests.id('bell'), tests.id('bell invoice')) ->> 'document_state', 'ready', 'and is not made again');

------------------------------------------------------------------------------------------------------
-- Payments
------------------------------------------------------------------------------------------------------

select tests.be_postgres();
create function pg_temp.pay(amount bigint) returns text
    language plpgsql
as $$
begin
    insert into public.payments (account_id, invoice_id, amount_pence, method, paid_at)
    values (tests.id('bell'), tests.id('bell invoice'), amount, 'bank', now());
    return (
        select i.state || ' ' || i.paid_pence || ' ' || j.state
        from public.invoices as i join public.jobs as j on j.account_id = i.account_id and j.id = i.job_id
        where i.id = tests.id('bell invoice')
    );
end
$$;
select is(pg_temp.pay(5000), 'part_paid 5000 invoiced', 'a part payment');
select is(pg_temp.pay(7000), 'paid 12000 invoiced', 'the rest; the job has another invoice to be paid');
update public.payments set refunded_pence = amount_pence where amount_pence = 7000;
select is((select state || ' ' || paid_pence from public.invoices where id = tests.id('bell invoice')), 'part_paid 5000', 'a refund opens it again');
select throws_ok($$update public.payments set refunded_pence = 7001 where amount_pence = 7000$$, '23514', null, 'more than was paid is not refunded');
select throws_ok(
    $$insert into public.payments (account_id, invoice_id, amount_pence, method, paid_at) values (tests.id('finch'), tests.id('bell invoice'), 1, 'bank', now())$$,
    null, null, '[ISO-3] a payment cannot be of another account''s invoice'
);
select * from finish();
