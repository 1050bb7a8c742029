-- The trail of two businesses whose things have the same ids, and one person who belongs to both under two names. Whatever
-- is asked of one tells nothing of the other, shows each record once, and finds nothing by the other's words.
select plan(39);

select tests.business('bell');
select tests.business('finch');
select tests.member('bell', 'staff');
select tests.member('bell', 'admin', 'sam');
select tests.member('finch', 'staff');
insert into public.members (account_id, user_id, role_id, display_name, email)
select r.account_id, tests.id('sam'), r.id, 'Zed of Finch', 'zed@finch.example'
from public.roles as r
where r.account_id = tests.id('finch') and r.key = 'admin';
update public.members set display_name = 'Sam of Bell' where account_id = tests.id('bell') and user_id = tests.id('sam');

-- What bell has.
select tests.job('bell');
select tests.claim('sam');
select tests.photo('bell');
select tests.issued('bell');
update public.customers set name = 'Bell Customer' where account_id = tests.id('bell');
update public.sites set address_line_1 = 'Bell Street' where account_id = tests.id('bell');
update public.jobs set title = 'Bell work' where account_id = tests.id('bell');
update public.roles set name = 'Bell Staff' where account_id = tests.id('bell') and key = 'staff';

-- What finch has, under the same ids. It has issued an invoice before.
select tests.job('finch', 'earlier job');
select tests.keep('finch job', tests.id('finch earlier job'));
select tests.issued('finch', 'earlier invoice');
insert into public.roles (account_id, id, name)
select tests.id('finch'), r.id, 'Finch Mate'
from public.roles as r
where r.account_id = tests.id('bell') and r.key = 'staff';
update public.members
set role_id = (select r.id from public.roles as r where r.account_id = tests.id('bell') and r.key = 'staff')
where id = tests.id('finch staff membership');
insert into public.members (account_id, id, user_id, role_id, display_name, email)
select r.account_id, tests.id('bell staff membership'), tests.person('hand'), r.id, 'Finch Hand', 'hand@finch.example'
from public.roles as r
where r.account_id = tests.id('finch') and r.key = 'agent';
insert into public.customers (account_id, id, name) values (tests.id('finch'), tests.id('bell customer'), 'Finch Customer');
insert into public.sites (account_id, id, customer_id, address_line_1)
values (tests.id('finch'), tests.id('bell site'), tests.id('bell customer'), 'Finch Street');
insert into public.jobs (account_id, id, customer_id, site_id, title)
values (tests.id('finch'), tests.id('bell job'), tests.id('bell customer'), tests.id('bell site'), 'Finch work');
insert into public.documents (account_id, id, job_id, kind, file_name)
values (tests.id('finch'), tests.id('bell photo'), tests.id('bell job'), 'photo', 'finch.jpg');
insert into public.invoices (account_id, id, job_id, customer_id)
values (tests.id('finch'), tests.id('bell invoice'), tests.id('bell job'), tests.id('bell customer'));
insert into public.invoice_lines (account_id, invoice_id, position, description, quantity_milli, unit_pence, vat_rate_bp)
values (tests.id('finch'), tests.id('bell invoice'), 1, 'Finch line', 1000, 100, 2000);
select tests.claim('finch owner');
select public.issue_invoice(tests.id('finch'), tests.id('bell invoice'), 120, gen_random_uuid());
select tests.be_postgres();

-- Sam signs in, and works for bell.
select audit.record_event('person', tests.id('sam'), 'sign_in.succeeded', 'ok', 'sign_in');
select tests.claim('sam');
select public.create_customer(tests.id('bell'), gen_random_uuid(), '{"name": "Bell Neighbour"}');
set constraints all immediate;
set constraints all deferred;

create function pg_temp.trail(business text, words text default null) returns jsonb
    language plpgsql
as $$
begin
    perform tests.claim('sam');
    return public.audit_trail(tests.id(business), words => trail.words, page_size => 201);
end
$$;

------------------------------------------------------------------------------------------------------
-- The page
------------------------------------------------------------------------------------------------------

select is(
    pg_temp.trail(b)::text ~* other, false, format('[ISO-1] %s''s trail tells nothing of %s', b, other)
)
from (values ('bell', 'finch'), ('finch', 'bell')) as t (b, other);
select is(
    (select count(*) - count(distinct entry -> 'id') from jsonb_array_elements(pg_temp.trail(b)) as entry), 0::bigint,
    format('[AUD-5] each record of %s stands there once', b)
)
from unnest(array['bell', 'finch']) as b;
-- Ids that only the other business has, wherever they came from, have no name here.
select audit.append(
    'account', tests.id(b), 'member.updated', 'ok', 'member', gen_random_uuid(), 'member', null, false, null,
    jsonb_build_object(
        'customer_id', (select c.id from public.customers as c where c.account_id = tests.id(other) and c.id not in (select id from public.customers where account_id = tests.id(b)) limit 1),
        'job_id', (select j.id from public.jobs as j where j.account_id = tests.id(other) and j.id not in (select id from public.jobs where account_id = tests.id(b)) limit 1),
        'role_id', (select r.id from public.roles as r where r.account_id = tests.id(other) and r.key = 'owner'),
        'site_id', (select i.id from public.sites as i where i.account_id = tests.id(other) and i.id not in (select id from public.sites where account_id = tests.id(b)) limit 1),
        'user_id', tests.id(other || ' owner')
    ),
    '{customer_id,job_id,role_id,site_id,user_id}', '{}', null
)
from (values ('bell', 'finch'), ('finch', 'bell')) as t (b, other);
select is(
    (
        select coalesce(entry -> 'names', '{}')
        from jsonb_array_elements(pg_temp.trail(b)) as entry
        where entry ->> 'action' = 'member.updated' and entry -> 'after' ? 'user_id'
    ),
    '{}', format('[ISO-1] %s''s trail knows no name for an id of the other''s', b)
)
from unnest(array['bell', 'finch']) as b;
-- Each kind of thing by the name that it has in its own business, and so what stands among its fields.
select ok(
    (
        select bool_or(entry ->> at ~* format('%s %s', b, named))
        from jsonb_array_elements(pg_temp.trail(b)) as entry
        where entry ->> 'action' = action
    ), format('[AUD-5] %s: %s is told by its name', b, thing)
)
from unnest(array['bell', 'finch']) as b,
    (
        values
            ('a customer', 'customer.created', 'subject_name', 'customer'),
            ('a job', 'job.created', 'subject_name', 'work'),
            ('the job of a photo', 'document.created', 'subject_name', 'work'),
            ('the customer of a job', 'job.created', 'names', 'customer'),
            ('the site of a job', 'job.created', 'names', 'street'),
            ('the job of an invoice', 'invoice.created', 'names', 'work')
    ) as t (thing, action, at, named);
