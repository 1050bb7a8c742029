// What the trail holds beside changed rows: each kind of event that AUD-2 promises, done through the door that people use,
// and the record it must leave. A kind that nothing in the product can do yet stands in `later`, so that it is not forgotten.
import { randomUUID } from 'node:crypto';
import { createClient } from '@supabase/supabase-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
    aBusiness,
    aPerson,
    call,
    clientOf,
    signIn,
    superuser,
    type Business,
    type Person
} from '../support/business.ts';
import { codeFor } from '../support/inbox.ts';
import { stack } from '../support/stack.ts';
import { aVisitor, signedIn } from '../support/visitor.ts';

const app = process.env.TF_APP_URL ?? '';
const sql = superuser();
let business: Business;

beforeAll(async () => {
    business = await aBusiness();
});
afterAll(() => sql.end());

type Told = {
    action: string;
    result: string;
    actor_kind: string;
    actor_id: string | null;
    via: string;
    trusted: boolean;
    detail: Record<string, unknown> | null;
    from: { ip: string | null; user_agent: string | null } | null;
};

/** The records of a chain, oldest first, with what may be erased beside them. */
async function chainOf(id: string, action?: string): Promise<Told[]> {
    const rows = await sql<
        (Omit<Told, 'detail' | 'from'> & { fields: Record<string, [string, string]> | null })[]
    >`
        select r.action, r.result, r.actor_kind, r.actor_id, r.via, r.trusted, v.fields
        from audit.records as r
        left join audit.field_values as v on v.record_id = r.id
        where r.chain_id = ${id} and ${action ? sql`r.action = ${action}` : sql`true`}
        order by r.id`;
    return rows.map(({ fields, ...row }) => {
        const [ip = null, user_agent = null] = JSON.parse(fields?.['@from']?.[1] ?? '[]') as (
            string | null
        )[];
        return {
            ...row,
            detail: JSON.parse(fields?.['@detail']?.[1] ?? 'null') as Told['detail'],
            from: { ip, user_agent }
        };
    });
}

/** The last record of an action on a chain. */
async function last(id: string, action: string): Promise<Told | undefined> {
    return (await chainOf(id, action)).at(-1);
}

type Event = {
    /** The kind, in the promise's words. */
    kind: string;
    action: string;
    /** Does it through the public door; answers the chain that must tell of it, and by whom. */
    act: () => Promise<{ chain: string; actor: string | null }>;
    result?: string;
    detail?: Record<string, unknown>;
};

const own = (person: Person) => ({ chain: person.id, actor: person.id });
const inBusiness = (person: Person) => ({ chain: business.accountId, actor: person.id });

