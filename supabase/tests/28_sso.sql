-- Single sign-on: who sets it up, whom a provider's word lets in, and that whoever it lets in is a member of that business alone.
select plan(86);

select tests.business('bell');
select tests.business('finch');
select tests.member('bell', 'admin');
select tests.person('dana');
select tests.domain('bell');

-- Sets single sign-on of bell up as somebody; '' when it was begun, else what the refusal said.
create function pg_temp.begin(
    who text,
    role uuid default tests.role('bell', 'staff'),
    called text default 'Office login',
    issuer text default 'https://login.bell.example',
    client_id text default 'tradersflow'
) returns text
    language plpgsql
as $$
declare
    answer text;
    field text;
begin
    perform tests.authenticate_as(who);
    perform public.begin_sso(tests.id('bell'), called, issuer, client_id, role);
    perform tests.be_postgres();
    return '';
exception
    when others then
        get stacked diagnostics answer = pg_exception_hint, field = pg_exception_detail;
        perform tests.be_postgres();
        return concat_ws(' ', answer, nullif(field, ''));
end
$$;
create function pg_temp.ending(who text, business text default 'bell') returns text
    language plpgsql
as $$
declare
    answer text;
begin
    perform tests.authenticate_as(who);
    answer := public.ending_sso(tests.id(business));
    perform tests.be_postgres();
    return answer;
exception
    when others then
        get stacked diagnostics answer = pg_exception_hint;
        perform tests.be_postgres();
        return answer;
end
$$;
create function pg_temp.state(business text default 'bell') returns text
    language sql
as $$
    select p.state from public.sso_providers as p where p.account_id = tests.id(business)
$$;

------------------------------------------------------------------------------------------------------
-- Setting it up
------------------------------------------------------------------------------------------------------

select is(pg_temp.begin('bell admin'), 'owners_only', '[AUTH-7] an admin does not set it up');
select is(pg_temp.begin('finch owner'), 'not_found', '[AUTH-7] nor does anybody of another business');
update public.domains set state = 'missing';
select is(pg_temp.begin('bell owner'), 'domain_first', '[AUTH-7] a domain whose record is gone is not enough');
update public.domains set state = 'waiting', found_at = null;
select is(pg_temp.begin('bell owner'), 'domain_first', '[AUTH-7] nor one that was never proven');
update public.domains set state = 'verified', found_at = now();
select is(pg_temp.begin('bell owner', tests.role('bell', 'owner')), 'validation_failed role_id', '[AUTH-7] nobody becomes an owner by it');
select is(pg_temp.begin('bell owner', tests.role('finch', 'staff')), 'not_found', '[AUTH-7] nor is given a role of another business');
select is(pg_temp.begin('bell owner', issuer => 'login.bell.example'), 'validation_failed issuer', 'an issuer is an address');
select is(pg_temp.begin('bell owner', issuer => null), 'validation_failed issuer', 'and is needed');
select is(pg_temp.begin('bell owner', issuer => 'https://' || repeat('x', 493)), 'validation_failed issuer', 'and not endless');
select is(pg_temp.begin('bell owner', client_id => ' '), 'validation_failed client_id', 'a client ID is needed');
select is(pg_temp.begin('bell owner', client_id => repeat('x', 301)), 'validation_failed client_id', 'and not endless');
select is(pg_temp.begin('bell owner', called => ' '), 'validation_failed name', 'a name is needed');
select is(pg_temp.begin('bell owner', called => repeat('x', 61)), 'validation_failed name', 'and not endless');
select tests.prove('bell owner', 'password', now() - interval '1 hour');
select is(pg_temp.begin('bell owner'), 'fresh_proof_needed', '[AUTH-7] an owner proves anew who they are');
select is(pg_temp.ending('bell owner'), 'fresh_proof_needed', '[AUTH-7] to take it off as well');
select tests.prove('bell owner', 'password', now());
select is(pg_temp.ending('bell owner'), 'not_found', 'what is not set up is not taken off');
select is(pg_temp.begin('bell owner', issuer => 'https://' || repeat('x', 492), client_id => repeat('x', 300), called => repeat('x', 60)), '', 'long ones are taken');
select is(pg_temp.begin('bell owner', called => ' Office login '), '', '[AUTH-7] one that was begun gives way to the next');
select results_eq(
    $$select p.state, p.name, p.client_id, r.key from public.sso_providers as p join public.roles as r using (account_id) where r.id = p.role_id$$,
    $$values ('waiting', 'Office login', 'tradersflow', 'staff')$$, 'it waits for the auth server'
);
select is(service.sso_of_domain('bell.example'), null, '[AUTH-7] and signs nobody in until then');
select is(pg_temp.ending('bell admin'), 'owners_only', 'an admin does not take it off');
select is(pg_temp.ending('finch owner'), 'not_found', 'nor anybody of another business');

