// Photos from the phone to the colleague's screen: through the app's own pages and straight to storage, as a browser does it.
import { randomUUID } from 'node:crypto';
import exifr from 'exifr';
import type { Sql } from 'postgres';
import sharp from 'sharp';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { aBusiness, clientOf, superuser, type Business, type Person } from '../support/business.ts';
import { startProduct, type Product } from '../support/product.ts';
import { signedIn, type Visitor } from '../support/visitor.ts';
import { CAMERA, fromAPhone, heic, page, screenshot, svg } from './photographs.ts';

let product: Product;
let sql: Sql;
let business: Business;
let colleague: Person;
let stranger: Business;
let owner: Visitor;
let jobId: string;

beforeAll(async () => {
    product = await startProduct();
    sql = superuser();
    business = await aBusiness();
    colleague = await business.withMember('admin');
    stranger = await aBusiness({ name: 'Finch Plumbing' });
    owner = await signedIn(business.owner, product.origin);
});
afterAll(async () => {
    await sql.end();
    await product.stop();
});
beforeEach(async () => {
    ({ jobId } = await business.aJob());
});

type Room = { document_id: string; url: string };
type Problem = { status: number; code: string; title: string };

const tell = (who: Visitor, body: Record<string, unknown>): Promise<Response> =>
    who.json(`/jobs/${jobId}/photos`, { account_id: business.accountId, ...body });

/** Makes room for a photo, as the page's script does. */
async function room(who = owner, fileName = 'photo.jpg'): Promise<Room> {
    const answer = await tell(who, { step: 'start', file_name: fileName, idempotency_key: randomUUID() });
    expect(answer.status, await answer.clone().text()).toBe(200);
    return (await answer.json()) as Room;
}

const put = (url: string, bytes: Uint8Array, type = 'image/jpeg'): Promise<Response> =>
    fetch(url, { method: 'PUT', body: new Uint8Array(bytes), headers: { 'content-type': type } });

/** Sends a photo and says that it has arrived. */
async function send(bytes: Uint8Array, type = 'image/jpeg', fileName = 'photo.jpg') {
    const { document_id, url } = await room(owner, fileName);
    const stored = await put(url, bytes, type);
    const told = await tell(owner, { step: 'arrived', document_id });
    return { document_id, stored, told };
}

/** What there is of one document: its row's state, its objects and, on disk, whatever was not there `before`. */
async function leftOf(documentId: string, before: readonly string[]) {
    const rows = await sql`select state from public.documents where id = ${documentId}`;
    const objects =
        await sql`select name from storage.objects where name like ${`%${documentId}%`} order by name`;
    return {
        states: rows.map((row) => String(row.state)),
        objects: objects.map((row) => String(row.name)),
        newFiles: product.files().filter((name) => !before.includes(name)).length
    };
}
const NOTHING = { states: [], objects: [], newFiles: 0 };

/** The addresses of a job's photos, as somebody's page shows them. */
async function photosOn(person: Visitor): Promise<string[]> {
    const html = await (await person.get(`/jobs/${jobId}`)).text();
    const urls = html.matchAll(/src="([^"]+\/storage\/v1\/object\/sign\/[^"]+)"/g);
    return [...urls].map(([, url = '']) => url.replaceAll('&amp;', '&'));
}

