-- Builders for pgTAP: who acts, and things to act on, made through the same functions that the app calls.
-- Everything has a name ('bell', 'bell owner', 'bell invoice'), and tests.id() finds it again.

create table tests.things (name text primary key, id uuid not null, session_id uuid);
alter table tests.things disable row level security, no force row level security;

create function tests.id(name text) returns uuid
    language plpgsql
as $$
declare
    found_id uuid;
begin
    select t.id into found_id from tests.things as t where t.name = id.name;
    if found_id is null then
        raise exception 'The test has made no %.', name;
    end if;
    return found_id;
end
$$;

create function tests.keep(name text, id uuid, session_id uuid default null) returns uuid
    language sql
as $$
    insert into tests.things (name, id, session_id)
    values (keep.name, keep.id, keep.session_id)
    on conflict (name) do update
    set id = excluded.id,
        session_id = excluded.session_id
    returning id
$$;

------------------------------------------------------------------------------------------------------
-- Who acts
------------------------------------------------------------------------------------------------------

create function tests.claim(person text) returns void
    language sql
as $$
    select set_config('request.jwt.claims', (
        select jsonb_build_object('sub', t.id, 'role', 'authenticated', 'session_id', t.session_id, 'aal', 'aal1')::text
        from tests.things as t
        where t.name = person
    ), true)
$$;

-- A signed-in person, as the Data API would run their request.
create function tests.authenticate_as(person text) returns void
    language plpgsql
as $$
begin
    perform tests.id(person);
    perform tests.claim(person);
    perform set_config('role', 'authenticated', true);
end
$$;

create function tests.be_anon() returns void
    language sql
as $$
    select set_config('request.jwt.claims', '{"role": "anon"}', true), set_config('role', 'anon', true)
$$;

create function tests.be_service() returns void
    language sql
as $$
    select set_config('request.jwt.claims', '{"role": "service_role"}', true), set_config('role', 'service_role', true)
$$;

-- The owner of the database again, acting for nobody.
create function tests.be_postgres() returns void
    language sql
as $$
    select set_config('role', 'postgres', true), set_config('request.jwt.claims', '', true)
$$;

-- What a call answers to somebody, as they would get it: text, 'nothing', or the error's code and message.
create function tests.says(who text, act text) returns text
    language plpgsql
as $$
declare
    answer text;
begin
    perform tests.authenticate_as(who);
    execute 'select (' || act || ')::text' into answer;
    perform tests.be_postgres();
    return coalesce(answer, 'nothing');
exception
    when others then
        perform tests.be_postgres();
        return sqlstate || ' ' || sqlerrm;
end
$$;

create function tests.send_headers(headers jsonb) returns void
    language sql
as $$
    select set_config('request.headers', send_headers.headers::text, true)
$$;

-- As our web tier sends on what whoever is asking asks from an address.
create function tests.come_from(address text) returns void
    language sql
    security definer
as $$
    with payload as (
        select translate(encode(convert_to(jsonb_build_object(
            'ip', address, 'ua', 'A browser', 'rid', 'r-1',
            'sid', nullif(current_setting('request.jwt.claims', true), '')::jsonb -> 'session_id', 'iat', floor(extract(epoch from clock_timestamp()))
        )::text, 'utf8'), 'base64'), E'\n', '') as text
    )
    select tests.send_headers(jsonb_build_object(
        'x-tf-context',
        payload.text || '.' || encode(extensions.hmac(
            convert_to(payload.text, 'utf8'),
            decode((select decrypted_secret from vault.decrypted_secrets where name = 'tf_context_key'), 'hex'),
            'sha256'
        ), 'base64'),
        'x-forwarded-for', '198.51.100.9'
    ))
    from payload
$$;

------------------------------------------------------------------------------------------------------
-- People and businesses
------------------------------------------------------------------------------------------------------

create function tests.person(name text) returns uuid
    language plpgsql
as $$
declare
    user_id uuid := gen_random_uuid();
    session_id uuid := gen_random_uuid();
begin
    insert into auth.users (instance_id, id, aud, role, email, email_confirmed_at, created_at, updated_at)
    values (
        '00000000-0000-0000-0000-000000000000', user_id, 'authenticated', 'authenticated',
        replace(person.name, ' ', '.') || '.' || left(user_id::text, 8) || '@people.example', now(), now(), now()
    );
    insert into auth.sessions (id, user_id, created_at, updated_at, aal)
    values (session_id, user_id, now(), now(), 'aal1');
    perform tests.keep(person.name, user_id, session_id);
    perform tests.prove(person.name, 'password');
    return user_id;
end
$$;

