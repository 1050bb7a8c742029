-- Guards that other tests pass by: each statement that stops an act is missed here when it is gone. Where two stand in a row,
-- the first one's own sentence tells which of them it was.
select plan(41);

select tests.business('bell');
select tests.business('finch', false);
select tests.job('bell');
select tests.job('finch');
select tests.member('bell', 'staff');
select tests.member_with('bell', array['documents.read', 'jobs.read'], 'bell reader');
select tests.photo('bell');

------------------------------------------------------------------------------------------------------
-- Accounts
------------------------------------------------------------------------------------------------------

select tests.person('late');
delete from auth.sessions where user_id = tests.id('late');
select tests.authenticate_as('late');
select throws_ok(
    $$select public.open_account('Late', 'roofer', false, null, 'Late', gen_random_uuid())$$,
    '42501', 'Your session has ended. Sign in again.', '[AUTH-6] nobody opens an account in a session that has ended'
);
select tests.authenticate_as('bell owner');
select throws_ok(
    $$select public.open_account('No trade', ' ', false, null, 'N', gen_random_uuid())$$,
    'P0001', 'Choose a trade.', 'a business has a trade'
);

------------------------------------------------------------------------------------------------------
-- Jobs and documents
------------------------------------------------------------------------------------------------------

select tests.be_postgres();
select throws_ok(
    $$update public.jobs set number = 7 where id = tests.id('bell job')$$,
    'P0001', 'A job keeps its number.', 'a job keeps its number, whoever writes'
);
select tests.authenticate_as('bell owner');
select throws_ok(
    $$select public.start_document(tests.id('bell'), tests.id('bell job'), 'invoice_pdf', 'x.pdf', gen_random_uuid())$$,
    'P0001', 'Only photos can be added to a job for now.', '[FILE-2] nobody starts an invoice''s PDF as if it were a photo'
);
select throws_ok(
    $$select public.discard_document(tests.id('bell'), tests.id('bell photo'))$$,
    'P0001', 'This document is not waiting for a file.', '[FILE-4] a ready document is not discarded'
);
select throws_ok(
    $$select public.finish_document(tests.id('bell'), tests.id('bell photo'), 'image/jpeg', 1234, repeat('ff', 32), 40, 30)$$,
    'P0001', 'This document is not waiting for a file.', '[FILE-4] a ready document is not finished again as another file'
);
select throws_ok(
    $$select public.finish_document(tests.id('bell'), gen_random_uuid(), 'image/jpeg', 1234, repeat('ff', 32), 40, 30)$$,
    'PT404', 'There is no such document.', '[FILE-4] nor one that is not there'
);
select throws_ok(
    $$select public.discard_document(tests.id('bell'), gen_random_uuid())$$,
    'PT404', 'There is no such document.', '[FILE-4] which is not discarded either'
);
select set_config('tests.slow', public.start_document(tests.id('bell'), tests.id('bell job'), 'photo', 'slow.jpg', gen_random_uuid()) ->> 'document_id', true);
select tests.be_postgres();
select tests.keep('slow', current_setting('tests.slow')::uuid);
select tests.store(tests.id('slow'));
update public.documents set upload_until = now() where id = tests.id('slow');
select tests.authenticate_as('bell owner');
select throws_ok(
    $$select public.finish_document(tests.id('bell'), tests.id('slow'), 'image/jpeg', 1234, repeat('ab', 32), 40, 30)$$,
    'P0001', 'The ten minutes for this upload are over. Add the photo again.', '[FILE-2] after ten minutes nothing is finished'
);
select tests.authenticate_as('bell reader');
select throws_ok(
    $$select public.finish_document(tests.id('bell'), tests.id('bell photo'), 'image/jpeg', 1234, repeat('cd', 32), 40, 30)$$,
    '42501', null, '[ACC-3] whoever only reads documents is not even told that one is finished'
);

------------------------------------------------------------------------------------------------------
-- Invoices
------------------------------------------------------------------------------------------------------

