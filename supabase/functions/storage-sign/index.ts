/**
 * Signs URLs for files, with the caller's own rights: a person's token or a customer's private link, never the
 * secret key, so that row-level security on `storage.objects` is a true second check.
 *
 * POST, one of
 * - `{action: 'upload', account_id, document_id, part: 'upload' | 'object'}` → `{url, token, expires_at}`.
 *   `upload` is the raw file from the phone, `object` the cleaned one. The document must be awaiting; the upload
 *   is accepted until `expires_at`, ten minutes after the document was started, whatever the token's own life.
 * - `{action: 'view', account_id, document_ids}` → `{urls: {<document id>: <url>}}`, 60 s; files that are not
 *   there, not ready or not this person's to see are left out.
 * - `{action: 'view_portal', token, proof?}` → `{url}`, 60 s: the invoice's PDF for the holder of the link. Needs `x-tf-context`.
 *
 * Problems: `sign_in_required` 401, `context_required` 401, `not_found` 404, `link_not_valid` 404, `too_many_links` 429,
 * `document_not_awaiting` 409, `document_expired` 409, `validation_failed` 422, `storage_unavailable` 503.
 */
import { z } from 'npm:zod@4.6.7';
import { contextOf, requireContext, requirePerson } from '../_shared/caller.ts';
import { clientOf, clientOfLink, dataOf } from '../_shared/person.ts';
import { Problem } from '../_shared/problem.ts';
import { allowMethods, readJson } from '../_shared/request.ts';
import { serve, type Call } from '../_shared/serve.ts';

const VIEW_SECONDS = 60;

const Upload = z.strictObject({
    action: z.literal('upload'),
    account_id: z.guid(),
    document_id: z.guid(),
    part: z.enum(['upload', 'object'])
});
const View = z.strictObject({
    action: z.literal('view'),
    account_id: z.guid(),
    document_ids: z.array(z.guid()).min(1).max(100)
});
const ViewPortal = z.strictObject({
    action: z.literal('view_portal'),
    token: z.string().min(16).max(200),
    proof: z.string().max(200).nullish().default(null)
});
const Body = z.discriminatedUnion('action', [Upload, View, ViewPortal]);

const Awaiting = z.object({
    bucket_id: z.string(),
    upload_name: z.string().nullable(),
    object_name: z.string(),
    state: z.string(),
    upload_until: z.coerce.date()
});
const Ready = z.object({ id: z.string(), bucket_id: z.string(), object_name: z.string() });
const LinkedInvoice = z.object({
    document: z.object({ bucket_id: z.string(), object_name: z.string() }).nullable()
});

serve('storage-sign', async (call) => {
    allowMethods(call.request, 'POST');
    const body = await readJson(call.request, Body);
    switch (body.action) {
        case 'upload':
            return Response.json(await signUpload(call, body));
        case 'view':
            return Response.json(await signViews(call, body));
        case 'view_portal':
            return Response.json(await signLinkedView(call, body));
    }
});

async function signUpload(call: Call, { account_id, document_id, part }: z.output<typeof Upload>) {
    const client = await clientOf(requirePerson(call.request), call, await contextOf(call));
    const rows = dataOf(
        await client
            .from('documents')
            .select('bucket_id, upload_name, object_name, state, upload_until')
            .eq('account_id', account_id)
            .eq('id', document_id)
            .limit(1)
    );
    const [document] = z.array(Awaiting).parse(rows);
    if (document === undefined) {
        throw new Problem('not_found');
    }
    if (document.state !== 'awaiting') {
        throw new Problem('document_not_awaiting');
    }
    // A trigger on storage.objects holds to this time too, whatever the token's own life.
    if (document.upload_until.getTime() <= Date.now()) {
        throw new Problem('document_expired');
    }
    const name = part === 'upload' ? document.upload_name : document.object_name;
    if (name === null) {
        throw new Problem('validation_failed', { detail: 'A file of this kind has no raw upload.' });
    }
    const signed = await client.storage.from(document.bucket_id).createSignedUploadUrl(name);
    if (signed.error !== null) {
        throw problemFromStorage(signed.error);
    }
    return {
        url: signed.data.signedUrl,
        token: signed.data.token,
        expires_at: document.upload_until.toISOString()
    };
}

async function signViews(call: Call, { account_id, document_ids }: z.output<typeof View>) {
    const client = await clientOf(requirePerson(call.request), call, await contextOf(call));
    // Finding them and recording that they were looked at is one act.
    const rows = dataOf(await client.rpc('view_documents', { account_id, document_ids }));
    const documents = z.array(Ready).parse(rows);
    const [first] = documents;
    if (first === undefined) {
        return { urls: {} };
    }
    // All are of one account, and an account has one bucket.
    const signed = await client.storage.from(first.bucket_id).createSignedUrls(
        documents.map((document) => document.object_name),
        VIEW_SECONDS
    );
    if (signed.error !== null) {
        throw problemFromStorage(signed.error);
    }
    const urlOf = new Map(
        signed.data.map(({ path, error, signedUrl }) => [path, error === null ? signedUrl : null])
    );
    const urls = documents.flatMap(({ id, object_name }) => {
        const url = urlOf.get(object_name);
        return typeof url === 'string' && url !== '' ? [[id, url] as const] : [];
    });
    return { urls: Object.fromEntries(urls) };
}

async function signLinkedView(call: Call, { token, proof }: z.output<typeof ViewPortal>) {
    const client = await clientOfLink(token, call, await requireContext(call));
    const invoice = LinkedInvoice.parse(dataOf(await client.rpc('portal_invoice', { token, proof })));
    if (invoice.document === null) {
        throw new Problem('not_found', { detail: 'The invoice has no PDF yet.' });
    }
    const { bucket_id, object_name } = invoice.document;
    const signed = await client.storage.from(bucket_id).createSignedUrl(object_name, VIEW_SECONDS);
    if (signed.error !== null) {
        throw problemFromStorage(signed.error);
    }
    return { url: signed.data.signedUrl };
}

/** Storage answers a refusal and an absent object alike where a policy hides it; so do we. */
function problemFromStorage(error: { readonly message: string }): Problem {
    const status = 'statusCode' in error ? Number(error.statusCode) : Number.NaN;
    if (status === 403 || status === 404) {
        return new Problem('not_found', { cause: error });
    }
    return new Problem(status >= 400 && status < 500 ? 'validation_failed' : 'storage_unavailable', {
        cause: error
    });
}
