-- Passwords and addresses: what must be true before somebody changes how they sign in, and what follows when they have.
--
-- The auth server keeps both. Our own door asks prepare_credentials() before it lets a change through; what follows stands
-- in a trigger, so that it follows a change at the open door too.

------------------------------------------------------------------------------------------------------
-- Before
------------------------------------------------------------------------------------------------------

create function private.prepare_credentials() returns text[]
    language plpgsql
    stable security definer
    set search_path = ''
as $$
begin
    perform private.require_fresh();
    return (
        select array_agg(distinct own.words)
        from auth.users as u
        left join public.members as m on m.user_id = u.id and m.removed_at is null
        left join public.accounts as a on a.id = m.account_id
        cross join lateral (
            values
                (u.email),
                (u.email_change),
                (u.raw_user_meta_data ->> 'full_name'),
                (u.raw_user_meta_data ->> 'name'),
                (m.display_name),
                (a.name)
        ) as own (words)
        where u.id = auth.uid()
          and own.words <> ''
    );
end
$$;
comment on function private.prepare_credentials() is 'See public.prepare_credentials.';
grant execute on function private.prepare_credentials() to authenticated;

create function public.prepare_credentials() returns text[]
    language sql
    stable
    set search_path = ''
as $$
    select private.prepare_credentials()
$$;
comment on function public.prepare_credentials() is
    'May the caller change their password or address now? Needs a fresh proof of who they are (AUTH-8). Answers the words that their '
    'password must not be made of, because others know them: their names, addresses and businesses (AUTH-3).';
grant execute on function public.prepare_credentials() to authenticated;

------------------------------------------------------------------------------------------------------
-- After: whoever used to be reached is told, and can undo it
------------------------------------------------------------------------------------------------------

alter table private.sign_in_notices add column former_email text;
comment on column private.sign_in_notices.former_email is
    'Where the notice tells of another address: the one before, which gets its login back when its holder says that it wasn''t them.';

create function private.tell_of_changed_credentials(person uuid, to_address text, about text, former_email text, told jsonb) returns void
    language plpgsql
    set search_path = ''
as $$
declare
    token text := private.base64url(extensions.gen_random_bytes(32));
begin
    insert into private.sign_in_notices (token_hash, user_id, former_email)
    values (sha256(convert_to(token, 'utf8')), person, former_email);
    insert into mail.outbox (dedupe_key, template, to_address, data, has_secret)
    values (
        about || ':' || gen_random_uuid(),
        about,
        to_address,
        told || jsonb_build_object('at', now(), 'link_token', token),
        true
    );
end
$$;
comment on function private.tell_of_changed_credentials(uuid, text, text, text, jsonb) is
    'Mails that somebody''s password or address was changed, with a link that undoes it for a week.';

create function private.masked_address(email text) returns text
    language sql
    immutable
    set search_path = ''
as $$
    select left(email, 1) || '…@' || split_part(email, '@', 2)
$$;
comment on function private.masked_address(text) is 'An address as its person recognises it and nobody else learns it: k…@example.com.';

create function private.follow_changed_credentials() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    actor text := current_setting('tf.actor', true);
    -- Whoever has just proved their address for the first time knows that they choose a password.
    is_newcomer boolean := coalesce(new.email_confirmed_at > now() - interval '15 minutes', true);
begin
    if new.email is distinct from old.email then
        -- Whoever confirms a change is given a session right after it; every one before belongs to the old address.
        delete from auth.sessions as s where s.user_id = new.id;
        perform private.act_as('person', new.id);
        update public.members as m
        set email = new.email
        where m.user_id = new.id
          and m.removed_at is null;
        perform set_config('tf.actor', coalesce(actor, ''), true);
    end if;
    begin
        -- Whoever gets their login back by such a notice ends what the thief had, and the thief is given no link.
        if new.email is distinct from old.email and old.email is not null and not exists (
            select
            from private.sign_in_notices as n
            where n.user_id = new.id
              and n.former_email = new.email
              and n.used_at is null
              and n.created_at > now() - interval '7 days'
        ) then
            perform private.tell_of_changed_credentials(
                new.id, old.email, 'email_changed', old.email, jsonb_build_object('new_address', private.masked_address(new.email))
            );
        end if;
        if new.encrypted_password is distinct from old.encrypted_password and new.email = old.email and not is_newcomer then
            perform private.tell_of_changed_credentials(new.id, new.email, 'password_changed', null, '{}');
        end if;
    exception when others then
        raise warning 'notice: a change of how % signs in was not told: % (%)', new.id, sqlerrm, sqlstate;
    end;
    return null;
end
$$;
comment on function private.follow_changed_credentials() is
    'After a change of address every session ends, memberships carry the new one and the old one is told; after a change of password '
    'the person is told (AUTH-8). That a mail can''t be queued is logged and keeps nobody from the change.';

create trigger follow_changed_credentials after update of encrypted_password, email on auth.users
    for each row
    when (new.encrypted_password is distinct from old.encrypted_password or new.email is distinct from old.email)
    execute function private.follow_changed_credentials();

create function service.former_address(token text) returns text
    language sql
    stable security definer
    set search_path = ''
as $$
    select n.former_email
    from private.sign_in_notices as n
    where n.token_hash = sha256(convert_to(token, 'utf8'))
      and n.used_at is null
      and n.created_at > now() - interval '7 days'
$$;
comment on function service.former_address(text) is
    'The address that a link "this wasn''t me" gives its login back to, so that auth-gate can; null when it tells of something else.';
grant execute on function service.former_address(text) to service_role;
