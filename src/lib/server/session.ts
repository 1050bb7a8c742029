/**
 * Who is asking. The session lives in the `__Host-tf` cookie in the format of @supabase/ssr (tokens only); the
 * access token is believed by its signature alone, never because it is in the cookie. It is refreshed here
 * rather than inside auth-js, which would retry for half a minute within one request and would take a full
 * limiter for a reason to sign somebody out.
 *
 * Two tabs or two servers may refresh with the same token at the same moment: the auth server gives the holder
 * of the active token's predecessor the active one, so both end with a working session. Within one process
 * they share one call.
 */
import {
    combineChunks,
    createChunks,
    createServerClient,
    stringFromBase64URL,
    stringToBase64URL
} from '@supabase/ssr';
import { AuthClient, type SupabaseClient } from '@supabase/supabase-js';
import type { Cookies } from '@sveltejs/kit';
import { z } from 'zod';
import { problemFromAuth, type Problem } from './errors.ts';
import { UserId } from './ids.ts';
import type { Settings } from './settings.ts';

const cookieName = '__Host-tf';

/** Attributes of every cookie that signs somebody in, or is about to. The prefix demands secure, path / and no domain. */
export const cookieAttributes = { path: '/', httpOnly: true, secure: true, sameSite: 'lax' } as const;

/** As long as the database lets a session lie idle; every refresh begins it anew. */
const sessionLifeSeconds = 14 * 24 * 60 * 60;
const verifierLifeSeconds = 10 * 60;
/** Longer than auth-js's own margin of 90 s, so that it never finds anything to refresh. */
const refreshBeforeEndMs = 100_000;

/** What the cookie holds: never the user, never a provider's token. */
export const Tokens = z.object({
    access_token: z.string(),
    refresh_token: z.string(),
    expires_at: z.number(),
    expires_in: z.number(),
    token_type: z.literal('bearer')
});

export type Tokens = z.infer<typeof Tokens>;

const Claims = z.object({
    sub: UserId,
    session_id: z.uuid(),
    email: z.string().default(''),
    role: z.literal('authenticated'),
    amr: z.array(z.object({ method: z.string(), timestamp: z.number() })).default([]),
    app_metadata: z.object({ provider: z.string().optional() }).default({}),
    user_metadata: z.object({ full_name: z.string().optional(), name: z.string().optional() }).default({})
});

/** Somebody who is signed in, as their token says. */
export type Person = {
    userId: UserId;
    sessionId: string;
    email: string;
    /** As the identity provider gave it; empty when it gave none. */
    name: string;
    /** Their business signs them in, so neither a code nor a password proves who they are. */
    isManaged: boolean;
    /** When this session proved who it is, by code, password or provider. Unix seconds. */
    provedAt: number;
    accessToken: string;
};

/** Outcome of looking at the cookie. `ended`: there was a session and the auth server refuses it. */
export type Standing =
    { state: 'nobody' } | { state: 'ended' } | { state: 'unreachable' } | { state: 'person'; person: Person };

/** Reads the tokens out of the cookie or its chunks; anything unreadable is no session. */
export async function readTokens(cookies: Cookies): Promise<Tokens | null> {
    const value = await combineChunks(cookieName, (name) => cookies.get(name));
    if (!value?.startsWith('base64-')) return null;
    try {
        return Tokens.parse(JSON.parse(stringFromBase64URL(value.slice('base64-'.length))));
    } catch {
        return null;
    }
}

const isSessionCookie = (name: string): boolean => name === cookieName || /^__Host-tf\.\d+$/.test(name);

/** Puts the tokens into the cookie and takes away chunks of a longer predecessor. */
export function keepSession(cookies: Cookies, session: Tokens): void {
    const tokens = Tokens.parse(session);
    const chunks = createChunks(cookieName, `base64-${stringToBase64URL(JSON.stringify(tokens))}`);
    for (const { name } of cookies.getAll()) {
        if (isSessionCookie(name) && !chunks.some((chunk) => chunk.name === name)) {
            cookies.delete(name, cookieAttributes);
        }
    }
    for (const { name, value } of chunks) {
        cookies.set(name, value, { ...cookieAttributes, maxAge: sessionLifeSeconds });
    }
}

/** Takes the session out of the browser. */
export function dropSession(cookies: Cookies): void {
    for (const { name } of cookies.getAll()) {
        if (isSessionCookie(name) || name.endsWith('-code-verifier')) cookies.delete(name, cookieAttributes);
    }
}

