// Records in the stand-in for the DNS, put there as a domain's owner puts them at their registrar; and what a proven domain
// brings: somebody who asks to join.
import { randomUUID } from 'node:crypto';
import type { SupabaseClient } from '@supabase/supabase-js';
import { aPerson, call, type Business } from './business.ts';
import { stack } from './stack.ts';

async function post(path: string, name: string, value: string, type = 'TXT'): Promise<void> {
    const answer = await fetch(`${stack().dnsUrl}${path}`, {
        method: 'POST',
        body: new URLSearchParams({ name, value, type }),
        redirect: 'manual'
    });
    if (answer.status !== 303) throw new Error(`The DNS stand-in answered ${answer.status}.`);
}

/** Puts a record there: a text, unless another type is named. */
export const addRecord = (name: string, value: string, type: 'TXT' | 'A' | 'AAAA' = 'TXT'): Promise<void> =>
    post('/records', name, value, type);

/** Takes a TXT record away. */
export const removeRecord = (name: string, value: string): Promise<void> =>
    post('/records/remove', name, value);

/** Name and value of the record that proves a domain, as whoever may see the domain is told. */
export async function recordOf(db: SupabaseClient, domain: string): Promise<[name: string, value: string]> {
    const { data, error } = await db
        .from('domains')
        .select('record')
        .eq('domain', domain)
        .single<{ record: string }>();
    if (error) throw error;
    return [`_tradersflow.${domain}`, data.record];
}

/** Publishes the record that proves a domain. */
export async function publish(db: SupabaseClient, domain: string): Promise<void> {
    await addRecord(...(await recordOf(db, domain)));
}

/** Names a domain of the business and proves it. */
export async function aProvenDomain(of: Business, domain: string): Promise<string> {
    const named = { account_id: of.accountId, domain, idempotency_key: randomUUID() };
    const domain_id = await call<string>(of.owner.db, 'add_domain', named);
    await prove(of, domain, domain_id);
    return domain_id;
}

/** Proves a domain that the business has named. */
export async function prove(of: Business, domain: string, domain_id: string): Promise<void> {
    await publish(of.owner.db, domain);
    const { error } = await of.owner.db.functions.invoke('domains', {
        body: { account_id: of.accountId, domain_id }
    });
    if (error) throw error;
}

/** Somebody with an address in the domain, which the business proves first, asks to join it; the request's id. */
export async function aRequestToJoin(of: Business, domain: string): Promise<string> {
    await aProvenDomain(of, domain);
    const person = await aPerson('asker', domain);
    await call(person.db, 'join_by_domain', {
        account_id: of.accountId,
        person_name: `Asker ${of.marked}`,
        idempotency_key: randomUUID()
    });
    const { data, error } = await of.owner.db
        .from('join_requests')
        .select('id')
        .eq('account_id', of.accountId)
        .eq('user_id', person.id)
        .single<{ id: string }>();
    if (error) throw error;
    return data.id;
}
