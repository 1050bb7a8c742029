-- Passwords and addresses: what is asked before one is changed, and what follows when it was.
select plan(40);

select tests.business('bell');
select tests.member('bell', 'staff');
select tests.business('finch');

create function pg_temp.words(who text) returns text
    language plpgsql
as $$
declare
    answer text;
begin
    perform tests.authenticate_as(who);
    select array_to_string(public.prepare_credentials(), ' | ') into answer;
    perform tests.be_postgres();
    return answer;
exception
    when others then
        get stacked diagnostics answer = pg_exception_hint;
        perform tests.be_postgres();
        return answer;
end
$$;
create function pg_temp.address(who text) returns text
    language sql
as $$
    select u.email from auth.users as u where u.id = tests.id(who)
$$;
create function pg_temp.confirmed(who text, ago interval) returns void
    language sql
as $$
    update auth.users set email_confirmed_at = now() - ago where id = tests.id(who)
$$;
create function pg_temp.sessions(who text) returns integer
    language sql
as $$
    select count(*)::integer from auth.sessions as s where s.user_id = tests.id(who)
$$;
create function pg_temp.move(who text, to_address text) returns void
    language sql
as $$
    update auth.users set email = to_address where id = tests.id(who)
$$;
create function pg_temp.mails(kind text) returns integer
    language sql
as $$
    select count(*)::integer from mail.outbox where template = kind
$$;
-- The link in the only mail of a kind to an address.
create function pg_temp.link(kind text, address text) returns text
    language sql
as $$
    select o.data ->> 'link_token' from mail.outbox as o where o.template = kind and o.to_address = address
$$;

------------------------------------------------------------------------------------------------------
-- Before
------------------------------------------------------------------------------------------------------

update auth.users set raw_user_meta_data = '{"full_name": "Kim Osei", "name": "Kimmy"}', email_change = 'kim@next.example'
where id = tests.id('bell owner');
update public.members set display_name = 'The boss' where user_id = tests.id('bell owner');
update public.accounts set name = 'Bell Lane Electrical' where id = tests.id('bell');
update public.accounts set name = 'Finch Plumbing' where id = tests.id('finch');
select is(
    pg_temp.words('bell owner'),
    'Bell Lane Electrical | ' || pg_temp.address('bell owner') || ' | Kim Osei | kim@next.example | Kimmy | The boss',
    '[AUTH-3] what a password must not be made of are the person''s names, addresses and businesses'
);
select ok(
    pg_temp.words('bell staff') not like '%Kim%' and pg_temp.words('bell staff') not like '%Finch%'
    and pg_temp.words('bell staff') like 'Bell Lane Electrical%',
    '[AUTH-3] and nobody else''s'
);
update public.members set removed_at = now() where user_id = tests.id('bell staff');
select ok(pg_temp.words('bell staff') not like '%Bell Lane%', '[AUTH-3] nor those of a business that they left');
update public.members set removed_at = null where user_id = tests.id('bell staff');
update auth.users set raw_user_meta_data = '{"full_name": ""}', email_change = '' where id = tests.id('bell owner');
select ok(pg_temp.words('bell owner') not like '%|  |%' and pg_temp.words('bell owner') not like ' |%', '[AUTH-3] nor what is empty');

select tests.prove('bell owner', 'password', now() - interval '10 minutes');
select is(pg_temp.words('bell owner'), 'fresh_proof_needed', '[AUTH-8] whoever signed in ten minutes ago proves who they are first');
select tests.prove('bell owner', 'password', now() - interval '9 minutes');
select isnt(pg_temp.words('bell owner'), 'fresh_proof_needed', '[AUTH-8] a minute before they need not');
delete from auth.sessions where user_id = tests.id('finch owner');
select is(pg_temp.words('finch owner'), 'session_ended', '[AUTH-8] nobody asks by a session that has ended');

------------------------------------------------------------------------------------------------------
-- Another address
------------------------------------------------------------------------------------------------------

