-- Domains: who names one, what proves it, who may join by an address in it, who decides, and who stays out. What is allowed
-- stands beside what is not.
select plan(158);

select tests.business('bell');
select tests.business('finch');
select tests.member('bell', 'admin');
select tests.member('bell', 'staff');
select tests.member_with('bell', array['account.read', 'members.read', 'members.write'], 'bell recruiter');
select tests.person(who) from unnest(array['priya', 'ravi', 'una', 'ned']) as who;

-- Gives somebody an address, confirmed unless said otherwise.
create function pg_temp.address(who text, address text, confirmed boolean default true) returns void
    language sql
as $$
    select tests.change_address(who, address) where address is distinct from tests.address(who);
    update auth.users
    set email_confirmed_at = case when confirmed then now() end
    where id = tests.id(who)
$$;

-- The same after a change, and both undone.
create function pg_temp.after(change text, who text, act text) returns text
    language plpgsql
as $$
declare
    answer text;
begin
    execute change;
    answer := tests.says(who, act);
    raise exception using errcode = 'TF001', message = answer;
exception
    when sqlstate 'TF001' then
        return sqlerrm;
end
$$;

-- What the edge function says that it saw in the DNS of a business's domain; 'itself' is the record that belongs there.
create function pg_temp.saw(business text, seen text[] default array['itself']) returns text
    language plpgsql
as $$
declare
    answer text;
begin
    perform tests.be_service();
    select service.domain_looked_up(
        tests.id(business), tests.id(business || ' domain'),
        array_replace(seen, 'itself', tests.domain_record(business))
    )
    into answer;
    perform tests.be_postgres();
    return answer;
exception
    when others then
        perform tests.be_postgres();
        return sqlstate || ' ' || sqlerrm;
end
$$;

create function pg_temp.state(business text) returns text
    language sql
as $$
    select d.state from public.domains as d where d.account_id = tests.id(business) and d.id = tests.id(business || ' domain')
$$;

create function pg_temp.age(business text, age interval) returns void
    language sql
as $$
    update public.domains as d set found_at = now() - age where d.account_id = tests.id(business) and d.id = tests.id(business || ' domain')
$$;

------------------------------------------------------------------------------------------------------
-- Naming a domain
------------------------------------------------------------------------------------------------------

