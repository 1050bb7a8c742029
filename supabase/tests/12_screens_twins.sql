-- The first screen of twins (tests/database/twins.sql), for Sam, who owns both: each thing that waits for somebody is told once,
-- by its own name, and only where it waits.
select plan(3);

select tests.twins();
update private.counters set last_number = 6 where account_id = tests.id('finch') and name = 'invoice';

-- Beside the enquiry that both have: a job that is done, one that is done and has a draft, one that was invoiced.
select tests.keep(what, gen_random_uuid()) from unnest(array['done', 'drafted', 'billed', 'draft', 'bill', 'finch draft']) as what;
insert into public.jobs (account_id, id, customer_id, title)
select a.id, tests.id(what), tests.id('bell customer'), a.name || ' ' || what
from unnest(array['done', 'drafted', 'billed']) as what, public.accounts as a
where a.id in (tests.id('bell'), tests.id('finch'));
update public.jobs set state = 'done' where id in (tests.id('done'), tests.id('drafted'));
insert into public.invoices (account_id, id, job_id, customer_id)
select tests.id(business), tests.id(invoice), tests.id(job), tests.id('bell customer')
from (
    values
        ('bell', 'draft', 'drafted'), ('finch', 'draft', 'drafted'),
        ('bell', 'bill', 'billed'), ('finch', 'bill', 'billed'),
        -- What bell has still to draft, finch has drafted.
        ('finch', 'finch draft', 'done')
) as t (business, invoice, job);
insert into public.invoice_lines (account_id, invoice_id, position, description, quantity_milli, unit_pence, vat_rate_bp)
select i.account_id, i.id, 1, 'Work', 1000, 10000, 2000
from public.invoices as i
where i.id = tests.id('bill');
select tests.claim('sam');
select public.issue_invoice(tests.id(b), tests.id('bill'), 12000, gen_random_uuid()) from unnest(array['bell', 'finch']) as b;
select tests.be_postgres();

create function pg_temp.waiting(business text) returns text[]
    language plpgsql
as $$
declare
    told text[];
begin
    perform set_config('tf.moment', (now() + interval '15 days')::text, true);
    perform tests.authenticate_as('sam');
    told := array(
        select concat_ws(', ', waits ->> 'kind', waits ->> 'title', waits ->> 'detail')
        from jsonb_array_elements(public.today(tests.id(business)) -> 'needs_you') as waits
        order by 1
    );
    perform tests.be_postgres();
    perform set_config('tf.moment', '', true);
    return told;
end
$$;
select is(
    pg_temp.waiting('bell'),
    array[
        'enquiry_to_answer, Bell work, Bell Customer', 'invoice_not_sent, INV-0001, Bell Customer', 'invoice_overdue, INV-0001, Bell Customer',
        'invoice_to_issue, Bell drafted, Bell Customer', 'job_to_invoice, Bell done, Bell Customer'
    ], '[ISO-1] what waits in the one business'
);
select is(
    pg_temp.waiting('finch'),
    array[
        'enquiry_to_answer, Finch work, Finch Customer', 'invoice_not_sent, INV-0007, Finch Customer', 'invoice_overdue, INV-0007, Finch Customer',
        'invoice_to_issue, Finch done, Finch Customer', 'invoice_to_issue, Finch drafted, Finch Customer'
    ], '[ISO-1] and in the other, where the job that is done has its draft'
);
select tests.claim('sam');
select is((public.today(tests.id('bell')) ->> 'owed_pence') || ' ' || jsonb_array_length(public.today(tests.id('finch')) -> 'recent_payments'), '12000 0', '[ISO-1] nor are their sums added together');
select * from finish();
