-- Two businesses whose things have the same ids, as if chance, or somebody who may write, had made it so. Whatever one of them
-- does touches and tells nothing of the other: every statement behind it names the account as well as the id.
-- Everything a business has, as one figure.
create function pg_temp.holdings(business text) returns text
    language plpgsql
as $$
declare
    holder record;
    part text;
    sum text := '';
begin
    for holder in
        select c.oid::regclass as on_table, case when c.oid = 'storage.objects'::regclass then 'bucket_id' when c.relname = 'accounts' then 'id' else 'account_id' end as account_column
        from pg_class as c
        where c.relkind = 'r'
          and (
              c.relnamespace::regnamespace::text in ('public', 'private', 'billing', 'mail')
              and (c.relname = 'accounts' or exists (select from pg_attribute as a where a.attrelid = c.oid and a.attname = 'account_id'))
              or c.oid = 'storage.objects'::regclass
          )
        order by c.oid
    loop
        execute format('select md5(string_agg(t::text, ''|'' order by t::text)) from %s as t where %I::text = %L', holder.on_table, holder.account_column, tests.id(business))
        into part;
        sum := sum || coalesce(part, '-');
    end loop;
    return md5(sum);
end
$$;

-- One act of one business ({b} in its text) as Sam (member), who owns both and before whom no policy stands between them; as an
-- edge function (service) or as the customer (anon). Answers what it said, or what is wrong.
create function pg_temp.act(business text, who text, act text) returns text
    language plpgsql
as $$
declare
    other text := case business when 'bell' then 'finch' else 'bell' end;
    before text := pg_temp.holdings(other);
    answer text;
begin
    case who
        when 'member' then perform tests.authenticate_as('sam');
        when 'service' then perform tests.be_service();
        when 'anon' then perform tests.be_anon();
    end case;
    begin
        execute format('select string_agg(answer::text, '' '') from (select %s) as said (answer)', replace(act, '{b}', business)) into answer;
    exception when others then
        answer := format('refused: %s', sqlerrm);
    end;
    perform tests.be_postgres();
    set constraints all immediate;
    set constraints all deferred;
    return case
        when pg_temp.holdings(other) <> before then 'touched what is the other''s'
        when answer ~* (other || '|' || tests.id(other)) then 'told of the other: ' || answer
        else coalesce(answer, '')
    end;
end
$$;

-- Gives a thing of finch the id that its twin of bell has, and follows it wherever it is referred to.
create function pg_temp.twin(on_table regclass, name text) returns void
    language plpgsql
as $$
declare
    child record;
    was uuid := tests.id('finch ' || name);
    becomes uuid := tests.id('bell ' || name);
begin
    set local session_replication_role = replica;
    execute format('update %s set id = %L where account_id = tests.id(''finch'') and id = %L', on_table, becomes, was);
    for child in
        select k.conrelid::regclass as on_table, a.attname
        from pg_constraint as k
        join pg_attribute as a on a.attrelid = k.conrelid and a.attnum = k.conkey[array_length(k.conkey, 1)]
        where k.contype = 'f' and k.confrelid = twin.on_table
    loop
        execute format('update %s set %I = %L where account_id = tests.id(''finch'') and %2$I = %4$L', child.on_table, child.attname, becomes, was);
    end loop;
    update storage.objects as o
    set name = replace(o.name, was::text, becomes::text)
    where o.bucket_id = tests.id('finch')::text;
    set local session_replication_role = origin;
    perform tests.keep('finch ' || name, becomes);
end
$$;

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
    perform pg_temp.twin('public.documents', name);
end
$$;

create function pg_temp.opens(token_name text) returns text
    language sql
as $$
    select current_setting('twins.' || token_name)
$$;
grant execute on function pg_temp.opens(text) to public;

-- As the test goes along, each act is done by both, bell first, and each time nothing else may have happened.
create function pg_temp.both(who text, act text, title text, expected text default '.*') returns setof text
    language plpgsql
as $$
declare
    business text;
    answer text;