/** The auth client of one request, for signing in and out. Its cookies carry our attributes, whatever it asks for. */
export function authClient(
    settings: Settings,
    cookies: Cookies,
    fetch: typeof globalThis.fetch
): SupabaseClient['auth'] {
    const client = createServerClient(settings.SUPABASE_URL, settings.SUPABASE_PUBLISHABLE_KEY, {
        cookieOptions: { ...cookieAttributes, name: cookieName },
        cookies: {
            encode: 'tokens-only',
            getAll: () => cookies.getAll(),
            // The headers that come along only forbid caching, which hooks.server.ts does for every answer.
            setAll: (all) => {
                for (const { name, value } of all) {
                    if (value === '') cookies.delete(name, cookieAttributes);
                    else {
                        const maxAge = name.endsWith('-code-verifier')
                            ? verifierLifeSeconds
                            : sessionLifeSeconds;
                        cookies.set(name, value, { ...cookieAttributes, maxAge });
                    }
                }
            }
        },
        global: { fetch }
    });
    return client.auth;
}

type Refreshed = { tokens: Tokens } | { refused: Problem } | { unreachable: true };

const refreshing = new Map<string, Promise<Refreshed>>();

async function askForRefresh(
    settings: Settings,
    fetch: typeof globalThis.fetch,
    token: string
): Promise<Refreshed> {
    const request = {
        method: 'POST',
        headers: {
            apikey: settings.SUPABASE_PUBLISHABLE_KEY,
            'content-type': 'application/json;charset=UTF-8',
            'x-supabase-api-version': '2024-01-01'
        },
        body: JSON.stringify({ refresh_token: token })
    };
    for (let attempt = 1; attempt <= 2; attempt += 1) {
        try {
            const url = `${settings.SUPABASE_URL}/auth/v1/token?grant_type=refresh_token`;
            const response = await fetch(url, request);
            if (response.ok) return { tokens: Tokens.parse(await response.json()) };
            const body = (await response.json().catch(() => ({}))) as { code?: string };
            // 409: the row was locked by another refresh. 429 and 5xx say nothing about the session.
            if (response.status === 400 || response.status === 401 || response.status === 403) {
                return { refused: problemFromAuth({ code: body.code, status: response.status }) };
            }
        } catch {
            // The network, or an answer that is none: tried once more, then the caller decides.
        }
    }
    return { unreachable: true };
}

/** One call per refresh token and process, shared by whoever asks while it runs and shortly after. */
function refreshOnce(settings: Settings, fetch: typeof globalThis.fetch, token: string): Promise<Refreshed> {
    const running = refreshing.get(token);
    if (running) return running;
    const answer = askForRefresh(settings, fetch, token);
    refreshing.set(token, answer);
    void answer.then((result) => {
        const keepMs = 'tokens' in result ? 5_000 : 0;
        setTimeout(() => refreshing.delete(token), keepMs).unref();
    });
    return answer;
}

let verifier: InstanceType<typeof AuthClient> | undefined;

/** Checks a token against the project's published keys, which auth-js keeps for ten minutes. */
async function verify(settings: Settings, accessToken: string): Promise<Person | null> {
    verifier ??= new AuthClient({
        url: `${settings.SUPABASE_URL}/auth/v1`,
        headers: { apikey: settings.SUPABASE_PUBLISHABLE_KEY },
        persistSession: false,
        autoRefreshToken: false,
        detectSessionInUrl: false
    });
    const { data, error } = await verifier.getClaims(accessToken);
    if (error?.name === 'AuthRetryableFetchError') throw error;
    const claims = Claims.safeParse(data?.claims);
    if (!claims.success) return null;
    const { sub, session_id, email, amr, app_metadata, user_metadata } = claims.data;
    return {
        userId: sub,
        sessionId: session_id,
        email,
        name: user_metadata.full_name ?? user_metadata.name ?? '',
        isManaged: /^(?:custom|sso):/.test(app_metadata.provider ?? ''),
        provedAt: Math.max(0, ...amr.map((proof) => proof.timestamp)),
        accessToken
    };
}

/**
 * Finds out who is asking, refreshing the session when it is near its end. A refused one is taken out of the
 * browser; when the auth server cannot be reached, a token that is still good stays good.
 */
export async function standing(
    settings: Settings,
    cookies: Cookies,
    fetch: typeof globalThis.fetch
): Promise<Standing> {
    let tokens = await readTokens(cookies);
    if (!tokens) {
        if (cookies.getAll().some(({ name }) => isSessionCookie(name))) dropSession(cookies);
        return { state: 'nobody' };
    }
    const leftMs = tokens.expires_at * 1000 - Date.now();
    if (leftMs < refreshBeforeEndMs) {
        const answer = await refreshOnce(settings, fetch, tokens.refresh_token);
        if ('tokens' in answer) {
            tokens = answer.tokens;
            keepSession(cookies, tokens);
        } else if ('refused' in answer) {
            dropSession(cookies);
            return { state: 'ended' };
        } else if (leftMs <= 0) {
            return { state: 'unreachable' };
        }
    }
    try {
        const person = await verify(settings, tokens.access_token);
        if (person) return { state: 'person', person };
    } catch {
        return { state: 'unreachable' };
    }
    dropSession(cookies);
    return { state: 'ended' };
}
