// The matrix once more through the real doors, with supabase-js: what somebody does who holds a person's own token and
// leaves our web app out of it.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { aBusiness, aPerson, call, clientOf, superuser } from '../support/business.ts';
import type { Business, Person } from '../support/business.ts';
import { askSso, typed } from '../support/sso.ts';
import { stack } from '../support/stack.ts';
import { expectedTables } from './matrix.ts';
import { aRequestToJoin } from '../support/dns.ts';

const sql = superuser();
const tables = [...expectedTables().tables]
    .filter((table) => table.startsWith('public.'))
    .map((table) => table.slice(7));
const tenantTables = tables.filter((table) => table !== 'permissions');
const ownerColumn = (table: string): string => (table === 'accounts' ? 'id' : 'account_id');

let bell: Business;
let finch: Business;
let mate: Person;
let invoiceId: string;
let object: { bucket: string; name: string };

/** Everything that bell holds, as one figure: whatever changes, appears or goes, changes it. */
async function fingerprint(): Promise<string> {
    const parts = await Promise.all(
        tenantTables.map((table) =>
            sql.unsafe(
                `select coalesce(md5(string_agg(t::text, '|' order by t::text)), '') as sum from public.${table} as t where ${ownerColumn(table)} = $1`,
                [bell.accountId]
            )
        )
    );
    return parts.map(([row]) => String(row?.sum)).join(' ');
}

beforeAll(async () => {
    [bell, finch] = await Promise.all([aBusiness({ name: 'Bell' }), aBusiness({ name: 'Finch' })]);
    mate = await bell.withMember('admin');
    ({ invoiceId } = await bell.anInvoice());
    await bell.aLink(invoiceId);
    await bell.aDraft();
    await bell.anInvitation('new@example.test');
    await aRequestToJoin(bell, `bell-${randomUUID().slice(0, 8)}.example`);
    await askSso(bell, { action: 'set_up', ...(await typed(bell)) });
    await sql`
        insert into public.job_members (account_id, job_id, member_id)
        select j.account_id, j.id, m.id
        from public.jobs as j
        join public.members as m on m.account_id = j.account_id and m.user_id = ${mate.id}
        where j.account_id = ${bell.accountId}
    `;
    await sql`
        insert into public.payments (account_id, invoice_id, amount_pence, method, paid_at)
        values (${bell.accountId}, ${invoiceId}, 100, 'cash', now())
    `;
    const [stored] = await sql<{ bucket: string; name: string }[]>`
        select bucket_id as bucket, object_name as name
        from public.documents
        where account_id = ${bell.accountId} and state = 'ready'
    `;
    if (!stored) throw new Error('The invoice has no stored PDF.');
    object = stored;
});

afterAll(() => sql.end());

describe('tables', () => {
    test.each(tenantTables)('[ISO-1] %s: its own business reads it', async (table) => {
        const { data, error } = await bell.owner.db
            .from(table)
            .select(ownerColumn(table))
            .eq(ownerColumn(table), bell.accountId);
        expect(error).toBeNull();
        expect(data).not.toEqual([]);
    });

    test.each(tenantTables)(
        '[ISO-1] %s: another business reads nothing of it, asking for it or for everything',
        async (table) => {
            const column = ownerColumn(table);
            const asked = await finch.owner.db.from(table).select(column).eq(column, bell.accountId);
            expect(asked).toMatchObject({ error: null, data: [] });
            const all = await finch.owner.db.from(table).select(column);
            expect(all.error).toBeNull();
            expect(JSON.stringify(all.data)).not.toContain(bell.accountId);
        }
    );

    test.each(tenantTables)(
        '[ISO-1] %s: another business changes, adds and deletes nothing in it',
        async (table) => {
            const column = ownerColumn(table);
            const before = await fingerprint();
            const [row] = await sql.unsafe(`select * from public.${table} where ${column} = $1 limit 1`, [
                bell.accountId
            ]);
            const copy = Object.fromEntries(
                Object.entries(row ?? {}).map(([key, value]) => [key, key === 'id' ? randomUUID() : value])
            );
            for (const { data, error } of [
                await finch.owner.db
                    .from(table)
                    .update({ created_by: finch.owner.id })
                    .eq(column, bell.accountId)
                    .select(column),
                await finch.owner.db
                    .from(table)
                    .update({ name: 'Taken over' })
                    .eq(column, bell.accountId)
                    .select(column),
                await finch.owner.db.from(table).delete().eq(column, bell.accountId).select(column),
                await finch.owner.db.from(table).insert(copy),
                await finch.owner.db.from(table).upsert({ ...row })
            ]) {
                expect(error !== null || JSON.stringify(data) === '[]').toBe(true);
            }
            expect(await fingerprint()).toBe(before);
        }
    );

    test.each(tables)('[ISO-1] %s: without a person there is nothing at all', async (table) => {
        const { error } = await clientOf(stack().publishableKey).from(table).select();
        expect(error?.code).toBe('42501');
    });
});

