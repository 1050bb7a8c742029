select plan(31);

select tests.business('bell');
select tests.business('finch');
select tests.member('bell', 'staff');
select tests.member('bell', 'agent');

-- The records of a chain, oldest first: 'action result actor'.
create function pg_temp.told(of_chain uuid, since bigint default 0) returns text[]
    language sql
as $$
    select coalesce(array_agg(r.action || ' ' || r.result || ' ' || r.actor_kind order by r.id), '{}')
    from audit.records as r
    where r.chain_id = of_chain
      and r.id > since
$$;
create function pg_temp.detail(of_chain uuid) returns jsonb
    language sql
as $$
    select (v.fields -> '@detail' ->> 1)::jsonb
    from audit.records as r
    left join audit.field_values as v on v.record_id = r.id
    where r.chain_id = of_chain
    order by r.id desc
    limit 1
$$;

------------------------------------------------------------------------------------------------------
-- The auth server's tables
------------------------------------------------------------------------------------------------------

select tests.person('kim');
select is(
    pg_temp.told(tests.id('kim')), array['person.created ok person', 'session.created ok person'],
    '[AUD-2] a new person and a session that begins are on that person''s own chain'
);
select is(
    (select r.actor_id from audit.records as r where r.chain_id = tests.id('kim') order by r.id desc limit 1), tests.id('kim'),
    'and are told as that person''s doing'
);
select is((select chain_kind from audit.records where chain_id = tests.id('kim') limit 1), 'person', 'on a chain of a person');

insert into auth.sessions (id, user_id, created_at, updated_at, aal, ip, user_agent)
values (gen_random_uuid(), tests.id('kim'), now(), now(), 'aal1', '198.51.100.7', 'Kim''s phone');
select is(
    (
        select r.via || ' ' || r.trusted::text || ' ' || (v.fields -> '@from' ->> 1)
        from audit.records as r
        join audit.field_values as v on v.record_id = r.id
        where r.chain_id = tests.id('kim')
        order by r.id desc
        limit 1
    ),
    'api false ["198.51.100.7", "Kim''s phone"]',
    '[AUD-2] with the address and agent that the auth server saw, which is no word of ours'
);
select is(current_setting('request.headers', true), '', 'and leaves nothing of it behind for what comes next');
select is(nullif(current_setting('tf.actor', true), ''), null, 'nor whose doing it was');

select set_config('tests.mark', (select max(id)::text from audit.records), true);
update auth.users set encrypted_password = 'a hash' where id = tests.id('kim');
update auth.users set email = 'kim.new@people.example' where id = tests.id('kim');
update auth.users set email_confirmed_at = null where id = tests.id('kim');
update auth.users set email_confirmed_at = now() where id = tests.id('kim');
insert into auth.identities (id, provider_id, user_id, identity_data, provider, created_at, updated_at)
values (gen_random_uuid(), 'g-1', tests.id('kim'), '{"sub": "g-1"}', 'google', now(), now());
delete from auth.identities where user_id = tests.id('kim');
select is(
    pg_temp.told(tests.id('kim'), current_setting('tests.mark')::bigint),
    array[
        'password.changed ok person', 'email.changed ok person', 'session.ended ok person', 'session.ended ok person',
        'email.confirmed ok person', 'identity.linked ok person', 'identity.unlinked ok person'
    ],
    '[AUD-2] password, address, its confirmation, ways of signing in and sessions that end'
);
select ok(
    not exists (
        select
        from audit.field_values as v
        where v.chain_id = tests.id('kim')
          and v.fields::text ~ 'a hash|kim\.new'
    ),
    '[AUD-6] and never what they are'
);
select set_config('tests.mark', (select max(id)::text from audit.records), true);
update auth.users set last_sign_in_at = now(), updated_at = now() where id = tests.id('kim');
select is(pg_temp.told(tests.id('kim'), current_setting('tests.mark')::bigint), '{}', 'what the auth server notes for itself is no event');

------------------------------------------------------------------------------------------------------
-- Signing in at our door
------------------------------------------------------------------------------------------------------

select tests.be_service();
select service.record_sign_in(null, tests.id('kim'), 'password', 'ok', null);
select service.record_sign_in(' Kim.New@people.example ', null, 'password', 'failed', 'invalid_credentials');
select service.record_sign_in('hunter2@nobody.example', null, 'code', 'failed', 'otp_expired');
select tests.be_postgres();
select is(
    pg_temp.told(tests.id('kim'), current_setting('tests.mark')::bigint),
    array['sign_in.succeeded ok person', 'sign_in.refused failed person'],
    '[AUD-2] who got in is known by id, who did not by the address, however it was typed'
);
select is(
    pg_temp.detail(tests.id('kim')), '{"code": "invalid_credentials", "method": "password"}', '[AUD-2] with how, and why not'
);
select is(
    (pg_temp.told('00000000-0000-0000-0000-000000000000', current_setting('tests.mark')::bigint))[1], 'sign_in.refused failed system',
    '[AUD-2] an address that nobody has is refused on the platform''s chain'
);
select ok(
    not exists (select from audit.field_values as v where v.fields::text like '%hunter2%'),
    '[AUD-6] and is not kept: people type their password there'
);
select tests.authenticate_as('bell owner');
select throws_ok($$select service.record_sign_in(null, null, 'password', 'ok', null)$$, '42501', null, '[AUD-3] a person cannot make up such a record');
select tests.be_postgres();

