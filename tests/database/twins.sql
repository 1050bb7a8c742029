-- Two businesses whose things have the same ids, as if chance, or somebody who may write, had made it so; and Sam, who owns
-- both, so that no policy stands between them. Whatever one of them does touches and tells nothing of the other: every
-- statement behind it names the account as well as the id.

-- Everything a business has, as one figure.
create function tests.holdings(business text) returns text
    language plpgsql
as $$
declare
    holder record;
    part text;
    sum text := '';
begin
    for holder in
        select c.oid::regclass as on_table, case when c.oid = 'storage.objects'::regclass then 'bucket_id' when c.relname = 'accounts' then 'id' else 'account_id' end as account_column
        from pg_class as c
        where c.relkind = 'r'
          and (
              c.relnamespace::regnamespace::text in ('public', 'private', 'billing', 'mail')
              and (c.relname = 'accounts' or exists (select from pg_attribute as a where a.attrelid = c.oid and a.attname = 'account_id'))
              or c.oid = 'storage.objects'::regclass
          )
        order by c.oid
    loop
        execute format('select md5(string_agg(t::text, ''|'' order by t::text)) from %s as t where %I::text = %L', holder.on_table, holder.account_column, tests.id(business))
        into part;
        sum := sum || coalesce(part, '-');
    end loop;
    return md5(sum);
end
$$;

-- One act of one business ({b} in its text) as Sam (member), who owns both and before whom no policy stands between them; as an
-- edge function (service) or as the customer (anon). Answers what it said, or what is wrong. A rehearsal is undone again.
create function tests.act(business text, who text, act text, rehearsal boolean default false) returns text
    language plpgsql
as $$
declare
    other text := case business when 'bell' then 'finch' else 'bell' end;
    before text := tests.holdings(other);
    answer text;
begin
    case who
        when 'member' then perform tests.authenticate_as('sam');
        when 'service' then perform tests.be_service();
        when 'anon' then perform tests.be_anon();
    end case;
    begin
        execute format('select string_agg(answer::text, '' '') from (select %s) as said (answer)', replace(act, '{b}', business)) into answer;
        perform tests.be_postgres();
        set constraints all immediate;
        set constraints all deferred;
        answer := case
            when tests.holdings(other) <> before then 'touched what is the other''s'
            when answer ~* (other || '|' || tests.id(other)) then 'told of the other: ' || answer
            else coalesce(answer, '')
        end;
        if rehearsal then
            raise exception using errcode = 'TWINS', message = answer;
        end if;
    exception
        when sqlstate 'TWINS' then
            answer := sqlerrm;
        when others then
            answer := format('refused: %s', sqlerrm);
    end;
    perform tests.be_postgres();
    return answer;
end
$$;

-- Gives a thing of finch the id that its twin of bell has, and follows it wherever it is referred to.
create function tests.twin(on_table regclass, name text) returns void
    language plpgsql
as $$
declare
    child record;
    was uuid := tests.id('finch ' || name);
    becomes uuid := tests.id('bell ' || name);
begin
    set local session_replication_role = replica;
    execute format('update %s set id = %L where account_id = tests.id(''finch'') and id = %L', on_table, becomes, was);
    for child in
        select k.conrelid::regclass as on_table, a.attname
        from pg_constraint as k
        join pg_attribute as a on a.attrelid = k.conrelid and a.attnum = k.conkey[array_length(k.conkey, 1)]
        where k.contype = 'f' and k.confrelid = twin.on_table
    loop
        execute format('update %s set %I = %L where account_id = tests.id(''finch'') and %2$I = %4$L', child.on_table, child.attname, becomes, was);
    end loop;
    update storage.objects as o
    set name = replace(o.name, was::text, becomes::text)
    where o.bucket_id = tests.id('finch')::text;
    set local session_replication_role = origin;
    perform tests.keep('finch ' || name, becomes);
end
$$;

-- As the test goes along, each act is done by both, bell first, and each time nothing else may have happened. Before that
-- each rehearses it, so that both have met the same state: whoever looks for the id alone is wrong for one of them.
create function tests.both(who text, act text, title text, expected text default '.*') returns setof text
    language plpgsql
as $$
declare
    businesses text[] := array['bell', 'finch'];
    rehearsed text[];
    failures text;
begin
    rehearsed := array(select tests.act(business, who, act, true) from unnest(businesses) as business);
    for i in 1 .. 2 loop
        select string_agg(answer, ' / ')
        into failures
        from unnest(array[rehearsed[i], tests.act(businesses[i], who, act)]) as answer
        where answer !~ replace(expected, '{b}', initcap(businesses[i]))
           or answer ~ '^(refused:|touched|told)';
        return next ok(failures is null, format('[ISO-1] %s: %s', businesses[i], title));
        if failures is not null then
            return next diag(failures);
        end if;
    end loop;
end
$$;

-- 'bell' and 'finch' with a job each, whose customer, site and job are twins; and 'sam'.
create function tests.twins() returns void
    language plpgsql
as $$
begin
    perform tests.business('bell');
    perform tests.business('finch');
    perform tests.member('bell', 'owner', 'sam');
    insert into public.members (account_id, user_id, role_id, display_name, email)
    select r.account_id, tests.id('sam'), r.id, 'Sam', 'sam@people.example'
    from public.roles as r
    where r.account_id = tests.id('finch') and r.key = 'owner';
    perform tests.job(b) from unnest(array['bell', 'finch']) as b;
    update public.customers as t set name = a.name || ' Customer', email = null from public.accounts as a where a.id = t.account_id;
    update public.sites as t set address_line_1 = a.name || ' Street' from public.accounts as a where a.id = t.account_id;
    update public.jobs as t set title = a.name || ' work' from public.accounts as a where a.id = t.account_id;
    perform tests.twin('public.customers', 'customer');
    perform tests.twin('public.sites', 'site');
    perform tests.twin('public.jobs', 'job');
end
$$;
