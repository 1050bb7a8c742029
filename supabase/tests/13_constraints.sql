-- Every check and unique constraint in the catalog, each tried with something that only it can refuse. One without a line
-- here fails the first test; take a constraint away and its line fails.
create temporary table attempt (
    rule text primary key,
    on_table text not null,
    how text not null,
    changes jsonb not null,
    pick jsonb not null default '{}'
);
comment on column pg_temp.attempt.how is 'change: an update of a row of bell that has pick; copy: a second row like it.';

insert into attempt (rule, on_table, how, changes, pick)
values
    -- Accounts
    ('act_is_known', 'private.account_state_allows', 'copy', '{"act": "anything"}', '{}'),
    ('account_name_is_not_blank', 'public.accounts', 'change', '{"name": "  "}', '{}'),
    ('account_trade_is_not_blank', 'public.accounts', 'change', '{"trade": ""}', '{}'),
    ('account_vat_number_is_valid', 'public.accounts', 'change', '{"vat_number": "123456789"}', '{}'),
    ('account_vat_number_needs_registration', 'public.accounts', 'change', '{"vat_registered": false}', '{}'),
    ('account_email_looks_like_one', 'public.accounts', 'change', '{"email": "nonsense"}', '{}'),
    ('account_phone_is_short', 'public.accounts', 'change', jsonb_build_object('phone', repeat('0', 41)), '{}'),
    ('account_address_is_short', 'public.accounts', 'change', '{"postcode": "KQ1 1AA 1AA"}', '{}'),
    ('account_payment_terms_are_sensible', 'public.accounts', 'change', '{"payment_terms_days": 121}', '{}'),
    ('permission_is_area_and_verb', 'public.permissions', 'copy', '{"key": "everything"}', '{}'),
    ('permission_act_is_known', 'public.permissions', 'copy', '{"key": "jobs.burn", "area": "jobs", "act": "anything"}', '{}'),
    ('role_key_is_known', 'public.roles', 'copy', '{"key": "king", "name": "King"}', '{}'),
    ('role_key_is_unique_in_account', 'public.roles', 'copy', '{"name": "Second"}', '{"key": "owner"}'),
    ('role_name_is_not_blank', 'public.roles', 'copy', '{"key": null, "name": " "}', '{}'),
    ('role_name_is_unique_in_account', 'public.roles', 'copy', '{"key": null}', '{}'),
    ('member_name_is_not_blank', 'public.members', 'change', '{"display_name": " "}', '{}'),
    ('member_is_unique_in_account', 'public.members', 'copy', '{}', '{}'),
    ('whoever_was_removed_was_removed_by_somebody', 'public.members', 'change', jsonb_build_object('removed_by', '00000000-0000-7000-8000-000000000000'), '{}'),
    ('whoever_is_in_the_team_has_a_role', 'public.members', 'change', '{"role_id": null}', '{"removed_at": null}'),
    ('open_invitation_gives_a_role', 'public.invitations', 'change', '{"role_id": null}', '{"accepted_at": null, "withdrawn_at": null}'),
    ('address_is_invited_once', 'public.invitations', 'copy', jsonb_build_object('token_hash', '\x' || repeat('ab', 32)), '{}'),
    ('invitation_token_is_unique', 'public.invitations', 'copy', '{"email": "other@mail.example"}', '{}'),
    ('invitation_token_is_kept_as_a_hash', 'public.invitations', 'change', '{"token_hash": "\\x00"}', '{}'),
    ('invitation_address_looks_like_one', 'public.invitations', 'change', '{"email": "New@mail.example"}', '{}'),
    ('invitation_is_accepted_or_withdrawn', 'public.invitations', 'change', '{"accepted_at": "2026-01-01", "withdrawn_at": "2026-01-01"}', '{}'),
    ('session_limit_is_known', 'private.session_limits', 'copy', '{"kind": "other"}', '{}'),
    ('session_limits_are_sensible', 'private.session_limits', 'change', '{"idle": "100 days"}', '{}'),
    ('session_device_is_short', 'private.session_devices', 'change', jsonb_build_object('device', repeat('x', 81)), '{}'),
    ('domain_is_named_once_in_account', 'public.domains', 'copy', '{"state": "waiting"}', '{}'),
    ('domain_is_proven_by_one_account', 'public.domains', 'copy', jsonb_build_object('account_id', '00000000-0000-7000-8000-000000000000'), '{}'),
    ('domain_looks_like_one', 'public.domains', 'change', '{"domain": "Bell.example"}', '{}'),
    ('domain_state_is_known', 'public.domains', 'change', '{"state": "proven"}', '{}'),
    ('domain_joining_is_known', 'public.domains', 'change', '{"joining": "everybody"}', '{}'),
    ('domain_always_gives_a_role', 'public.domains', 'change', '{"role_id": null}', '{}'),
    ('proven_domain_was_found', 'public.domains', 'change', '{"found_at": null}', '{}'),
    ('account_has_one_sso_provider', 'public.sso_providers', 'copy', '{"identifier": "custom:tf-00000000000000000000000000000000"}', '{}'),
    ('sso_provider_is_one_accounts', 'public.sso_providers', 'copy', jsonb_build_object('account_id', '00000000-0000-7000-8000-000000000000'), '{}'),
    ('sso_provider_is_one_of_the_auth_server', 'public.sso_providers', 'change', '{"identifier": "google"}', '{}'),
    ('sso_provider_always_gives_a_role', 'public.sso_providers', 'change', '{"role_id": null}', '{}'),
    ('sso_provider_kind_is_known', 'public.sso_providers', 'change', '{"kind": "ldap", "identifier": "tf-00000000000000000000000000000000", "client_id": null}', '{}'),
    ('sso_provider_state_is_known', 'public.sso_providers', 'change', '{"state": "asleep"}', '{}'),
    ('saml_provider_signs_until_some_day', 'public.sso_providers', 'change', '{"certificate_ends_at": "2030-01-01"}', '{}'),
    ('saml_provider_metadata_is_an_address', 'public.sso_providers', 'change', '{"metadata_url": "https://login.example"}', '{}'),
    ('sso_provider_has_a_name', 'public.sso_providers', 'change', '{"name": " "}', '{}'),
    ('sso_provider_is_an_address', 'public.sso_providers', 'change', '{"issuer": "login.example"}', '{}'),
    ('sso_provider_knows_us_by_a_name', 'public.sso_providers', 'change', '{"client_id": ""}', '{}'),
    ('person_asks_to_join_once', 'public.join_requests', 'copy', '{}', '{}'),
    ('join_request_name_is_not_blank', 'public.join_requests', 'change', '{"display_name": " "}', '{}'),
    ('join_request_state_is_known', 'public.join_requests', 'change', '{"state": "decided"}', '{}'),
    ('recovery_code_is_kept_as_a_hash', 'private.recovery_codes', 'change', '{"code_hash": "\\x00"}', '{}'),
    ('counter_is_known', 'private.counters', 'copy', '{"name": "quote"}', '{}'),
    ('counter_never_falls_below_zero', 'private.counters', 'change', '{"last_number": -1}', '{}'),
    ('limit_is_short_enough_to_remember', 'private.limits', 'change', '{"quota": 101}', '{}'),
    ('alert_kind_is_known', 'private.alerts', 'change', '{"kind": "other"}', '{}'),
    ('platform_owner_address_is_on_the_list_once', 'private.platform_owners', 'copy', jsonb_build_object('user_id', '00000000-0000-7000-8000-000000000000'), '{"email": "they@platform.example"}'),
    ('platform_owner_address_is_as_the_auth_server_writes_it', 'private.platform_owners', 'change', '{"email": "They@platform.example"}', '{"email": "they@platform.example"}'),
    ('network_is_released_again', 'private.blocked_networks', 'change', '{"blocked_until": "2126-01-01"}', '{}'),
    ('weight_is_a_share_of_a_hundred', 'private.suspicion_weights', 'change', '{"weight": 101}', '{}'),
    ('sign_in_decision_is_known', 'private.sign_in_decisions', 'change', '{"decision": "other"}', '{}'),
    ('sign_in_country_is_a_code', 'private.sign_in_decisions', 'change', '{"country": "uk"}', '{}'),
    ('record_is_linked_once', 'audit.links', 'copy', '{"seq": 0}', '{}'),
    ('relation_is_guarded_once', 'private.guarded', 'copy', '{}', '{"relation": "audit.records"}'),
    ('function_is_guarded_once', 'private.guarded', 'copy', '{}', '{"function": "audit.record()"}'),
    ('guarded_is_a_table_or_a_function', 'private.guarded', 'copy', '{"relation": null}', '{"relation": "audit.records"}'),
    ('column_class_is_known', 'audit.columns', 'change', '{"class": "public"}', '{}'),
    ('anchor_number_counts_from_one', 'audit.anchors', 'copy', '{"number": 0}', '{}'),
    ('anchor_is_signed', 'audit.anchors', 'copy', '{"number": 2, "signature": "\\x00"}', '{}'),
    ('key_is_named_by_its_thumbprint', 'audit.signing_keys', 'copy', '{"id": "another name"}', '{}'),
    -- Customers and sites
    ('customer_name_is_not_blank', 'public.customers', 'change', '{"name": ""}', '{}'),
    ('customer_email_looks_like_one', 'public.customers', 'change', '{"email": "a@b"}', '{}'),
    ('customer_phone_is_short', 'public.customers', 'change', jsonb_build_object('phone', repeat('0', 41)), '{}'),
    ('customer_notes_are_short', 'public.customers', 'change', jsonb_build_object('notes', repeat('x', 4001)), '{}'),
    ('site_address_is_not_blank', 'public.sites', 'change', '{"address_line_1": " "}', '{}'),
    ('site_address_is_short', 'public.sites', 'change', jsonb_build_object('town', repeat('x', 121)), '{}'),
    ('site_is_of_one_customer', 'public.sites', 'copy', '{"id": "same"}', '{}'),
    -- Jobs
    ('job_title_is_not_blank', 'public.jobs', 'change', '{"title": " "}', '{}'),
    ('job_description_is_short', 'public.jobs', 'change', jsonb_build_object('description', repeat('x', 4001)), '{}'),
    ('job_state_is_known', 'public.jobs', 'change', '{"state": "waiting"}', '{}'),
    ('job_number_is_unique_in_account', 'public.jobs', 'copy', '{}', '{}'),
    ('job_is_of_one_customer', 'public.jobs', 'copy', '{"id": "same", "number": 99}', '{}'),
    -- Documents
    ('document_is_of_a_known_kind_and_belongs_to_its_thing', 'public.documents', 'change', '{"kind": "song"}', '{"kind": "photo"}'),
    ('document_state_is_known', 'public.documents', 'change', '{"state": "lost"}', '{"state": "ready"}'),
    ('document_access_is_known', 'public.documents', 'change', '{"access": "everybody"}', '{}'),
    ('document_file_name_is_not_blank', 'public.documents', 'change', '{"file_name": " "}', '{}'),
    ('ready_document_has_its_facts', 'public.documents', 'change', '{"sha256": null}', '{"state": "ready"}'),
    ('photo_has_a_size_in_pixels', 'public.documents', 'change', '{"width": null}', '{"kind": "photo"}'),
    -- Invoices and lines
    ('invoice_state_is_known', 'public.invoices', 'copy', '{"state": "overdue", "number": 77}', '{"state": "issued"}'),
    ('invoice_total_is_net_plus_vat', 'public.invoices', 'change', '{"total_pence": 1}', '{"state": "draft"}'),
    ('invoice_has_a_number_once_issued', 'public.invoices', 'change', '{"number": 77}', '{"state": "draft"}'),
    ('invoice_number_is_unique_in_account', 'public.invoices', 'copy', '{}', '{"state": "issued"}'),
    ('invoice_is_complete_once_issued', 'public.invoices', 'copy', '{"number": 77, "supplier": null}', '{"state": "issued"}'),
    ('draft_carries_nothing_of_an_issued_invoice', 'public.invoices', 'change', '{"sent_at": "2026-01-01"}', '{"state": "draft"}'),
    ('invoice_state_agrees_with_what_is_paid', 'public.invoices', 'change', '{"paid_pence": 1}', '{"state": "draft"}'),
    ('invoice_notes_are_short', 'public.invoices', 'change', jsonb_build_object('notes', repeat('x', 4001)), '{"state": "draft"}'),
    ('line_position_is_unique_in_invoice', 'public.invoice_lines', 'copy', '{}', '{"description": "Draft"}'),
    ('line_position_counts_from_one', 'public.invoice_lines', 'change', '{"position": 0}', '{"description": "Draft"}'),
    ('line_kind_is_known', 'public.invoice_lines', 'change', '{"kind": "gift"}', '{"description": "Draft"}'),
    ('line_description_is_not_blank', 'public.invoice_lines', 'change', '{"description": " "}', '{"description": "Draft"}'),
    ('line_quantity_is_sensible', 'public.invoice_lines', 'change', '{"quantity_milli": 0}', '{"description": "Draft"}'),
    ('line_price_is_sensible', 'public.invoice_lines', 'change', '{"unit_pence": 1000000001}', '{"description": "Draft"}'),
    ('line_vat_rate_is_known', 'public.invoice_lines', 'change', '{"vat_rate_bp": 1750}', '{"description": "Draft"}'),
    ('vat_rate_is_unique_in_invoice', 'public.invoice_vat', 'copy', '{}', '{"net_pence": 700}'),
    ('vat_is_the_rate_of_the_net_to_the_nearest_penny', 'public.invoice_vat', 'change', '{"vat_pence": 141}', '{"net_pence": 700}'),
    -- Payments and links
    ('payment_is_of_money', 'public.payments', 'change', '{"amount_pence": 0}', '{"method": "cash"}'),
    ('refund_is_within_the_payment', 'public.payments', 'change', '{"refunded_pence": 101}', '{"method": "cash"}'),
    ('payment_method_is_known', 'public.payments', 'change', '{"method": "gold"}', '{"method": "cash"}'),
    ('card_payment_is_known_to_stripe', 'public.payments', 'change', '{"method": "card"}', '{"method": "cash"}'),
    ('payment_intent_is_recorded_once', 'public.payments', 'copy', '{}', '{"method": "card"}'),
    ('portal_token_is_unique', 'public.portal_links', 'copy', '{}', '{}'),
    ('portal_token_is_kept_as_a_hash', 'public.portal_links', 'change', '{"token_hash": "\\x00"}', '{}'),
    -- Billing
    ('connected_account_belongs_to_one_business', 'billing.connected_accounts', 'copy', jsonb_build_object('account_id', '00000000-0000-7000-8000-000000000000'), '{}'),
    ('connected_account_is_stripes', 'billing.connected_accounts', 'change', '{"stripe_account_id": "cus_1"}', '{}'),
    ('checkout_session_is_known_once', 'billing.checkout_sessions', 'copy', '{"state": "expired"}', '{}'),
    ('checkout_is_of_money', 'billing.checkout_sessions', 'change', '{"amount_pence": 0}', '{}'),
    ('checkout_state_is_known', 'billing.checkout_sessions', 'change', '{"state": "lost"}', '{}'),
    ('checkout_that_is_open_has_an_address', 'billing.checkout_sessions', 'change', '{"session_id": null}', '{}'),
    ('checkout_has_one_current_attempt', 'billing.checkout_sessions', 'copy', '{"session_id": "cs_2"}', '{}'),
    ('event_state_is_known', 'billing.stripe_events', 'copy', '{"id": "evt_2", "state": "lost"}', '{}'),
    ('event_body_is_kept_as_a_hash', 'billing.stripe_events', 'copy', '{"id": "evt_2", "body_sha256": "{}"}', '{}'),
    -- Mail
    ('message_is_queued_once', 'mail.outbox', 'copy', '{}', '{}'),
    ('message_state_is_known', 'mail.outbox', 'change', '{"state": "lost"}', '{}'),
    ('message_template_is_known', 'mail.outbox', 'change', '{"template": "newsletter"}', '{}'),
    ('message_address_looks_like_one', 'mail.outbox', 'change', '{"to_address": "nobody"}', '{}'),
    ('sent_message_keeps_no_secret', 'mail.outbox', 'change', '{"state": "sent", "has_secret": true}', '{}'),
    ('leased_message_is_being_sent', 'mail.outbox', 'change', '{"state": "sending"}', '{}');

