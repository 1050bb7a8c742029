-- Single sign-on by SAML 2.0: who sets it up, whom a provider's word lets in, and that a session by SAML which our own door did not
-- ask for is none.
select plan(81);

select tests.business('bell');
select tests.business('finch');
select tests.member('bell', 'admin');
select tests.domain('bell');

-- Sets SAML of bell up as somebody; '' when it was begun, else what the refusal said.
create function pg_temp.begin(
    who text,
    role uuid default tests.role('bell', 'staff'),
    called text default 'Office login',
    metadata_url text default 'https://login.bell.example/metadata'
) returns text
    language plpgsql
as $$
declare
    answer text;
    field text;
begin
    perform tests.authenticate_as(who);
    perform public.begin_saml(tests.id('bell'), called, metadata_url, role);
    perform tests.be_postgres();
    return '';
exception
    when others then
        get stacked diagnostics answer = pg_exception_hint, field = pg_exception_detail;
        perform tests.be_postgres();
        return concat_ws(' ', answer, nullif(field, ''));
end
$$;
create function pg_temp.settled(outcome text, said jsonb default '{}', identifier text default tests.sso_identifier('bell')) returns boolean
    language sql
as $$
    select service.sso_settled(tests.id('bell'), identifier, tests.id('bell owner'), outcome, said)
$$;
create function pg_temp.provider() returns text
    language sql
as $$
    select concat_ws(' ', p.kind, p.state, p.issuer, p.certificate_ends_at::date, p.metadata_url)
    from public.sso_providers as p
    where p.account_id = tests.id('bell')
$$;

------------------------------------------------------------------------------------------------------
-- Setting it up
------------------------------------------------------------------------------------------------------

select is(pg_temp.begin('bell admin'), 'owners_only', '[AUTH-7] an admin does not set SAML up');
select is(pg_temp.begin('finch owner'), 'not_found', '[AUTH-7] nor does anybody of another business');
update public.domains set state = 'missing';
select is(pg_temp.begin('bell owner'), 'domain_first', '[AUTH-7] SAML needs a domain that stands proven');
update public.domains set state = 'verified';
select is(pg_temp.begin('bell owner', tests.role('bell', 'owner')), 'validation_failed role_id', '[AUTH-7] nobody becomes an owner by SAML');
select is(pg_temp.begin('bell owner', tests.role('finch', 'staff')), 'not_found', '[AUTH-7] nor is given a role of another business by it');
select is(pg_temp.begin('bell owner', called => ' '), 'validation_failed name', 'a name is needed');
select is(pg_temp.begin('bell owner', called => repeat('x', 61)), 'validation_failed name', 'and not endless');
select is(pg_temp.begin('bell owner', metadata_url => 'login.bell.example'), 'validation_failed metadata_url', 'metadata stand at an address');
select is(pg_temp.begin('bell owner', metadata_url => 'https://' || repeat('x', 493)), 'validation_failed metadata_url', 'which is not endless');
select tests.prove('bell owner', 'password', now() - interval '1 hour');
select is(pg_temp.begin('bell owner'), 'fresh_proof_needed', '[AUTH-7] an owner proves anew who they are to set SAML up');
select tests.prove('bell owner', 'password', now());
select is(pg_temp.begin('bell owner', metadata_url => 'https://' || repeat('x', 492), called => repeat('x', 60)), '', 'long ones are taken');
select is(pg_temp.begin('bell owner', metadata_url => null), '', 'metadata that were pasted stand nowhere');
select is(pg_temp.begin('bell owner', called => ' Office login '), '', '[AUTH-7] one that was begun gives way to the next');
select is(pg_temp.provider(), 'saml waiting  https://login.bell.example/metadata', '[AUTH-7] it waits for the auth server, which names it');
select matches(tests.sso_identifier('bell'), '^tf-[0-9a-f]{32}$', 'under a name of ours until then');
select is((select p.name from public.sso_providers as p), 'Office login', 'with the name that its people know');
select is(service.sso_of_domain('bell.example'), null, '[AUTH-7] it signs nobody in until then');

