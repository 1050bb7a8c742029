/** Reading a request: who sends it, what its body says, whose token it bears. */
import type { Context } from 'hono';
import { z } from 'zod';
import type { Auth, Caller, Env } from './contract.ts';
import { refusal } from './errors.ts';
import { withKnownNames } from './names.ts';
import { resolveRedirect } from './redirects.ts';
import { findSession, type SessionRow } from './sessions.ts';
import { findUser, type User } from './users.ts';

const MAX_BODY_BYTES = 1 << 20;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export const isUuid = (text: string): boolean => UUID.test(text);

/**
 * Who is calling. The gateway overwrites X-Forwarded-For and lets Sb-Forwarded-For pass only with the secret key,
 * so both can be believed here; the latter wins, as on the real server.
 */
export function callerOf(auth: Auth, request: Request): Caller {
    const header = (name: string) => request.headers.get(name)?.split(',')[0]?.trim() ?? '';
    const forwarded = header('sb-forwarded-for');
    return {
        address: (isAddress(forwarded) && forwarded) || header('x-forwarded-for') || null,
        userAgent: request.headers.get('user-agent'),
        redirectTo: resolveRedirect(auth.settings, request),
        path: new URL(request.url).pathname
    };
}

const isAddress = (text: string): boolean => z.union([z.ipv4(), z.ipv6()]).safeParse(text).success;

/** Text that clients also send as null or leave out. */
export const text = z
    .string()
    .nullish()
    .transform((value) => value ?? '');

/** A JSON object that clients also send as null or leave out. */
export const jsonObject = z
    .record(z.string(), z.json())
    .nullish()
    .transform((value) => value ?? {});

export type JsonObject = z.output<typeof jsonObject>;

/**
 * The body as JSON of the given shape.
 * @throws AuthError request_entity_too_large, bad_json
 */
export async function readBody<Schema extends z.ZodType>(
    c: Context<Env>,
    schema: Schema
): Promise<z.output<Schema>> {
    if (Number(c.req.header('content-length') ?? 0) > MAX_BODY_BYTES)
        throw refusal('request_entity_too_large');
    const raw = await c.req.text();
    if (Buffer.byteLength(raw) > MAX_BODY_BYTES) throw refusal('request_entity_too_large');
    let json: unknown;
    try {
        json = JSON.parse(raw);
    } catch (error) {
        throw refusal('bad_json', `Could not parse request body as JSON: ${(error as Error).message}`);
    }
    const parsed = schema.safeParse(withKnownNames(schema, json));
    if (parsed.success) return parsed.data;
    const first = parsed.error.issues[0];
    throw refusal(
        'bad_json',
        `Could not parse request body as JSON: ${first?.path.join('.')}: ${first?.message}`
    );
}

export type Bearer = { user: User; session: SessionRow | null };

/**
 * The signed-in person of a request, whose account and session still exist.
 * @throws AuthError no_authorization, bad_jwt, user_not_found, session_not_found, user_banned
 */
export async function requirePerson(auth: Auth, c: Context<Env>): Promise<Bearer> {
    const claims = await bearerClaims(auth, c);
    if (!claims.sub) throw refusal('bad_jwt', 'invalid claim: missing sub claim');
    if (!isUuid(claims.sub))
        throw refusal('bad_jwt', 'invalid claim: sub claim must be a UUID', { status: 400 });
    const user = await findUser(auth.sql, claims.sub);
    if (!user) throw refusal('user_not_found');
    let session: SessionRow | null = null;
    if (claims.session_id) {
        const id = String(claims.session_id);
        if (!isUuid(id)) throw refusal('bad_jwt', 'invalid claim: session_id claim must be a UUID');
        session = await findSession(auth.sql, id);
        if (!session) throw refusal('session_not_found');
    }
    if (isBanned(user, auth.clock.now())) throw refusal('user_banned');
    return { user, session };
}

/**
 * The same, but nobody who signed in without saying who they are.
 * @throws AuthError no_authorization, and what {@link requirePerson} throws
 */
export async function requireNamedPerson(auth: Auth, c: Context<Env>): Promise<Bearer> {
    const bearer = await requirePerson(auth, c);
    if (!bearer.user.is_anonymous) return bearer;
    throw refusal('no_authorization', 'Not for somebody who signed in anonymously', { status: 403 });
}

/**
 * Lets only the service's own token pass, and names its role for the audit log.
 * @throws AuthError no_authorization, bad_jwt, not_admin
 */
export async function requireService(auth: Auth, c: Context<Env>): Promise<string> {
    const { role } = await bearerClaims(auth, c);
    if (role === 'service_role' || role === 'supabase_admin') return role;
    throw refusal('not_admin');
}

async function bearerClaims(auth: Auth, c: Context<Env>) {
    const token = /^bearer\s+(\S+)$/i.exec(c.req.header('authorization') ?? '')?.[1];
    if (!token) throw refusal('no_authorization');
    try {
        return await auth.keys.verify(token);
    } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        throw refusal('bad_jwt', `invalid JWT: unable to parse or verify signature, ${why}`);
    }
}

export const isBanned = (user: User, now: Date): boolean =>
    user.banned_until !== null && user.banned_until > now;
