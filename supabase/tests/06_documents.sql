select plan(53);

select tests.business('bell');
select tests.business('finch');
select tests.job('bell');
select tests.member('bell', 'staff');
select tests.member('bell', 'admin');
select tests.member_with('bell', array['documents.read', 'jobs.read', 'jobs.all'], 'bell reader');
select tests.put_on('bell job', 'bell staff');

create function pg_temp.put(name text, bucket text default null) returns text
    language sql
as $$
    select format(
        'insert into storage.objects (bucket_id, name, metadata) values (%L, %L, ''{"size": 1234}'')',
        coalesce(bucket, tests.id('bell')::text), name
    )
$$;
grant execute on function pg_temp.put(text, text) to public;

------------------------------------------------------------------------------------------------------
-- A photo from start to ready
------------------------------------------------------------------------------------------------------

select tests.authenticate_as('bell staff');
create temporary table started as
select public.start_document(tests.id('bell'), tests.id('bell job'), 'photo', 'IMG_1.jpg', gen_random_uuid()) as answer;
grant select on started to public;
select tests.be_postgres();
select tests.keep('photo', (select (answer ->> 'document_id')::uuid from started));
select set_config('tests.upload', (select answer ->> 'upload_name' from started), true);
select set_config('tests.object', (select answer ->> 'object_name' from started), true);
select is(current_setting('tests.upload') || ' ' || current_setting('tests.object'), format('photo/%s/0 photo/%s/1', tests.id('photo'), tests.id('photo')), 'a document names where its file goes');

select tests.authenticate_as('bell reader');
select throws_ok($$select public.start_document(tests.id('bell'), tests.id('bell job'), 'photo', 'x.jpg', gen_random_uuid())$$, '42501', null, '[ACC-3] whoever may only read starts no upload');
select is_empty('select * from public.documents', '[FILE-4] nobody but its uploader sees a photo that is not ready');
select throws_ok(pg_temp.put(current_setting('tests.upload')), '42501', null, '[FILE-2] nor uploads in its name');
select tests.authenticate_as('bell admin');
select is_empty('select * from public.documents', '[FILE-4] not even an admin');
select throws_ok(pg_temp.put(current_setting('tests.upload')), '42501', null, '[FILE-2] who cannot upload for somebody else either');
select tests.authenticate_as('finch owner');
select throws_ok(pg_temp.put(current_setting('tests.upload')), '42501', null, '[ISO-1] another account cannot upload into the bucket');
select throws_ok($$select public.start_document(tests.id('finch'), tests.id('bell job'), 'photo', 'x.jpg', gen_random_uuid())$$, 'PT404', null, '[ISO-3] nor start a photo of a job that is not theirs');
select tests.be_anon();
select throws_ok(pg_temp.put(current_setting('tests.upload')), '42501', null, '[FILE-2] nor can anon');

select tests.authenticate_as('bell staff');
select isnt_empty('select * from public.documents', 'the uploader sees their photo');
select throws_ok(pg_temp.put('photo/' || gen_random_uuid() || '/0'), '42501', null, '[FILE-2] only a document''s own names are accepted');
select throws_ok(pg_temp.put(current_setting('tests.upload') || '0'), '42501', null, '[FILE-2] exactly');
select lives_ok(pg_temp.put(current_setting('tests.upload')), '[FILE-2] the upload is accepted');
select isnt_empty($$select * from storage.objects where name = current_setting('tests.upload')$$, 'and read by its uploader');
update storage.objects set version = 'again' where name = current_setting('tests.upload');
select is((select version from storage.objects where name = current_setting('tests.upload')), 'again', 'an upload that broke off can be made again');
select throws_ok($$select public.finish_document(tests.id('bell'), tests.id('photo'), 'image/jpeg', 1234, repeat('ab', 32), 40, 30)$$, 'P0001', 'The file has not arrived. Add it again.', 'a document is not ready before its checked file lies there');
select lives_ok(pg_temp.put(current_setting('tests.object')), 'the checked file is accepted');
select throws_ok($$select public.finish_document(tests.id('bell'), tests.id('photo'), 'image/jpeg', 99, repeat('ab', 32), 40, 30)$$, 'P0001', null, '[FILE-4] a file of another size than the checked one is refused');
select throws_ok($$select public.finish_document(tests.id('bell'), tests.id('photo'), 'text/html', 1234, repeat('ab', 32), 40, 30)$$, '23514', null, '[FILE-4] HTML never becomes a document');
select lives_ok($$select public.finish_document(tests.id('bell'), tests.id('photo'), 'image/jpeg', 1234, repeat('ab', 32), 40, 30)$$, 'then it is ready');
select lives_ok($$select public.finish_document(tests.id('bell'), tests.id('photo'), 'image/jpeg', 1234, repeat('ab', 32), 40, 30)$$, 'told twice, it stays so');
update storage.objects set version = 'other' where name = current_setting('tests.object');
select is((select version from storage.objects where name = current_setting('tests.object')), null, '[FILE-2] a ready file is not replaced by its uploader');