select is(
    pg_temp.settled(
        'on',
        '{"known_as": "sso:11111111-1111-4111-8111-111111111111", "entity_id": "urn:bell", "certificate_ends_at": "2031-02-03T10:00:00Z"}'
    ),
    true, '[AUTH-7] the auth server has it: SAML is on'
);
select is(pg_temp.provider(), 'saml on urn:bell 2031-02-03 https://login.bell.example/metadata', 'as its metadata say');
select is(pg_temp.settled('on'), false, 'once');
select is(pg_temp.begin('bell owner'), 'sso_is_set_up', '[AUTH-7] a second one is not set up beside SAML');
select is(
    service.sso_of_domain('bell.example') ->> 'identifier', 'sso:11111111-1111-4111-8111-111111111111',
    '[AUTH-7] it is found by its domain, as the auth server calls it'
);
select is(pg_temp.settled('off'), true, '[AUTH-7] it is switched off');
select is(pg_temp.provider(), 'saml off urn:bell 2031-02-03 https://login.bell.example/metadata', 'and kept as it is');
select is(service.sso_of_domain('bell.example'), null, '[AUTH-7] nobody signs in by what is off');
select is(pg_temp.begin('bell owner'), 'sso_is_set_up', 'what is off does not give way');
select is(pg_temp.settled('off'), false, 'once');
select is(pg_temp.settled('renewed', '{"entity_id": "urn:bell", "certificate_ends_at": "2033-02-03T10:00:00Z"}'), true, '[AUTH-7] its certificates are read anew');
select is(pg_temp.provider(), 'saml off urn:bell 2033-02-03 https://login.bell.example/metadata', 'and it stays off');
select is(pg_temp.settled('on'), true, '[AUTH-7] it is switched on');
select is(
    (select string_agg(r.action, ' ' order by r.id) from audit.records as r where r.chain_id = tests.id('bell') and r.entity = 'sso_provider' and r.action not like '%.deleted' and r.id > (
        select max(d.id) from audit.records as d where d.chain_id = tests.id('bell') and d.action = 'sso_provider.deleted'
    )),
    'sso_provider.created sso_provider.on sso_provider.off sso_provider.updated sso_provider.on', '[AUTH-7] the trail tells each of it'
);

------------------------------------------------------------------------------------------------------
-- Coming back from it
------------------------------------------------------------------------------------------------------

-- Somebody comes back from a provider that says this of them; what our door answers.
create function pg_temp.enter(who text, said jsonb, by_provider text default tests.sso_identifier('bell')) returns text
    language plpgsql
as $$
declare
    refusal text;
begin
    if not exists (select from tests.things as t where t.name = who) then
        insert into auth.users (instance_id, id, aud, role, email, is_sso_user, email_confirmed_at, raw_app_meta_data, created_at, updated_at)
        values (
            '00000000-0000-0000-0000-000000000000', tests.keep(who, gen_random_uuid()), 'authenticated', 'authenticated',
            lower(said ->> 'email'), true, now(), jsonb_build_object('provider', by_provider), now(), now()
        );
    end if;
    insert into auth.identities (provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at)
    select who, tests.id(who), said, by_provider, now(), now(), clock_timestamp()
    where by_provider is not null
    on conflict (provider_id, provider) do update set identity_data = excluded.identity_data, updated_at = clock_timestamp();
    delete from auth.flow_state as f where f.user_id = tests.id(who);
    insert into auth.flow_state (id, user_id, auth_code, provider_type, authentication_method, created_at, updated_at)
    values (gen_random_uuid(), tests.id(who), who || ' code', 'sso/saml', 'sso/saml', now(), now());
    refusal := service.provider_entry(who || ' code');
    return refusal || case when exists (select from auth.flow_state as f where f.auth_code = who || ' code') then ' kept' else '' end;
end
$$;
create function pg_temp.says(address text, more jsonb default '{}') returns jsonb
    language sql
as $$
    select jsonb_build_object('email', address, 'email_verified', true) || more
$$;
create function pg_temp.member(who text) returns text
    language sql
as $$
    select concat_ws(' ', r.key, m.display_name, m.email)
    from public.members as m
    join public.roles as r on r.account_id = m.account_id and r.id = m.role_id
    where m.user_id = tests.id(who)
$$;
create function pg_temp.entries(who text) returns integer
    language sql
