// The stack that a test speaks to: the runner's (TF_STACK), a hosted project (CONTRACT_…), or one of its own.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startStack } from '../../local/stack.ts';
import type { Stack, StackInfo, StackOptions } from '../../local/stack.ts';

export type { Stack, StackInfo } from '../../local/stack.ts';

export const projectDir = join(import.meta.dirname, '..', '..');

/** Do the contract tests judge a hosted project instead of the embedded stack? */
export const hosted = Boolean(process.env.CONTRACT_SUPABASE_URL);

/** The running stack. What a hosted project does not offer is an empty text. */
export function stack(): StackInfo {
    if (hosted) return hostedProject(process.env);
    const given = process.env.TF_STACK;
    if (!given)
        throw new Error(
            'No stack to test: use `npm run test:contract`, or set TF_STACK to the output of `npm run stack -- --json`.'
        );
    return JSON.parse(given) as StackInfo;
}

function hostedProject(env: NodeJS.ProcessEnv): StackInfo {
    const required = (name: string): string => {
        const value = env[name];
        if (!value) throw new Error(`Contract tests against a hosted project need ${name}.`);
        return value;
    };
    return {
        apiUrl: required('CONTRACT_SUPABASE_URL').replace(/\/$/, ''),
        publishableKey: required('CONTRACT_PUBLISHABLE_KEY'),
        secretKey: required('CONTRACT_SECRET_KEY'),
        databaseUrl: env.CONTRACT_DATABASE_URL ?? '',
        superuserUrl: '',
        inboxUrl: '',
        mailUrl: env.CONTRACT_MAIL_URL ?? '',
        mailApiKey: env.CONTRACT_MAIL_API_KEY ?? '',
        stripeUrl: env.CONTRACT_STRIPE_URL ?? '',
        stripeSecretKey: env.CONTRACT_STRIPE_SECRET_KEY ?? '',
        stripeWebhookSecret: env.CONTRACT_STRIPE_WEBHOOK_SECRET ?? '',
        googleUrl: '',
        appleUrl: '',
        azureUrl: '',
        sso: { url: '', clientId: '', clientSecret: '' },
        samlUrl: '',
        passwordsUrl: '',
        dnsUrl: '',
        turnstileUrl: '',
        controlUrl: '',
        env: { APP_ORIGIN: env.CONTRACT_APP_ORIGIN ?? '' }
    };
}

/** Any free port for every part. */
export const anyPorts = {
    api: 0,
    database: 0,
    inbox: 0,
    control: 0,
    stripe: 0,
    google: 0,
    apple: 0,
    passwords: 0,
    dns: 0,
    azure: 0,
    sso: 0,
    turnstile: 0,
    saml: 0
} as const;

export type OwnStack = Stack & { stateDir: string; stopAndForget(): Promise<void> };

/** A stack for one test file: free ports, an empty throw-away state folder. Stop it with `stopAndForget`. */
export async function startOwnStack(options: Partial<StackOptions> = {}): Promise<OwnStack> {
    const stateDir = options.stateDir ?? mkdtempSync(join(tmpdir(), 'stack-'));
    const own = await startStack({
        projectDir,
        ports: anyPorts,
        durable: false,
        seed: false,
        // Most tests of the door fail more often than three times; those of the captcha bring it.
        without: ['turnstile'],
        ...options,
        stateDir
    });
    const stopAndForget = async () => {
        await own.stop();
        rmSync(stateDir, { recursive: true, force: true });
    };
    return { ...own, stateDir, stopAndForget };
}
