/**
 * Who calls: the signed context of the web tier, and the person whose token came along. A token is only read
 * here, not verified: it is the database and the storage server, called with that very token, that decide.
 */
import { CONTEXT_HEADER, signContext, verifyContext, type RequestContext } from './context.ts';
import { Problem } from './problem.ts';
import type { Call } from './serve.ts';
import { readSettings } from './settings.ts';

const { TF_CONTEXT_KEY } = readSettings('TF_CONTEXT_KEY');

export type Person = {
    readonly jwt: string;
    readonly userId: string;
    readonly sessionId: string;
    /** Their business signs them in, by a provider of its own. */
    readonly isManaged: boolean;
};

/**
 * The verified context, or null when none was sent. One that was sent and is not good is refused, and so is
 * one that was made for another session than the token that comes with it.
 */
export async function contextOf({ request }: Call): Promise<RequestContext | null> {
    const header = request.headers.get(CONTEXT_HEADER);
    if (header === null) {
        return null;
    }
    const context = await verifyContext(header, TF_CONTEXT_KEY);
    const person = personOf(request);
    const isOfAnotherSession =
        context !== null && context.sid !== null && person !== null && context.sid !== person.sessionId;
    if (context === null || isOfAnotherSession) {
        throw new Problem('context_required', {
            detail: 'The request context is forged, too old or of another session.'
        });
    }
    return context;
}

/** The verified context; throws `context_required` when there is none. */
export async function requireContext(call: Call): Promise<RequestContext> {
    const context = await contextOf(call);
    if (context === null) {
        throw new Problem('context_required');
    }
    return context;
}

/** The person in the Authorization header; null for API keys and for tokens of the roles anon and service_role. */
export function personOf(request: Request): Person | null {
    const jwt = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(request.headers.get('authorization') ?? '')?.[1];
    const claims = jwt === undefined ? null : claimsOf(jwt);
    if (jwt === undefined || claims === null || claims.role !== 'authenticated') {
        return null;
    }
    const { sub, session_id: sessionId, app_metadata: about } = claims;
    const provider =
        typeof about === 'object' && about !== null && 'provider' in about ? about.provider : null;
    const isManaged = typeof provider === 'string' && /^(?:custom|sso):/.test(provider);
    return typeof sub === 'string' && typeof sessionId === 'string'
        ? { jwt, userId: sub, sessionId, isManaged }
        : null;
}

/** The person; throws `sign_in_required` when there is none. */
export function requirePerson(request: Request): Person {
    const person = personOf(request);
    if (person === null) {
        throw new Problem('sign_in_required');
    }
    return person;
}

/** What a call to the database says of where it comes from, signed anew by this tier (`via: edge`). */
export function signEdgeContext(
    origin: RequestContext | null,
    call: { readonly requestId: string; readonly sessionId: string | null; readonly actor?: string }
): Promise<string> {
    const context: RequestContext = {
        ip: origin?.ip ?? null,
        ua: origin?.ua ?? null,
        rid: call.requestId,
        sid: call.sessionId,
        iat: Math.floor(Date.now() / 1000),
        via: 'edge',
        act: call.actor
    };
    return signContext(context, TF_CONTEXT_KEY);
}

function claimsOf(jwt: string): Record<string, unknown> | null {
    try {
        const payload = jwt.split('.')[1] ?? '';
        const bytes = Uint8Array.from(atob(payload.replaceAll('-', '+').replaceAll('_', '/')), (character) =>
            character.charCodeAt(0)
        );
        const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
        return typeof claims === 'object' && claims !== null ? { ...claims } : null;
    } catch {
        return null;
    }
}