select matches(
    tests.says('bell staff', $$public.add_domain(tests.id('bell'), 'bell.example', gen_random_uuid())$$), '^42501 Your role', '[ACC-4] staff names no domain'
);
select is(
    tests.says('bell admin', $$public.add_domain(tests.id('bell'), 'bell.example', gen_random_uuid())$$), '42501 Only an owner can do that.', '[ACC-4] nor does an admin'
);
select matches(
    tests.says('finch owner', $$public.add_domain(tests.id('bell'), 'bell.example', gen_random_uuid())$$), '^PT404', '[ACC-4] nor another business'
);
select is(
    tests.says('bell owner', format('public.add_domain(tests.id(''bell''), %L, gen_random_uuid())', name)),
    'P0001 Give the part of your addresses after the @, like example.co.uk.', format('[ACC-4] %s is no domain', what)
)
from (
    values
        ('nothing', ' '), ('null', null), ('a word', 'localhost'), ('an address', 'sam@bell.example'), ('a page', 'bell.example/about'),
        ('an address of a machine', '192.0.2.1'), ('what ends in a hyphen', 'bell-.example'), ('what begins with one', '-bell.example'),
        ('what is not ASCII', 'bÉll.example'), ('a wildcard', '*.bell.example'), ('what is too long', repeat('a.', 117) || 'example'),
        ('a part over 63 letters', repeat('a', 64) || '.example'), ('two lines', E'bell.example\nfinch.example')
) as tried (what, name);
select is(
    length(tests.says('bell owner', format($$public.add_domain(tests.id('bell'), %L, gen_random_uuid())$$, repeat('a.', 117) || 'exampl'))),
    36, '[ACC-4] 240 letters are not too long'
);
delete from public.domains;
select is(
    (
        select count(distinct tests.says('bell owner', $$public.add_domain(tests.id('bell'), ' Bell.EXAMPLE ', '00000000-0000-4000-8000-000000000001')$$))
        from generate_series(1, 2)
    ),
    1::bigint, '[ACC-4] the same form sent twice names one domain'
);
select is(
    (select array[d.domain, d.state, d.joining, d.role_id::text] from public.domains as d),
    array['bell.example', 'waiting', 'approval', tests.role('bell', 'staff')::text],
    '[ACC-4] it stands there in lower case, proves nothing yet, and is for whoever is approved, as staff'
);
select is(
    (select length(d.record) from public.domains as d), length('tradersflow-verification=') + 32, '[ACC-4] its record holds 192 random bits'
);
select is(
    tests.says('bell owner', $$public.add_domain(tests.id('bell'), 'bell.example', gen_random_uuid())$$),
    'P0001 This domain is on your list already.', '[ACC-4] a business names a domain once'
);
select is(
    pg_temp.after(
        $$insert into public.domains (account_id, domain, role_id) select tests.id('bell'), n || '.example', tests.role('bell', 'staff') from generate_series(1, 9) as n$$,
        'bell owner', $$public.add_domain(tests.id('bell'), 'eleventh.example', gen_random_uuid())$$
    ),
    'P0001 A business has at most 10 domains here. Take one out first.', '[ACC-4] ten domains are enough'
);
select matches(
    pg_temp.after(
        $$insert into public.domains (account_id, domain, role_id) select tests.id(b), n || '.example', tests.role(b, 'staff') from generate_series(1, 8) as n, unnest(array['bell', 'finch']) as b$$,
        'bell owner', $$public.add_domain(tests.id('bell'), 'tenth.example', gen_random_uuid())$$
    ),
    '^[0-9a-f-]{36}$', '[ACC-4] and those of another business do not count'
);
select tests.keep('bell domain', (select d.id from public.domains as d));
select matches(
    tests.says('finch owner', $$public.add_domain(tests.id('finch'), 'bell.example', gen_random_uuid())$$), '^[0-9a-f-]{36}$',
    '[ACC-4] before anybody has proven it, everybody may say it is theirs'
);
select tests.keep('finch domain', (select d.id from public.domains as d where d.account_id = tests.id('finch')));

insert into public.roles (account_id, name) values (tests.id('bell'), 'Mate');
select is(
    pg_temp.after($$update public.domains as d set role_id = tests.role('bell', 'Mate') where d.account_id = tests.id('bell')$$, 'bell owner', $$public.delete_role(tests.id('bell'), tests.role('bell', 'Mate'))$$),
    'P0001 Somebody has this role, or is invited or joins by a domain with it. Give them another one first.', '[ACC-3] a role that people join with stays'
);

-- Who sees them
select is(tests.says(who, '(select string_agg(d.domain, '' '') from public.domains as d)'), seen, format('[ACC-4] %s sees %s', who, seen))
from (values ('bell owner', 'bell.example'), ('bell admin', 'bell.example'), ('bell staff', 'nothing'), ('priya', 'nothing')) as tried (who, seen);

------------------------------------------------------------------------------------------------------
-- Proving it
------------------------------------------------------------------------------------------------------

select is(pg_temp.saw('bell', array['v=spf1 -all', tests.domain_record('finch')]), 'waiting', '[ACC-4] another''s record proves nothing');
select is(pg_temp.saw('bell', '{}'), 'waiting', 'nor does none');
select is((select count(*) from mail.outbox where template = 'domain_missing'), 0::bigint, 'and nobody is told what they know');
select is(pg_temp.saw('bell', array['v=spf1 -all', 'itself']), 'verified', '[ACC-4] its own record among others proves a domain');
select is(
    (select array[d.state, (d.found_at = now())::text] from public.domains as d where d.account_id = tests.id('bell')), array['verified', 'true'],
    'and when is kept'
);
select is(
    (select string_agg(r.action || ' ' || r.actor_kind, ', ' order by r.id) from audit.records as r where r.chain_id = tests.id('bell') and r.entity = 'domain' and r.entity_id = tests.id('bell domain')),
    'domain.created person, domain.verified worker', '[AUD-2] both are on record'
);
select is(
    pg_temp.saw('finch', array['itself', tests.domain_record('bell')]), 'P0001 Another business has proven this domain. Its record has to go first.',
    '[ACC-4] a domain has one owner here: while its record stands nobody else proves it'
);
select is(pg_temp.state('bell') || ' ' || pg_temp.state('finch'), 'verified waiting', 'and nothing has changed');

