// People at the auth server's door. Each comes from an address of their own, so that no test uses up another's limits.
import { randomBytes, randomInt } from 'node:crypto';
import { createClient, type Session, type SupabaseClient } from '@supabase/supabase-js';
import type { StackInfo } from '../support/stack.ts';

type Door = Pick<StackInfo, 'apiUrl' | 'secretKey'>;
type Flow = 'implicit' | 'pkce';

export const anAddress = (): string => `visitor-${randomBytes(8).toString('hex')}@example.com`;
export const aPassword = (): string => `${randomBytes(9).toString('base64url')}aA1`;
export const aClientAddress = (): string => `10.${randomInt(256)}.${randomInt(256)}.${randomInt(1, 255)}`;

/** The headers with which a trusted tier names the address of the person it speaks for. */
export const cameFrom = (door: Door, address = aClientAddress()): Record<string, string> => ({
    apikey: door.secretKey,
    'Sb-Forwarded-For': address
});

/** Somebody's browser, as far as the auth server is concerned. */
export function aVisitor(
    door: Door,
    options: { flow?: Flow; address?: string; fetch?: typeof fetch; storage?: Map<string, string> } = {}
): SupabaseClient {
    const kept = options.storage ?? new Map<string, string>();
    return createClient(door.apiUrl, door.secretKey, {
        auth: {
            autoRefreshToken: false,
            detectSessionInUrl: false,
            persistSession: true,
            flowType: options.flow ?? 'implicit',
            storage: {
                getItem: (key) => kept.get(key) ?? null,
                setItem: (key, value) => void kept.set(key, value),
                removeItem: (key) => void kept.delete(key)
            }
        },
        global: {
            headers: { 'Sb-Forwarded-For': options.address ?? aClientAddress() },
            ...(options.fetch ? { fetch: options.fetch } : {})
        }
    });
}

export type Member = {
    id: string;
    email: string;
    password: string;
    client: SupabaseClient;
    session: Session;
};

/** Somebody with a confirmed address and a password, signed in. */
export async function aMember(door: Door): Promise<Member> {
    const email = anAddress();
    const password = aPassword();
    const service = aVisitor(door);
    const { data, error } = await service.auth.admin.createUser({ email, password, email_confirm: true });
    if (error) throw error;
    const { client, session } = await signedIn(door, email, password);
    return { id: data.user.id, email, password, client, session };
}

/** One more session of somebody. */
export async function signedIn(
    door: Door,
    email: string,
    password: string
): Promise<{ client: SupabaseClient; session: Session }> {
    const client = aVisitor(door);
    const { data, error } = await client.auth.signInWithPassword({ email, password });
    if (error) throw error;
    return { client, session: data.session };
}

/** What a refusal says, in the two parts that are promised to stay. */
export const refusalOf = (
    error: { status?: number | undefined; code?: unknown } | null
): { status: number | undefined; code: unknown } | null =>
    error && { status: error.status, code: error.code };

/** Does the work on a stack whose clock is some seconds ahead, and puts the clock right again. */
export async function withClockAt<T>(
    door: Pick<StackInfo, 'controlUrl'>,
    seconds: number,
    work: () => Promise<T>
): Promise<T> {
    const post = (path: string, body: object) =>
        fetch(`${door.controlUrl}${path}`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify(body)
        });
    await post('/clock', { advance_seconds: seconds });
    try {
        return await work();
    } finally {
        await post('/clock/reset', {});
    }
}