select plan((select count(*)::int + 1 from attempt));

select tests.business('bell');
select tests.job('bell');
select tests.sendable('bell');
select tests.link('bell');
select tests.invited('bell', 'new@mail.example');
select tests.domain('bell');
select tests.sso('bell');
select tests.person('una');
select tests.asked_to_join('bell', 'una');
select tests.photo('bell');
select tests.draft('bell', jsonb_build_array(tests.line(700) || '{"description": "Draft"}'), 'draft');
insert into public.payments (account_id, invoice_id, amount_pence, method, paid_at, stripe_payment_intent)
values
    (tests.id('bell'), tests.id('bell invoice'), 100, 'cash', now(), null),
    (tests.id('bell'), tests.id('bell invoice'), 100, 'card', now(), 'pi_1');
update public.payments set refunded_pence = amount_pence where account_id = tests.id('bell');
insert into billing.connected_accounts (account_id, stripe_account_id) values (tests.id('bell'), 'acct_bell_1');
insert into billing.checkout_sessions (account_id, invoice_id, stripe_account_id, amount_pence, state, session_id)
values (tests.id('bell'), tests.id('bell invoice'), 'acct_bell_1', 100, 'open', 'cs_1');
insert into billing.stripe_events (id, type, created_at, livemode, object_type, body_sha256)
values ('evt_1', 'x', now(), false, 'x', repeat('00', 32));
insert into mail.outbox (account_id, dedupe_key, template, to_address, data, has_secret)
values (tests.id('bell'), 'bell', 'receipt', 'a@mail.example', '{"k": 1}', false);
insert into audit.anchors (number, at, previous, root, size, key_id, signature, statement_hash)
values (1, now(), sha256(''), sha256(''), 1, 'key', sha256('') || sha256(''), sha256(''));
insert into audit.signing_keys (id, public_key)
values (
    'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
    '\xd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'
);
insert into private.session_devices (session_id, user_id) values (gen_random_uuid(), tests.id('bell owner'));
insert into private.recovery_codes (user_id, code_hash) values (tests.id('bell owner'), sha256('a code'));
insert into private.alerts (kind, detail) values ('stuffing', '{}');
insert into private.platform_owners (user_id, email) values (tests.id('bell owner'), 'they@platform.example');
insert into private.blocked_networks (network, blocked_until) values ('203.0.113.6', now() + interval '1 hour');
insert into private.sign_in_decisions (user_id, session_id, method, network, factors, score, decision, reason)
values (tests.id('bell owner'), gen_random_uuid(), 'password', '203.0.113.6', '[]', 0, 'allowed', 'x');
set constraints all immediate;

