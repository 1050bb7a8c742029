select plan(45);

-- Bell has three jobs. Staff is put on the first, adds a fourth, and has nothing to do with the others. At finch, where the
-- same person may read jobs too, they are on nothing, though a job there has the id of the one that they are on here, and a
-- member who is on that one the id of theirs.
select tests.business('bell');
select tests.business('finch');
select tests.job('bell');
select tests.photo('bell');
select tests.keep('bell job photo', tests.id('bell photo'));
select tests.job('bell', 'second job');
select tests.job('bell', 'third job');
select tests.job('finch');
select tests.member('bell', 'staff');
select tests.member('bell', 'staff', 'bell mate');
select tests.member('bell', 'admin');
select tests.member_with('bell', array['jobs.write'], 'bell blind');
select tests.member_with('bell', array['jobs.read', 'jobs.all'], 'bell reader');
select tests.member_with('bell', array['jobs.read', 'documents.read', 'invoices.read'], 'bell clerk');
select tests.member('finch', 'staff');
select tests.put_on('bell job', 'bell staff');
select tests.put_on('bell job', 'bell clerk');

create function pg_temp.sees(person text) returns text[]
    language plpgsql
as $$
declare
    seen text[];
begin
    perform tests.authenticate_as(person);
    seen := array(
        select t.name
        from public.jobs as j
        join tests.things as t on t.id = j.id and t.name like '%job'
        order by t.name
    );
    perform tests.be_postgres();
    return seen;
end
$$;
create function pg_temp.changes(person text, put_on text, take_off text, job text default 'bell job', business text default 'bell') returns text
    language sql
as $$
    select tests.says(
        person,
        format(
            'public.change_job_members(tests.id(%L), tests.id(%L), %L, %L)', business, job,
            array(select tests.id(one || ' membership') from string_to_table(put_on, ', ') as one),
            array(select tests.id(one || ' membership') from string_to_table(take_off, ', ') as one)
        )
    )
$$;
create function pg_temp.on_it(job text) returns text[]
    language sql
as $$
    select array(
        select t.name
        from public.job_members as jm
        join tests.things as t on t.id = jm.member_id
        where jm.job_id = tests.id(job)
        order by t.name
    )
$$;
grant select on tests.things to authenticated;

------------------------------------------------------------------------------------------------------
-- Seeing
------------------------------------------------------------------------------------------------------

select is(pg_temp.sees('bell staff'), array['bell job'], '[ACC-3] staff sees the job that they are put on, and no other');
select is(pg_temp.sees('bell mate'), '{}', '[ACC-3] who is on none sees none');
select is(pg_temp.sees('bell reader'), array['bell job', 'bell second job', 'bell third job'], '[ACC-3] whoever may see everybody''s jobs does');
select is(pg_temp.sees('bell admin'), array['bell job', 'bell second job', 'bell third job'], '[ACC-3] an admin too');
select is(pg_temp.sees('bell blind'), '{}', '[ACC-3] to be on a job is not enough: the role lets see jobs');
select tests.put_on('bell second job', 'bell blind');
select is(pg_temp.sees('bell blind'), '{}', '[ACC-3] whoever is put on it');

select tests.authenticate_as('bell staff');
create temporary table added as
select public.create_job(
    tests.id('bell'), gen_random_uuid(), jsonb_build_object('title', 'Found on site', 'customer_id', tests.id('bell customer'))
) ->> 'job_id' as id;
select lives_ok(
    format($$insert into public.jobs (account_id, customer_id, title) values (%L, %L, 'By hand') returning id$$, tests.id('bell'), tests.id('bell customer')),
    '[ACC-3] whoever adds a job sees it at once'
);
select is((select count(*) from public.job_members), 2::bigint, '[ACC-3] of who is on which job, staff sees what concerns their own');
select tests.be_postgres();
select tests.keep('bell own job', (select id::uuid from added));
select is(pg_temp.sees('bell staff'), array['bell job', 'bell own job'], '[ACC-3] and goes on seeing it');
select is(pg_temp.sees('bell mate'), '{}', '[ACC-3] for themselves only');

