-- Keys, references, and what may not be empty: each tried with something that it alone can refuse. They are named here one
-- by one, so that a rule that is taken away fails its line instead of being left out.
create function pg_temp.newest(on_table text, pick jsonb default '{}') returns jsonb
    language plpgsql
as $$
declare
    found_row jsonb;
begin
    execute format(
        'select to_jsonb(t) from %s as t where to_jsonb(t) @> %L '
        'and coalesce(to_jsonb(t) ->> ''account_id'', %L) = %3$L '
        'order by to_jsonb(t) ->> ''created_at'' desc nulls last, to_jsonb(t) ->> ''id'' desc nulls last limit 1',
        on_table, pick, tests.id('bell')
    )
    into found_row;
    if found_row is null then
        raise exception 'The test has no row in %.', on_table;
    end if;
    return found_row;
end
$$;

-- What can be written of a row, as an insert takes it.
create function pg_temp.insert_of(on_table text, given jsonb) returns text
    language sql
as $$
    select format(
        'insert into %1$s (%2$s) overriding system value select %2$s from jsonb_populate_record(null::%1$s, %3$L)',
        on_table, string_agg(quote_ident(a.attname), ', '), given
    )
    from pg_attribute as a
    where a.attrelid = on_table::regclass and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
$$;

-- Which rule refused a statement, or which column, or what happened instead.
create function pg_temp.refused_by(statement text, replication text default 'origin') returns text
    language plpgsql
as $$
declare
    rule text;
    empty_column text;
begin
    perform set_config('session_replication_role', replication, true);
    execute statement;
    raise exception using errcode = 'TF000', message = 'nothing';
exception
    when unique_violation or foreign_key_violation then
        get stacked diagnostics rule = constraint_name;
        return rule;
    when not_null_violation then
        get stacked diagnostics empty_column = column_name;
        return empty_column || ' is empty';
    when others then
        return sqlerrm;
end
$$;

------------------------------------------------------------------------------------------------------
-- The lists
------------------------------------------------------------------------------------------------------

create temporary table primary_keys as
select on_table from string_to_table(
    'public.accounts public.permissions public.roles public.role_permissions public.members public.customers public.sites '
    'public.jobs public.job_members public.documents public.invoices public.invoice_lines public.invoice_vat public.payments public.portal_links '
    'private.account_states private.account_state_allows private.counters private.idempotency private.job_lifecycle '
    'public.invitations public.domains public.join_requests public.sso_providers private.role_template private.schedules billing.connected_accounts billing.checkout_sessions billing.stripe_events '
    'billing.stripe_leases mail.outbox audit.records audit.field_values audit.links audit.heads audit.watched audit.columns '
    'audit.anchors audit.anchor_heads audit.anchor_deliveries audit.signing_keys audit.segments '
    'private.limits private.limit_takes private.session_limits private.session_devices private.sign_in_notices '
    'private.recovery_codes private.factors_told private.saml_entries '
    'private.alerts private.sign_in_failures private.blocked_networks private.suspicion_weights private.sign_in_decisions',
    ' '
) as on_table;

