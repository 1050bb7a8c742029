-- Jobs: a piece of work from enquiry to paid.

------------------------------------------------------------------------------------------------------
-- Tables
------------------------------------------------------------------------------------------------------

create table public.jobs (
    account_id uuid not null references public.accounts,
    id uuid not null default private.uuidv7(),
    customer_id uuid not null,
    site_id uuid,
    number bigint not null,
    title text not null,
    description text,
    state text not null default 'enquiry',
    booked_on date,
    created_at timestamptz not null default private.moment(),
    updated_at timestamptz not null default private.moment(),
    created_by uuid default auth.uid(),
    primary key (account_id, id),
    constraint job_number_is_unique_in_account unique (account_id, number),
    constraint job_is_of_one_customer unique (account_id, customer_id, id),
    constraint job_is_for_a_customer_of_the_account
        foreign key (account_id, customer_id) references public.customers (account_id, id),
    constraint job_is_at_a_site_of_its_customer
        foreign key (account_id, customer_id, site_id) references public.sites (account_id, customer_id, id),
    constraint job_title_is_not_blank check (length(btrim(title)) between 1 and 120),
    constraint job_description_is_short check (length(description) <= 4000),
    constraint job_state_is_known check (
        state in ('enquiry', 'quoted', 'booked', 'in_progress', 'done', 'invoiced', 'paid', 'lost', 'cancelled')
    )
);
comment on table public.jobs is 'A piece of work for a customer.';
comment on column public.jobs.number is 'Counts from 1 in each account, without gaps.';
comment on column public.jobs.state is 'Moves along private.job_lifecycle only. invoiced and paid follow from the job''s invoices.';
create index jobs_by_customer on public.jobs (account_id, customer_id, site_id);
create index jobs_by_state on public.jobs (account_id, state, booked_on);
create index jobs_by_whoever_added_them on public.jobs (created_by);

create table public.job_members (
    account_id uuid not null,
    job_id uuid not null,
    member_id uuid not null,
    created_at timestamptz not null default private.moment(),
    created_by uuid default auth.uid(),
    primary key (account_id, job_id, member_id),
    constraint job_member_is_on_a_job_of_the_account
        foreign key (account_id, job_id) references public.jobs (account_id, id),
    constraint job_member_is_of_the_account
        foreign key (account_id, member_id) references public.members (account_id, id)
);
comment on table public.job_members is 'Who is put on a job: it is theirs to see, whatever else of the business they may not.';
create index job_members_by_member on public.job_members (account_id, member_id);

create table private.job_lifecycle (
    from_state text not null,
    to_state text not null,
    primary key (from_state, to_state)
);
comment on table private.job_lifecycle is 'The steps a job can take. What is not here is refused.';

insert into private.job_lifecycle (from_state, to_state)
values
    -- Small jobs skip quoting and booking.
    ('enquiry', 'quoted'), ('enquiry', 'booked'), ('enquiry', 'in_progress'), ('enquiry', 'done'),
    ('enquiry', 'lost'), ('enquiry', 'cancelled'),
    ('quoted', 'booked'), ('quoted', 'in_progress'), ('quoted', 'done'), ('quoted', 'lost'), ('quoted', 'cancelled'),
    ('booked', 'in_progress'), ('booked', 'done'), ('booked', 'cancelled'),
    ('in_progress', 'booked'), ('in_progress', 'done'), ('in_progress', 'cancelled'),
    ('done', 'in_progress'),
    ('lost', 'enquiry'), ('cancelled', 'enquiry'),
    -- Issuing an invoice and paying it move the job; see private.guard_job for what must be true then.
    ('enquiry', 'invoiced'), ('quoted', 'invoiced'), ('booked', 'invoiced'), ('in_progress', 'invoiced'), ('done', 'invoiced'),
    ('invoiced', 'paid'), ('invoiced', 'done'), ('paid', 'invoiced');

------------------------------------------------------------------------------------------------------
-- Numbers and the lifecycle
------------------------------------------------------------------------------------------------------

create function private.number_job() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    if new.state not in ('enquiry', 'booked') then
        perform private.fail('job_state_not_allowed', 'A new job begins as an enquiry or booked.', 'state');
    end if;
    new.number := private.next_number(new.account_id, 'job');
    return new;
end
$$;
comment on function private.number_job() is 'Gives a new job its number.';

create trigger number before insert on public.jobs for each row execute function private.number_job();
create trigger touch before update on public.jobs for each row execute function private.touch();

create function private.guard_job() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    issued bigint;
    unpaid bigint;
