-- Estimates: the planner's guesses are drawn from the rows of all accounts, and whoever may ask for a planned count, or read
-- a plan, is told them: how many rows another account has, or whether an address stands among its customers. Planned counts
-- are refused (private.before_request), and a gateway may hand on two Prefer headers of which that sees one. So the planner
-- keeps statistics of states, kinds, dates and the like, which are all its plans need, and none of names, addresses, words,
-- sums and whose.

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
