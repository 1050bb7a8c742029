-- What each membership allows stands ready for every statement under policies, kept by triggers on whatever it hangs on. And no
-- policy can be written on rows of accounts that doesn't ask for it. All of it as data is restored, when only triggers and event
-- triggers that always fire do.
select plan(59);

select tests.business('bell');
select tests.business('finch');
select tests.member('bell', 'staff');
-- Sam is on the staff of both.
select tests.member('bell', 'staff', 'sam');
insert into public.members (account_id, user_id, role_id, display_name, email)
select r.account_id, tests.id('sam'), r.id, 'Sam', 'sam@people.example'
from public.roles as r
where r.account_id = tests.id('finch') and r.key = 'staff';

-- The accounts in which a person holds a permission now.
create function pg_temp.holds(person text, permission text) returns text
    language plpgsql
as $$
declare
    held uuid[];
begin
    perform tests.claim(person);
    held := private.accounts_with(permission);
    return (select coalesce(string_agg(t.name, ' ' order by t.name), 'none') from tests.things as t where t.id = any (held));
end
$$;
-- What stands ready and should not, or should and does not.
create view pg_temp.astray as
    (select m.account_id, m.user_id, m.permissions, m.demands_factor from private.memberships as m except select * from private.memberships_due)
    union all
    (select * from private.memberships_due except select m.account_id, m.user_id, m.permissions, m.demands_factor from private.memberships as m);
create function pg_temp.role(business text, key text) returns uuid
    language sql
as $$ select r.id from public.roles as r where r.account_id = tests.id(business) and r.key = role.key $$;

set constraints all immediate;
set local session_replication_role = replica;

------------------------------------------------------------------------------------------------------
-- Members
------------------------------------------------------------------------------------------------------

select is(pg_temp.holds('sam', 'jobs.write'), 'bell finch', '[ACC-4] who joins may do what their role may, from the next statement on');
select tests.member('bell', 'admin', 'lee');
select is(pg_temp.holds('lee', 'jobs.write'), 'bell', '[ACC-4] and nobody has to wait for theirs');
select set_config('tests.row', (select m.ctid::text from private.memberships as m where m.user_id = tests.id('lee')), true);
update public.members set role_id = pg_temp.role('bell', 'partner') where id = tests.id('sam membership');
select is(pg_temp.holds('sam', 'jobs.write'), 'finch', '[ACC-3] who is given another role may do what that one may, in that account');
select is(pg_temp.holds('bell staff', 'jobs.write'), 'bell', '[ACC-3] and nobody else loses anything');
select is(
    (select m.ctid::text from private.memberships as m where m.user_id = tests.id('lee')), current_setting('tests.row'),
    'nor is what stays right written anew'
);
update public.members set role_id = pg_temp.role('bell', 'staff') where id = tests.id('sam membership');
select is(pg_temp.holds('sam', 'jobs.write'), 'bell finch', '[ACC-3] and back');
update public.members set removed_at = now() where id = tests.id('sam membership');
select is(pg_temp.holds('sam', 'jobs.write'), 'finch', '[ACC-4] who is removed may nothing there, though they may just that elsewhere');
update public.members set removed_at = null where id = tests.id('sam membership');
select is(pg_temp.holds('sam', 'jobs.write'), 'bell finch', '[ACC-4] who is taken back may again');
update public.members set display_name = 'Samuel' where id = tests.id('sam membership');
select is(pg_temp.holds('sam', 'jobs.write'), 'bell finch', 'a new name changes nothing');
select is_empty('select * from pg_temp.astray', '[ACC-4] what stands ready is what the tables say');

set local session_replication_role = origin;
select tests.member('bell', 'admin', 'kit');
select is(pg_temp.holds('kit', 'jobs.write'), 'bell', 'somebody joins');
delete from public.members where id = tests.id('kit membership');
select is(pg_temp.holds('kit', 'jobs.write'), 'none', '[ACC-4] a membership that is deleted goes with what it allowed');
select is_empty('select * from pg_temp.astray', '[ACC-4] and nothing of it stays');
set local session_replication_role = replica;

------------------------------------------------------------------------------------------------------
-- Roles
------------------------------------------------------------------------------------------------------

