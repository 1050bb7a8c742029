// People and clients for the contract tests, on whatever project they judge: the embedded stack or a hosted one.
import { randomUUID } from 'node:crypto';
import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import bcrypt from 'bcryptjs';
import postgres from 'postgres';
import { stack } from '../support/stack.ts';

export const project = stack();

/** A connection as the project's owner role. One per test file, to be ended by it. */
export function asOwner(): postgres.Sql {
    return postgres(project.databaseUrl, { max: 2, onnotice: () => {} });
}

const withoutSession = {
    auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false }
};

/** A client with one of the two API keys and nobody signed in. */
export function clientWith(key: string, headers: Record<string, string> = {}): SupabaseClient {
    return createClient(project.apiUrl, key, { ...withoutSession, global: { headers } });
}

export type Person = { id: string; client: SupabaseClient };

/** Somebody new, signed in by password through the auth server. */
export async function aPerson(sql: postgres.Sql): Promise<Person> {
    const id = randomUUID();
    const email = `person-${id}@example.com`;
    const password = randomUUID();
    // The owner role may write these tables on hosted too; signing up would need a mailbox.
    await sql`
        insert into auth.users (
            instance_id, id, aud, role, email, encrypted_password, email_confirmed_at,
            raw_app_meta_data, raw_user_meta_data, created_at, updated_at,
            confirmation_token, recovery_token, email_change_token_new, email_change
        )
        values (
            '00000000-0000-0000-0000-000000000000', ${id}, 'authenticated', 'authenticated', ${email},
            ${bcrypt.hashSync(password, 4)}, now(),
            '{"provider": "email", "providers": ["email"]}', '{}', now(), now(), '', '', '', ''
        )
    `;
    await sql`
        insert into auth.identities (
            id, provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at
        )
        values (
            ${randomUUID()}, ${id}, ${id}, ${sql.json({ sub: id, email, email_verified: true })}, 'email',
            now(), now(), now()
        )
    `;
    const client = clientWith(project.publishableKey);
    const { error } = await client.auth.signInWithPassword({ email, password });
    if (error) throw new Error(`A new person could not sign in: ${error.message}`);
    return { id, client };
}

/** Moves the stack's clock, runs the work, and puts the clock back. */
export async function later<T>(seconds: number, work: () => Promise<T>): Promise<T> {
    if (!project.controlUrl) throw new Error('This project has no clock to move.');
    await fetch(`${project.controlUrl}/clock`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ advance_seconds: seconds })
    });
    try {
        return await work();
    } finally {
        await fetch(`${project.controlUrl}/clock/reset`, { method: 'POST' });
    }
}