describe('functions', () => {
    type Argument = { name: string; type: string };
    /** A question, a list and a report: they answer no or nothing, which the matrix tries (functions.md). */
    const ANSWERING_NOTHING = ['has_permission', 'view_documents', 'report_refusal', 'joinable'];

    test('[ISO-1] every act asked for with another business’s ids is answered as if it did not exist, and changes nothing', async () => {
        const acts = await sql<{ name: string; args: Argument[] }[]>`
            select p.proname as name, (
                select jsonb_agg(jsonb_build_object('name', p.proargnames[a.place], 'type', format_type(a.type, null)) order by a.place)
                from unnest(p.proargtypes) with ordinality as a (type, place)
            ) as args
            from pg_proc as p
            where p.pronamespace = 'public'::regnamespace
              and 'account_id' = any (p.proargnames)
              and p.proname <> all (${ANSWERING_NOTHING})
        `;
        const before = await fingerprint();
        const answers = await Promise.all(
            acts.map(async ({ name, args }) => {
                const given = args.map(({ name: argument, type }) => [argument, valueOf(argument, type)]);
                const { error } = await finch.owner.db.rpc(name, Object.fromEntries(given));
                return `${name}: ${error?.hint ?? 'done'}`;
            })
        );
        // Who belongs to no domain is told the same of every business.
        const refusal = (name: string): string =>
            name === 'join_by_domain' ? 'domain_not_yours' : 'not_found';
        expect(answers).toEqual(acts.map(({ name }) => `${name}: ${refusal(name)}`));
        expect(acts.length).toBeGreaterThan(12);
        expect(await fingerprint()).toBe(before);
    });

    test('[ISO-4] what is for our edge functions answers nobody else', async () => {
        for (const client of [bell.owner.db, clientOf(stack().publishableKey)]) {
            const { error } = await client
                .schema('service')
                .rpc('claim_mail', { limit_rows: 1, lease_seconds: 1 });
            expect(error?.code).toBe('42501');
        }
    });

    test('[ISO-4] helpers, the audit trail’s table and the outbox have no address', async () => {
        for (const schema of ['private', 'audit', 'mail', 'billing', 'auth', 'vault']) {
            const { error, status } = await bell.owner.db.schema(schema).from('records').select();
            expect({ schema, refused: error !== null && status >= 400 }).toEqual({ schema, refused: true });
        }
    });

    function valueOf(argument: string, type: string): unknown {
        if (argument === 'account_id') return bell.accountId;
        if (argument === 'invoice_id') return invoiceId;
        if (type === 'uuid') return randomUUID();
        if (type === 'uuid[]') return [randomUUID()];
        if (type === 'date') return '2026-11-22';
        if (type === 'text[]') return ['photo'];
        if (type === 'jsonb')
            return argument === 'lines' ? [] : { title: 'x', name: 'x', address_line_1: 'x' };
        return type === 'text' ? 'photo' : 1;
    }
});

