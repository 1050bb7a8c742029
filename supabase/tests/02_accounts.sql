select plan(47);

------------------------------------------------------------------------------------------------------
-- Opening an account
------------------------------------------------------------------------------------------------------

select tests.business('bell');
select tests.business('finch', false);

select is((select count(*) from public.roles where account_id = tests.id('bell')), 5::bigint, 'a new account has its five roles');
select is(
    (select r.key from public.members as m join public.roles as r on r.account_id = m.account_id and r.id = m.role_id where m.account_id = tests.id('bell')),
    'owner', 'whoever opens it is its owner'
);
select results_eq(
    $$select id, public from storage.buckets where id = tests.id('bell')::text$$,
    $$values (tests.id('bell')::text, false)$$,
    '[FILE-1] the account''s private bucket is made with it, named by its id'
);
select tests.person('newcomer');
select tests.authenticate_as('newcomer');
select lives_ok(
    $$select public.open_account('Newcomer', 'roofer', false, null, 'New Comer', '00000000-0000-4000-8000-000000000001')$$,
    'anybody who is signed in can open an account'
);
select is(
    public.open_account('Newcomer', 'roofer', false, null, 'New Comer', '00000000-0000-4000-8000-000000000001'),
    (select id from public.accounts),
    'the same form sent twice opens one account'
);
select throws_ok($$select public.open_account(' ', 'roofer', false, null, 'N', gen_random_uuid())$$, 'P0001', 'Give the business a name.', 'a business needs a name');
select throws_ok($$select public.open_account('A', 'roofer', false, 'GB999999973', 'N', gen_random_uuid())$$, 'P0001', null, 'a VAT number without registration is refused');
select throws_ok($$select public.open_account('A', 'roofer', true, '123456789', 'N', gen_random_uuid())$$, 'P0001', null, 'a VAT number that fails HMRC''s check is refused');
select lives_ok($$select public.open_account('Second', 'roofer', true, 'gb 999 9999 73', 'N', gen_random_uuid())$$, 'spaces and GB in a VAT number do no harm');
select is((select vat_number from public.accounts where name = 'Second'), '999999973', 'it is kept as its digits');
select tests.be_anon();
select throws_ok($$select public.open_account('A', 'roofer', false, null, 'N', gen_random_uuid())$$, '42501', null, 'anon cannot open an account');
select tests.be_postgres();
-- G66, G67: form only; the two series.
select ok(private.is_vat_number('999999973'), 'a number divisible by 97 passes');
select ok(not private.is_vat_number('999999974'), 'one digit off does not');
select ok(private.is_vat_number('999999918'), 'a number of the series since 2009 (adding 55) passes');

------------------------------------------------------------------------------------------------------
-- Who sees an account
------------------------------------------------------------------------------------------------------

select tests.member('bell', 'admin');
select tests.member('bell', 'staff');
select tests.member('bell', 'partner');
select tests.member('bell', 'agent');

select tests.authenticate_as('bell owner');
select is((select array_agg(id) from public.accounts), array[tests.id('bell')], '[ISO-1] an owner sees their account');
select tests.authenticate_as('finch owner');
select is((select array_agg(id) from public.accounts), array[tests.id('finch')], '[ISO-1] and not another one');
select lives_ok($$update public.accounts set name = 'Taken over' where id = tests.id('bell')$$, '[ISO-1] an update of another account runs');
select tests.be_postgres();
select is((select name from public.accounts where id = tests.id('bell')), 'Bell', '[ISO-1] and changes nothing');
select tests.authenticate_as('bell owner');
update public.accounts set name = 'Bell Lane' where id = tests.id('bell');
select is((select name from public.accounts), 'Bell Lane', '[ACC-3] an owner changes the business''s details');
select throws_ok($$update public.accounts set state = 'active'$$, '42501', null, '[ACC-3] nobody changes the state of their own account');
select throws_ok($$insert into public.role_permissions (account_id, role_id, permission) select account_id, id, 'payouts.manage' from public.roles where key = 'admin'$$, '42501', null, '[ACC-3] nobody grants permissions through the table');
select throws_ok($$update public.members set removed_at = now()$$, '42501', null, '[ACC-3] nobody changes memberships through the table');
select tests.authenticate_as('bell staff');
update public.accounts set name = 'Staff was here';
select is((select name from public.accounts), 'Bell Lane', '[ACC-3] staff sees the details and cannot change them');
select throws_ok($$select private.require(tests.id('bell'), 'invoices.issue')$$, '42501', null, '[ACC-3] staff may not issue invoices');
select throws_ok($$select private.require(tests.id('bell'), 'invoices.read')$$, '42501', null, '[ACC-3] nor see a price');
select throws_ok($$select private.require(tests.id('finch'), 'jobs.read')$$, 'PT404', null, '[ISO-1] another account is not there at all');
select throws_ok($$select private.require(gen_random_uuid(), 'jobs.read')$$, 'PT404', null, '[ISO-1] and answers exactly as one that does not exist');

