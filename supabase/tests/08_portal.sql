select plan(29);

select tests.business('bell');
select tests.business('finch');
select tests.job('bell');
select tests.job('finch');
select tests.sendable('bell');
select tests.issued('finch');
select tests.member('bell', 'staff');

select tests.authenticate_as('bell owner');
create temporary table made as
select public.create_portal_link(tests.id('bell'), tests.id('bell invoice'), '00000000-0000-4000-8000-000000000004') as answer;
select set_config('tests.token', (select answer ->> 'token' from made), true);
select ok(current_setting('tests.token') ~ '^[A-Za-z0-9_-]{43}$', '[PART-4] a link carries 256 random bits');
select throws_ok($$select public.create_portal_link(tests.id('bell'), tests.id('bell invoice'), '00000000-0000-4000-8000-000000000004')$$, 'P0001', null, '[PART-4] its token is shown once');
select throws_ok('select token_hash from public.portal_links', '42501', null, '[PART-4] its hash is nobody''s to read');
select isnt_empty('select id, expires_at, first_viewed_at from public.portal_links', 'its dates are');
select tests.authenticate_as('bell staff');
select throws_ok($$select public.create_portal_link(tests.id('bell'), tests.id('bell invoice'), gen_random_uuid())$$, '42501', null, '[ACC-3] staff makes no links');
select tests.authenticate_as('finch owner');
select throws_ok($$select public.create_portal_link(tests.id('finch'), tests.id('bell invoice'), gen_random_uuid())$$, 'PT404', null, '[ISO-1] nobody makes a link to another account''s invoice');
select is_empty('select id from public.portal_links', '[ISO-1] nor sees its links');
select tests.be_postgres();
select is_empty($$select * from public.portal_links as l where strpos(l::text, current_setting('tests.token')) > 0$$, '[PART-4] the token is kept nowhere');

------------------------------------------------------------------------------------------------------
-- What it opens
------------------------------------------------------------------------------------------------------

select tests.be_anon();
create temporary table shown as select public.portal_invoice(current_setting('tests.token')) as page;
grant select on shown to public;
select results_eq(
    $$select page #>> '{business,name}', page #>> '{customer,name}', page #>> '{invoice,reference}', page #>> '{invoice,owed_pence}', jsonb_array_length(page -> 'lines'), page -> 'can_pay' from shown$$,
    $$values ('Bell', 'Priya Raman', 'INV-0001', '12000', 1, 'false'::jsonb)$$,
    '[PART-4] whoever holds a link sees the invoice, without signing in'
);
select ok((select page::text not like '%' || tests.id('bell') || '%' from (select page - 'document' as page from shown) as public_part), 'and no id of the account but where its file lies');
select is(
    public.portal_invoice('guess') - 'details',
    '{"code": "P0001", "hint": "link_not_valid", "message": "This link does not work any more. Ask for a new one."}', '[PART-4] a guess opens nothing'
);
select throws_ok('select * from public.invoices', '42501', null, '[ISO-1] a link opens no table');

select is_empty('select * from storage.objects', '[FILE-1] without the link no file is read');
select tests.send_headers(jsonb_build_object('x-tf-portal', current_setting('tests.token')));
select is((select count(*) from storage.objects), 1::bigint, '[FILE-5] with it, the stored invoice and nothing else');
select throws_ok(format('insert into storage.objects (bucket_id, name) values (%L, %L)', tests.id('bell'), 'x'), '42501', null, '[FILE-2] nothing is uploaded with a link');
select tests.be_postgres();
update public.documents set access = 'internal' where id = tests.id('bell document');
select tests.be_anon();
select is_empty('select * from storage.objects', '[FILE-5] an internal document is not shown through a link');
select is(public.portal_invoice(current_setting('tests.token')) -> 'document', 'null'::jsonb, '[FILE-5] nor is it told where it lies');
select tests.be_postgres();
update public.documents set access = 'client' where id = tests.id('bell document');
select isnt((select first_viewed_at from public.portal_links where token_hash = sha256(convert_to(current_setting('tests.token'), 'utf8'))), null, 'the first view is noted');

------------------------------------------------------------------------------------------------------
-- When it ends
------------------------------------------------------------------------------------------------------

update public.portal_links set expires_at = now() - interval '1 second';
select tests.be_anon();
select is(public.portal_invoice(current_setting('tests.token')) ->> 'hint', 'link_not_valid', '[PART-4] an expired link opens nothing');
select is(public.portal_invoice(current_setting('tests.token'), (select page ->> 'proof' from shown)) ->> 'hint', 'link_not_valid', '[PART-4] nor does it for whoever has opened it before');
select is_empty('select * from storage.objects', '[PART-4] no file either');
select tests.be_postgres();
update public.portal_links set expires_at = now() + interval '1 day';
select tests.be_anon();
select lives_ok($$select public.portal_invoice(current_setting('tests.token'))$$, '[PART-4] in time it does');
select tests.authenticate_as('bell staff');
select throws_ok($$select public.revoke_portal_links(tests.id('bell'), tests.id('bell invoice'))$$, '42501', null, '[ACC-3] staff revokes no links');
select tests.authenticate_as('bell owner');
select ok(public.revoke_portal_links(tests.id('bell'), tests.id('bell invoice')) > 0, '[PART-4] an owner revokes all links to an invoice');
select is(public.revoke_portal_links(tests.id('bell'), tests.id('bell invoice')), 0, '[PART-4] once: when they ended stays on record');
select tests.authenticate_as('finch owner');
select throws_ok($$select public.revoke_portal_links(tests.id('finch'), tests.id('bell invoice'))$$, 'PT404', null, '[ISO-1] and nobody does for another account''s invoice');
select tests.be_anon();
select is(public.portal_invoice(current_setting('tests.token')) ->> 'hint', 'link_not_valid', '[PART-4] a revoked link opens nothing');
select is_empty('select * from storage.objects', '[PART-4] nor its file');
select throws_ok('select private.mint_portal_link(gen_random_uuid(), gen_random_uuid(), null)', '42501', null, '[PART-4] nobody mints a link for themselves');
select * from finish();