create function pg_temp.refused_by(given attempt) returns text
    language plpgsql
as $$
declare
    changed text;
    every text;
    rule text;
    touched bigint;
    changes jsonb := given.changes;
    row_of_bell text := format(
        'to_jsonb(t) @> %L and (not (to_jsonb(t) ? ''account_id'') or (to_jsonb(t) ->> ''account_id'')::uuid = tests.id(''bell''))'
        ' and (%L <> ''public.accounts'' or (to_jsonb(t) ->> ''id'') = tests.id(''bell'')::text)',
        given.pick, given.on_table
    );
begin
    select string_agg(format('%I', a.attname), ', ' order by a.attnum) filter (where changes ? a.attname), string_agg(format('%I', a.attname), ', ' order by a.attnum)
    into changed, every
    from pg_attribute as a
    where a.attrelid = given.on_table::regclass and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' and a.attidentity = '';

    -- A copy is a new row, unless it is the id that must not come twice.
    if given.how = 'copy' and changes ->> 'id' is distinct from 'same' and not changes ? 'id' and given.on_table <> 'audit.records' then
        changes := changes || jsonb_build_object('id', gen_random_uuid());
    end if;
    if changes ->> 'id' = 'same' then
        changes := changes - 'id';
        execute format('alter table %s drop constraint %I cascade', given.on_table, (select conname from pg_constraint where conrelid = given.on_table::regclass and contype = 'p'));
    end if;

    -- Triggers are proved elsewhere; here it is the constraint alone that has to refuse.
    set local session_replication_role = replica;
    execute case given.how
        when 'change' then format(
            'update %1$s as t set (%2$s) = (select %2$s from jsonb_populate_record(t, %3$L)) where t.ctid = (select t.ctid from %1$s as t where %4$s limit 1)',
            given.on_table, changed, changes, row_of_bell
        )
        else format(
            'insert into %1$s (%2$s) select %2$s from (select (jsonb_populate_record(t, %3$L)).* from %1$s as t where %4$s limit 1) as copy',
            given.on_table, every, changes, row_of_bell
        )
    end;
    get diagnostics touched = row_count;
    raise exception using errcode = 'TF000', message = format('%s rows went through', touched);
exception
    when check_violation or unique_violation then
        get stacked diagnostics rule = constraint_name;
        return rule;
    when others then
        return sqlerrm;
end
$$;

select set_eq(
    $$
        select conname::text
        from pg_constraint
        where contype in ('c', 'u')
          and connamespace::regnamespace::text in ('public', 'private', 'audit', 'billing', 'mail')
        union
        select c.relname::text
        from pg_index as i
        join pg_class as c on c.oid = i.indexrelid
        where i.indisunique
          and c.relnamespace::regnamespace::text in ('public', 'private', 'audit', 'billing', 'mail')
          and not exists (select from pg_constraint as k where k.conindid = i.indexrelid)
    $$,
    'select rule from attempt',
    'every constraint in the catalog is tried here'
);
select is(pg_temp.refused_by(a), a.rule, format('%s refuses %s', replace(a.rule, '_', ' '), left(a.changes::text, 60)))
from attempt as a
order by a.on_table, a.rule;
select * from finish();
