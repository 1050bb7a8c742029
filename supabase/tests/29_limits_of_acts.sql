-- The limits of what signed-in people do and of customers' private links: whatever way it is called, the act's own SQL counts and refuses.
select plan(61);

select tests.business('bell');
select tests.business('finch');
select tests.member('bell', 'admin');
select tests.job('bell');
select tests.sendable('bell');
select tests.domain('bell');

-- What is left of a limit becomes so many: the rest is taken, some time ago.
create function pg_temp.leave(left_over integer, of_limit text, key text, ago interval default '0') returns void
    language sql
as $$
    insert into private.limit_takes (key_hash, limit_name, taken, forget_at)
    select k.key_hash, l.name, array_fill(clock_timestamp() - ago, array[l.quota - left_over]), now() + interval '1 day'
    from private.limits as l
    cross join private.limit_keys(jsonb_build_array(jsonb_build_object('limit', l.name, 'key', key))) as k
    where l.name = of_limit
    on conflict (key_hash) do update set taken = excluded.taken, refused_until = null
$$;
create function pg_temp.taken(of_limit text) returns bigint
    language sql
as $$
    select coalesce(sum(cardinality(t.taken)), 0) from private.limit_takes as t where t.limit_name = of_limit
$$;
-- What an act of somebody answers: '' when it was done, else what the Data API makes of the refusal, without the seconds.
create function pg_temp.refusal(who text, act text) returns text
    language plpgsql
as $$
declare
    said text := tests.says(who, act);
    body jsonb;