create temporary table refers (rule text, on_table text, column_name text, pick jsonb default '{}');
insert into refers (rule, on_table, column_name)
values
    ('accounts_state_fkey', 'public.accounts', 'state'),
    ('roles_account_id_fkey', 'public.roles', 'account_id'),
    ('role_permission_belongs_to_a_role_of_the_account', 'public.role_permissions', 'role_id'),
    ('role_permissions_permission_fkey', 'public.role_permissions', 'permission'),
    ('members_account_id_fkey', 'public.members', 'account_id'),
    ('members_user_id_fkey', 'public.members', 'user_id'),
    ('member_has_a_role_of_the_account', 'public.members', 'role_id'),
    ('session_devices_user_id_fkey', 'private.session_devices', 'user_id'),
    ('sign_in_notices_user_id_fkey', 'private.sign_in_notices', 'user_id'),
    ('saml_entries_user_id_fkey', 'private.saml_entries', 'user_id'),
    ('recovery_codes_user_id_fkey', 'private.recovery_codes', 'user_id'),
    ('factors_told_user_id_fkey', 'private.factors_told', 'user_id'),
    ('sign_in_decisions_user_id_fkey', 'private.sign_in_decisions', 'user_id'),
    ('invitations_account_id_fkey', 'public.invitations', 'account_id'),
    ('invitation_gives_a_role_of_the_account', 'public.invitations', 'role_id'),
    ('domains_account_id_fkey', 'public.domains', 'account_id'),
    ('domain_gives_a_role_of_the_account', 'public.domains', 'role_id'),
    ('sso_providers_account_id_fkey', 'public.sso_providers', 'account_id'),
    ('sso_provider_gives_a_role_of_the_account', 'public.sso_providers', 'role_id'),
    ('join_requests_account_id_fkey', 'public.join_requests', 'account_id'),
    ('join_requests_user_id_fkey', 'public.join_requests', 'user_id'),
    ('account_state_allows_state_fkey', 'private.account_state_allows', 'state'),
    ('counters_account_id_fkey', 'private.counters', 'account_id'),
    ('role_template_permission_fkey', 'private.role_template', 'permission'),
    ('customers_account_id_fkey', 'public.customers', 'account_id'),
    ('site_belongs_to_a_customer_of_the_account', 'public.sites', 'customer_id'),
    ('jobs_account_id_fkey', 'public.jobs', 'account_id'),
    ('job_is_for_a_customer_of_the_account', 'public.jobs', 'customer_id'),
    ('job_is_at_a_site_of_its_customer', 'public.jobs', 'site_id'),
    ('job_member_is_on_a_job_of_the_account', 'public.job_members', 'job_id'),
    ('job_member_is_of_the_account', 'public.job_members', 'member_id'),
    ('documents_account_id_fkey', 'public.documents', 'account_id'),
    ('document_is_of_a_job_of_the_account', 'public.documents', 'job_id'),
    ('document_is_of_an_invoice_of_the_account', 'public.documents', 'invoice_id'),
    ('invoices_account_id_fkey', 'public.invoices', 'account_id'),
    ('invoice_is_for_a_job_of_the_account', 'public.invoices', 'job_id'),
    ('invoice_is_for_a_customer_of_the_account', 'public.invoices', 'customer_id'),
    ('invoice_is_for_a_site_of_its_customer', 'public.invoices', 'site_id'),
    ('invoice_has_a_document_of_the_account', 'public.invoices', 'document_id'),
    ('line_belongs_to_an_invoice_of_the_account', 'public.invoice_lines', 'invoice_id'),
    ('vat_belongs_to_an_invoice_of_the_account', 'public.invoice_vat', 'invoice_id'),
    ('payment_is_of_an_invoice_of_the_account', 'public.payments', 'invoice_id'),
    ('link_opens_an_invoice_of_the_account', 'public.portal_links', 'invoice_id'),
    ('connected_accounts_account_id_fkey', 'billing.connected_accounts', 'account_id'),
    ('checkout_is_of_an_invoice_of_the_account', 'billing.checkout_sessions', 'invoice_id'),
    ('checkout_came_by_a_link_of_the_account', 'billing.checkout_sessions', 'portal_link_id'),
    ('outbox_account_id_fkey', 'mail.outbox', 'account_id'),
    ('message_has_a_document_of_the_account', 'mail.outbox', 'document_id'),
    ('columns_table_name_fkey', 'audit.columns', 'table_name'),
    ('anchor_heads_number_fkey', 'audit.anchor_heads', 'number'),
    ('anchor_deliveries_number_fkey', 'audit.anchor_deliveries', 'number');
update refers set pick = '{"kind": "invoice_pdf"}' where on_table = 'public.documents';
update refers set pick = '{"state": "draft"}' where on_table = 'public.invoices';
update refers set pick = '{"reference": "INV-0002"}' where rule = 'invoice_has_a_document_of_the_account';

