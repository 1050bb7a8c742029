select plan(41);

select tests.business('bell');
select tests.business('finch');
select tests.job('bell');
select tests.member('bell', 'staff');

create function pg_temp.claimed(template text) returns jsonb
    language sql
as $$
    select message from service.claim_mail(100, 60) as message where message ->> 'template' = template
$$;
create function pg_temp.message(template text) returns text
    language sql
    security definer
as $$
    select concat_ws(' ', state, attempts, data::text, last_error) from mail.outbox as o where o.template = message.template order by id desc limit 1
$$;
grant execute on function pg_temp.claimed(text), pg_temp.message(text) to public;

------------------------------------------------------------------------------------------------------
-- Sign-in mail
------------------------------------------------------------------------------------------------------

delete from net.http_request_queue;
select tests.be_service();
create temporary table queued as select service.enqueue_auth_mail('hook-1', 'sign_in_code', 'Sam@mail.example', '{"code": "424242"}') as id;
grant all on queued to public;
select is(service.enqueue_auth_mail('hook-1', 'sign_in_code', 'sam@mail.example', '{"code": "424242"}'), (select id from queued), '[MAIL-2] a message asked for twice is queued once');
select tests.be_postgres();
select is((select count(*) from net.http_request_queue where url like '%/send-mail'), 2::bigint, 'the mailer is told at once');
create temporary table taken as select message from service.claim_mail(10, 60) as message;
grant all on taken to public;
select results_eq($$select message ->> 'to_address', message #>> '{data,code}', message -> 'account' from taken$$, $$values ('sam@mail.example', '424242', 'null'::jsonb)$$, 'the worker gets what it needs');
select is_empty('select * from service.claim_mail(10, 60)', '[MAIL-2] and no second worker gets it meanwhile');
select tests.be_service();
select ok(not service.mail_sent((select id from queued), gen_random_uuid(), 're_0'), '[MAIL-2] a lease that is not ours records nothing');
select ok(service.mail_sent((select id from queued), (select (message ->> 'lease')::uuid from taken), 're_1'), 'a sent message is recorded');
select is(pg_temp.message('sign_in_code'), 'sent 1 {}', '[AUD-6] and its code is erased');
select ok(not service.mail_sent((select id from queued), (select (message ->> 'lease')::uuid from taken), 're_1'), 'once');
select ok(not service.mail_failed((select id from queued), (select (message ->> 'lease')::uuid from taken), 'late', true), 'and not failed after that');
select tests.be_postgres();
update mail.outbox set send_before = now() - interval '1 second';
select tests.be_service();
select is_empty('select * from service.claim_mail(10, 60)', 'what was sent is not claimed when its time is over');
select is(pg_temp.message('sign_in_code'), 'sent 1 {}', '[MAIL-1] and stays sent');

select service.enqueue_auth_mail('hook-2', 'reset_password', 'sam@mail.example', '{"code": "111111"}');
select tests.be_postgres();
update mail.outbox set send_before = now() - interval '1 second' where template = 'reset_password';
select tests.be_service();
select is(pg_temp.claimed('reset_password'), null, 'a code that has expired is not sent any more');
select is(pg_temp.message('reset_password'), 'failed 0 {} too_late', 'and erased');

------------------------------------------------------------------------------------------------------
-- Failing, retrying, not knowing
------------------------------------------------------------------------------------------------------

select service.enqueue_auth_mail('hook-3', 'confirm_sign_up', 'sam@mail.example', '{"code": "222222"}');
create temporary table failing as select pg_temp.claimed('confirm_sign_up') as m;
grant all on failing to public;
select ok((select not service.mail_failed((m ->> 'id')::uuid, gen_random_uuid(), 'timeout', true) from failing), '[MAIL-2] a worker without the lease records no failure');
select ok((select service.mail_failed((m ->> 'id')::uuid, (m ->> 'lease')::uuid, 'rate_limit_exceeded', true) from failing), '[MAIL-1] a failure is recorded');
select is(pg_temp.message('confirm_sign_up'), 'queued 1 {"code": "222222"} rate_limit_exceeded', '[MAIL-2] and tried again');
select is(pg_temp.claimed('confirm_sign_up'), null, '[MAIL-2] after a pause');
select tests.be_postgres();
update mail.outbox set send_after = now() where template = 'confirm_sign_up';
select tests.be_service();
select ok((select service.mail_failed((m ->> 'id')::uuid, (m ->> 'lease')::uuid, 'invalid_to', false) from pg_temp.claimed('confirm_sign_up') as m), 'a failure for good');
select is(pg_temp.message('confirm_sign_up'), 'failed 2 {} invalid_to', '[AUD-6] erases the code as well');

select service.enqueue_auth_mail('hook-4', 'email_change', 'sam@mail.example', '{"code": "333333"}');
select isnt(pg_temp.claimed('email_change'), null, 'a worker that dies');
select tests.be_postgres();
update mail.outbox set lease_until = now() - interval '1 second' where template = 'email_change';
select tests.be_service();
select isnt(pg_temp.claimed('email_change'), null, '[MAIL-2] leaves its message to the next one, who repeats it under the same key');
select tests.be_postgres();
update mail.outbox set lease_until = now() - interval '1 second', send_before = now() - interval '1 second' where template = 'email_change';
select tests.be_service();
select is(pg_temp.claimed('email_change'), null, '[MAIL-2] once the provider may no longer recognise the repetition, it is not sent again');
select is(pg_temp.message('email_change'), 'unknown 2 {} lease_expired', '[MAIL-2] but waits for a person');

------------------------------------------------------------------------------------------------------
-- Sending an invoice
------------------------------------------------------------------------------------------------------

select tests.be_postgres();
select tests.issued('bell');
select tests.authenticate_as('bell owner');
select throws_ok($$select public.send_invoice(tests.id('bell'), tests.id('bell invoice'), 'priya@mail.example', null, gen_random_uuid())$$, 'P0001', 'The PDF of this invoice is not stored yet. Try again in a moment.', 'an invoice is not sent without its PDF');
select tests.be_postgres();
select tests.draft('bell', null, 'draft');
select tests.store(tests.id('bell document'));
select tests.authenticate_as('bell owner');
select public.finish_document(tests.id('bell'), tests.id('bell document'), 'application/pdf', 1234, repeat('ab', 32));
select throws_ok($$select public.send_invoice(tests.id('bell'), tests.id('bell draft'), 'priya@mail.example', null, gen_random_uuid())$$, 'P0001', 'Issue the invoice first.', 'nor a draft');
select throws_ok($$select public.send_invoice(tests.id('bell'), tests.id('bell invoice'), 'nonsense', null, gen_random_uuid())$$, 'P0001', null, 'nor to an address that is none');
select tests.authenticate_as('bell staff');
select throws_ok($$select public.send_invoice(tests.id('bell'), tests.id('bell invoice'), 'priya@mail.example', null, gen_random_uuid())$$, '42501', null, '[ACC-3] nor by staff');
select tests.authenticate_as('finch owner');
select throws_ok($$select public.send_invoice(tests.id('bell'), tests.id('bell invoice'), 'me@mail.example', null, gen_random_uuid())$$, 'PT404', null, '[ISO-1] nor by another account');
select throws_ok($$select public.send_invoice(tests.id('finch'), tests.id('bell invoice'), 'me@mail.example', null, gen_random_uuid())$$, 'PT404', null, '[ISO-1] not even in its own name');
select tests.authenticate_as('bell owner');
create temporary table sent as
select public.send_invoice(tests.id('bell'), tests.id('bell invoice'), 'Priya@mail.example', 'Thank you', '00000000-0000-4000-8000-000000000005') as answer;
select is(
    public.send_invoice(tests.id('bell'), tests.id('bell invoice'), 'Priya@mail.example', 'Thank you', '00000000-0000-4000-8000-000000000005'),
    (select answer from sent), '[MAIL-2] the same form sent twice sends one message'
);
select isnt((select sent_at from public.invoices where id = tests.id('bell invoice')), null, 'the invoice says so');
select throws_ok('select * from mail.outbox', '42501', null, '[ISO-6] the outbox is nobody''s to read');
select tests.be_postgres();
select tests.set_state('bell', 'suspended');
select tests.be_service();
select is(pg_temp.claimed('invoice'), null, '[ADM-4] a suspended account sends no mail');
select tests.be_postgres();
select tests.set_state('bell', 'active');
select tests.be_service();
create temporary table invoice_mail as select pg_temp.claimed('invoice') as message;
grant all on invoice_mail to public;
select results_eq(
    $$select message #>> '{data,reference}', message #>> '{data,business_name}', message #>> '{account,name}', message #>> '{document,file_name}' from invoice_mail$$,
    $$values ('INV-0001', 'Bell', 'Bell', 'INV-0001.pdf')$$,
    'the message carries what it shows, and its PDF'
);
select tests.be_anon();
select lives_ok($$select public.portal_invoice((select message #>> '{data,link_token}' from invoice_mail))$$, '[PART-4] and a link of its own');
select tests.be_service();
select service.mail_sent((select (message ->> 'id')::uuid from invoice_mail), (select (message ->> 'lease')::uuid from invoice_mail), 're_2');
select is(pg_temp.message('invoice'), 'sent 1 {}', '[AUD-6] which is erased once it is sent');
select tests.be_postgres();
select is((select array_agg(action order by seq) from tests.trail where entity = 'message' and subject_id = tests.id('bell invoice')), array['message.created', 'message.sent'], '[AUD-1] the trail tells that it was queued and sent, not each lease');
select throws_ok($$update mail.outbox set data = '{"code": "424242"}' where template = 'sign_in_code'$$, '23514', null, '[AUD-6] no secret is kept in a message that was sent');
select tests.be_anon();
select throws_ok($$select * from service.claim_mail(1, 1)$$, '42501', null, '[ISO-4] anon claims no mail');
select tests.authenticate_as('bell owner');
select throws_ok($$select * from service.claim_mail(1, 1)$$, '42501', null, '[ISO-4] nor does a member');
select throws_ok($$select service.enqueue_auth_mail('x', 'sign_in_code', 'x@mail.example', '{}')$$, '42501', null, '[ISO-4] who cannot send sign-in mail either');
select * from finish();
