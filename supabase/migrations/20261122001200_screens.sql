-- Screens: what the app asks first, each in one round trip.

create function private.me() returns jsonb
    language plpgsql
    stable security definer
    set search_path = ''
as $$
begin
    perform private.require_session();
    return (
        select jsonb_build_object(
            'user_id', u.id,
            'email', u.email,
            'second_factor', private.session_reach() = 2,
            'fresh_seconds', greatest(0, coalesce(extract(epoch from private.fresh_until() - now())::integer, 0)),
            'accounts', coalesce(
                (
                    select jsonb_agg(
                        jsonb_build_object(
                            'id', a.id,
                            'name', a.name,
                            'trade', a.trade,
                            'vat_registered', a.vat_registered,
                            'state', a.state,
                            'member_id', m.id,
                            'display_name', m.display_name,
                            'role', jsonb_build_object('key', r.key, 'name', r.name),
                            'permissions', (
                                select coalesce(jsonb_agg(rp.permission order by rp.permission), '[]'::jsonb)
                                from public.role_permissions as rp
                                join public.permissions as p on p.key = rp.permission
                                join private.account_state_allows as allowed on allowed.state = a.state and allowed.act = p.act
                                where rp.account_id = m.account_id
                                  and rp.role_id = m.role_id
                            ),
                            'stripe', jsonb_build_object(
                                'connected', c.account_id is not null,
                                'charges_enabled', coalesce(c.charges_enabled, false)
                            )
                        )
                        order by a.created_at
                    )
                    from public.members as m
                    join public.accounts as a on a.id = m.account_id
                    join public.roles as r on r.account_id = m.account_id and r.id = m.role_id
                    left join billing.connected_accounts as c on c.account_id = a.id
                    where m.user_id = u.id
                      and m.removed_at is null
                      and r.demands_factor::integer < private.session_reach()
                ),
                '[]'::jsonb
            ),
            'demanding', (
                select coalesce(jsonb_agg(jsonb_build_object('id', a.id, 'name', a.name) order by a.created_at), '[]'::jsonb)
                from public.members as m
                join public.accounts as a on a.id = m.account_id
                join public.roles as r on r.account_id = m.account_id and r.id = m.role_id
                where m.user_id = u.id
                  and m.removed_at is null
                  and r.demands_factor::integer >= private.session_reach()
            ),
            'former', (
                select coalesce(jsonb_agg(jsonb_build_object('id', a.id, 'name', a.name) order by m.removed_at desc), '[]'::jsonb)
                from public.members as m
                join public.accounts as a on a.id = m.account_id
                where m.user_id = u.id
                  and m.removed_at is not null
            )
        )
        from auth.users as u
        where u.id = auth.uid()
    );
end
$$;
comment on function private.me() is 'See public.me.';
grant execute on function private.me() to authenticated;

create function public.me() returns jsonb
    language sql
    stable
    set search_path = ''
as $$
    select private.me()
$$;
comment on function public.me() is
    'The signed-in person and their accounts, with role, permissions that count now, and whether cards can be '
    'taken; and the accounts they used to belong to (former), so that they can be told. No accounts yet: []. For how long what they '
    'proved of themselves still counts as fresh (fresh_seconds), whether they gave a second factor in this session '
    '(second_factor), and the accounts that show them nothing until they do (demanding). factor_needed when they have one. session_ended when the session was signed out or is too old.';
grant execute on function public.me() to authenticated;

create function public.today(account_id uuid) returns jsonb
    language plpgsql
    stable
    set search_path = ''
as $$
declare
    for_account uuid := today.account_id;
    this_day date := private.today();
    this_month timestamptz := date_trunc('month', private.moment() at time zone 'Europe/London') at time zone 'Europe/London';