select tests.be_postgres();
select tests.draft('bell');
select throws_ok(
    $$insert into public.payments (account_id, invoice_id, amount_pence, method, paid_at) values (tests.id('bell'), tests.id('bell invoice'), 1, 'cash', now())$$,
    'P0001', 'An invoice that is draft cannot be paid.', '[PAY-5] a draft cannot be paid'
);
select tests.authenticate_as('bell owner');
select throws_ok(
    $$select public.issue_invoice(tests.id('bell'), gen_random_uuid(), 1, gen_random_uuid())$$,
    'PT404', 'There is no such invoice.', '[ISO-1] an invoice that is not there is not issued'
);
select throws_ok(
    $$select public.prepare_invoice_pdf(tests.id('bell'), gen_random_uuid())$$,
    'PT404', 'There is no such invoice.', '[ISO-1] nor is there a place for its PDF'
);
select throws_ok(
    $$select public.prepare_invoice_pdf(tests.id('bell'), tests.id('bell invoice'))$$,
    'P0001', 'Issue the invoice first.', 'nor for that of a draft'
);
select throws_ok(
    $$select public.revoke_portal_links(tests.id('bell'), gen_random_uuid())$$,
    'PT404', 'There is no such invoice.', '[PART-4] nor links to revoke'
);
select throws_ok(
    $$select public.save_invoice(tests.id('bell'), tests.id('bell invoice'), gen_random_uuid(), '{}', '{"lines": "none"}')$$,
    'P0001', 'Send the lines as a list.', 'lines are a list'
);
-- Row-level security stands behind these; the function says why, before it does anything.
select tests.authenticate_as('bell reader');
select throws_ok(act, '42501', 'Your role does not allow this. Ask the owner of the business.', '[ACC-3] ' || words || ' is refused with a sentence')
from (
    values
        ($$select public.create_customer(tests.id('bell'), gen_random_uuid(), '{"name": "New"}')$$, 'a customer'),
        ($$select public.create_job(tests.id('bell'), gen_random_uuid(), '{"title": "New"}', '{"name": "New"}')$$, 'a job'),
        ($$select public.move_job(tests.id('bell'), tests.id('bell job'), 'booked')$$, 'a step of a job'),
        ($$select public.start_document(tests.id('bell'), tests.id('bell job'), 'photo', 'x.jpg', gen_random_uuid())$$, 'a photo'),
        ($$select public.save_invoice(tests.id('bell'), null, gen_random_uuid(), '{}', '[]')$$, 'a draft'),
        ($$select public.discard_invoice(tests.id('bell'), gen_random_uuid())$$, 'discarding one'),
        ($$select public.today(tests.id('bell'))$$, 'the first screen')
) as refused (act, words);

-- Who lost the permission is not answered by a repetition either.
select tests.be_postgres();
select set_config('tests.key', gen_random_uuid()::text, true);
select tests.authenticate_as('bell owner');
select public.issue_invoice(tests.id('bell'), tests.id('bell invoice'), 12000, current_setting('tests.key')::uuid);
select throws_ok(
    $$select public.save_invoice(
        tests.id('bell'), tests.id('bell invoice'), gen_random_uuid(),
        (select jsonb_build_object('supplied_on', i.supplied_on, 'due_on', i.due_on) from public.invoices as i where i.id = tests.id('bell invoice')),
        jsonb_build_array(tests.line(10000))
    )$$,
    'P0001', 'This invoice has been issued and cannot change any more.', '[PAY-5] an issued invoice is not saved, even unchanged'
);
select tests.be_postgres();
update public.members set role_id = (select r.id from public.roles as r where r.account_id = tests.id('bell') and r.key = 'staff')
where account_id = tests.id('bell') and user_id = tests.id('bell owner');
select tests.authenticate_as('bell owner');
select throws_ok(
    $$select public.issue_invoice(tests.id('bell'), tests.id('bell invoice'), 12000, current_setting('tests.key')::uuid)$$,
    '42501', null, '[ACC-3] a repeated act is refused to who may not do it any more'
);
select throws_ok(
    $$select public.prepare_invoice_pdf(tests.id('bell'), tests.id('bell invoice'))$$,
    '42501', null, '[ACC-3] and so is a place for the PDF'
);
select tests.be_postgres();
update public.members set role_id = (select r.id from public.roles as r where r.account_id = tests.id('bell') and r.key = 'owner')
where account_id = tests.id('bell') and user_id = tests.id('bell owner');

