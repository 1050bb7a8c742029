select plan(128);

select tests.business('bell');
select tests.job('bell');
insert into audit.anchors (number, at, previous, root, size, key_id, signature, statement_hash)
values (1, now(), sha256(''), sha256(''), 1, 'key', sha256('') || sha256(''), sha256(''));
insert into audit.anchor_heads (chain_id, number, index, seq, hash, path)
values (tests.id('bell'), 1, 0, 1, sha256(''), '{}');

-- What is still to be linked would refuse a truncate for a reason of its own.
set constraints all immediate;
set constraints all deferred;

create temporary table kept (name text, change text);
insert into kept (name, change)
values
    ('records', 'set action = ''x'''),
    ('links', 'set hash = sha256(''x'')'),
    ('field_values', 'set fields = ''{}'''),
    ('heads', 'set seq = seq - 1'),
    ('anchors', 'set root = sha256(''x'')'),
    ('anchor_heads', 'set seq = seq + 1');
grant select on pg_temp.kept to public;

------------------------------------------------------------------------------------------------------
-- Nobody changes, deletes or truncates
------------------------------------------------------------------------------------------------------

select throws_ok('update audit.' || name || ' ' || change, '42501', null, '[AUD-3] the owner of the database can''t update ' || name) from kept;
select throws_ok('delete from audit.' || name, '42501', null, '[AUD-3] nor delete ' || name) from kept;
select throws_ok('truncate audit.' || name || ' cascade', '42501', 'The audit trail is append only: truncate of ' || name || ' is refused.', '[AUD-3] nor truncate ' || name) from kept;
select throws_ok('update audit.heads set chain_id = gen_random_uuid(), seq = seq + 1', '42501', null, '[AUD-3] nor move a head to another chain');
select throws_ok('update audit.heads set hash = sha256(''x'')', '42501', null, '[AUD-3] nor put another hash under a head''s number');

set local session_replication_role = replica;
select throws_ok('update audit.' || name || ' ' || change, '42501', null, '[AUD-3] a replica can''t update ' || name) from kept;
select throws_ok('delete from audit.' || name, '42501', null, '[AUD-3] nor delete ' || name || ' as a replica') from kept;
select throws_ok('truncate audit.' || name || ' cascade', '42501', 'The audit trail is append only: truncate of ' || name || ' is refused.', '[AUD-3] nor truncate ' || name || ' as a replica') from kept;
update public.customers set phone = '07700 900003' where account_id = tests.id('bell');
set constraints all immediate;
set constraints all deferred;
set local session_replication_role = origin;
select is(
    (select after ->> 'phone' from tests.trail where account_id = tests.id('bell') order by seq desc limit 1),
    '07700 900003', '[AUD-1] and what a replica changes is recorded'
);
select is(audit.verify(tests.id('bell')) -> 'bad', 'null'::jsonb, '[AUD-4] and linked');

select throws_ok('update private.guarded set relation = relation', '42501', null, '[AUD-3] what is guarded can''t be changed');
select throws_ok('delete from private.guarded', '42501', null, '[AUD-3] nor taken off the list');
select throws_ok('truncate private.guarded', '42501', null, '[AUD-3] nor the list emptied');

select tests.be_service();
select throws_ok('select from audit.' || name, '42501', null, '[AUD-3] the service role can''t read ' || name) from kept;
select throws_ok('update audit.' || name || ' ' || change, '42501', null, '[AUD-3] the service role can''t update ' || name) from kept;
select throws_ok('delete from audit.' || name, '42501', null, '[AUD-3] nor delete ' || name || ' as the service role') from kept;
select throws_ok('truncate audit.' || name, '42501', null, '[AUD-3] nor truncate ' || name || ' as the service role') from kept;
select throws_ok('insert into audit.' || name || ' default values', '42501', null, '[AUD-3] nor add to ' || name || ' as the service role') from kept;
select tests.authenticate_as('bell owner');
select throws_ok('update audit.' || name || ' ' || change, '42501', null, '[AUD-3] an account''s owner can''t update ' || name) from kept;
select throws_ok('delete from audit.' || name, '42501', null, '[AUD-3] nor delete ' || name || ' as an account''s owner') from kept;
select throws_ok('truncate audit.' || name, '42501', null, '[AUD-3] nor truncate ' || name || ' as an account''s owner') from kept;
select throws_ok('insert into audit.' || name || ' default values', '42501', null, '[AUD-3] nor add to ' || name || ' as an account''s owner') from kept;
select tests.be_postgres();

