select plan(13);

------------------------------------------------------------------------------------------------------
-- Whose attempt is it? (RATE-2)
------------------------------------------------------------------------------------------------------

select tests.person('kim');
update auth.users set email = 'kim@people.example', encrypted_password = 'a hash' where id = tests.id('kim');

create function pg_temp.known(login text default 'kim@people.example') returns text
    language sql
as $$
    select string_agg(method, ' ' order by method)
    from unnest(array['password', 'code']) as method
    where private.is_known_at_the_door(login, method)
$$;
create function pg_temp.known_once(change text) returns text
    language plpgsql
as $$
declare
    said text;
begin
    begin
        execute format('update auth.users set %s where id = %L', change, tests.id('kim'));
        said := coalesce(pg_temp.known(), 'nobody');
        raise exception 'undo' using errcode = 'P0999';
    exception when sqlstate 'P0999' then
        return said;
    end;
end
$$;

select is(pg_temp.known(), 'code password', '[RATE-2] who has a login is asked for by it');
select is(pg_temp.known(' Kim@People.example '), 'code password', 'however it was typed');
select is(pg_temp.known('nobody@people.example'), null, '[RATE-2] nobody has another');
select is(pg_temp.known(null), null, 'or none');
select is(pg_temp.known_once('encrypted_password = null'), 'code', '[RATE-2] who has no password can''t be asked for one');
select is(pg_temp.known_once('encrypted_password = '''''), 'code', 'nor who has an empty one');
select is(pg_temp.known_once('banned_until = now() + interval ''1 hour'''), 'nobody', '[RATE-2] who is blocked counts as nobody');
select is(pg_temp.known_once('banned_until = now()'), 'code password', 'until that is over');
select is(pg_temp.known_once('deleted_at = now()'), 'nobody', 'so does who was deleted');
select is(pg_temp.known_once('is_sso_user = true'), 'nobody', 'and who comes by their firm''s own sign-in alone');

set local synchronous_commit = on;
select tests.be_service();
select is(
    (
        select jsonb_build_object('allowed', a #> '{standings,0,allowed}', 'is_known', a -> 'is_known')
        from service.admit('[{"limit": "password", "key": "kim@people.example"}]', 'kim@people.example', 'password') as a
    ),
    '{"allowed": true, "is_known": true}',
    '[RATE-1] whoever is admitted has taken what they want'
);
select is(current_setting('synchronous_commit'), 'off', 'and waits for no disk');
select tests.be_anon();
select throws_ok($$select service.admit('[]', 'kim@people.example', 'password')$$, '42501', null, '[RATE-2] nobody else can ask');
select tests.be_postgres();

select * from finish();
