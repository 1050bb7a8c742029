-- Erasing somebody erases nobody else: neither who has the same id in another business, nor what happens to have the id of
-- something of theirs there, nor what they did in the other of two businesses they belong to.
select plan(17);

select tests.business('bell');
select tests.business('finch');

------------------------------------------------------------------------------------------------------
-- Customers
------------------------------------------------------------------------------------------------------

-- Bell's customer Ann with a job and its photo; Ben with a job and its photo. In finch, Cat has Ann's id, and her jobs and
-- their photos have the ids of Ben's, or of Ann's job with Ben's photo.
select tests.keep('ann', gen_random_uuid());
select tests.keep('ann''s job', gen_random_uuid());
select tests.keep('ben', gen_random_uuid());
select tests.keep('ben''s job', gen_random_uuid());
select tests.keep('ben''s other job', gen_random_uuid());
select tests.keep('ben''s photo', gen_random_uuid());
insert into public.customers (account_id, id, name)
select tests.id(business), tests.id(person), name
from (values ('bell', 'ann', 'Ann Ash'), ('bell', 'ben', 'Ben Beech'), ('finch', 'ann', 'Cat Cedar')) as t (business, person, name);
insert into public.jobs (account_id, id, customer_id, title)
select tests.id(business), tests.id(job), tests.id(person), title
from (
    values
        ('bell', 'ann''s job', 'ann', 'Ann''s roof'),
        ('bell', 'ben''s job', 'ben', 'Ben''s roof'),
        ('bell', 'ben''s other job', 'ben', 'Ben''s gate'),
        ('finch', 'ben''s job', 'ann', 'Cat''s roof'),
        ('finch', 'ann''s job', 'ann', 'Cat''s gate')
) as t (business, job, person, title);
insert into public.documents (account_id, id, job_id, kind, file_name)
select tests.id(business), tests.id('ben''s photo'), tests.id(job), 'photo', name
from (values ('bell', 'ben''s other job', 'ben.jpg'), ('finch', 'ann''s job', 'cat.jpg')) as t (business, job, name);

-- What the trail still tells of what somebody typed.
create function pg_temp.told(words text) returns boolean
    language sql
as $$
    select exists (select from audit.field_values as v where strpos(v.fields::text, words) > 0)
$$;

select throws_ok($$select audit.erase_person('customer', null, tests.id('bell'))$$, '22023', null, '[AUD-5] nobody in particular is not erased');
select throws_ok($$select audit.erase_person('user', null)$$, '22023', null, '[AUD-5] in no account');
select audit.erase_person('customer', tests.id('ann'), tests.id('bell'));
select is(pg_temp.told('Ann Ash'), false, '[AUD-5] the customer''s name is erased');
select is(pg_temp.told('Ann''s roof'), false, '[AUD-5] and what their job was called');
select is(pg_temp.told(words), true, format('[ISO-1] while "%s" stays', words))
from unnest(array['Ben Beech', 'Ben''s roof', 'Ben''s gate', 'ben.jpg', 'Cat Cedar', 'Cat''s roof', 'cat.jpg']) as words;

------------------------------------------------------------------------------------------------------
-- People
------------------------------------------------------------------------------------------------------

-- Kim belongs to both; in finch under the membership that in bell is somebody else's.
select tests.member('bell', 'staff');
select tests.member('bell', 'admin', 'kim');
insert into public.members (account_id, id, user_id, role_id, display_name, email)
select r.account_id, tests.id('bell staff membership'), tests.id('kim'), r.id, 'Kim of Finch', 'kim@finch.example'
from public.roles as r
where r.account_id = tests.id('finch') and r.key = 'admin';
select tests.send_headers('{"x-forwarded-for": "198.51.100.41", "user-agent": "Kim''s phone"}');
select tests.claim('kim');
select public.create_customer(tests.id('bell'), gen_random_uuid(), '{"name": "For Bell"}');
select public.create_customer(tests.id('finch'), gen_random_uuid(), '{"name": "For Finch"}');
select audit.record_event('person', tests.id('kim'), 'sign_in.succeeded', 'ok', 'sign_in');
select tests.be_postgres();
select tests.send_headers('{}');

create function pg_temp.traced(business text) returns text
    language sql
as $$
    select concat_ws(
        ', ',
        (select count(*) from tests.trail as t where t.account_id = tests.id(business) and t.actor_id = tests.id('kim') and t.ip is not null),
        (select string_agg(t.after ->> 'display_name', ' and ' order by t.after ->> 'display_name') from tests.trail as t where t.account_id = tests.id(business) and t.entity = 'member')
    )
$$;
select is(pg_temp.traced('bell'), '1, Bell Owner and Bell Staff and Kim', 'where somebody acted from, and who is in the team');
select is_empty(
    $$select record_id from audit.of_person('user', tests.id('kim'), null) where (is_about or was_theirs) is not true$$,
    '[AUD-5] of all records only those about them or by them are theirs'
);
select is(
    (select count(*) from audit.of_person('user', tests.id('kim'), tests.id('bell')) as theirs join audit.records as r on r.id = theirs.record_id where r.chain_id <> tests.id('bell')),
    0::bigint, '[ISO-1] and in one account those of that account'
);
select audit.erase_person('user', tests.id('kim'), tests.id('bell'));
select is(pg_temp.traced('bell'), '0, Bell Owner and Bell Staff', '[AUD-5] who is erased from one business is erased there, and nobody beside them');
select is(pg_temp.traced('finch'), '1, Finch Owner and Kim of Finch', '[ISO-1] and stays where they belong still');
select is(pg_temp.traced('kim'), '1', '[ISO-1] and on their own chain');
select * from finish();