-- An untouched row keeps its place.
insert into public.domains (account_id, domain, role_id, state, found_at)
values (tests.id('bell'), 'other.example', tests.role('bell', 'staff'), 'verified', now());
select tests.business('heron');
insert into public.domains (account_id, domain, role_id) values (tests.id('heron'), 'bell.example', tests.role('heron', 'staff'));
create temporary table places as select d.account_id, d.domain, d.ctid as place from public.domains as d;
select is(pg_temp.saw('finch'), 'verified', '[ACC-4] who owns the domain now proves it, once the record of whoever had it is gone');
select is(pg_temp.state('bell'), 'waiting', '[ACC-4] and that is the end of their claim');
select is(
    (
        select string_agg(p.domain || ' of ' || a.name, ', ' order by a.name)
        from places as p
        join public.domains as d on d.account_id = p.account_id and d.domain = p.domain and d.ctid = p.place
        join public.accounts as a on a.id = p.account_id
    ),
    'other.example of Bell, bell.example of Heron', 'nothing else is touched'
);
select is(pg_temp.saw('bell'), 'verified', 'and back again, when theirs is the record that stands there');
select tests.keep('heron domain', gen_random_uuid());
select is(pg_temp.saw('heron', '{}'), 'PT404 There is no such domain.', 'a domain that nobody named is none');

-- Gone
select is(pg_temp.saw('bell', '{}'), 'missing', '[ACC-4] a record that is gone ends joining at once');
select is(
    (select string_agg(o.to_address, ' ' order by o.to_address) from mail.outbox as o where o.template = 'domain_missing' and o.data = '{"business_name": "Bell", "domain": "bell.example"}'),
    (select string_agg(a, ' ' order by a) from (values (tests.address('bell owner')), (tests.address('bell admin')), (tests.address('bell recruiter'))) as those (a)),
    '[ACC-4] and whoever may invite is told'
);
select is(pg_temp.saw('bell', '{}'), 'missing', 'while it stays away');
select is((select count(*) from mail.outbox where template = 'domain_missing'), 3::bigint, 'they are told once');
select pg_temp.age('bell', interval '7 days');
select is(pg_temp.saw('bell', '{}'), 'missing', 'for a week the domain waits for its owner');
select pg_temp.age('bell', interval '7 days 1 second');
select is(pg_temp.saw('bell', '{}'), 'waiting', '[ACC-4] then it is no longer theirs');
select is(pg_temp.saw('bell'), 'verified', 'until it is proven again');
select pg_temp.age('bell', interval '8 days');
select is(pg_temp.saw('bell', '{}'), 'missing', 'one not looked at for long is missing first');
select is(pg_temp.saw('bell'), 'verified', 'and found again it is as it was');

-- Looked for
select is_empty($$select service.domains_to_check(10)$$, 'what was seen today is not looked for');
select pg_temp.age('bell', interval '20 hours');
select is_empty($$select service.domains_to_check(10)$$, 'nor what was seen twenty hours ago');
select pg_temp.age('bell', interval '20 hours 1 second');
update public.domains as d set found_at = now() - interval '2 days' where d.domain = 'other.example';
update public.domains as d set found_at = now() - interval '3 days' where d.account_id = tests.id('finch');
select results_eq(
    $$select service.domains_to_check(10)$$,
    $$
        select jsonb_build_object('account_id', d.account_id, 'domain_id', d.id, 'domain', d.domain)
        from public.domains as d
        where d.account_id = tests.id('bell')
        order by d.domain desc
    $$,
    '[ACC-4] every day, those seen longest ago first, and none that is not proven'
);
select is((select count(*) from service.domains_to_check(1)), 1::bigint, 'so many at a time');
select pg_temp.age('bell', interval '0');

------------------------------------------------------------------------------------------------------
-- Who may join by it
------------------------------------------------------------------------------------------------------

select pg_temp.address('priya', 'priya@bell.example');
select is(
    tests.says('priya', 'public.joinable()'),
    jsonb_build_object(
        'account_id', tests.id('bell'), 'business', 'Bell', 'domain', 'bell.example', 'role', 'Staff', 'joining', 'approval', 'asked_at', null
    )::text,
    '[ACC-4] whose confirmed address is in the domain is offered the business'
);