-- What the auth server keeps when a person proves in their session who they are.
create function tests.prove(person text, method text, at timestamptz default now()) returns void
    language sql
as $$
    insert into auth.mfa_amr_claims (id, session_id, created_at, updated_at, authentication_method)
    select gen_random_uuid(), t.session_id, at, at, method
    from tests.things as t
    where t.name = person
    on conflict (session_id, authentication_method) do update
    set updated_at = at
$$;

-- Another address, with which every session ends; the person goes on in one of the same id.
create function tests.change_address(person text, address text) returns void
    language plpgsql
as $$
begin
    update auth.users as u set email = address where u.id = tests.id(person);
    insert into auth.sessions (id, user_id, created_at, updated_at, aal)
    select t.session_id, t.id, now(), now(), 'aal1'
    from tests.things as t
    where t.name = person;
    perform tests.prove(person, 'otp');
end
$$;

-- A second factor that the person has set up. Their session stands where it stood.
create function tests.factor(person text, kind auth.factor_type default 'totp', status auth.factor_status default 'verified') returns uuid
    language sql
as $$
    insert into auth.mfa_factors (id, user_id, friendly_name, factor_type, status, created_at, updated_at)
    values (gen_random_uuid(), tests.id(person), gen_random_uuid()::text, kind, status, now(), now())
    returning id
$$;

-- The person gives their second factor in the session they are in.
create function tests.give_factor(person text, method text default 'totp', at timestamptz default now()) returns void
    language sql
as $$
    update auth.sessions as s
    set aal = 'aal2'
    from tests.things as t
    where t.name = person
      and s.id = t.session_id;
    select tests.prove(person, method, at);
$$;

-- 'bell' is the business, 'bell owner' its owner.
create function tests.business(name text, vat_registered boolean default true) returns uuid
    language plpgsql
as $$
declare
    account uuid;
begin
    perform tests.person(name || ' owner');
    perform tests.claim(name || ' owner');
    account := public.open_account(
        initcap(name), 'electrician', vat_registered, case when vat_registered then '999999973' end,
        initcap(name) || ' Owner', gen_random_uuid()
    );
    perform set_config('request.jwt.claims', '', true);
    return tests.keep(name, account);
end
$$;

create function tests.member(business text, role_key text, name text default null) returns uuid
    language plpgsql
as $$
declare
    person text := coalesce(name, business || ' ' || role_key);
    user_id uuid := tests.person(person);
    member_id uuid;
begin
    insert into public.members (account_id, user_id, role_id, display_name, email)
    select r.account_id, user_id, r.id, initcap(person), u.email
    from public.roles as r
    join auth.users as u on u.id = user_id
    where r.account_id = tests.id(business)
      and r.key = role_key
    returning id into member_id;
    perform tests.keep(person || ' membership', member_id);
    return user_id;
end
$$;

-- A member whose own role allows exactly these permissions.
create function tests.member_with(business text, permissions text[], name text) returns uuid
    language plpgsql
as $$
declare
    role_id uuid;
    member_id uuid;
    user_id uuid := tests.person(name);
begin
    insert into public.roles (account_id, name)
    values (tests.id(business), name)
    returning id into role_id;
    insert into public.role_permissions (account_id, role_id, permission)
    select tests.id(business), role_id, permission
    from unnest(permissions) as permission;
    insert into public.members (account_id, user_id, role_id, display_name, email)
    values (tests.id(business), user_id, role_id, initcap(name), replace(name, ' ', '.') || '@people.example')
    returning id into member_id;
    perform tests.keep(name || ' membership', member_id);
    return user_id;
end
$$;

-- The id of a role of a business, by its key or its name.
create function tests.role(business text, called text) returns uuid
    language sql
    security definer
as $$
    select r.id
    from public.roles as r
    where r.account_id = tests.id(business)
      and called in (r.key, r.name)
$$;

create function tests.address(person text) returns text
    language sql
    security definer
as $$
    select u.email from auth.users as u where u.id = tests.id(person)
$$;

-- An invitation by the owner, 'bell invitation' unless named; answers the token that was mailed.
create function tests.invited(business text, address text, role_key text default 'staff', name text default 'invitation') returns text
    language plpgsql
as $$
begin
    perform tests.claim(business || ' owner');
    perform tests.keep(business || ' ' || name, public.invite_member(tests.id(business), address, tests.role(business, role_key), gen_random_uuid()));
    perform set_config('request.jwt.claims', '', true);
    return tests.mailed_token(business, address);
end
$$;

create function tests.mailed_token(business text, address text) returns text
    language sql
    security definer
as $$
    select o.data ->> 'link_token'
    from mail.outbox as o
    where o.account_id = tests.id(business)
      and o.template = 'invitation'
      and o.to_address = address
    order by o.id desc
    limit 1
