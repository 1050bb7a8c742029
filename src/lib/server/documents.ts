/**
 * Photos and PDFs. The browser sends a photo straight to storage under a signed URL; {@link finishPhoto} then
 * checks and cleans it here, with the person's own token, before anybody else can see it.
 */
import { z } from 'zod';
import { call, invoke, read, type Db } from './data.ts';
import { problem } from './errors.ts';
import { DocumentId, type AccountId, type InvoiceId, type JobId } from './ids.ts';
import { cleanPhoto } from './photos.ts';
import { Moment } from './shapes.ts';

const Started = z.object({ document_id: DocumentId, bucket_id: z.string(), upload_name: z.string() });
const SignedUpload = z.object({ url: z.url(), token: z.string(), expires_at: z.unknown() });

/** Where the browser may put one photo, once, within ten minutes. */
export type PhotoUpload = { document_id: DocumentId; url: string };

/** Makes room for a photo of a job and signs its upload. Same key, same room. */
export async function startPhoto(
    db: Db,
    account: AccountId,
    job: JobId,
    fileName: string,
    idempotencyKey: string
): Promise<PhotoUpload> {
    const started = await call(
        db,
        'start_document',
        {
            account_id: account,
            job_id: job,
            kind: 'photo',
            file_name: fileName,
            idempotency_key: idempotencyKey
        },
        Started
    );
    const request = {
        action: 'upload',
        account_id: account,
        document_id: started.document_id,
        part: 'upload'
    };
    const { url } = await invoke(db, 'storage-sign', request, SignedUpload);
    return { document_id: started.document_id, url };
}

const Waiting = z.object({
    state: z.enum(['awaiting', 'ready', 'removed']),
    bucket_id: z.string(),
    upload_name: z.string(),
    object_name: z.string()
});

/**
 * Takes in a photo that has arrived: by its content a JPEG or PNG, turned upright, without metadata; then it is
 * ready for everybody who may see it. What is refused leaves nothing behind.
 * @throws {Problem} `upload_not_found`, `document_expired`, or why the photo is refused.
 */
export async function finishPhoto(db: Db, account: AccountId, id: DocumentId): Promise<void> {
    const waiting = await read(
        db
            .from('documents')
            .select('state, bucket_id, upload_name, object_name')
            .eq('account_id', account)
            .eq('id', id)
            .eq('kind', 'photo')
            .single(),
        Waiting
    );
    if (waiting.state === 'ready') return;
    const bucket = db.storage.from(waiting.bucket_id);
    const { data: arrived, error } = await bucket.download(waiting.upload_name);
    if (error || !arrived) throw problem('upload_not_found', { cause: error });
    const photo = await cleanPhoto(new Uint8Array(await arrived.arrayBuffer())).catch(
        async (refused: unknown) => {
            await discardPhoto(db, account, id);
            throw refused;
        }
    );
    const kept = await bucket.upload(waiting.object_name, photo.bytes, {
        contentType: photo.contentType,
        upsert: true
    });
    if (kept.error) throw problem('document_expired', { cause: kept.error });
    await markReady(db, account, id, photo, photo);
    // The original, with everything it said about where it was taken. Removing may fail without harm: nobody but
    // its uploader can read it, and the sweeper takes it away.
    await bucket.remove([waiting.upload_name]);
}

type Facts = { bytes: Uint8Array; contentType: string; sha256: string };

/** Tells the database that a document's object lies in storage. */
export async function markReady(
    db: Db,
    account: AccountId,
    id: DocumentId,
    { bytes, contentType, sha256 }: Facts,
    size: { width: number; height: number } | null
): Promise<void> {
    await call(
        db,
        'finish_document',
        {
            account_id: account,
            document_id: id,
            content_type: contentType,
            size_bytes: bytes.byteLength,
            sha256,
            width: size?.width ?? null,
            height: size?.height ?? null
        },
        z.unknown()
    );
}

/** Gives up on a photo that is not ready: its file goes, then its row. */
export async function discardPhoto(db: Db, account: AccountId, id: DocumentId): Promise<void> {
    const waiting = await read(
        db
            .from('documents')
            .select('state, bucket_id, upload_name, object_name')
            .eq('account_id', account)
            .eq('id', id)
            .eq('kind', 'photo')
            .single(),
        Waiting
    );
    if (waiting.state !== 'awaiting') throw problem('document_not_awaiting');
    // Through the API, never by SQL, which would leave the bytes. A file that never came is no failure.
    await db.storage.from(waiting.bucket_id).remove([waiting.upload_name, waiting.object_name]);
    await call(db, 'discard_document', { account_id: account, document_id: id }, z.unknown());
}

const Photo = z.object({
    id: DocumentId,
    file_name: z.string(),
    width: z.int(),
    height: z.int(),
    access: z.enum(['internal', 'client', 'supplier']),
    ready_at: Moment
});

/** A photo to show; the address works for 60 seconds. */
export type Photo = z.infer<typeof Photo> & { url: string };

/** Addresses of documents, 60 seconds each. One that the person may not see is simply not among them. */
export async function viewUrls(
    db: Db,
    account: AccountId,
    ids: readonly DocumentId[]
): Promise<Readonly<Record<string, string>>> {
    if (ids.length === 0) return {};
    const request = { action: 'view', account_id: account, document_ids: ids };
    const { urls } = await invoke(
        db,
        'storage-sign',
        request,
        z.object({ urls: z.record(z.string(), z.url()) })
    );
    return urls;
}

/** The photos of a job, oldest first. */
export async function photosOfJob(db: Db, account: AccountId, job: JobId): Promise<Photo[]> {
    const rows = await read(
        db
            .from('documents')
            .select('id, file_name, width, height, access, ready_at')
            .eq('account_id', account)
            .eq('job_id', job)
            .eq('kind', 'photo')
            .eq('state', 'ready')
            .order('ready_at')
            .limit(100),
        z.array(Photo)
    );
    const urls = await viewUrls(
        db,
        account,
        rows.map(({ id }) => id)
    );
    return rows.flatMap((row) => {
        const url = urls[row.id];
        return url ? [{ ...row, url }] : [];
    });
}

const Linked = z.object({ document: z.object({ id: DocumentId, state: z.string() }).nullable() });

/** The PDF of an issued invoice, or `invoice_pdf_not_ready`. The address works for 60 seconds. */
export async function invoicePdfUrl(db: Db, account: AccountId, invoice: InvoiceId): Promise<string> {
    const { document } = await read(
        db
            .from('invoices')
            .select('document:documents!invoice_has_a_document_of_the_account (id, state)')
            .eq('account_id', account)
            .eq('id', invoice)
            .single(),
        Linked
    );
    const url =
        document?.state === 'ready' ? (await viewUrls(db, account, [document.id]))[document.id] : undefined;
    return url ?? Promise.reject(problem('invoice_pdf_not_ready'));
}