create function pg_temp.priya_joins_when(change text) returns text
    language plpgsql
as $$
begin
    return pg_temp.after(change, 'priya', 'public.joinable() ->> ''business''') || ', '
        || pg_temp.after(change, 'priya', $q$public.join_by_domain(tests.id('bell'), 'Priya', gen_random_uuid()) ->> 'joined'$q$);
end
$$;
select is(pg_temp.priya_joins_when(change), 'Bell, ' || joined, format('[ACC-4] she may when %s', why))
from (
    values
        ('all is as it was', 'select 1', 'false'),
        ('her address is written large', $$select pg_temp.address('priya', 'Priya@BELL.example')$$, 'false'),
        ('somebody else of the domain is in the team', $$update public.members as m set email = 'sam@bell.example' where m.user_id = tests.id('bell staff')$$, 'false'),
        ('somebody else was refused', $$insert into public.join_requests (account_id, user_id, email, display_name, state) values (tests.id('bell'), tests.id('ravi'), 'ravi@bell.example', 'Ravi', 'refused')$$, 'false'),
        ('another business removed and refused her', $$
            insert into public.members (account_id, user_id, role_id, display_name, email, removed_at) values (tests.id('finch'), tests.id('priya'), tests.role('finch', 'staff'), 'P', 'priya@bell.example', now());
            insert into public.join_requests (account_id, user_id, email, display_name, state) values (tests.id('finch'), tests.id('priya'), 'priya@bell.example', 'P', 'refused')
        $$, 'false'),
        ('the record was seen nearly a week ago', $$select pg_temp.age('bell', interval '7 days' - interval '1 second')$$, 'false'),
        ('the last payment failed', $$select tests.set_state('bell', 'past_due')$$, 'false'),
        ('anybody may', $$update public.domains as d set joining = 'automatic'$$, 'true')
) as tried (why, change, joined);
select is(
    pg_temp.priya_joins_when(change), 'nothing, PT404 You cannot join by your e-mail address. Ask the business to invite you.',
    format('[ACC-4] not when %s', why)
)
from (
    values
        ('her address was never confirmed', $$select pg_temp.address('priya', 'priya@bell.example', false)$$),
        ('her company''s sign-in says that the address is hers', $$update auth.users set is_sso_user = true where id = tests.id('priya')$$),
        ('her address is in another domain', $$select pg_temp.address('priya', 'priya@finch.example')$$),
        ('it is in one below', $$select pg_temp.address('priya', 'priya@mail.bell.example')$$),
        ('it only ends alike', $$select pg_temp.address('priya', 'priya@notbell.example')$$),
        ('it only holds the domain', $$select pg_temp.address('priya', 'bell.example@mail.example')$$),
        ('the domain was never proven', $$update public.domains as d set state = 'waiting'$$),
        ('its record is gone', $$update public.domains as d set state = 'missing' where d.account_id = tests.id('bell')$$),
        ('it was not seen for a week', $$select pg_temp.age('bell', interval '7 days')$$),
        ('the owner lets nobody join by it', $$update public.domains as d set joining = 'nobody'$$),
        ('the business is suspended', $$select tests.set_state('bell', 'suspended')$$),
        ('she is in the team', $$insert into public.members (account_id, user_id, role_id, display_name, email) values (tests.id('bell'), tests.id('priya'), tests.role('bell', 'agent'), 'P', 'private@mail.example')$$),
        ('she was removed', $$insert into public.members (account_id, user_id, role_id, display_name, email, removed_at) values (tests.id('bell'), tests.id('priya'), tests.role('bell', 'agent'), 'P', 'private@mail.example', now())$$),
        ('she was removed as somebody else with her mailbox', $$insert into public.members (account_id, user_id, role_id, display_name, email, removed_at) values (tests.id('bell'), tests.id('ravi'), tests.role('bell', 'agent'), 'P', 'Priya@bell.example', now())$$),
        ('she adds something to the address she was removed with', $$
            insert into public.members (account_id, user_id, role_id, display_name, email, removed_at) values (tests.id('bell'), tests.id('ravi'), tests.role('bell', 'agent'), 'P', 'priya@bell.example', now());
            select pg_temp.address('priya', 'priya+again@bell.example')
        $$),
        ('she takes away what she had added', $$insert into public.members (account_id, user_id, role_id, display_name, email, removed_at) values (tests.id('bell'), tests.id('ravi'), tests.role('bell', 'agent'), 'P', 'priya+work@bell.example', now())$$),
        ('she was refused', $$insert into public.join_requests (account_id, user_id, email, display_name, state) values (tests.id('bell'), tests.id('priya'), 'private@mail.example', 'P', 'refused')$$),
        ('she was refused as somebody else with her mailbox', $$insert into public.join_requests (account_id, user_id, email, display_name, state) values (tests.id('bell'), tests.id('ravi'), 'priya+new@bell.example', 'P', 'refused')$$)
) as tried (why, change);
select is(
    tests.says('priya', format('public.%s', act)), answer, format('[ACC-4] %s of another business is refused', act)
)
from (
    values
        ($$join_by_domain(tests.id('finch'), 'Priya', gen_random_uuid())$$, 'PT404 You cannot join by your e-mail address. Ask the business to invite you.'),
        ($$join_by_domain(null, 'Priya', gen_random_uuid())$$, 'PT404 You cannot join by your e-mail address. Ask the business to invite you.')
) as tried (act, answer);
select is(
    pg_temp.after('delete from auth.sessions', 'priya', 'public.' || act), '42501 Your session has ended. Sign in again.',
    format('[AUTH-6] nobody whose session is over asks %s', act)
)
from (values ('joinable()'), ($$join_by_domain(tests.id('bell'), 'Priya', gen_random_uuid())$$)) as tried (act);