begin
    if new.number <> old.number then
        perform private.fail('validation_failed', 'A job keeps its number.', 'number');
    end if;
    if new.state = old.state then
        return new;
    end if;

    select count(*), count(*) filter (where i.state <> 'paid')
    into issued, unpaid
    from public.invoices as i
    where i.account_id = new.account_id
      and i.job_id = new.id
      and i.state in ('issued', 'part_paid', 'paid');

    if not exists (
        select
        from private.job_lifecycle as step
        where step.from_state = old.state
          and step.to_state = new.state
    )
        or (new.state = 'invoiced' and unpaid = 0)
        or (new.state = 'paid' and (issued = 0 or unpaid > 0))
        or (old.state = 'invoiced' and new.state = 'done' and issued > 0)
    then
        perform private.fail(
            'job_state_not_allowed',
            format('A job that is %s cannot become %s.', replace(old.state, '_', ' '), replace(new.state, '_', ' ')),
            'state'
        );
    end if;
    return new;
end
$$;
comment on function private.guard_job() is
    'States move only along the lifecycle: invoiced means that an issued invoice is unpaid, paid that all are paid.';

create trigger guard before update on public.jobs for each row execute function private.guard_job();

select audit.watch(
    'public.jobs', 'job',
    personal => array['title', 'description'],
    business => array[
        'account_id', 'id', 'customer_id', 'site_id', 'number', 'state', 'booked_on',
        'created_at', 'updated_at', 'created_by'
    ]
);
select audit.watch(
    'public.job_members', 'job_member', 'job', 'job_id',
    business => array['account_id', 'job_id', 'member_id', 'created_at', 'created_by']
);

------------------------------------------------------------------------------------------------------
-- Policies
------------------------------------------------------------------------------------------------------

create function private.own_jobs() returns table (account_id uuid, job_id uuid)
    language plpgsql
    stable security definer
    set search_path = ''
    rows 100
as $$
begin
    return query
    select jm.account_id, jm.job_id
    from public.members as m
    join public.job_members as jm on jm.account_id = m.account_id and jm.member_id = m.id
    where m.user_id = auth.uid()
    union all
    select j.account_id, j.id
    from public.jobs as j
    where j.created_by = auth.uid();
end
$$;
comment on function private.own_jobs() is
    'The signed-in person''s own jobs: those they are put on, and those they added. Whoever asks has asked for the permission '
    'first; asked once a statement, and only of who may not see everybody''s jobs.';
grant execute on function private.own_jobs() to authenticated;

create policy "Members who may read jobs see their own, or all of their account's"
    on public.jobs for select to authenticated
    using (
        nullif(account_id = any ((select private.accounts_with('jobs.read'))::uuid[]), false) is not unknown
        and (
            nullif(account_id = any ((select private.accounts_with('jobs.all'))::uuid[]), false) is not unknown
            or created_by = (select auth.uid())
            or (account_id, id) in (select own.account_id, own.job_id from private.own_jobs() as own)
        )
    );
comment on policy "Members who may read jobs see their own, or all of their account's" on public.jobs is
    'That somebody added it is asked of the row too, since a job that is being added is not among private.own_jobs() yet.';

create policy "Members who may write jobs add jobs to their account"
    on public.jobs for insert to authenticated
    with check (nullif(account_id = any ((select private.accounts_with('jobs.write'))::uuid[]), false) is not unknown);
comment on policy "Members who may write jobs add jobs to their account" on public.jobs is
    'The number is the database''s: the grant leaves it out.';

create policy "Members who may write jobs change those that they see"
    on public.jobs for update to authenticated
    using (
        nullif(account_id = any ((select private.accounts_with('jobs.write'))::uuid[]), false) is not unknown
        and (
            nullif(account_id = any ((select private.accounts_with('jobs.all'))::uuid[]), false) is not unknown
            or created_by = (select auth.uid())
            or (account_id, id) in (select own.account_id, own.job_id from private.own_jobs() as own)
        )
    )
    with check (nullif(account_id = any ((select private.accounts_with('jobs.write'))::uuid[]), false) is not unknown);
comment on policy "Members who may write jobs change those that they see" on public.jobs is
    'How far a job may move is its lifecycle''s business (private.guard_job).';

create policy "Members who see a job see who is on it"
    on public.job_members for select to authenticated
    using (
        nullif(account_id = any ((select private.accounts_with('jobs.read'))::uuid[]), false) is not unknown
        and (
            nullif(account_id = any ((select private.accounts_with('jobs.all'))::uuid[]), false) is not unknown
            or (account_id, job_id) in (select own.account_id, own.job_id from private.own_jobs() as own)
        )
    );
comment on policy "Members who see a job see who is on it" on public.job_members is
    'Written by public.change_job_members alone.';

grant select on public.jobs to authenticated;
grant insert (account_id, customer_id, site_id, title, description, state, booked_on) on public.jobs to authenticated;
grant update (customer_id, site_id, title, description, state, booked_on) on public.jobs to authenticated;
grant select on public.job_members to authenticated;

