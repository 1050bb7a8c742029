-- Roles of an account's own: what they may hold, who may make and change them, and every permission by itself. What is allowed
-- stands beside what is not.
select plan(84);

select tests.business('bell');
select tests.business('finch');
select tests.member('bell', 'admin');
select tests.member('bell', 'staff');

create function pg_temp.member(person text) returns uuid
    language sql
as $$
    select m.id from public.members as m where m.account_id = tests.id('bell') and m.user_id = tests.id(person)
$$;
create function pg_temp.give(who text, whom text, role text) returns text
    language sql
as $$
    select tests.says(who, format('public.change_member_role(tests.id(''bell''), %L, %L)', pg_temp.member(whom), tests.role('bell', role)))
$$;

------------------------------------------------------------------------------------------------------
-- Roles of the account's own
------------------------------------------------------------------------------------------------------

create function pg_temp.save(who text, role text, name text, variadic permissions text[]) returns text
    language sql
as $$
    select tests.says(who, format('public.save_role(tests.id(''bell''), %L, %L, %L, gen_random_uuid())', tests.role('bell', role), name, permissions))
$$;
create function pg_temp.allowed(role text) returns text
    language sql
as $$
    select string_agg(rp.permission, ' ' order by rp.permission)
    from public.role_permissions as rp
    where rp.account_id = tests.id('bell') and rp.role_id = tests.role('bell', role)
$$;

select matches(pg_temp.save('bell admin', null, ' Bookkeeper ', 'invoices.issue', 'payments.read'), '^[0-9a-f-]{36}$', '[ACC-3] an admin makes a role');
select is(
    pg_temp.allowed('Bookkeeper'), 'account.read invoices.issue invoices.read payments.read',
    '[ACC-3] who may change something may see it, and sees the business'
);
select matches(pg_temp.save('bell staff', null, 'Mine', 'jobs.read'), '^42501 Your role', '[ACC-3] staff makes none');
select is(
    pg_temp.save('bell admin', null, 'Treasurer', 'payouts.manage'), '42501 You can only give or take away what your own role allows.',
    '[ACC-3] nobody makes a role that may do what they may not'
);
select matches(pg_temp.save('bell owner', null, 'Treasurer', 'payouts.manage'), '^[0-9a-f-]{36}$', '[ACC-3] an owner does');
select is(
    pg_temp.save('bell admin', 'Treasurer', 'Treasurer', 'jobs.read'), '42501 You can only give or take away what your own role allows.',
    '[ACC-3] nor takes it away from one that may'
);
select is(
    pg_temp.save('bell admin', 'Bookkeeper', 'Bookkeeper', 'payouts.manage'), '42501 You can only give or take away what your own role allows.',
    '[ACC-3] nor adds it to one'
);
select matches(pg_temp.save('bell admin', 'Bookkeeper', 'The books', 'payments.read', 'audit.read'), '^[0-9a-f-]{36}$', '[ACC-3] a role is changed');
select is(pg_temp.allowed('The books'), 'account.read audit.read payments.read', '[ACC-3] to just what was chosen');
select is(pg_temp.give('bell admin', 'bell staff', 'The books'), 'true', '[ACC-3] it is given');
select is(
    tests.says('bell staff', $$public.has_permission(tests.id('bell'), 'payments.read') || ' ' || public.has_permission(tests.id('bell'), 'jobs.read')$$),
    'true false', '[ACC-3] and allows what it lists, and nothing else'
);
select pg_temp.save('bell admin', 'The books', 'The books', 'audit.read');
select is(tests.says('bell staff', $$public.has_permission(tests.id('bell'), 'payments.read')$$), 'false', '[ACC-3] a permission taken from a role is gone with the next statement');
select is(
    pg_temp.save('bell owner', key, 'Renamed', 'jobs.read'), 'P0001 This role stays as it is. Make a role of your own instead.',
    format('[ACC-3] the role %s stays as it is', key)
)
from unnest(array['owner', 'admin', 'staff', 'partner', 'agent']) as key;
select is(pg_temp.save('bell admin', null, ' ', 'jobs.read'), 'P0001 Give the role a name of at most 60 characters.', 'a role has a name');
select is(pg_temp.save('bell admin', null, repeat('x', 61), 'jobs.read'), 'P0001 Give the role a name of at most 60 characters.', 'and a short one');
select is(pg_temp.save('bell admin', null, 'THE BOOKS', 'jobs.read'), 'P0001 There is a role of this name already. Choose another one.', 'of its own');
select matches(pg_temp.save('bell admin', 'The books', 'THE BOOKS', 'jobs.read'), '^[0-9a-f-]{36}$', 'which it may keep');
select set_config('tests.lost', (select count(*)::text from tests.trail where action = 'role_permission.deleted'), true);
select pg_temp.save('bell admin', 'THE BOOKS', 'THE BOOKS', 'jobs.read');
select is(
    (select count(*)::text from tests.trail where action = 'role_permission.deleted'), current_setting('tests.lost'),
    '[AUD-2] what stays as it was is not said to have been taken away'
);
select is(
    tests.says('bell admin', format('public.save_role(tests.id(''bell''), null, ''Idle'', %s, gen_random_uuid())', permissions)),
    'P0001 Choose at least one thing that this role may do.', format('[ACC-3] a role allows something: %s', permissions)
)
from unnest(array['''{}''', 'null']) as permissions;
select is(
    pg_temp.save('bell admin', null, 'Odd', 'jobs.read', 'jobs.burn'), 'P0001 One of these is nothing that a role can allow. Load the page again.',
    '[ACC-3] a role allows what is on the list'
);
select is(
    tests.says('bell admin', $$public.save_role(tests.id('bell'), tests.role('finch', 'staff'), 'Theirs', '{jobs.read}', gen_random_uuid())$$),
    'PT404 There is no such role.', '[ISO-1] another business''s role is not changed'
);
select is(
    (
        select count(distinct tests.says('bell admin', $$public.save_role(tests.id('bell'), null, 'Once', '{jobs.read}', '00000000-0000-4000-8000-000000000005')$$))
        from generate_series(1, 2)
    ),
    1::bigint, 'the same form sent twice makes one role'
);
select throws_ok(
    format('%s where account_id = tests.id(''bell'') and role_id = tests.role(''bell'', ''owner'')', act), 'P0001',
    'An owner may do everything. Make a role of your own instead.', format('[ACC-5] nobody takes anything from the owner''s role: %s', act)
)
from unnest(array['delete from public.role_permissions', 'update public.role_permissions set permission = ''jobs.read''']) as act;
select lives_ok(
    $$delete from public.role_permissions where account_id = tests.id('bell') and role_id = tests.role('bell', 'admin') and permission = 'audit.read'$$,
    '[ACC-5] another role can lose one'
);