------------------------------------------------------------------------------------------------------
-- Asking
------------------------------------------------------------------------------------------------------

select is(
    (
        select string_agg(tests.says('priya', $$public.join_by_domain(tests.id('bell'), ' Priya Nair ', '00000000-0000-4000-8000-000000000002')$$), ' ')
        from generate_series(1, 2)
    ),
    '{"joined": false} {"joined": false}', '[ACC-4] she asks, and asks no more when the form is sent again'
);
select is(
    pg_temp.after(change, 'priya', '(select count(*) || '' '' || bool_and((j ->> ''asked_at'')::timestamptz = now()) from public.joinable() as j)'),
    '1 true', format('[ACC-4] that %s is none of it', what)
)
from (
    values
        ('somebody else has asked', $$insert into public.join_requests (account_id, user_id, email, display_name, created_at) values (tests.id('bell'), tests.id('una'), 'una@bell.example', 'Una', '2026-01-01')$$),
        ('she has asked another business', $$insert into public.join_requests (account_id, user_id, email, display_name, created_at) values (tests.id('finch'), tests.id('priya'), 'priya@bell.example', 'P', '2026-01-01')$$)
) as tried (what, change);
select is(tests.says('priya', $$public.join_by_domain(tests.id('bell'), 'P', gen_random_uuid())$$), '{"joined": false}', 'asking again');
select is(
    (select array[count(*)::text, min(q.email), min(q.display_name), min(q.state)] from public.join_requests as q where q.account_id = tests.id('bell')),
    array['1', 'priya@bell.example', 'Priya Nair', 'waiting'], 'changes nothing'
);
select is(tests.says('priya', 'public.joinable() ->> ''asked_at'' is not null'), 'true', '[ACC-4] and she sees that she has asked');
select is(tests.says('priya', '(select count(*) from public.members)'), '0', '[ACC-4] asking alone opens nothing');
select is(
    (select string_agg(o.to_address, ' ' order by o.to_address) from mail.outbox as o where o.template = 'join_asked'),
    (select string_agg(a, ' ' order by a) from (values (tests.address('bell owner')), (tests.address('bell admin')), (tests.address('bell recruiter'))) as those (a)),
    '[ACC-4] whoever may invite is told, once'
);
select is(
    (select min(o.data::text) from mail.outbox as o where o.template = 'join_asked'),
    '{"email": "priya@bell.example", "domain": "bell.example", "person_name": "Priya Nair", "business_name": "Bell"}', 'who asks'
);
select is(tests.says(who, '(select string_agg(q.display_name, '' '') from public.join_requests as q)'), seen, format('[ACC-4] %s sees of requests: %s', who, seen))
from (values ('bell admin', 'Priya Nair'), ('bell staff', 'nothing'), ('priya', 'nothing'), ('finch owner', 'nothing')) as tried (who, seen);
select tests.keep('bell request', (select q.id from public.join_requests as q where q.account_id = tests.id('bell')));
select is(
    pg_temp.after($$update auth.users set email = null where id = tests.id('priya')$$, 'bell owner', $$public.refuse_join_request(tests.id('bell'), tests.id('bell request'))$$),
    'true', 'who has no address is told nothing, and the rest goes on'
);