select tests.keep('lee', gen_random_uuid());
select tests.person('lee');
select pg_temp.confirmed('bell owner', interval '1 year');
insert into auth.sessions (id, user_id, created_at, updated_at, aal)
values (gen_random_uuid(), tests.id('bell owner'), now(), now(), 'aal1');
select is(pg_temp.sessions('bell owner'), 2, 'two sessions');
select tests.keep('finch membership', m.id) from public.members as m where m.user_id = tests.id('finch owner');
update auth.users set email = 'boss@old.example' where id = tests.id('bell owner');
delete from mail.outbox;
delete from private.sign_in_notices;
insert into auth.sessions (id, user_id, created_at, updated_at, aal)
values (gen_random_uuid(), tests.id('bell owner'), now(), now(), 'aal1');
select pg_temp.move('bell owner', 'boss@new.example');
select is(pg_temp.sessions('bell owner'), 0, '[AUTH-8] with another address every session ends');
select is(pg_temp.sessions('bell staff'), 1, '[AUTH-8] and nobody else''s');
select is(
    (select array_agg(distinct m.email) from public.members as m where m.user_id = tests.id('bell owner')),
    array['boss@new.example'],
    '[AUTH-8] the team sees the new one'
);
select isnt(
    (select m.email from public.members as m where m.user_id = tests.id('bell staff')), 'boss@new.example', 'and another member keeps theirs'
);
select is(
    (
        select row(o.to_address, o.data ->> 'new_address', o.has_secret, o.account_id)::text
        from mail.outbox as o
        where o.template = 'email_changed'
    ),
    row('boss@old.example', 'b…@new.example', true, null::uuid)::text,
    '[AUTH-8] the old one is told, and where to without telling all of it'
);
select is(
    (
        select row(r.actor_kind, r.actor_id, r.entity)::text
        from audit.records as r
        where r.entity = 'member' and r.action = 'member.updated' and r.chain_id = tests.id('bell')
        order by r.id desc
        limit 1
    ),
    row('person', tests.id('bell owner'), 'member')::text,
    '[AUD-1] the trail says whose act it was'
);
select is(
    (select r.action from audit.records as r where r.chain_id = tests.id('bell owner') and r.action = 'email.changed' limit 1),
    'email.changed',
    '[AUD-2] on their own chain too'
);
update public.members set removed_at = now() where user_id = tests.id('bell staff');
select tests.keep('staff before', gen_random_uuid());
select pg_temp.move('bell staff', 'staff@new.example');
select isnt(
    (select m.email from public.members as m where m.user_id = tests.id('bell staff')), 'staff@new.example',
    'a business that somebody left is told nothing of their new address'
);

------------------------------------------------------------------------------------------------------
-- "This wasn't me"
------------------------------------------------------------------------------------------------------