begin
    foreach business in array array['bell', 'finch'] loop
        answer := pg_temp.act(business, who, act);
        return next ok(
            answer ~ replace(expected, '{b}', initcap(business)) and answer !~ '^(refused:|touched|told)',
            format('[ISO-1] %s: %s', business, title)
        );
        if answer !~ replace(expected, '{b}', initcap(business)) or answer ~ '^(refused:|touched|told)' then
            return next diag(answer);
        end if;
    end loop;
end
$$;

select plan(60);

------------------------------------------------------------------------------------------------------
-- Twins
------------------------------------------------------------------------------------------------------

select tests.business('bell');
select tests.business('finch');
select tests.member('bell', 'owner', 'sam');
insert into public.members (account_id, user_id, role_id, display_name, email)
select r.account_id, tests.id('sam'), r.id, 'Sam', 'sam@people.example'
from public.roles as r
where r.account_id = tests.id('finch') and r.key = 'owner';
select tests.job('bell');
select tests.job('finch');
update public.customers set name = (select initcap(replace(lower(a.name), ' ', '')) || ' Customer' from public.accounts as a where a.id = account_id), email = null;
update public.sites set address_line_1 = (select a.name || ' Street' from public.accounts as a where a.id = account_id);
update public.jobs set title = (select a.name || ' work' from public.accounts as a where a.id = account_id);
select pg_temp.twin('public.customers', 'customer');
select pg_temp.twin('public.sites', 'site');
select pg_temp.twin('public.jobs', 'job');
select tests.draft('bell', jsonb_build_array(tests.line(10000), tests.line(2000)));
select tests.draft('finch', jsonb_build_array(tests.line(30000)));
select pg_temp.twin('public.invoices', 'invoice');
select tests.draft('bell', null, 'other');
select tests.draft('finch', null, 'other');
select pg_temp.twin('public.invoices', 'other');
select is(tests.id('bell invoice'), tests.id('finch invoice'), 'two businesses have invoices of one id');
set constraints all immediate;
set constraints all deferred;

------------------------------------------------------------------------------------------------------
-- Jobs, photos, drafts
------------------------------------------------------------------------------------------------------

select pg_temp.both('member', $$public.create_job(tests.id('{b}'), gen_random_uuid(), jsonb_build_object('title', 'More', 'customer_id', tests.id('{b} customer')))$$, 'a job for a customer');
select pg_temp.both('member', $$public.move_job(tests.id('{b}'), tests.id('{b} job'), 'booked')$$, 'a job moves');
select is((select array_agg(distinct state) from public.jobs where id = tests.id('bell job')), array['booked'], 'both have moved');

select pg_temp.started('photo');
insert into storage.objects (bucket_id, name, metadata)
select d.bucket_id, d.object_name, jsonb_build_object('size', case d.account_id when tests.id('bell') then 111 else 333 end)
from public.documents as d
where d.id = tests.id('bell photo');
select pg_temp.both(
    'member',
    $$public.finish_document(tests.id('{b}'), tests.id('{b} photo'), 'image/jpeg', case '{b}' when 'bell' then 111 else 333 end, repeat('ab', 32), 40, 30)$$,
    'a photo is finished', '"ready"'
);
select pg_temp.started('mistake');
select pg_temp.both('member', $$public.discard_document(tests.id('{b}'), tests.id('{b} mistake'))$$, 'an upload is discarded');
select is_empty($$select from public.documents where id = tests.id('bell mistake')$$, 'both are gone');
select pg_temp.started('old');
insert into storage.objects (bucket_id, name, metadata)
select d.bucket_id, d.upload_name, '{"size": 1}'
from public.documents as d
where d.id = tests.id('bell old') and d.account_id = tests.id('finch');
update public.documents set upload_until = now() - interval '1 hour' where id = tests.id('bell old');
select is(pg_temp.act('bell', 'service', $$service.forget_document(tests.id('bell'), tests.id('bell old'))$$), 'true', '[ISO-1] bell: an abandoned document is forgotten');
select is(pg_temp.act('finch', 'service', $$service.forget_document(tests.id('finch'), tests.id('finch old'))$$), 'false', '[ISO-1] finch: whose file lies there still, is not');