$$;

-- A domain that the owner names, '<business>.example' and 'bell domain' unless named; proven unless said otherwise.
create function tests.domain(business text, state text default 'verified', domain text default null) returns uuid
    language plpgsql
as $$
begin
    perform tests.claim(business || ' owner');
    perform tests.keep(
        business || ' domain', public.add_domain(tests.id(business), coalesce(domain.domain, business || '.example'), gen_random_uuid())
    );
    perform set_config('request.jwt.claims', '', true);
    update public.domains as d
    set state = domain.state,
        found_at = case when domain.state <> 'waiting' then now() end
    where d.account_id = tests.id(business)
      and d.id = tests.id(business || ' domain');
    return tests.id(business || ' domain');
end
$$;

-- What the record of its domain says.
create function tests.domain_record(business text) returns text
    language sql
    security definer
as $$
    select d.record from public.domains as d where d.account_id = tests.id(business) and d.id = tests.id(business || ' domain')
$$;

-- The identity provider by which a business with a proven domain signs its people in, 'bell provider'; begun unless it is on.
create function tests.sso(business text, state text default 'waiting') returns uuid
    language plpgsql
as $$
begin
    perform tests.claim(business || ' owner');
    perform tests.keep(
        business || ' provider',
        (
            public.begin_sso(tests.id(business), 'Office login', 'https://login.' || business || '.example', 'tradersflow', tests.role(business, 'staff'))
            ->> 'id'
        )::uuid
    );
    perform set_config('request.jwt.claims', '', true);
    update public.sso_providers as p
    set state = sso.state
    where p.account_id = tests.id(business);
    return tests.id(business || ' provider');
end
$$;

-- What the auth server calls it.
create function tests.sso_identifier(business text) returns text
    language sql
    security definer
as $$
    select p.identifier from public.sso_providers as p where p.account_id = tests.id(business)
$$;

-- Somebody with an address in the domain of a business asks to join it: 'bell request'.
create function tests.asked_to_join(business text, who text) returns uuid
    language plpgsql
as $$
begin
    perform tests.change_address(
        who,
        replace(who, ' ', '.') || '@' || (
            select d.domain from public.domains as d where d.account_id = tests.id(business) and d.id = tests.id(business || ' domain')
        )
    );
    perform tests.claim(who);
    perform public.join_by_domain(tests.id(business), initcap(who), gen_random_uuid());
    perform set_config('request.jwt.claims', '', true);
    return tests.keep(
        business || ' request',
        (select q.id from public.join_requests as q where q.account_id = tests.id(business) and q.user_id = tests.id(who))
    );
end
$$;

create function tests.set_state(business text, state text) returns void
    language sql
as $$
    update public.accounts set state = set_state.state where id = tests.id(business)
$$;

------------------------------------------------------------------------------------------------------
-- Work
------------------------------------------------------------------------------------------------------

-- 'bell customer', 'bell site' and 'bell job'; further ones by another name.
create function tests.job(business text, name text default 'job') returns uuid
    language plpgsql
as $$
declare
    made jsonb;
begin
    perform tests.claim(business || ' owner');
    made := public.create_job(
        tests.id(business), gen_random_uuid(),
        jsonb_build_object('title', 'Replace consumer unit'),
        jsonb_build_object('name', 'Priya Raman', 'email', 'priya@mail.example'),
        jsonb_build_object('address_line_1', '14 Orchard Rise', 'town', 'Kelsworth', 'postcode', 'KQ2 4LD')
    );
    perform set_config('request.jwt.claims', '', true);
    perform tests.keep(business || ' customer', (made ->> 'customer_id')::uuid);
    perform tests.keep(business || ' site', (made ->> 'site_id')::uuid);
    return tests.keep(business || ' ' || name, (made ->> 'job_id')::uuid);
end
$$;

-- Puts a member on a job: tests.put_on('bell job', 'bell staff').
create function tests.put_on(job text, person text) returns void
    language sql
as $$
    insert into public.job_members (account_id, job_id, member_id)
    select j.account_id, j.id, m.id
    from public.jobs as j
    join public.members as m on m.account_id = j.account_id and m.id = tests.id(person || ' membership')
    where j.id = tests.id(job)
$$;

create function tests.line(unit_pence bigint, vat_rate_bp int default 2000, quantity_milli bigint default 1000) returns jsonb
    language sql
    immutable
as $$
    select jsonb_build_object(
        'kind', 'labour', 'description', 'Work', 'quantity_milli', line.quantity_milli,
        'unit_pence', line.unit_pence, 'vat_rate_bp', line.vat_rate_bp
    )
