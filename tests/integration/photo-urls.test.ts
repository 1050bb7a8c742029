// Signed URLs: what one is good for, and what makes a live one worthless. On a product of its own, whose clock moves.
import { randomUUID } from 'node:crypto';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { aBusiness, superuser, type Business, type Person } from '../support/business.ts';
import { startProduct, type Product } from '../support/product.ts';
import { signedIn, type Visitor } from '../support/visitor.ts';
import { fromAPhone } from './photographs.ts';

let product: Product;
let sql: Sql;
let photo: Buffer;
let business: Business;
let owner: Visitor;
let jobId: string;

beforeAll(async () => {
    product = await startProduct();
    sql = superuser();
    photo = await fromAPhone();
});
afterAll(async () => {
    await sql.end();
    await product.stop();
});
beforeEach(async () => {
    business = await aBusiness();
    owner = await signedIn(business.owner, product.origin);
    ({ jobId } = await business.aJob());
});

type Room = { document_id: string; url: string };

const tell = (who: Visitor, body: Record<string, unknown>): Promise<Response> =>
    who.json(`/jobs/${jobId}/photos`, { account_id: business.accountId, ...body });

async function room(who = owner): Promise<Room> {
    const key = randomUUID();
    const answer = await tell(who, { step: 'start', file_name: 'photo.jpg', idempotency_key: key });
    expect(answer.status, await answer.clone().text()).toBe(200);
    return (await answer.json()) as Room;
}

const put = (url: string): Promise<Response> =>
    fetch(url, { method: 'PUT', body: new Uint8Array(photo), headers: { 'content-type': 'image/jpeg' } });

const arrived = (document_id: string, who = owner): Promise<Response> =>
    tell(who, { step: 'arrived', document_id });

/** A photo that is ready, and the URL under which its page shows it. */
async function aPhoto(): Promise<{ documentId: string; name: string; url: string }> {
    const { document_id, url } = await room();
    expect((await put(url)).status).toBe(200);
    expect((await arrived(document_id)).status).toBe(200);
    const views = (await sign(business.owner, 'view', [document_id])).urls ?? {};
    return { documentId: document_id, name: `photo/${document_id}/1`, url: views[document_id] ?? '' };
}

type Signed = { status: number; url?: string; urls?: Record<string, string> };

/** Asks the signing function directly, as anybody with a token may. */
async function sign(who: Person, action: 'view' | 'upload', documents: string[]): Promise<Signed> {
    const response = await fetch(`${product.info.apiUrl}/functions/v1/storage-sign`, {
        method: 'POST',
        headers: {
            apikey: product.info.publishableKey,
            authorization: `Bearer ${who.accessToken}`,
            'content-type': 'application/json'
        },
        body: JSON.stringify({
            action,
            account_id: business.accountId,
            ...(action === 'view'
                ? { document_ids: documents }
                : { document_id: documents[0], part: 'upload' })
        })
    });
    return { ...((await response.json()) as object), status: response.status };
}

const isRefused = (response: Response): boolean => response.status >= 400 && response.status < 500;

describe('[FILE-2] a URL to view', () => {
    it('shows the photo for 60 seconds and then no more', async () => {
        const { url } = await aPhoto();
        expect((await fetch(url)).status).toBe(200);
        expect(await product.later(50, async () => (await fetch(url)).status)).toBe(200);
        expect(await product.later(62, async () => (await fetch(url)).status)).toBe(400);
    });

    it('is bound to reading', async () => {
        const { url, name } = await aPhoto();
        for (const method of ['PUT', 'POST', 'DELETE', 'PATCH'])
            expect(isRefused(await fetch(url, { method, body: 'x' })), method).toBe(true);
        const upload = url.replace('/object/sign/', '/object/upload/sign/');
        expect(isRefused(await put(upload)), 'as an upload token').toBe(true);
        const login = { authorization: `Bearer ${new URL(url).searchParams.get('token')}` };
        const direct = `${product.info.apiUrl}/storage/v1/object/${business.accountId}/${name}`;
        const asLogin = { headers: { apikey: product.info.publishableKey, ...login } };
        expect(isRefused(await fetch(direct, asLogin)), 'as a login').toBe(true);
        expect((await fetch(url)).status, 'the photo is still there').toBe(200);
    });

    it('is bound to its one object', async () => {
        const [one, other] = [await aPhoto(), await aPhoto()];
        const swapped = one.url.replace(one.name, other.name);
        expect(swapped).not.toBe(one.url);
        expect(isRefused(await fetch(swapped))).toBe(true);
        expect((await fetch(other.url)).status).toBe(200);
    });

    it('is worth nothing when anything in it is changed', async () => {
        const { url } = await aPhoto();
        const [head = '', claims = '', mac = ''] = (new URL(url).searchParams.get('token') ?? '').split('.');
        const longer = JSON.parse(Buffer.from(claims, 'base64url').toString()) as { exp: number };
        longer.exp += 3600;
        const forged = Buffer.from(JSON.stringify(longer)).toString('base64url');
        const flipped = mac.startsWith('A') ? `B${mac.slice(1)}` : `A${mac.slice(1)}`;
        const none = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url');
        for (const token of [
            `${head}.${forged}.${mac}`,
            `${head}.${claims}.${flipped}`,
            `${none}.${claims}.`,
            `${head}.${claims}`,
            ''
        ]) {
            const tampered = new URL(url);
            tampered.searchParams.set('token', token);
            expect(isRefused(await fetch(tampered)), token).toBe(true);
        }
    });
});