------------------------------------------------------------------------------------------------------
-- Deleting one
------------------------------------------------------------------------------------------------------

create function pg_temp.delete(who text, role text, business text default 'bell') returns text
    language sql
as $$
    select tests.says(who, format('public.delete_role(tests.id(%L), %L)', business, tests.role(business, role)))
$$;
select tests.member_with('bell', array['account.read', 'jobs.read'], 'bell fitter');
select tests.member_with('bell', array['account.read', 'jobs.read'], 'bell driver');
select tests.member_with('finch', array['account.read', 'jobs.read'], 'finch fitter');
select is(
    pg_temp.delete('bell admin', 'bell fitter'), 'P0001 Somebody has this role, or is invited or joins by a domain with it. Give them another one first.',
    '[ACC-3] a role that somebody has is not deleted'
);
update public.members set removed_at = now() where id = tests.id('bell fitter membership');
select tests.invited('bell', 'fitter@mail.example', 'bell fitter', 'asked');
select is(
    pg_temp.delete('bell admin', 'bell fitter'), 'P0001 Somebody has this role, or is invited or joins by a domain with it. Give them another one first.',
    '[ACC-3] nor one that somebody is invited with'
);
select tests.invited('bell', 'driver@mail.example', 'bell driver', 'asked too');
update public.invitations set expires_at = now() - interval '1 minute' where email in ('fitter@mail.example', 'driver@mail.example');
select matches(pg_temp.delete('bell staff', 'bell fitter'), '^42501', '[ACC-3] whoever may not change roles deletes none');
select is(pg_temp.delete('bell admin', 'finch fitter', 'finch'), 'PT404 There is nothing here, or it is not yours.', '[ISO-1] another business''s role is not there');
select is(
    tests.says('bell admin', $$public.delete_role(tests.id('bell'), tests.role('finch', 'finch fitter'))$$), 'PT404 There is no such role.',
    '[ISO-1] by no name'
);
select is(pg_temp.delete('bell owner', key), 'P0001 Every business has this role, and it stays.', format('[ACC-3] the role %s is not deleted', key))
from unnest(array['owner', 'agent']) as key;
select is(pg_temp.delete('bell admin', 'bell fitter'), 'true', '[ACC-3] one that nobody has is');
select is((select withdrawn_at is not null from public.invitations where email = 'fitter@mail.example'), true, 'with the invitation that had run out');
select is((select withdrawn_at from public.invitations where email = 'driver@mail.example'), null, 'and no other');
select is((select role_id from public.members where id = tests.id('bell fitter membership')), null, 'whoever had it once has none');
select is(
    tests.says('bell admin', format('public.restore_member(tests.id(''bell''), %L)', tests.id('bell fitter membership'))),
    'P0001 The role they had is deleted. Invite them with another one.', '[ACC-4] and comes back with another one'
);
select is(tests.says('bell fitter', $$public.has_permission(tests.id('bell'), 'jobs.read')$$), 'false', '[ACC-3] and may do nothing');

------------------------------------------------------------------------------------------------------
-- Every permission by itself, and every one but it
------------------------------------------------------------------------------------------------------

create function pg_temp.holds(permissions text[]) returns text[]
    language plpgsql
as $$
declare
    held text[];
begin
    delete from public.role_permissions where account_id = tests.id('bell') and role_id = tests.role('bell', 'matrix');
    insert into public.role_permissions (account_id, role_id, permission)
    select tests.id('bell'), tests.role('bell', 'matrix'), permission from unnest(permissions) as permission;
    perform tests.claim('matrix');
    held := array(select p.key from public.permissions as p where private.holds(tests.id('bell'), p.key) order by p.key);
    perform set_config('request.jwt.claims', '', true);
    return held;
end
$$;
select tests.member_with('bell', '{}', 'matrix');
select is(pg_temp.holds('{}'), '{}', '[ACC-3] a role without a permission may do nothing');
select is(pg_temp.holds(array[p.key]), array[p.key], format('[ACC-3] a role with %s alone may do that and nothing else', p.key))
from public.permissions as p;
select is(
    pg_temp.holds(array(select o.key from public.permissions as o where o.key <> p.key)),
    array(select o.key from public.permissions as o where o.key <> p.key order by o.key),
    format('[ACC-3] a role with everything but %s may do everything but that', p.key)
)
from public.permissions as p;
select * from finish();