------------------------------------------------------------------------------------------------------
-- Acts
------------------------------------------------------------------------------------------------------

create function public.create_job(
    account_id uuid,
    idempotency_key uuid,
    job jsonb,
    customer jsonb default null,
    site jsonb default null
) returns jsonb
    language plpgsql
    set search_path = ''
as $$
declare
    result jsonb;
    for_customer uuid := (job ->> 'customer_id')::uuid;
    at_site uuid := (job ->> 'site_id')::uuid;
    booked date := (job ->> 'booked_on')::date;
    new_job public.jobs;
begin
    perform private.require(create_job.account_id, 'jobs.write');
    result := private.replay(create_job.account_id, idempotency_key, 'create_job', jsonb_build_array(job, customer, site));
    if result is not null then
        return result;
    end if;

    if private.clean(job ->> 'title') is null then
        perform private.fail('validation_failed', 'Say in a few words what the job is.', 'job.title');
    end if;
    if for_customer is null then
        for_customer := private.add_customer(create_job.account_id, customer);
    end if;
    if at_site is null then
        at_site := private.add_site(create_job.account_id, for_customer, site);
    end if;

    insert into public.jobs (account_id, customer_id, site_id, title, description, booked_on, state)
    values (
        create_job.account_id,
        for_customer,
        at_site,
        private.clean(job ->> 'title'),
        private.clean(job ->> 'description'),
        booked,
        case when booked is null then 'enquiry' else 'booked' end
    )
    returning * into new_job;

    return private.remember(
        create_job.account_id,
        idempotency_key,
        jsonb_build_object(
            'job_id', new_job.id, 'number', new_job.number, 'state', new_job.state,
            'customer_id', new_job.customer_id, 'site_id', new_job.site_id
        )
    );
end
$$;
comment on function public.create_job(uuid, uuid, jsonb, jsonb, jsonb) is
    'Adds a job {title, description, booked_on, customer_id?, site_id?} and, where it has none yet, its customer '
    'and site. A job with a date begins booked, else as an enquiry. Answers {job_id, number, state, customer_id, site_id}.';
grant execute on function public.create_job(uuid, uuid, jsonb, jsonb, jsonb) to authenticated;

create function public.move_job(account_id uuid, job_id uuid, to_state text) returns void
    language plpgsql
    set search_path = ''
as $$
begin
    perform private.require(move_job.account_id, 'jobs.write');
    update public.jobs as j
    set state = to_state
    where j.account_id = move_job.account_id
      and j.id = move_job.job_id;
    if not found then
        perform private.fail('not_found', 'There is no such job.');
    end if;
end
$$;
comment on function public.move_job(uuid, uuid, text) is 'Moves a job along its lifecycle; job_state_not_allowed otherwise.';
grant execute on function public.move_job(uuid, uuid, text) to authenticated;

create function private.change_job_members(for_account uuid, for_job uuid, put_on uuid[], take_off uuid[]) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    perform private.require(for_account, 'jobs.write');
    perform private.require(for_account, 'jobs.all');
    if not exists (
        select
        from public.jobs as j
        where j.account_id = for_account
          and j.id = for_job
    ) then
        perform private.fail('not_found', 'There is no such job.');
    end if;
    if exists (
        select
        from unnest(put_on) as wanted
        where not exists (
            select
            from public.members as m
            where m.account_id = for_account
              and m.id = wanted
              and m.removed_at is null
        )
    ) then
        perform private.fail('not_found', 'There is no such person in the team.');
    end if;
    insert into public.job_members (account_id, job_id, member_id)
    select for_account, for_job, wanted
    from unnest(put_on) as wanted
    order by wanted
    on conflict do nothing;
    delete from public.job_members as jm
    where jm.account_id = for_account
      and jm.job_id = for_job
      and jm.member_id = any (take_off);
end
$$;
comment on function private.change_job_members(uuid, uuid, uuid[], uuid[]) is 'See public.change_job_members.';
grant execute on function private.change_job_members(uuid, uuid, uuid[], uuid[]) to authenticated;

create function public.change_job_members(account_id uuid, job_id uuid, put_on uuid[], take_off uuid[]) returns void
    language sql
    set search_path = ''
as $$
    select private.change_job_members(account_id, job_id, put_on, take_off)
$$;
comment on function public.change_job_members(uuid, uuid, uuid[], uuid[]) is
    'Puts members on a job and takes others off it, from the next statement on. Who is on it already stays, and who is not is '
    'not missed, so that the same again changes nothing. For who sees everybody''s jobs and may change them.';
grant execute on function public.change_job_members(uuid, uuid, uuid[], uuid[]) to authenticated;