const events: Event[] = [
    {
        kind: 'a sign-in by password',
        action: 'sign_in.succeeded',
        detail: { method: 'password' },
        act: async () => {
            const person = await aPerson();
            await signedIn(person, app);
            return own(person);
        }
    },
    {
        kind: 'a sign-in by code',
        action: 'sign_in.succeeded',
        detail: { method: 'code' },
        act: async () => {
            const person = await aPerson();
            const visitor = aVisitor(app);
            await visitor.post('/sign-in', { email: person.email, next: '' });
            await visitor.post('/sign-in/code?/enter', { code: await codeFor(person.email) });
            return own(person);
        }
    },
    {
        kind: 'a sign-in that failed',
        action: 'sign_in.refused',
        result: 'failed',
        detail: { method: 'password', code: 'invalid_credentials' },
        act: async () => {
            const person = await aPerson();
            await aVisitor(app).post('/sign-in/password', { email: person.email, password: 'not this one' });
            return own(person);
        }
    },
    {
        kind: 'a session that begins at the auth server’s own door',
        action: 'session.created',
        act: async () => {
            const person = await aPerson();
            await signIn(person.email, person.password);
            return own(person);
        }
    },
    {
        kind: 'a session that ends',
        action: 'session.ended',
        act: async () => {
            const person = await aPerson();
            await (await signedIn(person, app)).post('/auth/sign-out', { scope: 'local' });
            return own(person);
        }
    },
    {
        kind: 'a new password',
        action: 'password.changed',
        act: async () => {
            const person = await aPerson();
            const client = createClient(stack().apiUrl, stack().publishableKey, {
                auth: { persistSession: false, autoRefreshToken: false }
            });
            await client.auth.setSession({
                access_token: person.accessToken,
                refresh_token: person.refreshToken
            });
            const { error } = await client.auth.updateUser({ password: `another-${randomUUID()}` });
            expect(error).toBeNull();
            return own(person);
        }
    },
    {
        kind: 'a new address',
        action: 'email.changed',
        act: async () => {
            const person = await aPerson();
            await sql`update auth.users set email = ${`changed-${randomUUID()}@example.test`} where id = ${person.id}`;
            return own(person);
        }
    },
    {
        kind: 'another way of signing in',
        action: 'identity.linked',
        detail: { provider: 'email' },
        act: async () => own(await aPerson())
    },
    {
        kind: 'a role given',
        action: 'member.created',
        act: async () => ({ chain: business.accountId, actor: (await business.withMember('staff'), null) })
    },
    {
        kind: 'a permission given',
        action: 'role_permission.created',
        act: async () => {
            const opened = await aBusiness();
            return { chain: opened.accountId, actor: opened.owner.id };
        }
    },
    {
        kind: 'configuration',
        action: 'account.updated',
        act: async () => {
            const { error } = await business.owner.db
                .from('accounts')
                .update({ payment_terms_days: 21 })
                .eq('id', business.accountId)
                .select();
            expect(error).toBeNull();
            return inBusiness(business.owner);
        }
    },
    {
        kind: 'a file uploaded',
        action: 'document.ready',
        act: async () => {
            await business.anInvoice();
            return inBusiness(business.owner);
        }
    },
    {
        kind: 'a file looked at',
        action: 'document.viewed',
        act: async () => {
            const { documentId } = await business.anInvoice();
            const { error } = await business.owner.db.functions.invoke('storage-sign', {
                body: { action: 'view', account_id: business.accountId, document_ids: [documentId] }
            });
            expect(error).toBeNull();
            return inBusiness(business.owner);
        }
    },
    {
        kind: 'a key to a document, given to a customer',
        action: 'portal_link.created',
        act: async () => {
            await business.aLink((await business.anInvoice()).invoiceId);
            return inBusiness(business.owner);
        }
    },
    {
        kind: 'a deletion',
        action: 'invoice.deleted',
        act: async () => {
            const { invoiceId } = await business.aDraft();
            await call(business.owner.db, 'discard_invoice', {
                account_id: business.accountId,
                invoice_id: invoiceId
            });
            return inBusiness(business.owner);
        }
    },
    {
        kind: 'an act refused to a member',
        action: 'request.refused',
        result: 'refused',
        detail: { act: 'customers.write', code: 'not_allowed' },
        act: async () => {
            const agent = await business.withMember('agent');
            const visitor = await signedIn(agent, app);
            const answer = await visitor.post('/customers/new', {
                account_id: business.accountId,
                name: 'Nobody'
            });
            expect(answer.status).toBe(403);
            return inBusiness(agent);
        }
    }
];

/** Promised by AUD-2 and done by nothing in the product yet. */
const later = ['factor', 'subscription', 'API key', 'account deletion'];

describe('[AUD-2] the trail tells of', () => {
    it.each(events)('$kind', async ({ action, act, result = 'ok', detail = {} }) => {
        const { chain, actor } = await act();
        const told = await last(chain, action);
        expect(told).toMatchObject({ action, result, actor_kind: actor ? 'person' : 'system' });
        expect(told?.actor_id ?? null).toBe(actor);
        expect(told?.detail ?? {}).toMatchObject(detail);
    });

    it('every kind that the promise names, or says what is still to come', async () => {
        const tables = await sql<{ name: string }[]>`
            select c.relname as name from pg_class as c
            where c.relname ~ '^(api_keys|subscriptions|factors|account_deletions)$'
              and c.relnamespace::regnamespace::text in ('public', 'billing', 'private')`;
        expect(
            tables.map(({ name }) => name),
            `build the events of ${later.join(', ')} with their tables`
        ).toEqual([]);
    });
});

