select plan(21);

select tests.business('bell');
select tests.business('finch');
select tests.job('bell');
select tests.job('bell', 'second job');
select tests.job('finch');
select tests.member('bell', 'staff');
select tests.member_with('bell', array['jobs.read', 'jobs.all'], 'bell reader');
select tests.put_on('bell job', 'bell staff');
select tests.put_on('bell second job', 'bell staff');

select results_eq(
    $$select number from public.jobs where account_id = tests.id('bell') order by number$$, $$values (1::bigint), (2)$$,
    'jobs count from one'
);
select is((select number from public.jobs where account_id = tests.id('finch')), 1::bigint, 'in each account by itself');

select tests.authenticate_as('bell staff');
select is((select count(*) from public.jobs), 2::bigint, '[ISO-1] a member sees their account''s jobs and no others');
select throws_ok($$select public.move_job(tests.id('finch'), tests.id('finch job'), 'booked')$$, 'PT404', null, '[ISO-1] another account''s job is not there');
select throws_ok($$select public.move_job(tests.id('bell'), tests.id('finch job'), 'booked')$$, 'PT404', null, '[ISO-1] not even by the own account''s name');
select lives_ok($$select public.move_job(tests.id('bell'), tests.id('bell job'), 'booked')$$, 'an enquiry can be booked');
select throws_ok($$select public.move_job(tests.id('bell'), tests.id('bell job'), 'enquiry')$$, 'P0001', 'A job that is booked cannot become enquiry.', 'a booked job is no enquiry again');
select throws_ok($$update public.jobs set state = 'paid' where id = tests.id('bell job')$$, 'P0001', null, 'nobody makes a job paid by hand');
select throws_ok($$update public.jobs set state = 'invoiced' where id = tests.id('bell job')$$, 'P0001', null, 'nor invoiced');
select throws_ok($$update public.jobs set number = 7 where id = tests.id('bell job')$$, '42501', null, 'nor changes its number');
select throws_ok(
    $$insert into public.jobs (account_id, customer_id, title, state) values (tests.id('bell'), tests.id('bell customer'), 'x', 'paid')$$,
    'P0001', null, 'no job begins as paid'
);
select throws_ok(
    $$insert into public.jobs (account_id, customer_id, title) values (tests.id('bell'), tests.id('finch customer'), 'x')$$,
    '23503', null, '[ISO-3] a job cannot be for a customer of another account'
);
select tests.be_postgres();
create function pg_temp.can_move(from_state text, to_state text) returns boolean
    language plpgsql
as $$
begin
    set local session_replication_role = replica;
    update public.jobs set state = from_state where id = tests.id('bell second job');
    set local session_replication_role = origin;
    update public.jobs set state = to_state where id = tests.id('bell second job');
    return true;
exception when raise_exception then
    set local session_replication_role = origin;
    return false;
end
$$;
-- Every pair of states: the lifecycle allows it, or it is refused. Money's own steps are proved with the invoices.
select is(
    (
        select count(*)
        from unnest(array['enquiry', 'quoted', 'booked', 'in_progress', 'done', 'lost', 'cancelled']) as here,
             unnest(array['enquiry', 'quoted', 'booked', 'in_progress', 'done', 'lost', 'cancelled', 'invoiced', 'paid']) as there
        where here <> there
          and pg_temp.can_move(here, there) <> exists (
              select from private.job_lifecycle as l
              where l.from_state = here and l.to_state = there and l.to_state not in ('invoiced', 'paid')
          )
    ), 0::bigint, 'a job moves along its lifecycle and nowhere else, for every pair of states'
);
select throws_ok(
    $$update public.jobs set site_id = tests.id('finch site') where id = tests.id('bell job')$$,
    '23503', null, '[ISO-3] nor stand at a site of another account, whoever writes'
);

select tests.authenticate_as('bell reader');
select isnt_empty('select * from public.jobs', '[ACC-3] whoever may read jobs reads them');
select throws_ok($$select public.move_job(tests.id('bell'), tests.id('bell job'), 'done')$$, '42501', null, '[ACC-3] and does not move them');

select tests.authenticate_as('bell owner');
create temporary table made as
select public.create_job(tests.id('bell'), '00000000-0000-4000-8000-000000000002', '{"title": "Garden lights", "booked_on": "2026-12-01"}', '{"name": "Owen"}', '{"address_line_1": "9 Larkspur Close"}') as answer;
select results_eq(
    $$select j.number, j.state, c.name, s.address_line_1 from public.jobs as j join public.customers as c on c.id = j.customer_id join public.sites as s on s.id = j.site_id where j.id = (select (answer ->> 'job_id')::uuid from made)$$,
    $$values (3::bigint, 'booked', 'Owen', '9 Larkspur Close')$$,
    'a job, its customer and its site come into being together; one with a date begins booked'
);
select is(
    public.create_job(tests.id('bell'), '00000000-0000-4000-8000-000000000002', '{"title": "Garden lights", "booked_on": "2026-12-01"}', '{"name": "Owen"}', '{"address_line_1": "9 Larkspur Close"}'),
    (select answer from made), 'the same form sent twice makes one job'
);
select throws_ok($$select public.create_job(tests.id('bell'), gen_random_uuid(), '{"title": ""}', '{"name": "Nobody"}')$$, 'P0001', null, 'a job without a title is refused');
select is_empty($$select * from public.customers where name = 'Nobody'$$, 'and leaves nothing half-written');
select lives_ok($$select public.create_job(tests.id('bell'), gen_random_uuid(), jsonb_build_object('title', 'Another', 'customer_id', tests.id('bell customer')))$$, 'a customer who is known is named by id');
select * from finish();
