/**
 * Hooks: the project's own code, asked over HTTP with a Standard Webhooks signature, or as a Postgres function inside
 * the request's transaction. A refusal in its answer becomes the auth server's own.
 */
import { Webhook } from 'standardwebhooks';
import { z } from 'zod';
import type { AuthDeps, Work } from './contract.ts';
import { refusal } from './errors.ts';
import type { AuthSettings, HookSettings } from './settings.ts';
import { userJson, type User } from './users.ts';

const TIMEOUT_MS = 5000;
const PAUSE_MS = 2000;
const TRIES = 3;
const MAX_ANSWER_BYTES = 200 * 1024;
const POSTGRES_TIMEOUT_MS = 2000;

export type EmailData = {
    token: string;
    token_hash: string;
    redirect_to: string;
    email_action_type: string;
    site_url: string;
    token_new: string;
    token_hash_new: string;
    old_email: string;
    old_phone: string;
    provider: string;
    factor_type: string;
};

export type Claims = Record<string, unknown>;

export type Hooks = {
    /** @throws AuthError the hook's refusal, or hook_timeout and its like */
    sendEmail(work: Work, user: User, email: EmailData): Promise<void>;
    /** The claims as the project's hook wants them; unchanged without one. */
    customAccessToken(work: Work, userId: string, claims: Claims, method: string): Promise<Claims>;
};

const Refusal = z.object({
    error: z.object({
        http_code: z.number().int().min(100).max(599).catch(500).optional(),
        message: z.string().min(1)
    })
});

const AccessToken = z.object({
    claims: z.looseObject({
        aud: z.union([z.string(), z.array(z.string())]),
        exp: z.number().int(),
        iat: z.number().int(),
        sub: z.string(),
        email: z.string(),
        phone: z.string(),
        role: z.string(),
        aal: z.string(),
        session_id: z.string(),
        is_anonymous: z.boolean()
    })
});

export function createHooks(settings: AuthSettings, deps: Pick<AuthDeps, 'fetch' | 'log'>): Hooks {
    const ask = async (work: Work, name: string, hook: HookSettings, input: Record<string, unknown>) => {
        const metadata = {
            uuid: crypto.randomUUID(),
            time: work.now,
            name: name.replaceAll('_', '-'),
            ...(work.caller.address ? { ip_address: work.caller.address } : {})
        };
        const body = JSON.stringify({ metadata, ...input });
        const answer = hook.uri.startsWith('pg-functions:')
            ? await askPostgres(work, hook, JSON.parse(body) as unknown)
            : await askHttp(deps, hook, body);
        refuseIfTold(answer);
        return answer;
    };
    return {
        async sendEmail(work, user, email) {
            const hook = settings.hook.send_email;
            if (hook?.enabled)
                await ask(work, 'send_email', hook, { user: userJson(user), email_data: email });
        },
        async customAccessToken(work, userId, claims, method) {
            const hook = settings.hook.custom_access_token;
            if (!hook?.enabled) return claims;
            const input = { user_id: userId, claims, authentication_method: method };
            const answer = AccessToken.safeParse(await ask(work, 'customize_access_token', hook, input));
            if (answer.success) return answer.data.claims;
            throw refusal(
                'unexpected_failure',
                `output claims do not conform to the expected schema: ${z.prettifyError(answer.error)}`
            );
        }
    };
}

function refuseIfTold(answer: unknown): void {
    const told = Refusal.safeParse(answer);
    if (!told.success) return;
    const status = told.data.error.http_code || 500;
    throw refusal(status === 500 ? 'unexpected_failure' : 'unknown', told.data.error.message, { status });
}

async function askPostgres({ db }: Work, hook: HookSettings, input: unknown): Promise<unknown> {
    const [schema, name] = new URL(hook.uri).pathname.slice(1).split('/');
    await db`select set_config('statement_timeout', ${String(POSTGRES_TIMEOUT_MS)}, true)`;
    // An untyped parameter fits a function of json and one of jsonb alike; the driver's types only know plain ones.
    const [row] = await db<{ answer: unknown }[]>`
        select ${db(`${schema}`)}.${db(`${name}`)}(${input as string}) as answer
    `;
    await db`set local statement_timeout to default`;
    return row?.answer;
}