select pg_temp.both(
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
select pg_temp.both('member', $$public.discard_invoice(tests.id('{b}'), tests.id('{b} other'))$$, 'a draft is discarded');

------------------------------------------------------------------------------------------------------
-- Issuing and sending
------------------------------------------------------------------------------------------------------

select pg_temp.both(
    'member',
    $$public.issue_invoice(tests.id('{b}'), tests.id('{b} invoice'), case '{b}' when 'bell' then 13200 else 39600 end, gen_random_uuid())$$,
    'an invoice is issued', 'INV-0001'
);
select results_eq(
    $$select i.supplier ->> 'name', i.customer ->> 'name', i.customer ->> 'address_line_1' from public.invoices as i where i.id = tests.id('bell invoice') order by 1$$,
    $$values ('Bell', 'Bell Customer', 'Bell Street'), ('Finch', 'Finch Customer', 'Finch Street')$$,
    'each from its own business to its own customer'
);
select is((select array_agg(distinct state) from public.jobs where id = tests.id('bell job')), array['invoiced'], 'each job follows its own invoice');
select pg_temp.act('finch', 'member', $$public.prepare_invoice_pdf(tests.id('finch'), tests.id('finch invoice'))$$);
select tests.keep(b || ' pdf', (select i.document_id from public.invoices as i where i.account_id = tests.id(b) and i.id = tests.id(b || ' invoice')))
from unnest(array['bell', 'finch']) as b;
select pg_temp.twin('public.documents', 'pdf');
select pg_temp.both('member', $$public.prepare_invoice_pdf(tests.id('{b}'), tests.id('{b} invoice'))$$, 'its PDF has its place', 'awaiting');
insert into storage.objects (bucket_id, name, metadata)
select d.bucket_id, d.object_name, '{"size": 1234}'
from public.documents as d
where d.id = tests.id('bell pdf');
select is(
    pg_temp.act('finch', 'member', $$public.finish_document(tests.id('finch'), tests.id('finch pdf'), 'application/pdf', 1234, repeat('ab', 32))$$) ~ 'ready', true,
    '[ISO-1] finch: its PDF is stored'
);
select matches(
    pg_temp.act('bell', 'member', $$public.send_invoice(tests.id('bell'), tests.id('bell invoice'), 'to.b@mail.example', null, gen_random_uuid())$$),
    'refused: The PDF of this invoice is not stored', '[ISO-1] bell: which does not make that of the other ready'
);
select is(
    pg_temp.act('bell', 'member', $$public.finish_document(tests.id('bell'), tests.id('bell pdf'), 'application/pdf', 1234, repeat('ab', 32))$$) ~ 'ready', true,
    '[ISO-1] bell: its PDF is stored'
);
select pg_temp.both('member', $$public.send_invoice(tests.id('{b}'), tests.id('{b} invoice'), left('{b}', 1) || '@mail.example', null, gen_random_uuid())$$, 'an invoice is sent');
create temporary table claimed as select message from service.claim_mail(10, 60) as message;
select results_eq(
    $$select message #>> '{account,name}', message #>> '{document,bucket_id}', message #>> '{data,business_name}' from claimed where message ->> 'template' = 'invoice' order by 1$$,
    $$values ('Bell', tests.id('bell')::text, 'Bell'), ('Finch', tests.id('finch')::text, 'Finch')$$,
    '[ISO-1] each message carries its own business''s file'
);

------------------------------------------------------------------------------------------------------
-- Links and payments
------------------------------------------------------------------------------------------------------

select set_config('twins.' || b, tests.link(b), true) from unnest(array['bell', 'finch']) as b;
select tests.keep(b || ' link', (select l.id from public.portal_links as l where l.token_hash = sha256(convert_to(pg_temp.opens(b), 'utf8'))))
from unnest(array['bell', 'finch']) as b;
select pg_temp.twin('public.portal_links', 'link');
select pg_temp.both('anon', $$public.portal_invoice(pg_temp.opens('{b}')) - 'document'$$, 'the customer sees the page', '"{b}"');
select is((public.portal_invoice(pg_temp.opens('bell')) -> 'lines' -> 0 ->> 'unit_pence') || ' ' || jsonb_array_length(public.portal_invoice(pg_temp.opens('finch')) -> 'lines'), '10000 1', 'with its own lines');
select is((public.portal_invoice(pg_temp.opens('bell')) #>> '{vat,0,net_pence}') || ' ' || jsonb_array_length(public.portal_invoice(pg_temp.opens('finch')) -> 'vat'), '11000 1', 'and its own VAT');
select is((public.portal_invoice(pg_temp.opens('bell')) ->> 'can_pay'), 'false', 'neither can be paid by card yet');
select pg_temp.act('finch', 'service', $$service.save_connected_account(tests.id('finch'), 'acct_finch', true, true, true, null)$$);
select is((public.portal_invoice(pg_temp.opens('bell')) ->> 'can_pay') || ' ' || (public.portal_invoice(pg_temp.opens('finch')) ->> 'can_pay'), 'false true', '[ISO-6] the other''s till is not its own');
select matches(pg_temp.act('bell', 'service', $$service.checkout_begin(pg_temp.opens('bell'))$$), 'refused: This business does not take card payments', '[ISO-6] nor is it paid into');
select pg_temp.act('bell', 'service', $$service.save_connected_account(tests.id('bell'), 'acct_bell', true, true, true, null)$$);
select is(service.connected_account(tests.id('finch')) ->> 'stripe_account_id', 'acct_finch', '[ISO-6] each has its own');
select pg_temp.both('service', $$service.checkout_begin(pg_temp.opens('{b}'))$$, 'paying begins', '"amount_pence": (13200|39600)');
select tests.keep(b || ' attempt', (select s.id from billing.checkout_sessions as s where s.account_id = tests.id(b))) from unnest(array['bell', 'finch']) as b;
select pg_temp.twin('billing.checkout_sessions', 'attempt');
select pg_temp.both('service', $$service.checkout_begin(pg_temp.opens('{b}'))$$, 'begun again, it is the same attempt', '"open_session": null');
select is(pg_temp.act('bell', 'service', $$service.checkout_opened(tests.id('bell'), tests.id('bell invoice'), tests.id('bell attempt'), 'cs_b', 'https://pay.example/b', now() + interval '1 day')$$), 'true', '[ISO-6] bell: the page at Stripe is open');
select is(pg_temp.act('finch', 'service', $$service.checkout_opened(tests.id('finch'), tests.id('finch invoice'), tests.id('finch attempt'), 'cs_f', 'https://pay.example/f', now() + interval '1 day')$$), 'true', '[ISO-6] finch: so is its own');
select pg_temp.both('service', $$service.checkout_begin(pg_temp.opens('{b}'))$$, 'its own page is offered again', 'pay.example');
update billing.checkout_sessions set amount_pence = 1;
select pg_temp.both('service', $$service.checkout_begin(pg_temp.opens('{b}'))$$, 'a stale page is its own', '"stale_sessions": \["cs_(b|f)"\]');
select pg_temp.act('bell', 'service', $$service.checkout_closed(tests.id('bell'), tests.id('bell invoice'), 'cs_b')$$);
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
select pg_temp.both('service', $$pg_temp.intent('{b}', case '{b}' when 'bell' then 13200 else 100 end)$$, 'a payment is its own', 'applied');
select results_eq(
    $$select state, paid_pence from public.invoices where id = tests.id('bell invoice') order by total_pence$$,
    $$values ('paid', 13200::bigint), ('part_paid', 100::bigint)$$, '[ISO-6] each invoice follows its own payments'
);
select is((select array_agg(state order by title) from public.jobs where id = tests.id('bell job')), array['paid', 'invoiced'], 'and each job its own invoice');
select is(jsonb_array_length(public.portal_invoice(pg_temp.opens('finch')) -> 'payments'), 1, 'and each page its own payments');
select is((select count(*) from mail.outbox where template = 'receipt' and data ->> 'business_name' = 'Finch'), 1::bigint, '[ISO-6] the receipt is from who was paid');
select pg_temp.both('member', $$public.today(tests.id('{b}'))$$, 'the first screen is its own');
select is(pg_temp.act('bell', 'member', $$public.revoke_portal_links(tests.id('bell'), tests.id('bell invoice'))$$) ~ '^[1-9]', true, '[ISO-1] bell: its links are revoked');
select matches(pg_temp.act('finch', 'anon', $$public.portal_invoice(pg_temp.opens('finch')) - 'document'$$), 'Finch', '[ISO-1] finch: those of the other still open');
select * from finish();