as $$
    select count(*)::integer from private.saml_entries as e where e.user_id = tests.id(who) and e.session_id is null
$$;

select is(pg_temp.enter('sam', pg_temp.says(' Sam@Bell.example ', '{"name": "Sam Tyler"}')), null, '[AUTH-7] whom a SAML provider vouches for is taken in');
select is(pg_temp.member('sam'), 'staff Sam Tyler sam@bell.example', '[AUTH-7] with the role that was chosen');
select is(pg_temp.entries('sam'), 1, '[AUTH-7] our door notes that it took them in');
select is(pg_temp.enter('sam', pg_temp.says('sam@bell.example')), null, 'they find their way back');
select is(pg_temp.member('sam'), 'staff Sam Tyler sam@bell.example', 'as the member that they are');
select is(pg_temp.enter('pri', pg_temp.says('pri@bell.example', '{"given_name": "Priya", "family_name": "Nair"}')), null, 'a name comes in halves');
select is(pg_temp.member('pri'), 'staff Priya Nair pri@bell.example', 'and is put together');
select is(pg_temp.enter('kim', pg_temp.says('kim@bell.example', '{"given_name": "Kim"}')), null, 'or in one half');
select is(pg_temp.member('kim'), 'staff Kim kim@bell.example', 'which is enough');
select is(pg_temp.enter('una', pg_temp.says(address)), 'sso_other_domain', format('[AUTH-7] %s opens nothing', what))
from (
    values
        ('una@finch.example', 'an address of another domain'),
        ('una@sub.bell.example', 'one of a domain below'),
        ('una@bell.example@finch.example', 'one with two of them'),
        ('una@bell.example' || chr(10) || '@finch.example', 'one with a line in it'),
        ('', 'none')
) as tried (address, what);
select is(pg_temp.enter('una', '{"custom_claims": {"email": "una@bell.example"}}'), 'sso_other_domain', '[AUTH-7] nor does one that stands where OpenID Connect has it');
select is(pg_temp.member('una'), null, '[AUTH-7] who is refused is no member');
select is(pg_temp.entries('una'), 0, '[AUTH-7] and our door notes no entry');
select is(pg_temp.enter('eve', pg_temp.says('eve@bell.example'), 'sso:22222222-2222-4222-8222-222222222222'), 'sso_not_set_up', '[AUTH-7] a provider that is nobody''s vouches for nobody');
select is(pg_temp.enter('ned', pg_temp.says('ned@bell.example'), null), 'sso_not_set_up', '[AUTH-7] nor is somebody let in whom none vouches for');

-- Another business's provider vouches for an address of bell's.
select tests.domain('finch');
select tests.sso('finch', 'on');
update public.sso_providers
set kind = 'saml',
    identifier = 'sso:33333333-3333-4333-8333-333333333333',
    client_id = null,
    certificate_ends_at = now() + interval '1 year'
where account_id = tests.id('finch');
select is(
    pg_temp.enter('mal', pg_temp.says('mal@bell.example'), 'sso:33333333-3333-4333-8333-333333333333'), 'sso_other_domain',
    '[AUTH-7] a SAML provider vouches for nobody of another business''s domain'
);
select is(
    pg_temp.enter('fin', pg_temp.says('fin@finch.example'), 'sso:33333333-3333-4333-8333-333333333333'), null,
    'and for those of its own'
);
update auth.identities set updated_at = now() + interval '1 day' where provider_id = 'fin';
select is(pg_temp.enter('sam', pg_temp.says('sam@bell.example')), null, '[AUTH-7] whoever came last is not who comes now');
update auth.identities set updated_at = now() where provider_id = 'fin';
select is(pg_temp.entries('fin'), 1, 'and nobody is taken for another');
select is(pg_temp.enter('sam', pg_temp.says('sam@finch.example')), 'sso_other_domain', '[AUTH-7] who was let in is not, under another address');
select is(pg_temp.entries('sam'), 3, 'what was noted before is of other flows');
select pg_temp.settled('off');
select is(pg_temp.enter('sam', pg_temp.says('sam@bell.example')), 'sso_not_set_up', '[AUTH-7] what is off lets nobody in');
select pg_temp.settled('on');
update public.members set removed_at = now() where user_id = tests.id('kim');
select is(pg_temp.enter('kim', pg_temp.says('kim@bell.example')), 'no_longer_a_member', '[AUTH-7] who was removed is not taken in again by SAML');
insert into auth.flow_state (id, user_id, auth_code, provider_type, authentication_method, created_at, updated_at)
values (tests.keep('one flow', gen_random_uuid()), tests.id('pri'), 'one code', 'sso/saml', 'sso/saml', now(), now());
delete from private.saml_entries;
select is(service.provider_entry('one code'), null, 'somebody is let in');
update public.members set removed_at = now() where user_id = tests.id('pri');
select is(service.provider_entry('one code'), 'no_longer_a_member', 'and taken out of the team before they are through the door');
select is(pg_temp.entries('pri'), 0, '[AUTH-7] then our door takes the entry back');
update public.members set removed_at = null where user_id = tests.id('pri');

