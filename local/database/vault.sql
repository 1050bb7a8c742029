-- The published interface of supabase_vault. Secrets lie encrypted in the table; the key is a file in the server's data
-- directory. The original keeps it in memory and decrypts within a microsecond; here a table that only a superuser reads stands
-- for that memory, since to open a file for each statement would cost more than the statement.

create schema if not exists vault authorization supabase_admin;

create table if not exists vault.secrets (
    id uuid primary key default gen_random_uuid(),
    name text,
    description text not null default '',
    secret text not null,
    key_id uuid,
    nonce bytea,
    created_at timestamptz not null default current_timestamp,
    updated_at timestamptz not null default current_timestamp
);
create unique index if not exists secrets_name_idx on vault.secrets (name) where name is not null;
alter table vault.secrets owner to supabase_admin;

create table if not exists vault._key (
    key text not null
);
alter table vault._key owner to supabase_admin;
insert into vault._key (key)
select pg_catalog.pg_read_file('vault.key')
where not exists (select from vault._key);

create or replace function vault._encrypt(secret text)
returns text
language sql
security definer
set search_path = ''
as $$
    select pg_catalog.encode(
        extensions.pgp_sym_encrypt(secret, k.key, 'cipher-algo=aes256, s2k-mode=1, compress-algo=0'),
        'base64'
    )
    from vault._key as k
$$;

create or replace view vault.decrypted_secrets as
select
    secrets.id,
    secrets.name,
    secrets.description,
    secrets.secret,
    extensions.pgp_sym_decrypt(pg_catalog.decode(secrets.secret, 'base64'), (select k.key from vault._key as k)) as decrypted_secret,
    secrets.key_id,
    secrets.nonce,
    secrets.created_at,
    secrets.updated_at
from vault.secrets;
alter view vault.decrypted_secrets owner to supabase_admin;

create or replace function vault.create_secret(
    new_secret text,
    new_name text default null,
    new_description text default '',
    new_key_id uuid default null
)
returns uuid
language sql
security definer
set search_path = ''
as $$
    insert into vault.secrets (secret, name, description)
    values (vault._encrypt(new_secret), new_name, new_description)
    returning id
$$;

create or replace function vault.update_secret(
    secret_id uuid,
    new_secret text default null,
    new_name text default null,
    new_description text default null,
    new_key_id uuid default null
)
returns void
language sql
security definer
set search_path = ''
as $$
    update vault.secrets
    set secret = coalesce(vault._encrypt(new_secret), secret),
        name = coalesce(new_name, name),
        description = coalesce(new_description, description),
        updated_at = pg_catalog.now()
    where id = secret_id
$$;

revoke all on all functions in schema vault from public;
grant usage on schema vault to postgres with grant option;
grant select, delete on vault.secrets, vault.decrypted_secrets to postgres with grant option;
grant execute on function
    vault.create_secret(text, text, text, uuid),
    vault.update_secret(uuid, text, text, text, uuid)
to postgres with grant option;

select platform.register_extension('supabase_vault', 'vault', '0.3.1');
