-- What the matrix needs inside the database: one statement tried out and undone, and everything an account holds as one
-- figure. Installed beside the builders, in their schema.

create table tests.words (name text primary key, word text not null);
alter table tests.words disable row level security, no force row level security;
grant select on tests.words to public;

create function tests.word(name text) returns text
    language sql
as $$
    select w.word from tests.words as w where w.name = word.name
$$;

-- Everything that an account holds, in whatever schema of ours, the audit trail apart. With its owner's rights, so that
-- whoever tries can ask before the attempt is undone.
create function tests.holdings(account uuid) returns text
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    holder record;
    part text;
    sum text := '';
begin
    for holder in
        select c.oid::regclass::text as name, a.attname as owner_column
        from pg_catalog.pg_class as c
        join pg_catalog.pg_attribute as a on a.attrelid = c.oid
        where c.relkind in ('r', 'p')
          and (
              (c.relnamespace::regnamespace::text in ('public', 'private', 'billing', 'mail') and a.attname in ('account_id', 'owner_id'))
              or (c.oid = 'public.accounts'::regclass and a.attname = 'id')
              or (c.oid = 'storage.objects'::regclass and a.attname = 'bucket_id')
              or (c.oid = 'storage.buckets'::regclass and a.attname = 'id')
          )
        order by c.oid
    loop
        execute pg_catalog.format(
            'select pg_catalog.md5(pg_catalog.string_agg(t::text, ''|'' order by t::text)) from %s as t where %I::text = $1',
            holder.name, holder.owner_column
        )
        into part
        using account::text;
        sum := sum || coalesce(part, '-');
    end loop;
    return pg_catalog.md5(sum);
end
$$;

-- Runs a statement as whoever is asking and undoes it. Answers 'rows' and how many it touched, or the code of its
-- refusal and, behind a space, our own code for it.
create function tests.attempt(statement text) returns text
    language plpgsql
as $$
declare
    touched bigint;
    refusal text;
begin
    begin
        execute statement;
        get diagnostics touched = row_count;
        raise exception using errcode = 'TRIED';
    exception
        when sqlstate 'TRIED' then
            return 'rows ' || touched;
        when others then
            get stacked diagnostics refusal = pg_exception_hint;
            return btrim(sqlstate || ' ' || refusal);
    end;
end
$$;

-- Calls a function as whoever is asking and undoes it. Answers what it said, and whether what the victim holds is no longer
-- what it was before.
create function tests.try_call(call text, victim uuid, before text, out answer text, out refusal text, out harm boolean)
    language plpgsql
as $$
declare
    said text;
    refused text;
    changed boolean;
begin
    begin
        execute 'select string_agg(answer::text, '','') from ' || call || ' as answer' into said;
        changed := tests.holdings(victim) <> before;
        -- A refusal may be answered instead of raised, so that what was counted stays; the Data API says both alike.
        if coalesce(current_setting('response.status', true), '') <> '' then
            refused := concat_ws(' ', said::jsonb ->> 'code', said::jsonb ->> 'hint');
        end if;
        raise exception using errcode = 'TRIED';
    exception
        when sqlstate 'TRIED' then
            answer := case when refused is null then said end;
            refusal := refused;
            harm := changed;
        when others then
            get stacked diagnostics refusal = pg_exception_hint;
            refusal := btrim(sqlstate || ' ' || refusal);
            harm := false;
    end;
end
$$;

grant execute on all functions in schema tests to public;
