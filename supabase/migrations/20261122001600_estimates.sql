-- Estimates: the planner's guesses are drawn from the rows of all accounts. The Data API hands a guess to whoever asks for
-- a planned count, so it could tell how many rows another account has, or whether an address stands among its customers.
-- Such counts are refused at the door, and what a guess could tell of anybody is not collected in the first place.

create function private.before_request() returns void
    language plpgsql
    stable
    set search_path = ''
as $$
begin
    -- Anywhere in the headers: what a preference looks like inside quotes is not worth knowing.
    if current_setting('request.headers', true) ~* 'count=(planned|estimated)' then
        raise exception using
            errcode = 'PT400',
            hint = 'count_not_offered',
            message = 'Counts are exact here: ask with count=exact, or without.';
    end if;
end
$$;
comment on function private.before_request() is
    'Runs before every request of the Data API, as the person who asks: refuses counts that are the planner''s estimate.';
grant usage on schema private to service_role;
grant execute on function private.before_request() to anon, authenticated, service_role;

alter role authenticator set pgrst.db_pre_request = 'private.before_request';
notify pgrst, 'reload config';

-- A gateway may hand on two Prefer headers, of which the function above sees one. So the planner keeps statistics of
-- states, kinds, dates and the like, which are all its plans need, and none of names, addresses, words, sums and whose.
create function private.collect_no_telling_statistics(exposed_table regclass) returns void
    language plpgsql
    set search_path = ''
as $$
declare
    column_name name;
begin
    for column_name in
        select a.attname
        from pg_catalog.pg_attribute as a
        where a.attrelid = exposed_table
          and a.attnum > 0
          and not a.attisdropped
          and not private.may_be_estimated(a.attname)
    loop
        execute format('alter table %s alter column %I set statistics 0', exposed_table, column_name);
    end loop;
end
$$;
comment on function private.collect_no_telling_statistics(regclass) is
    'Has analyze leave out the columns of a table whose most common values or bounds would tell of somebody.';

create function private.may_be_estimated(column_name name) returns boolean
    language sql
    immutable
    set search_path = ''
as $$
    select column_name in ('state', 'kind', 'method', 'access', 'position', 'vat_rate_bp', 'is_detail')
        or column_name ~ '_(at|on|until)$'
$$;
comment on function private.may_be_estimated(name) is 'Does a column of this name hold what plans need and what tells nothing of anybody?';

select private.collect_no_telling_statistics(c.oid)
from pg_catalog.pg_class as c
where c.relnamespace = 'public'::regnamespace
  and c.relkind in ('r', 'p');