begin
    if said !~ '^PGRST ' then
        return case when said ~ '^[0-9A-Z]{5} ' then said else '' end;
    end if;
    body := substr(said, 7)::jsonb;
    return concat_ws(' ', body ->> 'code', body ->> 'hint', regexp_replace(body #>> '{details}', '"\d+"|t=\d+', '…', 'g'));
end
$$;

------------------------------------------------------------------------------------------------------
-- Saying it
------------------------------------------------------------------------------------------------------

select is(
    private.limit_headers('[
        {"limit_name": "b", "allowed": true, "quota": 20, "remaining": 19, "retry_after": 0, "period_seconds": 86400},
        {"limit_name": "a", "allowed": true, "quota": 5, "remaining": 0, "retry_after": 0, "period_seconds": null}
    ]') ->> 'RateLimit-Policy',
    '"a";q=5, "b";q=20;w=86400', '[RATE-3] the headers name each limit, how much it gives, and in which time where there is one'
);
select is(
    private.limit_headers(jsonb_build_array(jsonb_build_object(
        'limit_name', 'b', 'allowed', true, 'quota', 20, 'remaining', 19, 'retry_after', 0, 'reset_at', clock_timestamp() + interval '89.5 seconds'
    ))) - 'RateLimit-Policy',
    '{"RateLimit": "\"b\";r=19;t=90"}', '[RATE-3] and how much is left, until when'
);
select is(
    private.limit_headers('[
        {"limit_name": "b", "allowed": false, "quota": 20, "remaining": 0, "retry_after": 7, "period_seconds": 60},
        {"limit_name": "a", "allowed": false, "quota": 5, "remaining": 0, "retry_after": 61, "period_seconds": 60}
    ]'),
    '{"RateLimit-Policy": "\"a\";q=5;w=60, \"b\";q=20;w=60", "RateLimit": "\"a\";r=0;t=61, \"b\";r=0;t=7", "Retry-After": "61"}',
    '[RATE-3] a refusal says when to come back: once the longest is over'
);
select results_eq(
    $$select l.name, private.period_seconds(l) from private.limits as l where l.name in ('export', 'password') order by l.name$$,
    $$values ('export', 3600), ('password', null)$$, 'a limit whose wait grows has no one period'
);

------------------------------------------------------------------------------------------------------
-- Invitations
------------------------------------------------------------------------------------------------------

create function pg_temp.invite(who text, address text, business text default 'bell') returns text
    language sql
as $$
    select pg_temp.refusal(who, format(
        'public.invite_member(tests.id(%L), %L, tests.role(%1$L, ''staff''), gen_random_uuid())', business, address
    ))
$$;
select is(pg_temp.invite('bell owner', 'one@mail.example'), '', 'an invitation goes out');
select is(pg_temp.taken('invitation_account') || ' ' || pg_temp.taken('invitation_person'), '1 1', '[RATE-3] and counts, for the business and for the person');
select is(
    (select (h -> 'RateLimit-Policy') from jsonb_array_elements(current_setting('response.headers')::jsonb) as h where h ? 'RateLimit-Policy'),
    '"\"invitation_account\";q=20;w=86400, \"invitation_person\";q=40;w=86400"', '[RATE-3] which the Data API says'
);
select isnt(pg_temp.invite('bell owner', 'one@mail.example'), '', 'one that is invited already is not invited again');
select is(pg_temp.taken('invitation_account'), 1::bigint, 'and what does not go out is not counted');
select pg_temp.leave(1, 'invitation_account', tests.id('bell')::text);
select is(pg_temp.invite('bell owner', 'twentieth@mail.example'), '', '[ACC-4] the twentieth of a day goes out');
select is(
    pg_temp.invite('bell owner', 'next@mail.example'),
    'PT429 too_many_invitations {"RateLimit": "\"invitation_account\";r=0;…", "Retry-After": …, "RateLimit-Policy": "\"invitation_account\";q=20;w=86400"}',
    '[ACC-4] the next one does not, and is told when'
);
select is((select count(*) from public.invitations where email = 'next@mail.example'), 0::bigint, 'of which nothing is left');
select matches(pg_temp.invite('bell admin', 'next@mail.example'), '^PT429 too_many_invitations', '[RATE-3] whoever of the team asks');
select matches(
    pg_temp.refusal('bell owner', $$public.resend_invitation(tests.id('bell'), (select id from public.invitations where email = 'one@mail.example'), gen_random_uuid())$$),
    '^PT429 too_many_invitations', '[RATE-3] sending one again counts too'
);
select is(pg_temp.invite('finch owner', 'next@mail.example', 'finch'), '', '[RATE-3] another business has its own');
select pg_temp.leave(1, 'invitation_account', tests.id('bell')::text, '23 hours 59 minutes');
select is(pg_temp.invite('bell owner', 'late@mail.example'), '', 'the day slides');
select pg_temp.leave(0, 'invitation_account', tests.id('bell')::text, '24 hours');
select is(pg_temp.invite('bell owner', 'tomorrow@mail.example'), '', '[ACC-4] a day later it is free');
select pg_temp.leave(0, 'invitation_person', tests.id('finch owner')::text);
select matches(pg_temp.invite('finch owner', 'more@mail.example', 'finch'), '^PT429 too_many_invitations .*invitation_person.*q=40', '[RATE-3] a person has a limit of their own, in whichever business');
select is(pg_temp.invite('bell admin', 'another@mail.example'), '', 'which is nobody else''s');

------------------------------------------------------------------------------------------------------
-- What else a signed-in person can have us do without end
------------------------------------------------------------------------------------------------------

create function pg_temp.send(who text default 'bell owner') returns text
    language sql
as $$
    select pg_temp.refusal(who, $q$public.send_invoice(tests.id('bell'), tests.id('bell invoice'), 'customer@mail.example', null, gen_random_uuid())$q$)
$$;
select is(pg_temp.send(), '', 'an invoice goes out');
select pg_temp.leave(1, 'invoice_mail_again', tests.id('bell invoice')::text);
select is(pg_temp.send(), '', 'ten times a day');
select matches(pg_temp.send('bell admin'), '^PT429 too_many_invoice_mails .*invoice_mail_again.*Retry-After', '[RATE-3] one invoice is not mailed over and over');
select pg_temp.leave(10, 'invoice_mail_again', tests.id('bell invoice')::text);
select pg_temp.leave(0, 'invoice_mail', tests.id('bell')::text);
select matches(pg_temp.send(), '^PT429 too_many_invoice_mails .*"invoice_mail\\"', '[RATE-3] nor are all of a business''s');
select tests.prove('bell owner', 'password');

create function pg_temp.held(of_limit text, key text, who text, act text) returns text
    language plpgsql
as $$
declare
    before text;
begin
    perform pg_temp.leave(1, of_limit, key);
    before := pg_temp.refusal(who, act);
    return before || '|' || substring(pg_temp.refusal(who, act) from '^\S+ \S+') || '|'
        || coalesce(substring(pg_temp.refusal(who, act) from '"([a-z_]+)\\";r=0'), '');
end
$$;
select is(
    pg_temp.held('export', tests.id('bell')::text, 'bell owner', $$public.audit_begin_export(tests.id('bell'), 'csv')$$),
    '|PT429 too_many_tries|export', '[RATE-3] exports are counted by business'
);
select is(
    pg_temp.held('payouts', tests.id('bell')::text, 'bell owner', $$public.start_payouts(tests.id('bell'))$$),
    '|PT429 too_many_tries|payouts', '[RATE-3] so is what we ask of Stripe'
);
select is(
    pg_temp.held(
        'new_business', tests.id('bell owner')::text, 'bell owner',
        $$public.open_account('One more', 'electrician', false, null, 'Sam', gen_random_uuid())$$
    ),
    '|PT429 too_many_tries|new_business', '[RATE-3] new businesses are counted by person'
);
select is(
    pg_temp.held(
        'sso_setup', tests.id('bell')::text, 'bell owner',
        $$public.begin_sso(tests.id('bell'), 'Office', 'https://login.bell.example', 'tf', tests.role('bell', 'staff'))$$
    ),
    '|PT429 too_many_tries|sso_setup', '[RATE-3] looking up a provider is counted by business'
);
select tests.person('pat');
select tests.change_address('pat', 'pat@' || (select domain from public.domains where account_id = tests.id('bell')));
update public.domains set joining = 'approval' where account_id = tests.id('bell');
select is(
    pg_temp.held('join_request', tests.id('pat')::text, 'pat', $$public.join_by_domain(tests.id('bell'), 'Pat', gen_random_uuid())$$),
    '|PT429 too_many_tries|join_request', '[RATE-3] asking to join is counted by person'
);
select tests.be_service();
select lives_ok($$select service.spend('[{"limit": "domain_check", "key": "bell"}]', 'too_many_tries')$$, 'an edge function takes for what it is about to do');
select tests.be_postgres();
select is(pg_temp.taken('domain_check'), 1::bigint, 'and it counts');
select pg_temp.leave(0, 'domain_check', 'bell');
select tests.be_service();
select throws_ok($$select service.spend('[{"limit": "domain_check", "key": "bell"}]', 'too_many_tries')$$, 'PGRST', null, '[RATE-3] and is refused');
select tests.authenticate_as('bell owner');
select throws_ok($$select service.spend('[]', 'x')$$, '42501', null, '[RATE-4] nobody else can use up what is another''s');
select tests.be_postgres();

------------------------------------------------------------------------------------------------------
-- Whatever people do in the app
------------------------------------------------------------------------------------------------------

-- What is left to somebody, by limit, once they have entered: 'act_account 99, act_person 99', or why they may not.
create function pg_temp.enters(who text, acting_in uuid, address text default null) returns text
    language plpgsql
as $$
declare
    answer jsonb;
begin
    perform set_config('response.status', '', true);
    perform tests.send_headers('{}');
    perform tests.authenticate_as(who);
    if address is not null then
        perform tests.come_from(address);
    end if;
    answer := public.enter(acting_in);
    perform tests.be_postgres();
    return case
        when answer ? 'hint' then concat_ws(' ', current_setting('response.status'), answer ->> 'hint', answer #>> '{details}')
        when answer ->> 'limits' is null then 'not counted, and is ' || (answer #>> '{me,user_id}')
        else (
            select string_agg(found.pair[1] || ' ' || found.pair[2], ', ')
            from regexp_matches(answer #>> '{limits,RateLimit}', '"(\w+)";r=(\d+);t=\d+', 'g') as found (pair)
        )
    end;
end
$$;
select is(pg_temp.enters('bell owner', tests.id('bell')), 'act_account 99, act_person 99', '[RATE-3] whoever acts is counted with their business');
select is(pg_temp.enters('bell admin', tests.id('bell'), '203.0.113.40'), 'act_account 98, act_address 99, act_person 99', '[RATE-3] which counts all its people, and with their address');
select is(pg_temp.enters('bell admin', null), 'act_account 97, act_person 98', 'whoever has one business acts in that one');
select is(pg_temp.enters('finch owner', tests.id('bell')), 'act_person 99', '[RATE-3] nobody uses up what is another business''s');
select is(pg_temp.enters('finch owner', gen_random_uuid()), 'act_person 98', 'nor that of one that is none');
select is(
    (select answer -> 'me' from (select tests.authenticate_as('finch owner'), public.enter(tests.id('finch')) as answer) as entered),
    (select public.me()), 'whoever enters is told who they are'
);
select tests.be_postgres();
select pg_temp.leave(0, 'act_account', tests.id('bell')::text);
select is(
    pg_temp.enters('bell owner', tests.id('bell')),
    '429 too_many_acts {"RateLimit": "\"act_account\";r=0;t=2", "Retry-After": "2", "RateLimit-Policy": "\"act_account\";q=100;w=2"}',
    '[RATE-3] what a business has used up is refused to all of it'
);
select is(pg_temp.enters('finch owner', tests.id('finch')), 'act_account 98, act_person 96', '[RATE-3] and to nobody else');
select pg_temp.leave(0, 'act_person', tests.id('finch owner')::text);
select matches(pg_temp.enters('finch owner', tests.id('finch')), '^429 too_many_acts .*act_person.*q=100;w=10', '[RATE-3] a person has a limit in whichever business');
select pg_temp.leave(0, 'act_address', '203.0.113.41');
select pg_temp.leave(50, 'act_account', tests.id('bell')::text);
select matches(pg_temp.enters('bell owner', tests.id('bell'), '203.0.113.41'), '^429 too_many_acts .*act_address.*q=100;w=1', '[RATE-3] and so has an address');
select is(pg_temp.enters('bell owner', tests.id('bell'), '203.0.113.42'), 'act_account 49, act_address 99, act_person 98', 'a refusal by one of them uses up nothing of the others');
select throws_ok($$select pg_temp.enters('pat', tests.id('bell')) from (select tests.factor('pat')) as has_one$$, '42501', null, 'who owes their second factor does not enter');
alter table private.limit_takes rename to limit_takes_gone;
select is(pg_temp.enters('bell owner', tests.id('bell')), 'not counted, and is ' || tests.id('bell owner'), '[RATE-4] whoever is in goes on when nothing can be counted, and that is told');
alter table private.limit_takes_gone rename to limit_takes;
select tests.be_anon();
select throws_ok('select public.enter()', '42501', null, 'nobody enters without a login');
select tests.be_postgres();

------------------------------------------------------------------------------------------------------
-- Private links
------------------------------------------------------------------------------------------------------

select set_config('tests.token', tests.link('bell'), true);
-- What a token opens, for somebody at an address: the number of an invoice, or why not.
create function pg_temp.opens(token text, address text default '203.0.113.5', proof text default null) returns text
    language plpgsql
as $$
declare
    shown jsonb;
begin
    perform set_config('response.status', '', true);
    perform set_config('response.headers', '', true);
    perform tests.be_anon();
    perform tests.come_from(address);
    shown := public.portal_invoice(token, proof);
    perform tests.be_postgres();
    return coalesce(shown #>> '{invoice,reference}', concat_ws(' ', current_setting('response.status'), shown ->> 'hint'));
end
$$;
select is(pg_temp.opens(current_setting('tests.token')), 'INV-0001', '[PART-4] a link opens');
create temporary table opened as select public.portal_invoice(current_setting('tests.token')) ->> 'proof' as proof;
select is(pg_temp.taken('link_address'), 0::bigint, '[RATE-3] and what opens is not counted');
select is(pg_temp.opens('guess'), '400 link_not_valid', '[PART-4] a guess opens nothing');
select is(pg_temp.taken('link_address'), 1::bigint, '[RATE-3] and is counted, although it was refused');
select matches(current_setting('response.headers'), '"link_address\\";r=29;', '[RATE-3] and is told so');
select pg_temp.leave(1, 'link_address', '203.0.113.5');
select is(pg_temp.opens('guess'), '400 link_not_valid', 'the thirtieth guess is looked at');
select is(pg_temp.opens('guess'), '429 too_many_links', '[RATE-3] the next one from that address is not');
select matches(current_setting('response.headers'), '"Retry-After": "(300|299)"', '[RATE-3] until the first is five minutes old');
select is(pg_temp.opens(current_setting('tests.token')), '429 too_many_links', '[RATE-3] not even one that would open something');
select is(pg_temp.opens(current_setting('tests.token'), proof => (select proof from opened)), 'INV-0001', '[RATE-3] but to whoever has opened it before it opens');
select is(pg_temp.opens(tests.link('bell'), proof => (select proof from opened)), '429 too_many_links', 'which proves nothing of another link');
select is(pg_temp.opens(current_setting('tests.token'), '203.0.113.6'), 'INV-0001', '[RATE-3] another address is not kept out');
select pg_temp.leave(0, 'link_address', '2001:db8:1:2::1');
select is(pg_temp.opens(current_setting('tests.token'), '2001:db8:1:2::beef'), '429 too_many_links', '[RATE-3] an address of version 6 is counted with its network');
select is(pg_temp.opens(current_setting('tests.token'), '2001:db8:1:3::1'), 'INV-0001', 'and the next network for itself');
select is(
    (
        select public.invitation('guess') ->> 'hint'
        from (select tests.send_headers('{"x-forwarded-for": "203.0.113.99"}'), pg_temp.leave(0, 'link_anywhere', 'all')) as full_up
    ),
    'too_many_links', '[RATE-3] tokens of invitations are counted with them; without an address that a tier of ours vouches for all are one'
);
select * from finish();