insert into public.role_permissions (account_id, role_id, permission) values (tests.id('bell'), pg_temp.role('bell', 'staff'), 'audit.read');
select is(pg_temp.holds('sam', 'audit.read'), 'bell', '[ACC-3] what a role is given its members may from the next statement on, in that account');
select is(pg_temp.holds('bell staff', 'audit.read'), 'bell', '[ACC-3] all of them');
update public.role_permissions set permission = 'payments.read'
where account_id = tests.id('bell') and role_id = pg_temp.role('bell', 'staff') and permission = 'audit.read';
select is(pg_temp.holds('sam', 'audit.read') || ', ' || pg_temp.holds('sam', 'payments.read'), 'none, bell', '[ACC-3] one permission may be changed for another');
update public.role_permissions set account_id = tests.id('finch'), role_id = pg_temp.role('finch', 'staff')
where account_id = tests.id('bell') and role_id = pg_temp.role('bell', 'staff') and permission = 'payments.read';
select is(pg_temp.holds('sam', 'payments.read'), 'finch', '[ACC-3] or go to another role: the one has lost it and the other has it');
delete from public.role_permissions where permission = 'payments.read' and role_id = pg_temp.role('finch', 'staff');
select is(pg_temp.holds('sam', 'payments.read'), 'none', '[ACC-3] what is taken from a role its members may no longer');
select is(pg_temp.holds('sam', 'jobs.write'), 'bell finch', '[ACC-3] and they keep the rest');
update public.roles set demands_factor = true where account_id = tests.id('bell') and key = 'staff';
select is(pg_temp.holds('sam', 'jobs.write'), 'finch', '[AUTH-4] a role that asks for a second factor opens nothing more without one, in that account');
update public.roles set demands_factor = false where account_id = tests.id('bell') and key = 'staff';
select is(pg_temp.holds('sam', 'jobs.write'), 'bell finch', '[AUTH-4] and what it opened as soon as it asks for none');
select is_empty('select * from pg_temp.astray', '[ACC-3] what stands ready is what the tables say');

------------------------------------------------------------------------------------------------------
-- States
------------------------------------------------------------------------------------------------------

update public.accounts set state = 'suspended' where id = tests.id('bell');
select is(pg_temp.holds('sam', 'jobs.write'), 'finch', '[ADM-4] in a suspended account nobody writes');
select is(pg_temp.holds('sam', 'jobs.read'), 'bell finch', '[ADM-4] and everybody reads');
select is(pg_temp.holds('bell owner', 'export.run'), 'bell', '[ADM-4] and its owner exports');
update public.members set role_id = pg_temp.role('bell', 'admin') where id = tests.id('sam membership');
select is(pg_temp.holds('sam', 'customers.write') || ', ' || pg_temp.holds('sam', 'audit.read'), 'finch, bell', '[ADM-4] whoever gets another role meanwhile reads what it reads');
insert into public.role_permissions (account_id, role_id, permission) values (tests.id('bell'), pg_temp.role('bell', 'admin'), 'payouts.manage');
select is(pg_temp.holds('sam', 'payouts.manage'), 'none', '[ADM-4] and what a role is given meanwhile waits');
update public.accounts set state = 'active' where id = tests.id('bell');
select is(pg_temp.holds('sam', 'payouts.manage'), 'bell', '[ADM-4] until the account is open again');
select is(pg_temp.holds('sam', 'jobs.write'), 'bell finch', '[ADM-4] when everything is as before');
select is_empty('select * from pg_temp.astray', '[ADM-4] what stands ready is what the tables say');

delete from private.account_state_allows where state = 'active' and act = 'member_writes';
select is(pg_temp.holds('sam', 'jobs.write'), 'none', '[ADM-4] what a state no longer allows nobody may, in any account');
insert into private.account_state_allows (state, act) values ('active', 'member_writes');
select is(pg_temp.holds('sam', 'jobs.write'), 'bell finch', '[ADM-4] and what it allows again they may');
update private.account_state_allows set state = 'past_due', act = 'member_reads' where state = 'past_due' and act = 'member_reads';
update public.permissions set act = 'member_writes' where key = 'jobs.read';
update public.accounts set state = 'cancelled' where id = tests.id('bell');
select is(pg_temp.holds('sam', 'jobs.read'), 'finch', '[ADM-4] a permission is for what its row says');
update public.permissions set act = 'member_reads' where key = 'jobs.read';
select is(pg_temp.holds('sam', 'jobs.read'), 'bell finch', '[ADM-4] from the moment it says so');
select is_empty('select * from pg_temp.astray', '[ADM-4] what stands ready is what the tables say');
truncate private.account_state_allows;
select is_empty('select * from private.memberships where permissions <> ''{}''', '[ADM-4] where no state allows anything, nobody may anything');
insert into private.account_state_allows (state, act)
select s.state, act from private.account_states as s, unnest(array['member_reads', 'member_writes', 'export']) as act;
update public.accounts set state = 'active' where id = tests.id('bell');

------------------------------------------------------------------------------------------------------
-- One account's affair
------------------------------------------------------------------------------------------------------