describe('a photo that is one', () => {
    it.each([
        ['a JPEG with GPS and orientation 6', fromAPhone, 'image/jpeg', [20, 40]],
        ['a PNG', screenshot, 'image/png', [40, 20]]
    ] as const)('[FILE-4] %s arrives upright and without metadata', async (_, take, type, size) => {
        const taken = await take();
        expect(taken.includes(CAMERA), 'the photo has metadata to lose').toBe(true);
        const before = product.files();
        const { document_id, stored, told } = await send(taken, type);
        expect([stored.status, told.status]).toEqual([200, 200]);

        const [url = ''] = await photosOn(await signedIn(colleague, product.origin));
        const shown = await fetch(url);
        expect([shown.status, shown.headers.get('content-type')]).toEqual([200, type]);
        const bytes = Buffer.from(await shown.arrayBuffer());

        expect(await exifr.gps(bytes).catch(() => undefined), 'a position in the photo').toBeUndefined();
        expect(bytes.includes(CAMERA), 'the camera in the bytes').toBe(false);
        const kept = await sharp(bytes).metadata();
        expect([kept.width, kept.height]).toEqual(size);
        expect([kept.exif, kept.xmp, kept.iptc, kept.icc, kept.orientation]).toEqual(
            Array(5).fill(undefined)
        );
        const [red = 0, , blue = 255] = await sharp(bytes).raw().toBuffer();
        expect(red > 200 && blue < 60, 'the red half comes first, upright').toBe(true);

        // The original is gone, from storage and from the disk.
        expect(await leftOf(document_id, before)).toEqual({
            states: ['ready'],
            objects: [`photo/${document_id}/1`],
            newFiles: 1
        });
    });

    it('[FILE-2] nobody but its uploader reads it until it is ready', async () => {
        const { document_id, url } = await room();
        expect((await put(url, await fromAPhone())).status).toBe(200);
        const path = `photo/${document_id}/0`;
        const bytesFor = async (client: Person['db']) =>
            (await client.storage.from(business.accountId).download(path)).data?.size ?? 0;
        const rowFor = async (client: Person['db']) =>
            (await client.from('documents').select('id').eq('id', document_id)).data?.length ?? 0;
        const urlFor = async (client: Person['db']) =>
            (await client.storage.from(business.accountId).createSignedUrl(path, 60)).data?.signedUrl;

        expect(await bytesFor(business.owner.db), 'the uploader').toBeGreaterThan(0);
        expect(await rowFor(business.owner.db), 'the uploader').toBe(1);
        const anybody = clientOf(product.info.publishableKey);
        for (const [who, client] of [
            ['a colleague', colleague.db],
            ['the owner of another account', stranger.owner.db],
            ['nobody', anybody]
        ] as const) {
            expect(await bytesFor(client), who).toBe(0);
            expect(await rowFor(client), who).toBe(0);
            expect(await urlFor(client), who).toBeUndefined();
        }
        const visitor = await signedIn(colleague, product.origin);
        expect(await photosOn(visitor)).toEqual([]);

        expect((await tell(owner, { step: 'arrived', document_id })).status).toBe(200);
        expect(await photosOn(visitor), 'once it is ready').toHaveLength(1);
        expect(await bytesFor(colleague.db), 'the original, even then').toBe(0);
    });

    it('nobody but its uploader says that it has arrived, or gives it up', async () => {
        const { document_id, url } = await room();
        await put(url, await fromAPhone());
        const visitor = await signedIn(colleague, product.origin);
        for (const step of ['arrived', 'give_up'])
            expect((await tell(visitor, { step, document_id })).status, step).toBe(404);
        const before = product.files();
        expect((await tell(owner, { step: 'give_up', document_id })).status).toBe(200);
        expect(await leftOf(document_id, before)).toEqual(NOTHING);
    });
});

describe('a photo that is none', () => {
    it.each([
        ['a 0-byte file', Buffer.alloc(0), 'image/jpeg', 'photo.jpg', 422, 'This file is empty.'],
        ['HTML named .jpg', page, 'image/jpeg', 'photo.jpg', 415, 'This is not a JPEG or PNG photo.'],
        ['SVG named .png', svg, 'image/png', 'photo.png', 415, 'This is not a JPEG or PNG photo.'],
        ['HEIC', heic, 'image/heic', 'IMG_0001.HEIC', 415, 'This is a HEIC photo, which we can’t read yet.'],
        ['half a JPEG', null, 'image/jpeg', 'photo.jpg', 422, 'This photo is damaged']
    ] as const)(
        '[FILE-4] %s gets a clear sentence and leaves nothing behind',
        async (_, given, type, name, status, sentence) => {
            const bytes = given ?? (await fromAPhone()).subarray(0, 700);
            const before = product.files();
            const { document_id, stored, told } = await send(bytes, type, name);
            expect(stored.status).toBe(200);
            expect(told.headers.get('content-type')).toBe('application/problem+json');
            const problem = (await told.json()) as Problem;
            expect([told.status, problem.title]).toEqual([status, expect.stringContaining(sentence)]);
            expect(await leftOf(document_id, before)).toEqual(NOTHING);
        }
    );

    it.each([
        ['60 MB', Buffer.alloc(60 * 1024 * 1024, 1), 'image/jpeg', /too large|exceeded/i],
        ['what says it is SVG', svg, 'image/svg+xml', /mime type/i],
        ['what says it is a page', page, 'text/html', /mime type/i]
    ] as const)(
        '[FILE-4] storage itself does not take %s, and giving it up leaves nothing behind',
        async (_, bytes, type, reason) => {
            const before = product.files();
            const { document_id, stored, told } = await send(bytes, type);
            expect(stored.status).toBeGreaterThanOrEqual(400);
            expect(await stored.text()).toMatch(reason);
            const problem = (await told.json()) as Problem;
            expect(problem).toMatchObject({
                code: 'upload_not_found',
                title: 'The file did not arrive. Choose it again.'
            });
            expect((await tell(owner, { step: 'give_up', document_id })).status).toBe(200);
            expect(await leftOf(document_id, before)).toEqual(NOTHING);
        }
    );
});
