/**
 * The outbox's worker: claims rows under a lease, sends them, records what became of each.
 *
 * POST `{}` with `x-tf-worker` → `{sent, failed}` when the queue is empty or 20 s have passed; 401
 * `worker_key_required`. Any number of runs at once: a row is claimed by one, and if that one dies between
 * sending and recording, the next sends it under the same idempotency key, which the provider answers without a
 * second mail.
 */
import { z } from 'npm:zod@4.6.7';
import { describeFailure, type Log } from '../_shared/log.ts';
import { Problem } from '../_shared/problem.ts';
import { allowMethods, readJson } from '../_shared/request.ts';
import { serve } from '../_shared/serve.ts';
import { callService, downloadObject, type Act } from '../_shared/service.ts';
import { readSettings } from '../_shared/settings.ts';
import { requireWorker } from '../_shared/worker.ts';
import { compose, OutboxRow } from './compose.ts';
import { send, type Message, type Outcome } from './provider.ts';

const { APP_ORIGIN, MAIL_FROM } = readSettings('APP_ORIGIN', 'MAIL_FROM');

const RUN_MS = 20_000;
/** A batch, at 20 s for the slowest row (file, provider), ends well before its lease does. */
const BATCH_ROWS = 4;
const LEASE_SECONDS = 120;
const MAX_PAUSE_SECONDS = 2;

serve('send-mail', async (call) => {
    allowMethods(call.request, 'POST');
    await requireWorker(call.request);
    await readJson(call.request, z.strictObject({}));
    const act: Act = { actor: 'mailer', requestId: call.requestId, context: null };
    const until = performance.now() + RUN_MS;
    const counts = { sent: 0, failed: 0 };
    do {
        const args = { limit_rows: BATCH_ROWS, lease_seconds: LEASE_SECONDS };
        const rows = await callService(act, 'claim_mail', args, z.array(OutboxRow));
        if (rows.length === 0) {
            break;
        }
        for (const row of rows) {
            const isSent = await sendRow(act, call.log, row);
            counts[isSent ? 'sent' : 'failed'] += 1;
        }
    } while (performance.now() < until);
    return Response.json(counts);
});

async function sendRow(act: Act, log: Log, row: OutboxRow): Promise<boolean> {
    const outcome = await attempt(row);
    const fields = { outbox_id: row.id, template: row.template, outcome: outcome.kind };
    try {
        await record(act, row, outcome);
        log.info('mail', { ...fields, code: 'code' in outcome ? outcome.code : undefined });
    } catch (failure) {
        // The lease runs out and the row comes again; the provider's key keeps it a single mail.
        log.error('mail_not_recorded', { ...fields, ...describeFailure(failure) });
    }
    if (outcome.kind === 'later' && outcome.waitSeconds > 0) {
        await new Promise((resolve) =>
            setTimeout(resolve, Math.min(outcome.waitSeconds, MAX_PAUSE_SECONDS) * 1000)
        );
    }
    return outcome.kind === 'sent';
}

async function attempt(row: OutboxRow): Promise<Outcome> {
    const mail = compose(row, APP_ORIGIN, MAIL_FROM);
    if ('code' in mail) {
        return { kind: 'refused', code: mail.code };
    }
    // An invoice without its PDF is no invoice; better a failed message that somebody sees.
    if (row.template === 'invoice' && row.document === null) {
        return { kind: 'refused', code: 'document_missing' };
    }
    let attachment: Message['attachment'] = null;
    if (row.document !== null) {
        const { bucket_id, object_name, file_name } = row.document;
        try {
            const bytes = await downloadObject(bucket_id, object_name);
            if (bytes === null) {
                return { kind: 'refused', code: 'document_missing' };
            }
            attachment = { fileName: file_name, bytes };
        } catch (failure) {
            return {
                kind: 'later',
                code: failure instanceof Problem ? failure.code : 'internal_error',
                waitSeconds: 0
            };
        }
    }
    return await send({ ...mail, to: row.to_address, template: row.template, attachment }, row.id);
}

async function record(act: Act, { id, lease }: OutboxRow, outcome: Outcome): Promise<void> {
    if (outcome.kind === 'sent') {
        await callService(act, 'mail_sent', { id, lease, provider_id: outcome.providerId }, z.unknown());
    } else {
        const args = { id, lease, code: outcome.code, retry: outcome.kind === 'later' };
        await callService(act, 'mail_failed', args, z.unknown());
    }
}