async function askHttp(
    deps: Pick<AuthDeps, 'fetch' | 'log'>,
    hook: HookSettings,
    body: string
): Promise<unknown> {
    const deadline = AbortSignal.timeout(TIMEOUT_MS);
    for (let attempt = 1; attempt <= TRIES; attempt += 1) {
        let response: Response;
        try {
            response = await deps.fetch(hook.uri, {
                method: 'POST',
                headers: signedHeaders(hook, body),
                body,
                signal: deadline,
                redirect: 'manual'
            });
        } catch (error) {
            deps.log(
                `auth: hook at ${hook.uri} did not answer (try ${attempt}): ${(error as Error).message}`
            );
            if (deadline.aborted) throw refusal('hook_timeout');
            if (attempt === TRIES) throw refusal('hook_timeout_after_retry');
            await pause(deadline);
            continue;
        }
        const again =
            (response.status === 429 || response.status === 503) && response.headers.has('retry-after');
        if (!again) return readAnswer(response, deadline);
        await response.body?.cancel();
        if (attempt < TRIES) await pause(deadline);
    }
    throw refusal('unexpected_failure', 'Service currently unavailable due to hook');
}

/** The receiver compares with its own clock, so the signature carries the real time, never the movable one. */
function signedHeaders(hook: HookSettings, body: string): Record<string, string> {
    const id = crypto.randomUUID();
    const at = new Date();
    const signatures = hook.secrets
        .split('|')
        .map((secret) => new Webhook(secret.replace(/^v1,/, '')).sign(id, at, body));
    return {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
        'webhook-signature': signatures.join(', ')
    };
}

async function pause(deadline: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
        const timer = setTimeout(done, PAUSE_MS);
        function done() {
            clearTimeout(timer);
            deadline.removeEventListener('abort', done);
            resolve();
        }
        deadline.addEventListener('abort', done);
    });
    if (deadline.aborted) throw refusal('hook_timeout');
}

async function readAnswer(response: Response, deadline: AbortSignal): Promise<unknown> {
    const failure = (message: string) => refusal('unexpected_failure', message);
    if (response.status === 204) return {};
    if (response.status !== 200 && response.status !== 202) {
        await response.body?.cancel();
        if (response.status === 400) throw failure('Invalid payload sent to hook');
        if (response.status === 401) throw failure('Hook requires authorization token');
        if (response.status === 429 || response.status === 503) {
            throw failure('Service currently unavailable due to hook');
        }
        throw failure(`Unexpected status code returned from hook: ${response.status}`);
    }
    const type = response.headers.get('content-type');
    if (!type) throw refusal('hook_payload_invalid_content_type');
    if (type.split(';')[0]?.trim().toLowerCase() !== 'application/json') {
        throw refusal(
            'hook_payload_invalid_content_type',
            `Invalid JSON response. Received content-type: ${type}`
        );
    }
    const text = await readLimited(response, deadline);
    try {
        return JSON.parse(text);
    } catch {
        throw failure('Error unmarshaling JSON output.');
    }
}

async function readLimited(response: Response, deadline: AbortSignal): Promise<string> {
    const chunks: Uint8Array[] = [];
    let size = 0;
    try {
        for await (const chunk of response.body ?? []) {
            size += chunk.byteLength;
            if (size > MAX_ANSWER_BYTES) {
                throw refusal(
                    'hook_payload_over_size_limit',
                    `Payload size exceeded size limit of ${MAX_ANSWER_BYTES} bytes`
                );
            }
            chunks.push(chunk);
        }
    } catch (error) {
        if (deadline.aborted) throw refusal('hook_timeout');
        throw error;
    }
    return Buffer.concat(chunks).toString('utf8');
}
