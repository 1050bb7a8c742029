-- Columns that look after themselves, table by table: when a row was last changed, and what the audit trail may forget.
create temporary table touched as
select on_table from string_to_table(
    'public.accounts public.roles public.members public.customers public.sites public.jobs public.documents public.invoices '
    'public.invoice_lines public.invoice_vat public.payments public.portal_links billing.connected_accounts '
    'billing.checkout_sessions mail.outbox public.invitations public.domains public.join_requests public.sso_providers',
    ' '
) as on_table;

select plan((select count(*)::int from touched) + 8);

select tests.business('bell');
select tests.job('bell');
select tests.sendable('bell');
select tests.link('bell');
select tests.draft('bell', null, 'draft');
select tests.invited('bell', 'new@mail.example');
select tests.domain('bell');
select tests.sso('bell');
select tests.person('una');
select tests.asked_to_join('bell', 'una');
insert into public.payments (account_id, invoice_id, amount_pence, method, paid_at)
values (tests.id('bell'), tests.id('bell invoice'), 100, 'cash', now());
insert into billing.connected_accounts (account_id, stripe_account_id) values (tests.id('bell'), 'acct_bell_1');
insert into billing.checkout_sessions (account_id, invoice_id, stripe_account_id, amount_pence)
values (tests.id('bell'), tests.id('bell invoice'), 'acct_bell_1', 1);
insert into mail.outbox (account_id, dedupe_key, template, to_address, data, has_secret)
values (tests.id('bell'), 'bell', 'receipt', 'a@mail.example', '{"k": 1}', false);

create function pg_temp.changed_at(on_table text) returns timestamptz
    language plpgsql
as $$
declare
    told timestamptz;
begin
    -- The newest row is no part of what has been issued, which nobody changes.
    execute format(
        'update %1$s as t set updated_at = ''2001-01-01'' where t.ctid = (select o.ctid from %1$s as o order by o.created_at desc, to_jsonb(o) ->> ''id'' desc limit 1) returning t.updated_at',
        on_table
    )
    into told;
    return told;
end
$$;
select is(pg_temp.changed_at(t.on_table), private.moment(), format('a row of %s says itself when it was changed, whatever is claimed', t.on_table))
from touched as t;

select is_empty(
    $$
        select c.table_name, c.column_name
        from audit.columns as c
        where c.class = 'business'
          and c.column_name ~ '^(name|display_name|title|description|notes|file_name|sent_to|to_address|last_error|phone|town|postcode|address_line_\d|.*email)$'
          and (c.table_name, c.column_name) not in (
              -- What a business is called, and what it calls its roles and its own login, is no person's.
              ('public.accounts', 'name'), ('public.roles', 'name'), ('public.sso_providers', 'name'),
              -- What an issued invoice says is kept as long as tax law asks.
              ('public.invoices', 'notes'), ('public.invoice_lines', 'description')
          )
    $$,
    '[AUD-5] what names a person, reaches them or is in their words can be erased from the trail'
);
select is_empty(
    $$
        select c.table_name, c.column_name, c.class
        from audit.columns as c
        where c.class <> 'secret'
          and c.column_name ~ '^(url|data|.*token.*)$'
    $$,
    '[AUD-6] what opens something never reaches the trail'
);
select ok(
    (select count(*) from audit.columns where class = 'personal') > 10 and (select count(*) from audit.columns where class = 'secret') > 1,
    '[AUD-5] and there are such columns'
);

-- As whoever replays another server's changes: only the triggers that always fire do.
set local session_replication_role = replica;
select throws_ok('delete from private.guarded', null, null, '[AUD-3] what is guarded stays guarded, whatever the replication setting');
select throws_ok('truncate private.guarded', null, null, '[AUD-3] and its list is not emptied either');
select throws_ok(act, 'P0001', null, format('[PAY-5] %s of an issued invoice stays as it was, whatever the replication setting', what))
from (
    values
        ('what stands on it', $$update public.invoices set notes = 'x' where id = tests.id('bell invoice')$$),
        ('each line', $$update public.invoice_lines set unit_pence = 1 where invoice_id = tests.id('bell invoice')$$),
        ('the VAT', $$delete from public.invoice_vat where invoice_id = tests.id('bell invoice')$$)
) as tried (what, act);
set local session_replication_role = origin;
select * from finish();
