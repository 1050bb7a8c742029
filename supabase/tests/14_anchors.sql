-- Anchors: who reads which, and to whom the week's is sent.
select plan(19);

select tests.business('bell');
select tests.business('ash');
select tests.job('bell');
select tests.member('bell', 'staff');
select tests.member('bell', 'owner', 'bell partner');
select tests.member('bell', 'owner', 'bell former owner');
update public.members set removed_at = now() where id = tests.id('bell former owner membership');
-- A role in each of them that has the id of the other's owners, and somebody who has it.
select tests.member(b, 'agent', b || ' namesake') from unnest(array['bell', 'ash']) as b;
insert into public.roles (account_id, id, name)
select tests.id(t.mine), r.id, 'Namesake'
from (values ('bell', 'ash'), ('ash', 'bell')) as t (mine, other)
join public.roles as r on r.account_id = tests.id(t.other) and r.key = 'owner';
update public.members as m
set role_id = r.id
from public.roles as r
where r.account_id = m.account_id and r.name = 'Namesake' and m.display_name ~ 'Namesake';

-- Signs and stores the heads that moved, as function audit-anchor does; the signature is somebody else's to check.
create function pg_temp.anchor() returns boolean
    language plpgsql
as $$
declare
    moved jsonb;
begin
    set constraints all immediate;
    set constraints all deferred;
    moved := service.moved_heads(1000);
    return service.store_anchor(
        moved || jsonb_build_object(
            'root', encode(sha256('root'), 'hex'),
            'key', private.base64url(sha256(convert_to('{"crv":"Ed25519","kty":"OKP","x":"' || private.base64url(sha256('a key')) || '"}', 'UTF8'))),
            'signature', private.base64url(sha512('signature'))
        ),
        private.base64url(sha256('a key'))
    );
end
$$;
-- Whom the digests of an account are addressed to.
create function pg_temp.addressed(business text) returns text
    language sql
as $$
    select coalesce(string_agg(t.name, ', ' order by t.name), 'nobody')
    from mail.outbox as o
    left join auth.users as u on lower(u.email) = o.to_address
    left join tests.things as t on t.id = u.id
    where o.account_id = tests.id(business)
      and o.template = 'anchor_digest'
$$;

------------------------------------------------------------------------------------------------------
-- The week's anchor goes to the owners
------------------------------------------------------------------------------------------------------

select private.queue_anchor_digests();
select is(pg_temp.addressed('bell'), 'nobody', '[AUD-4] without an anchor there is nothing to send');
select is(pg_temp.anchor(), true, 'what moved is anchored');
select private.queue_anchor_digests();
select is(pg_temp.addressed('bell'), 'bell owner, bell partner', '[AUD-4] the week''s anchor goes to each owner, and to nobody else of the team or of another one');
select is(pg_temp.addressed('ash'), 'ash owner', '[ISO-6] in every business its own');
select is(
    (select array_agg(distinct o.data #>> '{anchor,head,chain_id}') from mail.outbox as o where o.account_id = tests.id('bell') and o.template = 'anchor_digest'),
    array[tests.id('bell')::text], '[ISO-6] and it holds the head of that business''s chain'
);
select private.queue_anchor_digests();
select is(pg_temp.addressed('bell'), 'bell owner, bell partner', '[AUD-4] once a week');

-- The week after, with a business that began meanwhile. Of the others only that they were told is new.
update mail.outbox set dedupe_key = 'last week ' || id where template = 'anchor_digest';
select tests.business('finch');
select is(pg_temp.anchor(), true, 'what moved since is anchored');
select private.queue_anchor_digests();
select is(pg_temp.addressed('finch'), 'finch owner', '[ISO-6] what another business was told is no reason not to tell it');
select is(pg_temp.addressed('bell') || '; ' || pg_temp.addressed('ash'), 'bell owner, bell partner; ash owner', '[ISO-6] nor is another one''s news any of theirs');

------------------------------------------------------------------------------------------------------
-- What the next one is to state
------------------------------------------------------------------------------------------------------

select is(pg_temp.anchor(), true, 'once all is anchored');
select is(service.moved_heads(1000) -> 'heads', '[]', '[AUD-4] no head is stated that stayed where it was, however far others are');
select audit.record_event('person', tests.id('bell staff'), 'sign_in.succeeded', 'ok', 'sign_in');
set constraints all immediate;
set constraints all deferred;
select is(
    jsonb_path_query_array(service.moved_heads(1000), '$.heads[*].chain_id'), jsonb_build_array(tests.id('bell staff')),
    '[AUD-4] and each that moved is, however short its chain'
);

------------------------------------------------------------------------------------------------------
-- Who reads which
------------------------------------------------------------------------------------------------------

create function pg_temp.reads(person text, business text, chain_of text) returns text
    language plpgsql
as $$
begin
    perform tests.claim(person);
    return coalesce(
        (
            select t.name
            from tests.things as t
            where t.id = (public.audit_anchor(tests.id(business), null, tests.id(chain_of)) #>> '{head,chain_id}')::uuid
        ),
        'none'
    );
end
$$;
create function pg_temp.reads(person text, business text) returns text
    language plpgsql
as $$
begin
    perform tests.claim(person);
    return (select t.name from tests.things as t where t.id = (public.audit_anchor(tests.id(business)) #>> '{head,chain_id}')::uuid);
end
$$;
select is(pg_temp.reads('bell owner', 'bell'), 'bell', '[AUD-4] an owner keeps the anchor of their business');
select is(pg_temp.reads('bell owner', 'bell', 'bell staff'), 'bell staff', '[AUD-4] and that of a member''s sign-ins');
select is(pg_temp.reads('bell owner', 'bell', 'finch owner'), 'none', '[ISO-1] not that of somebody else''s');
select is(pg_temp.reads('bell owner', 'bell', 'bell former owner'), 'none', '[ACC-4] nor of who left');
select throws_ok($$select pg_temp.reads('bell owner', 'finch')$$, 'PT404', null, '[ISO-1] and not that of another business');
select throws_ok($$select pg_temp.reads('bell owner', 'finch', 'finch owner')$$, 'PT404', null, '[ISO-1] by which nobody there is found either');
select throws_ok($$select pg_temp.reads('bell staff', 'bell')$$, '42501', null, '[ACC-3] whoever may not read the trail reads no anchor of it');
select * from finish();