select is(
    (select entry ->> 'subject_name' from jsonb_array_elements(pg_temp.trail(b)) as entry where entry ->> 'action' = 'invoice.issued' and entry ->> 'entity_id' = tests.id('bell invoice')::text),
    reference, format('[AUD-5] %s: an invoice by its number', b)
)
from (values ('bell', 'INV-0001'), ('finch', 'INV-0002')) as t (b, reference);
select ok(
    (select bool_or(entry -> 'names' ->> tests.id('sam')::text = name) from jsonb_array_elements(pg_temp.trail(b)) as entry),
    format('[AUD-5] %s: a person by the name they have there', b)
)
from (values ('bell', 'Sam of Bell'), ('finch', 'Zed of Finch')) as t (b, name);
select is(
    (
        select entry ->> 'actor_name' || ' ' || (entry -> 'names')
        from jsonb_array_elements(pg_temp.trail('bell')) as entry
        where entry ->> 'action' = 'customer.created' and entry -> 'after' ->> 'name' = 'Bell Neighbour'
    ), 'Sam of Bell {}', '[AUD-5] who acted is named once, as such, and not again among the fields'
);

-- Somebody who runs TradersFlow and is a member somewhere looks as who runs TradersFlow.
select tests.be_postgres();
select private.act_as('platform_owner', tests.id('sam'));
select audit.record_event('account', tests.id('bell'), 'account.viewed', 'ok', 'account', tests.id('bell'));
select private.act_as('api_key', gen_random_uuid());
select audit.record_event('account', tests.id('bell'), 'api.called', 'ok', 'request');
select set_config('tf.actor', '', true);
select is(
    (select entry -> 'actor_name' from jsonb_array_elements(pg_temp.trail('bell')) as entry where entry ->> 'action' = 'account.viewed'),
    'null'::jsonb, '[AUD-1] a platform owner is not told as the member that they also are'
);

------------------------------------------------------------------------------------------------------
-- What is looked for, and what the filter offers
------------------------------------------------------------------------------------------------------

select is(
    jsonb_array_length(pg_temp.trail('finch', words)) > 0 and jsonb_array_length(pg_temp.trail('bell', words)) = 0, true,
    format('[ISO-1] "%s" finds something in the one and nothing in the other', words)
)
from unnest(array['Finch Customer', 'Finch work', 'INV-0002', 'Finch Hand', 'Zed']) as words;
select is(
    (select jsonb_agg(person -> 'name') from jsonb_array_elements(public.audit_choices(tests.id('bell')) -> 'people') as person)::text ~* 'finch', false,
    '[ISO-1] the filter offers nobody of the other'
);
select is(public.audit_choices(tests.id('bell')) -> 'kinds', '["api_key", "platform_owner", "system"]', '[AUD-5] and as kinds of actor those that are no people');

select is(
    public.audit_choices(tests.id(b)) -> 'actions',
    (
        select jsonb_agg(distinct r.action)
        from audit.records as r
        where r.chain_id = tests.id(b) or r.chain_id in (select m.user_id from public.members as m where m.account_id = tests.id(b))
    ), format('[ISO-1] %s: and every action that there was, none that there was elsewhere', b)
)
from unnest(array['bell', 'finch']) as b;

------------------------------------------------------------------------------------------------------
-- Exporting, by who may in both
------------------------------------------------------------------------------------------------------

set constraints all immediate;
set constraints all deferred;
create temporary table begun as
select b as business, public.audit_begin_export(tests.id(b), 'jsonl') as export
from unnest(array['bell', 'finch']) as b;
select is(
    (select (export -> 'records')::bigint from begun where business = b), (select h.seq from audit.heads as h where h.chain_id = tests.id(b)),
    format('[AUD-5] %s''s export is as long as its own chain', b)
)
from unnest(array['bell', 'finch']) as b;
-- That it was begun is on record and not linked yet: it goes along with its own chain.
select is(
    (
        select array_agg(distinct line -> 'record' ->> 2)
        from begun, jsonb_array_elements(public.audit_export(tests.id(b), (export ->> 'export_id')::bigint, 0, 5000) -> 'lines') as line
        where business = b
    ), array[tests.id(b)::text], format('[ISO-1] %s''s export holds its own records and no others', b)
)
from unnest(array['bell', 'finch']) as b;
select throws_ok(
    format('select public.audit_export(tests.id(%L), %s)', case business when 'bell' then 'finch' else 'bell' end, export ->> 'export_id'),
    'PT404', null, format('[AUD-2] what was begun for %s exports nothing else, by the same person', business)
)
from begun;
select * from finish();
