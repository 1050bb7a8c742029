-- Twins (tests/database/twins.sql) at work: jobs, photos, drafts, issuing and sending.
create function pg_temp.started(name text) returns void
    language plpgsql
as $$
declare
    business text;
begin
    foreach business in array array['bell', 'finch'] loop
        perform tests.claim('sam');
        perform tests.keep(
            business || ' ' || name,
            (public.start_document(tests.id(business), tests.id(business || ' job'), 'photo', business || '.jpg', gen_random_uuid()) ->> 'document_id')::uuid
        );
        perform tests.be_postgres();
    end loop;
    perform tests.twin('public.documents', name);
end
$$;

select plan(41);

------------------------------------------------------------------------------------------------------
-- Twins
------------------------------------------------------------------------------------------------------

select tests.twins();
select tests.draft('bell', jsonb_build_array(tests.line(10000), tests.line(2000)));
select tests.draft('finch', jsonb_build_array(tests.line(30000)));
select tests.twin('public.invoices', 'invoice');
select tests.draft('bell', null, 'other');
select tests.draft('finch', null, 'other');
select tests.twin('public.invoices', 'other');
select tests.draft('bell', null, 'spare');
select tests.draft('finch', jsonb_build_array(tests.line(10000), tests.line(100, 500)), 'spare');
select tests.twin('public.invoices', 'spare');
update private.counters set last_number = 6 where account_id = tests.id('finch') and name = 'invoice';
select is(tests.id('bell invoice'), tests.id('finch invoice'), 'two businesses have invoices of one id');
set constraints all immediate;
set constraints all deferred;

------------------------------------------------------------------------------------------------------
-- Jobs, photos, drafts
------------------------------------------------------------------------------------------------------

select tests.both('member', $$public.create_job(tests.id('{b}'), gen_random_uuid(), jsonb_build_object('title', 'More', 'customer_id', tests.id('{b} customer')))$$, 'a job for a customer');
select tests.both('member', $$public.move_job(tests.id('{b}'), tests.id('{b} job'), 'booked')$$, 'a job moves');
select is((select array_agg(distinct state) from public.jobs where id = tests.id('bell job')), array['booked'], 'both have moved');

select pg_temp.started('photo');
insert into storage.objects (bucket_id, name, metadata)
select d.bucket_id, d.object_name, jsonb_build_object('size', case d.account_id when tests.id('bell') then 111 else 333 end)
from public.documents as d
where d.id = tests.id('bell photo');
select tests.both(
    'member',
    $$public.finish_document(tests.id('{b}'), tests.id('{b} photo'), 'image/jpeg', case '{b}' when 'bell' then 111 else 333 end, repeat('ab', 32), 40, 30)$$,
    'a photo is finished', '"ready"'
);
select pg_temp.started('mistake');
select tests.both('member', $$public.discard_document(tests.id('{b}'), tests.id('{b} mistake'))$$, 'an upload is discarded');
select is_empty($$select from public.documents where id = tests.id('bell mistake')$$, 'both are gone');
select pg_temp.started('half');
insert into storage.objects (bucket_id, name, metadata)
select d.bucket_id, d.upload_name, '{"size": 1}'
from public.documents as d
where d.id = tests.id('bell half') and d.account_id = tests.id('finch');
select is(tests.act('bell', 'member', $$public.discard_document(tests.id('bell'), tests.id('bell half'))$$), '', '[ISO-1] bell: a file of the other''s does not keep it from discarding an upload');
select is(
    tests.act('finch', 'member', $$public.discard_document(tests.id('finch'), tests.id('finch half'))$$), 'refused: Remove the uploaded file first.',
    '[ISO-1] finch: its own does'
);
select pg_temp.started('old');
insert into storage.objects (bucket_id, name, metadata)
select d.bucket_id, d.upload_name, '{"size": 1}'
from public.documents as d
where d.id = tests.id('bell old') and d.account_id = tests.id('finch');
update public.documents set upload_until = now() - interval '1 hour' where id = tests.id('bell old');
select is(tests.act('finch', 'service', $$service.forget_document(tests.id('finch'), tests.id('finch old'))$$), 'false', '[ISO-1] finch: an abandoned document whose file lies there still is not forgotten');
select is(tests.act('bell', 'service', $$service.forget_document(tests.id('bell'), tests.id('bell old'))$$), 'true', '[ISO-1] bell: its twin without one is');

select tests.both(
    'member',
    $$public.save_invoice(
        tests.id('{b}'), tests.id('{b} invoice'), gen_random_uuid(), jsonb_build_object('notes', '{b}'),
        case '{b}' when 'bell' then jsonb_build_array(tests.line(10000), tests.line(1000)) else jsonb_build_array(tests.line(33000)) end
    )$$,
    'a draft is saved'
);
select results_eq(
    $$select l.position, l.unit_pence from public.invoice_lines as l where l.invoice_id = tests.id('bell invoice') order by l.account_id = tests.id('finch'), l.position$$,
    $$values (1, 10000::bigint), (2, 1000::bigint), (1, 33000::bigint)$$, 'each has its own lines'
);
select results_eq(
    $$select net_pence, vat_pence, notes from public.invoices where id = tests.id('bell invoice') order by net_pence$$,
    $$values (11000::bigint, 2200::bigint, 'bell'), (33000::bigint, 6600::bigint, 'finch')$$, 'each its own sums'
);
select tests.both('member', $$public.discard_invoice(tests.id('{b}'), tests.id('{b} other'))$$, 'a draft is discarded');

