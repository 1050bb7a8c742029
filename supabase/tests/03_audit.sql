select plan(42);

select tests.business('bell');
select tests.business('finch');
select tests.job('bell');

------------------------------------------------------------------------------------------------------
-- Who, what, when, from where
------------------------------------------------------------------------------------------------------

select tests.send_headers('{"x-forwarded-for": "198.51.100.9", "user-agent": "Claimed", "x-request-id": "r-77"}');
select tests.authenticate_as('bell owner');
update public.customers set phone = '07700 900001';
select tests.be_postgres();
select results_eq(
    $$
        select action, actor_kind, actor_id, session_id is not null, via, ip, user_agent, trusted, request_id, before, after
        from tests.trail where account_id = tests.id('bell') order by seq desc limit 1
    $$,
    $$
        values (
            'customer.updated', 'person', tests.id('bell owner'), true, 'api', '198.51.100.9', 'Claimed', false, 'r-77',
            '{"phone": null}'::jsonb, '{"phone": "07700 900001"}'::jsonb
        )
    $$,
    '[AUD-1] a change is recorded: who, what, from where, and the changed field before and after'
);
select tests.authenticate_as('bell owner');

update public.customers set phone = '07700 900001';
select tests.be_postgres();
select is(
    (select action || ' ' || (after ->> 'phone') from tests.trail where account_id = tests.id('bell') order by seq desc limit 1),
    'customer.updated 07700 900001', 'an update that changes nothing is no record'
);
select is(
    (select count(*) from tests.trail where account_id = tests.id('bell') and entity = 'customer' and action = 'customer.updated'),
    1::bigint, 'so there is one record of it'
);
select tests.authenticate_as('bell owner');
select public.move_job(tests.id('bell'), tests.id('bell job'), 'booked');
select tests.be_postgres();
select is(
    (select action from tests.trail where account_id = tests.id('bell') order by seq desc limit 1),
    'job.booked', 'a state that is reached names the act'
);
select tests.draft('bell');
select tests.authenticate_as('bell owner');
select public.discard_invoice(tests.id('bell'), tests.id('bell invoice'));
select tests.be_postgres();
select ok(
    exists (select from tests.trail where action = 'invoice.deleted' and entity_id = tests.id('bell invoice') and before ->> 'state' = 'draft' and after ->> 'state' is null),
    '[AUD-1] a deletion keeps the whole row'
);
select is(
    (select count(*) from tests.trail where action = 'invoice_line.deleted' and subject = 'invoice' and subject_id = tests.id('bell invoice')),
    1::bigint, '[AUD-1] and that of its parts, found under it'
);

-- A table in a business's story that nobody watches would fail here. Of ours, these are no business's: permissions are the
-- same for all; stripe_events and stripe_leases are a machine's own memory of what it was told, and hold no row of an account.
select is_empty(
    $$
        select n.nspname || '.' || c.relname
        from pg_class as c
        join pg_namespace as n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p')
          and n.nspname in ('public', 'billing', 'mail')
          and n.nspname || '.' || c.relname not in ('public.permissions', 'billing.stripe_events', 'billing.stripe_leases')
          and not exists (select from audit.watched as w where w.table_name = n.nspname || '.' || c.relname)
    $$,
    '[AUD-1] every table in the catalog is watched, or excused with a reason'
);
select is_empty(
    $$
        select w.table_name, wanted.name
        from audit.watched as w
        cross join (
            values
                ('audit_added_and_deleted', 'audit.record'::regproc, 1 + 4 + 8),
                ('audit_changed', 'audit.record'::regproc, 1 + 16),
                ('audit_sees_no_truncate', 'audit.refuse_truncate'::regproc, 2 + 32)
        ) as wanted (name, function, kind)
        where not exists (
            select
            from pg_trigger as t
            where t.tgrelid = w.table_name::regclass
              and t.tgname = wanted.name
              and t.tgfoid = wanted.function
              and t.tgtype = wanted.kind
              and t.tgenabled = 'A'
        )
    $$,
    '[AUD-1] by triggers that always fire: on insert and delete, on update, and against truncate'
);
select is_empty(
    $$
        select w.table_name, coalesce(a.attname, c.column_name), c.class
        from audit.watched as w
        cross join lateral (select attname from pg_attribute where attrelid = w.table_name::regclass and attnum > 0 and not attisdropped) as a
        full join audit.columns as c on c.table_name = w.table_name and c.column_name = a.attname
        where a.attname is null or c.column_name is null
    $$,
    '[AUD-6] every column of a watched table is classified as secret, personal or business'
);
select is_empty(
    $$
        select w.table_name, t.tgname
        from audit.watched as w
        join pg_trigger as t on t.tgrelid = w.table_name::regclass and t.tgfoid = 'audit.record'::regproc
        where encode(t.tgargs, 'escape') <> array_to_string(array[
            w.entity, w.subject, w.subject_column, left(w.is_detail::text, 1),
            case when w.table_name = 'public.accounts' then 'id' else 'account_id' end,
            array(
                select a.attname
                from pg_attribute as a
                where a.attrelid = w.table_name::regclass and a.attnum > 0 and not a.attisdropped and a.attname <> 'updated_at'
                order by a.attname collate "C"
            )::text,
            array(select c.column_name from audit.columns as c where c.table_name = w.table_name and c.class = 'secret')::text,
            ''
        ], '\000')
    $$,
    '[AUD-6] and its triggers compare every column of it, and know which are secret'
);
-- What is still to be checked at the end of the transaction would refuse a truncate for a reason of its own.
set constraints all immediate;
set constraints all deferred;
select throws_ok(
    'truncate ' || w.table_name || ' cascade', '42501', null, '[AUD-1] ' || w.table_name || ' can''t be emptied without a record'
)
from audit.watched as w
order by w.table_name;