$$;

-- 'bell invoice', a draft of £100.00 and VAT unless lines are given; 'bell job' must exist.
create function tests.draft(business text, lines jsonb default null, name text default 'invoice') returns uuid
    language plpgsql
as $$
declare
    registered boolean := (select vat_registered from public.accounts where id = tests.id(business));
    made jsonb;
begin
    perform tests.claim(business || ' owner');
    made := public.save_invoice(
        tests.id(business), null, gen_random_uuid(),
        jsonb_build_object('job_id', tests.id(business || ' job')),
        coalesce(lines, jsonb_build_array(tests.line(10000, case when registered then 2000 end)))
    );
    perform set_config('request.jwt.claims', '', true);
    return tests.keep(business || ' ' || name, (made ->> 'invoice_id')::uuid);
end
$$;

-- The same, issued: 'bell invoice' and 'bell document'.
create function tests.issued(business text, name text default 'invoice') returns uuid
    language plpgsql
as $$
declare
    invoice uuid := tests.draft(business, null, name);
    made jsonb;
begin
    perform tests.claim(business || ' owner');
    made := public.issue_invoice(
        tests.id(business), invoice, (select total_pence from public.invoices where id = invoice), gen_random_uuid()
    );
    perform set_config('request.jwt.claims', '', true);
    perform tests.keep(business || ' document', (made ->> 'document_id')::uuid);
    return invoice;
end
$$;

-- Stores an object for the file of a document, as the storage server would with its own rights.
create function tests.store(document uuid, part text default 'object', bytes int default 1234) returns void
    language sql
as $$
    insert into storage.objects (bucket_id, name, owner_id, metadata)
    select
        d.bucket_id,
        case part when 'upload' then d.upload_name else d.object_name end,
        d.created_by::text,
        jsonb_build_object('size', bytes, 'mimetype', 'application/pdf')
    from public.documents as d
    where d.id = store.document
$$;

-- The same, with its PDF stored, so that it can be sent.
create function tests.sendable(business text) returns uuid
    language plpgsql
as $$
declare
    invoice uuid := tests.issued(business);
begin
    perform tests.store(tests.id(business || ' document'));
    perform tests.claim(business || ' owner');
    perform public.finish_document(tests.id(business), tests.id(business || ' document'), 'application/pdf', 1234, repeat('ab', 32));
    perform set_config('request.jwt.claims', '', true);
    return invoice;
end
$$;

-- A private link to 'bell invoice'; answers its token.
create function tests.link(business text) returns text
    language sql
as $$
    select token from private.mint_portal_link(tests.id(business), tests.id(business || ' invoice'), 'priya@mail.example')
$$;

-- A photo of 'bell job' that is ready: 'bell photo'.
create function tests.photo(business text, job text default 'job') returns uuid
    language plpgsql
as $$
declare
    started jsonb;
begin
    perform tests.claim(business || ' owner');
    started := public.start_document(tests.id(business), tests.id(business || ' ' || job), 'photo', 'IMG_1.jpg', gen_random_uuid());
    perform tests.store((started ->> 'document_id')::uuid);
    perform public.finish_document(tests.id(business), (started ->> 'document_id')::uuid, 'image/jpeg', 1234, repeat('cd', 32), 40, 30);
    perform set_config('request.jwt.claims', '', true);
    return tests.keep(business || ' photo', (started ->> 'document_id')::uuid);
end
$$;

------------------------------------------------------------------------------------------------------
-- What was recorded
------------------------------------------------------------------------------------------------------

-- A record with what it committed to, as long as that was not erased.
create view tests.trail with (security_invoker = true) as
select
    r.id as seq, r.chain_id as account_id, r.chain_kind, r.happened_at as at, r.actor_kind, r.actor_id,
    (v.fields -> '@actor' ->> 1)::jsonb ->> 0 as actor_name,
    r.session_id, r.via,
    (v.fields -> '@from' ->> 1)::jsonb ->> 0 as ip,
    (v.fields -> '@from' ->> 1)::jsonb ->> 1 as user_agent,
    r.trusted, r.request_id, r.action, r.result, r.entity, r.entity_id, r.subject, r.subject_id, r.is_detail,
    held.before, held.after,
    (v.fields -> '@detail' ->> 1)::jsonb as detail
from audit.records as r
left join audit.field_values as v on v.record_id = r.id
cross join lateral (
    select
        jsonb_object_agg(field.key, (field.value ->> 1)::jsonb -> 0) as before,
        jsonb_object_agg(field.key, (field.value ->> 1)::jsonb -> 1) as after
    from jsonb_each(v.fields) as field
    where field.key not like '@%'
) as held;
