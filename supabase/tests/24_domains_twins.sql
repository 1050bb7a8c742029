-- Twins (tests/database/twins.sql) at work on their domains: domains and requests of one id in two businesses.
select plan(22);

select tests.twins();
select tests.domain(b, 'waiting') from unnest(array['bell', 'finch']) as b;
select tests.twin('public.domains', 'domain');
select tests.member(b, 'staff', b || ' colleague') from unnest(array['bell', 'finch']) as b;

select tests.both('member', $$public.add_domain(tests.id('{b}'), 'more.{b}.example', '00000000-0000-4000-8000-000000000001') is not null$$, 'a domain is named', 'true');
select tests.both('member', $$public.set_domain_joining(tests.id('{b}'), tests.id('{b} domain'), 'approval', tests.role('{b}', 'agent'))$$, 'who joins by it is chosen', 'true');
select tests.both('service', $$service.domain_looked_up(tests.id('{b}'), tests.id('{b} domain'), array[tests.domain_record('{b}')])$$, 'it is proven', 'verified');
select tests.both('service', $$service.domain_looked_up(tests.id('{b}'), tests.id('{b} domain'), '{}')$$, 'its record is gone', 'missing');
update public.domains as d set found_at = now() - interval '8 days' where d.state = 'missing';
select tests.both('service', $$service.domain_looked_up(tests.id('{b}'), tests.id('{b} domain'), '{}')$$, 'it is lost', 'waiting');
select tests.both('service', $$service.domain_looked_up(tests.id('{b}'), tests.id('{b} domain'), array[tests.domain_record('{b}')])$$, 'it is proven again', 'verified');

-- Somebody asks each, and each decides.
select tests.person(b || ' asker') from unnest(array['bell', 'finch']) as b;
select tests.asked_to_join(b, b || ' asker') from unnest(array['bell', 'finch']) as b;
select tests.twin('public.join_requests', 'request');
insert into public.roles (account_id, id, name)
select tests.id(b), tests.keep(b || ' mate', gen_random_uuid()), initcap(b) || ' mate' from unnest(array['bell', 'finch']) as b;
select tests.twin('public.roles', 'mate');
update public.domains as d set role_id = tests.id('bell mate');
create function pg_temp.offered(business text) returns text
    language sql
as $$
    select tests.claim(business || ' asker');
    select j ->> 'business' || ' ' || (j ->> 'role') || ' ' || (j ->> 'asked_at' is not null) from public.joinable() as j;
$$;
select is(pg_temp.offered(b), initcap(b) || ' ' || initcap(b) || ' mate true', format('[ISO-1] %s: whoever has an address there is offered it', b))
from unnest(array['bell', 'finch']) as b;
select set_config('request.jwt.claims', '', true);
select tests.both('member', $$public.approve_join_request(tests.id('{b}'), tests.id('{b} request'), tests.role('{b}', 'staff'))$$, 'they are let in', 'true');
select results_eq(
    $$select m.account_id, m.display_name from public.members as m where m.display_name like '% Asker' order by m.display_name$$,
    $$values (tests.id('bell'), 'Bell Asker'), (tests.id('finch'), 'Finch Asker')$$, '[ISO-1] each by their own'
);
select results_eq(
    $$select o.account_id, o.data ->> 'business_name', o.to_address from mail.outbox as o where o.template = 'join_decided' order by 2$$,
    $$values (tests.id('bell'), 'Bell', 'bell.asker@bell.example'), (tests.id('finch'), 'Finch', 'finch.asker@finch.example')$$, '[ISO-1] and told by them'
);
update public.join_requests as q set state = 'waiting';
delete from mail.outbox as o where o.template = 'join_decided';
select tests.both('member', $$public.refuse_join_request(tests.id('{b}'), tests.id('{b} request'))$$, 'somebody is refused', 'true');
select tests.both('member', $$public.remove_domain(tests.id('{b}'), tests.id('{b} domain'))$$, 'a domain is taken off', 'true');
select * from finish();