describe('files', () => {
    test('[FILE-1] its own business downloads a stored invoice; another can’t read, list, sign, replace, copy or remove it', async () => {
        const own = await bell.owner.db.storage.from(object.bucket).download(object.name);
        expect(own.error).toBeNull();

        const bucket = finch.owner.db.storage.from(object.bucket);
        const file = new Blob(['x'], { type: 'application/pdf' });
        expect((await bucket.download(object.name)).error).not.toBeNull();
        expect((await bucket.createSignedUrl(object.name, 60)).error).not.toBeNull();
        expect((await bucket.createSignedUploadUrl(object.name)).error).not.toBeNull();
        expect((await bucket.upload('photo/x/0', file)).error).not.toBeNull();
        expect((await bucket.update(object.name, file)).error).not.toBeNull();
        expect(
            (await bucket.copy(object.name, 'copy', { destinationBucket: finch.accountId })).error
        ).not.toBeNull();
        expect((await bucket.move(object.name, 'moved')).error).not.toBeNull();
        expect((await bucket.list()).data ?? []).toEqual([]);
        expect((await bucket.remove([object.name])).data ?? []).toEqual([]);
        expect((await bell.owner.db.storage.from(object.bucket).download(object.name)).error).toBeNull();
    });

    test('[FILE-2] a live upload token is worth nothing after ten minutes, nor after its holder’s removal', async () => {
        const { jobId } = await bell.aJob();
        const photographer = await bell.withMember('admin');
        const start = () =>
            call<{ document_id: string; bucket_id: string; upload_name: string }>(
                photographer.db,
                'start_document',
                {
                    account_id: bell.accountId,
                    job_id: jobId,
                    kind: 'photo',
                    file_name: 'IMG.jpg',
                    idempotency_key: randomUUID()
                }
            );
        const bucket = photographer.db.storage.from(bell.accountId);
        const photo = new Blob(['bytes'], { type: 'image/jpeg' });
        const ticket = async () => {
            const started = await start();
            const { data, error } = await bucket.createSignedUploadUrl(started.upload_name);
            if (error) throw error;
            return {
                ...started,
                put: () =>
                    bucket.uploadToSignedUrl(started.upload_name, data.token, photo, {
                        contentType: 'image/jpeg'
                    })
            };
        };

        const inTime = await ticket();
        expect((await inTime.put()).error).toBeNull();

        const late = await ticket();
        await sql`update public.documents set upload_until = now() - interval '1 second' where id = ${late.document_id}`;
        expect((await late.put()).error).not.toBeNull();

        const leaving = await ticket();
        await sql`update public.members set removed_at = now() where user_id = ${photographer.id}`;
        expect((await leaving.put()).error).not.toBeNull();

        const [left] = await sql`
            select count(*)::int as objects
            from storage.objects
            where bucket_id = ${bell.accountId} and name in (${late.upload_name}, ${leaving.upload_name})
        `;
        expect(left?.objects).toBe(0);
    });
});

describe('ended means ended, for a token that has not expired', () => {
    const sees = async ({ db }: { db: Person['db'] }): Promise<unknown> => {
        const rows = await db.from('jobs').select('id');
        const file = await db.storage.from(object.bucket).download(object.name);
        return { rows: (rows.data ?? []).length > 0, file: file.error === null };
    };

    test('[ACC-4] a removed member reads nothing with the next statement, at the Data API and in storage', async () => {
        expect(await sees(mate)).toEqual({ rows: true, file: true });
        await sql`update public.members set removed_at = now() where user_id = ${mate.id}`;
        expect(await sees(mate)).toEqual({ rows: false, file: false });
    });

    test('[AUTH-6] a stolen access token is worth nothing once its session was signed out', async () => {
        const admin = await bell.withMember('admin');
        const thief = { db: clientOf(admin.accessToken) };
        expect(await sees(thief)).toEqual({ rows: true, file: true });
        const answer = await fetch(`${stack().apiUrl}/auth/v1/logout?scope=global`, {
            method: 'POST',
            headers: { apikey: stack().publishableKey, authorization: `Bearer ${admin.accessToken}` }
        });
        expect(answer.status).toBe(204);
        expect(await sees(thief)).toEqual({ rows: false, file: false });
        const me = await thief.db.rpc('me');
        expect(me.error?.hint).toBe('session_ended');
    });

    test('[ADM-4] a suspended account reads on and changes nothing', async () => {
        const owner = await aPerson('suspended');
        const business = await aBusiness({ owner });
        await business.aCustomer();
        await sql`update public.accounts set state = 'suspended' where id = ${business.accountId}`;
        const read = await owner.db.from('customers').select('id');
        expect(read.data).toHaveLength(1);
        const changed = await owner.db
            .from('customers')
            .update({ notes: 'x' })
            .eq('account_id', business.accountId)
            .select('id');
        expect(changed.data).toEqual([]);
        await expect(business.aJob()).rejects.toMatchObject({ hint: 'account_suspended' });
    });
});
