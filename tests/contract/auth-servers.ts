// Auth servers under settings of their own, over a stack's database: for what a hosted project can be set to and ours is not.
import postgres from 'postgres';
import type { SupabaseClient } from '@supabase/supabase-js';
import { createAuth, type AuthServer } from '../../local/auth/index.ts';
import { createKeys, newSigningKey } from '../../local/keys.ts';
import type { StackInfo } from '../support/stack.ts';
import type { MailHook } from './mail-hook.ts';
import { aVisitor } from './visitors.ts';

const EXTERNAL_URL = 'http://auth.example/auth/v1';

/** A clock that tests move. It runs like any other until it is told to stand still. */
export type TestClock = {
    now(): Date;
    /** Stops at the real time. */
    standStill(): void;
    advance(seconds: number): void;
    /** Back to the real time, and running. */
    reset(): void;
};

/** What a server is given that is no setting of a project. */
export type Beside = { captchaUrl?: string };

export type AuthServers = {
    clock: TestClock;
    /** The setting without which no server starts, for those that set hooks of their own. */
    mailHook: Record<string, unknown>;
    /** A server with these settings of `[auth]` beside the ones it can't do without. */
    serverWith(settings: Record<string, unknown>, beside?: Beside): Promise<AuthServer>;
    /** The official client at such a server, without a network between. */
    visitorOf(settings: Record<string, unknown>, beside?: Beside): Promise<SupabaseClient>;
    /** A token of the service role, which any of the servers takes. */
    serviceToken(): Promise<string>;
    close(): Promise<void>;
};

function createTestClock(): TestClock {
    let stoppedAt: number | undefined;
    let ahead = 0;
    return {
        now: () => new Date((stoppedAt ?? Date.now()) + ahead * 1000),
        standStill: () => {
            stoppedAt = Date.now();
            ahead = 0;
        },
        advance: (seconds) => void (ahead += seconds),
        reset: () => {
            stoppedAt = undefined;
            ahead = 0;
        }
    };
}

/** Servers over the database of a stack; sign-ups are confirmed at once unless the settings say otherwise. */
export function startAuthServers(stack: StackInfo, hook: MailHook): AuthServers {
    const url = new URL(stack.superuserUrl);
    url.username = 'supabase_auth_admin';
    const sql = postgres(url.href, { max: 4 });
    const clock = createTestClock();
    const servers: AuthServer[] = [];
    const keys = newSigningKey().then((key) => createKeys(key, EXTERNAL_URL, clock));
    const mailHook = { enabled: true, uri: hook.uri, secrets: hook.secrets };
    const serverWith = async (settings: Record<string, unknown>, beside: Beside = {}) => {
        const server = await createAuth({
            sql,
            keys: await keys,
            config: {
                auth: { site_url: 'http://localhost:3000', hook: { send_email: mailHook }, ...settings }
            },
            clock,
            externalUrl: EXTERNAL_URL,
            fetch,
            log: () => undefined,
            ...beside
        });
        servers.push(server);
        return server;
    };
    return {
        clock,
        mailHook,
        serverWith,
        visitorOf: async (settings, beside) => {
            const server = await serverWith(settings, beside);
            return aVisitor(
                { apiUrl: new URL(EXTERNAL_URL).origin, secretKey: 'sb_secret_none' },
                {
                    fetch: async (input, init) => {
                        const { href } = new URL(input instanceof Request ? input.url : input);
                        return server.fetch(new Request(href.replace('/auth/v1', ''), init));
                    }
                }
            );
        },
        serviceToken: async () => (await keys).sign({ role: 'service_role', exp: 2_300_000_000 }),
        close: async () => {
            await Promise.all(servers.map((server) => server.close()));
            await sql.end();
        }
    };
}