select is(service.sso_settled(tests.id('finch'), tests.sso_identifier('bell'), tests.id('bell owner'), 'on'), false, '[ISO-1] it is another business''s for none');
select is(service.sso_settled(tests.id('bell'), 'custom:tf-0', tests.id('bell owner'), 'on'), false, 'nor by another name');
select is(service.sso_settled(tests.id('bell'), tests.sso_identifier('bell'), tests.id('bell owner'), 'on'), true, '[AUTH-7] the auth server has it: it is on');
select is(pg_temp.state(), 'on', 'from then on');
select is(service.sso_settled(tests.id('bell'), tests.sso_identifier('bell'), tests.id('bell owner'), 'on'), false, 'once');
select is(pg_temp.begin('bell owner'), 'sso_is_set_up', '[AUTH-7] a second one is not set up beside it');
select is(pg_temp.ending('bell owner'), tests.sso_identifier('bell'), 'an owner may take it off, and is told which one');
select is(service.sso_of_domain('BELL.example') ->> 'identifier', tests.sso_identifier('bell'), '[AUTH-7] it is found by its domain, in any case');
select is(service.sso_of_domain('BELL.example') ->> 'name', 'Office login', 'with the name that its people know');
select is(service.sso_of_domain('other.example'), null, 'and by no other');
update public.domains set state = 'missing';
select is(service.sso_of_domain('bell.example'), null, '[AUTH-7] not while the record is gone');
update public.domains set state = 'verified', found_at = now() - interval '8 days';
select is(service.sso_of_domain('bell.example'), null, '[AUTH-7] nor when it was not seen for a week');
update public.domains set found_at = now();

------------------------------------------------------------------------------------------------------
-- Coming back from it
------------------------------------------------------------------------------------------------------

-- Somebody comes back from a provider that says this of them; what our door answers.
create function pg_temp.enter(who text, claims jsonb, by_provider text default tests.sso_identifier('bell'), called jsonb default '{}') returns text
    language plpgsql
as $$
declare
    code text := gen_random_uuid()::text;
    refusal text;
begin
    if not exists (select from tests.things as t where t.name = who) then
        insert into auth.users (instance_id, id, aud, role, raw_app_meta_data, created_at, updated_at)
        values (
            '00000000-0000-0000-0000-000000000000', tests.keep(who, gen_random_uuid()), 'authenticated', 'authenticated',
            jsonb_build_object('provider', by_provider), now(), now()
        );
    end if;
    insert into auth.identities (provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at)
    values (who, tests.id(who), jsonb_build_object('custom_claims', claims) || called, by_provider, now(), now(), clock_timestamp())
    on conflict (provider_id, provider) do update set identity_data = excluded.identity_data, updated_at = clock_timestamp();
    insert into auth.flow_state (id, user_id, auth_code, provider_type, authentication_method, created_at, updated_at)
    values (gen_random_uuid(), tests.id(who), code, by_provider, 'oauth', now(), now());
    refusal := service.provider_entry(code);
    return refusal || case when exists (select from auth.flow_state as f where f.auth_code = code) then ' kept' else '' end;
end
$$;
create function pg_temp.says(address text) returns jsonb
    language sql
as $$
    select jsonb_build_object('email', address)
$$;
create function pg_temp.member(who text) returns text
    language sql
as $$
    select concat_ws(' ', r.key, m.display_name, m.email)
    from public.members as m
    join public.roles as r on r.account_id = m.account_id and r.id = m.role_id
    where m.user_id = tests.id(who)
$$;
create function pg_temp.told() returns integer
    language sql
as $$
    select count(*)::integer from mail.outbox as o where o.template = 'joined_by_domain'
$$;

