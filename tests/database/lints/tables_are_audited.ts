import { OURS, column, type Rule } from './rule.ts';

export const rule: Rule = {
    name: 'tables_are_audited',
    level: 'ERROR',
    title: '[AUD-1] the changes of every table are recorded, but for those excused with a reason',
    why: 'What is not watched can change without anybody being able to say who did it.',
    remedy: "select audit.watch('…', …), which also classifies its columns; or excuse it here with a reason.",
    find: (sql) =>
        column(sql`
            select n.nspname || '.' || c.relname
            from pg_class as c
            join pg_namespace as n on n.oid = c.relnamespace
            where n.nspname = any (${OURS})
              and c.relkind in ('r', 'p')
              and not (
                  exists (select from audit.watched as w where w.table_name = n.nspname || '.' || c.relname)
                  and (
                      select count(distinct event.verb) = 3
                      from pg_trigger as t
                      join pg_proc as f on f.oid = t.tgfoid and f.pronamespace = 'audit'::regnamespace
                      cross join unnest(array[4, 8, 16]) as event (verb)
                      where t.tgrelid = c.oid
                        and t.tgenabled = 'A'
                        and t.tgtype & 1 = 1
                        and t.tgtype & event.verb > 0
                  )
              )
        `),
    excused: {
        'public.permissions': 'A fixed list, changed by a migration alone.',
        'private.account_states': 'A fixed list, changed by a migration alone.',
        'private.account_state_allows': 'A fixed list, changed by a migration alone.',
        'private.role_template': 'A fixed list, changed by a migration alone.',
        'private.job_lifecycle': 'A fixed list, changed by a migration alone.',
        'private.schedules': 'A fixed list, changed by a migration alone.',
        'private.recovery_codes':
            'That codes were made, and that one was used, is recorded on the person’s own chain.',
        'private.factors_told': 'What is told of here is recorded on the person’s own chain.',
        'private.session_limits': 'A fixed list, changed by a migration alone.',
        'private.saml_entries': 'Written when somebody signs in, which is recorded; forgets by itself.',
        'private.platform_visits': 'Moments: what is done in a visit is recorded where it is done.',
        'private.session_devices': 'Written when a session begins, which is recorded; forgets by itself.',
        'private.sign_in_notices': 'That a link was used is recorded as an act on the person’s own chain.',
        'private.memberships': 'Reckoned from members, roles and states, whose changes are recorded.',
        'private.suspicion_weights': 'A fixed list, changed by a migration alone.',
        'private.sign_in_failures': 'Counts; each failed sign-in is recorded where it is told.',
        'private.blocked_networks': 'Reckoned from failures, which are recorded; each block raises an alert.',
        'private.sign_in_decisions':
            'Kept as they were made; the sign-in itself is recorded, and that a code was asked for.',
        'private.alerts': 'What those who run the platform were told; what it tells of is recorded.',
        'private.limits': 'A fixed list, changed by a migration alone.',
        'private.limit_takes': 'Counts; the first refusal of a row is recorded by whoever asked.',
        'private.idempotency': 'Repeats what an act answered; the act itself is recorded.',
        'private.counters': 'The number given shows in the job or invoice that got it.',
        'billing.stripe_events':
            "A machine's post-box: what an event changes is recorded where it changes it.",
        'billing.stripe_leases': "A machine's bookkeeping: who works on what for the next seconds.",
        'audit.records': 'The trail itself.',
        'audit.field_values': 'The trail itself; erasing from it is recorded as an act.',
        'audit.links': 'The trail itself.',
        'audit.heads': 'The trail itself.',
        'audit.anchors': 'The trail itself, signed.',
        'audit.anchor_heads': 'The trail itself, signed.',
        'audit.segments': 'The trail itself: what was dropped behind a signed head.',
        'private.guarded': 'What is guarded: changed by a migration alone.',
        'audit.anchor_deliveries': 'Where the signed trail has been sent; append only.',
        'audit.signing_keys': 'Public keys of the signed trail; append only.',
        'audit.watched': 'What is recorded: changed by a migration alone.',
        'audit.columns': 'What is recorded: changed by a migration alone.'
    },
    bad: `create table public.lint_example (account_id uuid, id uuid, primary key (account_id, id));`,
    good: `
        create table public.lint_example (account_id uuid, id uuid, primary key (account_id, id));
        select audit.watch('public.lint_example', 'example', business => array['account_id', 'id']);
    `
};