------------------------------------------------------------------------------------------------------
-- Customers, webhooks and workers
------------------------------------------------------------------------------------------------------

select tests.sendable('bell');
select set_config('tests.token', tests.link('bell'), true);
select tests.be_anon();
select public.portal_invoice(current_setting('tests.token'));
select tests.be_postgres();
select results_eq(
    $$select action, actor_kind, actor_name from tests.trail where account_id = tests.id('bell') order by seq desc limit 1$$,
    $$values ('portal_link.first_viewed', 'customer', 'Priya Raman')$$,
    '[AUD-1] a customer who opens a link is recorded as the customer'
);
select tests.be_service();
select service.save_connected_account(tests.id('bell'), 'acct_bell', true, true, true, null);
select tests.be_postgres();
select results_eq(
    $$select action, actor_kind, actor_name from tests.trail where account_id = tests.id('bell') order by seq desc limit 1$$,
    $$values ('connected_account.created', 'worker', 'connect')$$,
    '[AUD-1] a worker that acts for nobody is recorded as itself'
);
select set_config('tf.actor', '{"kind": "webhook", "name": "Stripe"}', true);
select tests.authenticate_as('bell owner');
update public.customers set phone = '07700 900002';
select tests.be_postgres();
select set_config('tf.actor', '', true);
select is(
    (select actor_kind from tests.trail where account_id = tests.id('bell') order by seq desc limit 1),
    'person', '[AUD-1] nobody who is signed in can pass for somebody else'
);
select tests.be_service();
select lives_ok(
    $$select service.record_refusal(jsonb_build_object('account_id', tests.id('bell'), 'actor_id', tests.id('finch owner')), 'invoices.issue.refused', '{"code": "not_found"}')$$,
    '[AUD-2] an act that was refused is recorded by a call of its own'
);
select tests.be_postgres();
select is(
    (select detail ->> 'code' from tests.trail where action = 'invoices.issue.refused' and actor_id = tests.id('finch owner')),
    'not_found', '[AUD-2] with its reason'
);
select tests.authenticate_as('bell owner');
select throws_ok($$select service.record_refusal('{}', 'x', '{}')$$, '42501', null, '[AUD-2] a member cannot write such a record');

------------------------------------------------------------------------------------------------------
-- No secrets
------------------------------------------------------------------------------------------------------

select tests.authenticate_as('bell owner');
select public.send_invoice(tests.id('bell'), tests.id('bell invoice'), 'priya@mail.example', 'canary-8d1f', gen_random_uuid());
select tests.be_postgres();
select is_empty(
    $$
        select r.*
        from tests.trail as r, mail.outbox as o
        where o.template = 'invoice'
          and strpos(r::text, o.data ->> 'link_token') > 0
    $$,
    '[AUD-6] the token of a link never reaches the log'
);
select is_empty(
    $$select r.* from tests.trail as r, public.portal_links as l where strpos(r::text, encode(l.token_hash, 'hex')) > 0$$,
    '[AUD-6] nor does its hash'
);
select is(
    (select after ->> 'token_hash' from tests.trail where action = 'portal_link.created' order by seq desc limit 1),
    '[redacted]', '[AUD-6] only that there is one'
);
select is_empty($$select * from tests.trail where strpos(trail::text, 'canary-8d1f') > 0$$, '[AUD-6] the data of a message never reaches the log');

select * from finish();