-- The whole matrix of permissions and roles, against the template a person can read.
select tests.be_postgres();
select results_eq(
    $$
        select r.key, p.key
        from public.roles as r cross join public.permissions as p
        where r.account_id = tests.id('bell')
          and p.key = any (
              case r.key
                  when 'owner' then (select array_agg(key) from public.permissions)
                  when 'admin' then (select array_agg(key) from public.permissions where key <> 'payouts.manage')
                  when 'staff' then array[
                      'account.read', 'members.read', 'customers.read', 'customers.write', 'jobs.read', 'jobs.write',
                      'documents.read', 'documents.write'
                  ]
                  else '{}'
              end
          )
        order by 1, 2
    $$,
    $$
        select r.key, rp.permission
        from public.role_permissions as rp join public.roles as r on r.account_id = rp.account_id and r.id = rp.role_id
        where r.account_id = tests.id('bell')
        order by 1, 2
    $$,
    '[ACC-3] owner has everything, admin all but payouts, staff the daily work, partner and agent nothing'
);
select tests.authenticate_as('bell partner');
select is_empty('select * from public.accounts', '[ACC-3] a partner sees nothing by default');
select tests.authenticate_as('bell agent');
select is_empty('select * from public.members', '[ACC-3] an agent sees nothing by default');

------------------------------------------------------------------------------------------------------
-- Ended means ended, with the next statement
------------------------------------------------------------------------------------------------------

select tests.authenticate_as('bell staff');
select ok(public.has_permission(tests.id('bell'), 'jobs.read'), '[ACC-4] a member has their permissions');
select tests.be_postgres();
update public.members set removed_at = now() where id = tests.id('bell staff membership');
select tests.authenticate_as('bell staff');
select ok(not public.has_permission(tests.id('bell'), 'jobs.read'), '[ACC-4] a removed member has none with the next statement');
select is_empty('select * from public.accounts', '[ACC-4] and sees nothing');

select tests.authenticate_as('bell admin');
select isnt_empty('select * from public.accounts', '[AUTH-6] a live session reads');
select tests.be_postgres();
delete from auth.sessions where id = (select session_id from tests.things where name = 'bell admin');
select tests.authenticate_as('bell admin');
select is_empty('select * from public.accounts', '[AUTH-6] a session that was signed out reads nothing, whatever its token says');
select throws_ok($$select private.require(tests.id('bell'), 'jobs.read')$$, '42501', 'Your session has ended. Sign in again.', '[AUTH-6] and is told so');

select tests.be_postgres();
update auth.sessions set created_at = now() - interval '15 days', refreshed_at = (now() - interval '13 days 23 hours') at time zone 'utc'
where id = (select session_id from tests.things where name = 'bell owner');
select tests.authenticate_as('bell owner');
select isnt_empty('select * from public.accounts', '[AUTH-5] a session used within 14 days is alive');
select tests.be_postgres();
update auth.sessions set refreshed_at = (now() - interval '14 days 1 hour') at time zone 'utc'
where id = (select session_id from tests.things where name = 'bell owner');
select tests.authenticate_as('bell owner');
select is_empty('select * from public.accounts', '[AUTH-5] one unused for 14 days has ended');
select tests.be_postgres();
update auth.sessions set created_at = now() - interval '91 days', refreshed_at = now() at time zone 'utc'
where id = (select session_id from tests.things where name = 'bell owner');
select tests.authenticate_as('bell owner');
select is_empty('select * from public.accounts', '[AUTH-5] one begun 91 days ago has ended, however busy');
select tests.be_postgres();
update auth.sessions set created_at = now(), not_after = now() - interval '1 second'
where id = (select session_id from tests.things where name = 'bell owner');
select tests.authenticate_as('bell owner');
select is_empty('select * from public.accounts', '[AUTH-5] one past its not_after has ended');

------------------------------------------------------------------------------------------------------
-- The state of the account
------------------------------------------------------------------------------------------------------

select tests.be_postgres();
select tests.set_state('finch', 'suspended');
select tests.authenticate_as('finch owner');
select isnt_empty('select * from public.accounts', '[ADM-4] the owner of a suspended account reads it');
update public.accounts set name = 'Still mine';
select is((select name from public.accounts), 'Finch', '[ADM-4] and changes nothing');
select throws_ok($$select private.require(tests.id('finch'), 'jobs.write')$$, '42501', 'This account cannot be changed at the moment. Settings says why.', '[ADM-4] and is told why');
select lives_ok($$select private.require(tests.id('finch'), 'export.run')$$, '[ADM-4] and can export');
select tests.be_postgres();
select results_eq(
    $$select act from private.account_state_allows where state = 'suspended' order by 1$$,
    $$values ('export'), ('member_reads'), ('pays_us'), ('portal_reads')$$,
    '[ADM-4] what a suspended account may do stands in one table'
);

------------------------------------------------------------------------------------------------------
-- An owner at least
------------------------------------------------------------------------------------------------------

select tests.set_state('finch', 'active');
select throws_ok(
    $t$do $$ begin
        set constraints all immediate;
        update public.members set removed_at = now() where account_id = tests.id('finch');
    end $$ $t$,
    'P0001', 'A business always keeps at least one owner.', '[ACC-5] the last owner cannot be removed'
);
select tests.member('finch', 'owner', 'finch partner in business');
select lives_ok(
    $t$do $$ begin
        set constraints all immediate;
        update public.members set removed_at = now() where account_id = tests.id('finch') and user_id = tests.id('finch owner');
    end $$ $t$,
    '[ACC-5] one of two owners can be removed'
);
select * from finish();