select is(
    pg_temp.enter('sam', pg_temp.says(' Sam@Bell.example '), called => '{"name": "Sam T", "full_name": "Sam Tyler"}'), null,
    '[AUTH-7] whoever the provider vouches for is taken in'
);
select is(pg_temp.member('sam'), 'staff Sam Tyler sam@bell.example', '[AUTH-7] with the role that was chosen');
select results_eq(
    $$select u.email::text, u.email_confirmed_at is not null, u.is_sso_user from auth.users as u where u.id = tests.id('sam')$$,
    $$values ('sam@bell.example', true, true)$$, '[AUTH-7] a person of single sign-on, apart from any with the same address'
);
select is(pg_temp.told(), 2, '[AUTH-7] those who decide are told');
select is(
    (select count(*)::integer from mail.outbox as o where o.template in ('email_changed', 'password_changed')), 0,
    'that somebody is given their first address is no news to them'
);
select is(pg_temp.enter('sam', pg_temp.says('sam@bell.example')), null, '[AUTH-7] and finds their way back');
select is(pg_temp.told(), 2, 'as the member that they are');
select is(pg_temp.enter('sam', pg_temp.says('samuel@bell.example')), null, 'with another address of the business');
select is(pg_temp.member('sam'), 'staff Sam Tyler samuel@bell.example', 'which the team sees');

select is(pg_temp.enter('kim', '{"email": "kim@bell.example", "email_verified": true}', called => '{"name": "Kim"}'), null, 'a provider may say that an address is proven');
select is(pg_temp.member('kim'), 'staff Kim kim@bell.example', 'and give one name only');
select is(pg_temp.enter('lee', pg_temp.says('lee@bell.example')), null, 'or none');
select is(pg_temp.member('lee'), 'staff lee@bell.example lee@bell.example', 'then the address stands for it');
select is(pg_temp.enter('max', pg_temp.says('max@bell.example'), called => jsonb_build_object('name', repeat('m', 200))), null, 'a name can be endless');
select is(length((select m.display_name from public.members as m where m.user_id = tests.id('max'))), 120, 'and is cut');

select is(
    pg_temp.enter('una', '{"email": "una@bell.example", "email_verified": false}'), 'provider_email_needs_verification',
    '[AUTH-7] an address that the provider calls unproven opens nothing'
);
select is(pg_temp.enter('una', says), 'sso_other_domain', format('[AUTH-7] nor does one %s', what))
from (
    values
        ('of another domain', pg_temp.says('una@finch.example')),
        ('of a domain below', pg_temp.says('una@sub.bell.example')),
        ('that ends alike', pg_temp.says('una@notbell.example')),
        ('with two of them', pg_temp.says('una@bell.example@finch.example')),
        ('that begins with nothing', pg_temp.says('@bell.example')),
        ('with room in it', pg_temp.says('u na@bell.example')),
        ('that is endless', pg_temp.says(repeat('u', 243) || '@bell.example')),
        ('that is none', '{}'),
        ('that is no text', '{"email": null}')
) as tried (what, says);
select is(pg_temp.member('una'), null, '[AUTH-7] who is refused is no member');
select is((select u.email from auth.users as u where u.id = tests.id('una')), null, 'and is given no address');
select is(pg_temp.enter('una', pg_temp.says(repeat('u', 241) || '@bell.example')), null, 'an address can be long');

-- Another business's provider vouches for an address of bell's.
select tests.domain('finch');
select tests.sso('finch', 'on');
select is(
    pg_temp.enter('eve', pg_temp.says('eve@bell.example'), tests.sso_identifier('finch')), 'sso_other_domain',
    '[AUTH-7] a provider vouches for nobody of another business'' domain'
);
select is(pg_temp.enter('eve', pg_temp.says('eve@bell.example'), 'custom:tf-0'), 'sso_not_set_up', '[AUTH-7] one that is nobody''s vouches for nobody');
select is(pg_temp.ending(b || ' owner', b), tests.sso_identifier(b), format('[ISO-1] the owner of %s is told their own provider', b))
from unnest(array['bell', 'finch']) as b;
update public.sso_providers set state = 'waiting' where account_id = tests.id('finch');
select is(
    pg_temp.enter('eve', pg_temp.says('eve@finch.example'), tests.sso_identifier('finch')), 'sso_not_set_up',
    '[AUTH-7] nor does one that is not on'
);