-- One draft with nothing in it yet, while its twin is issued; and once the twin's sums are wrong, as only damage could make them.
select tests.act('bell', 'member', $$public.save_invoice(tests.id('bell'), tests.id('bell spare'), gen_random_uuid(), '{}', '[]')$$);
select is(
    tests.act('bell', 'member', $$public.issue_invoice(tests.id('bell'), tests.id('bell spare'), 0, gen_random_uuid())$$),
    'refused: Add at least one line before you issue the invoice.', '[ISO-1] bell: the other''s lines are none of its invoice''s'
);
set local session_replication_role = replica;
update public.invoices set net_pence = net_pence + 1, total_pence = total_pence + 1 where account_id = tests.id('finch') and id = tests.id('finch spare');
set local session_replication_role = origin;
select matches(
    tests.act('bell', 'member', $$public.save_invoice(tests.id('bell'), tests.id('bell spare'), gen_random_uuid(), '{}', jsonb_build_array(tests.line(100)))$$),
    '"net_pence": 100', '[ISO-6] bell: sums that are wrong elsewhere keep nobody from working'
);
select is((select net_pence from public.invoices where account_id = tests.id('finch') and id = tests.id('finch spare')), 10101::bigint, '[ISO-6] finch: and are not put right by it either');
set local session_replication_role = replica;
update public.invoices set net_pence = net_pence - 1, total_pence = total_pence - 1 where account_id = tests.id('finch') and id = tests.id('finch spare');
set local session_replication_role = origin;
select matches(
    tests.act('finch', 'member', $$public.issue_invoice(tests.id('finch'), tests.id('finch spare'), 12105, gen_random_uuid())$$),
    'INV-0007', '[ISO-1] finch: its own is issued'
);
select matches(
    tests.act('bell', 'member', format($$public.save_invoice(tests.id('bell'), tests.id('bell spare'), gen_random_uuid(), '{}', %L)$$, lines)),
    '"net_pence": ' || net, '[ISO-1] bell: while ' || what
)
from (
    values
        (jsonb_build_array(tests.line(200), tests.line(300)), '500', 'a line is added to its draft'),
        (jsonb_build_array(tests.line(250)), '250', 'another changed, and one taken out')
) as t (lines, net, what);

------------------------------------------------------------------------------------------------------
-- Issuing and sending
------------------------------------------------------------------------------------------------------

select tests.both(
    'member',
    $$public.issue_invoice(tests.id('{b}'), tests.id('{b} invoice'), case '{b}' when 'bell' then 13200 else 39600 end, gen_random_uuid())$$,
    'an invoice is issued', 'INV-000[18]'
);
select results_eq(
    $$select i.reference, i.supplier ->> 'name', i.customer ->> 'name', i.customer ->> 'address_line_1' from public.invoices as i where i.id = tests.id('bell invoice') order by 1$$,
    $$values ('INV-0001', 'Bell', 'Bell Customer', 'Bell Street'), ('INV-0008', 'Finch', 'Finch Customer', 'Finch Street')$$,
    'each from its own business to its own customer'
);
select is((select array_agg(distinct state) from public.jobs where id = tests.id('bell job')), array['invoiced'], 'each job follows its own invoice');
select tests.act('finch', 'member', $$public.prepare_invoice_pdf(tests.id('finch'), tests.id('finch invoice'))$$);
select tests.keep(b || ' pdf', (select i.document_id from public.invoices as i where i.account_id = tests.id(b) and i.id = tests.id(b || ' invoice')))
from unnest(array['bell', 'finch']) as b;
select tests.twin('public.documents', 'pdf');
select tests.both('member', $$public.prepare_invoice_pdf(tests.id('{b}'), tests.id('{b} invoice'))$$, 'its PDF has its place', 'awaiting');
insert into storage.objects (bucket_id, name, metadata)
select d.bucket_id, d.object_name, '{"size": 1234}'
from public.documents as d
where d.id = tests.id('bell pdf');
select is(
    tests.act('finch', 'member', $$public.finish_document(tests.id('finch'), tests.id('finch pdf'), 'application/pdf', 1234, repeat('ab', 32))$$) ~ 'ready', true,
    '[ISO-1] finch: its PDF is stored'
);
select throws_ok(
    format(
        $t$do $$ begin
            update public.invoices set document_id = null where account_id = %L and id = %L;
            raise exception 'taken back';
        end $$ $t$,
        tests.id(b), tests.id(b || ' invoice')
    ),
    'P0001', message, format('[ISO-1] %s: its invoice %s', b, what)
)
from (
    values
        ('finch', 'The stored invoice stays as it was issued.', 'keeps the PDF that is stored'),
        ('bell', 'taken back', 'waits for its own, which may still be another')
) as t (b, message, what);
select matches(
    tests.act('bell', 'member', $$public.send_invoice(tests.id('bell'), tests.id('bell invoice'), 'to.b@mail.example', null, gen_random_uuid())$$),
    'refused: The PDF of this invoice is not stored', '[ISO-1] bell: which does not make that of the other ready'
);
select is(
    tests.act('bell', 'member', $$public.finish_document(tests.id('bell'), tests.id('bell pdf'), 'application/pdf', 1234, repeat('ab', 32))$$) ~ 'ready', true,
    '[ISO-1] bell: its PDF is stored'
);
select tests.both('member', $$public.send_invoice(tests.id('{b}'), tests.id('{b} invoice'), left('{b}', 1) || '@mail.example', null, gen_random_uuid())$$, 'an invoice is sent');
create temporary table claimed as select message from service.claim_mail(10, 60) as message;
select results_eq(
    $$select message #>> '{account,name}', message #>> '{document,bucket_id}', message #>> '{data,business_name}' from claimed where message ->> 'template' = 'invoice' order by 1$$,
    $$values ('Bell', tests.id('bell')::text, 'Bell'), ('Finch', tests.id('finch')::text, 'Finch')$$,
    '[ISO-1] each message carries its own business''s file'
);

select * from finish();
