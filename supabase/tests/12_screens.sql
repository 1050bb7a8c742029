select plan(18);

select tests.person('newcomer');
select tests.business('bell');
select tests.business('finch');
select tests.job('bell');
select tests.job('finch');
select tests.issued('finch');
select tests.member('bell', 'staff');
select tests.member_with('bell', array['account.read', 'jobs.read', 'jobs.all'], 'bell reader');

select tests.authenticate_as('newcomer');
select is(public.me() -> 'accounts', '[]'::jsonb, 'on the first visit there are no accounts');
select throws_ok($$select public.today(tests.id('bell'))$$, 'PT404', null, '[ISO-1] and nobody else''s day to see');
select tests.authenticate_as('bell staff');
select results_eq(
    $$select me #>> '{accounts,0,id}', me #>> '{accounts,0,role,key}', me #> '{accounts,0,permissions}' ? 'jobs.write', me #> '{accounts,0,permissions}' ? 'invoices.issue', jsonb_array_length(me -> 'accounts') from public.me() as me$$,
    $$values (tests.id('bell')::text, 'staff', true, false, 1)$$,
    'a member sees their account, role and permissions'
);
select tests.be_postgres();
select tests.set_state('bell', 'suspended');
select tests.authenticate_as('bell staff');
select ok(not (public.me() #> '{accounts,0,permissions}' ? 'jobs.write') and public.me() #> '{accounts,0,permissions}' ? 'jobs.read', '[ADM-4] only those that count in the state of the account');
select tests.be_postgres();
select tests.set_state('bell', 'active');
update public.members set removed_at = now() where id = tests.id('bell staff membership');
select tests.authenticate_as('bell staff');
select is(public.me() -> 'accounts', '[]'::jsonb, '[ACC-4] a removed member sees none');
select tests.be_postgres();
delete from auth.sessions where id = (select session_id from tests.things where name = 'newcomer');
select tests.authenticate_as('newcomer');
select throws_ok('select public.me()', '42501', 'Your session has ended. Sign in again.', '[AUTH-6] a session that was signed out is nobody');
select tests.be_anon();
select throws_ok('select public.me()', '42501', null, 'nor is anon');

select tests.be_postgres();
select tests.issued('bell');
select tests.claim('bell owner');
select is((public.today(tests.id('bell')) ->> 'owed_pence') || ' ' || (public.today(tests.id('bell')) ->> 'overdue_count'), '12000 0', 'Today adds up what is owed');
select set_config('tf.moment', (now() + interval '15 days')::text, true);
select is((public.today(tests.id('bell')) ->> 'overdue_pence') || ' ' || (public.today(tests.id('bell')) ->> 'overdue_count'), '12000 1', 'two weeks and a day later it is overdue');
select is(public.today(tests.id('bell')) #>> '{needs_you,0,kind}', 'invoice_overdue', 'and first of what needs somebody');
select set_config('tf.moment', '', true);
insert into public.payments (account_id, invoice_id, amount_pence, method, paid_at)
values (tests.id('bell'), tests.id('bell invoice'), 12000, 'bank', now());
select is(
    (public.today(tests.id('bell')) ->> 'owed_pence') || ' ' || (public.today(tests.id('bell')) ->> 'paid_this_month_pence') || ' ' || (public.today(tests.id('bell')) #>> '{recent_payments,0,reference}'),
    '0 12000 INV-0001', 'a payment shows at once'
);
select tests.be_postgres();
select tests.job('bell', 'now');
update public.jobs set state = 'booked', booked_on = private.today() where id = tests.id('bell now');
select tests.authenticate_as('bell owner');
select is(public.today(tests.id('bell')) #>> '{jobs_today,0,id}', tests.id('bell now')::text, 'a job booked for today shows');
select is(jsonb_array_length(public.today(tests.id('bell')) -> 'jobs_today'), 1, 'and only that');
select tests.authenticate_as('bell reader');
select is((public.today(tests.id('bell')) ->> 'paid_this_month_pence') || ' ' || jsonb_array_length(public.today(tests.id('bell')) -> 'recent_payments'), '0 0', '[ACC-3] whoever may not see money sees none');
select is(jsonb_array_length(public.today(tests.id('bell')) -> 'jobs_today'), 1, '[ACC-3] but the day''s jobs');
select throws_ok($$select public.today(tests.id('finch'))$$, 'PT404', null, '[ISO-1] another account''s day is not there');
select tests.be_postgres();
select tests.member_with('bell', array['account.read', 'jobs.read', 'jobs.all', 'invoices.write'], 'bell drafter');
select tests.job('bell', 'finished job');
update public.jobs set state = 'done' where id = tests.id('bell finished job');
create function pg_temp.to_invoice(person text) returns bigint
    language plpgsql
as $$
declare
    found bigint;
begin
    perform tests.authenticate_as(person);
    found := (
        select count(*)
        from jsonb_array_elements(public.today(tests.id('bell')) -> 'needs_you') as waits
        where waits ->> 'kind' = 'job_to_invoice'
          and waits ->> 'id' = tests.id('bell finished job')::text
    );
    perform tests.be_postgres();
    return found;
end
$$;
select is(pg_temp.to_invoice('bell drafter'), 1::bigint, 'a job that is done waits for who may make its invoice');
select is(pg_temp.to_invoice('bell reader'), 0::bigint, '[ACC-3] and for nobody who may not');
select * from finish();
