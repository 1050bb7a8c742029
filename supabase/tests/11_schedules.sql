select plan(8);

select results_eq(
    'select name, schedule, command from private.schedules order by name',
    'select jobname::text, schedule, command from cron.job order by jobname',
    'every scheduled job stands in one table, and is registered'
);
select ok((select bool_and(reason <> '') from private.schedules), 'with its reason');
select lives_ok(
    $t$do $$ declare command text; begin
        for command in select s.command from private.schedules as s loop
            execute command;
        end loop;
    end $$ $t$, 'every job runs'
);
select lives_ok(
    $t$do $$ declare command text; begin
        for command in select s.command from private.schedules as s loop
            execute command;
            execute command;
        end loop;
    end $$ $t$, 'and runs twice without harm'
);

delete from net.http_request_queue;
select private.kick('stripe-webhook', '{"action": "sweep"}');
select results_eq(
    $$select url ~ '/functions/v1/stripe-webhook$', headers ->> 'x-tf-worker' = (select decrypted_secret from vault.decrypted_secrets where name = 'tf_worker_key'), convert_from(body, 'utf8')::jsonb from net.http_request_queue$$,
    $$values (true, true, '{"action": "sweep"}'::jsonb)$$,
    'a job calls its function with the worker''s key'
);
select tests.business('bell');
select tests.authenticate_as('bell owner');
select throws_ok($$select private.kick('send-mail')$$, '42501', null, '[ISO-4] nobody else can');
select tests.be_postgres();

insert into private.idempotency (owner_id, key, function, request_hash, created_at)
values (tests.id('bell'), gen_random_uuid(), 'old', '\x00', now() - interval '8 days');
do $$ begin execute (select command from private.schedules where name = 'forget-idempotency'); end $$;
select is_empty($$select * from private.idempotency where function = 'old'$$, 'an answer is forgotten after a week');
select isnt_empty($$select * from private.idempotency where function = 'open_account'$$, 'and not before');
select * from finish();