------------------------------------------------------------------------------------------------------
-- Deciding
------------------------------------------------------------------------------------------------------

select matches(tests.says(who, act), answer, format('[ACC-4] %s: %s', who, act))
from (
    values
        ('bell staff', $$public.approve_join_request(tests.id('bell'), tests.id('bell request'), tests.role('bell', 'staff'))$$, '^42501 Your role'),
        ('bell staff', $$public.refuse_join_request(tests.id('bell'), tests.id('bell request'))$$, '^42501 Your role'),
        ('finch owner', $$public.approve_join_request(tests.id('bell'), tests.id('bell request'), tests.role('bell', 'staff'))$$, '^PT404'),
        ('finch owner', $$public.approve_join_request(tests.id('finch'), tests.id('bell request'), tests.role('finch', 'staff'))$$, '^PT404'),
        ('finch owner', $$public.refuse_join_request(tests.id('finch'), tests.id('bell request'))$$, '^PT404'),
        ('priya', $$public.approve_join_request(tests.id('bell'), tests.id('bell request'), tests.role('bell', 'staff'))$$, '^PT404'),
        ('bell recruiter', $$public.approve_join_request(tests.id('bell'), tests.id('bell request'), tests.role('bell', 'staff'))$$, '^42501 You can only give'),
        ('bell admin', $$public.approve_join_request(tests.id('bell'), tests.id('bell request'), tests.role('bell', 'owner'))$$, '^42501 Only an owner'),
        ('bell admin', $$public.approve_join_request(tests.id('bell'), tests.id('bell request'), tests.role('finch', 'staff'))$$, '^PT404 There is no such role'),
        ('bell admin', $$public.approve_join_request(tests.id('bell'), gen_random_uuid(), tests.role('bell', 'staff'))$$, '^PT404 There is no such request')
) as tried (who, act, answer);
select is((select count(*) from mail.outbox where template = 'join_decided'), 0::bigint, 'none of which decides anything');
select is(
    pg_temp.after(change, 'bell admin', $$public.approve_join_request(tests.id('bell'), tests.id('bell request'), tests.role('bell', 'staff'))$$),
    'P0001 They cannot join by their address any more. Invite them instead.', format('[ACC-4] nobody is let in after %s', what)
)
from (
    values
        ('they changed their address', $$select pg_temp.address('priya', 'priya@mail.example')$$),
        ('the domain was lost', $$update public.domains as d set state = 'missing' where d.account_id = tests.id('bell')$$),
        ('it went to another business', $$
            update public.domains as d set state = 'waiting' where d.account_id = tests.id('bell');
            update public.domains as d set state = 'verified', found_at = now() where d.account_id = tests.id('finch')
        $$),
        ('the domain was taken off', $$delete from public.domains as d where d.account_id = tests.id('bell')$$)
) as tried (what, change);
select is(
    pg_temp.after($$select 1$$, 'bell admin', $$public.refuse_join_request(tests.id('bell'), tests.id('bell request'))$$), 'true', '[ACC-4] an admin may refuse'
);
select is(
    tests.says('bell admin', $$public.approve_join_request(tests.id('bell'), tests.id('bell request'), tests.role('bell', 'agent'))$$), 'true',
    '[ACC-4] an admin lets her in, with the role they choose'
);
select is(
    (select array[m.display_name, m.email, r.key] from public.members as m join public.roles as r on r.account_id = m.account_id and r.id = m.role_id where m.user_id = tests.id('priya')),
    array['Priya Nair', 'priya@bell.example', 'agent'], 'as who she said she is'
);
select is(
    (select array[q.state, q.decided_by::text] from public.join_requests as q where q.account_id = tests.id('bell')),
    array['approved', tests.id('bell admin')::text], 'who decided is kept'
);
select results_eq(
    $$select o.to_address, o.data from mail.outbox as o where o.template = 'join_decided'$$,
    $$values ('priya@bell.example', '{"approved": true, "business_name": "Bell"}'::jsonb)$$, '[ACC-4] and she is told'
);
select matches(
    tests.says('bell owner', act), '^PT404 There is no such request', '[ACC-4] what is decided stays decided'
)
from (
    values
        ($$public.refuse_join_request(tests.id('bell'), tests.id('bell request'))$$),
        ($$public.approve_join_request(tests.id('bell'), tests.id('bell request'), tests.role('bell', 'staff'))$$)
) as tried (act);
select is(
    (select string_agg(r.action || ' ' || r.actor_kind, ', ' order by r.id) from audit.records as r where r.chain_id = tests.id('bell') and r.entity = 'join_request'),
    'join_request.created person, join_request.approved person', '[AUD-2] asking and deciding are on record'
);
-- Removed she stays out, at once and for good.
update public.members as m set removed_at = now() where m.user_id = tests.id('priya');
select is(tests.says('priya', 'public.joinable()'), 'nothing', '[ACC-4] who was removed is not offered it again');
select matches(tests.says('priya', $$public.join_by_domain(tests.id('bell'), 'Priya', gen_random_uuid())$$), '^PT404 You cannot join', '[ACC-4] and cannot ask');

