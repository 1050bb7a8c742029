import { randomUUID } from 'node:crypto';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
    act,
    aJob,
    aLink,
    anIssuedInvoice,
    asPerson,
    asWorker,
    aTradesperson,
    contextHeader,
    info,
    knock,
    pdf,
    refusal,
    storeDocument,
    type IssuedInvoice,
    type Tradesperson
} from './edge.ts';

const database = postgres(info.superuserUrl, { max: 1 });
let owner: Tradesperson;
let stranger: Tradesperson;
let invoice: IssuedInvoice;

beforeAll(async () => {
    owner = await aTradesperson();
    stranger = await aTradesperson('Somebody Else Ltd');
    invoice = await anIssuedInvoice(owner);
});
afterAll(() => database.end());

/** A photo that awaits its bytes. */
async function aPhoto(person: Tradesperson): Promise<string> {
    const { jobId } = await aJob(person);
    const { document_id } = await act<{ document_id: string }>(person, 'start_document', {
        account_id: person.accountId,
        job_id: jobId,
        kind: 'photo',
        file_name: 'fuse box.jpg',
        idempotency_key: randomUUID()
    });
    return document_id;
}

const sign = (person: Tradesperson, body: Record<string, unknown>) =>
    knock('storage-sign', { headers: asPerson(person), body: { account_id: owner.accountId, ...body } });
const upload = (person: Tradesperson, document_id: string, part = 'upload') =>
    sign(person, { action: 'upload', document_id, part });
const view = async (person: Tradesperson, ...document_ids: string[]) => {
    const answer = await sign(person, { action: 'view', document_ids });
    return ((await answer.json()) as { urls: Record<string, string> }).urls;
};

describe('[FILE-2] an upload', () => {
    it('is signed for the uploader, with the end of its ten minutes', async () => {
        const answer = await upload(owner, await aPhoto(owner));
        const { url, token, expires_at } = (await answer.json()) as Record<string, string>;
        expect(answer.status).toBe(200);
        expect(url).toContain(`token=${token}`);
        const minutes = (Date.parse(expires_at ?? '') - Date.now()) / 60_000;
        expect(minutes).toBeGreaterThan(9);
        expect(minutes).toBeLessThanOrEqual(10);
    });

    it('is nothing to a stranger', async () => {
        const photo = await aPhoto(owner);
        expect(await refusal(await upload(stranger, photo))).toEqual({ status: 404, code: 'not_found' });
    });

    it('is not signed for nobody', async () => {
        const body = {
            action: 'upload',
            account_id: owner.accountId,
            document_id: invoice.documentId,
            part: 'object'
        };
        const required = { status: 401, code: 'sign_in_required' };
        expect(await refusal(await knock('storage-sign', { body }))).toEqual(required);
        const withSecret = await knock('storage-sign', { headers: { apikey: info.secretKey }, body });
        expect(await refusal(withSecret)).toEqual(required);
    });

    it('is not signed with a forged context', async () => {
        const answer = await knock('storage-sign', {
            headers: { ...asPerson(owner), 'x-tf-context': contextHeader({}, 'cd'.repeat(32)) },
            body: { action: 'view', account_id: owner.accountId, document_ids: [invoice.documentId] }
        });
        expect(await refusal(answer)).toEqual({ status: 401, code: 'context_required' });
    });

    it('is not signed for a document that is ready', async () => {
        expect(await refusal(await upload(owner, invoice.documentId, 'object'))).toEqual({
            status: 409,
            code: 'document_not_awaiting'
        });
    });

    it('is not signed for a raw upload of a PDF, which has none', async () => {
        const [document] = await database<{ id: string }[]>`
            insert into public.documents (account_id, invoice_id, kind, file_name, created_by)
            values (${owner.accountId}, ${invoice.id}, 'invoice_pdf', 'again.pdf', ${owner.userId})
            returning id`;
        expect(await refusal(await upload(owner, document?.id ?? '', 'upload'))).toEqual({
            status: 422,
            code: 'validation_failed'
        });
    });

    it('is not signed after its ten minutes', async () => {
        const photo = await aPhoto(owner);
        await database`update public.documents set upload_until = now() - interval '1 second' where id = ${photo}`;
        expect(await refusal(await upload(owner, photo))).toEqual({ status: 409, code: 'document_expired' });
    });

    it.each([
        ['no action', { action: 'delete' }],
        ['another part', { action: 'upload', document_id: randomUUID(), part: 'both' }],
        ['an id that is none', { action: 'upload', document_id: '../secret', part: 'object' }],
        ['something besides', { action: 'view', document_ids: [randomUUID()], bucket: 'x' }],
        ['no documents', { action: 'view', document_ids: [] }]
    ])('with %s is refused', async (_, body) => {
        expect(await refusal(await sign(owner, body))).toEqual({ status: 422, code: 'validation_failed' });
    });
});

