/**
 * Anchors the audit trail: signs the heads of the chains that moved and sends them outside.
 *
 * POST `{}` with `x-tf-worker` → `{anchored, delivered, left}`: how many anchors were made, how many copies reached a
 * sink, how many could not; 401 `worker_key_required`. Any number of runs at once, late or never: the database takes each
 * number once, in order, and a copy that did not arrive goes out with the next run, so a sink may see one twice.
 */
import { hash } from 'node:crypto';
import { z } from 'npm:zod@4.6.7';
import { describeFailure, type Log } from '../_shared/log.ts';
import { allowMethods, readJson } from '../_shared/request.ts';
import { serve } from '../_shared/serve.ts';
import { callService, type Act } from '../_shared/service.ts';
import { readSettings } from '../_shared/settings.ts';
import { requireWorker } from '../_shared/worker.ts';
import { openSigner, type Signer } from './signer.ts';

const { AUDIT_SIGNING_KEY, AUDIT_ANCHOR_SINKS } = readSettings('AUDIT_SIGNING_KEY', 'AUDIT_ANCHOR_SINKS');

const RUN_MS = 20_000;
/** So many that a hosted function signs an anchor well within its two seconds of computing. */
const HEADS_PER_ANCHOR = 1000;
const COPIES_AT_A_TIME = 20;
const SINK_TIMEOUT_MS = 10_000;

const signer = await openSigner(AUDIT_SIGNING_KEY);

const Draft = z.object({
    number: z.int(),
    at: z.string(),
    previous: z.string(),
    heads: z.array(z.object({ chain_id: z.string(), seq: z.int(), hash: z.string() }))
});
const Copies = z.array(z.looseObject({ number: z.int() }));

serve('audit-anchor', async (call) => {
    allowMethods(call.request, 'POST');
    await requireWorker(call.request);
    await readJson(call.request, z.strictObject({}));
    const act: Act = { actor: 'notary', requestId: call.requestId, context: null };
    const until = performance.now() + RUN_MS;

    let anchored = 0;
    while (performance.now() < until) {
        const draft = await callService(act, 'moved_heads', { limit_rows: HEADS_PER_ANCHOR }, Draft);
        if (draft.heads.length === 0) {
            break;
        }
        anchored += (await anchor(act, signer, draft)) ? 1 : 0;
    }

    let delivered = 0;
    let left = 0;
    for (const address of AUDIT_ANCHOR_SINKS) {
        const sent = await deliver(act, call.log, address, until);
        delivered += sent.delivered;
        left += sent.left;
    }
    call.log.info('anchors', { anchored, delivered, left });
    return Response.json({ anchored, delivered, left });
});

async function anchor(
    act: Act,
    { sign, publicKey }: Signer,
    draft: z.output<typeof Draft>
): Promise<boolean> {
    const args = { anchor: await sign(draft), public_key: publicKey };
    return await callService(act, 'store_anchor', args, z.boolean());
}

/** Posts what a sink doesn't have yet, in order, until one fails or time is up. */
async function deliver(
    act: Act,
    log: Log,
    address: string,
    until: number
): Promise<{ delivered: number; left: number }> {
    const sink = hash('sha256', address, 'hex');
    let delivered = 0;
    while (performance.now() < until) {
        const args = { sink, limit_rows: COPIES_AT_A_TIME };
        const copies = await callService(act, 'anchors_to_deliver', args, Copies);
        for (const [index, copy] of copies.entries()) {
            if (!(await post(log, address, copy))) {
                return { delivered, left: copies.length - index };
            }
            await callService(act, 'anchor_delivered', { sink, number: copy.number }, z.unknown());
            delivered += 1;
        }
        if (copies.length < COPIES_AT_A_TIME) {
            break;
        }
    }
    return { delivered, left: 0 };
}

async function post(log: Log, address: string, copy: { number: number }): Promise<boolean> {
    // Only the host is logged: the rest of the address may be a password.
    const host = new URL(address).host;
    try {
        const answer = await fetch(address, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify(copy),
            redirect: 'error',
            signal: AbortSignal.timeout(SINK_TIMEOUT_MS)
        });
        await answer.body?.cancel();
        if (!answer.ok) {
            log.error('anchor_not_delivered', { host, number: copy.number, status: answer.status });
        }
        return answer.ok;
    } catch (failure) {
        log.error('anchor_not_delivered', { host, number: copy.number, ...describeFailure(failure) });
        return false;
    }
}