select set_config('storage.allow_delete_query', 'true', true);
delete from storage.objects where name = current_setting('tests.object');
select isnt_empty($$select * from storage.objects where name = current_setting('tests.object')$$, '[FILE-2] nor deleted');
select throws_ok($$update public.documents set state = 'removed' where id = tests.id('photo')$$, '42501', null, 'nor is its state anybody''s to write');
update public.documents set access = 'client' where id = tests.id('photo');
select is((select access from public.documents where id = tests.id('photo')), 'client', '[FILE-5] who else may see it, is');
select tests.authenticate_as('bell reader');
select isnt_empty($$select * from storage.objects where name = current_setting('tests.object')$$, '[FILE-5] whoever may read documents reads a ready file');
select is_empty($$select * from storage.objects where name = current_setting('tests.upload')$$, '[FILE-4] and never the raw upload with its metadata');
select tests.authenticate_as('bell staff');
delete from storage.objects where name = current_setting('tests.upload');
select is_empty($$select * from storage.objects where name = current_setting('tests.upload')$$, '[FILE-4] its uploader deletes the raw upload once it has served');
select set_config('storage.allow_delete_query', 'false', true);
select tests.authenticate_as('finch owner');
select is_empty('select * from storage.objects', '[ISO-1] another account reads no file');
select tests.be_anon();
select is_empty('select * from storage.objects', '[FILE-1] nothing in a bucket is public');

------------------------------------------------------------------------------------------------------
-- The trigger stands whatever rights the storage server uses
------------------------------------------------------------------------------------------------------

select tests.be_service();
select throws_ok(pg_temp.put('photo/' || gen_random_uuid() || '/0'), '42501', 'No document is waiting for this file.', '[FILE-2] with service rights too, no object without a document');
select throws_ok(pg_temp.put(current_setting('tests.object') || '/x'), '42501', null, '[FILE-2] nor under another name');
select throws_ok($$update storage.objects set metadata = '{"size": 666}' where name = current_setting('tests.object')$$, '42501', 'No document is waiting for this file.', '[FILE-2] nor in place of a ready file');
select throws_ok($$update storage.objects set name = 'moved' where name = current_setting('tests.object')$$, '42501', null, '[FILE-2] nor is it moved');
select lives_ok($$update storage.objects set last_accessed_at = now() where name = current_setting('tests.object')$$, 'reading counts may change');

select tests.authenticate_as('bell staff');
create temporary table late as
select public.start_document(tests.id('bell'), tests.id('bell job'), 'photo', 'late.jpg', gen_random_uuid()) as answer;
grant select on late to public;
select tests.be_postgres();
select tests.keep('late', (select (answer ->> 'document_id')::uuid from late));
update public.documents set upload_until = now() - interval '1 second' where id = tests.id('late');
select tests.be_service();
select throws_ok(pg_temp.put(format('photo/%s/0', tests.id('late'))), '42501', 'The ten minutes for this upload are over.', '[FILE-2] after ten minutes an upload token is worth nothing');
select tests.be_postgres();
update public.documents set upload_until = now() + interval '5 minutes' where id = tests.id('late');
update public.members set removed_at = now() where id = tests.id('bell staff membership');
select tests.be_service();
select throws_ok(pg_temp.put(format('photo/%s/0', tests.id('late'))), '42501', 'Whoever started this upload may no longer add documents here.', '[FILE-2] nor is that of somebody who was removed');
select tests.be_postgres();
update public.members set removed_at = null where id = tests.id('bell staff membership');
select tests.set_state('bell', 'suspended');
select tests.be_service();
select throws_ok(pg_temp.put(format('photo/%s/0', tests.id('late'))), '42501', null, '[FILE-3] nor in a suspended account');
select tests.be_postgres();
select tests.set_state('bell', 'active');
select tests.be_service();
select lives_ok(pg_temp.put(format('photo/%s/0', tests.id('late'))), '[FILE-2] in time, by a member, it is accepted');
select tests.be_postgres();
insert into storage.buckets (id, name, public) values ('elsewhere', 'elsewhere', false);
select lives_ok(pg_temp.put('anything', 'elsewhere'), 'a bucket of no account is none of this trigger''s business');