delete from private.memberships where account_id = tests.id('finch');
update public.members set display_name = 'Sam' where id = tests.id('sam membership');
select is_empty(
    $$select * from private.memberships where account_id = tests.id('finch')$$,
    '[ISO-6] what happens in one business reckons no other one''s memberships'
);
update public.members set display_name = 'Sam' where account_id = tests.id('finch');
select is_empty('select * from pg_temp.astray', '[ISO-6] which it reckons itself');
select ok(
    not exists (
        select
        from unnest(array['anon', 'authenticated', 'service_role']) as role
        where has_table_privilege(role, 'private.memberships', 'select, insert, update, delete, truncate')
           or has_any_column_privilege(role, 'private.memberships', 'select, insert, update')
    ),
    '[ACC-3] nobody but the owner reads or writes what memberships allow'
);
select ok(
    not exists (
        select
        from unnest(array['anon', 'authenticated', 'service_role']) as role
        where has_function_privilege(role, 'private.reckon_memberships(uuid)', 'execute')
    ),
    '[ACC-3] or has it reckoned'
);
select throws_ok(
    'update private.memberships set permissions = null', '23502', null, '[ACC-3] a membership allows nothing, or something, and is never unsaid'
);

------------------------------------------------------------------------------------------------------
-- Policies written carelessly
------------------------------------------------------------------------------------------------------

create function pg_temp.refused(policy text, told text) returns setof text
    language plpgsql
as $$
begin
    return next throws_ok(policy, '42501', null, told);
end
$$;
create function pg_temp.asks(permission text, account_column text default 'account_id') returns text
    language sql
as $$ select format('nullif(%I = any ((select private.accounts_with(%L))::uuid[]), false) is not unknown', account_column, permission) $$;

select pg_temp.refused('create policy "Anybody" on public.jobs to authenticated using (true)', '[ISO-1] a policy for everybody is refused when it is written');
select pg_temp.refused('create policy "Anybody" on public.accounts for select to authenticated using (true)', '[ISO-1] on accounts themselves too');
select pg_temp.refused('create policy "Anybody" on public.jobs for insert to authenticated with check (true)', '[ISO-1] so is one to add');
select pg_temp.refused('create policy "Anybody" on public.jobs for insert to authenticated', '[ISO-1] and one without a condition');
select pg_temp.refused('create policy "Own" on public.jobs for select to authenticated using (created_by = (select auth.uid()))', '[ISO-1] so is one that asks something else');
select pg_temp.refused(
    format('create policy "Or" on public.jobs for select to authenticated using (%s or state = ''new'')', pg_temp.asks('jobs.read')),
    '[ISO-1] or asks and opens besides'
);
select pg_temp.refused(
    format('create policy "Or" on public.jobs for select to authenticated using ((%s and state = ''new'') or true)', pg_temp.asks('jobs.read')),
    '[ISO-1] however it is put in brackets'
);
select pg_temp.refused(
    format('create policy "Not" on public.jobs for select to authenticated using (not (%s))', pg_temp.asks('jobs.read')), '[ISO-1] or asks for the others'
);
select pg_temp.refused(
    format('create policy "Other column" on public.jobs for select to authenticated using (%s)', pg_temp.asks('jobs.read', 'customer_id')),
    '[ISO-1] or asks of another column'
);
select pg_temp.refused(
    format('create policy "Read to write" on public.jobs for update to authenticated using (%s)', pg_temp.asks('jobs.read')),
    '[ADM-4] whoever may read may not write by that: a suspended account reads'
);
select pg_temp.refused(
    format('create policy "Half" on public.jobs for update to authenticated using (%s) with check (true)', pg_temp.asks('jobs.write')),
    '[ISO-1] what a row becomes is asked as what it was'
);
select pg_temp.refused(
    format('create policy "Unknown" on public.jobs for select to authenticated using (%s)', pg_temp.asks('jobs.everything')), '[ISO-1] a permission that does not exist is none'
);
select pg_temp.refused('alter policy "Members who may read jobs see their own, or all of their account''s" on public.jobs using (true)', '[ISO-1] nor is a good one made a bad one');
select lives_ok(
    format('create policy "Good" on public.jobs for select to authenticated using (%s and (state = ''new'' or created_by = (select auth.uid())))', pg_temp.asks('jobs.read')),
    'one that asks first, and then more, is written'
);
select lives_ok(
    format('create policy "To write" on public.jobs for delete to authenticated using (%s)', pg_temp.asks('jobs.write')), 'so is one to write'
);
select lives_ok('create policy "Narrower" on public.jobs as restrictive for select to authenticated using (state = ''new'')', 'and one that only takes away');
select lives_ok(
    $t$do $$ begin create table public.notices (id uuid primary key); create policy "Notices" on public.notices for select to authenticated using ((select private.session_is_live())); end $$ $t$,
    'a table that belongs to no account has policies of its own'
);
select is_empty('select * from private.careless_policies', '[ISO-1] there is no careless policy');
select * from finish();