------------------------------------------------------------------------------------------------------
-- A session by SAML
------------------------------------------------------------------------------------------------------

-- A session begins, and its transaction ends; is it there?
create function pg_temp.begins(who text, method text default 'sso/saml') returns boolean
    language plpgsql
as $$
declare
    began uuid := gen_random_uuid();
begin
    set constraints auth.saml_session_comes_by_our_door deferred;
    insert into auth.sessions (id, user_id, created_at, updated_at, aal) values (began, tests.id(who), now(), now(), 'aal1');
    insert into auth.mfa_amr_claims (id, session_id, created_at, updated_at, authentication_method)
    values (gen_random_uuid(), began, now(), now(), method);
    set constraints auth.saml_session_comes_by_our_door immediate;
    return exists (select from auth.sessions as s where s.id = began);
end
$$;
create function pg_temp.spend(who text) returns void
    language sql
as $$
    delete from auth.flow_state as f where f.user_id = tests.id(who)
$$;

delete from private.saml_entries;
select is(pg_temp.begins('sam'), false, '[AUTH-7] a session by SAML that our door did not ask for is none');
select is(pg_temp.begins('sam', 'password'), true, 'one by another way is left alone');
select is(pg_temp.enter('sam', pg_temp.says('sam@bell.example')), null, 'somebody comes to our door');
select is(pg_temp.begins('sam'), false, '[AUTH-7] as long as their code is not spent, a session is another one');
select is(pg_temp.begins('fin'), false, 'as is anybody else''s');
select pg_temp.spend('sam');
select is(pg_temp.begins('fin'), false, '[AUTH-7] nobody lives by the entry of somebody else');
select is(pg_temp.begins('sam'), true, '[AUTH-7] the session that our door asked for lives');
select is(pg_temp.begins('sam'), false, '[AUTH-7] and no other by the same entry');
select is(pg_temp.begins('sam', 'password'), true, 'one by another way beside it is left alone');
select is(pg_temp.enter('sam', pg_temp.says('sam@bell.example')), null, 'somebody comes again');
select pg_temp.spend('sam');
update private.saml_entries set entered_at = now() - interval '61 seconds' where session_id is null;
select is(pg_temp.begins('sam'), false, '[AUTH-7] an entry is good for a minute');
update private.saml_entries set entered_at = now() - interval '59 seconds' where session_id is null;
select is(pg_temp.begins('sam'), true, 'and for all of it');
update private.saml_entries set entered_at = now() - interval '25 hours';
select is(pg_temp.enter('pri', pg_temp.says('pri@bell.example')), null, 'whoever comes next');
select is((select count(*)::integer from private.saml_entries), 1, 'has what is a day old forgotten');
update private.saml_entries set entered_at = now() - interval '23 hours';
select is(pg_temp.enter('sam', pg_temp.says('sam@bell.example')), null, 'and what is younger');
select is((select count(*)::integer from private.saml_entries), 2, 'kept');

select is(pg_temp.settled('gone', '{}', 'sso:33333333-3333-4333-8333-333333333333'), false, '[ISO-1] it is not taken off as another business''s');
select is(pg_temp.settled('gone'), true, '[AUTH-7] SAML is taken off');
select is(pg_temp.provider(), null, 'and is gone');
select is(pg_temp.member('sam'), 'staff Sam Tyler sam@bell.example', '[AUTH-7] whoever joined by it stays');