describe('[AUD-2] a record of a sign-in', () => {
    it('holds the address and agent that the web tier vouches for, and whose session it is', async () => {
        const person = await aPerson();
        const visitor = await signedIn(person, app);
        expect(await last(person.id, 'sign_in.succeeded')).toMatchObject({
            trusted: true,
            from: { ip: visitor.address, user_agent: 'TradersFlow test visitor' }
        });
    });

    it('never holds the password, nor an address that nobody signs in with', async () => {
        const typed = `hunter2-${randomUUID()}@example.test`;
        const [before] = await sql`select coalesce(max(id), 0) as id from audit.records`;
        await aVisitor(app).post('/sign-in/password', { email: typed, password: `canary-${typed}` });
        const written = await sql`
            select r.*, v.fields from audit.records as r
            left join audit.field_values as v on v.record_id = r.id
            where r.id > ${before?.id as string} and r.action = 'sign_in.refused'`;
        expect(written.length).toBeGreaterThan(0);
        expect(JSON.stringify(written)).not.toContain('hunter2');
        expect(written.some((row) => row.chain_kind === 'platform')).toBe(true);
    });

    it.each(['records', 'links'])(
        'does not need the trail: people sign in and out although its %s cannot be written',
        async (table) => {
            const person = await aPerson();
            const [{ n: before } = { n: 0 }] = await sql<{ n: number }[]>`
            select count(*)::integer as n from audit.links where chain_id = ${person.id}`;
            await sql.unsafe(`
            create function private.spoil() returns trigger language plpgsql as
                $$ begin raise exception 'the trail is broken'; end $$;
            grant execute on function private.spoil() to public;
            create trigger spoil before insert on audit.${table} for each row
                when (new.chain_id = '${person.id}') execute function private.spoil()`);
            try {
                const visitor = await signedIn(person, app);
                expect((await visitor.post('/auth/sign-out', { scope: 'local' })).status).toBe(303);
            } finally {
                await sql.unsafe(`drop trigger spoil on audit.${table}; drop function private.spoil()`);
            }
            const [linked] =
                await sql`select count(*)::integer as n from audit.links where chain_id = ${person.id}`;
            expect(linked).toEqual({ n: before });
        }
    );
});

describe('[AUD-2] a refusal', () => {
    it('of somebody who is no member stays on their own chain, whatever they claim', async () => {
        const stranger = await aPerson();
        const [before] =
            await sql`select count(*) as n from audit.records where chain_id = ${business.accountId}`;
        await call(stranger.db, 'report_refusal', {
            account_id: business.accountId,
            act: 'jobs.write',
            code: 'not_allowed'
        });
        expect(await last(stranger.id, 'request.refused')).toMatchObject({ result: 'refused' });
        expect(
            (await sql`select count(*) as n from audit.records where chain_id = ${business.accountId}`)[0]
        ).toEqual(before);
    });

    it('can carry no text of the caller’s, and ends with the session', async () => {
        const person = await aPerson();
        const report = (act: string) =>
            person.db.rpc('report_refusal', { account_id: business.accountId, act, code: 'not_allowed' });
        expect((await report('Call this number: 555 <b>')).error?.hint).toBe('validation_failed');
        await sql`delete from auth.sessions where user_id = ${person.id}`;
        expect((await report('jobs.write')).error?.hint).toBe('session_ended');
        expect(
            (
                await clientOf(stack().publishableKey).rpc('report_refusal', {
                    account_id: null,
                    act: 'x',
                    code: 'y'
                })
            ).error
        ).not.toBeNull();
    });
});