------------------------------------------------------------------------------------------------------
-- Looking at files
------------------------------------------------------------------------------------------------------

select tests.job('bell');
select tests.put_on('bell job', 'bell staff');
select tests.photo('bell');
select set_config('tests.mark', (select max(id)::text from audit.records), true);
select tests.authenticate_as('bell staff');
select is((select count(*) from public.view_documents(tests.id('bell'), array[tests.id('bell photo')])), 1::bigint, 'a member asks where a photo lies');
select tests.be_postgres();
select is(
    pg_temp.told(tests.id('bell'), current_setting('tests.mark')::bigint), array['document.viewed ok person'],
    '[AUD-2] and that is recorded'
);
select is(
    (
        select r.subject || ' ' || (r.subject_id = tests.id('bell job'))::text || ' ' || (r.entity_id = tests.id('bell photo'))::text || ' ' || r.is_detail::text
        from audit.records as r
        where r.chain_id = tests.id('bell')
        order by r.id desc
        limit 1
    ),
    'job true true true', 'under the job that it belongs to'
);
select is(pg_temp.detail(tests.id('bell')), jsonb_build_object('document_ids', jsonb_build_array(tests.id('bell photo'))), 'with all that were asked for');

select set_config('tests.mark', (select max(id)::text from audit.records), true);
select tests.authenticate_as('bell agent');
select is((select count(*) from public.view_documents(tests.id('bell'), array[tests.id('bell photo')])), 0::bigint, '[ACC-2] a member who may not see photos gets nothing');
select throws_ok(
    $$select private.record_views(tests.id('bell'), array[tests.id('bell photo')])$$, '42501', null, '[ACC-2] and says nothing about having seen it'
);
select tests.authenticate_as('finch owner');
select is((select count(*) from public.view_documents(tests.id('bell'), array[tests.id('bell photo')])), 0::bigint, '[ISO-1] nor does another business');
select is((select count(*) from public.view_documents(tests.id('finch'), array[tests.id('bell photo')])), 0::bigint, '[ISO-1] under its own id');
select lives_ok($$select private.record_views(tests.id('finch'), array[tests.id('bell photo')])$$, 'and what is another''s');
select tests.be_postgres();
select is(pg_temp.told(tests.id('bell'), current_setting('tests.mark')::bigint), '{}', '[ISO-1] none of it is on the trail of the business');
select is(pg_temp.told(tests.id('finch'), current_setting('tests.mark')::bigint), '{}', '[ISO-1] nor on the other''s');

------------------------------------------------------------------------------------------------------
-- Refusals
------------------------------------------------------------------------------------------------------

select tests.authenticate_as('bell agent');
select public.report_refusal(tests.id('bell'), 'customers.write', 'not_allowed');
select tests.authenticate_as('finch owner');
select public.report_refusal(tests.id('bell'), 'customers.write', 'not_allowed');
select tests.be_postgres();
select is(
    pg_temp.told(tests.id('bell'), current_setting('tests.mark')::bigint), array['request.refused refused person'],
    '[AUD-2] a member''s refused act is on the business''s trail, a stranger''s is not'
);
select is((pg_temp.told(tests.id('finch owner')))[3], 'request.refused refused person', '[AUD-2] it is on the stranger''s own');
update public.members set removed_at = now() where user_id = tests.id('bell agent');
select set_config('tests.mark', (select max(id)::text from audit.records), true);
select tests.authenticate_as('bell agent');
select public.report_refusal(tests.id('bell'), 'customers.write', 'not_allowed');
select throws_ok(
    $$select public.report_refusal(tests.id('bell'), 'Ring 555 <now>', 'not_allowed')$$, 'P0001', null, 'a report carries no text of the caller''s'
);
select throws_ok($$select public.report_refusal(tests.id('bell'), 'jobs.write', null)$$, 'P0001', null, 'and names what it was');
select tests.be_postgres();
select is(pg_temp.told(tests.id('bell'), current_setting('tests.mark')::bigint), '{}', '[AUD-2] whoever was removed writes nothing into the trail any more');

delete from auth.sessions where user_id = tests.id('bell staff');
select tests.authenticate_as('bell staff');
select throws_ok(
    $$select public.report_refusal(tests.id('bell'), 'jobs.write', 'not_allowed')$$, '42501', null, '[AUTH-6] nor does a session that has ended'
);
select tests.be_postgres();
