// People and clients for the contract tests, on whatever project they judge: the embedded stack or a hosted one.
import { randomUUID } from 'node:crypto';
import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import postgres from 'postgres';
import { stack, type StackInfo } from '../support/stack.ts';

export const project = stack();

/** A connection as the project's owner role. One per test file, to be ended by it. */
export function asOwner(): postgres.Sql {
    return postgres(project.databaseUrl, { max: 2, onnotice: () => {} });
}

const withoutSession = {
    auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false }
};

/** A client with one of the two API keys and nobody signed in. */
export function clientWith(key: string, headers: Record<string, string> = {}, of = project): SupabaseClient {
    return createClient(of.apiUrl, key, { ...withoutSession, global: { headers } });
}

export type Person = { id: string; client: SupabaseClient; forget(): Promise<void> };

/** Somebody new, made with the secret key and signed in by password. */
export async function aPerson(): Promise<Person> {
    const { admin } = clientWith(project.secretKey).auth;
    const email = `person-${randomUUID()}@example.com`;
    const password = `${randomUUID()} Aa1!`;
    const made = await admin.createUser({ email, password, email_confirm: true });
    if (made.error) throw new Error(`A person could not be made: ${made.error.message}`);
    const { id } = made.data.user;
    const client = clientWith(project.publishableKey);
    const { error } = await client.auth.signInWithPassword({ email, password });
    if (error) throw new Error(`A new person could not sign in: ${error.message}`);
    return {
        id,
        client,
        forget: async () => {
            await admin.deleteUser(id);
        }
    };
}

/** Moves a stack's clock for the length of some work. Only for a stack of one's own: sessions of others would end. */
export async function later<T>(
    { controlUrl }: StackInfo,
    seconds: number,
    work: () => Promise<T>
): Promise<T> {
    const post = (path: string, body?: object) =>
        fetch(`${controlUrl}${path}`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            ...(body ? { body: JSON.stringify(body) } : {})
        });
    await post('/clock', { advance_seconds: seconds });
    try {
        return await work();
    } finally {
        await post('/clock/reset');
    }
}