begin
    perform private.require(for_account, 'account.read');
    -- As the caller, under the caller's policies: whoever may not read invoices sees no sums.
    return (
        select jsonb_build_object(
            'owed_pence', coalesce(sum(private.owed(i)), 0),
            'overdue_pence', coalesce(sum(private.owed(i)) filter (where i.due_on < this_day), 0),
            'overdue_count', count(*) filter (where i.due_on < this_day)
        )
        from public.invoices as i
        where i.account_id = for_account
          and i.state in ('issued', 'part_paid')
    ) || (
        select jsonb_build_object(
            'paid_this_month_pence', coalesce(sum(p.amount_pence - p.refunded_pence), 0)
        )
        from public.payments as p
        where p.account_id = for_account
          and p.paid_at >= this_month
    ) || jsonb_build_object(
        'jobs_today', (
            select coalesce(jsonb_agg(to_jsonb(job) order by job.number), '[]'::jsonb)
            from (
                select
                    j.id, j.number, j.title, j.state, j.booked_on, c.name as customer_name,
                    s.address_line_1, s.town, s.postcode
                from public.jobs as j
                left join public.customers as c on c.account_id = j.account_id and c.id = j.customer_id
                left join public.sites as s on s.account_id = j.account_id and s.id = j.site_id
                where j.account_id = for_account
                  and (
                      (j.state = 'booked' and j.booked_on = this_day)
                      or (j.state = 'in_progress' and j.booked_on <= this_day)
                  )
                order by j.number
                limit 20
            ) as job
        ),
        'needs_you', private.needs_you(for_account, this_day),
        'recent_payments', (
            select coalesce(jsonb_agg(to_jsonb(payment) order by payment.paid_at desc), '[]'::jsonb)
            from (
                select
                    p.id, p.amount_pence, p.refunded_pence, p.method, p.paid_at,
                    p.invoice_id, i.reference, i.job_id, i.customer ->> 'name' as customer_name
                from public.payments as p
                left join public.invoices as i on i.account_id = p.account_id and i.id = p.invoice_id
                where p.account_id = for_account
                order by p.paid_at desc
                limit 5
            ) as payment
        )
    );
end
$$;
comment on function public.today(uuid) is
    'The first screen: {owed_pence, overdue_pence, overdue_count, paid_this_month_pence, jobs_today, needs_you, recent_payments}.';
grant execute on function public.today(uuid) to authenticated;

create function private.needs_you(for_account uuid, this_day date) returns jsonb
    language sql
    stable
    set search_path = ''
as $$
    with wanted as (
        select
            1 as urgency, 'invoice_overdue' as kind, 'invoice' as entity, i.id, i.job_id,
            i.reference as title, i.customer ->> 'name' as detail, private.owed(i) as amount_pence, i.due_on as on_date
        from public.invoices as i
        where i.account_id = for_account
          and i.state in ('issued', 'part_paid')
          and i.due_on < this_day
        union all
        select 2, 'invoice_not_sent', 'invoice', i.id, i.job_id, i.reference, i.customer ->> 'name', private.owed(i), i.issued_on
        from public.invoices as i
        where i.account_id = for_account
          and i.state = 'issued'
          and i.sent_at is null
        union all
        select 3, 'job_to_invoice', 'job', j.id, j.id, j.title, c.name, null, j.booked_on
        from public.jobs as j
        left join public.customers as c on c.account_id = j.account_id and c.id = j.customer_id
        where j.account_id = for_account
          and j.state = 'done'
          and private.holds(for_account, 'invoices.write')
          and not exists (
              select
              from public.invoices as i
              where i.account_id = j.account_id
                and i.job_id = j.id
                and i.state = 'draft'
          )
        union all
        select 4, 'invoice_to_issue', 'invoice', i.id, i.job_id, j.title, c.name, i.total_pence, null
        from public.invoices as i
        join public.jobs as j on j.account_id = i.account_id and j.id = i.job_id
        left join public.customers as c on c.account_id = i.account_id and c.id = i.customer_id
        where i.account_id = for_account
          and i.state = 'draft'
        union all
        select 5, 'enquiry_to_answer', 'job', j.id, j.id, j.title, c.name, null, null
        from public.jobs as j
        left join public.customers as c on c.account_id = j.account_id and c.id = j.customer_id
        where j.account_id = for_account
          and j.state = 'enquiry'
    )
    select coalesce(jsonb_agg(to_jsonb(first_ten) - 'urgency' order by first_ten.urgency, first_ten.on_date, first_ten.id), '[]'::jsonb)
    from (
        select *
        from wanted
        order by urgency, on_date, id
        limit 10
    ) as first_ten
$$;
comment on function private.needs_you(uuid, date) is
    'What waits for somebody: [{kind, entity, id, job_id, title, detail, amount_pence, on_date}], the most urgent first, as the caller: '
    'an invoice is made by who may make one.';
grant execute on function private.needs_you(uuid, date) to authenticated;