------------------------------------------------------------------------------------------------------
-- Nobody takes the guards away, short of switching off the triggers that watch the schema
------------------------------------------------------------------------------------------------------

create temporary table attempt (statement text, title text);
insert into attempt (statement, title)
values
    ('alter table audit.records disable trigger records_are_never_changed', 'a trigger of the records can''t be disabled'),
    ('alter table audit.records disable trigger user', 'nor all of them'),
    ('alter table audit.records enable trigger records_are_linked', 'nor set to fire less often'),
    ('drop trigger links_are_never_changed on audit.links', 'nor dropped'),
    ('create trigger quiet before insert on audit.records for each row execute function audit.refuse()', 'nor another one added'),
    ('alter trigger records_are_linked on audit.records rename to x', 'nor renamed'),
    ('alter table audit.field_values drop column fields cascade', 'no column of it can be dropped'),
    ('alter table audit.records alter column recorded_at set default ''2020-01-01''', 'nor given another default'),
    ('alter table audit.links drop constraint links_pkey', 'nor a key dropped'),
    ('alter table audit.records rename to records_of_old', 'no table can be renamed'),
    ('alter table audit.heads set schema public', 'nor moved to another schema'),
    ('drop table audit.anchor_heads', 'nor a table dropped'),
    ('drop schema audit cascade', 'nor the schema with all that is in it'),
    ('alter schema audit rename to old_audit', 'nor the schema be renamed'),
    ('create rule quiet as on insert to audit.records do instead nothing', 'no rule can swallow what is recorded'),
    ('create policy "Nobody" on audit.records for select using (false)', 'no policy can hide it'),
    ('alter sequence audit.records_id_seq restart', 'its numbers can''t begin anew'),
    ('create or replace function audit.refuse() returns trigger language plpgsql as ''begin return new; end''', 'a guard function can''t be replaced'),
    ('create or replace function audit.verify(chain uuid, outside_head jsonb default null, after_seq bigint default 0, page_size integer default 10000) returns jsonb language sql as ''select null::jsonb''', 'nor the check'),
    ('alter function audit.link() rename to link_not', 'nor a function be renamed'),
    ('drop function audit.guard_segment() cascade', 'nor a function dropped'),
    ('alter table public.customers disable trigger audit_changed', 'a watched table stays watched'),
    ('alter table public.customers enable replica trigger audit_changed', 'in every mode'),
    ('drop trigger audit_added_and_deleted on public.customers', 'its triggers can''t be dropped'),
    ('create or replace trigger audit_changed after update on public.customers for each row execute function private.touch()', 'nor put on another function'),
    ('alter trigger audit_changed on public.customers rename to changed', 'nor its triggers be renamed');
select throws_ok(statement, '42501', null, '[AUD-3] ' || title) from attempt;
select lives_ok(
    'alter table public.customers add constraint brief check (length(name) < 1000)',
    '[AUD-3] other changes of a watched table stay possible'
);
select lives_ok('create index by_action on audit.records (action)', '[AUD-3] and so does an index on the records');
select is_empty(
    $$
        select c.oid::regclass::text
        from pg_class as c
        where c.relnamespace = 'audit'::regnamespace and c.relkind in ('r', 'p', 'S')
          and not exists (select from private.guarded as g where g.relation = c.oid)
        union all
        select p.oid::regprocedure::text
        from pg_proc as p
        where p.pronamespace = 'audit'::regnamespace
          and not exists (select from private.guarded as g where to_regprocedure(g.function) = p.oid)
    $$,
    '[AUD-3] everything in schema audit is under the guard'
);
select is(
    (select array_agg(concat_ws(' ', evtname, evtevent, evtenabled) order by evtname) from pg_event_trigger where evtname like 'audit%'),
    array['audit_is_not_altered ddl_command_end A', 'audit_is_not_dropped sql_drop A'],
    '[AUD-3] which watches in every mode'
);
select is_empty(
    $$
        select t.tgrelid::regclass, t.tgname
        from pg_trigger as t
        join pg_class as c on c.oid = t.tgrelid
        where c.relnamespace = 'audit'::regnamespace and not t.tgisinternal and t.tgenabled <> 'A'
    $$,
    '[AUD-3] every trigger of the audit trail fires in every mode'
);
select * from finish();