describe('[FILE-1] a business’s bucket', () => {
    it('is private: without a signature nothing in it is served', async () => {
        const { name } = await aPhoto();
        const path = `${business.accountId}/${name}`;
        const base = `${product.info.apiUrl}/storage/v1/object`;
        const key = { headers: { apikey: product.info.publishableKey } };
        expect(isRefused(await fetch(`${base}/public/${path}`))).toBe(true);
        expect(isRefused(await fetch(`${base}/public/${path}`, key))).toBe(true);
        expect(isRefused(await fetch(`${base}/${path}`, key))).toBe(true);
        expect(isRefused(await fetch(`${base}/authenticated/${path}`, key))).toBe(true);
        const open = await sql`select id from storage.buckets where public`;
        expect(open).toHaveLength(0);
        const own = await sql`select from storage.buckets where id = ${business.accountId}`;
        expect(own, 'a bucket named by the account').toHaveLength(1);
    });
});

describe('[FILE-2] a live upload token is worth nothing', () => {
    let before: string[];

    /** The token is live, what it is asked for is refused, and nothing of it is kept. */
    async function isWorthNothing(url: string, documentId: string): Promise<void> {
        const { exp } = JSON.parse(
            Buffer.from(
                (new URL(url).searchParams.get('token') ?? '').split('.')[1] ?? '',
                'base64url'
            ).toString()
        ) as { exp: number };
        expect(exp * 1000 - Date.now(), 'the token’s own life').toBeGreaterThan(60 * 60 * 1000);
        const answer = await put(url);
        expect(isRefused(answer), `${answer.status} ${await answer.text()}`).toBe(true);
        const stored = await sql`select from storage.objects where name = ${`photo/${documentId}/0`}`;
        expect(stored, 'rows in storage').toHaveLength(0);
        expect(
            product.files().filter((name) => !before.includes(name)),
            'files on disk'
        ).toEqual([]);
    }

    beforeEach(() => {
        before = product.files();
    });

    it('after its holder was removed from the business', async () => {
        const mate = await business.withMember('admin');
        const visitor = await signedIn(mate, product.origin);
        const kept = await room(visitor);
        const { url, document_id } = await room(visitor);
        expect((await put(kept.url)).status, 'as a member').toBe(200);
        before = product.files();
        await sql`update public.members set removed_at = now() where user_id = ${mate.id}`;
        await isWorthNothing(url, document_id);
        expect((await arrived(kept.document_id, visitor)).status, 'nor what came before').toBe(403);
    });

    it('after its holder’s role may no longer add documents', async () => {
        const mate = await business.withMember('admin');
        const { url, document_id } = await room(await signedIn(mate, product.origin));
        await sql`
            update public.members set role_id = (
                select id from public.roles where account_id = ${business.accountId} and key = 'agent'
            ) where user_id = ${mate.id}`;
        await isWorthNothing(url, document_id);
    });

    it('after ten minutes', async () => {
        const { url, document_id } = await room();
        await sql`update public.documents set upload_until = now() - interval '1 second' where id = ${document_id}`;
        await isWorthNothing(url, document_id);
    });

    it('ten minutes are counted from the start, to the second', async () => {
        const { document_id } = await room();
        const [row] = await sql`
            select extract(epoch from upload_until - created_at)::float as life
            from public.documents where id = ${document_id}`;
        expect(Number(row?.life)).toBeCloseTo(600, 0);
    });

    it('after the business was suspended', async () => {
        const { url, document_id } = await room();
        await sql`update public.accounts set state = 'suspended' where id = ${business.accountId}`;
        await isWorthNothing(url, document_id);
    });

    it('for a second object', async () => {
        const [one, other] = [await room(), await room()];
        await isWorthNothing(one.url.replace(one.document_id, other.document_id), other.document_id);
        await isWorthNothing(one.url.replace('/0?', '/1?'), one.document_id);
        expect((await put(one.url)).status, 'for its own').toBe(200);
    });

    it('to look at anything, its own object included', async () => {
        const { url } = await room();
        expect((await put(url)).status).toBe(200);
        expect(isRefused(await fetch(url.replace('/object/upload/sign/', '/object/sign/')))).toBe(true);
    });

    it('a second time, before the photo is looked at and after', async () => {
        const { url, document_id } = await room();
        expect((await put(url)).status).toBe(200);
        before = product.files();
        expect(isRefused(await put(url)), 'over the first').toBe(true);
        expect(product.files()).toEqual(before);
        expect((await arrived(document_id)).status).toBe(200);
        before = product.files();
        await isWorthNothing(url, document_id);
    });
});

describe('[FILE-3] the signing function', () => {
    it('gives a removed member nothing, with a token that is still good', async () => {
        const mate = await business.withMember('admin');
        const visitor = await signedIn(mate, product.origin);
        const { document_id } = await room(visitor);
        const { documentId } = await aPhoto();
        expect((await sign(mate, 'view', [documentId])).urls).toHaveProperty(documentId);
        expect((await sign(mate, 'upload', [document_id])).url).toBeTypeOf('string');

        await sql`update public.members set removed_at = now() where user_id = ${mate.id}`;
        expect(await sign(mate, 'view', [documentId])).toEqual({ status: 200, urls: {} });
        const refused = await sign(mate, 'upload', [document_id]);
        expect([refused.status, refused.url]).toEqual([404, undefined]);
        const start = { step: 'start', file_name: 'photo.jpg', idempotency_key: randomUUID() };
        expect((await tell(visitor, start)).status, 'through the app').toBe(403);
    });

    it('signs no upload for a suspended business', async () => {
        const { document_id } = await room();
        const { documentId } = await aPhoto();
        await sql`update public.accounts set state = 'suspended' where id = ${business.accountId}`;
        const refused = await sign(business.owner, 'upload', [document_id]);
        expect([refused.status, refused.url]).toEqual([404, undefined]);
        const views = await sign(business.owner, 'view', [documentId]);
        expect(views.urls, 'what is there can still be read').toHaveProperty(documentId);
    });
});
