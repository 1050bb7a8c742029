/**
 * Clears away uploads that were never finished: their bytes through storage, then their row. A function of its
 * own, because this needs the secret key, which storage-sign must never touch.
 *
 * POST `{}` with `x-tf-worker` → `{removed}`; 401 `worker_key_required`. What fails stays for the next run.
 */
import { z } from 'npm:zod@4.6.7';
import { allowMethods, readJson } from '../_shared/request.ts';
import { serve } from '../_shared/serve.ts';
import { callService, removeObjects, type Act } from '../_shared/service.ts';
import { requireWorker } from '../_shared/worker.ts';

const BATCH_ROWS = 50;

const Abandoned = z.array(
    z.object({
        account_id: z.string(),
        document_id: z.string(),
        bucket_id: z.string(),
        names: z.array(z.string())
    })
);

serve('storage-sweep', async (call) => {
    allowMethods(call.request, 'POST');
    await requireWorker(call.request);
    await readJson(call.request, z.strictObject({}));
    const act: Act = { actor: 'sweeper', requestId: call.requestId, context: null };
    const documents = await callService(act, 'abandoned_documents', { limit_rows: BATCH_ROWS }, Abandoned);
    let removed = 0;
    for (const { account_id, document_id, bucket_id, names } of documents) {
        await removeObjects(bucket_id, names);
        removed += (await callService(act, 'forget_document', { account_id, document_id }, z.boolean()))
            ? 1
            : 0;
    }
    return Response.json({ removed });
});
