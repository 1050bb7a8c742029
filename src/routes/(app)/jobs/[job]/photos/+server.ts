// What the page's script calls for each photo: make room and sign the upload, say that it has arrived, or give it up.
import { z } from 'zod';
import { discardPhoto, finishPhoto, startPhoto } from '$lib/server/documents.ts';
import { pathId, protectedEndpoint } from '$lib/server/guard.ts';
import { DocumentId, IdempotencyKey, JobId } from '$lib/server/ids.ts';

const account_id = z.string();
const Step = z.discriminatedUnion('step', [
    z.strictObject({
        step: z.literal('start'),
        account_id,
        file_name: z.string().trim().min(1).max(255),
        idempotency_key: IdempotencyKey
    }),
    z.strictObject({ step: z.literal('arrived'), account_id, document_id: DocumentId }),
    z.strictObject({ step: z.literal('give_up'), account_id, document_id: DocumentId })
]);

export const POST = protectedEndpoint('documents.write', Step, async ({ db, account, event, input }) => {
    const job = pathId(event, 'job', JobId);
    switch (input.step) {
        case 'start':
            return startPhoto(db, account.id, job, input.file_name, input.idempotency_key);
        case 'arrived':
            return finishPhoto(db, account.id, input.document_id);
        case 'give_up':
            return discardPhoto(db, account.id, input.document_id);
    }
});