select is(
    service.former_address(pg_temp.link('email_changed', 'boss@old.example')), 'boss@old.example',
    '[AUTH-8] the link in the mail says which address the login gets back'
);
select is(service.former_address('some other word'), null, 'another word says nothing');
select is(
    service.disowned_by(pg_temp.link('email_changed', 'boss@old.example')), tests.id('bell owner'), '[AUTH-8] and whose it is'
);
-- Whoever took it takes it further, and is told at the address they hold.
select pg_temp.move('bell owner', 'thief@other.example');
select is(
    service.former_address(pg_temp.link('email_changed', 'boss@new.example')), 'boss@new.example', 'a second change is told to the first new one'
);
select pg_temp.move('bell owner', 'boss@old.example');
select is(pg_temp.mails('email_changed'), 3, 'going back to where a link leads gives no further link');
update private.sign_in_notices set created_at = created_at - interval '1 minute' where former_email = 'boss@old.example';
select ok(service.disown_sign_in(pg_temp.link('email_changed', 'boss@old.example')), '[AUTH-8] the first one''s holder has it undone');
select is(
    service.former_address(pg_temp.link('email_changed', 'boss@new.example')), null,
    '[AUTH-8] and with that the link is worth nothing that went to whoever took it'
);
select ok(not service.disown_sign_in(pg_temp.link('email_changed', 'boss@new.example')), '[AUTH-8] it undoes nothing any more');
select is(service.former_address(pg_temp.link('email_changed', 'boss@old.example')), null, '[AUTH-8] the first is used up');
select is(
    service.former_address(pg_temp.link('email_changed', (select n.former_email from private.sign_in_notices as n where n.user_id = tests.id('bell staff')))),
    (select n.former_email from private.sign_in_notices as n where n.user_id = tests.id('bell staff')),
    'and another person''s stands'
);
update private.sign_in_notices set created_at = now() - interval '7 days' where user_id = tests.id('bell staff');
select is(
    service.former_address(pg_temp.link('email_changed', (select n.former_email from private.sign_in_notices as n where n.user_id = tests.id('bell staff')))),
    null,
    '[AUTH-8] after a week a link is over'
);
-- The earlier one stands when the later one is used.
select pg_temp.move('bell owner', 'boss@third.example');
update private.sign_in_notices set created_at = created_at - interval '2 minutes' where used_at is null and former_email = 'boss@old.example';
select pg_temp.move('bell owner', 'boss@fourth.example');
select ok(service.disown_sign_in(pg_temp.link('email_changed', 'boss@third.example')), 'the later of two is used');
select is(
    (select count(*)::integer from private.sign_in_notices as n where n.user_id = tests.id('bell owner') and n.former_email = 'boss@old.example' and n.used_at is null),
    1,
    '[AUTH-8] and leaves the earlier one good'
);
-- A used or an old link makes no address the one that a login goes back to.
update private.sign_in_notices set used_at = now() where former_email = 'boss@old.example';
delete from mail.outbox;
select pg_temp.move('bell owner', 'boss@old.example');
select is(pg_temp.mails('email_changed'), 1, '[AUTH-8] who goes back after that is told as of any change');
update private.sign_in_notices set used_at = null, created_at = now() - interval '7 days' where former_email = 'boss@fourth.example';
select pg_temp.move('bell owner', 'boss@fourth.example');
select is(pg_temp.mails('email_changed'), 2, '[AUTH-8] and after a week too');
insert into private.sign_in_notices (token_hash, user_id, former_email) values ('\x01', tests.id('lee'), 'boss@fifth.example');
select pg_temp.move('bell owner', 'boss@fifth.example');
select is(pg_temp.mails('email_changed'), 3, '[AUTH-8] another person''s notice says nothing about it');

------------------------------------------------------------------------------------------------------
-- Another password
------------------------------------------------------------------------------------------------------

update auth.users set encrypted_password = 'another' where id = tests.id('bell owner');
select is(
    (
        select row(o.to_address, o.data ? 'link_token', o.has_secret)::text
        from mail.outbox as o
        where o.template = 'password_changed'
    ),
    row('boss@fifth.example', true, true)::text,
    '[AUTH-8] another password is told to its person'
);
select is(service.former_address(pg_temp.link('password_changed', 'boss@fifth.example')), null, 'and its link moves no address');
select is(service.disowned_by(pg_temp.link('password_changed', 'boss@fifth.example')), tests.id('bell owner'), 'but undoes it');
select pg_temp.confirmed('lee', interval '14 minutes');
update auth.users set encrypted_password = 'another' where id = tests.id('lee');
select is(pg_temp.mails('password_changed'), 1, 'whoever has just proved their address knows that they choose one');
select pg_temp.confirmed('lee', interval '15 minutes');
update auth.users set encrypted_password = 'a third' where id = tests.id('lee');
select is(pg_temp.mails('password_changed'), 2, '[AUTH-8] a quarter of an hour later they are told');
update auth.users set encrypted_password = 'a fourth', email_confirmed_at = null where id = tests.id('lee');
select is(pg_temp.mails('password_changed'), 2, 'an address that was never proved is told nothing');
update auth.users set updated_at = now(), encrypted_password = encrypted_password, email = email where id = tests.id('bell owner');
select is(pg_temp.mails('password_changed') + pg_temp.mails('email_changed'), 5, 'what stays as it is is no change');

------------------------------------------------------------------------------------------------------
-- A mail that can't be queued keeps nobody from a change
------------------------------------------------------------------------------------------------------

alter table mail.outbox add constraint full_up check (template <> 'email_changed') not valid;
select lives_ok($$select pg_temp.move('bell owner', 'boss@sixth.example')$$, 'with the outbox out of order an address still changes');