describe('[FILE-2] a view', () => {
    it('opens the very file for its members', async () => {
        const urls = await view(owner, invoice.documentId);
        const file = await fetch(urls[invoice.documentId] ?? '');
        expect(new Uint8Array(await file.arrayBuffer())).toEqual(pdf);
    });

    it('is left out for what is not ready, not there, or not theirs', async () => {
        const photo = await aPhoto(owner);
        expect(await view(owner, photo, randomUUID())).toEqual({});
        expect(await view(stranger, invoice.documentId)).toEqual({});
    });

    it('[FILE-3] is not signed any more for a removed member', async () => {
        const leaver = await aTradesperson();
        const left = await anIssuedInvoice(leaver);
        const body = { action: 'view', account_id: leaver.accountId, document_ids: [left.documentId] };
        const urlsNow = async () =>
            ((await (await sign(leaver, body)).json()) as { urls: Record<string, string> }).urls;
        expect(Object.keys(await urlsNow())).toEqual([left.documentId]);
        await database.begin(async (sql) => {
            await sql`set local session_replication_role = replica`;
            await sql`update public.members set removed_at = now() where user_id = ${leaver.userId}`;
        });
        expect(await urlsNow()).toEqual({});
    });
});

describe('the holder of a private link', () => {
    const open = (token: string, headers = { 'x-tf-context': contextHeader() }) =>
        knock('storage-sign', { headers, body: { action: 'view_portal', token } });

    it('gets the PDF of that invoice', async () => {
        const answer = await open(await aLink(owner, invoice));
        const { url } = (await answer.json()) as { url: string };
        expect(new Uint8Array(await (await fetch(url)).arrayBuffer())).toEqual(pdf);
    });

    it('gets nothing by another token', async () => {
        expect(await refusal(await open('x'.repeat(43)))).toEqual({ status: 404, code: 'link_not_valid' });
    });

    it('gets nothing once the link is revoked', async () => {
        const token = await aLink(owner, invoice);
        await act(owner, 'revoke_portal_links', { account_id: owner.accountId, invoice_id: invoice.id });
        expect(await refusal(await open(token))).toEqual({ status: 404, code: 'link_not_valid' });
    });

    it('comes through the web tier', async () => {
        const answer = await knock('storage-sign', {
            body: { action: 'view_portal', token: await aLink(owner, invoice) }
        });
        expect(await refusal(answer)).toEqual({ status: 401, code: 'context_required' });
    });
});

describe('the sweep of abandoned uploads', () => {
    it('is for workers', async () => {
        const required = { status: 401, code: 'worker_key_required' };
        expect(await refusal(await knock('storage-sweep'))).toEqual(required);
        const guess = await knock('storage-sweep', { headers: { 'x-tf-worker': 'guess' } });
        expect(await refusal(guess)).toEqual(required);
    });

    it('removes the bytes and then the row, and nothing that is still awaited', async () => {
        const [abandoned, awaited] = [await aPhoto(owner), await aPhoto(owner)];
        await storeDocument(owner, abandoned, 'upload', new Uint8Array([1, 2, 3]), 'image/jpeg');
        await storeDocument(owner, awaited, 'upload', new Uint8Array([1, 2, 3]), 'image/jpeg');
        await database`update public.documents set upload_until = now() - interval '1 hour' where id = ${abandoned}`;
        expect((await knock('storage-sweep', { headers: asWorker })).status).toBe(200);
        const rows = await database`select id from public.documents where id in (${abandoned}, ${awaited})`;
        expect(rows.map(({ id }) => id)).toEqual([awaited]);
        const objects = await database<{ name: string }[]>`
            select name from storage.objects where name in (${`photo/${abandoned}/0`}, ${`photo/${awaited}/0`})`;
        expect(objects.map(({ name }) => name)).toEqual([`photo/${awaited}/0`]);
    });
});