-- Others of the same address, or of the same provider, are others.
update auth.identities set updated_at = now() + interval '1 day' where provider_id = 'sam';
select is(pg_temp.enter('lee', pg_temp.says('lee@bell.example')), null, 'whoever came last is not who comes now');
select is(pg_temp.member('lee'), 'staff lee@bell.example lee@bell.example', 'so nobody is taken for another');
select tests.member('bell', 'staff', 'fay');
update public.members set email = 'fay@bell.example' where user_id = tests.id('fay');
select is(pg_temp.enter('fay there', pg_temp.says('fay@bell.example')), null, '[AUTH-7] somebody in the team with the same address is another person');
select tests.member('finch', 'staff', 'pat');
update public.members set email = 'pat@bell.example', removed_at = now() where user_id = tests.id('pat');
select is(pg_temp.enter('pat', pg_temp.says('pat@bell.example')), null, '[ISO-1] who left another business has not left this one');

-- However strange it looks.
insert into auth.sessions (id, user_id, created_at, updated_at, aal) values (tests.keep('lee here', gen_random_uuid()), tests.id('lee'), now(), now(), 'aal1');
select is(
    service.judge_sign_in(tests.id('lee here'), 'provider', 'Another', '203.0.113.9', 'NZ', false, true) ->> 'decision', 'allowed',
    '[AUTH-7] nobody whom their business signs in is asked for a code, which would open another login'
);

-- Those who left.
update public.members set removed_at = now() where user_id = tests.id('kim');
select is(pg_temp.enter('kim', pg_temp.says('kim@bell.example')), 'no_longer_a_member', '[AUTH-7] who was removed is not taken in again');
select is(pg_temp.enter('kim two', pg_temp.says('Kim+2@bell.example')), 'no_longer_a_member', '[AUTH-7] nor under another name with the same mailbox');
select is(pg_temp.enter('kimberley', pg_temp.says('kimberley@bell.example')), null, 'somebody else is');

-- A business that may change nothing.
update public.accounts set state = 'suspended' where id = tests.id('bell');
select is(pg_temp.enter('new', pg_temp.says('new@bell.example')), 'account_suspended', '[AUTH-7] a suspended business takes nobody in');
select is(pg_temp.enter('lee', pg_temp.says('lee@bell.example')), null, 'whoever is in comes in');
update public.accounts set state = 'active' where id = tests.id('bell');

------------------------------------------------------------------------------------------------------
-- A person of that business alone
------------------------------------------------------------------------------------------------------

create function pg_temp.join(who text, business text) returns void
    language sql
as $$
    insert into public.members (account_id, user_id, role_id, display_name, email)
    values (tests.id(business), tests.id(who), tests.role(business, 'staff'), 'Somebody', 'somebody@bell.example')
$$;
select throws_ok(
    $$select pg_temp.join('lee', 'finch')$$, 'P0001', 'This login belongs to the business that signs it in. For another one, sign in in another way.',
    '[AUTH-7] whoever single sign-on let in is never a member of another business'
);
select lives_ok($$select pg_temp.join('dana', 'finch')$$, 'whoever signs in by themselves can be one of any');
insert into auth.identities (provider_id, user_id, identity_data, provider) values ('x', tests.id('dana'), '{}', 'sso:5d0d7e6c-0000-4000-8000-000000000000');
select throws_ok($$select pg_temp.join('dana', 'bell')$$, 'P0001', null, '[AUTH-7] nor by SAML');

select is(service.sso_settled(tests.id('finch'), tests.sso_identifier('bell'), tests.id('bell owner'), 'gone'), false, '[ISO-1] it is not taken off as another business''s');
select is(pg_temp.state(), 'on', 'and stays');
select is(service.sso_settled(tests.id('bell'), tests.sso_identifier('bell'), tests.id('bell owner'), 'gone'), true, '[AUTH-7] it is taken off');
select is(pg_temp.state(), null, 'and is gone');
select is(pg_temp.member('lee'), 'staff lee@bell.example lee@bell.example', '[AUTH-7] whoever joined by it stays');
select is(service.sso_settled(tests.id('bell'), 'custom:tf-0', tests.id('bell owner'), 'gone'), false, 'what is gone is not taken off');
