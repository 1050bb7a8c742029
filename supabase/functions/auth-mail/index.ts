/**
 * The auth server's send-email hook: puts the mail into the outbox and lets it be sent at once.
 *
 * POST signed by Standard Webhooks with any of our secrets → 200 `{}` well within the hook's 5 s. The same
 * `webhook-id` again queues nothing new. A bad signature: 400. The database out of reach: 503 with Retry-After,
 * on which the auth server tries again. A kind of mail that this project does not use is refused in the hook's
 * own form, `{error: {http_code, message}}`, because dropping it silently would leave a person waiting.
 */
import { Webhook } from 'npm:standardwebhooks@1.1.1';
import { z } from 'npm:zod@4.6.7';
import { describeFailure } from '../_shared/log.ts';
import { sealLink } from '../_shared/mail-link.ts';
import { Problem } from '../_shared/problem.ts';
import { allowMethods, parseJson, readBody } from '../_shared/request.ts';
import { afterAnswer, serve, type Call } from '../_shared/serve.ts';
import { callService, type Act } from '../_shared/service.ts';
import { readSettings } from '../_shared/settings.ts';
import { kick } from '../_shared/worker.ts';
import { mailsFor } from './messages.ts';

const { SEND_EMAIL_HOOK_SECRETS, TF_CONTEXT_KEY } = readSettings('SEND_EMAIL_HOOK_SECRETS', 'TF_CONTEXT_KEY');

const BODY_LIMIT_BYTES = 256 * 1024;
/** Two of these, for a change of address, still fit into the hook's 5 s. */
const ENQUEUE_TIMEOUT_MS = 2000;

/** Fields that a kind of mail does not use come as empty texts. */
const maybeText = z
    .string()
    .optional()
    .transform((text) => (text === '' ? undefined : text));
const HookInput = z.object({
    user: z.object({ email: z.string().min(3), new_email: maybeText }),
    email_data: z.object({
        token: z.string().min(1),
        token_hash: z.string().min(1),
        token_new: maybeText,
        token_hash_new: maybeText,
        email_action_type: z.string()
    })
});

serve('auth-mail', async (call) => {
    allowMethods(call.request, 'POST');
    const text = new TextDecoder().decode(await readBody(call.request, BODY_LIMIT_BYTES));
    const webhookId = verify(text, call.request.headers);
    const input = parseJson(text, HookInput);
    const mails = mailsFor(input);
    if (mails === null) {
        call.log.error('mail_not_offered', { type: input.email_data.email_action_type });
        return Response.json({
            error: { http_code: 422, message: 'This kind of e-mail is not offered here.' }
        });
    }
    const act: Act = { actor: 'auth', requestId: call.requestId, context: null };
    await enqueue(act, webhookId, mails);
    afterAnswer(send(call));
    return Response.json({});
});

async function enqueue(
    act: Act,
    webhookId: string,
    mails: NonNullable<ReturnType<typeof mailsFor>>
): Promise<void> {
    for (const { suffix, template, to, data } of mails) {
        const args = {
            dedupe_key: `${webhookId}${suffix}`,
            template,
            to_address: to,
            data: { ...data, token_hash: await sealLink(data.token_hash, TF_CONTEXT_KEY) }
        };
        try {
            await callService(act, 'enqueue_auth_mail', args, z.string(), ENQUEUE_TIMEOUT_MS);
        } catch (failure) {
            throw failure instanceof Problem && failure.status === 503
                ? new Problem(failure.code, { cause: failure, headers: { 'retry-after': '1' } })
                : failure;
        }
    }
}

/** The mail is safe in the outbox by now; a failed kick only means that the next tick sends it. */
async function send(call: Call): Promise<void> {
    try {
        await kick('send-mail', call.requestId);
    } catch (failure) {
        call.log.error('kick_failed', describeFailure(failure));
    }
}

/** The webhook's id if one of our secrets signed this body within 5 minutes; else throws `signature_not_valid`. */
function verify(text: string, headers: Headers): string {
    const id = headers.get('webhook-id') ?? '';
    const signed = {
        'webhook-id': id,
        'webhook-timestamp': headers.get('webhook-timestamp') ?? '',
        // The auth server joins the signatures of several secrets by ", "; the specification has a space.
        'webhook-signature': (headers.get('webhook-signature') ?? '').replaceAll(', ', ' ')
    };
    for (const secret of SEND_EMAIL_HOOK_SECRETS) {
        try {
            new Webhook(secret).verify(text, signed, { jsonParse: false });
            return id;
        } catch {
            continue;
        }
    }
    throw new Problem('signature_not_valid');
}