------------------------------------------------------------------------------------------------------
-- Changing
------------------------------------------------------------------------------------------------------

select is(tests.says('bell staff', $$public.move_job(tests.id('bell'), tests.id('bell job'), 'booked')$$), '', '[ACC-3] staff moves their own job');
select is(tests.says('bell staff', $$public.move_job(tests.id('bell'), tests.id('bell second job'), 'booked')$$), 'PT404 There is no such job.', '[ACC-3] and no other');
select tests.authenticate_as('bell staff');
update public.jobs set description = 'Staff was here';
select tests.be_postgres();
select is(
    (select array_agg(t.name order by t.name) from public.jobs as j join tests.things as t on t.id = j.id where j.description = 'Staff was here'),
    array['bell job', 'bell own job'], '[ACC-3] not by an update of everything either'
);
select tests.authenticate_as('bell blind');
update public.jobs set description = 'Blind was here';
select tests.be_postgres();
select is(
    (select array_agg(t.name order by t.name) from public.jobs as j join tests.things as t on t.id = j.id where j.description = 'Blind was here'),
    array['bell second job'], '[ACC-3] whoever may write jobs and see none writes to their own at most'
);

------------------------------------------------------------------------------------------------------
-- Photos and PDFs
------------------------------------------------------------------------------------------------------

select tests.photo('bell', 'second job');
select tests.keep('bell second photo', tests.id('bell photo'));
select tests.sendable('bell');
create function pg_temp.files(person text) returns text
    language plpgsql
as $$
declare
    seen text;
begin
    perform tests.authenticate_as(person);
    seen := (
        select string_agg(d.kind || ' ' || coalesce(t.name, '-'), ', ' order by d.kind, t.name)
        from public.documents as d
        left join tests.things as t on t.id = d.job_id and t.name like '% job'
    );
    perform tests.be_postgres();
    return coalesce(seen, 'none');
end
$$;
select is(pg_temp.files('bell admin'), 'invoice_pdf bell job, photo bell job, photo bell second job', '[ACC-3] an admin sees every file');
select is(pg_temp.files('bell staff'), 'photo bell job', '[ACC-3] staff sees the photos of their own jobs, and no invoice');
select is(pg_temp.files('bell clerk'), 'invoice_pdf bell job, photo bell job', '[ACC-3] whoever may see invoices sees their PDFs, whatever job they are of, and no other''s photos');
select is(pg_temp.files('bell reader'), 'none', '[ACC-3] whoever may see every job, and no documents, sees none');
select is(
    tests.says('bell staff', $$public.start_document(tests.id('bell'), tests.id('bell second job'), 'photo', 'x.jpg', gen_random_uuid())$$),
    'PT404 There is no such job.', '[ACC-3] staff adds no photo to another job'
);
select tests.authenticate_as('bell staff');
select throws_ok(
    format($$insert into public.documents (account_id, job_id, kind, file_name) values (%L, %L, 'photo', 'x.jpg')$$, tests.id('bell'), tests.id('bell second job')),
    '42501', null, '[ACC-3] nor around the function'
);
select lives_ok(
    format($$insert into public.documents (account_id, job_id, kind, file_name) values (%L, %L, 'photo', 'x.jpg')$$, tests.id('bell'), tests.id('bell job')),
    '[ACC-3] to their own they do'
);
update public.documents set access = 'client';
select tests.be_postgres();
select is(
    (select count(*) from public.documents where access = 'client' and kind = 'photo' and job_id is distinct from tests.id('bell job')), 0::bigint,
    '[ACC-3] staff changes who sees a file of their own jobs only'
);
select is((select count(*) from public.documents where access = 'client' and kind = 'photo'), 2::bigint, '[ACC-3] and those they change');

------------------------------------------------------------------------------------------------------
-- Putting on and taking off
------------------------------------------------------------------------------------------------------

