/**
 * Where Stripe's events come in, and where what they left undone is swept up.
 *
 * POST from Stripe, signed → 200 `{received: true}` once the event is recorded. A bad signature (unsigned,
 * tampered, older than 300 s, of another secret): 400 `signature_not_valid` and nothing is stored. The database
 * out of reach: 503, so that Stripe sends it again. A failure after recording loses nothing: the event stays
 * unapplied and the sweeper finds it.
 *
 * POST `{action: 'sweep'}` with `x-tf-worker` → `{applied, left}`; 401 `worker_key_required`.
 */
import Stripe from 'npm:stripe@23.1.0';
import { z } from 'npm:zod@4.6.7';
import { describeFailure } from '../_shared/log.ts';
import { Problem } from '../_shared/problem.ts';
import { allowMethods, readBody, readJson } from '../_shared/request.ts';
import { serve, type Call } from '../_shared/serve.ts';
import { callService, type Act } from '../_shared/service.ts';
import { readSettings } from '../_shared/settings.ts';
import { stripe } from '../_shared/stripe.ts';
import { claimsToBeWorker, requireWorker } from '../_shared/worker.ts';
import { applyObject } from './apply.ts';
import { appliedTypes, objectToApply, recordOf, type StripeEvent, type StripeObject } from './event.ts';

const { STRIPE_WEBHOOK_SECRETS } = readSettings('STRIPE_WEBHOOK_SECRETS');

const TOLERANCE_SECONDS = 300;
const BODY_LIMIT_BYTES = 1024 * 1024;
const SWEEP_ROWS = 50;
const crypto_ = Stripe.createSubtleCryptoProvider();

const Event = z.object({
    id: z.string().startsWith('evt_'),
    type: z.string(),
    account: z.string().nullish(),
    api_version: z.string().nullable(),
    created: z.int(),
    livemode: z.boolean(),
    data: z.object({ object: z.record(z.string(), z.unknown()) })
});
const Sweep = z.strictObject({ action: z.literal('sweep') });
const Unapplied = z.array(
    z.object({ object_type: z.enum(appliedTypes), object_id: z.string(), account: z.string().nullable() })
);

serve('stripe-webhook', async (call) => {
    allowMethods(call.request, 'POST');
    if (claimsToBeWorker(call.request)) {
        await requireWorker(call.request);
        await readJson(call.request, Sweep);
        return Response.json(await sweep(call));
    }
    const body = await readBody(call.request, BODY_LIMIT_BYTES);
    const event = await verifiedEvent(body, call.request.headers.get('stripe-signature'));
    const record = recordOf(event, await sha256Hex(body));
    const act = actFor(call);
    const isNew = await callService(act, 'record_stripe_event', { event: record }, z.boolean());
    call.log.info('event', { type: record.type, event_id: record.id, new: isNew });
    const object = objectToApply(record);
    // A repeated event is applied again too: the first time may have failed, and applying twice changes nothing.
    if (object !== null) {
        await applyOrLeave(call, act, object);
    }
    return Response.json({ received: true });
});

function actFor(call: Call): Act {
    return { actor: 'stripe', requestId: call.requestId, context: null };
}

async function applyOrLeave(call: Call, act: Act, object: StripeObject): Promise<boolean> {
    try {
        return (await applyObject(act, call.log, object)) !== 'left';
    } catch (failure) {
        call.log.error('apply_failed', { object_id: object.object_id, ...describeFailure(failure) });
        return false;
    }
}

async function sweep(call: Call): Promise<{ applied: number; left: number }> {
    const act = actFor(call);
    const objects = await callService(act, 'unapplied_stripe_objects', { limit_rows: SWEEP_ROWS }, Unapplied);
    let applied = 0;
    for (const object of objects) {
        applied += (await applyOrLeave(call, act, object)) ? 1 : 0;
    }
    return { applied, left: objects.length - applied };
}

/** The event in `body` if one of our secrets signed these very bytes within 300 s (docs.stripe.com/webhooks/signature). */
async function verifiedEvent(body: Uint8Array<ArrayBuffer>, signature: string | null): Promise<StripeEvent> {
    const text = new TextDecoder().decode(body);
    for (const secret of STRIPE_WEBHOOK_SECRETS) {
        let verified: unknown;
        try {
            verified = await stripe.webhooks.constructEventAsync(
                text,
                signature ?? '',
                secret,
                TOLERANCE_SECONDS,
                crypto_
            );
        } catch {
            continue;
        }
        const event = Event.safeParse(verified);
        if (!event.success) {
            throw new Problem('request_not_understood', { detail: 'The body is no event.' });
        }
        return event.data;
    }
    throw new Problem('signature_not_valid');
}

async function sha256Hex(body: Uint8Array<ArrayBuffer>): Promise<string> {
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', body));
    return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