select throws_ok(
    $$update public.invoices set state = 'void' where id = tests.id('bell invoice'); update public.invoices set state = 'issued' where id = tests.id('bell invoice')$$,
    'P0001', 'An invoice that is void cannot become issued.', '[PAY-5] an invoice that is void stays void'
);
select tests.authenticate_as('bell owner');
select throws_ok(
    $$select public.send_invoice(tests.id('bell'), tests.id('bell invoice'), null, null, gen_random_uuid())$$,
    'P0001', 'Give an e-mail address to send it to.', 'an invoice is sent to somebody'
);
select throws_ok(
    $$select public.send_invoice(tests.id('bell'), tests.id('bell invoice'), 'a@mail.example', repeat('x', 2001), gen_random_uuid())$$,
    'P0001', 'Make the message shorter than 2,000 characters.', 'with a message of a sensible length'
);

-- A business that registers for VAT with a draft open.
select tests.be_postgres();
select tests.draft('finch');
update public.accounts set vat_registered = true, vat_number = '999999973' where id = tests.id('finch');
select tests.authenticate_as('finch owner');
select throws_ok(
    $$select public.issue_invoice(tests.id('finch'), tests.id('finch invoice'), 10000, gen_random_uuid())$$,
    'P0001', 'Choose a VAT rate for each line.', '[PAY-5] a registered business issues no line without its rate'
);

------------------------------------------------------------------------------------------------------
-- The audit trail, and what runs before every request
------------------------------------------------------------------------------------------------------

-- An export asks for two permissions, and says so at both of its steps.
select tests.be_postgres();
select tests.member_with('bell', array['audit.read'], 'bell auditor');
select tests.member_with('bell', array['export.run'], 'bell exporter');
select tests.authenticate_as('bell auditor');
select throws_ok($$select public.audit_export(tests.id('bell'), 1)$$, '42501', null, '[ACC-3] who may read the trail and not export gets no page of an export');
select tests.authenticate_as('bell exporter');
select throws_ok($$select public.audit_begin_export(tests.id('bell'), 'csv')$$, '42501', null, '[ACC-3] who may export and not read the trail begins no export of it');
select throws_ok($$select public.audit_export(tests.id('bell'), 1)$$, '42501', null, '[ACC-3] nor gets a page of one');
select tests.authenticate_as('bell owner');
select throws_ok($$select public.audit_begin_export(tests.id('bell'), 'xml')$$, 'P0001', 'Choose CSV or JSONL.', 'an export is of a kind that is known');
select tests.send_headers('{"prefer": "count=planned"}');
select throws_ok('select private.before_request()', 'PT400', 'Counts are exact here: ask with count=exact, or without.', '[ISO-1] nobody is told the planner''s guess');
select tests.send_headers('{"prefer": "count=exact"}');
select lives_ok('select private.before_request()', 'an exact count is');
select set_config('request.headers', '', true);

select tests.be_postgres();
select throws_ok(
    $$select audit.record_event('account', tests.id('bell'), 'x.done', 'perhaps', 'x')$$,
    '23514', null, '[AUD-1] the trail takes no record of a kind that it does not know'
);
select throws_ok(
    $$select audit.record_event('team', tests.id('bell'), 'x.done', 'ok', 'x')$$,
    '23514', null, '[AUD-1] nor on a chain of a kind that it does not know'
);
select private.act_as('robot', tests.id('bell'));
select throws_ok(
    $$select audit.record_event('account', tests.id('bell'), 'x.done', 'ok', 'x')$$,
    '23514', null, '[AUD-1] nor by an actor of such a kind'
);
select set_config('tf.actor', '', true);
select lives_ok(
    $$select audit.record_event('account', tests.id('bell'), 'x.done', 'ok', 'x')$$,
    '[AUD-1] of kinds that it knows it does'
);
create table private.unwatched (account_id uuid, id uuid, secret text, colour text);
select throws_ok(
    $$select audit.watch('private.unwatched', 'thing', business => array['account_id', 'id', 'colour'])$$,
    'P0001', null, '[AUD-6] a table is not watched before each of its columns is classified'
);
select * from finish();