create temporary table must_be_filled (on_table text, columns text);
insert into must_be_filled (on_table, columns)
values
    ('public.accounts', 'name trade vat_registered payment_terms_days state created_at updated_at'),
    ('public.permissions', 'area sentence act'),
    ('public.roles', 'name demands_factor created_at updated_at'),
    ('public.role_permissions', 'created_at'),
    ('public.members', 'user_id display_name email created_at updated_at'),
    ('private.memberships', 'demands_factor'),
    ('public.invitations', 'email token_hash expires_at invited_by created_at updated_at'),
    ('private.session_limits', 'idle longest'),
    ('private.session_devices', 'user_id begun_at'),
    ('private.sign_in_notices', 'user_id created_at'),
    ('public.domains', 'domain record state joining created_at updated_at'),
    ('public.sso_providers', 'kind identifier state name issuer created_at updated_at'),
    ('private.saml_entries', 'user_id entered_at'),
    ('public.join_requests', 'user_id email display_name state created_at updated_at'),
    ('private.recovery_codes', 'created_at'),
    ('private.factors_told', 'user_id is_passkey created_at'),
    ('private.alerts', 'kind detail raised_at'),
    ('private.sign_in_failures', 'network failed_at'),
    ('private.blocked_networks', 'times blocked_at blocked_until'),
    ('private.suspicion_weights', 'weight reason'),
    ('private.sign_in_decisions', 'user_id session_id method network factors score decision reason decided_at'),
    ('public.customers', 'name created_at updated_at'),
    ('public.sites', 'customer_id address_line_1 created_at updated_at'),
    ('public.jobs', 'customer_id number title state created_at updated_at'),
    ('public.job_members', 'created_at'),
    ('public.documents', 'kind state access file_name upload_until created_at updated_at'),
    ('public.invoices', 'job_id customer_id state net_pence vat_pence total_pence paid_pence created_at updated_at'),
    ('public.invoice_lines', 'invoice_id position kind description quantity_milli unit_pence created_at updated_at'),
    ('public.invoice_vat', 'invoice_id vat_rate_bp net_pence vat_pence created_at updated_at'),
    ('public.payments', 'invoice_id amount_pence refunded_pence method paid_at created_at updated_at'),
    ('public.portal_links', 'invoice_id token_hash expires_at created_at updated_at'),
    ('private.account_states', 'sentence'),
    ('private.counters', 'last_number'),
    ('private.idempotency', 'function request_hash created_at'),
    ('private.schedules', 'schedule command reason'),
    ('private.limits', 'quota period by_address protects'),
    ('private.limit_takes', 'limit_name taken forget_at'),
    ('billing.connected_accounts', 'stripe_account_id charges_enabled payouts_enabled details_submitted created_at updated_at'),
    ('billing.checkout_sessions', 'invoice_id stripe_account_id amount_pence state created_at updated_at'),
    ('billing.stripe_events', 'type account created_at livemode object_type body_sha256 state received_at'),
    ('billing.stripe_leases', 'fence claimed_at lease_until'),
    ('mail.outbox', 'dedupe_key template to_address data has_secret state attempts send_after send_before created_at updated_at'),
    ('audit.records', 'chain_id chain_kind transaction_id recorded_at happened_at actor_kind via trusted action result entity subject is_detail commitments'),
    ('audit.field_values', 'chain_id fields'),
    ('audit.links', 'record_id hash'),
    ('audit.heads', 'seq hash record_id transaction_id'),
    ('audit.watched', 'entity subject subject_column is_detail'),
    ('audit.columns', 'class'),
    ('audit.anchors', 'at previous root size key_id signature statement_hash'),
    ('audit.anchor_heads', 'index seq hash path'),
    ('audit.anchor_deliveries', 'delivered_at'),
    ('audit.signing_keys', 'public_key first_used_at'),
    ('audit.segments', 'recorded_before dropped_at transaction_id');

select plan(
    (select count(*)::int from primary_keys) + (select count(*)::int from refers)
    + (select count(*)::int from must_be_filled, string_to_table(columns, ' '))
);

------------------------------------------------------------------------------------------------------
-- A row of each
------------------------------------------------------------------------------------------------------

select tests.business('bell');
select tests.job('bell');
select tests.sendable('bell');
select tests.link('bell');
select tests.photo('bell');
select tests.issued('bell', 'second');
select tests.draft('bell', null, 'draft');
select tests.invited('bell', 'new@mail.example');
select tests.domain('bell');
select tests.sso('bell');
select tests.person('una');
select tests.asked_to_join('bell', 'una');
-- Of the owner's role nothing is changed, so that another one's is tried.
select tests.member_with('bell', array['jobs.read'], 'bell planner');
select tests.put_on('bell job', 'bell planner');
update refers set pick = jsonb_build_object('role_id', tests.role('bell', 'bell planner')) where on_table = 'public.role_permissions';
update public.invoices set site_id = tests.id('bell site') where id = tests.id('bell draft');
insert into public.payments (account_id, invoice_id, amount_pence, method, paid_at)
values (tests.id('bell'), tests.id('bell invoice'), 100, 'cash', now());
insert into billing.connected_accounts (account_id, stripe_account_id) values (tests.id('bell'), 'acct_bell_1');
insert into billing.checkout_sessions (account_id, invoice_id, portal_link_id, stripe_account_id, amount_pence)
select l.account_id, l.invoice_id, l.id, 'acct_bell_1', 1
from public.portal_links as l
where l.account_id = tests.id('bell');
insert into billing.stripe_events (id, type, created_at, livemode, object_type, body_sha256)
values ('evt_1', 'x', now(), false, 'x', repeat('00', 32));
insert into private.session_devices (session_id, user_id) values (gen_random_uuid(), tests.id('bell owner'));
insert into private.sign_in_notices (token_hash, user_id) values (sha256('a link'), tests.id('bell owner'));
insert into private.recovery_codes (user_id, code_hash) values (tests.id('bell owner'), sha256('a code'));
insert into private.saml_entries (flow_id, user_id) values (gen_random_uuid(), tests.id('bell owner'));
insert into private.factors_told (factor_id, user_id, is_passkey) values (gen_random_uuid(), tests.id('bell owner'), false);
insert into private.alerts (kind, detail) values ('stuffing', '{}');
insert into private.sign_in_failures (network) values ('203.0.113.6');
insert into private.blocked_networks (network, blocked_until) values ('203.0.113.6', now() + interval '1 hour');
insert into private.sign_in_decisions (user_id, session_id, method, network, factors, score, decision, reason)
values (tests.id('bell owner'), gen_random_uuid(), 'password', '203.0.113.6', '[]', 0, 'allowed', 'x');
select service.claim_stripe_object('payment_intent', 'pi_1', '', 60);
insert into mail.outbox (account_id, dedupe_key, template, to_address, data, has_secret, document_id)
values (tests.id('bell'), 'bell', 'receipt', 'a@mail.example', '{"k": 1}', false, tests.id('bell document'));
select private.take('[{"limit": "password", "key": "sam"}]');
set constraints all immediate;
insert into audit.anchors (number, at, previous, root, size, key_id, signature, statement_hash)
values (1, now(), sha256('p'), sha256('r'), 1, 'key', sha512('s'), sha256('h'));
insert into audit.anchor_heads (chain_id, number, index, seq, hash, path)
values (tests.id('bell'), 1, 0, 1, sha256('h'), '{}');
insert into audit.anchor_deliveries (sink, number) values ('a place', 1);
insert into audit.signing_keys (id, public_key)
select private.base64url(sha256(convert_to('{"crv":"Ed25519","kty":"OKP","x":"' || private.base64url(key) || '"}', 'UTF8'))), key
from (values (sha256('a key'))) as made (key);

