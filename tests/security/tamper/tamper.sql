-- What a superuser would write who wants a changed trail to look whole. Made for one session of the tamper suite.

-- The links of a chain anew, over these records in this order, every hash valid, and the head with them.
create function pg_temp.relink(chain uuid, record_ids bigint[]) returns void
    language plpgsql
as $$
declare
    last_hash bytea := audit.genesis(chain);
    place bigint := 0;
    entry audit.records;
begin
    delete from audit.links where chain_id = chain;
    foreach entry.id in array record_ids loop
        select * into entry from audit.records as r where r.id = entry.id;
        place := place + 1;
        last_hash := sha256(last_hash || int8send(place) || audit.digest(entry));
        insert into audit.links (chain_id, seq, record_id, hash) values (chain, place, entry.id, last_hash);
    end loop;
    update audit.heads set seq = place, hash = last_hash where chain_id = chain;
end
$$;

create function pg_temp.records_of(chain uuid) returns bigint[]
    language sql
as $$
    select array_agg(l.record_id order by l.seq) from audit.links as l where l.chain_id = chain
$$;

-- The record at a place of a chain.
create function pg_temp.record_at(chain uuid, place bigint) returns bigint
    language sql
as $$
    select l.record_id from audit.links as l where l.chain_id = chain and l.seq = place
$$;

-- A value put in the place of another, with a commitment to match.
create function pg_temp.recommit(record bigint, name text, value text) returns void
    language plpgsql
as $$
declare
    salt text := (select v.fields -> recommit.name ->> 0 from audit.field_values as v where v.record_id = record);
begin
    update audit.field_values
    set fields = fields || jsonb_build_object(recommit.name, jsonb_build_array(salt, value))
    where record_id = record;
    update audit.records as r
    set commitments = (
        select string_agg(
            case
                when split_part(part, ':', 1) = recommit.name
                then recommit.name || ':' || encode(extensions.hmac(convert_to(value, 'UTF8'), decode(salt, 'hex'), 'sha256'), 'hex')
                else part
            end,
            ' ' order by place
        )
        from string_to_table(r.commitments, ' ') with ordinality as p (part, place)
    )
    where r.id = record;
end
$$;

-- A record that nobody wrote: a copy of another under a new number, with its values.
create function pg_temp.forge(chain uuid, model bigint) returns bigint
    language plpgsql
as $$
declare
    forged audit.records;
begin
    select * into strict forged from audit.records as r where r.id = model;
    forged.id := nextval('audit.records_id_seq');
    forged.chain_id := chain;
    forged.action := 'invoice.forged';
    insert into audit.records overriding system value select forged.*;
    insert into audit.field_values (record_id, chain_id, fields)
    select forged.id, chain, v.fields from audit.field_values as v where v.record_id = model;
    return forged.id;
end
$$;

-- Chains of some acts, each act a transaction's; every third chain has a person in it who is to be erased.
create procedure pg_temp.honest_chains(first integer, last integer, acts integer)
    language plpgsql
as $$
begin
    for act in 1..acts loop
        for n in first..last loop
            perform private.act_as(
                'customer',
                case when n % 3 = 0 then '00000000-0000-7000-8000-00000000feed'::uuid else gen_random_uuid() end,
                'Ann "' || n || E'" \\ Ørsted\t' || act
            );
            perform audit.record_event(
                'account', ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid,
                'invoice.viewed', 'ok', 'invoice', gen_random_uuid(),
                detail => jsonb_build_object('act', act, 'note', E'line\nbreak – “quoted”', 'amount', 12.50)
            );
        end loop;
        commit;
    end loop;
end
$$;