select is(pg_temp.changes('bell admin', 'bell mate', 'bell clerk'), 'nothing', '[ACC-3] whoever sees all jobs puts people on one and takes others off');
select is(pg_temp.on_it('bell job'), array['bell mate membership', 'bell staff membership'], '[ACC-3] just those who were named');
select is(pg_temp.sees('bell mate'), array['bell job'], '[ACC-3] it counts from the next statement on');
select is(pg_temp.files('bell mate'), 'photo bell job', '[ACC-3] for the photos as well');
select is(pg_temp.sees('bell clerk'), '{}', '[ACC-3] and so does having been taken off');
select is(pg_temp.changes('bell admin', 'bell mate', 'bell clerk'), 'nothing', 'the same again changes nothing');
select is(pg_temp.on_it('bell job'), array['bell mate membership', 'bell staff membership'], 'and breaks nothing');
select is(pg_temp.on_it('bell second job'), array['bell blind membership'], 'other jobs stay as they are');
select matches(pg_temp.changes('bell staff', 'bell clerk', ''), '^42501', '[ACC-3] staff puts nobody on a job');
select matches(pg_temp.changes('bell staff', 'bell staff', '', 'bell third job'), '^42501', '[ACC-3] least of all themselves');
select matches(pg_temp.changes('bell reader', 'bell reader', ''), '^42501', '[ACC-3] nor does whoever may only see all jobs');
select matches(pg_temp.changes('bell blind', 'bell blind', ''), '^42501', '[ACC-3] or only change them');
select is(pg_temp.changes('bell admin', 'bell mate', '', 'finch job', 'finch'), 'PT404 There is nothing here, or it is not yours.', '[ISO-1] another business''s job is not there');
select is(pg_temp.changes('bell admin', 'bell mate', '', 'finch job'), 'PT404 There is no such job.', '[ISO-1] by no name');
select is(pg_temp.changes('bell admin', 'finch staff', ''), 'PT404 There is no such person in the team.', '[ISO-1] nor is anybody of another team');
update public.members set removed_at = now() where id = tests.id('bell clerk membership');
select is(pg_temp.changes('bell admin', 'bell clerk', ''), 'PT404 There is no such person in the team.', 'who was removed is put on nothing');
select tests.authenticate_as('bell admin');
select throws_ok($$insert into public.job_members (account_id, job_id, member_id) select account_id, job_id, member_id from public.job_members$$, '42501', null, '[ACC-3] nobody is put on a job through the table');
select throws_ok($$delete from public.job_members$$, '42501', null, '[ACC-3] nor taken off');
select tests.be_postgres();
select results_eq(
    $$select action, actor_id from tests.trail where entity = 'job_member' and actor_id = tests.id('bell admin') order by action$$,
    $$values ('job_member.created', tests.id('bell admin')), ('job_member.deleted', tests.id('bell admin'))$$,
    '[AUD-1] who was put on a job and who was taken off stands in the trail, once'
);

------------------------------------------------------------------------------------------------------
-- The same person, and the same id, in two businesses
------------------------------------------------------------------------------------------------------

select tests.member('finch', 'staff', 'finch mate');
select tests.put_on('finch job', 'finch mate');
set local session_replication_role = replica;
update public.job_members set job_id = tests.id('bell job'), member_id = tests.id('bell staff membership') where account_id = tests.id('finch');
update public.members set id = tests.id('bell staff membership') where id = tests.id('finch mate membership');
update public.jobs set id = tests.id('bell job') where id = tests.id('finch job');
update public.members set user_id = tests.id('bell staff') where id = tests.id('finch staff membership');
set local session_replication_role = origin;
delete from private.memberships;
insert into private.memberships select * from private.memberships_due;
select tests.authenticate_as('bell staff');
select is((select array_agg(account_id) from public.jobs where id = tests.id('bell job')), array[tests.id('bell')], '[ISO-1] a job of the same id elsewhere is not theirs');
select tests.be_postgres();
select is((select count(*) from public.jobs where id = tests.id('bell job')), 2::bigint, '[ISO-1] though it is there');
update public.members set removed_at = now() where id = tests.id('bell staff membership');
select is(pg_temp.sees('bell staff'), '{}', '[ACC-4] who was removed sees nothing of what they were on, or had added');
select * from finish();