-- A chain of long ago, anchored, and its month dropped.
select tests.keep('old chain', gen_random_uuid());
insert into audit.records (
    chain_id, chain_kind, recorded_at, happened_at, actor_kind, via, trusted, action, result, entity, subject, is_detail, commitments
)
values (
    tests.id('old chain'), 'account', '2020-01-15', '2020-01-15', 'system', 'sql', false, 'x.created', 'ok', 'x', 'x', false, ''
);
set constraints all immediate;
insert into audit.anchor_heads (chain_id, number, index, seq, hash, path)
select l.chain_id, 1, 1, l.seq, l.hash, '{}'
from audit.links as l
where l.chain_id = tests.id('old chain');
insert into audit.segments (chain_id, last_seq, hash, anchor_number, recorded_before)
select l.chain_id, l.seq, l.hash, 1, '2020-02-01 00:00+00'
from audit.links as l
where l.chain_id = tests.id('old chain');
set constraints all immediate;

------------------------------------------------------------------------------------------------------
-- Tried
------------------------------------------------------------------------------------------------------

select is(
    pg_temp.refused_by(pg_temp.insert_of(k.on_table, pg_temp.newest(k.on_table)), 'replica'),
    split_part(k.on_table, '.', 2) || '_pkey', format('a row of %s is there once', k.on_table)
)
from primary_keys as k;

-- Other references of the table, and to it, would refuse too; they are taken away while one is tried.
create function pg_temp.refused_by_reference(given refers) returns text
    language plpgsql
as $$
declare
    before jsonb := pg_temp.newest(given.on_table, given.pick);
    other record;
    answer text;
begin
    if given.on_table not like 'audit.%' then
        for other in
            select k.conname, k.conrelid::regclass as on_table
            from pg_constraint as k
            where given.on_table::regclass in (k.conrelid, k.confrelid) and k.contype = 'f' and k.conname <> given.rule
        loop
            execute format('alter table %s drop constraint %I', other.on_table, other.conname);
        end loop;
        answer := pg_temp.refused_by(format(
            'update %1$s as t set %2$I = (jsonb_populate_record(t, %3$L)).%2$I where to_jsonb(t) = %4$L',
            given.on_table, given.column_name, pg_temp.elsewhere(given.column_name, before), before
        ));
    else
        answer := pg_temp.refused_by(pg_temp.insert_of(given.on_table, before || pg_temp.elsewhere(given.column_name, before)));
    end if;
    raise exception using errcode = 'TF001', message = answer;
exception
    when sqlstate 'TF001' then
        return sqlerrm;
end
$$;

-- What points nowhere.
create function pg_temp.elsewhere(column_name text, before jsonb) returns jsonb
    language sql
as $$
    select jsonb_build_object(
        column_name,
        case
            when private.as_uuid(before ->> column_name) is not null then to_jsonb(gen_random_uuid())
            when jsonb_typeof(before -> column_name) = 'number' then to_jsonb(-1)
            else to_jsonb('nothing'::text)
        end
    )
$$;

select is(pg_temp.refused_by_reference(r), r.rule, format('[ISO-3] %s: %s', replace(r.rule, '_', ' '), r.column_name))
from refers as r;

select is(
    pg_temp.refused_by(pg_temp.insert_of(f.on_table, pg_temp.newest(f.on_table) || jsonb_build_object(c, null)), 'replica'),
    c || ' is empty', format('%s of %s may not be empty', c, f.on_table)
)
from must_be_filled as f, string_to_table(f.columns, ' ') as c;
select * from finish();