insert into storage.buckets (id, name, public) values ('elsewhere else', 'elsewhere else', false);
select lives_ok($$update storage.objects set bucket_id = 'elsewhere else' where bucket_id = 'elsewhere'$$, 'nor is what moves between two of them');
select throws_ok(
    $$update storage.objects set bucket_id = 'elsewhere' where name = current_setting('tests.object')$$, '42501', 'No document is waiting for this file.',
    '[FILE-2] a file does not leave its account''s bucket'
);
select throws_ok(
    format('update storage.objects set bucket_id = %L where name = %L', tests.id('finch'), format('photo/%s/0', tests.id('late'))), '42501', 'No document is waiting for this file.',
    '[ISO-1] nor does an upload go into another account''s, where no document waits for it'
);

-- Who started it may write documents now, by the role that they have there now.
create function pg_temp.by_role(name_of_role text) returns text
    language plpgsql
as $$
begin
    update public.members as m
    set role_id = r.id
    from public.roles as r
    where r.account_id = tests.id('bell')
      and r.name = name_of_role
      and m.id = tests.id('bell staff membership');
    perform tests.be_service();
    update storage.objects set version = gen_random_uuid() where name = format('photo/%s/0', tests.id('late'));
    perform tests.be_postgres();
    return 'accepted';
exception when insufficient_privilege then
    perform tests.be_postgres();
    return sqlerrm;
end
$$;
insert into public.roles (account_id, id, name)
select tests.id('finch'), r.id, 'Namesake'
from public.roles as r
where r.account_id = tests.id('bell') and r.name = 'bell reader';
insert into public.role_permissions (account_id, role_id, permission)
select r.account_id, r.id, 'documents.write'
from public.roles as r
where r.account_id = tests.id('finch') and r.name = 'Namesake';
select is(pg_temp.by_role('Admin'), 'accepted', '[FILE-2] a role that allows it is enough');
select is(pg_temp.by_role('bell reader'), 'Whoever started this upload may no longer add documents here.', '[FILE-2] one that allows only to read is not, whatever one of the same id allows elsewhere');
update public.members set removed_at = now() where id = tests.id('bell staff membership');
insert into public.members (account_id, user_id, role_id, display_name, email)
select r.account_id, tests.id('bell staff'), r.id, 'Moved on', 'moved@people.example'
from public.roles as r
where r.account_id = tests.id('finch') and r.key = 'admin';
select is(pg_temp.by_role('Admin'), 'Whoever started this upload may no longer add documents here.', '[FILE-2] nor is a role in another account, for who was removed from this one');
delete from public.members where account_id = tests.id('finch') and user_id = tests.id('bell staff');
update public.members set removed_at = null, role_id = (select r.id from public.roles as r where r.account_id = tests.id('bell') and r.key = 'staff')
where id = tests.id('bell staff membership');

------------------------------------------------------------------------------------------------------
-- Left over
------------------------------------------------------------------------------------------------------

select tests.authenticate_as('bell staff');
select throws_ok($$select public.discard_document(tests.id('bell'), tests.id('late'))$$, 'P0001', 'Remove the uploaded file first.', 'a document is not forgotten while its file lies there');
select tests.be_service();
select is_empty($$select service.abandoned_documents(10)$$, 'the sweeper leaves alone what is under way');
select tests.be_postgres();
update public.documents set upload_until = now() - interval '5 minutes' where id = tests.id('late');
select tests.be_service();
select is_empty($$select service.abandoned_documents(10)$$, 'and what has only just ended');
select tests.be_postgres();
update public.documents set upload_until = now() - interval '1 hour' where id = tests.id('late');
select tests.be_service();
select is(
    (select answer -> 'names' ->> 0 from service.abandoned_documents(10) as answer where answer ->> 'document_id' = tests.id('late')::text),
    format('photo/%s/0', tests.id('late')), 'the sweeper is told what was never finished'
);
select ok(not service.forget_document(tests.id('bell'), tests.id('late')), 'and forgets it only once the file is gone');
select tests.be_postgres();
select set_config('storage.allow_delete_query', 'true', true);
delete from storage.objects where name = format('photo/%s/0', tests.id('late'));
select tests.be_service();
select tests.be_postgres();
update public.documents set upload_until = now() + interval '1 minute' where id = tests.id('late');
select tests.be_service();
select ok(not service.forget_document(tests.id('bell'), tests.id('late')), 'nor while its time is running');
select tests.be_postgres();
update public.documents set upload_until = now() - interval '1 hour' where id = tests.id('late');
select tests.be_service();
select ok(service.forget_document(tests.id('bell'), tests.id('late')), 'then nothing is left');
select * from finish();
