-- Schedules: everything that happens by the clock, in one table. Each job finds its own work, so that a
-- tick that is missed, late or doubled does no harm.

-- A hosted project has these as extensions; the embedded one brings the same two interfaces with it.
do $$
begin
    if to_regnamespace('net') is null then
        create extension pg_net;
    end if;
    if to_regnamespace('cron') is null then
        create extension pg_cron;
    end if;
end
$$;

create table private.schedules (
    name text primary key,
    schedule text not null,
    command text not null,
    reason text not null
);
comment on table private.schedules is 'What runs by the clock, and why. Registered with pg_cron below.';

insert into private.schedules (name, schedule, command, reason)
values
    (
        'send-mail', '* * * * *', $$select private.kick('send-mail')$$,
        'Sends what an immediate call left behind: retries, expired leases, a worker that was down.'
    ),
    (
        'sweep-stripe', '* * * * *', $$select private.kick('stripe-webhook', '{"action": "sweep"}')$$,
        'Applies Stripe''s events that were recorded and not applied.'
    ),
    (
        'sweep-documents', '*/5 * * * *', $$select private.kick('storage-sweep')$$,
        'Removes uploads that were never finished, bytes and row.'
    ),
    (
        'forget-idempotency', '17 3 * * *',
        $$delete from private.idempotency where created_at < now() - interval '7 days'$$,
        'A form is not sent again after a week.'
    ),
    (
        'drop-old-audit', '41 3 2 * *', 'select audit.drop_old_segments()',
        'Drops whole months of the audit trail when the years are over for which they are kept.'
    );

select cron.schedule(s.name, s.schedule, s.command)
from private.schedules as s;