-- Refused
select pg_temp.address('ravi', 'ravi@bell.example');
select tests.says('ravi', $$public.join_by_domain(tests.id('bell'), ' ', gen_random_uuid())$$);
select tests.keep('bell request', (select q.id from public.join_requests as q where q.user_id = tests.id('ravi')));
select is((select q.display_name from public.join_requests as q where q.id = tests.id('bell request')), 'ravi@bell.example', 'who gives no name is called by their address');
select is(tests.says('bell recruiter', $$public.refuse_join_request(tests.id('bell'), tests.id('bell request'))$$), 'true', '[ACC-4] whoever may invite may say no');
select is(
    (select o.data ->> 'approved' from mail.outbox as o where o.template = 'join_decided' and o.to_address = 'ravi@bell.example'), 'false', 'and he is told'
);
select is(tests.says('ravi', 'public.joinable()'), 'nothing', '[ACC-4] he is offered it no more');
select matches(
    pg_temp.after($$update public.domains as d set joining = 'automatic'$$, 'ravi', $$public.join_by_domain(tests.id('bell'), 'Ravi', gen_random_uuid())$$),
    '^PT404 You cannot join', '[ACC-4] not even when everybody else may join'
);

------------------------------------------------------------------------------------------------------
-- Choosing who joins, and joining at once
------------------------------------------------------------------------------------------------------

select matches(tests.says(who, act), answer, format('[ACC-4] %s: %s', who, act))
from (
    values
        ('bell staff', $$public.set_domain_joining(tests.id('bell'), tests.id('bell domain'), 'automatic', tests.role('bell', 'staff'))$$, '^42501 Your role'),
        ('bell admin', $$public.set_domain_joining(tests.id('bell'), tests.id('bell domain'), 'automatic', tests.role('bell', 'staff'))$$, '^42501 Only an owner'),
        ('finch owner', $$public.set_domain_joining(tests.id('bell'), tests.id('bell domain'), 'automatic', tests.role('bell', 'staff'))$$, '^PT404'),
        ('finch owner', $$public.set_domain_joining(tests.id('finch'), tests.id('bell domain'), 'automatic', tests.role('finch', 'staff'))$$, '^PT404 There is no such domain'),
        ('bell owner', $$public.set_domain_joining(tests.id('bell'), tests.id('bell domain'), 'everybody', tests.role('bell', 'staff'))$$, '^P0001 Choose who may join'),
        ('bell owner', $$public.set_domain_joining(tests.id('bell'), tests.id('bell domain'), null, tests.role('bell', 'staff'))$$, '^P0001 Choose who may join'),
        ('bell owner', $$public.set_domain_joining(tests.id('bell'), tests.id('bell domain'), 'automatic', tests.role('bell', 'owner'))$$, '^P0001 Nobody becomes an owner'),
        ('bell owner', $$public.set_domain_joining(tests.id('bell'), tests.id('bell domain'), 'automatic', tests.role('finch', 'staff'))$$, '^PT404 There is no such role'),
        ('bell staff', $$public.remove_domain(tests.id('bell'), tests.id('bell domain'))$$, '^42501 Your role'),
        ('bell admin', $$public.remove_domain(tests.id('bell'), tests.id('bell domain'))$$, '^42501 Only an owner'),
        ('finch owner', $$public.remove_domain(tests.id('bell'), tests.id('bell domain'))$$, '^PT404'),
        ('finch owner', $$public.remove_domain(tests.id('finch'), tests.id('bell domain'))$$, '^PT404 There is no such domain')
) as tried (who, act, answer);
select pg_temp.address('una', 'una@bell.example');
select tests.says('una', $$public.join_by_domain(tests.id('bell'), 'Una', gen_random_uuid())$$);
select pg_temp.address('ned', 'ned@bell.example');
select tests.says('ned', $$public.join_by_domain(tests.id('bell'), 'Ned', gen_random_uuid())$$);
insert into public.join_requests (account_id, user_id, email, display_name) values (tests.id('finch'), tests.id('una'), 'una@finch.example', 'Una');
select is(
    tests.says('bell owner', $$public.set_domain_joining(tests.id('bell'), tests.id('bell domain'), 'automatic', tests.role('bell', 'agent'))$$), 'true',
    '[ACC-4] the owner lets everybody join by the domain, in a role they choose'
);
select is(
    (select string_agg(d.domain || ' ' || d.joining, ', ' order by d.domain) from public.domains as d where d.account_id = tests.id('bell')),
    'bell.example automatic, other.example approval', 'by that one'
);
select is(
    tests.says('una', $$public.join_by_domain(tests.id('bell'), 'Una', gen_random_uuid())$$), '{"joined": true}', '[ACC-4] whoever has an address there joins at once'
);
select is(
    (select array[m.display_name, m.email, r.key] from public.members as m join public.roles as r on r.account_id = m.account_id and r.id = m.role_id where m.user_id = tests.id('una')),
    array['Una', 'una@bell.example', 'agent'], 'in that role'
);
select is(
    (select string_agg(q.email || ' ' || q.state, ', ' order by q.email) from public.join_requests as q where q.account_id = tests.id('bell')),
    'ned@bell.example waiting, priya@bell.example approved, ravi@bell.example refused, una@bell.example approved', 'what she had asked for is settled'
);
select is((select q.state from public.join_requests as q where q.account_id = tests.id('finch')), 'waiting', 'and nothing else');
select is(
    (select count(*)::text || ' ' || min(o.data ->> 'email') from mail.outbox as o where o.template = 'joined_by_domain'), '3 una@bell.example',
    '[ACC-4] and whoever may invite is told who joined'
);
select is(
    (
        select count(*)
        from audit.records as r
        where r.chain_id = tests.id('bell') and r.action = 'member.created' and r.actor_id = tests.id('una')
    ),
    1::bigint, '[AUD-2] joining is on record'
);
select matches(
    pg_temp.after($$select tests.prove('bell owner', 'password', now() - interval '11 minutes')$$, 'bell owner', act), '^42501 Confirm that it is you', format('[AUTH-4] an owner who has not just shown who they are: %s', act)
)
from (
    values
        ($$public.add_domain(tests.id('bell'), 'new.example', gen_random_uuid())$$),
        ($$public.set_domain_joining(tests.id('bell'), tests.id('bell domain'), 'nobody', tests.role('bell', 'staff'))$$),
        ($$public.remove_domain(tests.id('bell'), tests.id('bell domain'))$$),
        ($$public.approve_join_request(tests.id('bell'), (select q.id from public.join_requests as q where q.state = 'waiting'), tests.role('bell', 'staff'))$$)
) as tried (act);
select is(tests.says('bell owner', $$public.remove_domain(tests.id('bell'), tests.id('bell domain'))$$), 'true', '[ACC-4] the owner takes a domain off');
select is((select string_agg(d.domain, ' ') from public.domains as d where d.account_id = tests.id('bell')), 'other.example', 'that one');
select is(tests.says('ned', 'public.joinable()'), 'nothing', '[ACC-4] and nobody joins by it any more');
select is(tests.says('una', '(select count(*) from public.me())'), '1', 'those who did stay');

select * from finish();
